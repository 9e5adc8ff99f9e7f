//! S3: buckets, whole objects and their versions, conditional writes, checksums, lists in pages, bucket
//! policies. Encryption, lifecycle and the like are checked for their shape, kept, and not acted on.

mod lists;
mod objects;
mod policy;
mod settings;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::wire::timestamp;
use crate::{Access, Aws, AwsError, Call, State};
use objects::Version;

/// The service's state.
#[derive(Debug, Default)]
pub(crate) struct S3 {
    buckets: BTreeMap<String, Bucket>,
}

impl S3 {
    /// The account that owns a bucket.
    pub(crate) fn owner(&self, bucket: &str) -> Option<&str> {
        Some(self.buckets.get(bucket)?.account.as_str())
    }

    /// A bucket's policy.
    pub(crate) fn policy(&self, bucket: &str) -> Option<String> {
        let text = crate::wire::body(self.buckets.get(bucket)?.settings.get("BucketPolicy")?);
        String::from_utf8(text.to_vec()).ok()
    }
}

#[derive(Debug)]
struct Bucket {
    account: String,
    region: String,
    created: Timestamp,
    settings: BTreeMap<&'static str, Value>,
    versioning: Versioning,
    /// The versions of each key, the newest last. No key is without one.
    keys: BTreeMap<String, Vec<Version>>,
    /// How many versions were made: the next one's id.
    made: u64,
}

/// What happens to an object that is overwritten or deleted.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Versioning {
    /// It is gone.
    Never,
    /// It stays as an older version.
    Enabled,
    /// Versions stay; the one with the id `null` is overwritten.
    Suspended,
}

