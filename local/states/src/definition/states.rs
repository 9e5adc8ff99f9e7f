//! One state of each type, with the fields that a JSONata state of that type may have.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/workflow-states.html>

use serde_json::Value;

use super::document::{self, MAX_SECONDS};
use super::fields::{Fields, Findings, shape};
use super::{After, Assign, Choice, Kind, Parallel, Rule, State, Task, Wait, handling, map};
use crate::expression::Allowed;
use crate::resource::Resource;

const TYPES: &str = "Task, Choice, Wait, Pass, Parallel, Map, Succeed and Fail";

/// What `Output` and `Assign` of a state that has a result may read.
const WITH_RESULT: Allowed = Allowed { result: true, error_output: false };
const WITHOUT_RESULT: Allowed = Allowed { result: false, error_output: false };

pub(super) fn parse(
    name: &str,
    value: &Value,
    path: &str,
    is_jsonata: bool,
    findings: &mut Findings,
) -> Option<State> {
    let mut fields = Fields::open(value, path, "", findings)?;
    fields.text("Comment", findings);
    let own_language = document::language(&mut fields, findings);
    let state_type = fields.required_text("Type", findings)?;
    if !is_jsonata && !own_language {
        let problem = "its query language is JSONPath, which is not run here: set \"QueryLanguage\": \"JSONata\" on the machine or the state";
        findings.fault(path, problem);
    }
    let kind = match state_type {
        "Task" => task(&mut fields, findings).map(|task| Kind::Task(Box::new(task))),
        "Choice" => Some(Kind::Choice(choice(&mut fields, findings))),
        "Wait" => wait(&mut fields, findings).map(Kind::Wait),
        "Pass" => Some(Kind::Pass),
        "Parallel" => parallel(&mut fields, is_jsonata, findings).map(Kind::Parallel),
        "Map" => {
            map::parse(name, &mut fields, is_jsonata, findings).map(|map| Kind::Map(Box::new(map)))
        }
        "Succeed" => Some(Kind::Succeed),
        "Fail" => Some(Kind::Fail {
            error: fields.text_program("Error", findings),
            cause: fields.text_program("Cause", findings),
        }),
        other => {
            let problem = format!("{other:?} is not a state type; there are {TYPES}");
            findings.fault(&fields.at("Type"), problem);
            // Which fields it may have is unknown.
            return None;
        }
    };
    let (output, assign) = results(state_type, &mut fields, findings);
    let after = match state_type {
        "Choice" | "Succeed" | "Fail" => After::End,
        _ => after(&mut fields, findings),
    };
    fields.close(findings);
    Some(State { name: name.into(), kind: kind?, after, output, assign })
}

fn results(
    state_type: &str,
    fields: &mut Fields<'_>,
    findings: &mut Findings,
) -> (Option<crate::expression::Program>, Assign) {
    let allowed = match state_type {
        "Task" | "Parallel" | "Map" => WITH_RESULT,
        _ => WITHOUT_RESULT,
    };
    match state_type {
        "Fail" => (None, Assign::default()),
        "Succeed" => (fields.program("Output", allowed, findings), Assign::default()),
        _ => (fields.program("Output", allowed, findings), fields.assign(allowed, findings)),
    }
}

fn after(fields: &mut Fields<'_>, findings: &mut Findings) -> After {
    let (next, end) = (fields.text("Next", findings), fields.take("End"));
    match (next, end) {
        (Some(next), end) => {
            if end.is_some() {
                findings.fault(&fields.path, "has both Next and End");
            }
            return After::Next(next.to_owned());
        }
        (None, Some(Value::Bool(true))) => return After::End,
        (None, Some(other)) => {
            findings.fault(&fields.at("End"), format!("must be true, not {}", shape(other)));
        }
        (None, None) if fields.has("Next") => {}
        (None, None) => findings.fault(&fields.path, "the field \"Next\" or \"End\" is missing"),
    }
    After::Next(String::new())
}

