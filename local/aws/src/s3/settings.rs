//! What may be set for a bucket, what a new bucket has, and how the lack of it is called.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Bucket, Versioning, policy};
use crate::{AwsError, Call};

/// A setting: the operations' name, its root element in a request, and the error when there is none.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
struct Setting {
    name: &'static str,
    root: &'static str,
    missing: (&'static str, &'static str),
}

const SETTINGS: [Setting; 6] = [
    Setting {
        name: "BucketPolicy",
        root: "$body",
        missing: ("NoSuchBucketPolicy", "The bucket policy does not exist"),
    },
    Setting {
        name: "BucketEncryption",
        root: "ServerSideEncryptionConfiguration",
        missing: (
            "ServerSideEncryptionConfigurationNotFoundError",
            "The server side encryption configuration was not found",
        ),
    },
    Setting {
        name: "BucketLifecycleConfiguration",
        root: "LifecycleConfiguration",
        missing: ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
    },
    Setting {
        name: "BucketOwnershipControls",
        root: "OwnershipControls",
        missing: ("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
    },
    Setting {
        name: "BucketTagging",
        root: "Tagging",
        missing: ("NoSuchTagSet", "The TagSet does not exist"),
    },
    Setting {
        name: "PublicAccessBlock",
        root: "PublicAccessBlockConfiguration",
        missing: (
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        ),
    },
];

fn encrypted_by_s3() -> Value {
    json!({ "Rule": [{
        "ApplyServerSideEncryptionByDefault": { "SSEAlgorithm": "AES256" },
        "BucketKeyEnabled": false,
    }] })
}

/// Encrypted, without access lists, closed to the public: as every bucket begins since April 2023.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html>
pub(super) fn of_a_new_bucket() -> BTreeMap<&'static str, Value> {
    let closed = json!({
        "BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true,
    });
    BTreeMap::from([
        ("BucketEncryption", encrypted_by_s3()),
        (
            "BucketOwnershipControls",
            json!({ "Rule": [{ "ObjectOwnership": "BucketOwnerEnforced" }] }),
        ),
        ("PublicAccessBlock", closed),
    ])
}

/// Sets, reads or takes back a setting.
pub(super) fn handle(bucket: &mut Bucket, call: &Call, operation: &str) -> Result<Value, AwsError> {
    match operation {
        "PutBucketVersioning" => return put_versioning(bucket, call),
        "GetBucketVersioning" => {
            return Ok(match bucket.versioning {
                Versioning::Never => json!({}),
                Versioning::Enabled => json!({ "Status": "Enabled" }),
                Versioning::Suspended => json!({ "Status": "Suspended" }),
            });
        }
        _ => {}
    }
    let operation = if operation == "DeleteBucketLifecycle" {
        "DeleteBucketLifecycleConfiguration"
    } else {
        operation
    };
    let (verb, setting) = ["Put", "Get", "Delete"]
        .into_iter()
        .find_map(|verb| {
            let name = operation.strip_prefix(verb)?;
            Some((verb, SETTINGS.iter().find(|setting| setting.name == name)?))
        })
        .ok_or_else(|| AwsError::unknown_operation("s3", operation))?;
    match verb {
        "Put" => {
            let value = call.input.get(setting.root).ok_or_else(|| {
                AwsError::new("MalformedXML", format!("{operation} without {}", setting.root))
            })?;
            let value = match setting.name {
                "BucketPolicy" => {
                    policy::checked(&call.input)?;
                    json!({ "$body": value })
                }
                _ => value.clone(),
            };
            bucket.settings.insert(setting.name, value);
            Ok(json!({}))
        }
        "Get" => bucket.settings.get(setting.name).cloned().ok_or_else(|| {
            let (code, message) = setting.missing;
            AwsError::new(code, message).status(404)
        }),
        _ => {
            bucket.settings.remove(setting.name);
            // There is no bucket without encryption.
            if setting.name == "BucketEncryption" {
                bucket.settings.insert(setting.name, encrypted_by_s3());
            }
            Ok(json!({ "$status": 204 }))
        }
    }
}

fn put_versioning(bucket: &mut Bucket, call: &Call) -> Result<Value, AwsError> {
    let wanted = &call.input["VersioningConfiguration"];
    if let Some(member) =
        wanted.as_object().and_then(|wanted| wanted.keys().find(|key| *key != "Status"))
    {
        let asked =
            format!("PutBucketVersioning with the member \"{member}\", which it does not read");
        return Err(AwsError::unknown_operation("s3", &asked));
    }
    bucket.versioning = match wanted["Status"].as_str() {
        Some("Enabled") => Versioning::Enabled,
        Some("Suspended") => Versioning::Suspended,
        _ => {
            let message = "The XML you provided was not well-formed or did not validate against our published schema";
            return Err(AwsError::new("MalformedXML", message));
        }
    };
    Ok(json!({}))
}
