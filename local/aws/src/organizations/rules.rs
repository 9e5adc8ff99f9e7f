//! AWS's rules for what is written into an organization.

use indexmap::IndexMap;

use super::{constraint, invalid};
use crate::{AwsError, Call};

/// The most tags that a resource has.
pub(super) const MOST_TAGS: usize = 50;

/// An email address: 6 to 64 characters of 7-bit ASCII with one `@`, and what AWS says about
/// each side of it.
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccount.html>
pub(super) fn email(email: &str) -> Result<(), AwsError> {
    let wrong = |rule: &str| {
        Err(invalid("INVALID_EMAIL_ADDRESS_TARGET", format!("Email: \"{email}\" {rule}")))
    };
    if !(6..=64).contains(&email.chars().count()) {
        return wrong("must have 6 to 64 characters");
    }
    if !email.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return wrong("must be printable 7-bit ASCII");
    }
    let Some((local, domain)) = email.split_once('@') else { return wrong("must have one @") };
    if domain.contains('@') {
        return wrong("must have one @");
    }
    if local.is_empty()
        || local.starts_with('.')
        || local.chars().any(|c| c.is_whitespace() || "\"'()<>[]:;,\\|%&".contains(c))
    {
        return wrong("has a local part that AWS does not take");
    }
    let outer = |c: char| c == '-' || c == '.';
    if !domain.contains('.')
        || domain.starts_with(outer)
        || domain.ends_with(outer)
        || !domain.chars().all(|c| c.is_ascii_alphanumeric() || outer(c))
    {
        return wrong("has a domain that AWS does not take");
    }
    Ok(())
}

/// A new account's name: 1 to 50 printable ASCII characters.
pub(super) fn account_name(name: &str) -> Result<(), AwsError> {
    if name.is_empty() || name.len() > 50 || !name.bytes().all(|b| (0x20..=0x7e).contains(&b)) {
        return Err(invalid(
            "INVALID_PATTERN",
            format!("AccountName: \"{name}\" must be 1 to 50 printable ASCII characters"),
        ));
    }
    Ok(())
}

/// A role's name: 1 to 64 of `[\w+=,.@-]`.
pub(super) fn role_name(name: &str) -> Result<(), AwsError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
        return Err(invalid(
            "INVALID_ROLE_NAME",
            format!("RoleName: \"{name}\" must be 1 to 64 of letters, digits and _+=,.@-"),
        ));
    }
    Ok(())
}

/// The tags of a request, each within AWS's alphabet and lengths, no key twice.
pub(super) fn tags(call: &Call) -> Result<IndexMap<String, String>, AwsError> {
    let mut tags = IndexMap::new();
    for tag in call.list("Tags") {
        let (Some(key), Some(value)) = (tag["Key"].as_str(), tag["Value"].as_str()) else {
            return Err(invalid("INPUT_REQUIRED", "Tags: each tag has a Key and a Value"));
        };
        tag_text("Key", key, 1, 128)?;
        tag_text("Value", value, 0, 256)?;
        if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
            return Err(invalid(
                "INVALID_SYSTEM_TAGS_PARAMETER",
                format!("Tags: \"{key}\" begins with aws:, which is AWS's own"),
            ));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(invalid("DUPLICATE_TAG_KEY", format!("Tags: \"{key}\" is given twice")));
        }
    }
    if tags.len() > MOST_TAGS {
        return Err(constraint(
            "MAX_TAG_LIMIT_EXCEEDED",
            format!("{} tags are more than {MOST_TAGS}", tags.len()),
        ));
    }
    Ok(tags)
}

fn tag_text(what: &str, text: &str, least: usize, most: usize) -> Result<(), AwsError> {
    let length = text.chars().count();
    if length < least || length > most {
        let reason = if length < least { "MIN_LENGTH_EXCEEDED" } else { "MAX_LENGTH_EXCEEDED" };
        return Err(invalid(
            reason,
            format!("Tags: {what} \"{text}\" must have {least} to {most} characters"),
        ));
    }
    // `^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$`
    let allowed = |c: char| {
        c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
    };
    if let Some(wrong) = text.chars().find(|c| !allowed(*c)) {
        return Err(invalid(
            "INVALID_PATTERN",
            format!("Tags: {what} \"{text}\" has the character {wrong:?}, which tags cannot have"),
        ));
    }
    Ok(())
}
