//! Metrics by CloudWatch's embedded metric format: one line of JSON on standard output is a log
//! line and a metric at once, without a call and without a permission.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// One value of one metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric<'a> {
    /// The namespace, such as `Landlord/Signups`.
    pub namespace: &'a str,
    /// The metric's name.
    pub name: &'a str,
    /// CloudWatch's unit, such as `Seconds` or `Count`.
    pub unit: &'a str,
    /// The value.
    pub value: f64,
    /// Names and values of the dimensions. The value is published once for each of them alone, so
    /// that an alarm may look at one of them.
    pub dimensions: &'a [(&'a str, &'a str)],
    /// What a reader of the log sees, and further fields of the line.
    pub message: &'a str,
    /// Further fields of the line; no metric.
    pub fields: &'a [(&'a str, &'a str)],
}

impl Metric<'_> {
    /// The line.
    pub fn line(&self, now: Timestamp) -> String {
        let mut line = Map::new();
        line.insert("message".to_owned(), json!(self.message));
        for (name, value) in self.dimensions.iter().chain(self.fields) {
            line.insert((*name).to_owned(), json!(value));
        }
        line.insert(self.name.to_owned(), json!(self.value));
        let dimensions: Vec<[&str; 1]> = self.dimensions.iter().map(|(name, _)| [*name]).collect();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": self.namespace,
                    "Dimensions": dimensions,
                    "Metrics": [{ "Name": self.name, "Unit": self.unit }],
                }],
            }),
        );
        Value::Object(line).to_string()
    }
}

type Sink = dyn Fn(&str) + Send + Sync;

/// Where the lines go.
#[derive(Clone, Default)]
pub struct Metrics(Option<Arc<Sink>>);

impl Metrics {
    /// To standard output, where Lambda collects them.
    pub fn to_stdout() -> Self {
        Self::from_fn(|line| {
            // A line that cannot be written is a metric less, and no reason to fail.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        })
    }

    /// Nowhere.
    pub fn discard() -> Self {
        Self(None)
    }

    /// To `write`, line by line.
    pub fn from_fn(write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(write)))
    }

    /// Publishes the value.
    pub fn put(&self, now: Timestamp, metric: &Metric<'_>) {
        if let Some(write) = &self.0 {
            write(&metric.line(now));
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Metrics(..)" } else { "Metrics(discard)" })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_line_is_a_log_line_and_a_metric() {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = lines.clone();
        let metrics = Metrics::from_fn(move |line| kept.lock().unwrap().push(line.to_owned()));
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let metric = Metric {
            namespace: "Landlord/Signups",
            name: "SignupHeadWaiting",
            unit: "Seconds",
            value: 130.0,
            dimensions: &[("Class", "FAULT"), ("Reason", "TiersInvalid")],
            message: "the signup waits: the tiers are wrong\nindeed",
            fields: &[("message.id", "m-1")],
        };
        metrics.put(now, &metric);
        Metrics::discard().put(now, &metric);
        let lines = lines.lock().unwrap();
        assert_eq!(lines.len(), 1);
        assert!(!lines[0].contains('\n'), "one line");
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["SignupHeadWaiting"], 130.0);
        assert_eq!(line["Class"], "FAULT");
        assert_eq!(line["message.id"], "m-1");
        assert_eq!(line["_aws"]["Timestamp"], 1_800_000_000_000_i64);
        let published = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(published["Dimensions"], json!([["Class"], ["Reason"]]));
        assert_eq!(published["Metrics"][0]["Name"], "SignupHeadWaiting");
    }
}
