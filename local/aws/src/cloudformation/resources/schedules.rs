//! `AWS::Scheduler::Schedule`.

use serde_json::{Value, json};

use super::{Context, Notation, answered, made, picked, text};
use crate::AwsError;
use crate::cloudformation::template::Made;

pub(super) const KINDS: [Notation; 1] = [(
    "AWS::Scheduler::Schedule",
    "Name! GroupName Description ScheduleExpression+ ScheduleExpressionTimezone StartDate EndDate \
     State FlexibleTimeWindow{Mode+ MaximumWindowInMinutes} Target{Arn+ RoleArn+ Input \
     DeadLetterConfig{Arn} RetryPolicy{MaximumEventAgeInSeconds MaximumRetryAttempts} \
     SqsParameters{MessageGroupId} EventBridgeParameters{DetailType Source}}",
    "Arn",
)];

const MEMBERS: [&str; 9] = [
    "GroupName",
    "Description",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "EndDate",
    "State",
    "FlexibleTimeWindow",
    "Target",
];

pub(super) async fn put(
    context: &Context<'_>,
    existing: Option<&Made>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let (operation, name) = match existing {
        Some(schedule) => ("UpdateSchedule", schedule.physical_id.clone()),
        None => ("CreateSchedule", context.name(properties, "Name", 64)),
    };
    let mut input = picked(properties, &MEMBERS);
    input.insert("Name".to_owned(), json!(name));
    let answer = context.call("scheduler", operation, Value::Object(input)).await?;
    Ok(made(name, [("Arn", json!(answered(&answer, "/ScheduleArn")?))]))
}

pub(super) async fn delete(
    context: &Context<'_>,
    schedule: &Made,
    properties: &Value,
) -> Result<(), AwsError> {
    let group = text(properties, "GroupName").unwrap_or("default");
    let input = json!({ "Name": schedule.physical_id, "GroupName": group });
    context.call("scheduler", "DeleteSchedule", input).await.map(|_| ())
}
