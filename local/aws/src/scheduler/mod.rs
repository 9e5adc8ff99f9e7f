//! EventBridge Scheduler: schedules of state machines and functions.
//!
//! A rate goes at the world's pace; cron expressions and moments are those of the world's
//! clock. There is the group `default` and no other. Universal targets are not supported.

mod expression;
mod run;
mod schedule;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{Access, Aws, AwsError, Call, State};
use schedule::{Schedule, arn_of, group_of};

/// Who assumes a schedule's role.
const PRINCIPAL: &str = "scheduler.amazonaws.com";
/// The most schedules of a page.
const LARGEST_PAGE: i64 = 100;

/// The service's state: schedules by ARN.
#[derive(Debug, Default)]
pub(crate) struct Scheduler {
    schedules: BTreeMap<String, Schedule>,
    generations: u64,
}

/// The permissions that a call needs.
pub(crate) fn access(_state: &State, call: &Call) -> Vec<Access> {
    let action = format!("scheduler:{}", call.operation);
    let Some(name) = call.opt_text("Name") else { return vec![Access::to(action, "*")] };
    let mut accesses = vec![Access::to(action, arn_of(call, group_of(call), name))];
    if let Some(role) = call.input.pointer("/Target/RoleArn").and_then(Value::as_str) {
        let pass = Access::to("iam:PassRole", role);
        accesses.push(pass.with("iam:PassedToService", PRINCIPAL));
    }
    accesses
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    match call.operation.as_str() {
        "CreateSchedule" => create(aws, call),
        "UpdateSchedule" => update(aws, call),
        "GetSchedule" => {
            let arn = arn_of(call, group_of(call), call.text("Name")?);
            let state = aws.lock();
            let schedule = state.scheduler.schedules.get(&arn).ok_or_else(|| no_such(call))?;
            Ok(schedule.shown())
        }
        "DeleteSchedule" => {
            let arn = arn_of(call, group_of(call), call.text("Name")?);
            let removed = aws.lock().scheduler.schedules.remove(&arn);
            removed.map(|_| json!({})).ok_or_else(|| no_such(call))
        }
        "ListSchedules" => list(aws, call),
        other => Err(AwsError::unknown_operation("scheduler", other)),
    }
}

fn no_such(call: &Call) -> AwsError {
    let name = call.opt_text("Name").unwrap_or_default();
    AwsError::new("ResourceNotFoundException", format!("Schedule {name} does not exist."))
        .status(404)
}

/// AWS's words for a role that the service cannot use.
fn not_assumable(role: &str) -> AwsError {
    AwsError::validation(format!(
        "The execution role you provide must allow AWS EventBridge Scheduler to assume the role: {role}"
    ))
}

fn create(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let wanted = Schedule::read(call, aws.now())?;
    let schedule = {
        let mut state = aws.lock();
        if !crate::iam::trusts_service(&state, &wanted.target.role, PRINCIPAL) {
            return Err(not_assumable(&wanted.target.role));
        }
        if let Some(existing) = state.scheduler.schedules.get(&wanted.arn) {
            // The SDKs send a token with each request: the same one is the same request.
            if existing.client_token.is_some() && existing.client_token == wanted.client_token {
                return Ok(json!({ "ScheduleArn": wanted.arn }));
            }
            let fault = format!("Schedule {} already exists.", wanted.name);
            return Err(AwsError::new("ConflictException", fault).status(409));
        }
        state.scheduler.put(wanted)
    };
    run::begin(aws, &schedule);
    Ok(json!({ "ScheduleArn": schedule.arn }))
}

/// Replaces a schedule: what the request does not say is at its default afterwards.
fn update(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let mut wanted = Schedule::read(call, aws.now())?;
    let schedule = {
        let mut state = aws.lock();
        if !crate::iam::trusts_service(&state, &wanted.target.role, PRINCIPAL) {
            return Err(not_assumable(&wanted.target.role));
        }
        let existing = state.scheduler.schedules.get(&wanted.arn).ok_or_else(|| no_such(call))?;
        wanted.created = existing.created;
        state.scheduler.put(wanted)
    };
    run::begin(aws, &schedule);
    Ok(json!({ "ScheduleArn": schedule.arn }))
}

impl Scheduler {
    fn put(&mut self, mut schedule: Schedule) -> Schedule {
        self.generations += 1;
        schedule.generation = self.generations;
        self.schedules.insert(schedule.arn.clone(), schedule.clone());
        schedule
    }
}

fn list(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let most = call.opt_int("MaxResults")?.unwrap_or(LARGEST_PAGE).clamp(1, LARGEST_PAGE);
    let most = usize::try_from(most).unwrap_or(1);
    let own = arn_of(call, call.opt_text("GroupName").unwrap_or("default"), "");
    let prefix = call.opt_text("NamePrefix").unwrap_or_default();
    let wanted = call.opt_text("State");
    let from = call.opt_text("NextToken").unwrap_or_default();
    let state = aws.lock();
    let found = state.scheduler.schedules.values().filter(|schedule| {
        schedule.arn.starts_with(&own)
            && schedule.name.starts_with(prefix)
            && wanted.is_none_or(|wanted| wanted == schedule.state())
            && schedule.name.as_str() > from
    });
    let page: Vec<&Schedule> = found.take(most + 1).collect();
    let (shown, rest) = page.split_at(page.len().min(most));
    let mut answer = json!({
        "Schedules": shown.iter().map(|schedule| schedule.summary()).collect::<Vec<_>>(),
    });
    if !rest.is_empty()
        && let Some(last) = shown.last()
    {
        answer["NextToken"] = json!(last.name);
    }
    Ok(answer)
}
