//! CloudWatch alarms: metric and composite ones, their states set by hand, by `SetAlarmState`, or,
//! where the world's settings say so, by their metrics and rules; mute rules, and composite alarms
//! whose actions another alarm suppresses.

mod evaluate;
mod metrics;
mod mute_rules;
mod rule;
mod watch;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::wire::timestamp;
use crate::{Access, Aws, AwsError, Call, State};

/// The service's state: alarms by (account, Region) and name.
#[derive(Debug, Default)]
pub(crate) struct CloudWatch {
    alarms: BTreeMap<(String, String), BTreeMap<String, Alarm>>,
    mute_rules: BTreeMap<(String, String), mute_rules::Rules>,
    metrics: BTreeMap<(String, String), metrics::Metrics>,
    /// Whether alarms are evaluated already.
    watches: bool,
}

#[derive(Debug, Clone)]
struct Alarm {
    composite: bool,
    members: Map<String, Value>,
    state: String,
    reason: String,
    updated: Timestamp,
    actions_enabled: bool,
}

/// The permissions that a call needs.
pub(crate) fn access(_state: &State, call: &Call) -> Vec<Access> {
    let action = format!("cloudwatch:{}", call.operation);
    let resource =
        call.opt_text("AlarmName").map_or_else(|| "*".to_owned(), |name| arn(call, name));
    vec![Access::to(action, resource)]
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let now = aws.now();
    match call.operation.as_str() {
        "PutMetricData" => return metrics::put_data(aws, call),
        "PutMetricAlarm" | "PutCompositeAlarm" => watch::begin(aws),
        _ => {}
    }
    let mut state = aws.lock();
    let key = (call.account.clone(), call.region.clone());
    let rules = state.cloudwatch.mute_rules.entry(key.clone()).or_default();
    if let Some(answer) = mute_rules::handle(rules, call, now) {
        return answer;
    }
    let alarms = state.cloudwatch.alarms.entry(key).or_default();
    match call.operation.as_str() {
        "PutMetricAlarm" => put(alarms, call, now, false),
        "PutCompositeAlarm" => put(alarms, call, now, true),
        "DescribeAlarms" => describe(alarms, call),
        "SetAlarmState" => set_state(alarms, call, now),
        "EnableAlarmActions" | "DisableAlarmActions" => {
            let enabled = call.operation == "EnableAlarmActions";
            for name in call.texts("AlarmNames") {
                if let Some(alarm) = alarms.get_mut(&name) {
                    alarm.actions_enabled = enabled;
                }
            }
            Ok(json!({}))
        }
        "DeleteAlarms" => {
            let names = call.texts("AlarmNames");
            if let Some(missing) = names.iter().find(|name| !alarms.contains_key(*name)) {
                return Err(AwsError::new(
                    "ResourceNotFound",
                    format!("Alarm {missing} not found"),
                )
                .status(404));
            }
            alarms.retain(|name, _| !names.contains(name));
            Ok(json!({}))
        }
        other => Err(AwsError::unknown_operation("cloudwatch", other)),
    }
}

fn arn(call: &Call, name: &str) -> String {
    format!("arn:aws:cloudwatch:{}:{}:alarm:{name}", call.region, call.account)
}

const STATES: [&str; 3] = ["OK", "ALARM", "INSUFFICIENT_DATA"];

fn put(
    alarms: &mut BTreeMap<String, Alarm>,
    call: &Call,
    now: Timestamp,
    composite: bool,
) -> Result<Value, AwsError> {
    let name = call.text("AlarmName")?;
    if name.is_empty() || name.chars().count() > 255 {
        return Err(AwsError::validation("AlarmName: 1 to 255 characters"));
    }
    if composite {
        rule::holds(call.text("AlarmRule")?, &|_| None).map_err(AwsError::validation)?;
    } else {
        for member in ["ComparisonOperator", "EvaluationPeriods"] {
            if call.input.get(member).is_none() {
                return Err(AwsError::new(
                    "MissingParameter",
                    format!("The parameter {member} is required."),
                ));
            }
        }
    }
    let mut members = call.input.as_object().cloned().unwrap_or_default();
    members.remove("Tags");
    members.remove("ActionsEnabled");
    let old = alarms.get(name);
    let alarm = Alarm {
        composite,
        members,
        state: old.map_or_else(|| "INSUFFICIENT_DATA".to_owned(), |old| old.state.clone()),
        reason: old.map_or_else(
            || "Unchecked: Initial alarm creation".to_owned(),
            |old| old.reason.clone(),
        ),
        updated: old.map_or(now, |old| old.updated),
        actions_enabled: call.opt_bool("ActionsEnabled")?.unwrap_or(true),
    };
    alarms.insert(name.to_owned(), alarm);
    Ok(json!({}))
}

