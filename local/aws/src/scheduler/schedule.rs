//! A schedule: read from a request, checked against AWS's rules, and shown.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::expression::{self, Expression};
use crate::wire::{moment, timestamp};
use crate::{AwsError, Call};

/// Members of a request that are understood; anything else is refused.
const MEMBERS: [&str; 12] = [
    "Name",
    "GroupName",
    "Description",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "EndDate",
    "State",
    "FlexibleTimeWindow",
    "Target",
    "ActionAfterCompletion",
    "ClientToken",
];
const TARGET: [&str; 5] = ["Arn", "RoleArn", "Input", "RetryPolicy", "DeadLetterConfig"];

/// A schedule.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) group: String,
    pub(super) expression: Expression,
    pub(super) zone: TimeZone,
    pub(super) starts: Option<Timestamp>,
    pub(super) ends: Option<Timestamp>,
    pub(super) enabled: bool,
    /// Minutes of the flexible window; none is off.
    pub(super) window: Option<u64>,
    pub(super) target: Target,
    pub(super) delete_when_done: bool,
    /// The request, as `GetSchedule` shows it.
    given: Map<String, Value>,
    pub(super) client_token: Option<String>,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    /// Which task runs it: another one's time is over.
    pub(super) generation: u64,
}

/// Whom a schedule calls.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) arn: String,
    pub(super) role: String,
    pub(super) input: Option<String>,
    pub(super) most_retries: u64,
    pub(super) oldest_seconds: u64,
    pub(super) dead_letters: Option<String>,
}

/// The ARN of a schedule.
pub(super) fn arn_of(call: &Call, group: &str, name: &str) -> String {
    format!("arn:aws:scheduler:{}:{}:schedule/{group}/{name}", call.region, call.account)
}

/// The group that a call names; without a word it is `default`.
pub(super) fn group_of(call: &Call) -> &str {
    call.opt_text("GroupName").unwrap_or("default")
}

impl Schedule {
    /// Reads what `CreateSchedule` and `UpdateSchedule` ask for.
    pub(super) fn read(call: &Call, now: Timestamp) -> Result<Self, AwsError> {
        let given = call.input.as_object().cloned().unwrap_or_default();
        known("", &given, &MEMBERS)?;
        let name = call.text("Name")?;
        legal_name("Name", name)?;
        let group = group_of(call);
        if group != "default" {
            return Err(AwsError::new(
                "ResourceNotFoundException",
                format!("Schedule group {group} does not exist."),
            )
            .status(404));
        }
        let invalid = |member: &str, fault: String| {
            AwsError::validation(format!("Invalid {member}: {fault}"))
        };
        let expression = Expression::parse(call.text("ScheduleExpression")?)
            .map_err(|fault| invalid("Schedule Expression", fault))?;
        let zone = expression::zone(call.opt_text("ScheduleExpressionTimezone").unwrap_or("UTC"))
            .map_err(|fault| invalid("ScheduleExpressionTimezone", fault))?;
        Ok(Self {
            arn: arn_of(call, group, name),
            name: name.to_owned(),
            group: group.to_owned(),
            expression,
            zone,
            starts: date(call, "StartDate")?,
            ends: date(call, "EndDate")?,
            enabled: one_of(call, "State", &["ENABLED", "DISABLED"])? == "ENABLED",
            window: window(call)?,
            target: Target::read(call)?,
            delete_when_done: one_of(call, "ActionAfterCompletion", &["NONE", "DELETE"])?
                == "DELETE",
            given,
            client_token: call.opt_text("ClientToken").map(str::to_owned),
            created: now,
            modified: now,
            generation: 0,
        })
    }

    /// What `GetSchedule` answers.
    pub(super) fn shown(&self) -> Value {
        let mut shown = json!({
            "Arn": self.arn,
            "Name": self.name,
            "GroupName": self.group,
            "ScheduleExpressionTimezone": "UTC",
            "State": self.state(),
            "ActionAfterCompletion": if self.delete_when_done { "DELETE" } else { "NONE" },
            "CreationDate": timestamp(self.created),
            "LastModificationDate": timestamp(self.modified),
        });
        for member in [
            "Description",
            "ScheduleExpression",
            "ScheduleExpressionTimezone",
            "FlexibleTimeWindow",
            "Target",
        ] {
            if let Some(value) = self.given.get(member) {
                shown[member] = value.clone();
            }
        }
        shown["Target"]["RetryPolicy"] = json!({
            "MaximumRetryAttempts": self.target.most_retries,
            "MaximumEventAgeInSeconds": self.target.oldest_seconds,
        });
        for (member, value) in [("StartDate", self.starts), ("EndDate", self.ends)] {
            if let Some(value) = value {
                shown[member] = timestamp(value);
            }
        }
        shown
    }

