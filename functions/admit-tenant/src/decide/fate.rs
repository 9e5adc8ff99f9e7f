//! What becomes of a message, by where it is and what was found out about it: one table.
//!
//! ```text
//!                       signups.fifo    waiting.fifo
//!                       Front         Waiting       Held          Apart         Behind
//! answered              done          done          done          done          done
//! needs room            ▶ Waiting     waits         waits         waits         ▶ Waiting
//! the day is full       ▶ Waiting     waits         waits         waits         ▶ Waiting
//! its tier has a fault  ▶ Held        ▶ Held        waits         waits         ▶ Held
//! its tenant is in hand ▶ Behind      ▶ Behind      ▶ Behind      ▶ Behind      waits
//! AWS cannot answer now waits         waits         waits         waits         waits
//! an operator's fault   ▶ Waiting     waits         waits         waits         waits
//! perhaps its own       ▶ Apart       ▶ Apart       ▶ Apart       waits, then   ▶ Apart
//!                                                                 dead letters
//! its own               dead letters  dead letters  dead letters  dead letters  dead letters
//! ```
//!
//! So nothing waits at the front but for AWS to answer at all, and no message waits behind
//! another that waits for a reason of its own.

use lifecycle::{TenantId, TierName};

/// Receives after which a waiting message is sent again, to count from one: the queue takes a
/// message for a dead letter after 1,000.
pub const MOST_RECEIVES: u32 = 900;
/// Receives after which a message that may be at fault itself is set aside.
pub const MOST_TRIES: u32 = 20;
/// Receives after which a message that waits for its own tenant's onboarding is sent again: within
/// two hours, so that its age says nothing of the signups that wait for room.
pub const MOST_RECEIVES_BEHIND: u32 = 30;

const WAITING: &str = "waiting";
const HELD: &str = "held-";
const APART: &str = "apart-";
const BEHIND: &str = "behind-";

/// A message group of the waiting queue: messages wait for others of their group only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// All that wait for room, in the order of their signups.
    Waiting,
    /// Those of a tier with a fault.
    Held(TierName),
    /// One message alone, named by its id.
    Apart(String),
    /// Those of a tenant whose onboarding runs for an earlier signup.
    Behind(TenantId),
}

impl Group {
    /// The group's id.
    pub fn id(&self) -> String {
        match self {
            Self::Waiting => WAITING.to_owned(),
            Self::Held(tier) => format!("{HELD}{tier}"),
            Self::Apart(message) => format!("{APART}{message}"),
            Self::Behind(tenant) => format!("{BEHIND}{tenant}"),
        }
    }
}

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// In the queue to which the bus delivers.
    Front,
    /// In the waiting queue, for room.
    Waiting,
    /// There, in a group of its tier.
    Held,
    /// There, in a group of its own.
    Apart,
    /// There, in a group of its tenant.
    Behind,
}

impl Lane {
    /// Its name, in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Apart => "apart",
            Self::Behind => "behind",
        }
    }

    /// The lane of a message of the waiting queue, by its group.
    pub fn of_group(id: &str) -> Self {
        if id.starts_with(HELD) {
            Self::Held
        } else if id.starts_with(APART) {
            Self::Apart
        } else if id.starts_with(BEHIND) {
            Self::Behind
        } else {
            Self::Waiting
        }
    }
}

/// Why a message waits: the dimension `Reason` of the metric `SignupHeadWaiting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// As many tenants are admitted and without an account as may be.
    NoRoom,
    /// The tenant's onboarding runs for an earlier signup.
    InHand,
    /// As many accounts were begun within a day as may be.
    DayFull,
    /// A throttle, an outage, a race.
    TryAgain,
    /// The tiers cannot be read, or none of them.
    TiersInvalid,
    /// The signup's own tier has a fault.
    TierHeld,
    /// Landlord's role lacks a permission.
    AccessDenied,
    /// AWS refused a call for a reason that was not foreseen.
    AwsRefused,
    /// It is to be set aside, and the dead letters do not take it.
    NotSetAside,
}