fn set_state(
    alarms: &mut BTreeMap<String, Alarm>,
    call: &Call,
    now: Timestamp,
) -> Result<Value, AwsError> {
    let (name, value) = (call.text("AlarmName")?, call.text("StateValue")?);
    if !STATES.contains(&value) {
        return Err(AwsError::validation(format!(
            "StateValue: \"{value}\" is not one of {}",
            STATES.join(", ")
        )));
    }
    let alarm = alarms.get_mut(name).ok_or_else(|| {
        AwsError::new("ResourceNotFound", format!("Alarm {name} not found")).status(404)
    })?;
    value.clone_into(&mut alarm.state);
    call.text("StateReason")?.clone_into(&mut alarm.reason);
    alarm.updated = now;
    Ok(json!({}))
}

fn describe(alarms: &BTreeMap<String, Alarm>, call: &Call) -> Result<Value, AwsError> {
    let (names, prefix) = (call.texts("AlarmNames"), call.opt_text("AlarmNamePrefix"));
    if !names.is_empty() && prefix.is_some() {
        return Err(AwsError::validation("AlarmNames and AlarmNamePrefix cannot be used together"));
    }
    if names.len() > 100 {
        return Err(AwsError::validation("AlarmNames: at most 100"));
    }
    let types = call.texts("AlarmTypes");
    let wanted_type = |composite: bool| match composite {
        true => types.iter().any(|kind| kind == "CompositeAlarm"),
        // Omitted means metric alarms only.
        false => types.is_empty() || types.iter().any(|kind| kind == "MetricAlarm"),
    };
    let state = call.opt_text("StateValue");
    let actions = call.opt_text("ActionPrefix");
    let found: Vec<(&String, &Alarm)> = alarms
        .iter()
        .filter(|(name, alarm)| {
            (names.is_empty() || names.contains(name))
                && prefix.is_none_or(|prefix| name.starts_with(prefix))
                && wanted_type(alarm.composite)
                && state.is_none_or(|state| alarm.state == state)
                && actions.is_none_or(|prefix| has_action(alarm, prefix))
        })
        .collect();
    let most = call.opt_int("MaxRecords")?.unwrap_or(50);
    if !(1..=100).contains(&most) {
        return Err(AwsError::validation(format!("MaxRecords: {most} is not 1 to 100")));
    }
    let start: usize = match call.opt_text("NextToken") {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| AwsError::new("InvalidNextToken", "The next token is invalid."))?,
    };
    let end = found.len().min(start + most as usize);
    let (mut metric, mut composite) = (Vec::new(), Vec::new());
    for (name, alarm) in found.get(start..end).unwrap_or_default() {
        let mut shown = shown(call, name, alarm);
        if is_suppressed(alarms, alarm) {
            shown["ActionsSuppressedBy"] = json!("Alarm");
        }
        if alarm.composite { composite.push(shown) } else { metric.push(shown) }
    }
    let mut answer = json!({ "MetricAlarms": metric, "CompositeAlarms": composite });
    if end < found.len() {
        answer["NextToken"] = json!(end.to_string());
    }
    Ok(answer)
}

/// A composite alarm's actions are suppressed while its suppressor is in `ALARM`. The periods in
/// which it waits before and after are not kept here.
fn is_suppressed(alarms: &BTreeMap<String, Alarm>, alarm: &Alarm) -> bool {
    let suppressor = alarm.members.get("ActionsSuppressor").and_then(Value::as_str);
    let name = suppressor.map(|given| given.rsplit(":alarm:").next().unwrap_or(given));
    alarm.composite
        && name.and_then(|name| alarms.get(name)).is_some_and(|other| other.state == "ALARM")
}

fn has_action(alarm: &Alarm, prefix: &str) -> bool {
    alarm
        .members
        .get("AlarmActions")
        .and_then(Value::as_array)
        .is_some_and(|all| all.iter().filter_map(Value::as_str).any(|arn| arn.starts_with(prefix)))
}

/// Numbers come as text from query requests; answers have them as numbers.
const NUMBERS: [&str; 4] = ["EvaluationPeriods", "DatapointsToAlarm", "Period", "Threshold"];