    /// What `ListSchedules` answers of it.
    pub(super) fn summary(&self) -> Value {
        json!({
            "Arn": self.arn,
            "Name": self.name,
            "GroupName": self.group,
            "State": self.state(),
            "CreationDate": timestamp(self.created),
            "LastModificationDate": timestamp(self.modified),
            "Target": { "Arn": self.target.arn },
        })
    }

    /// `ENABLED` or `DISABLED`.
    pub(super) fn state(&self) -> &'static str {
        if self.enabled { "ENABLED" } else { "DISABLED" }
    }
}

impl Target {
    fn read(call: &Call) -> Result<Self, AwsError> {
        let Some(given) = call.input.get("Target").and_then(Value::as_object) else {
            return Err(AwsError::validation("Target: Member must not be null"));
        };
        known("Target.", given, &TARGET)?;
        let text = |name: &str| given.get(name).and_then(Value::as_str);
        let (Some(arn), Some(role)) = (text("Arn"), text("RoleArn")) else {
            return Err(AwsError::validation("Target: Arn and RoleArn are required"));
        };
        let machine = arn.starts_with("arn:aws:states:") && arn.contains(":stateMachine:");
        let function = arn.starts_with("arn:aws:lambda:") && arn.contains(":function:");
        if !machine && !function {
            return Err(AwsError::validation(format!(
                "Provided Arn is not in correct format: {arn}: the local AWS knows schedules of \
                 state machines and functions"
            )));
        }
        if machine
            && let Some(input) = text("Input")
            && serde_json::from_str::<Value>(input).is_err()
        {
            return Err(AwsError::validation("Target.Input: a state machine's input is JSON"));
        }
        let number = |pointer: &str, default: u64, least: u64, most: u64| {
            let value = call.input.pointer(&format!("/Target/RetryPolicy/{pointer}"));
            match value.and_then(Value::as_u64).or(value.is_none().then_some(default)) {
                Some(number) if (least..=most).contains(&number) => Ok(number),
                _ => Err(AwsError::validation(format!(
                    "Target.RetryPolicy.{pointer}: a number from {least} to {most}"
                ))),
            }
        };
        let dead_letters = call.input.pointer("/Target/DeadLetterConfig/Arn");
        let dead_letters = dead_letters.and_then(Value::as_str).map(str::to_owned);
        if let Some(queue) = &dead_letters
            && (!queue.starts_with("arn:aws:sqs:") || queue.ends_with(".fifo"))
        {
            return Err(AwsError::validation(format!(
                "Target.DeadLetterConfig.Arn: {queue} is not the ARN of a standard queue"
            )));
        }
        Ok(Self {
            arn: arn.to_owned(),
            role: role.to_owned(),
            input: text("Input").map(str::to_owned),
            most_retries: number("MaximumRetryAttempts", 185, 0, 185)?,
            oldest_seconds: number("MaximumEventAgeInSeconds", 86_400, 60, 86_400)?,
            dead_letters,
        })
    }
}

fn known(path: &str, given: &Map<String, Value>, members: &[&str]) -> Result<(), AwsError> {
    match given.keys().find(|name| !members.contains(&name.as_str())) {
        Some(unknown) => Err(AwsError::validation(format!(
            "{path}{unknown}: the local AWS does not know this member of a schedule"
        ))),
        None => Ok(()),
    }
}

/// Refuses a name outside `[0-9a-zA-Z-_.]{1,64}`.
pub(super) fn legal_name(member: &str, name: &str) -> Result<(), AwsError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(legal) {
        return Ok(());
    }
    Err(AwsError::validation(format!(
        "1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$, 1 to 64 characters"
    )))
}

/// A member with a list of values, of which the first one is the default.
fn one_of<'a>(call: &'a Call, member: &str, values: &[&'a str]) -> Result<&'a str, AwsError> {
    let value = call.opt_text(member).or(values.first().copied()).unwrap_or_default();
    if values.contains(&value) {
        return Ok(value);
    }
    Err(AwsError::validation(format!("{member}: \"{value}\" is not one of {}", values.join(", "))))
}

fn date(call: &Call, member: &str) -> Result<Option<Timestamp>, AwsError> {
    let read = |value: &Value| {
        moment(value)
            .ok_or_else(|| AwsError::validation(format!("{member}: {value} is not a time stamp")))
    };
    call.input.get(member).map(read).transpose()
}

fn window(call: &Call) -> Result<Option<u64>, AwsError> {
    let window = call.input.get("FlexibleTimeWindow").cloned().unwrap_or_default();
    match (window["Mode"].as_str(), window["MaximumWindowInMinutes"].as_u64()) {
        (Some("OFF"), None) => Ok(None),
        (Some("FLEXIBLE"), Some(minutes @ 1..=1_440)) => Ok(Some(minutes)),
        _ => Err(AwsError::validation(
            "FlexibleTimeWindow: Mode OFF, or FLEXIBLE with MaximumWindowInMinutes from 1 to 1440",
        )),
    }
}
