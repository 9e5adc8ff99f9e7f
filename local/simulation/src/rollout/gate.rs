//! A gate for worlds without the shipped one: a red alarm vetoes, an override decides before it.

use jiff::Timestamp;
use local_aws::{Aws, Invocation, InvocationOutcome};
use serde_json::{Value, json};

use super::fleet::inside;

/// The parameter by which a gate is opened or held for a while.
const OVERRIDE: &str = "/landlord/gate/override";

/// What the gate of an account and Region answers now.
pub async fn answer(aws: &Aws, invocation: &Invocation) -> InvocationOutcome {
    let place = (invocation.account.as_str(), invocation.region.as_str());
    let passes = match said(aws, place).await {
        Some(action) => action == "open",
        None => {
            let red = json!({ "StateValue": "ALARM", "AlarmTypes": ["MetricAlarm"] });
            let alarms = inside(aws, place, ("cloudwatch", "DescribeAlarms"), red).await;
            alarms.is_ok_and(|alarms| alarms["MetricAlarms"] == json!([]))
        }
    };
    let status = if passes { "SUCCEEDED" } else { "FAILED" };
    InvocationOutcome::Answered(json!({ "Status": status }).to_string().into())
}

/// `open` or `hold`, as long as it counts.
async fn said(aws: &Aws, place: (&str, &str)) -> Option<String> {
    let read =
        inside(aws, place, ("ssm", "GetParameter"), json!({ "Name": OVERRIDE })).await.ok()?;
    let text = read["Parameter"]["Value"].as_str()?;
    let said: Value = serde_json::from_str(text).ok()?;
    let until: Timestamp = said["until"].as_str()?.parse().ok()?;
    (aws.now() < until).then(|| said["action"].as_str().map(str::to_owned))?
}
