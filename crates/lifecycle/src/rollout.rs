//! The names of a roll-out's operations: the log of a stack set's operations is the record of
//! how far its roll-out is.
//!
//! Every operation that Landlord starts for a roll-out says in its id which roll-out it is of,
//! and where in it. So whoever reads the log knows whether the template that the set has now is
//! proven, and nothing has to be kept in step with it.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::units::first_eight_bytes;

/// How the ids of all operations of roll-outs begin.
pub const OPERATION_PREFIX: &str = "roll-";

/// Whose operations they are: the first 16 hexadecimal digits of the SHA-256 of the name of the
/// roll-out's execution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RolloutHash(String);

impl RolloutHash {
    /// The hash of an execution's name.
    pub fn of(execution: &str) -> Self {
        let digest = Sha256::digest(execution.as_bytes());
        Self(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    /// The 16 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RolloutHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where in a roll-out an operation belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A wave, numbered from 1.
    Wave {
        /// Its number.
        number: u32,
        /// How many there are.
        of: u32,
        /// Whether new tenants need not wait until the change is proven.
        open: bool,
    },
    /// What was left over by the waves.
    Late,
    /// The way back, of a wave.
    Back {
        /// The wave's number.
        number: u32,
    },
    /// The old template is put back, and no account but one is asked.
    Leave,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wave { number, of, open } => {
                write!(f, "w{number:02}of{of:02}{}", if *open { "a" } else { "" })
            }
            Self::Late => f.write_str("late"),
            Self::Back { number } => write!(f, "back{number:02}"),
            Self::Leave => f.write_str("leave"),
        }
    }
}

impl Stage {
    fn read(text: &str) -> Option<Self> {
        match text {
            "late" => return Some(Self::Late),
            "leave" => return Some(Self::Leave),
            _ => {}
        }
        if let Some(number) = text.strip_prefix("back") {
            return Some(Self::Back { number: number.parse().ok()? });
        }
        let text = text.strip_prefix('w')?;
        let (text, open) = match text.strip_suffix('a') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (number, of) = text.split_once("of")?;
        Some(Self::Wave { number: number.parse().ok()?, of: of.parse().ok()?, open })
    }

    /// Whether a set whose newest operation of a roll-out is of this stage has a template that
    /// new tenants may get: it is in its last wave or beyond, or has its old template again, or
    /// the plan lets them in at any time.
    pub fn is_proven(self) -> bool {
        match self {
            Self::Wave { number, of, open } => open || number >= of,
            Self::Late | Self::Back { .. } | Self::Leave => true,
        }
    }
}

/// The id of an operation of a roll-out, within AWS's `[a-zA-Z0-9][-a-zA-Z0-9]*` and 128
/// characters: `roll-<hash>-w03of08-012-r0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationName {
    /// The roll-out.
    pub rollout: RolloutHash,
    /// Where in it.
    pub stage: Stage,
    /// The operation's number in its round, from 0.
    pub number: u32,
    /// 0, and one more each time that what failed is tried again.
    pub round: u32,
}

impl fmt::Display for OperationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rollout, stage, number, round } = self;
        write!(f, "{OPERATION_PREFIX}{rollout}-{stage}-{number:03}-r{round}")
    }
}

impl OperationName {
    /// The name in an operation's id; nothing when it is not one of a roll-out.
    pub fn read(id: &str) -> Option<Self> {
        let mut parts = id.strip_prefix(OPERATION_PREFIX)?.split('-');
        let hash = parts.next().filter(|hash| {
            hash.len() == 16 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        })?;
        let stage = Stage::read(parts.next()?)?;
        let number = parts.next()?.parse().ok()?;
        let round = parts.next()?.strip_prefix('r')?.parse().ok()?;
        let none = parts.next().is_none();
        none.then(|| Self { rollout: RolloutHash(hash.to_owned()), stage, number, round })
    }
}

