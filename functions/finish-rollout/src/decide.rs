//! What became of a roll-out, in one word, in numbers, and in words for operators.

use std::collections::BTreeSet;

use jiff::Timestamp;
use lifecycle::{AccountId, RegionName, StackSetName};
use rollout::manifest::StageResult;
use rollout::{Batch, Class, Counts, Reason, Row};
use serde::{Deserialize, Serialize};
use stack_set_reasons::Counting;

/// How many instances an event names.
const NAMED: usize = 20;

/// How the machine came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Course {
    /// All waves passed.
    Passed,
    /// It was stopped.
    Stopped,
}

/// What `stop-rollout` chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Choice {
    /// The way back.
    RollBack,
    /// The old template for new tenants only.
    Leave,
    /// There was nothing to do.
    NothingChanged,
}

/// How the way back ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Rollback {
    /// Everybody is back.
    Done,
    /// Somebody is not.
    Failed,
}

/// What became of the roll-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// Every account in every wave has the change.
    Succeeded,
    /// The change is proven, and some accounts do not have it.
    Incomplete,
    /// It was stopped; who had the change keeps it.
    Left,
    /// It was stopped, and everybody has the old template.
    RolledBack,
    /// It was stopped, and not everybody has the old template.
    RollbackFailed,
    /// It was stopped before it changed anything.
    NothingChanged,
}

/// Which template an instance has that is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Has {
    /// The one from before the roll-out.
    Old,
    /// The roll-out's.
    New,
    /// One of them: its last operation failed.
    Unknown,
}

/// One instance that is not where it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Astray {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: RegionName,
    /// How its last operation ended; nothing when it was never its turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// AWS's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Which template it has.
    pub template: Has,
}

/// The detail of the event `RolloutFinished`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutFinished {
    /// The stack set.
    pub stack_set: StackSetName,
    /// The name of the roll-out's execution.
    pub execution: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it stopped, if it did.
    pub reason: Option<Reason>,
    /// Instances by class, on the way forth.
    pub counts: Counts,
    /// Accounts.
    pub accounts: Accounts,
    /// The first instances that are not where they should be.
    pub not_current: Vec<Astray>,
    /// Where all of them are.
    pub not_current_key: String,
    /// When the roll-out began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// How long it took.
    pub seconds: i64,
    /// Operations, on the way forth and back.
    pub operations: usize,
}

/// Accounts of the roll-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accounts {
    /// In its waves.
    pub planned: usize,
    /// With an instance that is not where it should be.
    pub not_current: usize,
}

/// What became of it, in one word. Accounts that are suspended are nobody's failure.
pub fn outcome(
    course: Course,
    choice: Option<Choice>,
    rollback: Option<Rollback>,
    astray: &[Astray],
) -> Outcome {
    let excused = |class: Class| class.policy().counting == Counting::Excused;
    let left_over = astray.iter().any(|one| !one.class.is_some_and(excused));
    match (course, choice, rollback) {
        (Course::Passed, ..) if left_over => Outcome::Incomplete,
        (Course::Passed, ..) => Outcome::Succeeded,
        (Course::Stopped, Some(Choice::NothingChanged), _) => Outcome::NothingChanged,
        (Course::Stopped, Some(Choice::RollBack), Some(Rollback::Done)) => Outcome::RolledBack,
        (Course::Stopped, Some(Choice::RollBack), _) => Outcome::RollbackFailed,
        (Course::Stopped, Some(Choice::Leave) | None, _) => Outcome::Left,
    }
}

/// Instances by class on the way forth: what the late comers' stage settled is newer than what
/// the waves left over.
pub fn counts(waves: &[StageResult], late: Option<&StageResult>) -> Counts {
    let mut counts = Counts::default();
    for wave in waves {
        counts.add(&wave.standing.counts());
    }
    if let Some(late) = late {
        let newer = late.standing.counts();
        counts.succeeded += newer.succeeded;
        counts.gate_holes += newer.gate_holes;
        counts.suspended += newer.suspended;
        counts.failed += newer.failed;
        counts.unclassified += newer.unclassified;
        counts.vetoed = newer.vetoed;
        counts.transient = newer.transient;
        counts.cancelled = newer.cancelled;
    }
    counts
}

fn astray(row: &Row, template: Has) -> Astray {
    Astray {
        account: row.account.clone(),
        region: row.region.clone(),
        class: Some(row.class),
        reason: row.reason.clone(),
        template,
    }
}

