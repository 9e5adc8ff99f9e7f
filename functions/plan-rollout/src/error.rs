//! The function's final errors.

use lambda_kit::Named;
use lifecycle::{Faults, StackSetName, rollout::OperationName};
use rollout::Stop;

/// Why there is no plan, and will be none without somebody's help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Input or plan have faults: all of them.
    #[error("the roll-out is refused")]
    PlanRefused(#[source] Faults),
    /// Another roll-out of the stack set has not proven its template, or left it unproven.
    #[error("stack set {stack_set} has an unproven roll-out: its newest operation is {operation}")]
    AnotherRollout {
        /// The stack set.
        stack_set: StackSetName,
        /// The newest operation of the other.
        operation: OperationName,
    },
    /// A rehearsal waits for no other rollout of the stack set, and disturbs none.
    #[error("stack set {stack_set} has a rollout that is not over: {execution}")]
    RolloutRuns {
        /// The stack set.
        stack_set: StackSetName,
        /// The other's execution.
        execution: String,
    },
    /// As in every function of a roll-out.
    #[error(transparent)]
    Rollout(#[from] rollout::Error),
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::PlanRefused(_) => "PlanRefused",
            // One name: what people do about it is the same.
            Self::AnotherRollout { .. } | Self::RolloutRuns { .. } => "AnotherRollout",
            Self::Rollout(error) => error.name(),
        }
    }
}

impl Error {
    /// The names of all variants, as the machines know them.
    pub const NAMES: [&'static str; 8] = [
        "PlanRefused",
        "AnotherRollout",
        rollout::Error::NAMES[0],
        rollout::Error::NAMES[1],
        rollout::Error::NAMES[2],
        rollout::Error::NAMES[3],
        rollout::Error::NAMES[4],
        rollout::Error::NAMES[5],
    ];
}

/// Why a step ends early.
#[derive(Debug)]
pub(crate) enum Halt {
    /// It may go on later, for this reason.
    Later(String),
    /// It will not.
    Failed(Error),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Later(because) => Self::Later(because),
            Stop::Failed(error) => Self::Failed(error.into()),
        }
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Faults> for Halt {
    fn from(faults: Faults) -> Self {
        Self::Failed(Error::PlanRefused(faults))
    }
}
