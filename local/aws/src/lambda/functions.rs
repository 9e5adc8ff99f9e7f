//! Making, reading and changing functions.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::arn_of;
use super::model::{AsyncConfig, Function};
use crate::{Aws, AwsError, Call};

/// The concurrency of an account, and what of it must stay unreserved.
const ACCOUNT_CONCURRENCY: u32 = 1_000;
const UNRESERVED: u32 = 100;

/// Variables that Lambda sets itself.
const RESERVED: [&str; 9] = [
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_RUNTIME_API",
];

const SHOWN: [&str; 9] = [
    "Description",
    "Handler",
    "Runtime",
    "Architectures",
    "LoggingConfig",
    "TracingConfig",
    "EphemeralStorage",
    "Layers",
    "KMSKeyArn",
];

/// Performs a call about functions.
pub(super) fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    match call.operation.as_str() {
        "CreateFunction" => create(aws, call),
        "GetFunction" => with(aws, call, |function| {
            let mut answer = json!({
                "Configuration": function.configuration(),
                "Code": { "RepositoryType": "S3", "Location": function.code_location },
                "Tags": function.tags,
            });
            if let Some(reserved) = function.reserved {
                answer["Concurrency"] = json!({ "ReservedConcurrentExecutions": reserved });
            }
            Ok(answer)
        }),
        "GetFunctionConfiguration" => with(aws, call, |function| Ok(function.configuration())),
        "UpdateFunctionConfiguration" => update_configuration(aws, call),
        "UpdateFunctionCode" => {
            let (now, revision) = (aws.now(), aws.uuid());
            with(aws, call, |function| {
                function.code = code_name(&call.input)?;
                function.code_location = call.input.clone();
                (function.modified, function.revision) = (now, revision);
                Ok(function.configuration())
            })
        }
        "DeleteFunction" => {
            let arn = arn_of(call);
            let removed = aws.lock().lambda.functions.remove(&arn);
            removed.map(|_| json!({})).ok_or_else(|| not_found(&arn))
        }
        "ListFunctions" => list(aws, call),
        "AddPermission" | "RemovePermission" | "GetPolicy" => policy(aws, call),
        "PutFunctionConcurrency" => reserve(aws, call),
        "GetFunctionConcurrency" => with(aws, call, |function| {
            Ok(function.reserved.map_or_else(
                || json!({}),
                |reserved| json!({ "ReservedConcurrentExecutions": reserved }),
            ))
        }),
        "DeleteFunctionConcurrency" => with(aws, call, |function| {
            function.reserved = None;
            Ok(json!({}))
        }),
        "PutFunctionEventInvokeConfig" | "UpdateFunctionEventInvokeConfig" => {
            let config = async_config(call)?;
            with(aws, call, |function| {
                function.asynchronous = config;
                Ok(shown_config(function))
            })
        }
        "GetFunctionEventInvokeConfig" => with(aws, call, |function| {
            if !function.asynchronous.is_set {
                return Err(AwsError::new(
                    "ResourceNotFoundException",
                    format!("The function {} doesn't have an EventInvokeConfig", function.arn),
                )
                .status(404));
            }
            Ok(shown_config(function))
        }),
        "DeleteFunctionEventInvokeConfig" => with(aws, call, |function| {
            function.asynchronous = AsyncConfig::default();
            Ok(json!({}))
        }),
        other => Err(AwsError::unknown_operation("lambda", other)),
    }
}

/// The error for a function that does not exist.
pub(super) fn not_found(arn: &str) -> AwsError {
    AwsError::new("ResourceNotFoundException", format!("Function not found: {arn}"))
        .status(404)
        .member("Type", "User")
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterValueException", message)
}

fn with<T>(
    aws: &Aws,
    call: &Call,
    act: impl FnOnce(&mut Function) -> Result<T, AwsError>,
) -> Result<T, AwsError> {
    let arn = arn_of(call);
    let mut state = aws.lock();
    act(state.lambda.functions.get_mut(&arn).ok_or_else(|| not_found(&arn))?)
}

