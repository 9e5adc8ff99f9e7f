//! Random fleets: where accounts stand, what their tags say, what AWS says of them.

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use lifecycle::tags;
use local_aws::organizations::Settled;

use crate::retirement::retired_tags;
use crate::rollout::fleet::EXECUTION_ROLE;

/// Keys that the guards look at.
pub(super) const KEYS: [&str; 9] = [
    tags::TENANT,
    tags::LIFECYCLE,
    tags::LIFECYCLE_AT,
    tags::RETIRE_AFTER,
    tags::RETIRING_AT,
    tags::WITHDRAWN_AT,
    tags::CLOSING_REQUESTED_AT,
    tags::HOLD,
    tags::PROTECTED,
];

/// What a state of an account is before the sweep begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Active,
    /// AWS suspended it.
    Suspended,
    /// Somebody closed it by hand.
    Closed,
    /// It administers a service for the organization.
    Delegated,
    /// It was closed, and AWS Support reopened it: it stands where it stood, with all its tags.
    Reopened,
}

/// An account to be.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) settled: Settled,
    pub(super) before: Before,
    /// Whether it has an instance of the tenants' baseline.
    pub(super) has_stack: bool,
}

/// One chance in so many.
pub(super) fn one_in(dice: &mut Rng, many: u32) -> bool {
    dice.u32(..many) == 0
}

/// A moment about now: mostly past by as much as cooling off takes, sometimes near, sometimes far.
pub(super) fn moment(dice: &mut Rng, now: Timestamp) -> Timestamp {
    let seconds = match dice.u8(..8) {
        0..4 => -dice.i64(86_400..86_400 * 60),
        4 => -dice.i64(0..86_400),
        5 => dice.i64(-600..600),
        6 => dice.i64(0..86_400 * 60),
        _ => -dice.i64(86_400..86_400 * 4_000),
    };
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(now)
}

/// A value that a tag may have: what belongs there, or something else.
pub(super) fn value(dice: &mut Rng, key: &str, now: Timestamp) -> String {
    let text = |text: &str| text.to_owned();
    match (key, dice.u8(..8)) {
        (_, 0) => text(""),
        (_, 1) => text("soon"),
        (tags::TENANT, _) => format!("left-{}", dice.u32(..)),
        (tags::LIFECYCLE, 2..4) => text("REINSTATED"),
        (tags::LIFECYCLE, _) => text("RETIRING"),
        (tags::HOLD | tags::PROTECTED, _) => text("ask legal"),
        _ => moment(dice, now).to_string(),
    }
}

/// Some accounts of tenants, most of them due.
pub(super) fn plan(
    dice: &mut Rng,
    units: &BTreeMap<String, String>,
    now: Timestamp,
) -> Vec<Planned> {
    let mut planned = Vec::new();
    for _ in 0..dice.usize(1..=4) {
        let tenant = format!("t{:016x}", dice.u64(..));
        let place = match dice.u8(..20) {
            0..11 => "Retiring",
            11..17 => "Suspended",
            17 => "General",
            18 => "Onboarding",
            _ => "Canary",
        };
        let unit = |name: &str| units.get(name).cloned().unwrap_or_default();
        let before =
            |days: i64| now.checked_sub(SignedDuration::from_hours(24 * days)).unwrap_or(now);
        let mut tags = retired_tags(&tenant, &unit("General"), before(40), before(10));
        if one_in(dice, 2) {
            for _ in 0..dice.usize(1..=2) {
                let key = dice.choice(KEYS).unwrap_or(tags::HOLD);
                if dice.bool() {
                    tags.remove(key);
                } else {
                    tags.insert(key.to_owned(), value(dice, key, now));
                }
            }
        }
        let state = match dice.u8(..20) {
            0 => Before::Suspended,
            1 => Before::Closed,
            2 => Before::Delegated,
            3..6 => Before::Reopened,
            _ => Before::Active,
        };
        if state == Before::Reopened {
            for key in [tags::WITHDRAWN_AT, tags::CLOSING_REQUESTED_AT] {
                tags.insert(key.to_owned(), before(dice.i64(1..60)).to_string());
            }
        }
        planned.push(Planned {
            settled: Settled {
                name: format!("tenant-{tenant}"),
                email: format!("aws+{tenant}@accounts.example.com"),
                parent: unit(place),
                role: Some(EXECUTION_ROLE.to_owned()),
                tags: tags.into_iter().collect(),
            },
            before: state,
            has_stack: state == Before::Active && one_in(dice, 8),
        });
    }
    planned
}
