//! From a bus to the targets of the rules that match: each delivery is a task of its own, tried
//! again with growing waits, and ends in the target's dead letters when nothing helps.

use std::time::Duration;

use serde_json::{Value, json};

use crate::iam::{Asker, Document, Verdict};
use crate::{Aws, AwsError, Call};

/// Puts an event on a bus: archives keep it, targets of matching rules get it.
pub(super) fn publish(
    aws: &Aws,
    bus_arn: &str,
    event: &Value,
    replay: Option<&str>,
) -> Result<(), AwsError> {
    let now = aws.now();
    let mut deliveries = Vec::new();
    {
        let mut state = aws.lock();
        if replay.is_none() {
            for archive in state.events.archives.values_mut() {
                let wanted = archive.pattern.as_ref().is_none_or(|pattern| pattern.matches(event));
                if archive.bus == bus_arn && wanted {
                    archive.events.push((now, event.clone()));
                }
            }
        }
        for rule in state.events.bus(bus_arn)?.rules.values() {
            if rule.enabled && rule.pattern.matches(event) {
                deliveries.extend(rule.targets.values().map(|target| Delivery {
                    rule: rule.arn.clone(),
                    target: target.clone(),
                    event: event.clone(),
                }));
            }
        }
    }
    for delivery in deliveries {
        let world = aws.clone();
        aws.spawn(async move { delivery.run(&world).await });
    }
    Ok(())
}

struct Delivery {
    rule: String,
    target: Value,
    event: Value,
}