/// Which code a location names: its last part, or the one before `bootstrap.zip` or before a
/// digest of the contents.
fn code_name(code: &Value) -> Result<String, AwsError> {
    let Some(key) = code.get("S3Key").and_then(Value::as_str) else {
        return Err(invalid(
            "Code: the local AWS runs code by the name in S3Key; inline code and images are not \
             supported",
        ));
    };
    let mut parts = key.trim_end_matches('/').rsplit('/');
    let last = parts.next().unwrap_or_default();
    let name = last.strip_suffix(".zip").unwrap_or(last);
    let digest = name.len() == 64 && name.chars().all(|c| c.is_ascii_hexdigit());
    let name = if digest || name == "bootstrap" { parts.next().unwrap_or(name) } else { name };
    if name.is_empty() {
        return Err(invalid(format!("Code.S3Key: \"{key}\" names no code")));
    }
    Ok(name.to_owned())
}

fn create(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("FunctionName")?;
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(legal) {
        return Err(AwsError::validation(format!(
            "1 validation error detected: Value '{name}' at 'functionName' failed to satisfy \
             constraint: 1 to 64 letters, digits, - and _"
        )));
    }
    let arn = format!("arn:aws:lambda:{}:{}:function:{name}", call.region, call.account);
    let mut function = Function {
        arn: arn.clone(),
        name: name.to_owned(),
        account: call.account.clone(),
        region: call.region.clone(),
        role: call.text("Role")?.to_owned(),
        code: code_name(&call.input["Code"])?,
        code_location: call.input["Code"].clone(),
        shown: Map::new(),
        timeout: 3,
        memory: 128,
        variables: BTreeMap::new(),
        dead_letters: None,
        modified: aws.now(),
        revision: aws.uuid(),
        policy: Vec::new(),
        reserved: None,
        running: 0,
        asynchronous: AsyncConfig::default(),
        tags: call.input.get("Tags").and_then(Value::as_object).cloned().unwrap_or_default(),
        credentials: None,
    };
    configure(&mut function, call)?;
    let mut state = aws.lock();
    if state.lambda.functions.contains_key(&arn) {
        return Err(AwsError::new(
            "ResourceConflictException",
            format!("Function already exist: {name}"),
        )
        .status(409));
    }
    check_role(&state, &function)?;
    let shown = function.configuration();
    state.lambda.functions.insert(arn, function);
    Ok(shown)
}

fn check_role(state: &crate::State, function: &Function) -> Result<(), AwsError> {
    if crate::iam::trusts_service(state, &function.role, "lambda.amazonaws.com") {
        return Ok(());
    }
    Err(invalid(format!(
        "The role defined for the function cannot be assumed by Lambda: {}",
        function.role
    )))
}

/// Sets what a call gives and leaves the rest.
fn configure(function: &mut Function, call: &Call) -> Result<(), AwsError> {
    if let Some(role) = call.opt_text("Role") {
        role.clone_into(&mut function.role);
        function.credentials = None;
    }
    match call.opt_int("Timeout")? {
        Some(seconds @ 1..=900) => function.timeout = seconds.unsigned_abs(),
        Some(seconds) => {
            return Err(invalid(format!("Timeout: {seconds} is not 1 to 900 seconds")));
        }
        None => {}
    }
    match call.opt_int("MemorySize")? {
        Some(megabytes @ 128..=10_240) => {
            function.memory = u32::try_from(megabytes).unwrap_or(u32::MAX);
        }
        Some(mb) => return Err(invalid(format!("MemorySize: {mb} is not 128 to 10240 MB"))),
        None => {}
    }
    if let Some(variables) = call.input.pointer("/Environment/Variables") {
        function.variables = variables_of(variables)?;
    }
    if let Some(config) = call.input.get("DeadLetterConfig") {
        function.dead_letters = config.get("TargetArn").and_then(Value::as_str).map(str::to_owned);
    }
    for name in SHOWN {
        if let Some(value) = call.input.get(name) {
            function.shown.insert(name.to_owned(), value.clone());
        }
    }
    Ok(())
}

