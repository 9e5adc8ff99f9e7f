//! S3: buckets and whole objects, conditional writes, checksums, lists in pages, bucket policies.
//! Other bucket settings (encryption, lifecycle, …) are kept as they come and not acted on.

mod policy;

use std::collections::BTreeMap;

use base64::Engine as _;
use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::wire::{blob, body, timestamp};
use crate::{Access, Aws, AwsError, Call, State};

/// The service's state.
#[derive(Debug, Default)]
pub(crate) struct S3 {
    buckets: BTreeMap<String, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    account: String,
    region: String,
    created: Timestamp,
    settings: BTreeMap<String, Value>,
    objects: BTreeMap<String, Object>,
}

#[derive(Debug, Clone)]
struct Object {
    bytes: Bytes,
    etag: String,
    /// In base64, when the writer sent one.
    sha256: Option<String>,
    modified: Timestamp,
    content_type: Option<String>,
    metadata: Map<String, Value>,
}

/// The permissions that a call needs.
pub(crate) fn access(_state: &State, call: &Call) -> Vec<Access> {
    let bucket = call.opt_text("Bucket").unwrap_or("*");
    let key = call.opt_text("Key");
    let object = || format!("arn:aws:s3:::{bucket}/{}", key.unwrap_or("*"));
    let of_bucket = || format!("arn:aws:s3:::{bucket}");
    let (action, resource) = match call.operation.as_str() {
        "GetObject" | "HeadObject" => ("s3:GetObject".to_owned(), object()),
        "PutObject" => ("s3:PutObject".to_owned(), object()),
        "DeleteObject" | "DeleteObjects" => ("s3:DeleteObject".to_owned(), object()),
        "ListObjectsV2" | "ListObjects" | "HeadBucket" => ("s3:ListBucket".to_owned(), of_bucket()),
        "ListBuckets" => ("s3:ListAllMyBuckets".to_owned(), "*".to_owned()),
        // Calls whose permission is called otherwise.
        "PutBucketEncryption" => ("s3:PutEncryptionConfiguration".to_owned(), of_bucket()),
        "GetBucketEncryption" => ("s3:GetEncryptionConfiguration".to_owned(), of_bucket()),
        "PutPublicAccessBlock" => ("s3:PutBucketPublicAccessBlock".to_owned(), of_bucket()),
        "GetPublicAccessBlock" => ("s3:GetBucketPublicAccessBlock".to_owned(), of_bucket()),
        "PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle" => {
            ("s3:PutLifecycleConfiguration".to_owned(), of_bucket())
        }
        "GetBucketLifecycleConfiguration" => {
            ("s3:GetLifecycleConfiguration".to_owned(), of_bucket())
        }
        other => (format!("s3:{other}"), of_bucket()),
    };
    let access = Access::to(action, resource);
    vec![match call.opt_text("IfNoneMatch") {
        Some(value) => access.with("s3:if-none-match", value),
        None => access,
    }]
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let now = aws.now();
    let mut state = aws.lock();
    let s3 = &mut state.s3;
    match call.operation.as_str() {
        "CreateBucket" => return create(s3, call, now),
        "ListBuckets" => {
            let rows: Vec<Value> = s3
                .buckets
                .iter()
                .filter(|(_, bucket)| bucket.account == call.account)
                .map(|(name, bucket)| json!({ "Name": name, "CreationDate": timestamp(bucket.created) }))
                .collect();
            return Ok(json!({ "Buckets": rows }));
        }
        _ => {}
    }
    let name = call.text("Bucket")?;
    let missing =
        || AwsError::new("NoSuchBucket", "The specified bucket does not exist").status(404);
    policy::check(aws, &state, state.s3.buckets.get(name).ok_or_else(missing)?, call)?;
    let s3 = &mut state.s3;
    let bucket = s3.buckets.get_mut(name).ok_or_else(missing)?;
    match call.operation.as_str() {
        "HeadBucket" => Ok(json!({ "$headers": { "x-amz-bucket-region": bucket.region } })),
        "DeleteBucket" if !bucket.objects.is_empty() => {
            Err(AwsError::new("BucketNotEmpty", "The bucket you tried to delete is not empty")
                .status(409))
        }
        "DeleteBucket" => {
            s3.buckets.remove(name);
            Ok(json!({ "$status": 204 }))
        }
        "PutObject" => put(bucket, call, now),
        "GetObject" | "HeadObject" => get(bucket, call),
        "DeleteObject" => {
            bucket.objects.remove(call.text("Key")?);
            Ok(json!({ "$status": 204 }))
        }
        "DeleteObjects" => delete_many(bucket, call),
        "ListObjectsV2" => list(bucket, call),
        "GetBucketLocation" => Ok(json!({ "LocationConstraint": bucket.region })),
        operation => setting(bucket, call, operation),
    }
}

