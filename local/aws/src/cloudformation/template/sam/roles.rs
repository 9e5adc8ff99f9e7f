//! The roles that SAM makes from `Policies`.

use super::super::TemplateError;
use super::super::model::Resource;
use super::super::node::{Kind, Node};

/// What a role is made from.
pub(super) struct RoleRequest<'a> {
    /// The service that assumes it: `lambda.amazonaws.com`.
    pub(super) service: &'a str,
    /// Managed policies that come with the features in use, by name.
    pub(super) managed: Vec<&'a str>,
    /// Inline policies that come with the features in use: name and statements.
    pub(super) inline: Vec<(String, Node)>,
}

/// `<Id>Role`, named and built as SAM does.
pub(super) fn role(
    resource: &Resource,
    path: &str,
    request: RoleRequest<'_>,
) -> Result<Resource, TemplateError> {
    let id = format!("{}Role", resource.id);
    let mut managed: Vec<Node> = request.managed.into_iter().map(aws_managed).collect();
    let mut inline = Vec::new();
    for (index, entry) in entries(resource, path)?.into_iter().enumerate() {
        let path = format!("{path}.Policies[{index}]");
        match &entry.kind {
            Kind::Text(text) if text.starts_with("arn:") => managed.push(entry),
            Kind::Text(name) => managed.push(aws_managed(name)),
            Kind::Map(members) if members.contains_key("Statement") => {
                let name = Node::text(format!("{id}Policy{index}"));
                inline.push(Node::map([("PolicyName", name), ("PolicyDocument", entry)]));
            }
            Kind::Map(members) => {
                let name = members.keys().next().map_or("", String::as_str);
                let message = format!(
                    "the SAM policy template {name} is not supported: write its statements out"
                );
                return Err(TemplateError::at(entry.line, path, message));
            }
            // A reference to a managed policy.
            Kind::Call(..) => managed.push(entry),
            _ => {
                let message = format!("expected a policy, found {}", entry.what());
                return Err(TemplateError::at(entry.line, path, message));
            }
        }
    }
    for (name, statement) in request.inline {
        let document = Node::map([("Version", Node::text("2012-10-17")), ("Statement", statement)]);
        inline.push(Node::map([("PolicyName", Node::text(name)), ("PolicyDocument", document)]));
    }
    let trust = Node::map([
        ("Version", Node::text("2012-10-17")),
        (
            "Statement",
            Node::list([Node::map([
                ("Effect", Node::text("Allow")),
                ("Principal", Node::map([("Service", Node::text(request.service))])),
                ("Action", Node::text("sts:AssumeRole")),
            ])]),
        ),
    ]);
    let trust = resource.properties.get("AssumeRolePolicyDocument").cloned().unwrap_or(trust);
    let mut properties = super::pass_on(
        resource,
        &[("RolePath", "Path"), ("PermissionsBoundary", "PermissionsBoundary")],
    );
    properties.insert("AssumeRolePolicyDocument".to_owned(), trust);
    if !managed.is_empty() {
        properties.insert("ManagedPolicyArns".to_owned(), Node::list(managed));
    }
    if !inline.is_empty() {
        properties.insert("Policies".to_owned(), Node::list(inline));
    }
    Ok(resource.generated(id, "AWS::IAM::Role", Node::made(Kind::Map(properties))))
}

fn entries(resource: &Resource, path: &str) -> Result<Vec<Node>, TemplateError> {
    let Some(node) = resource.properties.get("Policies") else { return Ok(Vec::new()) };
    if let Some(role) = resource.properties.get("Role") {
        let message = "Policies have no effect beside a Role: give one of them";
        return Err(TemplateError::at(role.line, format!("{path}.Role"), message));
    }
    Ok(match &node.kind {
        Kind::List(items) => items.clone(),
        _ => vec![node.clone()],
    })
}

fn aws_managed(name: &str) -> Node {
    let arn = format!("arn:${{AWS::Partition}}:iam::aws:policy/{name}");
    Node::call("Fn::Sub", Node::text(arn))
}
