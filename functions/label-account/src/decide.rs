//! What the label says, what the session may do, and what a refusal means.

use jiff::{SignedDuration, Timestamp};
use lifecycle::{AccountId, TenantId, TierName};
use serde_json::{Value, json};

/// The parameter in which an account finds its tenant.
pub const PARAMETER: &str = "/landlord/tenant";

/// How long an account may refuse before it is not its newness any more. Reports of new accounts
/// speak of minutes; the organization itself may take an hour to be ready.
const NEWNESS: SignedDuration = SignedDuration::from_hours(1);

/// The codes with which a new account refuses, and with which a Region refuses credentials that
/// have not reached it yet.
const NEW_ACCOUNT: [&str; 7] = [
    "AccessDenied",
    "AccessDeniedException",
    "OptInRequired",
    "SubscriptionRequiredException",
    "RegionDisabledException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
];

/// The parameter's value: small JSON, for whoever in the account wants to know.
pub(crate) fn label(tenant: &TenantId, tier: &TierName) -> String {
    json!({"tenantId": tenant, "tier": tier}).to_string()
}

/// Whether the parameter says what it should, however it is written.
pub(crate) fn says(present: &str, label: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    read(present).is_some() && read(present) == read(label)
}

/// A session that may read and write this one parameter, in any Region.
pub(crate) fn session_policy(partition: &str, account: &AccountId) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": ["ssm:GetParameter", "ssm:PutParameter"],
            "Resource": format!("arn:{partition}:ssm:*:{account}:parameter{PARAMETER}"),
        }],
    })
    .to_string()
}

/// Whether this is how a new account refuses.
pub(crate) fn is_newness(code: &str) -> bool {
    NEW_ACCOUNT.contains(&code)
}

/// Whether it has refused for longer than a new account does; a redrive starts the count again.
pub(crate) fn has_lasted(since: Timestamp, attempt: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since.max(attempt)) > NEWNESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_is_the_same_however_it_is_written() {
        let label = label(&"acme".parse().unwrap(), &"standard".parse().unwrap());
        assert_eq!(label, r#"{"tenantId":"acme","tier":"standard"}"#);
        assert!(says(r#"{ "tier": "standard", "tenantId": "acme" }"#, &label));
        for other in ["", "x", r#"{"tenantId":"acme","tier":"gold"}"#, r#"{"tenantId":"acme"}"#] {
            assert!(!says(other, &label), "{other}");
        }
    }

    #[test]
    fn the_session_reaches_one_parameter() {
        let policy = session_policy("aws", &"123456789012".parse().unwrap());
        let policy: Value = serde_json::from_str(&policy).unwrap();
        assert_eq!(
            policy["Statement"][0]["Resource"],
            "arn:aws:ssm:*:123456789012:parameter/landlord/tenant"
        );
    }

    #[test]
    fn an_account_is_not_new_for_ever() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (start, now) = (at("2026-11-21T10:00:00Z"), at("2026-11-21T12:00:00Z"));
        assert!(has_lasted(at("2026-11-21T10:30:00Z"), start, now));
        assert!(!has_lasted(at("2026-11-21T11:30:00Z"), start, now));
        let redriven = at("2026-11-21T11:50:00Z");
        assert!(!has_lasted(at("2026-11-21T10:30:00Z"), redriven, now));
    }
}
