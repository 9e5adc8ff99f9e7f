//! The `Events` of functions and state machines.

use indexmap::IndexMap;

use super::super::model::Resource;
use super::super::node::{Kind, Node};
use super::super::{TemplateError, schema};

/// What an event starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A function, which needs a permission.
    Function,
    /// A state machine, for which the event's service needs a role.
    Machine,
}

/// Whether one of the events has this type.
pub(super) fn any(events: Option<&Node>, kind: &str) -> bool {
    events.and_then(Node::as_map).is_some_and(|events| {
        events.values().any(|event| event.get("Type").and_then(Node::as_text) == Some(kind))
    })
}

/// The resources that the events need.
pub(super) fn expand(
    resource: &Resource,
    path: &str,
    target: Target,
) -> Result<Vec<Resource>, TemplateError> {
    let Some(events) = resource.properties.get("Events") else { return Ok(Vec::new()) };
    let Some(events) = events.as_map() else {
        return Err(TemplateError::at(events.line, format!("{path}.Events"), "expected a map"));
    };
    let mut made = Vec::new();
    for (name, event) in events {
        let path = format!("{path}.Events.{name}");
        let kind = event.get("Type").and_then(Node::as_text).unwrap_or_default();
        let Some(known) = super::known_event(kind) else {
            let message = format!("the event type \"{kind}\" is not supported");
            return Err(TemplateError::at(event.line, format!("{path}.Type"), message));
        };
        let Some(properties) = event.get("Properties") else {
            return Err(TemplateError::at(event.line, path, "an event needs Properties"));
        };
        schema::check(&known, properties, &format!("{path}.Properties"), kind)?;
        let event = Event { resource, name, properties, target };
        made.extend(match (kind, target) {
            ("SQS", Target::Function) => event.queue(),
            ("SNS", Target::Function) => event.topic(),
            ("EventBridgeRule" | "CloudWatchEvent", _) => event.rule(true),
            ("Schedule", _) => event.rule(false),
            ("ScheduleV2", _) => event.schedule(),
            _ => {
                let message = format!("a state machine cannot have an event of type {kind}");
                return Err(TemplateError::at(properties.line, path, message));
            }
        });
    }
    Ok(made)
}

struct Event<'a> {
    resource: &'a Resource,
    name: &'a str,
    properties: &'a Node,
    target: Target,
}