fn task(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<Task> {
    let resource = fields.required_text("Resource", findings).and_then(|arn| {
        Resource::parse(arn).map_err(|problem| findings.fault(&fields.at("Resource"), problem)).ok()
    });
    let arguments = fields.program("Arguments", WITHOUT_RESULT, findings);
    let role_arn = fields.object("Credentials", findings).and_then(|mut credentials| {
        credentials.require("RoleArn", findings);
        let role = credentials.text_program("RoleArn", findings);
        credentials.close(findings);
        role
    });
    let timeout = fields.number_program("TimeoutSeconds", (1.0, MAX_SECONDS), findings);
    let heartbeat = fields.number_program("HeartbeatSeconds", (1.0, MAX_SECONDS), findings);
    let seconds = |program: &Option<crate::expression::Program>| {
        program.as_ref().and_then(|program| program.literal()).and_then(Value::as_f64)
    };
    if let (Some(timeout), Some(heartbeat)) = (seconds(&timeout), seconds(&heartbeat))
        && heartbeat >= timeout
    {
        let problem = format!("{heartbeat} must be less than TimeoutSeconds, {timeout}");
        findings.fault(&fields.at("HeartbeatSeconds"), problem);
    }
    let handling = handling::parse(fields, findings);
    let resource = resource?;
    findings.resources.push(resource.clone());
    Some(Task { resource, arguments, role_arn, timeout, heartbeat, handling })
}

fn choice(fields: &mut Fields<'_>, findings: &mut Findings) -> Choice {
    fields.require("Choices", findings);
    let is_list = fields.has("Choices");
    let before = findings.faults.len();
    let listed = fields.objects("Choices", findings);
    if is_list && listed.is_empty() && findings.faults.len() == before {
        findings.fault(&fields.at("Choices"), "must have at least one rule");
    }
    let rules = listed.into_iter().filter_map(|fields| rule(fields, findings)).collect();
    let default = fields.text("Default", findings).map(str::to_owned);
    Choice { rules, default }
}

fn rule(mut fields: Fields<'_>, findings: &mut Findings) -> Option<Rule> {
    fields.text("Comment", findings);
    fields.require("Condition", findings);
    let condition = fields.program("Condition", WITHOUT_RESULT, findings);
    let literal = condition.as_ref().and_then(|condition| condition.literal());
    match literal {
        None | Some(Value::Bool(_) | Value::Null) => {}
        Some(other) => {
            let problem = format!("must be true, false or an expression, not {}", shape(other));
            findings.fault(&fields.at("Condition"), problem);
        }
    }
    let next = fields.required_text("Next", findings);
    let output = fields.program("Output", WITHOUT_RESULT, findings);
    let assign = fields.assign(WITHOUT_RESULT, findings);
    fields.close(findings);
    Some(Rule { condition: condition?, next: next?.to_owned(), output, assign })
}

fn wait(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<Wait> {
    let seconds = fields.number_program("Seconds", (0.0, MAX_SECONDS), findings);
    let timestamp = fields.text_program("Timestamp", findings);
    if let Some(Value::String(literal)) = timestamp.as_ref().and_then(|program| program.literal())
        && let Err(error) = literal.parse::<jiff::Timestamp>()
    {
        let problem = format!("{literal:?} is not an RFC 3339 timestamp: {error}");
        findings.fault(&fields.at("Timestamp"), problem);
    }
    match (seconds, timestamp) {
        (Some(seconds), None) => Some(Wait::Seconds(seconds)),
        (None, Some(timestamp)) => Some(Wait::Timestamp(timestamp)),
        (Some(_), Some(_)) => {
            findings.fault(&fields.path, "has both Seconds and Timestamp");
            None
        }
        (None, None) => {
            findings.fault(&fields.path, "the field \"Seconds\" or \"Timestamp\" is missing");
            None
        }
    }
}

fn parallel(
    fields: &mut Fields<'_>,
    is_jsonata: bool,
    findings: &mut Findings,
) -> Option<Parallel> {
    let arguments = fields.program("Arguments", WITHOUT_RESULT, findings);
    fields.require("Branches", findings);
    let is_list = fields.has("Branches");
    let before = findings.faults.len();
    let listed = fields.objects("Branches", findings);
    if is_list && listed.is_empty() && findings.faults.len() == before {
        findings.fault(&fields.at("Branches"), "must have at least one branch");
    }
    let count = listed.len();
    let mut branches = Vec::with_capacity(count);
    for mut branch in listed {
        branch.text("Comment", findings);
        findings.scopes.enter(false);
        branches.extend(document::flow(&mut branch, is_jsonata, findings));
        findings.scopes.leave();
        branch.close(findings);
    }
    let handling = handling::parse(fields, findings);
    (branches.len() == count).then_some(Parallel { arguments, branches, handling })
}
