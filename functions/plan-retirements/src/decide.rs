//! From what the guards say of an account to its verdict.

use jiff::Timestamp;
use lifecycle::retirement::sweep::Leaving;
use lifecycle::retirement::{Code, Finding, Place};
use lifecycle::{AccountId, TenantId};
use serde::{Deserialize, Serialize};

/// What the sweep does with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// It cools off.
    Wait,
    /// It is due and has a slot: its stacks are withdrawn, then it is moved and closed.
    Withdraw,
    /// It is due, has a slot, and stands in Suspended already.
    Close,
    /// It is due, and there is no slot for it.
    Defer,
    /// Somebody holds it.
    Hold,
    /// It must not be touched.
    Refuse,
    /// It is closed or closing.
    Closed,
}

impl Verdict {
    /// All of them, in the order of reports.
    pub(crate) const ALL: [Self; 7] = [
        Self::Wait,
        Self::Withdraw,
        Self::Close,
        Self::Defer,
        Self::Hold,
        Self::Refuse,
        Self::Closed,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "WAIT",
            Self::Withdraw => "WITHDRAW",
            Self::Close => "CLOSE",
            Self::Defer => "DEFER",
            Self::Hold => "HOLD",
            Self::Refuse => "REFUSE",
            Self::Closed => "CLOSED",
        }
    }
}

/// What is known of an account before slots are given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Assessed {
    pub(crate) account_id: AccountId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant_id: Option<TenantId>,
    pub(crate) place: Place,
    pub(crate) standing: Standing,
    /// From when it may be closed, for those that are due or wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<Code>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    /// Why its tenant left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) leaving: Option<Leaving>,
}

/// How an account stands before slots are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    Closed,
    Closing,
    Refuse,
    Hold,
    Wait,
    Due,
}

/// What the guards' finding comes to.
pub(crate) fn assess(
    account_id: AccountId,
    tenant_id: Option<TenantId>,
    place: Place,
    finding: Finding,
    leaving: Option<Leaving>,
) -> Assessed {
    let (standing, at, code, reason) = match finding {
        Finding::Closed => (Standing::Closed, None, None, "it is closed".to_owned()),
        Finding::Closing => (Standing::Closing, None, None, "AWS closes it".to_owned()),
        Finding::Refuse(code, reason) => (Standing::Refuse, None, Some(code), reason),
        Finding::Hold(reason) => (Standing::Hold, None, Some(Code::OnHold), reason),
        Finding::Wait(until) => {
            let reason = format!("it cools off until {until}");
            (Standing::Wait, Some(until), Some(Code::CoolingOff), reason)
        }
        Finding::Due(since) => (Standing::Due, Some(since), None, String::new()),
    };
    Assessed { account_id, tenant_id, place, standing, at, code, reason, leaving }
}

/// The order in which due accounts get slots: those that are emptied already, then those that are
/// due for longest; those that were stuck before come last, or they would stop the sweeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    pub(crate) class: TurnClass,
    pub(crate) since: i64,
    pub(crate) account: u64,
}

/// The classes of that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TurnClass {
    Emptied,
    Ordinary,
    StuckBefore,
}

impl Turn {
    pub(crate) fn of(assessed: &Assessed, was_stuck: bool) -> Self {
        let class = match assessed.place {
            _ if was_stuck => TurnClass::StuckBefore,
            Place::Suspended => TurnClass::Emptied,
            _ => TurnClass::Ordinary,
        };
        let since = assessed.at.map_or(i64::MAX, Timestamp::as_second);
        Self { class, since, account: number(&assessed.account_id) }
    }
}

/// An account's id as the number that it is.
pub(crate) fn number(account: &AccountId) -> u64 {
    account.as_str().bytes().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// Whether so much is due that it must be somebody's mistake.
pub(crate) fn is_a_mistake(due: u64, fleet: u64, percent: u64, floor: u64) -> bool {
    due > floor && due.saturating_mul(100) > fleet.saturating_mul(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(id: &str, place: Place, since: &str) -> Assessed {
        let finding = Finding::Due(since.parse().unwrap());
        assess(id.parse().unwrap(), None, place, finding, None)
    }

    #[test]
    fn slots_go_to_the_emptied_then_the_oldest_and_last_to_the_stuck() {
        let old = "2026-10-01T00:00:00Z";
        let new = "2026-11-01T00:00:00Z";
        let mut turns = [
            (Turn::of(&due("000000000001", Place::Retiring, old), true), "stuck"),
            (Turn::of(&due("000000000002", Place::Retiring, new), false), "new"),
            (Turn::of(&due("000000000003", Place::Retiring, old), false), "old"),
            (Turn::of(&due("000000000004", Place::Suspended, new), false), "emptied"),
        ];
        turns.sort();
        assert_eq!(turns.map(|(_, name)| name), ["emptied", "old", "new", "stuck"]);
    }

    #[test]
    fn a_large_share_of_the_fleet_is_a_mistake() {
        for (due, fleet, expected) in [
            (20, 40, false),
            (21, 40, true),
            (600, 6_000, false),
            (601, 6_000, true),
            (21, 0, true),
            (0, 0, false),
        ] {
            assert_eq!(is_a_mistake(due, fleet, 10, 20), expected, "{due} of {fleet}");
        }
    }

    #[test]
    fn every_finding_has_its_standing() {
        let at: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        for (finding, standing, time) in [
            (Finding::Closed, Standing::Closed, None),
            (Finding::Closing, Standing::Closing, None),
            (Finding::Refuse(Code::Protected, "x".into()), Standing::Refuse, None),
            (Finding::Hold("x".into()), Standing::Hold, None),
            (Finding::Wait(at), Standing::Wait, Some(at)),
            (Finding::Due(at), Standing::Due, Some(at)),
        ] {
            let id = "222222222222".parse().unwrap();
            let assessed = assess(id, None, Place::Retiring, finding, None);
            assert_eq!((assessed.standing, assessed.at), (standing, time));
        }
        assert_eq!(number(&"012345678901".parse().unwrap()), 12_345_678_901);
    }
}
