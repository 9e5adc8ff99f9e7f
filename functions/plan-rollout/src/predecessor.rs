//! The rollout of the same stack set before this one: whether it is in the way, and whether this
//! one goes on in its place.

use lambda_kit::sdk::code;
use lifecycle::rollout::{OperationName, RolloutHash, under_way};
use rollout::manifest::{MANIFEST, NOT_CURRENT, PREVIOUS_TEMPLATE};
use rollout::stack_set::Logged;
use rollout::{Files, Manifest, Stop};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Halt};
use crate::maker::Maker;

/// The folder that names the newest rollout of each stack set; no execution is called so.
const NEWEST: &str = "newest-of-stack-sets";

/// The newest rollout of a stack set.
#[derive(Debug, Serialize, Deserialize)]
struct Newest {
    /// The name of its execution.
    execution: String,
}

impl Maker<'_> {
    /// The rollout in whose place this one goes on, and the template that it had found; nothing
    /// when the set is proven. An operator names it; a rehearsal is no more than a mark on the
    /// template, so one whose execution has ended is in nobody's way.
    pub(crate) async fn before(&self, log: &[Logged]) -> Result<Option<(Manifest, String)>, Halt> {
        let newest = under_way(log.iter().map(|one| one.id.as_str()));
        let mine = RolloutHash::of(&self.request.name);
        let Some(other) = newest.filter(|one| one.rollout != mine) else { return Ok(None) };
        let named = self.input.take_over.clone();
        let named = named.filter(|name| RolloutHash::of(name) == other.rollout);
        let name = match named {
            Some(name) => Some(name),
            None => self.dead_rehearsal(&other).await?,
        };
        let Some(name) = name else {
            let stack_set = self.input.stack_set.clone();
            return Err(Error::AnotherRollout { stack_set, operation: other }.into());
        };
        let files = self.files_of(&name);
        let manifest = files.read(MANIFEST).await?;
        Ok(Some((manifest, files.read_text(PREVIOUS_TEMPLATE).await?)))
    }

    /// The name of the rollout that these operations are of, if it is a rehearsal that was killed.
    async fn dead_rehearsal(&self, other: &OperationName) -> Result<Option<String>, Stop> {
        let newest: Option<Newest> = self.files_of(NEWEST).find(&self.newest_name()).await?;
        let name = newest.map(|newest| newest.execution);
        let Some(name) = name.filter(|name| RolloutHash::of(name) == other.rollout) else {
            return Ok(None);
        };
        let manifest: Option<Manifest> = self.files_of(&name).find(MANIFEST).await?;
        if !manifest.is_some_and(|manifest| manifest.header.rehearsal)
            || !self.has_ended(&name).await?
        {
            return Ok(None);
        }
        tracing::warn!(
            execution = name,
            "a rehearsal was killed: this rollout goes on in its place"
        );
        Ok(Some(name))
    }

    /// Refuses a rehearsal while another rollout of the set has not been told to be over: late
    /// comers of one whose waves have all passed would find the set changed. One whose execution has
    /// ended will never be told.
    pub(crate) async fn is_alone(&self) -> Result<(), Halt> {
        let newest: Option<Newest> = self.files_of(NEWEST).find(&self.newest_name()).await?;
        let Some(other) = newest.map(|newest| newest.execution) else { return Ok(()) };
        if !self.input.rehearse || other == self.request.name {
            return Ok(());
        }
        let is_told = self.files_of(&other).find::<Value>(NOT_CURRENT).await?.is_some();
        if is_told || self.has_ended(&other).await? {
            return Ok(());
        }
        let stack_set = self.input.stack_set.clone();
        Err(Error::RolloutRuns { stack_set, execution: other }.into())
    }

    /// Writes down that this is the newest rollout of the set.
    pub(crate) async fn is_the_newest(&self) -> Result<(), Stop> {
        let newest = Newest { execution: self.request.name.clone() };
        self.files_of(NEWEST).write(&self.newest_name(), &newest).await
    }

    /// Whether the execution of another rollout is over, as Step Functions says now. Executions are
    /// forgotten after 90 days. One whose ARN is not known is taken for one that runs.
    async fn has_ended(&self, name: &str) -> Result<bool, Stop> {
        let mine = self.request.execution_arn.as_deref();
        let Some((prefix, _)) = mine.and_then(|arn| arn.rsplit_once(':')) else {
            return Ok(false);
        };
        let arn = format!("{prefix}:{name}");
        let described = self.app.states.describe_execution().execution_arn(&arn).send().await;
        match described {
            Ok(found) => Ok(matches!(
                found.status().as_str(),
                "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "ABORTED"
            )),
            Err(error) if code(&error) == Some("ExecutionDoesNotExist") => Ok(true),
            Err(error) => Err(Stop::of("states", "DescribeExecution", arn, &error)),
        }
    }

    fn files_of(&self, execution: &str) -> Files {
        Files::of(&self.app.objects, &self.app.config.runs_bucket, execution)
    }

    fn newest_name(&self) -> String {
        format!("{}.json", self.input.stack_set)
    }
}
