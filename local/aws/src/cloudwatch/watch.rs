//! The evaluation of alarms, every minute of the world's time, and what follows from a change of
//! state: an event on the default bus, and the alarm's actions.
//!
//! Queues are looked at here, for the alarms that ask about them: SQS publishes once a minute what
//! others count as it happens.

use std::time::Duration;

use serde_json::{Value, json};

use super::evaluate::Question;
use super::metrics::{Metric, Place, Values, minute};
use super::{Alarm, CloudWatch, rule};
use crate::{Aws, Call};

/// An alarm that changed its state.
struct Change {
    place: Place,
    name: String,
    old: String,
    alarm: Alarm,
}

/// Begins to evaluate alarms, if the world's settings say so and it has not begun.
pub(super) fn begin(aws: &Aws) {
    if !aws.settings().alarms || std::mem::replace(&mut aws.lock().cloudwatch.watches, true) {
        return;
    }
    let world = aws.clone();
    aws.spawn(async move {
        loop {
            world.sleep(Duration::from_secs(60)).await;
            for change in evaluate(&world) {
                tell(&world, &change).await;
            }
        }
    });
}

/// Evaluates every alarm: those that changed.
fn evaluate(aws: &Aws) -> Vec<Change> {
    let now = aws.now();
    let end = minute(aws, now);
    look_at_queues(aws, end);
    let mut state = aws.lock();
    let mut changes = Vec::new();
    let CloudWatch { alarms, metrics, .. } = &mut state.cloudwatch;
    for (place, alarms) in alarms {
        let metrics = metrics.entry(place.clone()).or_default();
        let mut next: Vec<(String, &'static str, String)> = alarms
            .iter()
            .filter(|(_, alarm)| !alarm.composite)
            .filter_map(|(name, alarm)| {
                let (state, reason) = Question::of(&alarm.members)?.state(metrics, end)?;
                (state != alarm.state).then(|| (name.clone(), state, reason))
            })
            .collect();
        change(place, alarms, &mut next, now, &mut changes);
        // Composite alarms follow the others, and each other in the next minute.
        let state_of = |name: &str| alarms.get(name).map(|alarm| alarm.state.clone());
        let mut next: Vec<(String, &'static str, String)> = alarms
            .iter()
            .filter(|(_, alarm)| alarm.composite)
            .filter_map(|(name, alarm)| {
                let text = alarm.members.get("AlarmRule").and_then(Value::as_str)?;
                let state = if rule::holds(text, &state_of).ok()? { "ALARM" } else { "OK" };
                (state != alarm.state)
                    .then(|| (name.clone(), state, format!("by its rule: {text}")))
            })
            .collect();
        change(place, alarms, &mut next, now, &mut changes);
    }
    changes
}

fn change(
    place: &Place,
    alarms: &mut std::collections::BTreeMap<String, Alarm>,
    next: &mut Vec<(String, &'static str, String)>,
    now: jiff::Timestamp,
    changes: &mut Vec<Change>,
) {
    for (name, state, reason) in next.drain(..) {
        let Some(alarm) = alarms.get_mut(&name) else { continue };
        let old = std::mem::replace(&mut alarm.state, state.to_owned());
        alarm.reason = reason;
        alarm.updated = now;
        let alarm = alarm.clone();
        changes.push(Change { place: place.clone(), name, old, alarm });
    }
}

/// Puts what SQS publishes of the queues that alarms ask about, for the minute that has ended.
fn look_at_queues(aws: &Aws, end: i64) {
    let now = aws.now();
    let mut state = aws.lock();
    let asked: Vec<(Place, Metric)> = state
        .cloudwatch
        .alarms
        .iter()
        .flat_map(|(place, alarms)| alarms.values().map(move |alarm| (place, alarm)))
        .filter_map(|(place, alarm)| Some((place.clone(), Question::of(&alarm.members)?.metric)))
        .filter(|(_, metric)| metric.namespace == "AWS/SQS")
        .collect();
    for (place, metric) in asked {
        let Some(queue) = metric.dimension("QueueName") else { continue };
        let value = crate::sqs::figure(aws, &state.sqs, (&place, queue), &metric.name, now);
        if let Some(value) = value {
            let metrics = state.cloudwatch.metrics.entry(place).or_default();
            if metrics.of(&metric, end, 1).is_none() {
                metrics.put(metric, end - 1, Values::one(value));
            }
        }
    }
}

/// The event, and the actions of the new state.
async fn tell(aws: &Aws, change: &Change) {
    let Change { place: (account, region), name, old, alarm } = change;
    let arn = format!("arn:aws:cloudwatch:{region}:{account}:alarm:{name}");
    tracing::info!(alarm = name, "{} → {}: {}", old, alarm.state, alarm.reason);
    let at = alarm.updated.to_string();
    let detail = json!({
        "alarmName": name,
        "state": { "value": alarm.state, "reason": alarm.reason, "timestamp": at },
        "previousState": { "value": old },
        "configuration": { "description": alarm.members.get("AlarmDescription") },
    });
    let kind = "CloudWatch Alarm State Change";
    crate::events::announce(
        aws,
        (account, region),
        "aws.cloudwatch",
        kind,
        json!([arn.clone()]),
        detail,
    );
    let actions = match alarm.state.as_str() {
        "ALARM" => "AlarmActions",
        "OK" => "OKActions",
        _ => "InsufficientDataActions",
    };
    let suppressed = super::is_suppressed(
        aws.lock().cloudwatch.alarms.entry((account.clone(), region.clone())).or_default(),
        alarm,
    );
    if !alarm.actions_enabled || suppressed {
        return;
    }
    let member = |name: &str| alarm.members.get(name).cloned().unwrap_or(Value::Null);
    let message = json!({
        "AlarmName": name,
        "AlarmDescription": member("AlarmDescription"),
        "AWSAccountId": account,
        "NewStateValue": alarm.state,
        "NewStateReason": alarm.reason,
        "StateChangeTime": at,
        "Region": region,
        "AlarmArn": arn,
        "OldStateValue": old,
        "Trigger": {
            "MetricName": member("MetricName"), "Namespace": member("Namespace"),
            "Dimensions": member("Dimensions"), "Threshold": member("Threshold"),
        },
    });
    for target in member(actions).as_array().into_iter().flatten().filter_map(Value::as_str) {
        let input = json!({
            "TopicArn": target,
            "Subject": format!("{}: \"{name}\" in {region}", alarm.state).chars().take(100).collect::<String>(),
            "Message": message.to_string(),
        });
        if !target.contains(":sns:") {
            tracing::warn!(alarm = name, target, "an action that is no topic is not taken here");
            continue;
        }
        let service = "cloudwatch.amazonaws.com";
        let publish = Call::by_service(service, "sns", "Publish", (account, region), input);
        if let Err(error) = aws.perform(&publish).await {
            tracing::warn!(alarm = name, target, %error, "an alarm's action failed");
        }
    }
}
