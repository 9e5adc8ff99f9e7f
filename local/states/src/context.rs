//! What is known about an execution, and the context object that expressions see of it as
//! `$states.context`.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html>

use jiff::Timestamp;
use serde_json::{Value, json};

/// One execution of a machine, as its context object shows it.
#[derive(Clone, Debug)]
pub struct Execution {
    /// The execution's ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its input.
    pub input: Value,
    /// The role that the machine runs as.
    pub role_arn: String,
    /// When it was started.
    pub start_time: Timestamp,
    /// How often it was redriven.
    pub redrive_count: u64,
    /// When it was last redriven.
    pub redrive_time: Option<Timestamp>,
    /// The machine's ARN.
    pub machine_arn: String,
    /// The machine's name.
    pub machine_name: String,
}

/// The item that an iteration of a Map state works on.
#[derive(Clone, Debug)]
pub(crate) struct MapItem {
    pub(crate) index: usize,
    pub(crate) value: Value,
}

/// The part of the context that changes from state to state.
pub(crate) struct StateContext<'a> {
    pub(crate) name: &'a str,
    pub(crate) entered: Timestamp,
    /// How often the state was retried; none for one that can't be.
    pub(crate) retry_count: Option<u64>,
    pub(crate) token: Option<&'a str>,
    pub(crate) item: Option<&'a MapItem>,
}

impl Execution {
    /// The context object; the execution's input only where it is asked for, for it is large.
    pub(crate) fn context(&self, state: &StateContext<'_>, with_input: bool) -> Value {
        let mut context = json!({ "Execution": { "Id": self.arn } });
        let execution = &mut context["Execution"];
        if with_input {
            execution["Input"] = self.input.clone();
        }
        execution["Name"] = json!(self.name);
        execution["RoleArn"] = json!(self.role_arn);
        execution["StartTime"] = json!(text(self.start_time));
        execution["RedriveCount"] = json!(self.redrive_count);
        if let Some(time) = self.redrive_time {
            execution["RedriveTime"] = json!(text(time));
        }
        context["State"] = json!({ "EnteredTime": text(state.entered), "Name": state.name });
        if let Some(count) = state.retry_count {
            context["State"]["RetryCount"] = json!(count);
        }
        context["StateMachine"] = json!({ "Id": self.machine_arn, "Name": self.machine_name });
        if let Some(token) = state.token {
            context["Task"] = json!({"Token": token});
        }
        if let Some(item) = state.item {
            context["Map"] = json!({"Item": {"Index": item.index}});
            context["Map"]["Item"]["Value"] = item.value.clone();
        }
        context
    }
}

/// A timestamp as the context object writes it: UTC, milliseconds, `Z`.
pub(crate) fn text(time: Timestamp) -> String {
    format!("{time:.3}")
}
