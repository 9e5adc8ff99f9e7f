//! Asynchronous invocations: retries, destinations, dead letters.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::invoke::run;
use super::model::Function;
use crate::{Aws, Call, InvocationOutcome};

/// Takes an event; it is run in the background.
pub(super) fn queue(aws: &Aws, arn: String, payload: Bytes) {
    let world = aws.clone();
    let request_id = aws.uuid();
    aws.spawn(async move { deliver(&world, &arn, payload, &request_id).await });
}

async fn deliver(aws: &Aws, arn: &str, payload: Bytes, request_id: &str) {
    let begun = aws.now();
    let mut failures = 0;
    let mut throttled = 0;
    loop {
        let outcome = run(aws, arn, payload.clone(), request_id.to_owned()).await;
        let function = aws.lock().lambda.functions.get(arn).cloned();
        let Some(function) = function else { return };
        let age = aws.now().duration_since(begun).as_secs().unsigned_abs();
        let oldest = aws.paced(Duration::from_secs(function.asynchronous.age_seconds)).as_secs();
        let (condition, outcome) = match outcome {
            Ok(outcome @ InvocationOutcome::Answered(_)) => ("Success", outcome),
            Ok(outcome @ InvocationOutcome::Failed { .. }) => {
                failures += 1;
                if failures <= function.asynchronous.retries && age < oldest {
                    aws.sleep(Duration::from_secs(60 * u64::from(failures))).await;
                    continue;
                }
                let aged = age >= oldest;
                (if aged { "EventAgeExceeded" } else { "RetriesExhausted" }, outcome)
            }
            // Throttles and faults of the service are retried for as long as the event may wait.
            Err(error) => {
                throttled += 1;
                if age < oldest {
                    let wait = 1_u64 << throttled.min(8);
                    aws.sleep(Duration::from_secs(wait.min(300))).await;
                    continue;
                }
                let payload = Bytes::from(json!({ "errorMessage": error.message }).to_string());
                ("EventAgeExceeded", InvocationOutcome::Failed { error: error.code, payload })
            }
        };
        let report = Report { function, request_id, payload: &payload, condition, failures };
        report.send(aws, &outcome).await;
        return;
    }
}

struct Report<'a> {
    function: Function,
    request_id: &'a str,
    payload: &'a Bytes,
    condition: &'a str,
    failures: u32,
}

impl Report<'_> {
    async fn send(&self, aws: &Aws, outcome: &InvocationOutcome) {
        let config = &self.function.asynchronous;
        let destination = match outcome {
            InvocationOutcome::Answered(_) => &config.on_success,
            InvocationOutcome::Failed { .. } => &config.on_failure,
        };
        if let Some(arn) = destination {
            self.send_to(aws, arn, &self.record(aws, outcome).to_string(), json!({})).await;
        }
        if let (InvocationOutcome::Failed { error, .. }, Some(arn)) =
            (outcome, &self.function.dead_letters)
        {
            let text = |value: &str| json!({ "DataType": "String", "StringValue": value });
            let attributes = json!({
                "RequestID": text(self.request_id),
                "ErrorCode": { "DataType": "Number", "StringValue": "200" },
                "ErrorMessage": text(error),
            });
            let event = String::from_utf8_lossy(self.payload).into_owned();
            self.send_to(aws, arn, &event, attributes).await;
        }
    }

    fn record(&self, aws: &Aws, outcome: &InvocationOutcome) -> Value {
        let json_of = |bytes: &Bytes| serde_json::from_slice(bytes).unwrap_or(Value::Null);
        let mut record = json!({
            "version": "1.0",
            "timestamp": format!("{:.3}", aws.now()),
            "requestContext": {
                "requestId": self.request_id,
                "functionArn": format!("{}:$LATEST", self.function.arn),
                "condition": self.condition,
                "approximateInvokeCount": self.failures.max(1),
            },
            "requestPayload": json_of(self.payload),
            "responseContext": { "statusCode": 200, "executedVersion": "$LATEST" },
        });
        let response = match outcome {
            InvocationOutcome::Answered(payload) => payload,
            InvocationOutcome::Failed { payload, .. } => {
                record["responseContext"]["functionError"] = json!("Unhandled");
                payload
            }
        };
        record["responsePayload"] = json_of(response);
        record
    }

    /// Sends to a destination with the permissions of the function's role.
    async fn send_to(&self, aws: &Aws, arn: &str, message: &str, attributes: Value) {
        let parts: Vec<&str> = arn.split(':').collect();
        let (service, operation, input) = match parts.get(2).copied() {
            Some("sqs") => (
                "sqs",
                "SendMessage",
                json!({
                    "QueueUrl": arn, "MessageBody": message, "MessageAttributes": attributes,
                }),
            ),
            Some("sns") => ("sns", "Publish", json!({ "TopicArn": arn, "Message": message })),
            Some("lambda") => (
                "lambda",
                "Invoke",
                json!({
                    "FunctionName": arn,
                    "InvocationType": "Event",
                    "$body": crate::wire::blob(message.as_bytes()),
                }),
            ),
            Some("events") => (
                "events",
                "PutEvents",
                json!({ "Entries": [{
                    "Source": "lambda",
                    "DetailType": "Lambda Function Invocation Result",
                    "Detail": message,
                    "EventBusName": arn,
                    "Resources": [self.function.arn],
                }] }),
            ),
            _ => {
                tracing::warn!(arn, "Lambda knows no such destination");
                return;
            }
        };
        let Ok(caller) = crate::iam::session_of(&self.function.role, &self.function.name) else {
            return;
        };
        let call = Call {
            service,
            operation: operation.to_owned(),
            input,
            caller,
            account: self.function.account.clone(),
            region: self.function.region.clone(),
        };
        if let Err(error) = aws.perform(&call).await {
            tracing::warn!(function = self.function.arn, arn, %error, "Lambda could not deliver");
        }
    }
}
