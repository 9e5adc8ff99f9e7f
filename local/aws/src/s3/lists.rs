//! Lists in pages: objects, and all versions of them.

use serde_json::{Value, json};

use super::Bucket;
use crate::wire::timestamp;
use crate::{AwsError, Call};

/// At most so many rows a page.
fn page(call: &Call) -> Result<usize, AwsError> {
    Ok(usize::try_from(call.opt_int("MaxKeys")?.unwrap_or(1000).clamp(0, 1000)).unwrap_or(0))
}

/// The common prefix that a key falls under.
fn folder(prefix: &str, rest: &str, delimiter: Option<&str>) -> Option<String> {
    let delimiter = delimiter?;
    let at = rest.find(delimiter)?;
    Some(format!("{prefix}{}", &rest[..at + delimiter.len()]))
}

pub(super) fn objects(bucket: &Bucket, call: &Call) -> Result<Value, AwsError> {
    let prefix = call.opt_text("Prefix").unwrap_or_default();
    let after =
        call.opt_text("ContinuationToken").or(call.opt_text("StartAfter")).unwrap_or_default();
    let most = page(call)?;
    let delimiter = call.opt_text("Delimiter").filter(|delimiter| !delimiter.is_empty());
    let (mut contents, mut folders, mut last) = (Vec::new(), Vec::<String>::new(), String::new());
    let mut truncated = false;
    for (key, versions) in bucket.keys.range(prefix.to_owned()..) {
        let Some(rest) = key.strip_prefix(prefix) else { break };
        let Some(version) = versions.last() else { continue };
        let Some(object) = &version.object else { continue };
        let folder = folder(prefix, rest, delimiter);
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
                "Key": key, "LastModified": timestamp(version.modified), "ETag": object.etag,
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

/// Versions and delete markers: by key, the newest of a key first.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>
pub(super) fn versions(bucket: &Bucket, call: &Call) -> Result<Value, AwsError> {
    let prefix = call.opt_text("Prefix").unwrap_or_default();
    let key_marker = call.opt_text("KeyMarker").unwrap_or_default();
    let id_marker = call.opt_text("VersionIdMarker").filter(|marker| !marker.is_empty());
    if id_marker.is_some() && key_marker.is_empty() {
        let message = "A version-id marker cannot be specified without a key marker.";
        return Err(AwsError::new("InvalidArgument", message));
    }
    let most = page(call)?;
    let (mut rows, mut markers, mut last) = (Vec::new(), Vec::new(), None);
    let mut truncated = false;
    'keys: for (key, versions) in bucket.keys.range(prefix.to_owned()..) {
        if !key.starts_with(prefix) {
            break;
        }
        // The marker's own key goes on behind the marker's version, or was read to its end.
        let mut skipping = match (key.as_str().cmp(key_marker), id_marker) {
            (std::cmp::Ordering::Less, _) => continue,
            (std::cmp::Ordering::Equal, None) if !key_marker.is_empty() => continue,
            (std::cmp::Ordering::Equal, Some(id)) => Some(id),
            _ => None,
        };
        for (age, version) in versions.iter().rev().enumerate() {
            if let Some(id) = skipping {
                if version.id == id {
                    skipping = None;
                }
                continue;
            }
            if rows.len() + markers.len() == most {
                truncated = true;
                break 'keys;
            }
            last = Some((key.clone(), version.id.clone()));
            let mut row = json!({
                "Key": key, "VersionId": version.id, "IsLatest": age == 0,
                "LastModified": timestamp(version.modified),
            });
            match &version.object {
                None => markers.push(row),
                Some(object) => {
                    row["ETag"] = json!(object.etag);
                    row["Size"] = json!(object.bytes.len());
                    row["StorageClass"] = json!("STANDARD");
                    rows.push(row);
                }
            }
        }
    }
    let mut answer = json!({
        "Name": call.text("Bucket")?, "Prefix": prefix, "KeyMarker": key_marker, "MaxKeys": most,
        "IsTruncated": truncated, "Version": rows, "DeleteMarker": markers,
    });
    if let (true, Some((key, id))) = (truncated, last) {
        answer["NextKeyMarker"] = json!(key);
        answer["NextVersionIdMarker"] = json!(id);
    }
    Ok(answer)
}
