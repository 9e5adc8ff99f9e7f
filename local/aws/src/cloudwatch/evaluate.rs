//! What state a metric alarm is in, by its metric: AWS's rules for statistics, comparison, `M` out of
//! `N` and missing data.
//!
//! An alarm is evaluated every minute, over a window that ends with the last full minute and slides
//! with it. Percentiles, metric math and anomaly bands are not evaluated here: such an alarm keeps the
//! state that it was set to.

use serde_json::{Map, Value};

use super::metrics::{Metric, Metrics, Values, dimensions};

/// A metric alarm, as far as its evaluation goes.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) metric: Metric,
    statistic: Statistic,
    /// The period, in minutes.
    period: i64,
    periods: usize,
    to_alarm: usize,
    threshold: f64,
    comparison: Comparison,
    missing: MissingData,
}

#[derive(Debug, Clone, Copy)]
enum Statistic {
    Average,
    Sum,
    Minimum,
    Maximum,
    SampleCount,
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    GreaterOrEqual,
    Greater,
    LessOrEqual,
    Less,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum MissingData {
    Missing,
    NotBreaching,
    Breaching,
    Ignore,
}

impl Comparison {
    fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterOrEqual => value >= threshold,
            Self::Greater => value > threshold,
            Self::LessOrEqual => value <= threshold,
            Self::Less => value < threshold,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::GreaterOrEqual => "greater than or equal to",
            Self::Greater => "greater than",
            Self::LessOrEqual => "less than or equal to",
            Self::Less => "less than",
        }
    }
}

impl Statistic {
    fn of(self, values: Values) -> f64 {
        match self {
            Self::Average => values.sum / values.count.max(1.0),
            Self::Sum => values.sum,
            Self::Minimum => values.least,
            Self::Maximum => values.most,
            Self::SampleCount => values.count,
        }
    }
}

impl Question {
    /// Reads an alarm's members; nothing for one that is not evaluated here.
    pub(super) fn of(members: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let number = |name: &str| {
            let value = members.get(name)?;
            value.as_f64().or_else(|| value.as_str()?.parse().ok())
        };
        let statistic = match text("Statistic")? {
            "Average" => Statistic::Average,
            "Sum" => Statistic::Sum,
            "Minimum" => Statistic::Minimum,
            "Maximum" => Statistic::Maximum,
            "SampleCount" => Statistic::SampleCount,
            _ => return None,
        };
        let comparison = match text("ComparisonOperator")? {
            "GreaterThanOrEqualToThreshold" => Comparison::GreaterOrEqual,
            "GreaterThanThreshold" => Comparison::Greater,
            "LessThanOrEqualToThreshold" => Comparison::LessOrEqual,
            "LessThanThreshold" => Comparison::Less,
            _ => return None,
        };
        let missing = match text("TreatMissingData").unwrap_or("missing") {
            "notBreaching" => MissingData::NotBreaching,
            "breaching" => MissingData::Breaching,
            "ignore" => MissingData::Ignore,
            _ => MissingData::Missing,
        };
        let given = dimensions(members.get("Dimensions").unwrap_or(&Value::Null));
        let given: Vec<(&str, &str)> =
            given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let whole = |number: f64| format!("{:.0}", number.floor()).parse::<u32>().ok();
        let periods = usize::try_from(whole(number("EvaluationPeriods")?)?).ok()?;
        let to_alarm = number("DatapointsToAlarm").and_then(whole);
        Some(Self {
            metric: Metric::new(text("Namespace")?, text("MetricName")?, &given),
            statistic,
            period: i64::from(whole((number("Period")? / 60.0).max(1.0))?),
            periods,
            to_alarm: to_alarm.and_then(|most| usize::try_from(most).ok()).unwrap_or(periods),
            threshold: number("Threshold")?,
            comparison,
            missing,
        })
    }