/// The roll-out that has not proven its template yet, if there is one: told by the newest of the
/// roll-outs' operations in the set's log, newest first.
pub fn unproven<'a>(log: impl IntoIterator<Item = &'a str>) -> Option<OperationName> {
    let newest = log.into_iter().find_map(OperationName::read)?;
    (!newest.stage.is_proven()).then_some(newest)
}

/// Where a tenant stands in its unit when a wave takes a part of it: 0 to 9,999, by the hash of
/// its id, and of a salt that no tenant knows: without it, whoever signs up can choose an id that
/// always comes first. An empty salt is none. The hash is not the one that chose its unit, or a
/// part of a unit would be no fair sample of it.
pub fn point_of(tenant: &str, salt: &str) -> u32 {
    let text = match salt {
        "" => format!("wave/{tenant}"),
        salt => format!("wave/{}:{salt}/{tenant}", salt.len()),
    };
    let point = first_eight_bytes(text.as_bytes()) % 10_000;
    u32::try_from(point).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(stage: Stage) -> OperationName {
        OperationName { rollout: RolloutHash::of("set_1"), stage, number: 12, round: 3 }
    }

    fn wave(number: u32, of: u32, open: bool) -> Stage {
        Stage::Wave { number, of, open }
    }

    #[test]
    fn an_operation_says_whose_it_is_and_where_it_belongs() {
        let id = name(wave(3, 8, false)).to_string();
        let hash = RolloutHash::of("set_1");
        assert_eq!(id, format!("roll-{hash}-w03of08-012-r3"));
        assert_eq!(hash.as_str().len(), 16);
        for stage in [
            wave(3, 8, false),
            wave(1, 60, true),
            Stage::Late,
            Stage::Back { number: 2 },
            Stage::Leave,
        ] {
            let name = name(stage);
            let id = name.to_string();
            assert_eq!(OperationName::read(&id), Some(name));
            assert!(id.len() <= 128 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        }
    }

    #[test]
    fn what_others_started_is_no_roll_out() {
        for id in [
            "enrol-0123456789abcdef0123456789abcdef",
            "roll-0123456789abcdef-w01of02-000-r0-x",
            "roll-0123456789abcdeX-w01of02-000-r0",
            "roll-1-w01of02-000-r0",
            "roll-0123456789abcdef-forth-000-r0",
            "roll-back",
            "",
        ] {
            assert_eq!(OperationName::read(id), None, "{id}");
        }
    }

    #[test]
    fn the_newest_operation_of_a_roll_out_tells_whether_its_template_is_proven() {
        let id = |stage| name(stage).to_string();
        let held = id(wave(1, 3, false));
        assert_eq!(
            unproven(["enrol-1", held.as_str()]).map(|one| one.stage),
            Some(wave(1, 3, false))
        );
        for stage in [
            wave(3, 3, false),
            wave(1, 3, true),
            Stage::Late,
            Stage::Back { number: 1 },
            Stage::Leave,
        ] {
            assert_eq!(unproven([id(stage).as_str(), held.as_str()]), None, "{stage}");
        }
        assert_eq!(unproven([]), None);
        assert_eq!(unproven(["enrol-1"]), None);
    }

    #[test]
    fn a_tenth_of_the_tenants_is_a_tenth_in_every_unit() {
        let tenth = |weight: u64| {
            let here = (0..20_000_u32).map(|n| format!("tenant-{n}"));
            let here: Vec<_> =
                here.filter(|id| first_eight_bytes(id.as_bytes()) % 100 < weight).collect();
            let some = here.iter().filter(|id| point_of(id, "") < 1_000).count();
            (some, here.len())
        };
        for weight in [5, 75] {
            let (some, all) = tenth(weight);
            assert!((all / 14..all / 7).contains(&some), "{some} of {all}");
        }
        assert_eq!(point_of("acme", "s"), point_of("acme", "s"));
        assert_ne!(point_of("acme", "s"), point_of("acme", ""));
    }
}
