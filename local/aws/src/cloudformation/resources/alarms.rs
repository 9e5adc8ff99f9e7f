//! `AWS::CloudWatch::Alarm` and `AWS::CloudWatch::CompositeAlarm`.

use serde_json::{Value, json};

use super::{Context, Notation, made, picked};
use crate::AwsError;
use crate::cloudformation::template::Made;

pub(super) const KINDS: [Notation; 2] = [
    (
        "AWS::CloudWatch::Alarm",
        "AlarmName! AlarmDescription ActionsEnabled AlarmActions OKActions InsufficientDataActions \
         Namespace MetricName Dimensions[Name+ Value+] Statistic ExtendedStatistic Unit Period \
         EvaluationPeriods DatapointsToAlarm Threshold ComparisonOperator TreatMissingData Metrics* \
         Tags[Key Value]",
        "Arn",
    ),
    (
        "AWS::CloudWatch::CompositeAlarm",
        "AlarmName! AlarmDescription ActionsEnabled AlarmActions OKActions InsufficientDataActions \
         AlarmRule+ ActionsSuppressor ActionsSuppressorWaitPeriod ActionsSuppressorExtensionPeriod \
         Tags[Key Value]",
        "Arn",
    ),
];

const OF_COMPOSITE: [&str; 11] = [
    "AlarmDescription",
    "ActionsEnabled",
    "AlarmActions",
    "OKActions",
    "InsufficientDataActions",
    "AlarmRule",
    "ActionsSuppressor",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
    "Tags",
    "AlarmName",
];

pub(super) async fn put_composite(
    context: &Context<'_>,
    existing: Option<&Made>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let name = match existing {
        Some(alarm) => alarm.physical_id.clone(),
        None => context.name(properties, "AlarmName", 255),
    };
    let mut input = picked(properties, &OF_COMPOSITE);
    input.insert("AlarmName".to_owned(), json!(name));
    context.call("cloudwatch", "PutCompositeAlarm", Value::Object(input)).await?;
    let arn = context.arn("cloudwatch", &format!("alarm:{name}"));
    Ok(made(name, [("Arn", json!(arn))]))
}

const MEMBERS: [&str; 16] = [
    "AlarmDescription",
    "ActionsEnabled",
    "AlarmActions",
    "OKActions",
    "InsufficientDataActions",
    "Namespace",
    "MetricName",
    "Dimensions",
    "Statistic",
    "ExtendedStatistic",
    "Unit",
    "ComparisonOperator",
    "TreatMissingData",
    "Metrics",
    "Tags",
    "AlarmName",
];

pub(super) async fn put(
    context: &Context<'_>,
    existing: Option<&Made>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let name = match existing {
        Some(alarm) => alarm.physical_id.clone(),
        None => context.name(properties, "AlarmName", 255),
    };
    let mut input = picked(properties, &MEMBERS);
    input.insert("AlarmName".to_owned(), json!(name));
    for member in ["Period", "EvaluationPeriods", "DatapointsToAlarm"] {
        if let Some(number) = super::integer(properties, member) {
            input.insert(member.to_owned(), json!(number));
        }
    }
    if let Some(text) = super::scalar(properties, "Threshold") {
        let number: f64 = text
            .parse()
            .map_err(|_| AwsError::validation(format!("Threshold: \"{text}\" is not a number")))?;
        input.insert("Threshold".to_owned(), json!(number));
    }
    context.call("cloudwatch", "PutMetricAlarm", Value::Object(input)).await?;
    let arn = context.arn("cloudwatch", &format!("alarm:{name}"));
    Ok(made(name, [("Arn", json!(arn))]))
}

pub(super) async fn delete(context: &Context<'_>, alarm: &Made) -> Result<(), AwsError> {
    let input = json!({ "AlarmNames": [alarm.physical_id] });
    context.call("cloudwatch", "DeleteAlarms", input).await.map(|_| ())
}
