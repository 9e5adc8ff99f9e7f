//! What became of a roll-out, in one word, in numbers, and in words for operators.

use std::collections::BTreeSet;

use jiff::Timestamp;
use lifecycle::{AccountId, RegionName, StackSetName};
use rollout::manifest::{Overriding, StageResult, Verified};
use rollout::{Batch, Class, Counts, Reason, ReasonCode, Row};
use serde::{Deserialize, Serialize};
use stack_set_reasons::Counting;

use crate::offenders::LongVeto;
use crate::reading::Outdated;

/// How many instances an event names.
const NAMED: usize = 20;
/// So many instances may be excused in a fleet of any size.
const EXCUSED_FLOOR: usize = 3;

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
    /// No wave stopped it, and no account took the change.
    Unproven,
    /// It was a rehearsal: it went to its accounts and back, and left nothing behind.
    Rehearsed,
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
    /// Whether it failed the same way before the rollout.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub known: bool,
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
    /// Why it stopped, if it did; or why it is not called a success.
    pub reason: Option<Reason>,
    /// Instances by class, on the way forth.
    pub counts: Counts,
    /// Accounts.
    pub accounts: Accounts,
    /// Instances of tenants that were enrolled with its template while it had the set, by class;
    /// they are in none of the other counts.
    #[serde(default)]
    pub joined: Counts,
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
    /// Accounts that have vetoed for longer than the plan's bound.
    #[serde(default)]
    pub long_vetoes: Vec<LongVeto>,
    /// The first instances that override a parameter that changed: they keep a value of their own.
    #[serde(default)]
    pub overriding: Vec<Overriding>,
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

/// What became of it, in one word, and why it is not called a success although no wave stopped it.
/// Accounts that are suspended, and those that failed the same way before, are no failures of the
/// change; but they are no witnesses for it either.
pub fn outcome(
    (course, choice, rollback): (Course, Option<Choice>, Option<Rollback>),
    counts: &Counts,
    excused_percent: u32,
    astray: &[Astray],
) -> (Outcome, Option<Reason>) {
    match (course, choice, rollback) {
        (Course::Passed, ..) => passed(counts, excused_percent, astray),
        (Course::Stopped, Some(Choice::NothingChanged), _) => (Outcome::NothingChanged, None),
        (Course::Stopped, Some(Choice::RollBack), Some(Rollback::Done)) => {
            (Outcome::RolledBack, None)
        }
        (Course::Stopped, Some(Choice::RollBack), _) => (Outcome::RollbackFailed, None),
        (Course::Stopped, Some(Choice::Leave) | None, _) => (Outcome::Left, None),
    }
}

fn passed(counts: &Counts, excused_percent: u32, astray: &[Astray]) -> (Outcome, Option<Reason>) {
    let because = |code, text: String| Some(Reason { code, text });
    let all = counts.all();
    if counts.succeeded == 0 {
        let text = format!("none of {all} instances took the change");
        return (Outcome::Unproven, because(ReasonCode::NoAccountChanged, text));
    }
    let excused = |one: &Astray| {
        let by_class = one.class.is_some_and(|it| it.policy().counting == Counting::Excused);
        by_class || one.known
    };
    let share = usize::try_from(excused_percent).unwrap_or(100);
    let spared = counts.suspended + counts.known_offenders;
    if spared > EXCUSED_FLOOR && spared.saturating_mul(100) > share.saturating_mul(all) {
        let text = format!(
            "{spared} of {all} instances were excused ({} suspended, {} failed the same way \
             before), and the plan allows {excused_percent} percent",
            counts.suspended, counts.known_offenders
        );
        return (Outcome::Incomplete, because(ReasonCode::TooManyExcused, text));
    }
    match astray.iter().all(excused) {
        true => (Outcome::Succeeded, None),
        false => (Outcome::Incomplete, None),
    }
}

/// The detail of the event `RolloutRehearsed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutRehearsed {
    /// The stack set.
    pub stack_set: StackSetName,
    /// The name of the rehearsal's execution.
    pub execution: String,
    /// Whether it went forth and back and left nothing behind, as read from set and instances.
    pub works: bool,
    /// Why not; what stopped it, or what it left.
    pub reason: Option<String>,
    /// How long the way forth took, in seconds, without dwell times.
    pub forth_seconds: i64,
    /// How long the way back took, in seconds.
    pub back_seconds: i64,
    /// Instances that had the marked template.
    pub went_forth: usize,
    /// Those of them that have the set's own again.
    pub came_back: usize,
    /// What was in the way, on either way; twenty at most.
    pub in_the_way: Vec<Row>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// What came of a rehearsal. It works when somebody took the mark and gave it back, and the set is
