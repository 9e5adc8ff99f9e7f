//! One sweep at a time: a file that names the execution that sweeps. It is taken with a
//! conditional write, and taken over from an execution that does not run any more.

use lambda_kit::sdk::{Trouble, code};
use run_files::Condition;
use serde::{Deserialize, Serialize};

use jiff::Timestamp;

use crate::error::Halt;
use crate::handler::Call;

const LOCK: &str = "retirements/lock.json";

/// Who sweeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    execution_arn: String,
    since: Timestamp,
}

impl Call<'_> {
    /// Whether the lock is this sweep's now.
    pub(crate) async fn take_lock(&self) -> Result<bool, Halt> {
        let files = &self.app.files;
        let read = files.read(LOCK).await.map_err(|trouble| self.halt(trouble))?;
        let mine = Lock { execution_arn: self.request.sweep.arn.clone(), since: self.now };
        let condition = match &read {
            None => Condition::Absent,
            Some(file) => match serde_json::from_str::<Lock>(&file.text) {
                Ok(lock) if lock.execution_arn == mine.execution_arn => return Ok(true),
                Ok(lock) if self.runs(&lock.execution_arn).await? => return Ok(false),
                // Whoever had it has ended, or it is no lock.
                Ok(_) | Err(_) => Condition::Unchanged(&file.etag),
            },
        };
        let text = serde_json::json!(mine).to_string();
        let written = files.write(LOCK, text, condition).await;
        if written.map_err(|trouble| self.halt(trouble))? {
            Ok(true)
        } else {
            Err(Halt::Wait("another sweep takes the lock".to_owned()))
        }
    }

    /// Gives the lock back, if it is this sweep's.
    pub(crate) async fn release_lock(&self) -> Result<(), Halt> {
        let files = &self.app.files;
        let read = files.read(LOCK).await.map_err(|trouble| self.halt(trouble))?;
        let lock = read.and_then(|file| serde_json::from_str::<Lock>(&file.text).ok());
        if lock.is_some_and(|lock| lock.execution_arn == self.request.sweep.arn) {
            files.remove(LOCK).await.map_err(|trouble| self.halt(trouble))?;
        }
        Ok(())
    }

    async fn runs(&self, execution: &str) -> Result<bool, Halt> {
        let described = self.app.states.describe_execution().execution_arn(execution).send().await;
        match described {
            Ok(output) => Ok(output.status == aws_sdk_sfn::types::ExecutionStatus::Running),
            Err(error) if matches!(code(&error), Some("ExecutionDoesNotExist" | "InvalidArn")) => {
                Ok(false)
            }
            Err(error) => Err(self.halt(Trouble::of("states", "DescribeExecution", &error))),
        }
    }
}
