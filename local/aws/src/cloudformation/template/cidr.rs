//! `Fn::Cidr`: the blocks of a size that lie at the beginning of a larger one.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-cidr.html>

use std::net::{Ipv4Addr, Ipv6Addr};

/// The first `count` blocks in `block`, each with `bits` bits for hosts.
///
/// # Errors
/// A block that is none, a count outside 1 to 256, or more than the block holds.
pub(super) fn blocks(block: &str, count: u32, bits: u8) -> Result<Vec<String>, String> {
    let wrong = || format!("Fn::Cidr: \"{block}\" is no block of addresses like 10.0.0.0/16");
    let (address, prefix) = block.split_once('/').ok_or_else(wrong)?;
    let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
    if !(1..=256).contains(&count) {
        return Err(format!("Fn::Cidr: the count {count} is not from 1 to 256"));
    }
    let six = address.contains(':');
    let width: u8 = if six { 128 } else { 32 };
    let first: u128 = if six {
        address.parse::<Ipv6Addr>().map(u128::from).map_err(|_| wrong())?
    } else {
        address.parse::<Ipv4Addr>().map(|ip| u128::from(u32::from(ip))).map_err(|_| wrong())?
    };
    let smaller = width.checked_sub(bits).filter(|smaller| prefix <= width && *smaller >= prefix);
    let fits = smaller.is_some_and(|smaller| {
        let room = u32::from(smaller - prefix);
        room >= 32 || u64::from(count) <= 1_u64 << room
    });
    let (Some(smaller), true) = (smaller, fits) else {
        return Err(format!(
            "Fn::Cidr: {block} does not hold {count} blocks with {bits} bits each"
        ));
    };
    let step = 1_u128.checked_shl(u32::from(bits)).unwrap_or_default();
    Ok((0..u128::from(count))
        .map(|index| {
            let at = first.wrapping_add(index.wrapping_mul(step));
            if six {
                format!("{}/{smaller}", Ipv6Addr::from(at))
            } else {
                let at = u32::try_from(at).unwrap_or(u32::MAX);
                format!("{}/{smaller}", Ipv4Addr::from(at))
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_follow_each_other() {
        assert_eq!(
            blocks("192.168.0.0/24", 6, 5).unwrap()[..2],
            ["192.168.0.0/27", "192.168.0.32/27"]
        );
        assert_eq!(
            blocks("10.0.0.0/16", 3, 8).unwrap(),
            ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]
        );
        assert_eq!(blocks("2001:db8::/56", 2, 64).unwrap(), ["2001:db8::/64", "2001:db8:0:1::/64"]);
        for (block, count, bits) in [
            ("10.0.0.0", 1, 8),
            ("10.0.0.0/24", 9, 5),
            ("10.0.0.0/24", 0, 5),
            ("10.0.0.0/24", 1, 33),
        ] {
            assert!(blocks(block, count, bits).is_err(), "{block} {count} {bits}");
        }
    }
}
