//! `AWS::Logs::LogGroup`: a name; nothing writes to it here, what functions log goes to the
//! function host.

use serde_json::{Value, json};

use super::{Context, Notation, made};
use crate::cloudformation::template::Made;
use crate::{Access, AwsError, Call};

pub(super) const KINDS: [Notation; 1] = [(
    "AWS::Logs::LogGroup",
    "LogGroupName! RetentionInDays KmsKeyId LogGroupClass Tags[Key Value]",
    "Arn",
)];

const RETENTION_DAYS: [i64; 23] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653, 0,
];

fn authorize(context: &Context<'_>, operation: &str, arn: &str) -> Result<(), AwsError> {
    let call = Call {
        service: "logs",
        operation: operation.to_owned(),
        input: Value::Null,
        caller: context.caller.clone(),
        account: context.account.to_owned(),
        region: context.region.to_owned(),
    };
    crate::iam::authorize(context.aws, &call, &[Access::to(format!("logs:{operation}"), arn)])
}

pub(super) fn create(context: &Context<'_>, properties: &Value) -> Result<Made, AwsError> {
    let name = context.name(properties, "LogGroupName", 512);
    if let Some(days) = super::integer(properties, "RetentionInDays")
        && !RETENTION_DAYS.contains(&days)
    {
        let message = format!("RetentionInDays: {days} is not one of the numbers that AWS allows");
        return Err(AwsError::validation(message));
    }
    let arn = context.arn("logs", &format!("log-group:{name}:*"));
    authorize(context, "CreateLogGroup", &arn)?;
    Ok(made(name, [("Arn", json!(arn))]))
}

pub(super) fn delete(context: &Context<'_>) -> Result<(), AwsError> {
    authorize(context, "DeleteLogGroup", &context.arn("logs", "log-group:*"))
}
