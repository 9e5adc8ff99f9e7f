//! The alarms of a plan: in the account and Region where Landlord runs.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use lambda_kit::client;
use lambda_kit::sdk::Wire;
use serde::{Deserialize, Serialize};

use crate::error::Stop;
use crate::plan::{Health, MissingData};

/// The most names that CloudWatch takes in a request.
const MOST_NAMES: usize = 100;

/// One alarm that is not in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Red {
    /// Its name.
    pub name: String,
    /// `ALARM`, `INSUFFICIENT_DATA`, or `MISSING` when there is no such alarm.
    pub state: String,
    /// CloudWatch's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A client for them.
pub fn alarms_client(wire: &Wire) -> aws_sdk_cloudwatch::Client {
    client!(aws_sdk_cloudwatch, wire)
}

/// An alarm as CloudWatch described it: state and reason.
type Described = BTreeMap<String, (StateValue, Option<String>)>;

/// The alarms that are not in order now, without those that are ignored.
///
/// # Errors
/// A wait, or what CloudWatch refuses.
pub async fn red(
    client: &aws_sdk_cloudwatch::Client,
    health: &Health,
    ignored: &[String],
) -> Result<Vec<Red>, Stop> {
    let mut described = Described::new();
    for names in health.alarms.chunks(MOST_NAMES) {
        describe(client, Some(names.to_vec()), None, &mut described).await?;
    }
    for prefix in &health.alarm_prefixes {
        describe(client, None, Some(prefix.clone()), &mut described).await?;
    }
    Ok(judge(health, ignored, &described))
}

async fn describe(
    client: &aws_sdk_cloudwatch::Client,
    names: Option<Vec<String>>,
    prefix: Option<String>,
    described: &mut Described,
) -> Result<(), Stop> {
    let mut token = None;
    loop {
        let page = client
            .describe_alarms()
            .set_alarm_names(names.clone())
            .set_alarm_name_prefix(prefix.clone())
            .alarm_types(AlarmType::MetricAlarm)
            .alarm_types(AlarmType::CompositeAlarm)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| {
                Stop::of("cloudwatch", "DescribeAlarms", "the plan's alarms", &error)
            })?;
        let metric = page
            .metric_alarms()
            .iter()
            .map(|alarm| (alarm.alarm_name(), alarm.state_value().cloned(), alarm.state_reason()));
        let composite = page
            .composite_alarms()
            .iter()
            .map(|alarm| (alarm.alarm_name(), alarm.state_value().cloned(), alarm.state_reason()));
        for (name, state, reason) in metric.chain(composite) {
            let state = state.unwrap_or(StateValue::InsufficientData);
            if let Some(name) = name {
                described.insert(name.to_owned(), (state, reason.map(str::to_owned)));
            }
        }
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(());
        }
    }
}

fn judge(health: &Health, ignored: &[String], described: &Described) -> Vec<Red> {
    let ignored: BTreeSet<&String> = ignored.iter().collect();
    let missing = health.alarms.iter().filter(|name| !described.contains_key(*name));
    let missing =
        missing.map(|name| Red { name: name.clone(), state: "MISSING".to_owned(), reason: None });
    let wrong = described.iter().filter(|(_, (state, _))| match state {
        StateValue::Ok => false,
        StateValue::InsufficientData => health.missing_data == MissingData::Unhealthy,
        _ => true,
    });
    let wrong = wrong.map(|(name, (state, reason))| Red {
        name: name.clone(),
        state: state.as_str().to_owned(),
        reason: reason.as_ref().map(|reason| reason.chars().take(200).collect()),
    });
    missing.chain(wrong).filter(|red| !ignored.contains(&red.name)).collect()
}

/// What is red, in words for people: the first by name.
pub fn in_words(red: &[Red]) -> String {
    match red {
        [] => "no alarm is red".to_owned(),
        [one] => format!("the alarm {} is red", one.name),
        [first, ..] => format!("{} alarms are red, the first is {}", red.len(), first.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::RedBefore;

    fn health(missing_data: MissingData) -> Health {
        Health {
            alarms: vec!["named".into(), "gone".into()],
            alarm_prefixes: vec![],
            red_before: RedBefore::Refuse,
            missing_data,
        }
    }

    #[test]
    fn an_alarm_is_red_when_it_is_in_alarm_or_missing_and_without_data_by_choice() {
        let described = Described::from([
            ("named".into(), (StateValue::Ok, None)),
            ("one".into(), (StateValue::Alarm, Some("5 > 3".into()))),
            ("two".into(), (StateValue::InsufficientData, None)),
        ]);
        let names = |missing, ignored: &[&str]| -> Vec<String> {
            let ignored: Vec<String> = ignored.iter().map(ToString::to_string).collect();
            judge(&health(missing), &ignored, &described).into_iter().map(|red| red.name).collect()
        };
        assert_eq!(names(MissingData::Healthy, &[]), ["gone", "one"]);
        assert_eq!(names(MissingData::Unhealthy, &["one"]), ["gone", "two"]);
    }
}
