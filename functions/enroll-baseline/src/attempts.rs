//! The failures of one stack set that an execution has seen: which of them pass by themselves, how
//! many a person has to mend, and when the next attempt is due.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lifecycle::waiting::Backoff;
use serde::{Deserialize, Serialize};
use stack_set_reasons::{Enrolment, Told, classify};

use crate::decide::{Instance, OPERATION_PREFIX, Standing};

/// After a failure that a person has to mend: a few attempts, not within seconds of each other.
const FEW: Backoff = Backoff::new(20, 300);
/// After a throttle, a veto or an operation that was stopped.
const SOON: Backoff = Backoff::new(15, 240);
/// While the account gets what it lacks: a service, its role, another stack.
const WAIT: Backoff = Backoff::new(30, 1_800);
/// How many times the attempts at what passes by itself are those at what does not.
const SOON_FACTOR: u32 = 4;
/// Operations that are remembered as counted: instances name only their newest.
const MOST_COUNTED: usize = 40;

/// The failures of one stack set that this execution has seen.
///
/// Operations and not calls are counted, so a repeated call counts nothing twice. What had failed
/// before the execution (or its redrive) began is forgiven: an onboarding that is started again
/// has usually lost the cause of its failure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempts {
    /// Operations that had failed for this account before the first look.
    pub before: Vec<String>,
    /// Operations that failed for it since and are counted, the newest last.
    pub counted: Vec<String>,
    /// Failures that a person has to mend.
    pub few: u32,
    /// Failures that pass soon.
    pub soon: u32,
    /// Failures for what the account is to get yet.
    pub wait: u32,
    /// When the newest failure was seen, and of which kind it is.
    pub newest: Option<Newest>,
}

/// The newest failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newest {
    /// When it was seen.
    pub at: Timestamp,
    /// What it asks for.
    pub kind: Kind,
}

/// What a failure asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// Patience, as long as there is time.
    Wait,
    /// Another attempt.
    Soon,
    /// A person.
    Few,
}

impl Kind {
    /// What an instance's failure asks for, by the one table of StackSets' reasons.
    fn of(instance: &Instance) -> Self {
        let reason = instance.reason.as_deref().unwrap_or_default();
        let told = Told { status: "FAILED", reason, ..Told::default() };
        match classify(told).map(|class| class.policy().enrolment) {
            Some(Enrolment::Wait) => Self::Wait,
            Some(Enrolment::Soon) => Self::Soon,
            Some(Enrolment::Few | Enrolment::Never | Enrolment::Done) | None => Self::Few,
        }
    }
}

impl Attempts {
    /// Adds the operations in which an instance failed and that were not counted yet, each once,
    /// as the gravest of its failures. A rollout that failed here is not an attempt to enrol, so
    /// only enrolments count.
    pub(crate) fn count(attempts: Option<Self>, present: &[&Instance], now: Timestamp) -> Self {
        let first_look = attempts.is_none();
        let mut attempts = attempts.unwrap_or_default();
        let mut failed: BTreeMap<&str, Kind> = BTreeMap::new();
        for instance in present.iter().filter(|it| it.standing == Standing::Failed) {
            let Some(id) = instance.last_operation_id.as_deref() else { continue };
            let kind = Kind::of(instance);
            let gravest = failed.entry(id).or_insert(kind);
            *gravest = kind.max(*gravest);
        }
        for (id, kind) in failed {
            let known = |ids: &[String]| ids.iter().any(|known| known == id);
            let is_known = known(&attempts.before) || known(&attempts.counted);
            if is_known || !id.starts_with(OPERATION_PREFIX) {
                continue;
            }
            if first_look {
                attempts.before.push(id.to_owned());
                continue;
            }
            attempts.counted.push(id.to_owned());
            if attempts.counted.len() > MOST_COUNTED {
                attempts.counted.remove(0);
            }
            match kind {
                Kind::Few => attempts.few += 1,
                Kind::Soon => attempts.soon += 1,
                Kind::Wait => attempts.wait += 1,
            }
            attempts.newest = Some(Newest { at: now, kind });
        }
        attempts
    }

    /// Forgives what was counted so far: its cause is gone.
    pub(crate) fn forgive(&mut self) {
        let counted = std::mem::take(&mut self.counted);
        let before = std::mem::take(&mut self.before);
        *self = Self { before: [before, counted].concat(), ..Self::default() };
    }

    /// Whether nothing more is tried: `limit` failures that a person has to mend, or four times as
    /// many that should have passed.
    pub(crate) fn are_exhausted(&self, limit: u32) -> bool {
        self.few >= limit || self.soon >= limit.saturating_mul(SOON_FACTOR)
    }

    /// When the next attempt is due; nothing when nothing failed in this execution.
    pub(crate) fn pause_until(&self) -> Option<Timestamp> {
        let newest = self.newest?;
        let pause = match newest.kind {
            Kind::Few => FEW.pause(self.few),
            Kind::Soon => SOON.pause(self.soon),
            Kind::Wait => WAIT.pause(self.wait),
        };
        newest.at.checked_add(pause).ok()
    }
}
