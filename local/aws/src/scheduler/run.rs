//! A schedule's task: it waits for each occurrence and calls the target as the schedule's role,
//! again with growing waits, and at last writes a dead letter.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::schedule::Schedule;
use crate::{Aws, AwsError, Call, Caller};

/// How late an occurrence may be called: a machine that slept does not catch up on a night.
const LATEST: Duration = Duration::from_secs(60);

/// Starts the task of a schedule, if it is enabled.
pub(super) fn begin(aws: &Aws, schedule: &Schedule) {
    if !schedule.enabled {
        return;
    }
    let (world, schedule) = (aws.clone(), schedule.clone());
    aws.spawn(async move { follow(&world, &schedule).await });
}

async fn follow(aws: &Aws, schedule: &Schedule) {
    let begun = aws.now();
    // Without a start date a rate begins at once.
    let anchor = schedule.starts.unwrap_or(begun).max(begun);
    let mut after = anchor.checked_sub(Duration::from_millis(1)).unwrap_or(begun);
    loop {
        let every = |distance| aws.paced(distance);
        let next = schedule.expression.next(&schedule.zone, anchor, after, every);
        let Some(next) = next.filter(|next| schedule.ends.is_none_or(|end| *next < end)) else {
            return complete(aws, schedule);
        };
        aws.sleep_until(next).await;
        if !is_current(aws, schedule) {
            return;
        }
        let call = Invocation { schedule: schedule.clone(), scheduled: next };
        let world = aws.clone();
        aws.spawn(async move { call.run(&world).await });
        let earliest = aws.now().checked_sub(LATEST).unwrap_or(next);
        after = next.max(earliest);
    }
}

/// Whether the schedule is still the one that this task was started for.
fn is_current(aws: &Aws, schedule: &Schedule) -> bool {
    let state = aws.lock();
    let current = state.scheduler.schedules.get(&schedule.arn);
    current.is_some_and(|current| current.generation == schedule.generation)
}

fn complete(aws: &Aws, schedule: &Schedule) {
    if schedule.delete_when_done && is_current(aws, schedule) {
        aws.lock().scheduler.schedules.remove(&schedule.arn);
    }
}

/// One occurrence.
struct Invocation {
    schedule: Schedule,
    scheduled: Timestamp,
}

impl Invocation {
    async fn run(&self, aws: &Aws) {
        if let Some(minutes) = self.schedule.window {
            let longest = Duration::from_secs(minutes * 60);
            let seconds = aws.random(|random| random.u64(..longest.as_secs()));
            aws.sleep(Duration::from_secs(seconds)).await;
        }
        let target = &self.schedule.target;
        let oldest = aws.after(Duration::from_secs(target.oldest_seconds));
        let id = aws.random(|random| format!("{:016x}", random.u64(..)));
        let mut wait = Duration::from_secs(1);
        let mut tries = 0;
        let (error, condition) = loop {
            tries += 1;
            let Err(error) = self.call(aws, &id, tries).await else { return };
            // What the owner must mend is not tried again.
            if error.status < 500 && !error.code.contains("Throttl") {
                break (error, None);
            }
            if tries > target.most_retries {
                break (error, Some("MaximumRetryAttempts"));
            }
            if aws.now() >= oldest {
                break (error, Some("MaximumEventAgeInSeconds"));
            }
            aws.sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(600));
        };
        tracing::warn!(schedule = self.schedule.arn, %error, "a schedule's call failed for good");
        if let Some(queue) = &target.dead_letters {
            let message = self.letter(queue, &id, tries, &error, condition);
            if let Err(error) = self.perform(aws, queue, "sqs", "SendMessage", message).await {
                tracing::error!(schedule = self.schedule.arn, %error, "the dead letters refuse it");
            }
        }
    }

    async fn call(&self, aws: &Aws, id: &str, attempt: u64) -> Result<(), AwsError> {
        let arn = &self.schedule.target.arn;
        let input = self.input(id, attempt);
        let (service, operation, members) = if arn.contains(":stateMachine:") {
            ("states", "StartExecution", json!({ "stateMachineArn": arn, "input": input }))
        } else {
            let members = json!({
                "FunctionName": arn, "InvocationType": "Event",
                "$body": crate::wire::blob(input.as_bytes()),
            });
            ("lambda", "Invoke", members)
        };
        self.perform(aws, arn, service, operation, members).await
    }

    /// Calls as the schedule's role, in the place of the resource.
    async fn perform(
        &self,
        aws: &Aws,
        resource: &str,
        service: &'static str,
        operation: &str,
        input: Value,
    ) -> Result<(), AwsError> {
        let mut parts = resource.split(':').skip(3).map(str::to_owned);
        let region = parts.next().unwrap_or_default();
        let account = parts.next().unwrap_or_default();
        let call = Call {
            service,
            operation: operation.to_owned(),
            input,
            caller: self.caller(aws)?,
            account,
            region,
        };
        aws.perform(&call).await.map(drop)
    }

    /// The role's session; the role may have changed since the schedule was made.
    fn caller(&self, aws: &Aws) -> Result<Caller, AwsError> {
        let role = &self.schedule.target.role;
        if crate::iam::trusts_service(&aws.lock(), role, super::PRINCIPAL) {
            return crate::iam::session_of(role, "scheduler");
        }
        Err(super::not_assumable(role))
    }

    /// The target's input, its keywords replaced.
    /// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>
    fn input(&self, id: &str, attempt: u64) -> String {
        let time = self.scheduled.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let Schedule { arn, target, .. } = &self.schedule;
        match &target.input {
            Some(input) => input
                .replace("<aws.scheduler.schedule-arn>", arn)
                .replace("<aws.scheduler.scheduled-time>", &time)
                .replace("<aws.scheduler.execution-id>", id)
                .replace("<aws.scheduler.attempt-number>", &attempt.to_string()),
            None => json!({
                "version": "0",
                "id": id,
                "detail-type": "Scheduled Event",
                "source": "aws.scheduler",
                "account": arn.split(':').nth(4),
                "time": time,
                "region": arn.split(':').nth(3),
                "resources": [arn],
                "detail": "{}",
            })
            .to_string(),
        }
    }

    fn letter(
        &self,
        queue: &str,
        id: &str,
        tries: u64,
        error: &AwsError,
        condition: Option<&str>,
    ) -> Value {
        let attribute = |value: &str| json!({ "DataType": "String", "StringValue": value });
        let mut attributes = json!({
            "ERROR_CODE": attribute(&error.code),
            "ERROR_MESSAGE": attribute(&error.message),
            "EXECUTION_ID": attribute(id),
            "IS_PAYLOAD_TRUNCATED": attribute("false"),
            "RETRY_ATTEMPTS": attribute(&(tries - 1).to_string()),
            "SCHEDULED_TIME": attribute(&self.scheduled.to_string()),
            "SCHEDULE_ARN": attribute(&self.schedule.arn),
            "TARGET_ARN": attribute(&self.schedule.target.arn),
        });
        if let Some(condition) = condition {
            attributes["EXHAUSTED_RETRY_CONDITION"] = attribute(condition);
        }
        json!({
            "QueueUrl": queue,
            "MessageBody": self.input(id, tries),
            "MessageAttributes": attributes,
        })
    }
}
