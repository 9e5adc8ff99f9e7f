//! `AWS::S3::*`.

use base64::Engine as _;
use serde_json::{Value, json};

use super::{Context, Notation, document, made, required};
use crate::AwsError;
use crate::cloudformation::template::Made;

pub(super) const KINDS: [Notation; 2] = [
    (
        "AWS::S3::Bucket",
        "BucketName! BucketEncryption* OwnershipControls* PublicAccessBlockConfiguration* \
         LifecycleConfiguration* VersioningConfiguration* Tags[Key Value]",
        "Arn DomainName RegionalDomainName",
    ),
    ("AWS::S3::BucketPolicy", "Bucket!+ PolicyDocument*+", ""),
];

pub(super) async fn create_bucket(
    context: &Context<'_>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let name = match super::scalar(properties, "BucketName") {
        Some(name) => name,
        None => context.generated_name(63).to_lowercase(),
    };
    let mut input = json!({ "Bucket": name });
    if context.region != "us-east-1" {
        input["CreateBucketConfiguration"] = json!({ "LocationConstraint": context.region });
    }
    context.call("s3", "CreateBucket", input).await?;
    let bucket = made(
        name.clone(),
        [
            ("Arn", json!(format!("arn:aws:s3:::{name}"))),
            ("DomainName", json!(format!("{name}.s3.amazonaws.com"))),
            ("RegionalDomainName", json!(format!("{name}.s3.{}.amazonaws.com", context.region))),
        ],
    );
    match update_bucket(context, &bucket, properties).await {
        Err(error) => {
            let _ = delete_bucket(context, &bucket).await;
            Err(error)
        }
        done => done,
    }
}

/// A bucket's settings: the property, the call that sets it, and the call's member.
const SETTINGS: [(&str, &str, &str); 5] = [
    ("BucketEncryption", "PutBucketEncryption", "ServerSideEncryptionConfiguration"),
    ("OwnershipControls", "PutBucketOwnershipControls", "OwnershipControls"),
    ("PublicAccessBlockConfiguration", "PutPublicAccessBlock", "PublicAccessBlockConfiguration"),
    ("LifecycleConfiguration", "PutBucketLifecycleConfiguration", "LifecycleConfiguration"),
    ("VersioningConfiguration", "PutBucketVersioning", "VersioningConfiguration"),
];

/// A setting in the words of S3's own calls: CloudFormation's lists are repeated elements there, and a
/// lifecycle rule's days have their own places.
fn as_called(property: &str, value: &Value) -> Value {
    match property {
        "BucketEncryption" => {
            let rules = value["ServerSideEncryptionConfiguration"].as_array().cloned();
            let rule = |rule: Value| {
                let by_default = rule["ServerSideEncryptionByDefault"].clone();
                let key = rule.get("BucketKeyEnabled").cloned().unwrap_or(json!(false));
                json!({ "ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": key })
            };
            json!({ "Rule": rules.unwrap_or_default().into_iter().map(rule).collect::<Vec<_>>() })
        }
        "OwnershipControls" => json!({ "Rule": value["Rules"] }),
        "LifecycleConfiguration" => {
            let rules = value["Rules"].as_array().cloned().unwrap_or_default();
            json!({ "Rule": rules.into_iter().map(lifecycle_rule).collect::<Vec<_>>() })
        }
        _ => value.clone(),
    }
}

fn lifecycle_rule(mut rule: Value) -> Value {
    let Some(members) = rule.as_object_mut() else { return rule };
    if let Some(id) = members.remove("Id") {
        members.insert("ID".to_owned(), id);
    }
    let days = members.remove("ExpirationInDays").map(|days| json!({ "Days": days }));
    if let Some(expiration) = days {
        members.insert("Expiration".to_owned(), expiration);
    }
    rule
}

pub(super) async fn update_bucket(
    context: &Context<'_>,
    bucket: &Made,
    properties: &Value,
) -> Result<Made, AwsError> {
    for (property, operation, member) in SETTINGS {
        if let Some(value) = properties.get(property) {
            let input = json!({ "Bucket": bucket.physical_id, member: as_called(property, value) });
            context.call("s3", operation, input).await?;
        }
    }
    Ok(bucket.clone())
}

pub(super) async fn delete_bucket(context: &Context<'_>, bucket: &Made) -> Result<(), AwsError> {
    let input = json!({ "Bucket": bucket.physical_id });
    context.call("s3", "DeleteBucket", input).await.map(|_| ())
}

pub(super) async fn put_policy(
    context: &Context<'_>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let bucket = required(properties, "Bucket")?;
    let policy = document(properties, "PolicyDocument").unwrap_or_default();
    let body = base64::prelude::BASE64_STANDARD.encode(&policy);
    let input = json!({ "Bucket": bucket, "$body": body });
    context.call("s3", "PutBucketPolicy", input).await?;
    Ok(made(bucket, []))
}

pub(super) async fn delete_policy(
    context: &Context<'_>,
    properties: &Value,
) -> Result<(), AwsError> {
    let input = json!({ "Bucket": required(properties, "Bucket")? });
    context.call("s3", "DeleteBucketPolicy", input).await.map(|_| ())
}