/// Who does not have the change after all waves have passed.
pub fn without_the_change(waves: &[StageResult], late: Option<&StageResult>) -> Vec<Astray> {
    let of_waves = waves.iter().flat_map(|wave| &wave.standing.open);
    // What the late comers' stage tried again is in its own result.
    let of_waves = of_waves.filter(|row| late.is_none() || !row.class.policy().again.late);
    let of_late = late.into_iter().flat_map(|late| &late.standing.open);
    of_waves.chain(of_late).map(|row| astray(row, Has::Old)).collect()
}

/// Who had the new template when the roll-out stopped and does not have the old one now: those
/// whose way back failed, and those whose turn never came.
pub fn with_the_change(
    stood_new: &[Batch],
    back: &[(Vec<Batch>, Option<StageResult>)],
) -> Vec<Astray> {
    let mut all = Vec::new();
    let mut returned = BTreeSet::new();
    for (batches, result) in back {
        let Some(result) = result else { continue };
        let open: BTreeSet<_> =
            result.standing.open.iter().map(|row| (&row.account, &row.region)).collect();
        all.extend(result.standing.open.iter().map(|row| {
            let touched = row.class.policy().touched;
            astray(row, if touched { Has::Unknown } else { Has::New })
        }));
        // Whoever is not among the open ones came back, unless the stage broke off before.
        let settled = result.standing.succeeded + result.standing.open.len();
        let planned: usize = batches.iter().map(Batch::instances).sum();
        if settled >= planned {
            let places = batches.iter().flat_map(places);
            returned.extend(places.filter(|(account, region)| !open.contains(&(account, region))));
        }
    }
    let known: BTreeSet<(AccountId, RegionName)> =
        all.iter().map(|one: &Astray| (one.account.clone(), one.region.clone())).collect();
    let rest = stood_new.iter().flat_map(places);
    let rest = rest.filter(|place| !known.contains(place) && !returned.contains(place));
    all.extend(rest.map(|(account, region)| Astray {
        account,
        region,
        class: None,
        reason: None,
        template: Has::New,
    }));
    all
}

fn places(batch: &Batch) -> impl Iterator<Item = (AccountId, RegionName)> {
    batch.accounts.iter().flat_map(|account| {
        batch.regions.iter().map(move |region| (account.clone(), region.clone()))
    })
}

/// The first few, real failures first.
pub fn named(astray: &[Astray]) -> Vec<Astray> {
    let mut some = astray.to_vec();
    some.sort_by_key(|one| std::cmp::Reverse(one.class));
    some.truncate(NAMED);
    some
}

/// The subject of the message to operators: printable ASCII, 100 characters at most.
pub fn subject(finished: &RolloutFinished) -> String {
    let what = match finished.outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Incomplete => "is incomplete",
        Outcome::Left => "was stopped and left",
        Outcome::RolledBack => "was rolled back",
        Outcome::RollbackFailed => "could not be rolled back",
        Outcome::NothingChanged => "was stopped before it changed anything",
    };
    let set: String = finished.stack_set.as_str().chars().take(40).collect();
    format!("Landlord: roll-out of {set} {what}")
}

/// The message to operators.
pub fn message(finished: &RolloutFinished) -> String {
    let counts = &finished.counts;
    let reason = finished.reason.as_ref().map_or("none", |reason| reason.text.as_str());
    let mut text = format!(
        "Stack set: {}\nExecution: {}\nReason:    {reason}\nStarted:   {}\nFinished:  {}\n\n\
         Instances: {} deployed, {} failed, {} unclassified, {} vetoed, {} transient, {} \
         suspended, {} cancelled\nGates:     {} holes\nAccounts:  {} in waves, {} not as they \
         should be\nAll of them: {}\n",
        finished.stack_set,
        finished.execution,
        finished.started_at,
        finished.finished_at,
        counts.succeeded,
        counts.failed,
        counts.unclassified,
        counts.vetoed,
        counts.transient,
        counts.suspended,
        counts.cancelled,
        counts.gate_holes,
        finished.accounts.planned,
        finished.accounts.not_current,
        finished.not_current_key,
    );
    for one in &finished.not_current {
        let why = one.reason.as_deref().unwrap_or("its turn never came");
        text.push_str(&format!("\n{} {} has {:?}: {why}", one.account, one.region, one.template));
    }
    text.push_str("\n\nThe runbook says what to do when a roll-out stopped.\n");
    text
}

#[cfg(test)]
mod tests;
