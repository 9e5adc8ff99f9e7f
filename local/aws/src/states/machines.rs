//! Making, reading and changing machines.

use std::collections::BTreeMap;
use std::sync::Arc;

use local_states::Machine;
use serde_json::{Value, json};

use super::model::StateMachine;
use super::{page, sdk, tasks};
use crate::wire::timestamp;
use crate::{Aws, AwsError, Call};

const LONGEST_DEFINITION: usize = 1_048_576;

/// Performs a call about machines.
pub(super) fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    match call.operation.as_str() {
        "CreateStateMachine" => create(aws, call),
        "UpdateStateMachine" => update(aws, call),
        "DescribeStateMachine" => with(aws, call, |machine| Ok(shown(machine))),
        "DescribeStateMachineForExecution" => of_execution(aws, call),
        "ListStateMachines" => list(aws, call),
        "DeleteStateMachine" => {
            let arn = call.text("stateMachineArn")?;
            aws.lock().states.machines.remove(arn);
            Ok(json!({}))
        }
        "ValidateStateMachineDefinition" => validate(call),
        _ => tags(aws, call),
    }
}

/// The ARN of the machine that a call makes.
pub(super) fn arn_of(call: &Call) -> String {
    let name = call.opt_text("name").unwrap_or_default();
    format!("arn:aws:states:{}:{}:stateMachine:{name}", call.region, call.account)
}

/// The error for a machine that does not exist.
pub(super) fn not_found(arn: &str) -> AwsError {
    AwsError::new("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"))
}

fn with<T>(
    aws: &Aws,
    call: &Call,
    act: impl FnOnce(&mut StateMachine) -> Result<T, AwsError>,
) -> Result<T, AwsError> {
    let arn = call.text("stateMachineArn")?;
    let mut state = aws.lock();
    act(state.states.machines.get_mut(arn).ok_or_else(|| not_found(arn))?)
}

/// Whether a machine or an execution may be called so.
pub(super) fn check_name(name: &str) -> Result<(), AwsError> {
    let wrong =
        |c: char| c.is_whitespace() || c.is_control() || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(c);
    if (1..=80).contains(&name.chars().count()) && !name.contains(wrong) {
        return Ok(());
    }
    Err(AwsError::new(
        "InvalidName",
        format!(
            "Invalid Name: '{name}': 1 to 80 characters without spaces or <>{{}}[]?*\"#%\\^|~`$&,;:/"
        ),
    ))
}

/// Reads a definition; the fault lists everything that is wrong, with its place.
fn parse(definition: &str) -> Result<Arc<Machine>, AwsError> {
    let invalid = |message: String| {
        let text = format!("Invalid State Machine Definition: '{message}'");
        AwsError::new("InvalidDefinition", text)
    };
    if definition.len() > LONGEST_DEFINITION {
        return Err(invalid(format!(
            "{} bytes, at most {LONGEST_DEFINITION} are allowed",
            definition.len()
        )));
    }
    let machine = Machine::parse(definition).map_err(|errors| invalid(errors.to_string()))?;
    for resource in machine.resources() {
        let is_there = match resource.service.strip_prefix("aws-sdk:") {
            Some(service) => sdk::service(service).is_some(),
            None => tasks::OPTIMISED.contains(&resource.service.as_str()),
        };
        if !is_there {
            let service = &resource.service;
            let problem = format!("{}: the local AWS has no service {service}", resource.arn);
            return Err(invalid(problem));
        }
    }
    Ok(Arc::new(machine))
}

fn check_role(aws: &Aws, role: &str) -> Result<(), AwsError> {
    if crate::iam::role_of_arn(role).is_err() {
        return Err(AwsError::new("InvalidArn", format!("Invalid Role Arn: '{role}'")));
    }
    if crate::iam::trusts_service(&aws.lock(), role, "states.amazonaws.com") {
        return Ok(());
    }
    Err(AwsError::new(
        "AccessDeniedException",
        format!(
            "Neither the global service principal states.amazonaws.com, nor the regional one is \
             authorized to assume the provided role: {role}"
        ),
    ))
}

fn read_tags(call: &Call) -> BTreeMap<String, String> {
    call.list("tags")
        .iter()
        .filter_map(|tag| {
            Some((tag["key"].as_str()?.to_owned(), tag["value"].as_str()?.to_owned()))
        })
        .collect()
}