fn create(s3: &mut S3, call: &Call, now: Timestamp) -> Result<Value, AwsError> {
    let name = call.text("Bucket")?;
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let fits = (3..=63).contains(&name.len())
        && name.chars().all(legal)
        && ends(name.chars().next())
        && ends(name.chars().last());
    if !fits {
        return Err(AwsError::new(
            "InvalidBucketName",
            format!("The specified bucket is not valid: {name}"),
        ));
    }
    match s3.buckets.get(name) {
        Some(bucket) if bucket.account == call.account => Err(AwsError::new(
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
        )
        .status(409)),
        Some(_) => {
            Err(AwsError::new("BucketAlreadyExists", "The requested bucket name is not available.")
                .status(409))
        }
        None => {
            let bucket = Bucket {
                account: call.account.clone(),
                region: call.region.clone(),
                created: now,
                settings: BTreeMap::new(),
                objects: BTreeMap::new(),
            };
            s3.buckets.insert(name.to_owned(), bucket);
            Ok(json!({ "$headers": { "Location": format!("/{name}") } }))
        }
    }
}

fn put(bucket: &mut Bucket, call: &Call, now: Timestamp) -> Result<Value, AwsError> {
    let key = call.text("Key")?;
    if key.is_empty() || key.len() > 1024 {
        return Err(AwsError::new("KeyTooLongError", "Your key is too long"));
    }
    let unmet = || {
        AwsError::new(
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
        )
        .status(412)
    };
    if call.opt_text("IfNoneMatch") == Some("*") && bucket.objects.contains_key(key) {
        return Err(unmet());
    }
    if let Some(etag) = call.opt_text("IfMatch")
        && bucket.objects.get(key).is_none_or(|object| object.etag != etag)
    {
        return Err(unmet());
    }
    let bytes = body(&call.input);
    let sha256 = call.opt_text("ChecksumSHA256").map(str::to_owned);
    let found = base64::prelude::BASE64_STANDARD.encode(Sha256::digest(&bytes));
    if sha256.as_ref().is_some_and(|given| *given != found) {
        return Err(AwsError::new(
            "BadDigest",
            "The SHA256 you specified did not match the calculated checksum.",
        ));
    }
    let md5: String = Md5::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let etag = format!("\"{md5}\"");
    let object = Object {
        bytes,
        etag: etag.clone(),
        sha256,
        modified: now,
        content_type: call.opt_text("ContentType").map(str::to_owned),
        metadata: call
            .input
            .get("Metadata")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
    };
    bucket.objects.insert(key.to_owned(), object);
    Ok(json!({ "$headers": { "ETag": etag } }))
}