impl Event<'_> {
    fn id(&self) -> String {
        format!("{}{}", self.resource.id, self.name)
    }

    fn arn(&self) -> Node {
        match self.target {
            Target::Function => Node::attribute(&self.resource.id, "Arn"),
            Target::Machine => Node::reference(&self.resource.id),
        }
    }

    fn copied(&self, names: &[(&str, &str)]) -> IndexMap<String, Node> {
        names
            .iter()
            .filter_map(|(from, to)| {
                self.properties.get(from).map(|node| ((*to).to_owned(), node.clone()))
            })
            .collect()
    }

    fn made(&self, id: String, kind: &str, properties: IndexMap<String, Node>) -> Resource {
        self.resource.generated(id, kind, Node::made(Kind::Map(properties)))
    }

    fn queue(&self) -> Vec<Resource> {
        let mut properties = self.copied(&[
            ("Queue", "EventSourceArn"),
            ("BatchSize", "BatchSize"),
            ("Enabled", "Enabled"),
            ("MaximumBatchingWindowInSeconds", "MaximumBatchingWindowInSeconds"),
            ("FunctionResponseTypes", "FunctionResponseTypes"),
            ("ScalingConfig", "ScalingConfig"),
            ("FilterCriteria", "FilterCriteria"),
        ]);
        properties.insert("FunctionName".to_owned(), Node::reference(&self.resource.id));
        vec![self.made(self.id(), "AWS::Lambda::EventSourceMapping", properties)]
    }

    fn topic(&self) -> Vec<Resource> {
        let mut properties = self.copied(&[
            ("Topic", "TopicArn"),
            ("FilterPolicy", "FilterPolicy"),
            ("FilterPolicyScope", "FilterPolicyScope"),
        ]);
        properties.insert("Protocol".to_owned(), Node::text("lambda"));
        properties.insert("Endpoint".to_owned(), self.arn());
        let topic = self.properties.get("Topic").cloned().unwrap_or(Node::text(""));
        vec![
            self.permission("sns.amazonaws.com", topic),
            self.made(self.id(), "AWS::SNS::Subscription", properties),
        ]
    }

    /// A rule with a pattern, or with a schedule.
    fn rule(&self, pattern: bool) -> Vec<Resource> {
        let mut properties = if pattern {
            self.copied(&[
                ("EventBusName", "EventBusName"),
                ("Pattern", "EventPattern"),
                ("RuleName", "Name"),
                ("State", "State"),
            ])
        } else {
            self.copied(&[
                ("Schedule", "ScheduleExpression"),
                ("Name", "Name"),
                ("Description", "Description"),
                ("State", "State"),
            ])
        };
        let mut target = self.copied(&[
            ("Input", "Input"),
            ("InputPath", "InputPath"),
            ("RetryPolicy", "RetryPolicy"),
            ("DeadLetterConfig", "DeadLetterConfig"),
        ]);
        target.insert("Arn".to_owned(), self.arn());
        target.insert("Id".to_owned(), Node::text(format!("{}Target", self.id())));
        let mut made = Vec::new();
        if self.target == Target::Machine {
            let role = self.start_role("events.amazonaws.com");
            target.insert("RoleArn".to_owned(), Node::attribute(&role.id, "Arn"));
            made.push(role);
        }
        properties.insert("Targets".to_owned(), Node::list([Node::made(Kind::Map(target))]));
        made.push(self.made(self.id(), "AWS::Events::Rule", properties));
        if self.target == Target::Function {
            let rule = Node::attribute(&self.id(), "Arn");
            made.push(self.permission("events.amazonaws.com", rule));
        }
        made
    }

    fn schedule(&self) -> Vec<Resource> {
        let mut properties = self.copied(&[
            ("ScheduleExpression", "ScheduleExpression"),
            ("ScheduleExpressionTimezone", "ScheduleExpressionTimezone"),
            ("Name", "Name"),
            ("Description", "Description"),
            ("State", "State"),
            ("FlexibleTimeWindow", "FlexibleTimeWindow"),
            ("StartDate", "StartDate"),
            ("EndDate", "EndDate"),
            ("GroupName", "GroupName"),
        ]);
        properties
            .entry("FlexibleTimeWindow".to_owned())
            .or_insert_with(|| Node::map([("Mode", Node::text("OFF"))]));
        let mut target = self.copied(&[
            ("Input", "Input"),
            ("RetryPolicy", "RetryPolicy"),
            ("DeadLetterConfig", "DeadLetterConfig"),
        ]);
        target.insert("Arn".to_owned(), self.arn());
        let mut made = Vec::new();
        match self.properties.get("RoleArn") {
            Some(role) => target.insert("RoleArn".to_owned(), role.clone()),
            None => {
                let role = self.start_role("scheduler.amazonaws.com");
                let arn = Node::attribute(&role.id, "Arn");
                made.push(role);
                target.insert("RoleArn".to_owned(), arn)
            }
        };
        properties.insert("Target".to_owned(), Node::made(Kind::Map(target)));
        made.push(self.made(self.id(), "AWS::Scheduler::Schedule", properties));
        made
    }

    fn permission(&self, principal: &str, source: Node) -> Resource {
        let properties = [
            ("FunctionName", Node::reference(&self.resource.id)),
            ("Action", Node::text("lambda:InvokeFunction")),
            ("Principal", Node::text(principal)),
            ("SourceArn", source),
        ];
        let properties = properties.map(|(name, node)| (name.to_owned(), node)).into();
        self.made(format!("{}Permission", self.id()), "AWS::Lambda::Permission", properties)
    }

    /// The role by which a service starts the target.
    fn start_role(&self, service: &str) -> Resource {
        let action = match self.target {
            Target::Function => "lambda:InvokeFunction",
            Target::Machine => "states:StartExecution",
        };
        let statement = |members: Vec<(&'static str, Node)>| {
            Node::map([
                ("Version", Node::text("2012-10-17")),
                ("Statement", Node::list([Node::map(members)])),
            ])
        };
        let allow = statement(vec![
            ("Effect", Node::text("Allow")),
            ("Action", Node::text(action)),
            ("Resource", self.arn()),
        ]);
        let mut policies = vec![Node::map([
            ("PolicyName", Node::text(format!("{}StartPolicy", self.id()))),
            ("PolicyDocument", allow),
        ])];
        // A schedule writes its dead letters by its role; a rule needs the queue's policy.
        let letters = self.properties.get("DeadLetterConfig").and_then(|config| config.get("Arn"));
        if let Some(queue) = letters.filter(|_| service == "scheduler.amazonaws.com") {
            let send = statement(vec![
                ("Effect", Node::text("Allow")),
                ("Action", Node::text("sqs:SendMessage")),
                ("Resource", queue.clone()),
            ]);
            policies.push(Node::map([
                ("PolicyName", Node::text(format!("{}DeadLetterPolicy", self.id()))),
                ("PolicyDocument", send),
            ]));
        }
        let trust = statement(vec![
            ("Effect", Node::text("Allow")),
            ("Principal", Node::map([("Service", Node::text(service))])),
            ("Action", Node::text("sts:AssumeRole")),
        ]);
        let mut properties: IndexMap<String, Node> = IndexMap::new();
        properties.insert("AssumeRolePolicyDocument".to_owned(), trust);
        properties.insert("Policies".to_owned(), Node::list(policies));
        self.made(format!("{}Role", self.id()), "AWS::IAM::Role", properties)
    }
}
