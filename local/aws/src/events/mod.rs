//! EventBridge: buses with their policies, rules, targets with retries and dead letters,
//! archives and replays.

mod archive;
mod deliver;
mod limits;
mod pattern;
mod rules;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::iam::{Asker, Document, Verdict};
use crate::{Access, Aws, AwsError, Call, Principal, State};
use archive::Archive;
use rules::Rule;

/// The service's state: buses and archives by ARN.
#[derive(Debug, Default)]
pub(crate) struct Events {
    buses: BTreeMap<String, Bus>,
    archives: BTreeMap<String, Archive>,
    replays: BTreeMap<String, archive::Replay>,
}

#[derive(Debug, Default)]
struct Bus {
    description: Option<String>,
    statements: BTreeMap<String, Value>,
    rules: BTreeMap<String, Rule>,
}

/// The permissions that a call needs.
pub(crate) fn access(_state: &State, call: &Call) -> Vec<Access> {
    let action = format!("events:{}", call.operation);
    if call.operation == "PutEvents" {
        let bus = |entry: &Value| bus_arn(call, entry.get("EventBusName").and_then(Value::as_str));
        return call
            .list("Entries")
            .iter()
            .map(|entry| {
                let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
                Access::to(&action, bus(entry))
                    .with("events:source", text("Source"))
                    .with("events:detail-type", text("DetailType"))
            })
            .collect();
    }
    let bus = call.opt_text("EventBusName");
    let resource = match call.opt_text("Rule").or(call.opt_text("Name")) {
        Some(name) if call.operation.contains("Bus") => bus_arn(call, Some(name)),
        Some(name) if call.operation.contains("Rule") || call.operation.contains("Target") => {
            rules::rule_arn(&bus_arn(call, bus), name)
        }
        _ => "*".to_owned(),
    };
    vec![Access::to(action, resource)]
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    limits::check(call)?;
    match call.operation.as_str() {
        "CreateEventBus" | "DeleteEventBus" | "DescribeEventBus" | "ListEventBuses"
        | "PutPermission" | "RemovePermission" => buses(aws, call),
        "PutRule" | "DescribeRule" | "ListRules" | "EnableRule" | "DisableRule" | "DeleteRule"
        | "PutTargets" | "RemoveTargets" | "ListTargetsByRule" | "TestEventPattern" => {
            rules::handle(aws, call)
        }
        "CreateArchive" | "DescribeArchive" | "ListArchives" | "DeleteArchive" | "StartReplay"
        | "DescribeReplay" | "ListReplays" => archive::handle(aws, call),
        "PutEvents" => put_events(aws, call),
        "TagResource" => Ok(json!({})),
        other => Err(AwsError::unknown_operation("events", other)),
    }
}

/// The ARN of a bus named by name or ARN; none is the account's default bus.
fn bus_arn(call: &Call, name: Option<&str>) -> String {
    match name {
        Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
        name => {
            let name = name.unwrap_or("default");
            format!("arn:aws:events:{}:{}:event-bus/{name}", call.region, call.account)
        }
    }
}

fn no_such(what: &str, name: &str) -> AwsError {
    AwsError::new("ResourceNotFoundException", format!("{what} {name} does not exist."))
}

impl Events {
    /// A bus; the default one always exists.
    fn bus(&mut self, arn: &str) -> Result<&mut Bus, AwsError> {
        if arn.ends_with(":event-bus/default") {
            return Ok(self.buses.entry(arn.to_owned()).or_default());
        }
        let name = arn.rsplit('/').next().unwrap_or(arn);
        self.buses.get_mut(arn).ok_or_else(|| no_such("Event bus", name))
    }
}

fn buses(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let mut state = aws.lock();
    let events = &mut state.events;
    let named = call.opt_text("Name").or(call.opt_text("EventBusName"));
    let arn = bus_arn(call, named);
    match call.operation.as_str() {
        "CreateEventBus" => {
            if events.buses.contains_key(&arn) {
                let name = named.unwrap_or_default();
                return Err(AwsError::new(
                    "ResourceAlreadyExistsException",
                    format!("Event bus {name} already exists."),
                ));
            }
            let description = call.opt_text("Description").map(str::to_owned);
            events.buses.insert(arn.clone(), Bus { description, ..Bus::default() });
            Ok(json!({ "EventBusArn": arn }))
        }
        "DeleteEventBus" => {
            if events.buses.get(&arn).is_some_and(|bus| !bus.rules.is_empty()) {
                return Err(AwsError::validation("Event bus can't be deleted since it has rules."));
            }
            events.buses.remove(&arn);
            Ok(json!({}))
        }
        "DescribeEventBus" => {
            let bus = events.bus(&arn)?;
            let name = arn.rsplit('/').next().unwrap_or_default();
            Ok(
                json!({ "Name": name, "Arn": arn, "Description": bus.description, "Policy": policy(bus) }),
            )
        }
        "ListEventBuses" => {
            let mine = bus_arn(call, Some(""));
            let rows: Vec<Value> = events
                .buses
                .keys()
                .filter(|arn| arn.starts_with(&mine))
                .map(|arn| json!({ "Name": arn.rsplit('/').next(), "Arn": arn }))
                .collect();
            Ok(json!({ "EventBuses": rows }))
        }
        "PutPermission" => put_permission(events.bus(&arn)?, call),
        _ => {
            let bus = events.bus(&arn)?;
            match call.opt_text("StatementId") {
                Some(id) => drop(bus.statements.remove(id)),
                None => bus.statements.clear(),
            }
            Ok(json!({}))
        }
    }
}

