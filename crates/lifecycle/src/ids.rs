//! The identifiers of tenants, accounts and the places where accounts stand.

use std::fmt;
use std::str::FromStr;

use crate::Fault;
use crate::text::{is_lower_alphanumeric, lower_kebab, require, text_type};

text_type! {
    /// A tenant's id, given by the signup system: `^[a-z0-9](-?[a-z0-9])*$`, at most 40
    /// characters. It is part of the account's name, its email and the execution's name, so an
    /// underscore can never occur in it.
    TenantId, field "tenantId", check tenant_id
}

fn tenant_id(text: &str) -> Result<(), String> {
    lower_kebab(text, TenantId::LONGEST)
}

impl TenantId {
    /// The longest tenant id, in characters: with the longest usual prefix it still fits into
    /// an account name (50) and, as a sub-address, into an email (64).
    pub const LONGEST: usize = 40;

    /// The tenant's id for an id as a signup system writes it, and that one where it is another:
    /// `org_01HZX` becomes `org-01hzx`, a UUID in capitals one in small letters. Capitals become
    /// small, each of `_.:/+=@` and blank a hyphen, several hyphens one, and none stays at the ends.
    ///
    /// Two originals may lead to one id (`cus_A`, `cus_a`). It belongs to the first: what it is
    /// made from is kept beside it, in the document and in a tag, so that the other is refused.
    ///
    /// # Errors
    /// When it has other characters, or nothing or too much is left.
    pub fn of_original(text: &str) -> Result<(Self, Option<String>), Fault> {
        if let Ok(id) = text.parse() {
            return Ok((id, None));
        }
        let known = |c: char| c.is_ascii_alphanumeric() || "-_.:/+=@ ".contains(c);
        let mapped = (text.len() <= LONGEST_ORIGINAL && text.chars().all(known)).then(|| {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric());
            let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
            words.join("-").to_ascii_lowercase()
        });
        mapped.and_then(|id| id.parse().ok()).map(|id| (id, Some(text.to_owned()))).ok_or_else(|| {
            let rule = format!(
                "must be an id of 1 to {LONGEST_ORIGINAL} letters, digits, blanks or -_.:/+=@, of \
                 which at most {} are left when it is in small letters and the rest is hyphens",
                Self::LONGEST
            );
            Fault::new(Self::FIELD, text, rule)
        })
    }
}

/// The longest id of a signup system, in characters: it has to fit into a tag.
const LONGEST_ORIGINAL: usize = 128;

text_type! {
    /// An AWS account's id: 12 digits.
    AccountId, field "accountId", check account_id
}

fn account_id(text: &str) -> Result<(), String> {
    require(
        text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()),
        "must be the 12 digits of an AWS account",
    )
}

text_type! {
    /// An organizational unit's id: `^ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}$`.
    OuId, field "organizationalUnitId", check ou_id
}

fn ou_id(text: &str) -> Result<(), String> {
    let holds = text.strip_prefix("ou-").and_then(|rest| rest.split_once('-')).is_some_and(
        |(root, unit)| is_lower_alphanumeric(root, 4, 32) && is_lower_alphanumeric(unit, 8, 32),
    );
    require(holds, "must be the id of an organizational unit, such as ou-ab12-34cd56ef")
}

text_type! {
    /// The id of an organization's root: `^r-[0-9a-z]{4,32}$`.
    RootId, field "rootId", check root_id
}

fn root_id(text: &str) -> Result<(), String> {
    let holds = text.strip_prefix("r-").is_some_and(|rest| is_lower_alphanumeric(rest, 4, 32));
    require(holds, "must be the id of an organization's root, such as r-ab12")
}

text_type! {
    /// The name of an organizational unit in the configuration: 1 to 128 characters, without
    /// the separators `=` and `,`.
    OuName, field "organizationalUnit", check ou_name
}

fn ou_name(text: &str) -> Result<(), String> {
    let holds = (1..=128).contains(&text.chars().count())
        && text.trim() == text
        && !text.chars().any(|c| matches!(c, '=' | ',') || c.is_control());
    require(holds, "must be the name of an organizational unit: 1 to 128 characters, no `=` or `,`")
}