impl Delivery {
    async fn run(&self, aws: &Aws) {
        let policy = |name: &str, default: u64| {
            self.target
                .pointer(&format!("/RetryPolicy/{name}"))
                .and_then(Value::as_u64)
                .unwrap_or(default)
        };
        let most = policy("MaximumRetryAttempts", 185);
        let oldest = aws.after(Duration::from_secs(policy("MaximumEventAgeInSeconds", 86_400)));
        let mut wait = Duration::from_secs(1);
        let mut tries = 0;
        let error = loop {
            let Err(error) = self.deliver(aws).await else { return };
            tries += 1;
            // What the target's owner must mend is not tried again, as EventBridge has it.
            let hopeless = error.status < 500
                && !error.code.contains("Throttl")
                && error.code != "TooManyRequestsException";
            if hopeless || tries > most || aws.now() >= oldest {
                break error;
            }
            aws.sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(600));
        };
        self.bury(aws, &error, tries).await;
    }

    fn text(&self, pointer: &str) -> &str {
        self.target.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    fn place(&self) -> (String, String) {
        let mut parts = self.text("/Arn").split(':').skip(3);
        let region = parts.next().unwrap_or_default().to_owned();
        (parts.next().unwrap_or_default().to_owned(), region)
    }

    async fn deliver(&self, aws: &Aws) -> Result<(), AwsError> {
        let arn = self.text("/Arn");
        let input = self.input();
        let (service, operation, members) = match arn.split(':').nth(2).unwrap_or_default() {
            "lambda" => ("lambda", "Invoke", {
                json!({
                    "FunctionName": arn, "InvocationType": "Event",
                    "$body": crate::wire::blob(input.to_string().as_bytes()),
                })
            }),
            "sqs" => {
                let mut message = json!({ "QueueUrl": arn, "MessageBody": input.to_string() });
                if let Some(group) = self.target.pointer("/SqsParameters/MessageGroupId") {
                    message["MessageGroupId"] = group.clone();
                }
                ("sqs", "SendMessage", message)
            }
            "sns" => ("sns", "Publish", json!({ "TopicArn": arn, "Message": input.to_string() })),
            "states" => ("states", "StartExecution", {
                json!({ "stateMachineArn": arn, "input": input.to_string() })
            }),
            "events" => {
                self.may_forward(aws, arn)?;
                return publish(aws, arn, &self.event, None);
            }
            other => return Err(AwsError::validation(format!("{arn}: no deliveries to {other}"))),
        };
        let (account, region) = self.place();
        let mut call = Call::by_service(
            "events.amazonaws.com",
            service,
            operation,
            (&account, &region),
            members,
        );
        match self.text("/RoleArn") {
            "" => self.allowed(aws, service, arn)?,
            role => call.caller = crate::iam::session_of(role, "events")?,
        }
        match aws.happen(&call).await {
            Some(answer) => answer.map(drop),
            None => {
                Err(AwsError::new("ConnectionLost", "the target's answer was lost").status(503))
            }
        }
    }

    /// An event goes to another bus as the target's role, if there is one.
    fn may_forward(&self, aws: &Aws, bus: &str) -> Result<(), AwsError> {
        let role = self.text("/RoleArn");
        if role.is_empty() {
            return Ok(());
        }
        let (account, region) = self.place();
        let place = (account.as_str(), region.as_str());
        let mut call =
            Call::by_service("events.amazonaws.com", "events", "PutEvents", place, json!({}));
        call.caller = crate::iam::session_of(role, "events")?;
        let access = crate::Access::to("events:PutEvents", bus);
        crate::iam::would_allow(aws, &aws.lock(), &call, &access)
    }

    /// Queues, topics and functions say by their own policy whether EventBridge may reach them.
    fn allowed(&self, aws: &Aws, service: &str, arn: &str) -> Result<(), AwsError> {
        let (action, policy) = {
            let state = aws.lock();
            match service {
                "sqs" => ("sqs:SendMessage", state.sqs.policy(arn)),
                "sns" => ("sns:Publish", state.sns.policy(arn)),
                "lambda" => ("lambda:InvokeFunction", state.lambda.policy(arn)),
                _ => ("states:StartExecution", None),
            }
        };
        let mut context = crate::iam::Context::default();
        context.add("aws:SourceArn", self.rule.as_str());
        context.add("aws:SourceAccount", self.rule.split(':').nth(4).unwrap_or_default());
        context.add("aws:SecureTransport", "true");
        let asker = Asker { account: "", arns: &[], service: Some("events.amazonaws.com") };
        let document = policy.and_then(|text| Document::resource(&text).ok());
        let allows = document.is_some_and(|document| {
            document.verdict_for(&asker, action, arn, &context) == Verdict::Allows
        });
        if allows {
            return Ok(());
        }
        Err(AwsError::access_denied(
            "events.amazonaws.com",
            action,
            arn,
            &format!("because no resource-based policy allows it to the rule {}", self.rule),
        ))
    }

    fn input(&self) -> Value {
        if let Some(text) = self.target.get("Input").and_then(Value::as_str) {
            return serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        }
        if let Some(path) = self.target.get("InputPath").and_then(Value::as_str) {
            return at(&self.event, path);
        }
        if let Some(transformer) = self.target.get("InputTransformer") {
            return transformed(&self.event, transformer);
        }
        self.event.clone()
    }

    async fn bury(&self, aws: &Aws, error: &AwsError, tries: u64) {
        tracing::warn!(rule = self.rule, target = self.text("/Arn"), %error, "EventBridge gave up on a delivery");
        let letters = self.text("/DeadLetterConfig/Arn");
        if letters.is_empty() {
            return;
        }
        let attribute = |value: &str| json!({ "DataType": "String", "StringValue": value });
        let mut message = json!({
            "QueueUrl": letters,
            "MessageBody": self.event.to_string(),
            "MessageAttributes": {
                "RULE_ARN": attribute(&self.rule),
                "TARGET_ARN": attribute(self.text("/Arn")),
                "ERROR_CODE": attribute(&error.code),
                "ERROR_MESSAGE": attribute(&error.message),
                "RETRY_ATTEMPTS": attribute(&tries.to_string()),
            },
        });
        if letters.ends_with(".fifo") {
            message["MessageGroupId"] = json!("dead-letters");
            message["MessageDeduplicationId"] = self.event["id"].clone();
        }
        let (account, region) = self.place();
        let place = (account.as_str(), region.as_str());
        let call = Call::by_service("events.amazonaws.com", "sqs", "SendMessage", place, message);
        if let Err(error) = aws.perform(&call).await {
            tracing::error!(rule = self.rule, %error, "an event is lost: its dead letters refuse it");
        }
    }
}

/// What a JSON path of plain steps (`$.detail.id`) finds; null when there is nothing.
fn at(event: &Value, path: &str) -> Value {
    let pointer = path.trim_start_matches('$').replace('.', "/");
    event.pointer(&pointer).cloned().unwrap_or(Value::Null)
}

fn transformed(event: &Value, transformer: &Value) -> Value {
    let mut text =
        transformer.get("InputTemplate").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (name, path) in
        transformer.get("InputPathsMap").and_then(Value::as_object).into_iter().flatten()
    {
        let found = at(event, path.as_str().unwrap_or_default());
        let plain = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
        text = text.replace(&format!("\"<{name}>\""), &json!(plain).to_string());
        text = text.replace(&format!("<{name}>"), &plain);
    }
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}
