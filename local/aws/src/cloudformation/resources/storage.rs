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

pub(super) async fn update_bucket(
    context: &Context<'_>,
    bucket: &Made,
    properties: &Value,
) -> Result<Made, AwsError> {
    for (property, operation, member) in SETTINGS {
        if let Some(value) = properties.get(property) {
            let input = json!({ "Bucket": bucket.physical_id, member: value });
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