/// What has to happen before a message goes on: the dimension `Class` of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Time: AWS makes accounts at its own rate.
    Room,
    /// Time: the tenant's own onboarding has to end. Nobody else waits for it.
    Tenant,
    /// Time: AWS is expected to answer soon.
    Aws,
    /// A person has to mend something.
    Fault,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::NoRoom,
        Self::InHand,
        Self::TryAgain,
        Self::TiersInvalid,
        Self::TierHeld,
        Self::AccessDenied,
        Self::AwsRefused,
        Self::NotSetAside,
    ];

    /// The value of the dimension.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRoom => "NoRoom",
            Self::InHand => "InHand",
            Self::DayFull => "DayFull",
            Self::TryAgain => "TryAgain",
            Self::TiersInvalid => "TiersInvalid",
            Self::TierHeld => "TierHeld",
            Self::AccessDenied => "AccessDenied",
            Self::AwsRefused => "AwsRefused",
            Self::NotSetAside => "NotSetAside",
        }
    }

    /// What has to happen.
    pub fn class(self) -> Class {
        match self {
            Self::NoRoom | Self::DayFull => Class::Room,
            Self::InHand => Class::Tenant,
            Self::TryAgain => Class::Aws,
            Self::TiersInvalid
            | Self::TierHeld
            | Self::AccessDenied
            | Self::AwsRefused
            | Self::NotSetAside => Class::Fault,
        }
    }
}

impl Class {
    /// The value of the dimension.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Room => "ROOM",
            Self::Tenant => "TENANT",
            Self::Aws => "AWS",
            Self::Fault => "FAULT",
        }
    }
}

/// Whose an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The message's: waiting changes nothing.
    Message,
    /// Not known: AWS refused a call that says what the message says.
    PerhapsMessage(Reason),
    /// Not the message's.
    World(Reason),
}

/// What was found out about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is answered.
    Answered,
    /// It waits for room, or is to.
    NeedsRoom,
    /// It waits for the day to have room.
    DayFull,
    /// Its tier has a fault.
    TierHeld(TierName),
    /// Its tenant's onboarding runs for an earlier signup.
    InHand(TenantId),
    /// An error.
    Failed(Blame),
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It leaves the queue.
    Done,
    /// It goes to the dead letters.
    SetAside,
    /// It goes to a group of the waiting queue.
    MoveTo(Group),
    /// It stays, for this reason.
    Wait(Reason),
}

/// What becomes of the message `id` that was received `receives` times.
pub fn fate(lane: Lane, id: &str, receives: u32, found: Finding) -> Fate {
    match (found, lane) {
        (Finding::Answered, _) => Fate::Done,
        (Finding::NeedsRoom | Finding::DayFull, Lane::Front | Lane::Behind) => {
            Fate::MoveTo(Group::Waiting)
        }
        (Finding::NeedsRoom, Lane::Waiting | Lane::Held | Lane::Apart) => {
            Fate::Wait(Reason::NoRoom)
        }
        (Finding::DayFull, Lane::Waiting | Lane::Held | Lane::Apart) => Fate::Wait(Reason::DayFull),
        (Finding::TierHeld(tier), Lane::Front | Lane::Waiting | Lane::Behind) => {
            Fate::MoveTo(Group::Held(tier))
        }
        (Finding::InHand(_), Lane::Behind) => Fate::Wait(Reason::InHand),
        (Finding::InHand(tenant), Lane::Front | Lane::Waiting | Lane::Held | Lane::Apart) => {
            Fate::MoveTo(Group::Behind(tenant))
        }
        (Finding::TierHeld(_), Lane::Held | Lane::Apart) => Fate::Wait(Reason::TierHeld),
        (Finding::Failed(Blame::Message), _) => Fate::SetAside,
        (Finding::Failed(Blame::PerhapsMessage(reason)), Lane::Apart) => {
            if receives > MOST_TRIES {
                Fate::SetAside
            } else {
                Fate::Wait(reason)
            }
        }
        (
            Finding::Failed(Blame::PerhapsMessage(_)),
            Lane::Front | Lane::Waiting | Lane::Held | Lane::Behind,
        ) => Fate::MoveTo(Group::Apart(id.to_owned())),
        (Finding::Failed(Blame::World(reason)), lane) => match (reason.class(), lane) {
            (Class::Fault, Lane::Front) => Fate::MoveTo(Group::Waiting),
            (Class::Fault | Class::Aws | Class::Room | Class::Tenant, _) => Fate::Wait(reason),
        },
    }
}