fn get(bucket: &Bucket, call: &Call) -> Result<Value, AwsError> {
    let object = bucket.objects.get(call.text("Key")?).ok_or_else(|| {
        AwsError::new("NoSuchKey", "The specified key does not exist.").status(404)
    })?;
    if call.opt_text("Range").is_some() {
        return Err(AwsError::new("NotImplemented", "Range: the local AWS answers whole objects")
            .status(501));
    }
    let mut headers = Map::new();
    headers.insert("ETag".to_owned(), json!(object.etag));
    let modified = object.modified.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    headers.insert("Last-Modified".to_owned(), json!(modified));
    let content_type = object.content_type.as_deref().unwrap_or("binary/octet-stream");
    headers.insert("Content-Type".to_owned(), json!(content_type));
    if let (Some("ENABLED"), Some(sha256)) = (call.opt_text("ChecksumMode"), &object.sha256) {
        headers.insert("x-amz-checksum-sha256".to_owned(), json!(sha256));
        headers.insert("x-amz-checksum-type".to_owned(), json!("FULL_OBJECT"));
    }
    for (name, value) in &object.metadata {
        headers.insert(format!("x-amz-meta-{name}"), value.clone());
    }
    if call.operation == "HeadObject" {
        headers.insert("Content-Length".to_owned(), json!(object.bytes.len().to_string()));
        return Ok(json!({ "$headers": headers }));
    }
    Ok(json!({ "$body": blob(&object.bytes), "$headers": headers }))
}

fn delete_many(bucket: &mut Bucket, call: &Call) -> Result<Value, AwsError> {
    let objects =
        match call.input.pointer("/Delete/Object").or(call.input.pointer("/Delete/Objects")) {
            Some(Value::Array(objects)) => objects.clone(),
            Some(one) => vec![one.clone()],
            None => Vec::new(),
        };
    let mut deleted = Vec::new();
    for key in objects.iter().filter_map(|object| object["Key"].as_str()) {
        bucket.objects.remove(key);
        deleted.push(json!({ "Key": key }));
    }
    Ok(json!({ "Deleted": deleted }))
}

fn list(bucket: &Bucket, call: &Call) -> Result<Value, AwsError> {
    let prefix = call.opt_text("Prefix").unwrap_or_default();
    let after =
        call.opt_text("ContinuationToken").or(call.opt_text("StartAfter")).unwrap_or_default();
    let most = call.opt_int("MaxKeys")?.unwrap_or(1000).clamp(0, 1000) as usize;
    let delimiter = call.opt_text("Delimiter").filter(|delimiter| !delimiter.is_empty());
    let (mut contents, mut folders, mut last) = (Vec::new(), Vec::<String>::new(), String::new());
    let mut truncated = false;
    for (key, object) in bucket.objects.range(prefix.to_owned()..) {
        let Some(rest) = key.strip_prefix(prefix) else { break };
        let folder = delimiter.and_then(|delimiter| {
            rest.find(delimiter).map(|at| format!("{prefix}{}", &rest[..at + delimiter.len()]))
        });
        let skipped = key.as_str() <= after
            || folder.as_ref().is_some_and(|folder| {
                folders.last() == Some(folder)
                    || (!after.is_empty() && after.starts_with(folder.as_str()))
            });
        if skipped {
            continue;
        }
        if contents.len() + folders.len() == most {
            truncated = true;
            break;
        }
        last.clone_from(key);
        match folder {
            Some(folder) => folders.push(folder),
            None => contents.push(json!({
                "Key": key, "LastModified": timestamp(object.modified), "ETag": object.etag,
                "Size": object.bytes.len(), "StorageClass": "STANDARD",
            })),
        }
    }
    let prefixes: Vec<Value> = folders.iter().map(|folder| json!({ "Prefix": folder })).collect();
    let mut answer = json!({
        "Name": call.text("Bucket")?, "Prefix": prefix, "MaxKeys": most,
        "KeyCount": contents.len() + prefixes.len(), "IsTruncated": truncated,
        "Contents": contents, "CommonPrefixes": prefixes,
    });
    if truncated {
        answer["NextContinuationToken"] = json!(last);
    }
    Ok(answer)
}

