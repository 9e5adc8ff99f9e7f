//! IP addresses and the networks of the operator `cidr`.

use std::net::IpAddr;

/// The addresses that share the first bits with one.
#[derive(Debug, Clone)]
pub(super) struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Reads `10.0.0.0/8` or `2001:db8::/32`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let (address, bits) = match parts[..] {
            [address, bits] if !bits.is_empty() => (address, bits),
            _ => return Err("Malformed CIDR, one '/' required".to_owned()),
        };
        let bits: i32 =
            bits.parse().map_err(|_| "Malformed CIDR, mask bits must be an integer".to_owned())?;
        let bits = u32::try_from(bits)
            .map_err(|_| "Malformed CIDR, mask bits must not be negative".to_owned())?;
        let address = parse(address)?;
        match address {
            IpAddr::V4(_) if bits > 31 => Err("IPv4 mask bits must be < 32".to_owned()),
            IpAddr::V6(_) if bits > 127 => Err("IPv6 mask bits must be < 128".to_owned()),
            _ => Ok(Self { address, bits }),
        }
    }

    pub(super) fn holds(&self, address: IpAddr) -> bool {
        let differs = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => u128::from(
                (own.to_bits() ^ other.to_bits()).checked_shr(32 - self.bits).unwrap_or(0),
            ),
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(128 - self.bits).unwrap_or(0)
            }
            _ => return false,
        };
        differs == 0
    }
}

/// Reads an address, and says why a text is none.
pub(super) fn parse(text: &str) -> Result<IpAddr, String> {
    let is_v4 = text.split('.').count() == 4
        && text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    let is_v6 = text.contains(':') && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
    if !is_v4 && !is_v6 {
        return Err(format!("Nonstandard IP address: {text}"));
    }
    let address: IpAddr = text.parse().map_err(|_| format!("Invalid IP address: {text}"))?;
    Ok(address.to_canonical())
}
