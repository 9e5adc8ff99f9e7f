//! Which of the accounts that carry the tenant's tag is its account; and what follows when there is
//! none.

use jiff::SignedDuration;
use lifecycle::retirement::AccountState;
use lifecycle::{AccountId, ParentId};
use serde_json::Value;
use tenant_records::{TenantRecord, Wish};

use crate::config::Config;

/// An account that carries the tenant's tag, on a fresh read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confirmed {
    pub(crate) account: AccountId,
    pub(crate) parent: ParentId,
    pub(crate) state: AccountState,
}

/// What the accounts come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Picked {
    One(Confirmed),
    None,
    Several(Vec<AccountId>),
}

/// The tenant's account: the one that is not closed; of closed ones only, the one with the
/// highest id, so that the answer is the same each time.
pub(crate) fn pick(mut confirmed: Vec<Confirmed>) -> Picked {
    confirmed.sort_by(|a, b| a.account.cmp(&b.account));
    let open: Vec<&Confirmed> = confirmed.iter().filter(|it| !it.state.is_gone()).collect();
    match open.as_slice() {
        [one] => Picked::One((*one).clone()),
        [] => confirmed.pop().map_or(Picked::None, Picked::One),
        several => Picked::Several(several.iter().map(|it| it.account.clone()).collect()),
    }
}

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

    fn account(id: &str, state: AccountState) -> Confirmed {
        Confirmed {
            account: id.parse().unwrap(),
            parent: "ou-root-general0".parse().unwrap(),
            state,
        }
    }

    #[test]
    fn the_account_that_is_not_closed_is_the_tenants() {
        use AccountState::{Active, Closed, PendingClosure, Suspended};
        let (a, b, c) = ("222222222222", "333333333333", "444444444444");
        assert_eq!(pick(vec![]), Picked::None);
        let table = [
            (vec![account(a, Active)], a),
            (vec![account(b, Closed), account(a, Active), account(c, PendingClosure)], a),
            (vec![account(c, Suspended), account(a, Closed)], c),
            (vec![account(b, Closed), account(c, Closed), account(a, PendingClosure)], c),
        ];
        for (accounts, expected) in table {
            let Picked::One(one) = pick(accounts.clone()) else { panic!("{accounts:?}") };
            assert_eq!(one.account.as_str(), expected);
        }
        let both = vec![account(b, Active), account(a, Active), account(c, Closed)];
        let ids = vec![a.parse().unwrap(), b.parse().unwrap()];
        assert_eq!(pick(both), Picked::Several(ids));
    }
}