fn variables_of(variables: &Value) -> Result<BTreeMap<String, String>, AwsError> {
    let Some(members) = variables.as_object() else {
        return Err(invalid("Environment.Variables: not a map"));
    };
    let mut found = BTreeMap::new();
    for (name, value) in members {
        let legal = name.len() > 1
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !legal {
            return Err(invalid(format!(
                "Environment.Variables: \"{name}\" is no variable's name"
            )));
        }
        if RESERVED.contains(&name.as_str()) {
            return Err(invalid(format!(
                "Lambda was unable to configure your environment variables because the \
                 environment variables you have provided contains reserved keys that are \
                 currently not supported for modification. Reserved keys used in this request: \
                 {name}"
            )));
        }
        let Some(text) = value.as_str() else {
            return Err(invalid(format!("Environment.Variables.{name}: {value} is not text")));
        };
        found.insert(name.clone(), text.to_owned());
    }
    let size: usize = found.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > 4096 {
        return Err(invalid(format!(
            "Lambda was unable to configure your environment variables because the environment \
             variables you have provided exceeded the 4KB limit ({size} bytes)"
        )));
    }
    Ok(found)
}

fn update_configuration(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let (now, revision) = (aws.now(), aws.uuid());
    let arn = arn_of(call);
    let mut state = aws.lock();
    let mut function = state.lambda.functions.get(&arn).ok_or_else(|| not_found(&arn))?.clone();
    configure(&mut function, call)?;
    check_role(&state, &function)?;
    (function.modified, function.revision) = (now, revision);
    let shown = function.configuration();
    state.lambda.functions.insert(arn, function);
    Ok(shown)
}

fn list(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let start = call.opt_text("Marker").unwrap_or_default().to_owned();
    let most = usize::try_from(call.opt_int("MaxItems")?.unwrap_or(50).clamp(1, 50)).unwrap_or(50);
    let state = aws.lock();
    let mut mine = state.lambda.functions.values().filter(|function| {
        function.account == call.account && function.region == call.region && function.name > start
    });
    let page: Vec<&Function> = mine.by_ref().take(most).collect();
    let next = mine.next().and_then(|_| page.last()).map(|last| last.name.clone());
    let functions: Vec<Value> = page.iter().map(|function| function.configuration()).collect();
    Ok(json!({ "Functions": functions, "NextMarker": next }))
}

fn policy(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    with(aws, call, |function| match call.operation.as_str() {
        "AddPermission" => {
            let id = call.text("StatementId")?;
            if function.policy.iter().any(|statement| statement["Sid"] == id) {
                let message = format!("The statement id ({id}) provided already exists.");
                return Err(AwsError::new("ResourceConflictException", message).status(409));
            }
            let statement = statement(call, id, &function.arn)?;
            function.policy.push(statement.clone());
            Ok(json!({ "Statement": statement.to_string() }))
        }
        "RemovePermission" => {
            let id = call.text("StatementId")?;
            let before = function.policy.len();
            function.policy.retain(|statement| statement["Sid"] != id);
            if function.policy.len() == before {
                let message = format!("Statement {id} is not found in resource policy.");
                return Err(AwsError::new("ResourceNotFoundException", message).status(404));
            }
            Ok(json!({}))
        }
        _ if function.policy.is_empty() => Err(AwsError::new(
            "ResourceNotFoundException",
            "The resource you requested does not exist.",
        )
        .status(404)),
        _ => {
            let policy =
                json!({ "Version": "2012-10-17", "Id": "default", "Statement": function.policy });
            Ok(json!({ "Policy": policy.to_string(), "RevisionId": function.revision }))
        }
    })
}