fn put_permission(bus: &mut Bus, call: &Call) -> Result<Value, AwsError> {
    let Some(text) = call.opt_text("Policy") else {
        return Err(AwsError::validation("Policy: give the statement as a policy document"));
    };
    Document::resource(text).map_err(|fault| AwsError::validation(format!("Policy: {fault}")))?;
    let policy: Value = serde_json::from_str(text).unwrap_or_default();
    let statements = match &policy["Statement"] {
        Value::Array(statements) => statements.clone(),
        one => vec![one.clone()],
    };
    for statement in statements {
        let id = statement["Sid"].as_str().unwrap_or_default().to_owned();
        bus.statements.insert(id, statement);
    }
    Ok(json!({}))
}

fn policy(bus: &Bus) -> Option<String> {
    let statements: Vec<&Value> = bus.statements.values().collect();
    (!statements.is_empty())
        .then(|| json!({ "Version": "2012-10-17", "Statement": statements }).to_string())
}

fn put_events(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let entries = call.list("Entries");
    if entries.is_empty() || entries.len() > 10 {
        return Err(AwsError::validation(format!(
            "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member \
             must have length between 1 and 10; it has {}",
            entries.len()
        )));
    }
    let size: usize = entries.iter().map(|entry| entry.to_string().len()).sum();
    if size > 1_048_576 {
        return Err(AwsError::validation(format!(
            "Total size of the entries: {size} bytes; at most 1 MB"
        )));
    }
    let mut failed = 0;
    let rows: Vec<Value> = entries
        .iter()
        .map(|entry| match accept(aws, call, entry) {
            Ok(id) => json!({ "EventId": id }),
            Err(error) => {
                failed += 1;
                json!({ "ErrorCode": error.code, "ErrorMessage": error.message })
            }
        })
        .collect();
    Ok(json!({ "FailedEntryCount": failed, "Entries": rows }))
}

fn accept(aws: &Aws, call: &Call, entry: &Value) -> Result<String, AwsError> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let needed = |name: &str| {
        text(name).ok_or_else(|| {
            AwsError::new(
                "InvalidArgument",
                format!("Parameter {name} is not valid. Reason: {name} is a required argument."),
            )
        })
    };
    let (source, detail_type) = (needed("Source")?, needed("DetailType")?);
    let service = matches!(call.caller.principal, Principal::Service(_));
    if source.starts_with("aws.") && !service {
        return Err(AwsError::new(
            "NotAuthorizedForSourceException",
            format!("Not authorized for the source {source}."),
        ));
    }
    let detail: Value = serde_json::from_str(needed("Detail")?)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| AwsError::new("MalformedDetail", "Detail is malformed."))?;
    let bus = bus_arn(call, text("EventBusName"));
    admitted(aws, call, &bus, source, detail_type)?;
    let time = entry.get("Time").and_then(crate::wire::moment).unwrap_or_else(|| aws.now());
    let id = aws.uuid();
    let event = json!({
        "version": "0",
        "id": id,
        "detail-type": detail_type,
        "source": source,
        "account": call.account,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": call.region,
        "resources": call_resources(entry),
        "detail": detail,
    });
    deliver::publish(aws, &bus, &event, None)?;
    Ok(id)
}

fn call_resources(entry: &Value) -> Value {
    entry.get("Resources").filter(|value| value.is_array()).cloned().unwrap_or_else(|| json!([]))
}

/// Another account may put events on a bus only if the bus's policy says so.
fn admitted(
    aws: &Aws,
    call: &Call,
    bus: &str,
    source: &str,
    detail_type: &str,
) -> Result<(), AwsError> {
    let own = bus.split(':').nth(4) == Some(call.account.as_str());
    if own || matches!(call.caller.principal, Principal::Service(_)) {
        return Ok(());
    }
    let mut state = aws.lock();
    let mut context = crate::iam::caller_context(aws, &state, &call.caller);
    context.add("events:source", source);
    context.add("events:detail-type", detail_type);
    let policy = policy(state.events.bus(bus)?);
    let arns = crate::iam::arns_of(&state, &call.caller);
    let asker = Asker { account: &call.caller.account, arns: &arns, service: None };
    let allowed = policy.and_then(|text| Document::resource(&text).ok()).is_some_and(|document| {
        document.verdict_for(&asker, "events:PutEvents", bus, &context) == Verdict::Allows
    });
    if allowed {
        return Ok(());
    }
    Err(AwsError::access_denied(
        &call.caller.arn,
        "events:PutEvents",
        bus,
        "because the event bus's policy does not allow it",
    ))
}

/// An AWS service puts an event on the default bus of an account and Region.
pub(crate) fn announce(
    aws: &Aws,
    (account, region): (&str, &str),
    source: &str,
    detail_type: &str,
    resources: Value,
    detail: Value,
) {
    let call = Call::by_service(source, "events", "PutEvents", (account, region), json!({}));
    let entry = json!({
        "Source": source, "DetailType": detail_type, "Detail": detail.to_string(), "Resources": resources,
    });
    if let Err(error) = accept(aws, &call, &entry) {
        tracing::warn!(source, detail_type, %error, "the default bus did not take a service's event");
    }
}
