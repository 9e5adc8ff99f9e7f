//! Objects and their versions: written, read, deleted.

use base64::Engine as _;
use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::{Bucket, Versioning};
use crate::wire::{blob, body};
use crate::{Access, AwsError, Call};

/// The id of a version that was written while the bucket kept none.
const NO_VERSION: &str = "null";

/// One version of a key.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) modified: Timestamp,
    /// What was written; none for a delete marker.
    pub(super) object: Option<Object>,
}

/// What was written.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) bytes: Bytes,
    pub(super) etag: String,
    /// In base64, when the writer sent one.
    sha256: Option<String>,
    /// Content type and the like, answered as they were sent.
    headers: Map<String, Value>,
}

/// Headers of an object that are kept and answered: member and wire name.
const KEPT: [(&str, &str); 6] = [
    ("ContentType", "Content-Type"),
    ("CacheControl", "Cache-Control"),
    ("ContentDisposition", "Content-Disposition"),
    ("ContentEncoding", "Content-Encoding"),
    ("ContentLanguage", "Content-Language"),
    ("Expires", "Expires"),
];

impl Bucket {
    /// What a read without a version finds.
    pub(super) fn current(&self, key: &str) -> Option<&Object> {
        self.keys.get(key)?.last()?.object.as_ref()
    }

    /// The id that a version has which is written now.
    fn next_id(&mut self) -> String {
        if self.versioning != Versioning::Enabled {
            return NO_VERSION.to_owned();
        }
        self.made += 1;
        let digest = Sha256::digest(format!("{}:{}", self.created, self.made));
        base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(&digest[..24])
    }

    /// Puts a version on top of a key. One without an id of its own takes the place of the last such.
    fn push(&mut self, key: &str, object: Option<Object>, now: Timestamp) -> String {
        let id = self.next_id();
        let versions = self.keys.entry(key.to_owned()).or_default();
        if id == NO_VERSION {
            versions.retain(|version| version.id != NO_VERSION);
        }
        versions.push(Version { id: id.clone(), modified: now, object });
        id
    }

    /// The header that names a version, where the bucket has or had versions.
    fn version_header(&self, id: &str) -> Option<(&'static str, String)> {
        (self.versioning != Versioning::Never).then(|| ("x-amz-version-id", id.to_owned()))
    }
}

pub(super) fn put(bucket: &mut Bucket, call: &Call, now: Timestamp) -> Result<Value, AwsError> {
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
    if call.opt_text("IfNoneMatch") == Some("*") && bucket.current(key).is_some() {
        return Err(unmet());
    }
    if let Some(etag) = call.opt_text("IfMatch") {
        match bucket.current(key) {
            None => return Err(no_such_key()),
            Some(object) if object.etag.trim_matches('"') != etag.trim_matches('"') => {
                return Err(unmet());
            }
            Some(_) => {}
        }
    }
    let bytes = body(&call.input);
    let md5 = Md5::digest(&bytes);
    let sha256 = call.opt_text("ChecksumSHA256").map(str::to_owned);
    let found = base64::prelude::BASE64_STANDARD.encode(Sha256::digest(&bytes));
    if sha256.as_ref().is_some_and(|given| *given != found) {
        return Err(AwsError::new(
            "BadDigest",
            "The SHA256 you specified did not match the calculated checksum.",
        ));
    }
    let hex: String = md5.iter().map(|byte| format!("{byte:02x}")).collect();
    let etag = format!("\"{hex}\"");
    let mut headers: Map<String, Value> = KEPT
        .into_iter()
        .filter_map(|(member, wire)| Some((wire.to_owned(), json!(call.opt_text(member)?))))
        .collect();
    for (name, value) in call.input.get("Metadata").and_then(Value::as_object).into_iter().flatten()
    {
        headers.insert(format!("x-amz-meta-{name}"), value.clone());
    }
    let object = Object { bytes, etag: etag.clone(), sha256, headers };
    let id = bucket.push(key, Some(object), now);
    let mut answer = Map::from_iter([("ETag".to_owned(), json!(etag))]);
    answer.extend(bucket.version_header(&id).map(|(name, id)| (name.to_owned(), json!(id))));
    Ok(json!({ "$headers": answer }))
}

fn no_such_key() -> AwsError {
    AwsError::new("NoSuchKey", "The specified key does not exist.").status(404)
}

