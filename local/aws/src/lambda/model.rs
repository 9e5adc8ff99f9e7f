//! What a function and a mapping are.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::iam::Credentials;

/// A function.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) role: String,
    /// Which code it runs.
    pub(super) code: String,
    pub(super) code_location: Value,
    /// Members that are only shown: handler, runtime, architectures, logging, …
    pub(super) shown: serde_json::Map<String, Value>,
    pub(super) timeout: u64,
    pub(super) memory: u32,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) dead_letters: Option<String>,
    pub(super) modified: Timestamp,
    pub(super) revision: String,
    /// The statements of its policy.
    pub(super) policy: Vec<Value>,
    pub(super) reserved: Option<u32>,
    pub(super) running: u32,
    pub(super) asynchronous: AsyncConfig,
    pub(super) tags: serde_json::Map<String, Value>,
    /// Keys of its role, as long as they last: a warm function keeps them too.
    pub(super) credentials: Option<Arc<Credentials>>,
}

/// What becomes of asynchronous invocations.
#[derive(Debug, Clone)]
pub(super) struct AsyncConfig {
    pub(super) retries: u32,
    pub(super) age_seconds: u64,
    pub(super) on_failure: Option<String>,
    pub(super) on_success: Option<String>,
    pub(super) is_set: bool,
}

impl Default for AsyncConfig {
    fn default() -> Self {
        Self { retries: 2, age_seconds: 21_600, on_failure: None, on_success: None, is_set: false }
    }
}

impl Function {
    /// The function as `GetFunctionConfiguration` answers it.
    pub(super) fn configuration(&self) -> Value {
        let mut shown = json!({
            "FunctionName": self.name,
            "FunctionArn": self.arn,
            "Role": self.role,
            "Timeout": self.timeout,
            "MemorySize": self.memory,
            "LastModified": format!("{:.3}", self.modified).replace('Z', "+0000"),
            "Version": "$LATEST",
            "RevisionId": self.revision,
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
        });
        if !self.variables.is_empty() {
            shown["Environment"] = json!({ "Variables": self.variables });
        }
        if let Some(arn) = &self.dead_letters {
            shown["DeadLetterConfig"] = json!({ "TargetArn": arn });
        }
        if let Some(members) = shown.as_object_mut() {
            members.extend(self.shown.clone());
        }
        shown
    }
}

/// A queue that feeds a function.
#[derive(Debug, Clone)]
pub(super) struct Mapping {
    pub(super) id: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) function: String,
    pub(super) queue: String,
    pub(super) batch_size: u32,
    pub(super) reports_failures: bool,
    pub(super) concurrency: Option<u32>,
    pub(super) enabled: bool,
    pub(super) modified: Timestamp,
    pub(super) last_result: String,
    /// Counts its changes: the poller of an older generation ends.
    pub(super) generation: u64,
}

impl Mapping {
    /// The mapping as the API answers it.
    pub(super) fn shown(&self) -> Value {
        let mut shown = json!({
            "UUID": self.id,
            "EventSourceMappingArn": format!(
                "arn:aws:lambda:{}:{}:event-source-mapping:{}",
                self.region, self.account, self.id
            ),
            "BatchSize": self.batch_size,
            "MaximumBatchingWindowInSeconds": 0,
            "EventSourceArn": self.queue,
            "FunctionArn": self.function,
            "LastModified": self.modified.as_second(),
            "State": if self.enabled { "Enabled" } else { "Disabled" },
            "StateTransitionReason": "USER_INITIATED",
            "LastProcessingResult": self.last_result,
        });
        if self.reports_failures {
            shown["FunctionResponseTypes"] = json!(["ReportBatchItemFailures"]);
        }
        if let Some(most) = self.concurrency {
            shown["ScalingConfig"] = json!({ "MaximumConcurrency": most });
        }
        shown
    }
}
