//! A machine's definition, parsed and checked: what the interpreter runs.

mod document;
mod fields;
mod graph;
mod handling;
mod map;
mod scopes;
mod states;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

pub(crate) use fields::check_number;

use crate::errors::{DefinitionError, DefinitionErrors};
use crate::expression::Program;
use crate::history::StateType;
use crate::resource::Resource;

/// A definition that passed all checks.
#[derive(Debug)]
pub struct Machine {
    pub(crate) flow: Flow,
    pub(crate) timeout: Option<Duration>,
    comment: Option<String>,
    resources: Vec<Resource>,
    warnings: Vec<DefinitionError>,
}

impl Machine {
    /// A machine of these states and nothing else.
    fn of(flow: Flow) -> Self {
        let (resources, warnings) = (Vec::new(), Vec::new());
        Self { flow, timeout: None, comment: None, resources, warnings }
    }

    /// Parses a definition in the Amazon States Language, with JSONata as its query language.
    ///
    /// # Errors
    ///
    /// Names every fault with its place: what is not known is an error, never skipped.
    pub fn parse(definition: &str) -> Result<Self, DefinitionErrors> {
        document::parse(definition)
    }

    /// The machine's comment.
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// Every resource that a Task state names, nested ones included, in order: for a host to
    /// refuse what it cannot run before anything runs.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// Each place that AWS takes and that is hardly meant: a variable that nothing assigns before
    /// it, which fails the execution that gets there, and names that end in `.$`.
    pub fn warnings(&self) -> &[DefinitionError] {
        &self.warnings
    }

    /// The machine's own `TimeoutSeconds`.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

/// States that follow each other: a machine, a branch, an item processor.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) start_at: String,
    pub(crate) states: IndexMap<String, State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) after: After,
    pub(crate) output: Option<Program>,
    pub(crate) assign: Assign,
}

/// What follows a state; of no meaning for Choice, Succeed and Fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Next(String),
    End,
}

/// The variables that a state, a choice rule or a catcher assigns.
#[derive(Debug, Default)]
pub(crate) struct Assign(pub(crate) BTreeMap<String, Program>);

pub(crate) enum Kind {
    Task(Box<Task>),
    Choice(Choice),
    Wait(Wait),
    Pass,
    Parallel(Parallel),
    Map(Box<Map>),
    Succeed,
    Fail { error: Option<Program>, cause: Option<Program> },
}

impl Kind {
    /// Whether the state may have `Retry`, and so a count of retries.
    pub(crate) fn may_retry(&self) -> bool {
        matches!(self, Self::Task(_) | Self::Parallel(_) | Self::Map(_))
    }

    pub(crate) fn state_type(&self) -> StateType {
        match self {
            Self::Task(_) => StateType::Task,
            Self::Choice(_) => StateType::Choice,
            Self::Wait(_) => StateType::Wait,
            Self::Pass => StateType::Pass,
            Self::Parallel(_) => StateType::Parallel,
            Self::Map(_) => StateType::Map,
            Self::Succeed => StateType::Succeed,
            Self::Fail { .. } => StateType::Fail,
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.state_type())
    }
}

pub(crate) struct Task {
    pub(crate) resource: Resource,
    pub(crate) arguments: Option<Program>,
    pub(crate) role_arn: Option<Program>,
    pub(crate) timeout: Option<Program>,
    pub(crate) heartbeat: Option<Program>,
    pub(crate) handling: Handling,
}

/// What a state does about errors.
#[derive(Debug, Default)]
pub(crate) struct Handling {
    pub(crate) retry: Vec<Retrier>,
    pub(crate) catch: Vec<Catcher>,
}

#[derive(Debug)]
pub(crate) struct Retrier {
    pub(crate) errors: Vec<String>,
    pub(crate) interval: f64,
    pub(crate) max_attempts: u64,
    pub(crate) backoff_rate: f64,
    pub(crate) max_delay: Option<f64>,
    pub(crate) full_jitter: bool,
}

#[derive(Debug)]
pub(crate) struct Catcher {
    pub(crate) errors: Vec<String>,
    pub(crate) next: String,
    pub(crate) output: Option<Program>,
    pub(crate) assign: Assign,
}

pub(crate) struct Choice {
    pub(crate) rules: Vec<Rule>,
    pub(crate) default: Option<String>,
}

pub(crate) struct Rule {
    pub(crate) condition: Program,
    pub(crate) next: String,
    pub(crate) output: Option<Program>,
    pub(crate) assign: Assign,
}

pub(crate) enum Wait {
    Seconds(Program),
    Timestamp(Program),
}

pub(crate) struct Parallel {
    pub(crate) arguments: Option<Program>,
    pub(crate) branches: Vec<Flow>,
    pub(crate) handling: Handling,
}

pub(crate) struct Map {
    pub(crate) items: Option<Program>,
    pub(crate) selector: Option<Program>,
    pub(crate) max_concurrency: Option<Program>,
    pub(crate) tolerated_count: Option<Program>,
    pub(crate) tolerated_percentage: Option<Program>,
    pub(crate) processor: Processor,
    pub(crate) handling: Handling,
}

pub(crate) enum Processor {
    Inline(Flow),
    Distributed(Box<Distributed>),
}

pub(crate) struct Distributed {
    pub(crate) machine: Arc<Machine>,
    pub(crate) label: String,
    pub(crate) reader: Option<Reader>,
    pub(crate) batcher: Option<Batcher>,
    pub(crate) writer: Option<Writer>,
}

pub(crate) struct Reader {
    pub(crate) source: Source,
    pub(crate) arguments: Program,
    pub(crate) max_items: Option<Program>,
}

pub(crate) enum Source {
    List,
    Json { pointer: Option<String> },
    JsonLines,
    Csv { delimiter: char, headers: Option<Vec<String>> },
}

pub(crate) struct Batcher {
    pub(crate) max_items: Option<Program>,
    pub(crate) max_bytes: Option<Program>,
    pub(crate) input: Option<Program>,
}

pub(crate) struct Writer {
    pub(crate) destination: Option<Program>,
    pub(crate) transformation: Transformation,
    pub(crate) lines: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transformation {
    None,
    Compact,
    Flatten,
}
