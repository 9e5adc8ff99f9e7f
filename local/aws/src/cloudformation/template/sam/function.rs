//! `AWS::Serverless::Function`.

use super::super::model::Resource;
use super::super::node::{Kind, Node};
use super::super::{Properties, TemplateError, properties};
use super::events::{self, Target};
use super::roles::{RoleRequest, role};

/// Its properties.
pub(super) fn known() -> Properties {
    properties(
        "FunctionName Description CodeUri Handler Runtime Architectures MemorySize Timeout \
         Environment{Variables*} Policies* Role RolePath PermissionsBoundary \
         AssumeRolePolicyDocument* LoggingConfig{LogFormat LogGroup ApplicationLogLevel \
         SystemLogLevel} Events* EventInvokeConfig{MaximumRetryAttempts MaximumEventAgeInSeconds \
         DestinationConfig{OnFailure{Type+ Destination+} OnSuccess{Type+ Destination+}}} \
         DeadLetterQueue{Type+ TargetArn+} ReservedConcurrentExecutions Tags* Tracing \
         EphemeralStorage{Size}",
    )
}

/// The function, its role and what its events need.
pub(super) fn expand(resource: &Resource, path: &str) -> Result<Vec<Resource>, TemplateError> {
    let declared = resource.properties.get("Events");
    let mut managed = vec!["service-role/AWSLambdaBasicExecutionRole"];
    let mut inline = Vec::new();
    if resource.properties.get("Tracing").is_some() {
        managed.push("AWSXrayWriteOnlyAccess");
    }
    if events::any(declared, "SQS") {
        managed.push("service-role/AWSLambdaSQSQueueExecutionRole");
    }
    let mut made = Vec::new();
    if let Some(config) = resource.properties.get("EventInvokeConfig") {
        made.push(invoke_config(resource, config, path, &mut inline)?);
    }
    if let Some(queue) = resource.properties.get("DeadLetterQueue") {
        let statement = send_statement(queue, "TargetArn", path)?;
        inline.push((format!("{}DeadLetterQueuePolicy", resource.id), statement));
    }
    let own_role = match resource.properties.get("Role") {
        Some(given) => given.clone(),
        None => {
            let request = RoleRequest { service: "lambda.amazonaws.com", managed, inline };
            let made_role = role(resource, path, request)?;
            let arn = Node::attribute(&made_role.id, "Arn");
            made.push(made_role);
            arn
        }
    };
    made.push(function(resource, own_role, path)?);
    made.extend(events::expand(resource, path, Target::Function)?);
    Ok(made)
}

fn function(resource: &Resource, role: Node, path: &str) -> Result<Resource, TemplateError> {
    let same = [
        "FunctionName",
        "Description",
        "Handler",
        "Runtime",
        "Architectures",
        "MemorySize",
        "Timeout",
        "Environment",
        "LoggingConfig",
        "ReservedConcurrentExecutions",
        "EphemeralStorage",
    ];
    let names: Vec<(&str, &str)> = same.iter().map(|name| (*name, *name)).collect();
    let mut properties = super::pass_on(resource, &names);
    properties.insert("Role".to_owned(), role);
    properties.insert("Code".to_owned(), code(resource, path)?);
    if let Some(queue) = resource.properties.get("DeadLetterQueue").and_then(|q| q.get("TargetArn"))
    {
        properties.insert("DeadLetterConfig".to_owned(), Node::map([("TargetArn", queue.clone())]));
    }
    if let Some(mode) = resource.properties.get("Tracing") {
        properties.insert("TracingConfig".to_owned(), Node::map([("Mode", mode.clone())]));
    }
    if let Some(Kind::Map(tags)) = resource.properties.get("Tags").map(|tags| &tags.kind) {
        let tags = tags
            .iter()
            .map(|(key, value)| Node::map([("Key", Node::text(key)), ("Value", value.clone())]));
        properties.insert("Tags".to_owned(), Node::list(tags));
    }
    let mut made = resource.generated(
        &resource.id,
        "AWS::Lambda::Function",
        Node::made(Kind::Map(properties)),
    );
    made.depends_on.clone_from(&resource.depends_on);
    made.metadata.clone_from(&resource.metadata);
    Ok(made)
}

/// Which code runs: the binary that the build makes, or else the folder of `CodeUri`.
fn code(resource: &Resource, path: &str) -> Result<Node, TemplateError> {
    let binary = resource
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.get("BuildProperties"))
        .and_then(|build| build.get("Binary"))
        .and_then(Node::as_text);
    let folder = resource
        .properties
        .get("CodeUri")
        .and_then(Node::as_text)
        .and_then(|uri| uri.trim_end_matches('/').rsplit('/').next());
    let Some(name) = binary.or(folder) else {
        let message = "CodeUri has to be a folder, or Metadata.BuildProperties.Binary a name: \
                       they say which code runs";
        return Err(TemplateError::at(resource.line, format!("{path}.CodeUri"), message));
    };
    Ok(Node::map([
        ("S3Bucket", Node::text("sam-artifacts")),
        ("S3Key", Node::text(format!("{name}.zip"))),
    ]))
}

fn invoke_config(
    resource: &Resource,
    config: &Node,
    path: &str,
    inline: &mut Vec<(String, Node)>,
) -> Result<Resource, TemplateError> {
    let mut destinations = Vec::new();
    let config_path = format!("{path}.EventInvokeConfig.DestinationConfig");
    for on in ["OnFailure", "OnSuccess"] {
        let Some(destination) = config.get("DestinationConfig").and_then(|config| config.get(on))
        else {
            continue;
        };
        let arn = destination.get("Destination").cloned().unwrap_or(Node::made(Kind::Null));
        let kind = destination.get("Type").and_then(Node::as_text).unwrap_or_default();
        let statement = send_statement(destination, "Destination", &config_path)?;
        inline.push((format!("{}EventInvokeConfig{on}{kind}Policy", resource.id), statement));
        destinations.push((on, Node::map([("Destination", arn)])));
    }
    let mut properties: indexmap::IndexMap<String, Node> =
        ["MaximumRetryAttempts", "MaximumEventAgeInSeconds"]
            .into_iter()
            .filter_map(|name| config.get(name).map(|node| (name.to_owned(), node.clone())))
            .collect();
    properties.insert("FunctionName".to_owned(), Node::reference(&resource.id));
    properties.insert("Qualifier".to_owned(), Node::text("$LATEST"));
    if !destinations.is_empty() {
        properties.insert("DestinationConfig".to_owned(), Node::map(destinations));
    }
    Ok(resource.generated(
        format!("{}EventInvokeConfig", resource.id),
        "AWS::Lambda::EventInvokeConfig",
        Node::made(Kind::Map(properties)),
    ))
}

/// The permission to send to a destination or dead-letter queue.
fn send_statement(node: &Node, member: &str, path: &str) -> Result<Node, TemplateError> {
    let kind = node.get("Type").and_then(Node::as_text).unwrap_or_default();
    let action = match kind {
        "SQS" => "sqs:SendMessage",
        "SNS" => "sns:Publish",
        "Lambda" => "lambda:InvokeFunction",
        "EventBridge" => "events:PutEvents",
        other => {
            let message = format!("Type \"{other}\" is not SQS, SNS, Lambda or EventBridge");
            return Err(TemplateError::at(node.line, path, message));
        }
    };
    Ok(Node::list([Node::map([
        ("Effect", Node::text("Allow")),
        ("Action", Node::text(action)),
        ("Resource", node.get(member).cloned().unwrap_or(Node::text("*"))),
    ])]))
}