/// How long a message waits that was received this many times, in seconds: 2 s to a minute at
/// the front, where everything waits behind it; else 10 s to 5 minutes, or to 2 minutes when a
/// person has to act, so that each 5 minutes of the metric have a value.
pub fn wait_seconds(lane: Lane, reason: Reason, receives: u32) -> u32 {
    let (shortest, longest) = match (lane, reason.class()) {
        (Lane::Front, _) => (2, 60),
        (_, Class::Fault) => (10, 120),
        (_, Class::Room | Class::Tenant | Class::Aws) => (10, 300),
    };
    receives.saturating_mul(shortest).clamp(shortest, longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANES: [Lane; 5] = [Lane::Front, Lane::Waiting, Lane::Held, Lane::Apart, Lane::Behind];

    fn fates(found: &Finding) -> [Fate; 5] {
        LANES.map(|lane| fate(lane, "m-1", 1, found.clone()))
    }

    #[test]
    fn the_table_of_fates() {
        use Reason::{AccessDenied, AwsRefused, DayFull, InHand, NoRoom, TierHeld, TryAgain};
        let tier = || "gold".parse::<TierName>().unwrap();
        let (waiting, held) = (Group::Waiting, Group::Held(tier()));
        let tenant = || "acme".parse::<TenantId>().unwrap();
        let behind = || Fate::MoveTo(Group::Behind(tenant()));
        let apart = || Fate::MoveTo(Group::Apart("m-1".to_owned()));
        for (found, expected) in [
            (Finding::Answered, [(); 5].map(|()| Fate::Done)),
            (
                Finding::NeedsRoom,
                [
                    Fate::MoveTo(waiting.clone()),
                    Fate::Wait(NoRoom),
                    Fate::Wait(NoRoom),
                    Fate::Wait(NoRoom),
                    Fate::MoveTo(waiting.clone()),
                ],
            ),
            (
                Finding::DayFull,
                [
                    Fate::MoveTo(waiting.clone()),
                    Fate::Wait(DayFull),
                    Fate::Wait(DayFull),
                    Fate::Wait(DayFull),
                    Fate::MoveTo(waiting.clone()),
                ],
            ),
            (
                Finding::TierHeld(tier()),
                [
                    Fate::MoveTo(held.clone()),
                    Fate::MoveTo(held.clone()),
                    Fate::Wait(TierHeld),
                    Fate::Wait(TierHeld),
                    Fate::MoveTo(held),
                ],
            ),
            (
                Finding::InHand(tenant()),
                [behind(), behind(), behind(), behind(), Fate::Wait(InHand)],
            ),
            (Finding::Failed(Blame::World(TryAgain)), [(); 5].map(|()| Fate::Wait(TryAgain))),
            (
                Finding::Failed(Blame::World(AccessDenied)),
                [
                    Fate::MoveTo(waiting),
                    Fate::Wait(AccessDenied),
                    Fate::Wait(AccessDenied),
                    Fate::Wait(AccessDenied),
                    Fate::Wait(AccessDenied),
                ],
            ),
            (
                Finding::Failed(Blame::PerhapsMessage(AwsRefused)),
                [apart(), apart(), apart(), Fate::Wait(AwsRefused), apart()],
            ),
            (Finding::Failed(Blame::Message), [(); 5].map(|()| Fate::SetAside)),
        ] {
            assert_eq!(fates(&found), expected, "{found:?}");
        }
    }

    #[test]
    fn a_message_that_may_be_at_fault_is_tried_so_often_and_then_set_aside() {
        let found = || Finding::Failed(Blame::PerhapsMessage(Reason::AwsRefused));
        let last = fate(Lane::Apart, "m", MOST_TRIES, found());
        assert_eq!(last, Fate::Wait(Reason::AwsRefused));
        assert_eq!(fate(Lane::Apart, "m", MOST_TRIES + 1, found()), Fate::SetAside);
    }

    #[test]
    fn a_group_names_its_lane() {
        let tier = "gold".parse().unwrap();
        for (group, lane) in [
            (Group::Waiting, Lane::Waiting),
            (Group::Held(tier), Lane::Held),
            (Group::Apart("m-1".to_owned()), Lane::Apart),
            (Group::Behind("acme".parse().unwrap()), Lane::Behind),
        ] {
            assert_eq!(Lane::of_group(&group.id()), lane);
        }
        assert_eq!(Lane::of_group("signups"), Lane::Waiting, "sent by hand");
    }

    #[test]
    fn waits_grow_to_a_minute_at_the_front_and_to_five_behind_it() {
        for (lane, reason, receives, seconds) in [
            (Lane::Front, Reason::TryAgain, 0, 2),
            (Lane::Front, Reason::TryAgain, 1, 2),
            (Lane::Front, Reason::TryAgain, u32::MAX, 60),
            (Lane::Waiting, Reason::NoRoom, 1, 10),
            (Lane::Waiting, Reason::NoRoom, 29, 290),
            (Lane::Waiting, Reason::NoRoom, u32::MAX, 300),
            (Lane::Held, Reason::TierHeld, 500, 120),
            (Lane::Waiting, Reason::AccessDenied, 500, 120),
        ] {
            assert_eq!(wait_seconds(lane, reason, receives), seconds, "{lane:?} {receives}");
        }
    }
}
