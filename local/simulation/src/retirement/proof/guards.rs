//! What may be closed, written down once more: from the promise, not from the code.

use jiff::{SignedDuration, Timestamp};
use local_aws::organizations::AccountView;

/// An account is left alone for so long after it was moved to Retiring, as the template has it.
const SETTLES: SignedDuration = SignedDuration::from_hours(24);

/// What AWS itself checks in the very call, by the role's policy: whatever the function has read.
pub(super) fn denied_by_policy(account: &AccountView) -> Option<&'static str> {
    let has = |key: &str| account.tags.contains_key(key);
    [
        (!has("landlord:tenant"), "it is no tenant's account"),
        (!has("landlord:retire-after"), "it has no tag retire-after"),
        (has("landlord:hold"), "it is held"),
        (has("landlord:protected"), "it is protected"),
    ]
    .into_iter()
    .find_map(|(denied, because)| denied.then_some(because))
}

/// What else speaks against closing the account; nothing when it may be closed.
pub(super) fn objection(account: &AccountView, now: Timestamp) -> Option<String> {
    if let Some(because) = denied_by_policy(account) {
        return Some(because.to_owned());
    }
    if account.parent_name != "Suspended" {
        return Some(format!("it stands in {}", account.parent_name));
    }
    let tag = |key: &str| account.tags.get(key).map(String::as_str).unwrap_or_default();
    if tag("landlord:lifecycle") != "RETIRING" {
        return Some("its tenant has not left".to_owned());
    }
    let time = |key: &str| tag(key).parse::<Timestamp>().ok();
    match (time("landlord:retire-after"), time("landlord:retiring-at")) {
        (Some(after), _) if after > now => Some(format!("it cools off until {after}")),
        (Some(_), Some(at)) if now.duration_since(at) < SETTLES => {
            Some(format!("it came to Retiring at {at} only"))
        }
        (Some(_), Some(_)) => None,
        _ => Some("a time in its tags cannot be read".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(changed: &[(&str, &str)]) -> AccountView {
        let mut tags: std::collections::BTreeMap<String, String> = [
            ("landlord:tenant", "acme"),
            ("landlord:lifecycle", "RETIRING"),
            ("landlord:retire-after", "2026-01-01T00:00:00Z"),
            ("landlord:retiring-at", "2025-12-01T00:00:00Z"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        for (key, value) in changed {
            tags.insert((*key).to_owned(), (*value).to_owned());
        }
        AccountView {
            id: "111111111111".to_owned(),
            name: "tenant-acme".to_owned(),
            email: "acme@example.com".to_owned(),
            parent: "ou-root-suspended".to_owned(),
            parent_name: "Suspended".to_owned(),
            state: "ACTIVE",
            tags,
            joined: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn only_what_is_promised_may_be_closed() {
        let now: Timestamp = "2026-01-05T00:00:00Z".parse().unwrap();
        assert_eq!(objection(&account(&[]), now), None);
        for changed in [
            ("landlord:hold", "x"),
            ("landlord:protected", ""),
            ("landlord:lifecycle", "REINSTATED"),
            ("landlord:retire-after", "2026-01-05T00:00:01Z"),
            ("landlord:retire-after", "soon"),
            ("landlord:retiring-at", "2026-01-04T00:00:01Z"),
            ("landlord:retiring-at", ""),
        ] {
            assert!(objection(&account(&[changed]), now).is_some(), "{changed:?}");
        }
        let elsewhere = AccountView { parent_name: "Retiring".to_owned(), ..account(&[]) };
        assert!(objection(&elsewhere, now).is_some());
        for missing in ["landlord:tenant", "landlord:retire-after"] {
            let mut account = account(&[]);
            account.tags.remove(missing);
            assert!(denied_by_policy(&account).is_some(), "{missing}");
        }
    }
}