    /// The state that follows, with its reason; nothing when it stays as it is. `end` is the running
    /// minute, which is not looked at.
    pub(super) fn state(&self, metrics: &Metrics, end: i64) -> Option<(&'static str, String)> {
        let value = |back: usize| {
            let end = end - self.period * i64::try_from(back).unwrap_or(i64::MAX);
            metrics.of(&self.metric, end, self.period).map(|values| self.statistic.of(values))
        };
        let values: Vec<Option<f64>> = (0..self.periods).map(value).collect();
        let there: Vec<f64> = values.iter().copied().flatten().collect();
        if there.is_empty() {
            match self.missing {
                MissingData::Ignore => return None,
                MissingData::Missing => {
                    let reason = "Insufficient Data: no datapoints were received";
                    return Some(("INSUFFICIENT_DATA", reason.to_owned()));
                }
                MissingData::Breaching | MissingData::NotBreaching => {}
            }
        }
        let breaching = values
            .iter()
            .filter(|value| match (value, self.missing) {
                (Some(value), _) => self.comparison.holds(*value, self.threshold),
                (None, missing) => missing == MissingData::Breaching,
            })
            .count();
        let state = if breaching >= self.to_alarm { "ALARM" } else { "OK" };
        Some((state, self.reason(state, &there)))
    }

    fn reason(&self, state: &str, there: &[f64]) -> String {
        let Some(newest) = there.first() else {
            let how =
                if self.missing == MissingData::Breaching { "Breaching" } else { "NonBreaching" };
            return format!(
                "Threshold Crossed: no datapoints were received for {} periods and {} missing \
                 datapoints were treated as [{how}].",
                self.periods, self.periods
            );
        };
        let not = if state == "ALARM" { "was" } else { "was not" };
        format!(
            "Threshold Crossed: {} out of the last {} datapoints [{newest:?}] {not} {} the threshold \
             ({:?}).",
            there.len(),
            self.periods,
            self.comparison.words(),
            self.threshold
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn question(more: &Value) -> Question {
        let mut members = json!({
            "Namespace": "n", "MetricName": "m", "Statistic": "Maximum", "Period": 60,
            "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Threshold": 10,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        });
        members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Question::of(members.as_object().unwrap()).unwrap()
    }

    /// The state after these minutes, the oldest first; the next minute runs.
    fn state(more: Value, minutes: &[Option<f64>]) -> Option<&'static str> {
        let question = question(&more);
        let mut metrics = Metrics::default();
        for (minute, value) in (0..).zip(minutes) {
            if let Some(value) = value {
                metrics.put(question.metric.clone(), minute, Values::one(*value));
            }
        }
        let end = i64::try_from(minutes.len()).unwrap();
        question.state(&metrics, end).map(|(state, _)| state)
    }

    #[test]
    fn so_many_of_so_many_periods_raise_it() {
        let (high, low) = (Some(10.0), Some(9.9));
        assert_eq!(state(json!({}), &[high, low, high]), Some("ALARM"));
        assert_eq!(state(json!({}), &[high, high, low, low]), Some("OK"));
        assert_eq!(state(json!({ "DatapointsToAlarm": 3 }), &[high, low, high]), Some("OK"));
        let less = json!({ "ComparisonOperator": "LessThanThreshold" });
        assert_eq!(state(less, &[low, low, high]), Some("ALARM"));
        // A period of three minutes is one datapoint.
        let sum = json!({ "Statistic": "Sum", "Period": 180, "EvaluationPeriods": 1,
                          "DatapointsToAlarm": 1, "Threshold": 29.7 });
        assert_eq!(state(sum, &[high, low, low]), Some("ALARM"));
    }

    #[test]
    fn missing_data_counts_as_the_alarm_says() {
        for (treated, nothing, one_high) in [
            ("notBreaching", Some("OK"), Some("OK")),
            ("breaching", Some("ALARM"), Some("ALARM")),
            ("ignore", None, Some("OK")),
            ("missing", Some("INSUFFICIENT_DATA"), Some("OK")),
        ] {
            let more = || json!({ "TreatMissingData": treated });
            assert_eq!(state(more(), &[None, None, None]), nothing, "{treated}");
            assert_eq!(state(more(), &[Some(10.0), None, None]), one_high, "{treated}");
        }
    }

    #[test]
    fn what_is_not_evaluated_here_keeps_its_state() {
        for members in [
            json!({ "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1 }),
            json!({ "Namespace": "n", "MetricName": "m", "ExtendedStatistic": "p99", "Period": 60,
                    "EvaluationPeriods": 1, "Threshold": 1,
                    "ComparisonOperator": "GreaterThanThreshold" }),
        ] {
            assert!(Question::of(members.as_object().unwrap()).is_none(), "{members}");
        }
    }
}
