//! What was decided before anything was touched: the file `plan.json`, read by every later step.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lifecycle::rollout::{RolloutHash, Stage};
use lifecycle::{AccountId, Deadline, ExecutionTimes, RegionName, StackSetName};
use serde::{Deserialize, Serialize};

use crate::cut::{Batch, Instance};
use crate::input::Template;
use crate::plan::{Plan, WavePlan};
use crate::stack_set::Described;

/// The name of the file.
pub const MANIFEST: &str = "plan.json";
/// The name of the file with the template that the set had before.
pub const PREVIOUS_TEMPLATE: &str = "previous-template";
/// The name of the file with the fingerprint of what the roll-out made of the set.
pub const DEFINITION: &str = "definition.json";

/// The name of the file with those that had the new template when the roll-out stopped.
pub const STANDS_NEW: &str = "stands-new.json";
/// The number, in the way back, of those that were enrolled while the rollout had the set: they
/// are in no wave.
pub const JOINED: u32 = 0;
/// The name of the file that says what a rehearsal's way back came to.
pub const VERIFIED: &str = "back/verified.json";
/// The name of the file that says who they are.
pub const JOINED_FILE: &str = "joined.json";
/// The name of the file with all instances that are not current in the end.
pub const NOT_CURRENT: &str = "not-current.json";

/// The name of the file with the instances that override a parameter that the rollout changes.
pub const OVERRIDES: &str = "planning/overrides.json";

/// An instance that keeps a value of its own for a parameter that the rollout changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Overriding {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: RegionName,
    /// The changed parameters that it overrides.
    pub parameters: Vec<String>,
}

/// What CloudFormation shows of a value that is not to be seen.
pub const HIDDEN: &str = "****";

/// The name of one of the files with the instances that the set had when the roll-out was planned.
/// They are numbered from 0 without a gap.
pub fn listed_before(number: usize) -> String {
    format!("planning/instances-{number:03}.json")
}

/// What the machine passes from function to function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// The name of the roll-out's execution.
    pub execution: String,
    /// The stack set.
    pub stack_set: StackSetName,
    /// How many waves there are.
    pub waves: u32,
    /// How long the whole may take, in seconds from the execution's start.
    pub deadline_seconds: u32,
    /// Whether it only tries the way to the first accounts and back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rehearsal: bool,
}

impl Header {
    /// Whose operations are this roll-out's.
    pub fn hash(&self) -> RolloutHash {
        RolloutHash::of(&self.execution)
    }

    /// The end of its time.
    pub fn deadline(&self, execution: &ExecutionTimes) -> Deadline {
        execution.deadline(self.deadline_seconds)
    }
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// What the machine has of it.
    pub header: Header,
    /// When it was made.
    pub planned_at: Timestamp,
    /// The fingerprint of the set as it was found, see `Described::fingerprint`.
    pub found: String,
    /// By what the change is told from another one, see `known::change_of`; nothing when the
    /// template's text could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// What the set becomes.
    pub next: Definition,
    /// What it was, as an update that puts it back.
    pub previous: Definition,
    /// All values that its parameters had.
    pub previous_values: BTreeMap<String, String>,
    /// What stays as it is.
    pub keeps: Keeps,
    /// The plan.
    pub plan: Plan,
    /// The waves as they were cut.
    pub waves: Vec<WaveSize>,
    /// Alarms that were red before, and are ignored.
    pub red_before: Vec<String>,
}

/// What a template and its parameters are to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// Where the template comes from.
    pub template: Template,
    /// All parameters of it; without a value, the one that the set has is kept.
    pub parameters: BTreeMap<String, Option<String>>,
    /// What it may do.
    pub capabilities: Vec<String>,
}

/// What a roll-out never changes about a set, and has to repeat or AWS would take its defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Keeps {
    /// Its description.
    pub description: Option<String>,
    /// The role by which it works, of self-managed sets.
    pub administration_role_arn: Option<String>,
    /// The role in the accounts, of self-managed sets.
    pub execution_role_name: Option<String>,
    /// The units through which service-managed sets reach their accounts; empty for others.
    pub units: Vec<String>,
}

/// How large a wave is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WaveSize {
    /// From 1.
    pub number: u32,
    /// Its name in the plan.
    pub name: String,
    /// Accounts.
    pub accounts: usize,
    /// Accounts by Region.
    pub instances: usize,
    /// Operations, without what is tried again.
    pub operations: usize,
    /// Rounds: accounts by accounts at a time, one operation after another.
    pub rounds: usize,
    /// Seconds that health is watched.
    pub dwell_seconds: u32,
    /// Whether a person has to approve it.
    pub approval: bool,
}

/// The file of a wave: its operations, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operations {
    /// What each is about.
    pub operations: Vec<Batch>,
    /// Whether the first of them puts the previous definition back.
    #[serde(default)]
    pub restores: bool,
}

impl Manifest {
    /// Whether the set is what it was before the roll-out.
    pub fn is_as_before(&self, set: &Described, previous_template: &str) -> bool {
        set.template == previous_template && set.parameters == self.previous_values
    }