/// Where an account stands: under the root, or in an organizational unit.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub enum ParentId {
    /// Directly under the root, where every new account starts.
    Root(RootId),
    /// In an organizational unit.
    Ou(OuId),
}

impl ParentId {
    /// The id as AWS spells it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Root(id) => id.as_str(),
            Self::Ou(id) => id.as_str(),
        }
    }
}

impl FromStr for ParentId {
    type Err = Fault;
    fn from_str(text: &str) -> Result<Self, Fault> {
        if let Ok(root) = text.parse() {
            return Ok(Self::Root(root));
        }
        text.parse().map(Self::Ou).map_err(|_: Fault| {
            Fault::new("parentId", text, "must be the id of a root or an organizational unit")
        })
    }
}

impl TryFrom<String> for ParentId {
    type Error = Fault;
    fn try_from(text: String) -> Result<Self, Fault> {
        text.parse()
    }
}

impl From<ParentId> for String {
    fn from(id: ParentId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for ParentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tenant_ids_are_lower_kebab_of_forty_at_most() {
        for good in ["a", "7", "acme", "acme-2", "a-b-c", &"x".repeat(40)] {
            assert!(good.parse::<TenantId>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "A", "a_2", "a b", "ä", &"x".repeat(41)] {
            let fault = bad.parse::<TenantId>().unwrap_err();
            assert_eq!(fault.field, "tenantId");
            assert!(fault.rule.contains("1 to 40"), "{fault}");
        }
    }

    #[test]
    fn ids_of_other_systems_are_mapped_and_the_original_is_kept() {
        for (original, id) in [
            ("org_01HZX3V9P7", "org-01hzx3v9p7"),
            ("cus_NffrFeUfNV2Hib", "cus-nffrfeufnv2hib"),
            ("3F2504E0-4F89-41D3-9A0C-0305E82C3301", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"),
            ("urn:tenant/7", "urn-tenant-7"),
            ("_a__b-", "a-b"),
        ] {
            let (mapped, kept) = TenantId::of_original(original).unwrap();
            assert_eq!((mapped.as_str(), kept.as_deref()), (id, Some(original)));
        }
        assert_eq!(TenantId::of_original("acme-2").unwrap(), ("acme-2".parse().unwrap(), None));
        for bad in ["", "___", "Acme!", "ä", "a|b", &"X".repeat(41), &"_".repeat(129)] {
            let fault = TenantId::of_original(bad).unwrap_err();
            assert_eq!(fault.field, "tenantId");
            assert!(fault.rule.contains("at most 40 are left"), "{fault}");
        }
    }

    #[test]
    fn account_ids_are_twelve_digits() {
        assert!("000000000001".parse::<AccountId>().is_ok());
        for bad in ["", "12345678901", "1234567890123", "12345678901a", "١23456789012"] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_parent_is_a_root_or_an_organizational_unit() {
        assert!(matches!("r-root".parse(), Ok(ParentId::Root(_))));
        assert!(matches!("ou-root-12345678".parse(), Ok(ParentId::Ou(_))));
        for bad in ["r-1", "ou-root", "ou-root-1234567", "ou-Root-12345678", "o-12345678"] {
            let fault = bad.parse::<ParentId>().unwrap_err();
            assert!(fault.to_string().contains(bad), "{fault}");
        }
    }

    proptest! {
        #[test]
        fn the_tenant_id_parser_agrees_with_its_published_pattern(text in "[a-c0-1A_ -]{0,12}") {
            let mut expected = !text.is_empty();
            let mut after_hyphen = true;
            for c in text.chars() {
                match c {
                    'a'..='z' | '0'..='9' => after_hyphen = false,
                    '-' if !after_hyphen => after_hyphen = true,
                    _ => expected = false,
                }
            }
            expected &= !after_hyphen;
            prop_assert_eq!(text.parse::<TenantId>().is_ok(), expected);
        }

        #[test]
        fn ids_survive_json(text in "[a-z0-9](-?[a-z0-9]){0,19}") {
            let id: TenantId = text.parse().unwrap();
            let json = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(serde_json::from_str::<TenantId>(&json).unwrap(), id);
        }
    }
}
