//! Metrics: what is put by `PutMetricData`, written in embedded format by functions, and counted by
//! the services themselves, kept by the minute for as long as an alarm may look back.
//!
//! Nothing is kept unless the world's alarms are evaluated (`Settings::alarms`).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{Aws, AwsError, Call};

/// Where a metric is: account and Region.
pub(super) type Place = (String, String);

/// Which metric: namespace, name, dimensions in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Metric {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) dimensions: Vec<(String, String)>,
}

impl Metric {
    pub(super) fn new(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Self {
        let mut dimensions: Vec<(String, String)> =
            dimensions.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        dimensions.sort();
        Self { namespace: namespace.to_owned(), name: name.to_owned(), dimensions }
    }

    /// The value of a dimension.
    pub(super) fn dimension(&self, name: &str) -> Option<&str> {
        self.dimensions.iter().find(|(its, _)| its == name).map(|(_, value)| value.as_str())
    }
}

/// The values of one minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Values {
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Values {
    pub(super) fn one(value: f64) -> Self {
        Self { count: 1.0, sum: value, least: value, most: value }
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }
}

/// All metrics of one account and Region.
#[derive(Debug, Default)]
pub(super) struct Metrics(BTreeMap<Metric, BTreeMap<i64, Values>>);

/// An alarm looks back a week at most.
const KEPT_MINUTES: i64 = 7 * 24 * 60;

impl Metrics {
    pub(super) fn put(&mut self, metric: Metric, minute: i64, values: Values) {
        let minutes = self.0.entry(metric).or_default();
        let all = minutes.get(&minute).map_or(values, |before| before.with(values));
        minutes.insert(minute, all);
        while minutes.first_key_value().is_some_and(|(first, _)| *first < minute - KEPT_MINUTES) {
            minutes.pop_first();
        }
    }

    /// The values of `minutes` minutes, the last of which is the one before `end`; none when none was
    /// put.
    pub(super) fn of(&self, metric: &Metric, end: i64, minutes: i64) -> Option<Values> {
        let range = self.0.get(metric)?.range(end - minutes..end);
        range.map(|(_, values)| *values).reduce(Values::with)
    }
}

/// The number of the minute of a moment, at the world's pace.
pub(super) fn minute(aws: &Aws, at: Timestamp) -> i64 {
    let length = aws.paced(Duration::from_secs(60)).as_millis().max(1);
    at.as_millisecond().div_euclid(i64::try_from(length).unwrap_or(60_000))
}

impl Aws {
    /// A service, or a test, publishes one value of a metric, now.
    pub fn put_metric(
        &self,
        (account, region): (&str, &str),
        (namespace, name): (&str, &str),
        dimensions: &[(&str, &str)],
        value: f64,
    ) {
        if !self.settings().alarms {
            return;
        }
        let minute = minute(self, self.now());
        let metric = Metric::new(namespace, name, dimensions);
        let place = (account.to_owned(), region.to_owned());
        let mut state = self.lock();
        let metrics = state.cloudwatch.metrics.entry(place).or_default();
        metrics.put(metric, minute, Values::one(value));
    }

    /// CloudWatch Logs receives a line of a function: in embedded metric format it is a metric.
    pub fn log_line(&self, (account, region): (&str, &str), line: &str) {
        if !self.settings().alarms || !line.contains("\"_aws\"") {
            return;
        }
        let Ok(line) = serde_json::from_str::<Value>(line) else { return };
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten() {
            let namespace = directive["Namespace"].as_str().unwrap_or_default();
            for set in directive["Dimensions"].as_array().into_iter().flatten() {
                let names = set.as_array().into_iter().flatten().filter_map(Value::as_str);
                let dimensions: Vec<(&str, String)> =
                    names.map(|name| (name, text(name))).collect();
                let dimensions: Vec<(&str, &str)> =
                    dimensions.iter().map(|(name, value)| (*name, value.as_str())).collect();
                for metric in directive["Metrics"].as_array().into_iter().flatten() {
                    let name = metric["Name"].as_str().unwrap_or_default();
                    if let Some(value) = line[name].as_f64() {
                        self.put_metric((account, region), (namespace, name), &dimensions, value);
                    }
                }
            }
        }
    }
}

/// `PutMetricData`.
pub(super) fn put_data(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let namespace = call.text("Namespace")?;
    let place = (call.account.as_str(), call.region.as_str());
    for datum in call.input["MetricData"].as_array().into_iter().flatten() {
        let name = datum["MetricName"].as_str().unwrap_or_default();
        if name.is_empty() {
            return Err(AwsError::validation("MetricData: MetricName is required"));
        }
        let dimensions = dimensions(&datum["Dimensions"]);
        let dimensions: Vec<(&str, &str)> =
            dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let value = |member: &Value| {
            member.as_f64().or_else(|| member.as_str().and_then(|text| text.parse().ok()))
        };
        if let Some(value) = value(&datum["Value"]) {
            aws.put_metric(place, (namespace, name), &dimensions, value);
        }
        for one in datum["Values"].as_array().into_iter().flatten().filter_map(value) {
            aws.put_metric(place, (namespace, name), &dimensions, one);
        }
    }
    Ok(json!({}))
}

/// Dimensions as alarms and data have them.
pub(super) fn dimensions(list: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pairs = list.as_array().into_iter().flatten();
    pairs.map(|pair| (text(&pair["Name"]), text(&pair["Value"]))).collect()
}
