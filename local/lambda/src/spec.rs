//! What the host has to know about a function to run it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::logs::LogSink;

/// A function as it is deployed: its identity, its binary, and its limits.
///
/// Two invocations share a warm process only if everything but `log` and `timeout` is the same,
/// so a function whose environment changes starts afresh, as on Lambda.
#[derive(Clone, Debug)]
pub struct FunctionSpec {
    /// The ARN that the function sees as its own.
    pub arn: String,
    /// The function's name.
    pub name: String,
    /// The executable, started without arguments.
    pub binary: PathBuf,
    /// The function's variables: its configuration, and its role's credentials as
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`. The names that
    /// Lambda reserves for itself are set by the host, whatever stands here.
    pub environment: BTreeMap<String, String>,
    /// How long one invocation may take, from the moment the function receives it.
    pub timeout: Duration,
    /// The memory that the function is told it has, in MB. It is not enforced.
    pub memory_mb: u32,
    /// Where its output goes, besides [`Host::logs`](crate::Host::logs).
    pub log: LogSink,
}

impl FunctionSpec {
    /// The Region in the function's ARN; empty when the ARN has none.
    pub fn region(&self) -> &str {
        self.arn.split(':').nth(3).unwrap_or_default()
    }

    pub(crate) fn shares_process_with(&self, other: &Self) -> bool {
        self.arn == other.arn
            && self.binary == other.binary
            && self.environment == other.environment
            && self.memory_mb == other.memory_mb
    }
}