/// The permissions that a call needs.
pub(crate) fn access(_state: &State, call: &Call) -> Vec<Access> {
    let bucket = call.opt_text("Bucket").unwrap_or("*");
    let key = call.opt_text("Key");
    let object = || format!("arn:aws:s3:::{bucket}/{}", key.unwrap_or("*"));
    let of_bucket = || format!("arn:aws:s3:::{bucket}");
    let version = if call.opt_text("VersionId").is_some() { "Version" } else { "" };
    let (action, resource) = match call.operation.as_str() {
        "GetObject" | "HeadObject" => (format!("s3:GetObject{version}"), object()),
        "PutObject" => ("s3:PutObject".to_owned(), object()),
        "DeleteObject" => (format!("s3:DeleteObject{version}"), object()),
        "DeleteObjects" => return objects::access_to_delete(call, bucket),
        "ListObjectsV2" | "ListObjects" | "HeadBucket" => ("s3:ListBucket".to_owned(), of_bucket()),
        "ListObjectVersions" => ("s3:ListBucketVersions".to_owned(), of_bucket()),
        "ListBuckets" => ("s3:ListAllMyBuckets".to_owned(), "*".to_owned()),
        // Calls whose permission is called otherwise.
        "PutBucketEncryption" | "DeleteBucketEncryption" => {
            ("s3:PutEncryptionConfiguration".to_owned(), of_bucket())
        }
        "GetBucketEncryption" => ("s3:GetEncryptionConfiguration".to_owned(), of_bucket()),
        "PutPublicAccessBlock" | "DeletePublicAccessBlock" => {
            ("s3:PutBucketPublicAccessBlock".to_owned(), of_bucket())
        }
        "GetPublicAccessBlock" => ("s3:GetBucketPublicAccessBlock".to_owned(), of_bucket()),
        "PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle" => {
            ("s3:PutLifecycleConfiguration".to_owned(), of_bucket())
        }
        "GetBucketLifecycleConfiguration" => {
            ("s3:GetLifecycleConfiguration".to_owned(), of_bucket())
        }
        "DeleteBucketTagging" => ("s3:PutBucketTagging".to_owned(), of_bucket()),
        "DeleteBucketOwnershipControls" => {
            ("s3:PutBucketOwnershipControls".to_owned(), of_bucket())
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
        "DeleteBucket" if !bucket.keys.is_empty() => {
            let versions = bucket.keys.values().flatten().any(|version| version.id != "null");
            let what = if versions { " You must delete all versions in the bucket." } else { "" };
            let message = format!("The bucket you tried to delete is not empty.{what}");
            Err(AwsError::new("BucketNotEmpty", message).status(409))
        }
        "DeleteBucket" => {
            s3.buckets.remove(name);
            Ok(json!({ "$status": 204 }))
        }
        "PutObject" => objects::put(bucket, call, now),
        "GetObject" | "HeadObject" => objects::get(bucket, call),
        "DeleteObject" => {
            let deleted =
                objects::delete(bucket, call.text("Key")?, call.opt_text("VersionId"), now);
            Ok(json!({ "$status": 204, "$headers": deleted.headers() }))
        }
        "DeleteObjects" => objects::delete_many(bucket, call, now),
        "ListObjectsV2" => lists::objects(bucket, call),
        "ListObjectVersions" => lists::versions(bucket, call),
        // The oldest Region has no name here.
        // https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
        "GetBucketLocation" if bucket.region == "us-east-1" => Ok(json!({ "$text": "" })),
        "GetBucketLocation" => Ok(json!({ "$text": bucket.region })),
        operation => settings::handle(bucket, call, operation),
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
                settings: settings::of_a_new_bucket(),
                versioning: Versioning::Never,
                keys: BTreeMap::new(),
                made: 0,
            };
            s3.buckets.insert(name.to_owned(), bucket);
            Ok(json!({ "$headers": { "Location": format!("/{name}") } }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{blob, body};
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

    #[tokio::test]
    async fn a_bucket_that_keeps_versions_loses_nothing_by_a_write_or_a_delete() {
        let aws = Aws::new(Settings::default());
        let key = |more: Value| {
            let mut input = json!({ "Bucket": "runs", "Key": "a" });
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            input
        };
        let versioning = |status: &str| json!({ "Bucket": "runs", "VersioningConfiguration": { "Status": status } });
        ask(&aws, "CreateBucket", json!({ "Bucket": "runs" })).await.unwrap();
        assert_eq!(
            ask(&aws, "GetBucketVersioning", json!({ "Bucket": "runs" })).await.unwrap(),
            json!({})
        );
        ask(&aws, "PutObject", key(json!({ "$body": blob(b"0") }))).await.unwrap();
        ask(&aws, "PutBucketVersioning", versioning("Enabled")).await.unwrap();
        let one = ask(&aws, "PutObject", key(json!({ "$body": blob(b"1") }))).await.unwrap();
        let one = one["$headers"]["x-amz-version-id"].clone();
        assert!(one.as_str().is_some_and(|id| id != "null"), "{one}");
        let gone = ask(&aws, "DeleteObject", key(json!({}))).await.unwrap();
        assert_eq!(gone["$headers"]["x-amz-delete-marker"], "true");
        let marker = gone["$headers"]["x-amz-version-id"].clone();
        assert_eq!(ask(&aws, "GetObject", key(json!({}))).await.unwrap_err().code, "NoSuchKey");
        let read = |id: Value| ask(&aws, "GetObject", key(json!({ "VersionId": id })));
        assert_eq!(body(&read(one.clone()).await.unwrap()).as_ref(), b"1");
        assert_eq!(body(&read(json!("null")).await.unwrap()).as_ref(), b"0");
        assert_eq!(read(marker.clone()).await.unwrap_err().status, 405);
        assert_eq!(read(json!("other")).await.unwrap_err().code, "NoSuchVersion");
        let listed = ask(&aws, "ListObjectVersions", json!({ "Bucket": "runs" })).await.unwrap();
        let ids = |rows: &Value| -> Vec<Value> {
            rows.as_array().unwrap().iter().map(|row| row["VersionId"].clone()).collect()
        };
        assert_eq!(ids(&listed["Version"]), [one.clone(), json!("null")]);
        assert_eq!(ids(&listed["DeleteMarker"]), std::slice::from_ref(&marker));
        let page = json!({ "Bucket": "runs", "MaxKeys": "1" });
        let first = ask(&aws, "ListObjectVersions", page).await.unwrap();
        assert_eq!((ids(&first["DeleteMarker"]).len(), ids(&first["Version"]).len()), (1, 0));
        let next = json!({ "Bucket": "runs", "KeyMarker": first["NextKeyMarker"], "VersionIdMarker": first["NextVersionIdMarker"] });
        let rest = ask(&aws, "ListObjectVersions", next).await.unwrap();
        assert_eq!(ids(&rest["Version"]), [one.clone(), json!("null")]);
        let full = ask(&aws, "DeleteBucket", json!({ "Bucket": "runs" })).await.unwrap_err();
        assert_eq!(full.code, "BucketNotEmpty");
        // The marker is taken away: the object is back. While versions are suspended, `null` is overwritten.
        ask(&aws, "DeleteObject", key(json!({ "VersionId": marker }))).await.unwrap();
        assert_eq!(body(&ask(&aws, "GetObject", key(json!({}))).await.unwrap()).as_ref(), b"1");
        ask(&aws, "PutBucketVersioning", versioning("Suspended")).await.unwrap();
        ask(&aws, "PutObject", key(json!({ "$body": blob(b"2") }))).await.unwrap();
        let listed = ask(&aws, "ListObjectVersions", json!({ "Bucket": "runs" })).await.unwrap();
        assert_eq!(ids(&listed["Version"]), [json!("null"), one]);
        let wrong = ask(&aws, "PutBucketVersioning", versioning("enabled")).await.unwrap_err();
        assert_eq!(wrong.code, "MalformedXML");
    }

    #[tokio::test]
    async fn what_a_bucket_has_not_is_called_as_s3_calls_it() {
        let aws = Aws::new(Settings::default());
        let bucket = json!({ "Bucket": "runs" });
        ask(&aws, "CreateBucket", bucket.clone()).await.unwrap();
        for (operation, code) in [
            ("GetBucketPolicy", "NoSuchBucketPolicy"),
            ("GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration"),
            ("GetBucketTagging", "NoSuchTagSet"),
        ] {
            let error = ask(&aws, operation, bucket.clone()).await.unwrap_err();
            assert_eq!((error.code.as_str(), error.status), (code, 404));
        }
        let encrypted = ask(&aws, "GetBucketEncryption", bucket.clone()).await.unwrap();
        let algorithm = &encrypted["Rule"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"];
        assert_eq!(algorithm, "AES256");
        ask(&aws, "DeletePublicAccessBlock", bucket.clone()).await.unwrap();
        let open = ask(&aws, "GetPublicAccessBlock", bucket).await.unwrap_err();
        assert_eq!(open.code, "NoSuchPublicAccessBlockConfiguration");
    }
}
