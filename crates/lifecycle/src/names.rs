//! The names of tiers, stack sets and quotas.

use unicode_general_category::{GeneralCategory, get_general_category};

use crate::text::{lower_kebab, require, text_type};

text_type! {
    /// The name of a tier in `tiers.json`: lower-case letters and digits in groups joined by
    /// single hyphens, at most 40.
    TierName, field "tier", check tier_name
}

fn tier_name(text: &str) -> Result<(), String> {
    lower_kebab(text, 40)
}

text_type! {
    /// The name of a stack set: `[a-zA-Z][-a-zA-Z0-9]*`, at most 128 characters.
    StackSetName, field "stackSet", check stack_set_name
}

fn stack_set_name(text: &str) -> Result<(), String> {
    let holds = text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    require(
        holds,
        "must be the name of a stack set: a letter, then letters, digits and hyphens, at most 128",
    )
}

text_type! {
    /// A service in Service Quotas, such as `lambda`: `[a-zA-Z][a-zA-Z0-9-]{1,63}`.
    ServiceCode, field "serviceCode", check service_code
}

fn service_code(text: &str) -> Result<(), String> {
    require(is_code(text, 63), "must be a service code of Service Quotas, such as lambda")
}

text_type! {
    /// A quota in Service Quotas, such as `L-B99A9384`: `[a-zA-Z][a-zA-Z0-9-]{1,128}`.
    QuotaCode, field "quotaCode", check quota_code
}

fn quota_code(text: &str) -> Result<(), String> {
    require(is_code(text, 128), "must be a quota code of Service Quotas, such as L-B99A9384")
}

fn is_code(text: &str, longest_rest: usize) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && (2..=longest_rest + 1).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

text_type! {
    /// The name that people gave their tenant: 1 to 256 characters, at least one of them to be seen, no
    /// control characters, and none that turns the direction of the text around it.
    DisplayName, field "tenantName", check display_name
}

fn display_name(text: &str) -> Result<(), String> {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_seen =
        |c: char| !c.is_whitespace() && get_general_category(c) != GeneralCategory::Format;
    let holds = (1..=256).contains(&text.chars().count())
        && text.chars().any(is_seen)
        && !text.chars().any(|c| c.is_control() || turns(c));
    require(
        holds,
        "must be a name of 1 to 256 characters, one of which at least is to be seen, without control \
         characters and without characters that turn the direction of text",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_alphabets() {
        assert!("standard".parse::<TierName>().is_ok());
        assert!("Standard".parse::<TierName>().is_err());
        assert!("landlord-tenant-baseline".parse::<StackSetName>().is_ok());
        assert!("1-baseline".parse::<StackSetName>().is_err());
        assert!(format!("a{}", "b".repeat(128)).parse::<StackSetName>().is_err());
        assert!("lambda".parse::<ServiceCode>().is_ok());
        assert!("l".parse::<ServiceCode>().is_err());
        assert!("L-B99A9384".parse::<QuotaCode>().is_ok());
        assert!("L B99A9384".parse::<QuotaCode>().is_err());
        assert!("Müller & Söhne".parse::<DisplayName>().is_ok());
        assert!("  ".parse::<DisplayName>().is_err());
        assert!("a\u{7}".parse::<DisplayName>().is_err());
        assert!("\u{200b}\u{200f} ".parse::<DisplayName>().is_err(), "nothing to be seen");
        assert!("Acme\u{202e}evil".parse::<DisplayName>().is_err());
        for fine in ["👩\u{200d}💻 Studio", "\u{200f}شركة", "株式会社", "🏢"] {
            assert!(fine.parse::<DisplayName>().is_ok(), "{fine}");
        }
    }
}
