//! What the gate says: to StackSets, to an operator who asks why, and to the log.

use gate_rules::{Check, FailMode, Finding, Status, Verdict, vetoes};
use jiff::Timestamp;
use lifecycle::gate::GATE_FUNCTION;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The answer to an invocation.
///
/// StackSets needs `Status` and nothing else; that it ignores the other members is not
/// documented, so nothing depends on them.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-account-gating.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Answer {
    /// `SUCCEEDED` or `FAILED`.
    pub status: Status,
    /// Why, in one line.
    pub reason: String,
    /// Every check, when the request was `{"explain":true}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<Vec<Finding>>,
}

impl Answer {
    /// The answer that follows from the findings.
    pub(crate) fn new(status: Status, findings: &[Finding], mode: FailMode) -> Self {
        Self { status, reason: reason(status, findings, mode), checks: None }
    }
}

fn reason(status: Status, findings: &[Finding], mode: FailMode) -> String {
    let decisive: Vec<&str> = findings
        .iter()
        .filter(|finding| match status {
            Status::Failed => vetoes(finding, mode),
            Status::Succeeded => finding.verdict == Verdict::Open,
        })
        .map(|finding| finding.reason.as_str())
        .collect();
    if !decisive.is_empty() {
        return decisive.join("; ");
    }
    let unknown: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Unknown)
        .map(|finding| finding.reason.as_str())
        .collect();
    if unknown.is_empty() {
        "nothing stands in the way".to_owned()
    } else {
        format!("let through by the fail mode `open`: {}", unknown.join("; "))
    }
}

/// The line of the log, which is a metric in CloudWatch's embedded format as well.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
pub(crate) fn log_line(
    answer: &Answer,
    findings: &[Finding],
    mode: FailMode,
    now: Timestamp,
    milliseconds: u128,
) -> String {
    let mut line = Map::new();
    let mut metrics = vec![json!({ "Name": "Decisions", "Unit": "Count" })];
    line.insert("message".to_owned(), json!(format!("gate decided: {}", answer.reason)));
    line.insert("event".to_owned(), json!("gate decided"));
    line.insert("status".to_owned(), json!(answer.status));
    line.insert("reasons".to_owned(), json!(findings));
    line.insert("fail_mode".to_owned(), json!(mode));
    line.insert("duration_ms".to_owned(), json!(milliseconds as u64));
    line.insert("Function".to_owned(), json!(GATE_FUNCTION));
    line.insert("Decisions".to_owned(), json!(1));
    for check in Check::ALL {
        let vetoed = answer.status == Status::Failed
            && findings.iter().any(|finding| finding.check == check && vetoes(finding, mode));
        if vetoed {
            let name = format!("VetoesBy{}", check.name());
            metrics.push(json!({ "Name": name, "Unit": "Count" }));
            line.insert(name, json!(1));
        }
    }
    let unknown = findings.iter().filter(|finding| finding.verdict == Verdict::Unknown).count();
    if unknown > 0 {
        metrics.push(json!({ "Name": "FailedChecks", "Unit": "Count" }));
        line.insert("FailedChecks".to_owned(), json!(unknown));
    }
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [
                { "Namespace": "Landlord/AccountGate", "Dimensions": [["Function"]], "Metrics": metrics },
            ],
        }),
    );
    Value::Object(line).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_veto_names_its_reasons_and_counts_by_check() {
        let findings = [
            Finding::new(Check::Override, Verdict::Pass, "no override"),
            Finding::new(Check::Alarms, Verdict::Veto, "alarm a is red"),
            Finding::new(Check::Calendars, Verdict::Unknown, "no answer"),
        ];
        let answer = Answer::new(Status::Failed, &findings, FailMode::Closed);
        assert_eq!(answer.reason, "alarm a is red; no answer");
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let line = log_line(&answer, &findings, FailMode::Closed, now, 12);
        assert!(!line.contains('\n'));
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["status"], "FAILED");
        assert_eq!(line["VetoesByAlarms"], 1);
        assert_eq!(line["VetoesByCalendars"], 1);
        assert_eq!(line.get("VetoesByOverride"), None);
        assert_eq!(line["FailedChecks"], 1);
        assert_eq!(line["reasons"][1]["Reason"], "alarm a is red");
        let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        for metric in metrics {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
        }
        assert_eq!(line["_aws"]["Timestamp"], 1_800_000_000_000_i64);
    }

    #[test]
    fn an_answer_has_the_key_that_stack_sets_reads() {
        let findings = [Finding::new(Check::Override, Verdict::Pass, "no override")];
        let answer = Answer::new(Status::Succeeded, &findings, FailMode::Closed);
        assert_eq!(
            serde_json::to_value(&answer).unwrap(),
            json!({ "Status": "SUCCEEDED", "Reason": "nothing stands in the way" })
        );
    }
}