/// what it was: all three as they were read afterwards.
pub fn rehearsed(
    finished: &RolloutFinished,
    forth: &[StageResult],
    back: &[StageResult],
    verified: Option<&Verified>,
) -> RolloutRehearsed {
    let stopped = finished.reason.as_ref().filter(|reason| reason.code != ReasonCode::Rehearsed);
    let reason = match (stopped, verified) {
        (Some(reason), _) => Some(reason.text.clone()),
        (None, None) => Some("the way back did not come to its end".to_owned()),
        (None, Some(found)) if !found.set_is_as_before => {
            Some("the set is not what it was".to_owned())
        }
        (None, Some(found)) if !found.not_back.is_empty() => {
            Some(format!("{} instances are not back", found.not_back.len()))
        }
        (None, Some(found)) if found.went_forth == 0 => Some("nobody took the mark".to_owned()),
        (None, Some(_)) if finished.outcome != Outcome::RolledBack => {
            Some("the way back failed in part".to_owned())
        }
        (None, Some(_)) => None,
    };
    let went_forth = verified.map_or(0, |found| found.went_forth);
    let rows = forth.iter().chain(back).flat_map(|stage| &stage.standing.open);
    RolloutRehearsed {
        stack_set: finished.stack_set.clone(),
        execution: finished.execution.clone(),
        works: reason.is_none(),
        reason,
        forth_seconds: forth.iter().map(|stage| stage.seconds).sum(),
        back_seconds: back.iter().map(|stage| stage.seconds).sum(),
        went_forth,
        came_back: went_forth - verified.map_or(0, |found| found.not_back.len()).min(went_forth),
        in_the_way: rows.take(NAMED).cloned().collect(),
        started_at: finished.started_at,
        finished_at: finished.finished_at,
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
        counts.known_offenders += newer.known_offenders;
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
        known: row.known,
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

/// Instances that should be current and are not, although the rollout's own results do not say so:
/// somebody else made them outdated.
pub(crate) fn outdated_by_others(
    outdated: Vec<Outdated>,
    should: impl Fn(&Outdated) -> bool,
    astray: &[Astray],
) -> Vec<Astray> {
    let told: BTreeSet<(&AccountId, &RegionName)> =
        astray.iter().map(|one| (&one.account, &one.region)).collect();
    let more = outdated.into_iter().filter(|one| !told.contains(&(&one.account, &one.region)));
    let more = more.filter(should).map(|one| {
        let last = one.operation.unwrap_or_else(|| "an operation".to_owned());
        let reason = format!("it reads OUTDATED at the end, after {last} ({})", one.detailed);
        Astray {
            account: one.account,
            region: one.region,
            class: None,
            reason: Some(reason),
            known: false,
            template: Has::Unknown,
        }
    });
    more.collect()
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
        known: false,
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
        Outcome::Unproven => "reached no account",
        Outcome::Rehearsed => "was rehearsed",
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
         suspended, {} cancelled, {} known offenders, {} overriding what changed, {} outdated by \
         others\nGates:     {} holes\nAccounts:  {} in waves, {} not as they \
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
        counts.known_offenders,
        counts.overriding,
        counts.outdated,
        counts.gate_holes,
        finished.accounts.planned,
        finished.accounts.not_current,
        finished.not_current_key,
    );
    for one in &finished.not_current {
        let why = one.reason.as_deref().unwrap_or("its turn never came");
        let before = if one.known { " (as before)" } else { "" };
        text.push_str(&format!(
            "\n{} {} has {:?}{before}: {why}",
            one.account, one.region, one.template
        ));
    }
    for one in &finished.long_vetoes {
        let why = one.reason.as_deref().unwrap_or("its gate says no");
        text.push_str(&format!(
            "\n{} {} has vetoed since {}: {why}",
            one.account, one.region, one.since
        ));
    }
    for one in &finished.overriding {
        let keys = one.parameters.join(", ");
        text.push_str(&format!("\n{} {} keeps its own {keys}", one.account, one.region));
    }
    text.push_str("\n\nThe runbook says what to do when a roll-out stopped.\n");
    text
}

#[cfg(test)]
mod tests;
