//! The names of a roll-out's operations: the log of a stack set's operations is the record of
//! how far its roll-out is.
//!
//! Every operation that Landlord starts for a roll-out says in its id which roll-out it is of,
//! and where in it. So whoever reads the log knows whether the template that the set has now is
//! proven, and nothing has to be kept in step with it.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::units::first_eight_bytes;

/// How the ids of all operations of roll-outs begin.
pub const OPERATION_PREFIX: &str = "roll-";

/// How long new tenants wait for a rollout's first wave unless its plan says otherwise, in seconds.
/// A bad template fails in the first accounts within minutes; a dwell time takes half an hour.
pub const NEW_TENANTS_WAIT: u32 = 300;

/// The longest time for which a plan may let new tenants wait, in seconds: six hours.
pub const LONGEST_NEW_TENANTS_WAIT: u32 = 21_600;

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
        /// How long new tenants wait at most until the change is proven, in seconds from the
        /// rollout's first operation; 0: they don't wait.
        wait: u32,
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
            Self::Wave { number, of, wait: 0 } => write!(f, "w{number:02}of{of:02}a"),
            Self::Wave { number, of, wait: NEW_TENANTS_WAIT } => write!(f, "w{number:02}of{of:02}"),
            Self::Wave { number, of, wait } => write!(f, "w{number:02}of{of:02}n{wait}"),
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
        let (text, wait) = match (text.strip_suffix('a'), text.split_once('n')) {
            (Some(rest), _) => (rest, 0),
            (None, Some((rest, wait))) => (rest, wait.parse().ok()?),
            (None, None) => (text, NEW_TENANTS_WAIT),
        };
        let (number, of) = text.split_once("of")?;
        Some(Self::Wave { number: number.parse().ok()?, of: of.parse().ok()?, wait })
    }

    /// Whether the set is free for another rollout once the newest operation of a rollout in its
    /// log is of this stage: it is in its last wave or beyond, or has its old template again.
    pub fn is_over(self) -> bool {
        match self {
            Self::Wave { number, of, .. } => number >= of,
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

/// An operation of a set's log, as far as rollouts and enrolments read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged<'a> {
    /// Its id.
    pub id: &'a str,
    /// When it was asked for; nothing when AWS does not say.
    pub created: Option<Timestamp>,
}

/// What keeps new tenants from a set's template for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The newest operation of the rollout whose template it is.
    pub newest: OperationName,
    /// When new tenants are let in, whatever becomes of the rollout.
    pub until: Timestamp,
}

/// What keeps new tenants from the template that the set has now, by its log, newest first.
///
/// A rollout's template is proven when its first wave has passed its dwell time: then the log has
/// an operation of a later wave, or of the late comers, or of the way back, which gives the
/// proven template. Until then new tenants wait, but no longer than the rollout's first
/// operation says, counted from its creation. So neither an approval that nobody gives, nor a
/// wave that its gates hold, nor an execution that was killed keeps anybody for longer: all that
/// counts is in the log. A log that was cut off tells of an operation that is younger than the
/// first; then the wait is longer, by at most the bound.
pub fn hold<'a>(log: impl IntoIterator<Item = Logged<'a>>, now: Timestamp) -> Option<Hold> {
    let mut names =
        log.into_iter().filter_map(|one| Some((OperationName::read(one.id)?, one.created)));
    let (newest, created) = names.next()?;
    let Stage::Wave { number, of, wait } = newest.stage else { return None };
    let mut first = (number, created);
    for (name, created) in names.filter(|(name, _)| name.rollout == newest.rollout) {
        if let Stage::Wave { number, .. } = name.stage {
            first = (number, created.or(first.1));
        }
    }
    let (first_wave, since) = first;
    if number > first_wave || number >= of {
        return None;
    }
    // Without a time nothing can be counted: then nobody waits.
    let until = since?.checked_add(SignedDuration::from_secs(i64::from(wait))).ok()?;
    (now < until).then_some(Hold { newest, until })
}

/// The rollout that has the set for itself, if there is one: told by the newest of the rollouts'
/// operations in the set's log, newest first. Until its last wave, or until it put the old
/// template back, no other rollout may begin; also when its execution was killed.
pub fn under_way<'a>(log: impl IntoIterator<Item = &'a str>) -> Option<OperationName> {
    let newest = log.into_iter().find_map(OperationName::read)?;
    (!newest.stage.is_over()).then_some(newest)
}

