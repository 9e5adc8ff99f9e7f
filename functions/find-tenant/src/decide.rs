//! What follows when the tenant has no account.

use jiff::SignedDuration;
use serde_json::Value;
use tenant_records::{TenantRecord, Wish};

use crate::config::Config;

/// What follows when no account is to be found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Nothing {
    /// One may be in the making, or in no index yet.
    Wait(String),
    /// The tenant is back before it ever had an account: its signup goes on.
    SignUp(Value),
    /// There is none.
    NoAccount,
}

/// What follows when no account is to be found. One in the making is waited for, however long: if
/// it were not, an account could come to life after its tenant has left.
pub(crate) fn nothing(
    record: &TenantRecord,
    wish: Wish,
    elapsed: SignedDuration,
    config: &Config,
) -> Nothing {
    if let Some(creating) = &record.creating {
        return Nothing::Wait(format!(
            "an account for it has been in the making since {}, by signup {}",
            creating.since, creating.event_id
        ));
    }
    match (wish, &record.left_signup) {
        (Wish::Back, Some(signup)) => Nothing::SignUp(signup.clone()),
        _ if elapsed < config.unknown_after => {
            Nothing::Wait(format!("no account carries the tag of tenant {} yet", record.tenant_id))
        }
        _ => Nothing::NoAccount,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_account_is_an_answer_when_none_is_in_the_making_and_the_index_has_had_its_time() {
        let config = Config {
            unknown_after: SignedDuration::from_secs(600),
            runs_bucket: "runs".to_owned(),
            topic_arn: "topic".to_owned(),
            offboardings_percent: 2,
            offboardings_floor: 20,
            decision_parameter: "/landlord/offboardings".to_owned(),
        };
        let creating = tenant_records::Creating {
            event_id: "s".into(),
            since: "2026-11-21T10:00:00Z".parse().unwrap(),
            signed_up_at: None,
        };
        let signup = serde_json::json!({"tenantId": "acme"});
        let (waits, none) = ("WAIT", "NONE");
        for (is_making, has_signup, wish, seconds, expected) in [
            (false, false, Wish::Left, 599, waits),
            (false, false, Wish::Left, 600, none),
            (false, false, Wish::Back, 600, none),
            (false, true, Wish::Left, 600, none),
            (false, true, Wish::Back, 0, "SIGN UP"),
            (true, false, Wish::Left, 80_000, waits),
            (true, true, Wish::Back, 80_000, waits),
        ] {
            let mut record = TenantRecord::new("acme".parse().unwrap());
            record.creating = is_making.then(|| creating.clone());
            record.left_signup = has_signup.then(|| signup.clone());
            let elapsed = SignedDuration::from_secs(seconds);
            let found = match nothing(&record, wish, elapsed, &config) {
                Nothing::Wait(_) => waits,
                Nothing::SignUp(_) => "SIGN UP",
                Nothing::NoAccount => none,
            };
            assert_eq!(found, expected, "{is_making} {has_signup} {wish:?} {seconds}");
        }
    }
}