fn statement(call: &Call, id: &str, arn: &str) -> Result<Value, AwsError> {
    let principal = call.text("Principal")?;
    let named = if principal == "*" {
        json!("*")
    } else if principal.ends_with(".amazonaws.com") {
        json!({ "Service": principal })
    } else if principal.starts_with("arn:") {
        json!({ "AWS": principal })
    } else {
        json!({ "AWS": format!("arn:aws:iam::{principal}:root") })
    };
    let mut statement = json!({
        "Sid": id, "Effect": "Allow", "Principal": named,
        "Action": call.text("Action")?, "Resource": arn,
    });
    if let Some(source) = call.opt_text("SourceArn") {
        statement["Condition"]["ArnLike"]["AWS:SourceArn"] = json!(source);
    }
    if let Some(account) = call.opt_text("SourceAccount") {
        statement["Condition"]["StringEquals"]["AWS:SourceAccount"] = json!(account);
    }
    if let Some(organization) = call.opt_text("PrincipalOrgID") {
        statement["Condition"]["StringEquals"]["aws:PrincipalOrgID"] = json!(organization);
    }
    Ok(statement)
}

fn reserve(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let wanted = call.opt_int("ReservedConcurrentExecutions")?.unwrap_or_default();
    let wanted = u32::try_from(wanted).map_err(|_| {
        invalid(format!("ReservedConcurrentExecutions: {wanted} is not a number of executions"))
    })?;
    let arn = arn_of(call);
    let mut state = aws.lock();
    let others: u32 = state
        .lambda
        .functions
        .values()
        .filter(|one| one.account == call.account && one.region == call.region && one.arn != arn)
        .filter_map(|one| one.reserved)
        .sum();
    if others + wanted > ACCOUNT_CONCURRENCY - UNRESERVED {
        return Err(invalid(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's \
             UnreservedConcurrentExecution below its minimum value of [{UNRESERVED}]."
        )));
    }
    let function = state.lambda.functions.get_mut(&arn).ok_or_else(|| not_found(&arn))?;
    function.reserved = Some(wanted);
    Ok(json!({ "ReservedConcurrentExecutions": wanted }))
}

fn async_config(call: &Call) -> Result<AsyncConfig, AwsError> {
    let mut config = AsyncConfig { is_set: true, ..AsyncConfig::default() };
    match call.opt_int("MaximumRetryAttempts")? {
        Some(retries @ 0..=2) => config.retries = u32::try_from(retries).unwrap_or_default(),
        Some(other) => {
            return Err(invalid(format!("MaximumRetryAttempts: {other} is not 0, 1 or 2")));
        }
        None => {}
    }
    match call.opt_int("MaximumEventAgeInSeconds")? {
        Some(seconds @ 60..=21_600) => config.age_seconds = seconds.unsigned_abs(),
        Some(other) => {
            return Err(invalid(format!(
                "MaximumEventAgeInSeconds: {other} is not 60 to 21600 seconds"
            )));
        }
        None => {}
    }
    let destination = |on: &str| {
        let pointer = format!("/DestinationConfig/{on}/Destination");
        call.input.pointer(&pointer).and_then(Value::as_str).map(str::to_owned)
    };
    config.on_failure = destination("OnFailure");
    config.on_success = destination("OnSuccess");
    Ok(config)
}

fn shown_config(function: &Function) -> Value {
    let config = &function.asynchronous;
    let mut shown = json!({
        "FunctionArn": format!("{}:$LATEST", function.arn),
        "LastModified": function.modified.as_second(),
        "MaximumRetryAttempts": config.retries,
        "MaximumEventAgeInSeconds": config.age_seconds,
        "DestinationConfig": {},
    });
    for (on, destination) in [("OnFailure", &config.on_failure), ("OnSuccess", &config.on_success)]
    {
        if let Some(arn) = destination {
            shown["DestinationConfig"][on] = json!({ "Destination": arn });
        }
    }
    shown
}