pub(super) fn get(bucket: &Bucket, call: &Call) -> Result<Value, AwsError> {
    let versions = bucket.keys.get(call.text("Key")?).ok_or_else(no_such_key)?;
    let version = match call.opt_text("VersionId") {
        None => versions.last(),
        Some(id) => Some(versions.iter().find(|version| version.id == id).ok_or_else(|| {
            AwsError::new("NoSuchVersion", "The specified version does not exist.").status(404)
        })?),
    };
    let version = version.ok_or_else(no_such_key)?;
    let Some(object) = &version.object else {
        // A marker is no object; asked for by its id, it allows no reading.
        return Err(match call.opt_text("VersionId") {
            None => no_such_key(),
            Some(_) => AwsError::new(
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
            )
            .status(405),
        });
    };
    if call.opt_text("Range").is_some() {
        return Err(AwsError::new("NotImplemented", "Range: the local AWS answers whole objects")
            .status(501));
    }
    let mut headers = object.headers.clone();
    headers.entry("Content-Type").or_insert_with(|| json!("binary/octet-stream"));
    headers.insert("ETag".to_owned(), json!(object.etag));
    let modified = version.modified.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    headers.insert("Last-Modified".to_owned(), json!(modified));
    if let (Some("ENABLED"), Some(sha256)) = (call.opt_text("ChecksumMode"), &object.sha256) {
        headers.insert("x-amz-checksum-sha256".to_owned(), json!(sha256));
        headers.insert("x-amz-checksum-type".to_owned(), json!("FULL_OBJECT"));
    }
    if let Some((name, id)) = bucket.version_header(&version.id) {
        headers.insert(name.to_owned(), json!(id));
    }
    if call.operation == "HeadObject" {
        headers.insert("Content-Length".to_owned(), json!(object.bytes.len().to_string()));
        return Ok(json!({ "$headers": headers }));
    }
    Ok(json!({ "$body": blob(&object.bytes), "$headers": headers }))
}

/// What a deletion came to.
#[derive(Debug, Default)]
pub(super) struct Deleted {
    /// The version that is gone, or the marker that was made.
    id: Option<String>,
    /// Whether that is a delete marker.
    marker: bool,
}

impl Deleted {
    pub(super) fn headers(&self) -> Value {
        let mut headers = Map::new();
        if let Some(id) = &self.id {
            headers.insert("x-amz-version-id".to_owned(), json!(id));
        }
        if self.marker {
            headers.insert("x-amz-delete-marker".to_owned(), json!("true"));
        }
        Value::Object(headers)
    }
}

/// Deletes a version for good, or the object: where the bucket keeps versions, by a marker on top.
pub(super) fn delete(bucket: &mut Bucket, key: &str, id: Option<&str>, now: Timestamp) -> Deleted {
    let Some(id) = id else {
        if bucket.versioning == Versioning::Never {
            bucket.keys.remove(key);
            return Deleted::default();
        }
        return Deleted { id: Some(bucket.push(key, None, now)), marker: true };
    };
    let Some(versions) = bucket.keys.get_mut(key) else {
        return Deleted { id: Some(id.to_owned()), marker: false };
    };
    let marker = versions.iter().any(|version| version.id == id && version.object.is_none());
    versions.retain(|version| version.id != id);
    if versions.is_empty() {
        bucket.keys.remove(key);
    }
    Deleted { id: Some(id.to_owned()), marker }
}

/// The keys, each with a version or without, that `DeleteObjects` names.
fn named(call: &Call) -> Vec<(&str, Option<&str>)> {
    let objects = call.input.pointer("/Delete/Object").or(call.input.pointer("/Delete/Objects"));
    let objects = match objects {
        Some(Value::Array(objects)) => objects.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    objects
        .iter()
        .filter_map(|object| Some((object["Key"].as_str()?, object["VersionId"].as_str())))
        .collect()
}

/// The permissions that deleting many needs: one for each of them.
pub(super) fn access_to_delete(call: &Call, bucket: &str) -> Vec<Access> {
    named(call)
        .into_iter()
        .map(|(key, id)| {
            let version = if id.is_some() { "Version" } else { "" };
            Access::to(format!("s3:DeleteObject{version}"), format!("arn:aws:s3:::{bucket}/{key}"))
        })
        .collect()
}

/// At most 1,000. <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
pub(super) fn delete_many(
    bucket: &mut Bucket,
    call: &Call,
    now: Timestamp,
) -> Result<Value, AwsError> {
    let named = named(call);
    if named.is_empty() || named.len() > 1000 {
        return Err(AwsError::new(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        ));
    }
    let mut rows = Vec::new();
    for (key, id) in named {
        let deleted = delete(bucket, key, id, now);
        let mut row = Map::from_iter([("Key".to_owned(), json!(key))]);
        if let Some(id) = id {
            row.insert("VersionId".to_owned(), json!(id));
        }
        if deleted.marker {
            row.insert("DeleteMarker".to_owned(), json!(true));
            row.insert("DeleteMarkerVersionId".to_owned(), json!(deleted.id));
        }
        rows.push(Value::Object(row));
    }
    let quiet = call
        .input
        .pointer("/Delete/Quiet")
        .is_some_and(|quiet| quiet == "true" || *quiet == json!(true));
    Ok(if quiet { json!({}) } else { json!({ "Deleted": rows }) })
}