fn create(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("name")?;
    check_name(name)?;
    match call.opt_text("type") {
        None | Some("STANDARD") => {}
        Some(other) => {
            return Err(AwsError::new(
                "StateMachineTypeNotSupported",
                format!("The local AWS runs STANDARD machines only, not {other}"),
            ));
        }
    }
    let definition = call.text("definition")?;
    let machine = parse(definition)?;
    let role = call.text("roleArn")?;
    check_role(aws, role)?;
    let arn = arn_of(call);
    let (now, revision) = (aws.now(), aws.uuid());
    let mut state = aws.lock();
    if let Some(existing) = state.states.machines.get(&arn) {
        if existing.definition.as_ref() == definition && existing.role == role {
            return Ok(json!({
                "stateMachineArn": arn, "creationDate": timestamp(existing.created),
            }));
        }
        return Err(AwsError::new(
            "StateMachineAlreadyExists",
            format!("State Machine Already Exists: '{arn}'"),
        ));
    }
    let machine = StateMachine {
        arn: arn.clone(),
        name: name.to_owned(),
        account: call.account.clone(),
        region: call.region.clone(),
        role: role.to_owned(),
        definition: definition.into(),
        machine,
        created: now,
        revision,
        logging: call.input.get("loggingConfiguration").cloned().unwrap_or(Value::Null),
        tracing: call.input.get("tracingConfiguration").cloned().unwrap_or(Value::Null),
        tags: read_tags(call),
    };
    state.states.machines.insert(arn.clone(), machine);
    Ok(json!({ "stateMachineArn": arn, "creationDate": timestamp(now) }))
}

fn update(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let definition =
        call.opt_text("definition").map(|text| Ok((text, parse(text)?))).transpose()?;
    if let Some(role) = call.opt_text("roleArn") {
        check_role(aws, role)?;
    }
    let (now, revision) = (aws.now(), aws.uuid());
    with(aws, call, |machine| {
        if let Some((text, parsed)) = definition {
            machine.definition = text.into();
            machine.machine = parsed;
        }
        if let Some(role) = call.opt_text("roleArn") {
            role.clone_into(&mut machine.role);
        }
        for (member, place) in [
            ("loggingConfiguration", &mut machine.logging),
            ("tracingConfiguration", &mut machine.tracing),
        ] {
            if let Some(value) = call.input.get(member) {
                *place = value.clone();
            }
        }
        machine.revision = revision;
        Ok(json!({ "updateDate": timestamp(now), "revisionId": machine.revision }))
    })
}

fn shown(machine: &StateMachine) -> Value {
    let mut shown = json!({
        "stateMachineArn": machine.arn,
        "name": machine.name,
        "status": "ACTIVE",
        "definition": machine.definition.as_ref(),
        "roleArn": machine.role,
        "type": "STANDARD",
        "creationDate": timestamp(machine.created),
        "revisionId": machine.revision,
    });
    if !machine.logging.is_null() {
        shown["loggingConfiguration"] = machine.logging.clone();
    }
    if !machine.tracing.is_null() {
        shown["tracingConfiguration"] = machine.tracing.clone();
    }
    shown
}

fn of_execution(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("executionArn")?;
    let state = aws.lock();
    let execution =
        state.states.executions.get(arn).ok_or_else(|| super::executions::not_found(arn))?;
    Ok(json!({
        "stateMachineArn": execution.machine_arn,
        "name": execution.machine_name,
        "definition": execution.definition.as_ref(),
        "roleArn": execution.role,
        "updateDate": timestamp(execution.started),
    }))
}

fn list(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let state = aws.lock();
    let mine = state
        .states
        .machines
        .values()
        .filter(|machine| machine.account == call.account && machine.region == call.region);
    let all = mine
        .map(|machine| {
            json!({
                "stateMachineArn": machine.arn,
                "name": machine.name,
                "type": "STANDARD",
                "creationDate": timestamp(machine.created),
            })
        })
        .collect();
    page(call, all, "stateMachines")
}

fn validate(call: &Call) -> Result<Value, AwsError> {
    let (faults, warnings) = match Machine::parse(call.text("definition")?) {
        Ok(machine) => (Vec::new(), machine.warnings().to_vec()),
        Err(errors) => (errors.0, Vec::new()),
    };
    // AWS says of warnings only when it is asked to.
    let wants_warnings = call.opt_text("severity") == Some("WARNING");
    let warnings = warnings.iter().filter(|_| wants_warnings).map(|one| (one, "WARNING"));
    let result = if faults.is_empty() { "OK" } else { "FAIL" };
    let diagnostics: Vec<Value> = faults
        .iter()
        .map(|fault| (fault, "ERROR"))
        .chain(warnings)
        .map(|(fault, severity)| {
            json!({
                "severity": severity,
                "code": "SCHEMA_VALIDATION_FAILED",
                "message": fault.problem,
                "location": format!("/{}", fault.location.replace('.', "/")),
            })
        })
        .collect();
    Ok(json!({ "result": result, "diagnostics": diagnostics, "truncated": false }))
}

fn tags(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("resourceArn")?;
    let mut state = aws.lock();
    let machine =
        state.states.machines.get_mut(arn).ok_or_else(|| {
            AwsError::new("ResourceNotFound", format!("Resource not found: '{arn}'"))
        })?;
    match call.operation.as_str() {
        "TagResource" => machine.tags.extend(read_tags(call)),
        "UntagResource" => {
            let keys = call.texts("tagKeys");
            machine.tags.retain(|key, _| !keys.contains(key));
        }
        _ => {
            let tags: Vec<Value> = machine
                .tags
                .iter()
                .map(|(key, value)| json!({ "key": key, "value": value }))
                .collect();
            return Ok(json!({ "tags": tags }));
        }
    }
    Ok(json!({}))
}