/// Bucket settings that are kept as they come.
const SETTINGS: [&str; 9] = [
    "BucketPolicy",
    "BucketEncryption",
    "BucketVersioning",
    "BucketLifecycleConfiguration",
    "BucketOwnershipControls",
    "BucketTagging",
    "BucketLogging",
    "BucketNotificationConfiguration",
    "PublicAccessBlock",
];

fn setting(bucket: &mut Bucket, call: &Call, operation: &str) -> Result<Value, AwsError> {
    let unknown = || AwsError::unknown_operation("s3", operation);
    let (verb, name) = ["Put", "Get", "Delete"]
        .into_iter()
        .find_map(|verb| Some((verb, operation.strip_prefix(verb)?)))
        .filter(|(_, name)| SETTINGS.contains(name))
        .ok_or_else(unknown)?;
    match verb {
        "Put" => {
            let mut value = call.input.clone();
            if let Some(value) = value.as_object_mut() {
                value.remove("Bucket");
            }
            if name == "BucketPolicy" {
                policy::checked(&value)?;
            }
            bucket.settings.insert(name.to_owned(), value);
            Ok(json!({}))
        }
        "Get" => bucket.settings.get(name).cloned().ok_or_else(|| {
            AwsError::new(format!("NoSuch{name}"), format!("The {name} does not exist")).status(404)
        }),
        _ => {
            bucket.settings.remove(name);
            Ok(json!({ "$status": 204 }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Principal, Settings};

    async fn ask(aws: &Aws, operation: &str, input: Value) -> Result<Value, AwsError> {
        let place = ("111122223333", "eu-central-1");
        aws.perform(&Call::by_service("test.amazonaws.com", "s3", operation, place, input)).await
    }

    #[tokio::test]
    async fn an_object_is_written_once_when_nothing_may_match() {
        let aws = Aws::new(Settings::default());
        ask(&aws, "CreateBucket", json!({ "Bucket": "runs" })).await.unwrap();
        let put = json!({ "Bucket": "runs", "Key": "a", "IfNoneMatch": "*", "$body": blob(b"1") });
        ask(&aws, "PutObject", put.clone()).await.unwrap();
        let again = ask(&aws, "PutObject", put).await.unwrap_err();
        assert_eq!((again.code.as_str(), again.status), ("PreconditionFailed", 412));
        let got = ask(&aws, "GetObject", json!({ "Bucket": "runs", "Key": "a" })).await.unwrap();
        assert_eq!(body(&got).as_ref(), b"1");
        let none =
            ask(&aws, "GetObject", json!({ "Bucket": "runs", "Key": "b" })).await.unwrap_err();
        assert_eq!((none.code.as_str(), none.status), ("NoSuchKey", 404));
    }

    /// A call by somebody of an account of the organization.
    async fn ask_as(
        aws: &Aws,
        account: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let place = (account, "eu-central-1");
        let mut call = Call::by_service("x", "s3", operation, place, input);
        call.caller.principal = Principal::Administrator;
        call.caller.arn = format!("arn:aws:iam::{account}:root");
        aws.perform(&call).await
    }

    #[tokio::test]
    async fn a_buckets_policy_lets_others_in_and_keeps_everybody_from_what_it_denies() {
        let aws = Aws::new(Settings::default());
        let own = aws.settings().management_account.clone();
        ask_as(&aws, &own, "CreateBucket", json!({ "Bucket": "code" })).await.unwrap();
        let statement = |sid: &str, effect: &str, action: &str, condition: Value| {
            json!({ "Sid": sid, "Effect": effect, "Principal": "*", "Action": action,
                "Resource": "arn:aws:s3:::code/*", "Condition": condition })
        };
        let inside =
            json!({ "StringEquals": { "aws:PrincipalOrgID": aws.settings().organization } });
        let unconditional = json!({ "Null": { "s3:if-none-match": "true" } });
        let policy = json!({ "Version": "2012-10-17", "Statement": [
            statement("Read", "Allow", "s3:GetObject", inside),
            statement("Keep", "Deny", "s3:PutObject", unconditional),
            statement("Stay", "Deny", "s3:DeleteObject", json!({ "Bool": { "aws:SecureTransport": "true" } })),
        ] });
        let put = json!({ "Bucket": "code", "$body": blob(policy.to_string().as_bytes()) });
        ask_as(&aws, &own, "PutBucketPolicy", put).await.unwrap();

        let mut object = json!({ "Bucket": "code", "Key": "a", "$body": blob(b"1") });
        let refused = ask_as(&aws, &own, "PutObject", object.clone()).await.unwrap_err();
        assert_eq!((refused.code.as_str(), refused.status), ("AccessDenied", 403));
        object["IfNoneMatch"] = json!("*");
        ask_as(&aws, &own, "PutObject", object.clone()).await.unwrap();
        object["ExpectedBucketOwner"] = json!("210987654321");
        assert_eq!(ask_as(&aws, &own, "PutObject", object).await.unwrap_err().status, 403);
        let key = json!({ "Bucket": "code", "Key": "a" });
        assert_eq!(ask_as(&aws, &own, "DeleteObject", key.clone()).await.unwrap_err().status, 403);
        // An account of another organization has no leave.
        let stranger = ask_as(&aws, "999988887777", "GetObject", key.clone()).await.unwrap_err();
        assert_eq!(stranger.code, "AccessDenied");
        ask_as(&aws, &own, "GetObject", key).await.unwrap();
    }

    #[tokio::test]
    async fn a_checksum_is_compared_kept_and_answered_to_who_asks_for_it() {
        let aws = Aws::new(Settings::default());
        ask(&aws, "CreateBucket", json!({ "Bucket": "code" })).await.unwrap();
        let digest = "a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s=";
        let put = |digest: &str| json!({ "Bucket": "code", "Key": "a", "ChecksumSHA256": digest, "$body": blob(b"1") });
        let wrong = ask(&aws, "PutObject", put("x")).await.unwrap_err();
        assert_eq!((wrong.code.as_str(), wrong.status), ("BadDigest", 400));
        ask(&aws, "PutObject", put(digest)).await.unwrap();
        let mut head = json!({ "Bucket": "code", "Key": "a" });
        let without = ask(&aws, "HeadObject", head.clone()).await.unwrap();
        assert_eq!(without["$headers"].get("x-amz-checksum-sha256"), None);
        head["ChecksumMode"] = json!("ENABLED");
        let with = ask(&aws, "HeadObject", head).await.unwrap();
        assert_eq!(with["$headers"]["x-amz-checksum-sha256"], digest);
    }

    #[tokio::test]
    async fn lists_come_in_pages_and_folders() {
        let aws = Aws::new(Settings::default());
        ask(&aws, "CreateBucket", json!({ "Bucket": "runs" })).await.unwrap();
        for key in ["a/1", "a/2", "b/1", "c"] {
            ask(&aws, "PutObject", json!({ "Bucket": "runs", "Key": key })).await.unwrap();
        }
        let first = json!({ "Bucket": "runs", "MaxKeys": "3" });
        let page = ask(&aws, "ListObjectsV2", first).await.unwrap();
        assert_eq!(
            (page["KeyCount"].clone(), page["IsTruncated"].clone()),
            (json!(3), json!(true))
        );
        let next = json!({ "Bucket": "runs", "ContinuationToken": page["NextContinuationToken"] });
        assert_eq!(ask(&aws, "ListObjectsV2", next).await.unwrap()["Contents"][0]["Key"], "c");
        let folders = json!({ "Bucket": "runs", "Delimiter": "/" });
        let page = ask(&aws, "ListObjectsV2", folders).await.unwrap();
        assert_eq!(page["CommonPrefixes"], json!([{ "Prefix": "a/" }, { "Prefix": "b/" }]));
        assert_eq!(page["Contents"][0]["Key"], "c");
    }
}