    /// Whether it changes a value that nobody can see: then the set reads as before all the time.
    pub fn changes_hidden(&self) -> bool {
        let hidden = self.previous_values.iter().filter(|(_, value)| *value == HIDDEN);
        hidden
            .into_iter()
            .any(|(key, _)| self.next.parameters.get(key).is_some_and(Option::is_some))
    }

    /// Whether the set is to stay as it is, and only its instances are deployed anew.
    pub fn changes_nothing(&self) -> bool {
        self.next.template == Template::Previous
            && self.next.parameters.values().all(Option::is_none)
    }

    /// The plan of a wave, by its number from 1.
    pub fn wave(&self, number: u32) -> Option<&WavePlan> {
        self.plan.waves.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// How large a wave is, by its number from 1.
    pub fn size(&self, number: u32) -> Option<&WaveSize> {
        self.waves.iter().find(|wave| wave.number == number)
    }

    /// The first wave that has anybody in it.
    pub fn first_wave(&self) -> Option<u32> {
        self.waves.iter().find(|wave| wave.accounts > 0).map(|wave| wave.number)
    }

    /// A wave as its operations name it. Waves at the end that are empty count for nothing: the
    /// last one with anybody in it is the last. If it is the first one, too, nothing is proven
    /// before its end: it is named as if another one came.
    pub fn stage(&self, number: u32) -> Stage {
        let last = self.waves.iter().filter(|wave| wave.accounts > 0).map(|wave| wave.number).max();
        let last = last.unwrap_or(self.header.waves);
        let of = if self.is_one_wave() { last + 1 } else { last };
        Stage::Wave { number, of, wait: self.plan.new_tenants_wait() }
    }

    /// Whether all accounts are in one wave.
    pub fn is_one_wave(&self) -> bool {
        self.waves.iter().filter(|wave| wave.accounts > 0).count() == 1
    }

    /// The Regions of a batch in the plan's order, those that the plan does not name last.
    pub fn region_order(wave: &WavePlan, batch: &Batch) -> Vec<RegionName> {
        let order = wave.preferences.region_order.iter();
        order.filter(|region| batch.regions.contains(region)).cloned().collect()
    }
}

/// The folder of a stage: `waves/03`, `late`, `back/03`.
pub fn folder(stage: Stage) -> String {
    match stage {
        Stage::Wave { number, .. } => format!("waves/{number:02}"),
        Stage::Late => "late".to_owned(),
        Stage::Back { number } => format!("back/{number:02}"),
        Stage::Leave => "leave".to_owned(),
    }
}

/// How a stage ended: the file `result.json` in its folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageResult {
    /// Operations that were started.
    pub operations: usize,
    /// How all its instances stand.
    pub standing: crate::Standing,
    /// Why it stopped, if it did.
    pub reason: Option<Reason>,
    /// Seconds of a round, as they were measured.
    pub seconds_per_round: Option<f64>,
    /// How long the stage took, in seconds, without what was watched afterwards.
    #[serde(default)]
    pub seconds: i64,
    /// How far the accounts of the next wave's first operation are looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked: Option<Looked>,
}

/// How many accounts of an operation were seen to be tenants' own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Looked {
    /// Whether it is the first operation of the next wave, and not one of this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub next_wave: bool,
    /// The round.
    pub round: u32,
    /// The operation in it.
    pub operation: usize,
    /// The first of its accounts, so many.
    pub accounts: usize,
    /// When the look began; nothing before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

impl Looked {
    /// Whether nothing was looked at.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What was found on the way back of a rehearsal, read from set and instances: the file
/// `back/verified.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// Whether the set has the template and the parameters that it had.
    pub set_is_as_before: bool,
    /// Instances that had the marked template.
    pub went_forth: usize,
    /// Those of them that are not what the set says.
    pub not_back: Vec<Instance>,
}

/// Who was enrolled while the rollout had the set, with its template: the file `joined.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Joined {
    /// The operations that enrolled them and have ended.
    pub operations: BTreeSet<String>,
    /// How their instances stand.
    pub standing: crate::Standing,
}

/// Why a roll-out stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// In one word.
    pub code: ReasonCode,
    /// In a sentence.
    pub text: String,
}

/// Why a roll-out stops, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReasonCode {
    /// More real failures than the wave tolerates.
    TooManyFailures,
    /// More vetoes than the wave tolerates.
    TooManyVetoes,
    /// The same error in several accounts.
    SameError,
    /// No account took the change: nothing is known of it.
    NoAccountChanged,
    /// More of the fleet was excused than the plan allows a rollout that succeeds.
    TooManyExcused,
    /// An alarm of the plan is red.
    Unhealthy,
    /// An operator asked for it.
    StopRequested,
    /// Somebody else changed the stack set.
    DefinitionChanged,
    /// Somebody else stopped an operation of the roll-out.
    OperationStopped,
    /// A gate that was just deployed does not answer.
    GateDoesNotAnswer,
    /// A gate that was just deployed answers, and does not show that it works when it is asked to
    /// explain: a check that it could not make, or settings that it does not understand.
    GateDoesNotWork,
    /// The way back failed in some accounts.
    RollbackIncomplete,
    /// A step of the machine failed.
    StepFailed,
    /// It was a rehearsal, and its way back is a part of it.
    Rehearsed,
}