fn shown(call: &Call, name: &str, alarm: &Alarm) -> Value {
    let mut row = alarm.members.clone();
    for member in NUMBERS {
        if let Some(Value::String(text)) = row.get(member)
            && let Ok(number) = serde_json::from_str::<Value>(text)
        {
            row.insert(member.to_owned(), number);
        }
    }
    // A double, also when it was given as a whole number: CBOR tells them apart.
    if let Some(threshold) = row.get("Threshold").and_then(Value::as_f64) {
        row.insert("Threshold".to_owned(), json!(threshold));
    }
    row.insert("AlarmArn".to_owned(), json!(arn(call, name)));
    row.insert("ActionsEnabled".to_owned(), json!(alarm.actions_enabled));
    row.insert("StateValue".to_owned(), json!(alarm.state));
    row.insert("StateReason".to_owned(), json!(alarm.reason));
    row.insert("StateUpdatedTimestamp".to_owned(), timestamp(alarm.updated));
    Value::Object(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    async fn ask(aws: &Aws, operation: &str, input: Value) -> Result<Value, AwsError> {
        let place = ("111122223333", "eu-central-1");
        aws.perform(&Call::by_service("test.amazonaws.com", "cloudwatch", operation, place, input))
            .await
    }

    #[tokio::test]
    async fn composite_alarms_are_listed_only_when_asked_for() {
        let aws = Aws::new(Settings::default());
        let metric = json!({ "AlarmName": "m", "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": "1" });
        ask(&aws, "PutMetricAlarm", metric).await.unwrap();
        ask(&aws, "PutCompositeAlarm", json!({ "AlarmName": "c", "AlarmRule": "ALARM(m)" }))
            .await
            .unwrap();
        let all = ask(&aws, "DescribeAlarms", json!({})).await.unwrap();
        assert_eq!(all["MetricAlarms"][0]["EvaluationPeriods"], 1);
        assert_eq!(all["CompositeAlarms"], json!([]));
        let both = json!({ "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": 1 });
        let first = ask(&aws, "DescribeAlarms", both).await.unwrap();
        assert_eq!(first["CompositeAlarms"][0]["AlarmName"], "c");
        assert_eq!(first["NextToken"], "1");
    }

    #[tokio::test]
    async fn a_whole_threshold_is_answered_as_a_double() {
        let aws = Aws::new(Settings::default());
        for threshold in [json!(10), json!("10")] {
            let metric = json!({ "AlarmName": "m", "ComparisonOperator": "GreaterThanThreshold",
                "EvaluationPeriods": 1, "Threshold": threshold });
            ask(&aws, "PutMetricAlarm", metric).await.unwrap();
            let all = ask(&aws, "DescribeAlarms", json!({})).await.unwrap();
            assert!(all["MetricAlarms"][0]["Threshold"].is_f64(), "{all}");
        }
    }

    #[tokio::test]
    async fn a_mute_rule_is_active_in_its_time_and_found_by_its_alarm() {
        let aws = Aws::new(Settings {
            start: "2026-11-21T10:00:00Z".parse().ok(),
            ..Settings::default()
        });
        let rule = |expression: &str| {
            json!({ "Name": "r", "MuteTargets": { "AlarmNames": ["m"] }, "Rule": { "Schedule": {
                "Expression": expression, "Duration": "PT2H", "Timezone": "Europe/Berlin" } } })
        };
        let statuses = async || {
            let input = json!({ "AlarmName": "m", "Statuses": ["ACTIVE"] });
            let found = ask(&aws, "ListAlarmMuteRules", input).await.unwrap();
            found["AlarmMuteRuleSummaries"].as_array().unwrap().len()
        };
        // Ten in UTC is eleven in Berlin.
        for (expression, active) in
            [("at(2026-11-21T10:00)", 1), ("at(2026-11-21T09:00)", 0), ("at(2026-11-21T11:01)", 0)]
        {
            ask(&aws, "PutAlarmMuteRule", rule(expression)).await.unwrap();
            assert_eq!(statuses().await, active, "{expression}");
        }
        let weekly = ask(&aws, "PutAlarmMuteRule", rule("cron(0 2 * * SUN)")).await.unwrap_err();
        assert!(weekly.message.contains("knows Expression at"), "{}", weekly.message);
    }

    #[tokio::test]
    async fn a_composite_alarm_says_that_another_alarm_suppresses_it() {
        let aws = Aws::new(Settings::default());
        let metric = json!({ "AlarmName": "deploying", "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": "1" });
        ask(&aws, "PutMetricAlarm", metric).await.unwrap();
        let composite =
            json!({ "AlarmName": "c", "AlarmRule": "ALARM(m)", "ActionsSuppressor": "deploying" });
        ask(&aws, "PutCompositeAlarm", composite).await.unwrap();
        let shown = async || {
            let input = json!({ "AlarmTypes": ["CompositeAlarm"] });
            ask(&aws, "DescribeAlarms", input).await.unwrap()["CompositeAlarms"][0].clone()
        };
        assert_eq!(shown().await.get("ActionsSuppressedBy"), None);
        let red = json!({ "AlarmName": "deploying", "StateValue": "ALARM", "StateReason": "test" });
        ask(&aws, "SetAlarmState", red).await.unwrap();
        assert_eq!(shown().await["ActionsSuppressedBy"], "Alarm");
    }

    #[tokio::test]
    async fn a_state_is_set_and_filtered_by() {
        let aws = Aws::new(Settings::default());
        let metric = json!({ "AlarmName": "m", "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Threshold": 10 });
        ask(&aws, "PutMetricAlarm", metric).await.unwrap();
        let set = json!({ "AlarmName": "m", "StateValue": "ALARM", "StateReason": "test" });
        ask(&aws, "SetAlarmState", set).await.unwrap();
        let red = ask(&aws, "DescribeAlarms", json!({ "StateValue": "ALARM" })).await.unwrap();
        assert_eq!(red["MetricAlarms"][0]["StateReason"], "test");
        assert!(red["MetricAlarms"][0]["Threshold"].is_f64(), "{red}");
        let wrong = json!({ "AlarmName": "m", "StateValue": "RED", "StateReason": "test" });
        assert!(ask(&aws, "SetAlarmState", wrong).await.unwrap_err().message.contains("\"RED\""));
    }
}
