//! Rules and their targets.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::bus_arn;
use super::pattern::Pattern;
use crate::{Aws, AwsError, Call};

/// A rule of a bus.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) arn: String,
    description: Option<String>,
    pub(super) pattern_text: String,
    pub(super) pattern: Pattern,
    pub(super) enabled: bool,
    /// Targets by id, as PutTargets gave them.
    pub(super) targets: BTreeMap<String, Value>,
}

/// A rule's ARN: with its bus's name, unless that is the default one.
pub(super) fn rule_arn(bus: &str, rule: &str) -> String {
    let (head, bus_name) = bus.split_once(":event-bus/").unwrap_or((bus, "default"));
    if bus_name == "default" {
        format!("{head}:rule/{rule}")
    } else {
        format!("{head}:rule/{bus_name}/{rule}")
    }
}

/// Members of a target that are understood; anything else is refused.
const TARGET: [&str; 9] = [
    "Id",
    "Arn",
    "RoleArn",
    "Input",
    "InputPath",
    "InputTransformer",
    "SqsParameters",
    "DeadLetterConfig",
    "RetryPolicy",
];

/// Members that an event has to have before a pattern is tried on it.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html>
const EVENT: [&str; 6] = ["id", "account", "source", "time", "region", "detail-type"];

/// Performs a call about rules.
pub(super) fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    if call.operation == "TestEventPattern" {
        let event: Value = serde_json::from_str(call.text("Event")?).unwrap_or_default();
        if EVENT.iter().any(|name| event.get(name).is_none()) {
            return Err(AwsError::validation("Parameter Event is not valid."));
        }
        return Ok(json!({ "Result": read_pattern(call.text("EventPattern")?)?.matches(&event) }));
    }
    let bus_arn = bus_arn(call, call.opt_text("EventBusName"));
    let mut state = aws.lock();
    let bus = state.events.bus(&bus_arn)?;
    if call.operation == "PutRule" {
        return put(&mut bus.rules, call, &bus_arn);
    }
    if call.operation == "ListRules" {
        let prefix = call.opt_text("NamePrefix").unwrap_or_default();
        let rows: Vec<Value> = bus
            .rules
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, rule)| shown(name, rule))
            .collect();
        return Ok(json!({ "Rules": rows }));
    }
    let name = call.opt_text("Rule").or(call.opt_text("Name")).unwrap_or_default();
    let rule = bus.rules.get_mut(name).ok_or_else(|| {
        let bus_name = bus_arn.rsplit('/').next().unwrap_or_default();
        AwsError::new(
            "ResourceNotFoundException",
            format!("Rule {name} does not exist on EventBus {bus_name}."),
        )
    })?;
    match call.operation.as_str() {
        "DescribeRule" => return Ok(shown(name, rule)),
        "EnableRule" => rule.enabled = true,
        "DisableRule" => rule.enabled = false,
        "DeleteRule" => {
            if !rule.targets.is_empty() {
                return Err(AwsError::validation("Rule can't be deleted since it has targets."));
            }
            bus.rules.remove(name);
        }
        "PutTargets" => return put_targets(rule, call),
        "RemoveTargets" => {
            for id in call.texts("Ids") {
                rule.targets.remove(&id);
            }
            return Ok(json!({ "FailedEntryCount": 0, "FailedEntries": [] }));
        }
        _ => {
            let targets: Vec<&Value> = rule.targets.values().collect();
            return Ok(json!({ "Targets": targets }));
        }
    }
    Ok(json!({}))
}

fn shown(name: &str, rule: &Rule) -> Value {
    json!({
        "Name": name,
        "Arn": rule.arn,
        "Description": rule.description,
        "EventPattern": rule.pattern_text,
        "State": if rule.enabled { "ENABLED" } else { "DISABLED" },
    })
}

pub(super) fn read_pattern(text: &str) -> Result<Pattern, AwsError> {
    Pattern::parse(text).map_err(|fault| {
        AwsError::new(
            "InvalidEventPatternException",
            format!("Event pattern is not valid. Reason: {fault}"),
        )
    })
}

fn put(rules: &mut BTreeMap<String, Rule>, call: &Call, bus: &str) -> Result<Value, AwsError> {
    let name = call.text("Name")?;
    if call.opt_text("ScheduleExpression").is_some() {
        return Err(AwsError::validation(
            "ScheduleExpression: the local AWS has schedules in EventBridge Scheduler only",
        ));
    }
    let pattern_text = call.text("EventPattern")?.to_owned();
    let pattern = read_pattern(&pattern_text)?;
    let targets = rules.remove(name).map(|rule| rule.targets).unwrap_or_default();
    let rule = Rule {
        arn: rule_arn(bus, name),
        description: call.opt_text("Description").map(str::to_owned),
        pattern_text,
        pattern,
        enabled: call.opt_text("State") != Some("DISABLED"),
        targets,
    };
    let arn = rule.arn.clone();
    rules.insert(name.to_owned(), rule);
    Ok(json!({ "RuleArn": arn }))
}

fn put_targets(rule: &mut Rule, call: &Call) -> Result<Value, AwsError> {
    for target in call.list("Targets") {
        let members = target.as_object().cloned().unwrap_or_else(Map::new);
        if let Some(unknown) = members.keys().find(|name| !TARGET.contains(&name.as_str())) {
            return Err(AwsError::validation(format!(
                "Targets.{unknown}: the local AWS does not know this member of a target"
            )));
        }
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let (Some(id), Some(arn)) = (text("Id"), text("Arn")) else {
            return Err(AwsError::validation("Targets: Id and Arn are required"));
        };
        let inputs = ["Input", "InputPath", "InputTransformer"];
        if inputs.iter().filter(|name| members.contains_key(**name)).count() > 1 {
            return Err(AwsError::validation(format!(
                "Only one of Input, InputPath, or InputTransformer must be provided for target {id}."
            )));
        }
        let service = arn.split(':').nth(2).unwrap_or_default();
        if !["lambda", "sqs", "sns", "states", "events"].contains(&service) {
            return Err(AwsError::validation(format!(
                "Targets.Arn: {arn}: the local AWS delivers to lambda, sqs, sns, states and events"
            )));
        }
        if service == "sqs" && arn.ends_with(".fifo") && members.get("SqsParameters").is_none() {
            return Err(AwsError::validation(format!(
                "Parameter SqsParameters must be specified for target {id} when target is a FIFO queue."
            )));
        }
        rule.targets.insert(id.to_owned(), target.clone());
    }
    if rule.targets.len() > 5 {
        return Err(AwsError::new("LimitExceededException", "A rule has at most 5 targets."));
    }
    Ok(json!({ "FailedEntryCount": 0, "FailedEntries": [] }))
}