/// The newest operation of another rollout that has begun since this one did: the set is that one's
/// now. `log` is the set's, newest first, and goes back to the rollout's beginning.
pub fn taken_over<'a>(
    log: impl IntoIterator<Item = &'a str>,
    rollout: &RolloutHash,
) -> Option<OperationName> {
    let mut names = log.into_iter().filter_map(OperationName::read);
    let newest = names.next().filter(|name| name.rollout != *rollout)?;
    names.any(|name| name.rollout == *rollout).then_some(newest)
}

/// The operations of others that deployed the template of a rollout, newest first: those between
/// its first operation and the one that put the old template back. `log` is the set's, newest
/// first, and goes back to the rollout's first operation at least.
pub fn joined<'a>(log: &[&'a str], rollout: &RolloutHash) -> Vec<&'a str> {
    let stage = |id: &str| {
        OperationName::read(id).filter(|name| name.rollout == *rollout).map(|name| name.stage)
    };
    let forth = |id: &&str| matches!(stage(id), Some(Stage::Wave { .. } | Stage::Late));
    let Some(first) = log.iter().rposition(forth) else { return Vec::new() };
    // The oldest operation of the way back is the one that put the old template back.
    let back = |id: &&str| matches!(stage(id), Some(Stage::Back { .. } | Stage::Leave));
    let restored = log.iter().rposition(back).map_or(0, |place| place + 1);
    let between = log.get(restored..first).unwrap_or_default();
    between.iter().copied().filter(|id| OperationName::read(id).is_none()).collect()
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

    fn wave(number: u32, of: u32, wait: u32) -> Stage {
        Stage::Wave { number, of, wait }
    }

    #[test]
    fn an_operation_says_whose_it_is_and_where_it_belongs() {
        let id = name(wave(3, 8, 600)).to_string();
        let hash = RolloutHash::of("set_1");
        assert_eq!(id, format!("roll-{hash}-w03of08n600-012-r3"));
        assert_eq!(hash.as_str().len(), 16);
        for stage in
            [wave(3, 8, 300), wave(1, 60, 0), Stage::Late, Stage::Back { number: 2 }, Stage::Leave]
        {
            let name = name(stage);
            let id = name.to_string();
            assert_eq!(OperationName::read(&id), Some(name));
            assert!(id.len() <= 128 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        }
        let usual = name(wave(1, 2, NEW_TENANTS_WAIT)).to_string();
        assert_eq!(usual, format!("roll-{hash}-w01of02-012-r3"), "as in versions without a bound");
    }

    #[test]
    fn what_others_started_is_no_roll_out() {
        for id in [
            "enrol-0123456789abcdef0123456789abcdef",
            "roll-0123456789abcdef-w01of02-000-r0-x",
            "roll-0123456789abcdeX-w01of02-000-r0",
            "roll-0123456789abcdef-w01of02nsoon-000-r0",
            "roll-1-w01of02-000-r0",
            "roll-0123456789abcdef-forth-000-r0",
            "roll-back",
            "",
        ] {
            assert_eq!(OperationName::read(id), None, "{id}");
        }
    }

    #[test]
    fn a_roll_out_has_the_set_until_its_last_wave_or_its_way_back() {
        let id = |stage| name(stage).to_string();
        let held = id(wave(1, 3, 0));
        assert_eq!(under_way(["enrol-1", held.as_str()]).map(|one| one.stage), Some(wave(1, 3, 0)));
        for stage in [wave(3, 3, 300), Stage::Late, Stage::Back { number: 1 }, Stage::Leave] {
            assert_eq!(under_way([id(stage).as_str(), held.as_str()]), None, "{stage}");
        }
        assert_eq!(under_way([]), None);
        assert_eq!(under_way(["enrol-1"]), None);
    }

    #[test]
    fn a_set_is_taken_over_by_a_rollout_that_began_later_and_by_nothing_else() {
        let mine = RolloutHash::of("set_1");
        let of = |execution: &str, stage: &str| {
            format!("roll-{}-{stage}-000-r0", RolloutHash::of(execution))
        };
        let (w1, w2) = (of("set_1", "w01of03"), of("set_1", "w02of03"));
        let (before, after) = (of("set_0", "late"), of("set_2", "w01of03"));
        let ids = |log: &[&String]| {
            taken_over(log.iter().map(|id| id.as_str()), &mine).map(|name| name.to_string())
        };
        assert_eq!(ids(&[&after, &"enrol-1".to_owned(), &w2, &w1]), Some(after.clone()));
        assert_eq!(ids(&[&w2, &w1, &before]), None, "it went on");
        assert_eq!(ids(&[&before]), None, "it has not begun");
        assert_eq!(ids(&[]), None);
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// A log from the oldest to the newest: stages of this rollout, enrolments, others.
    fn holds(log: &[(&str, i64)], now: i64) -> Option<i64> {
        let logged = log.iter().rev().map(|(id, second)| Logged { id, created: Some(at(*second)) });
        hold(logged, at(now)).map(|hold| hold.until.as_second() - at(0).as_second())
    }

    #[test]
    fn new_tenants_wait_for_the_first_wave_and_never_beyond_the_bound() {
        let (mine, other) = (RolloutHash::of("set_1"), RolloutHash::of("set_0"));
        let of = |rollout: &RolloutHash, stage: &str| format!("roll-{rollout}-{stage}-000-r0");
        let id = |stage: &str| of(&mine, stage);
        let (w1, w1b) = (id("w01of03n600"), format!("roll-{mine}-w01of03n600-001-r0"));
        let (w2, w3) = (id("w02of03n600"), id("w03of03n600"));
        let (late, back, leave) = (id("late"), id("back02"), id("leave"));
        let (open, second) = (id("w01of03a"), id("w02of03n600"));
        let (only, before) = (id("w01of02n600"), of(&other, "w03of03n600"));
        let held = Some(600);
        /// What it is, the log (id, second), the second of the look, until when it holds.
        type Case<'a> = (&'a str, &'a [(&'a str, i64)], i64, Option<i64>);
        let cases: &[Case<'_>] = &[
            ("no log", &[], 9, None),
            ("enrolments only", &[("enrol-1", 0)], 9, None),
            ("the first wave", &[(&w1, 0)], 9, held),
            ("counted from its first operation", &[(&w1, 0), (&w1b, 500)], 599, held),
            ("an enrolment between", &[(&w1, 0), ("enrol-1", 5), (&w1b, 500)], 599, held),
            ("killed and left, or an approval", &[(&w1, 0), (&w1b, 500)], 600, None),
            ("a later wave", &[(&w1, 0), (&w2, 100)], 101, None),
            ("the last wave", &[(&w1, 0), (&w2, 100), (&w3, 200)], 201, None),
            ("late comers", &[(&w1, 0), (&late, 100)], 101, None),
            ("on its way back", &[(&w1, 0), (&back, 100)], 101, None),
            ("stopped and left", &[(&w1, 0), (&leave, 100)], 101, None),
            ("a plan that lets them in", &[(&open, 0)], 1, None),
            ("an empty first wave", &[(&second, 0)], 9, held),
            ("the only wave", &[(&only, 0)], 9, held),
            ("another one before", &[(&before, -9), (&w1, 0)], 9, held),
            ("another one after", &[(&w1, -900), (&before, 0)], 9, None),
        ];
        for (what, log, now, wanted) in cases {
            assert_eq!(holds(log, *now), *wanted, "{what}");
        }
        let untimed = [Logged { id: &w1, created: None }];
        assert_eq!(hold(untimed, at(0)), None, "without times nobody waits");
    }

    #[test]
    fn the_enrolments_between_the_first_operation_and_the_restoring_one_have_joined() {
        let mine = RolloutHash::of("set_1");
        let id = |stage: &str, number: u32| format!("roll-{mine}-{stage}-{number:03}-r0");
        let (w1, w2) = (id("w01of02n600", 0), id("w02of02n600", 0));
        let (back2, back1) = (id("back02", 0), id("back01", 0));
        let other = format!("roll-{}-w01of02n600-000-r0", RolloutHash::of("set_0"));
        let log = [
            "enrol-6", &back1, "enrol-5", &back2, "enrol-4", &w2, "by-hand", "enrol-2", &w1,
            "enrol-1", &other,
        ];
        assert_eq!(joined(&log, &mine), ["enrol-4", "by-hand", "enrol-2"]);
        assert_eq!(joined(&log[4..], &mine), ["enrol-4", "by-hand", "enrol-2"], "not back yet");
        assert_eq!(joined(&log[9..], &mine), [""; 0]);
        let leave = id("leave", 0);
        assert_eq!(joined(&["enrol-3", &leave, "enrol-2", &w1], &mine), ["enrol-2"]);
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
