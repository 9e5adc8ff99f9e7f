//! S3's REST-XML: buckets in the path or in the host's name, objects as bodies.

mod routes;

use base64::Engine as _;
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use md5::{Digest as _, Md5};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::xml::{Style, content, element, parse, tagged};
use super::{Operation, RestParts, blob, header};
use crate::AwsError;

/// Query parameters that are members.
const PARAMETERS: &[(&str, &str)] = &[
    ("prefix", "Prefix"),
    ("delimiter", "Delimiter"),
    ("max-keys", "MaxKeys"),
    ("continuation-token", "ContinuationToken"),
    ("start-after", "StartAfter"),
    ("fetch-owner", "FetchOwner"),
    ("encoding-type", "EncodingType"),
    ("key-marker", "KeyMarker"),
    ("version-id-marker", "VersionIdMarker"),
    ("versionId", "VersionId"),
];

/// Headers that are members.
const HEADERS: &[(&str, &str)] = &[
    ("if-match", "IfMatch"),
    ("if-none-match", "IfNoneMatch"),
    ("range", "Range"),
    ("cache-control", "CacheControl"),
    ("content-disposition", "ContentDisposition"),
    ("content-language", "ContentLanguage"),
    ("content-type", "ContentType"),
    ("expires", "Expires"),
    ("x-amz-checksum-mode", "ChecksumMode"),
    ("x-amz-checksum-sha256", "ChecksumSHA256"),
    ("x-amz-expected-bucket-owner", "ExpectedBucketOwner"),
    ("x-amz-server-side-encryption", "ServerSideEncryption"),
    ("x-amz-server-side-encryption-aws-kms-key-id", "SSEKMSKeyId"),
];

/// Elements of request bodies that are lists even when there is one.
const LISTS: &[&str] = &["Object", "Tag", "Rule", "Part"];

/// Reads operation and members.
pub(super) fn read(request: &Request<Bytes>) -> Result<Operation, AwsError> {
    let (bucket, key) = address(request)?;
    let query: Vec<(String, String)> =
        form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let name = routes::operation(request, bucket.is_some(), key.is_some(), &query)?.to_owned();
    let mut members = Map::new();
    if let Some(bucket) = bucket {
        members.insert("Bucket".to_owned(), bucket.into());
    }
    if let Some(key) = key {
        members.insert("Key".to_owned(), key.into());
    }
    for (wire, value) in &query {
        if let Some((_, member)) = PARAMETERS.iter().find(|(name, _)| name == wire) {
            members.insert((*member).to_owned(), value.clone().into());
        }
    }
    header_members(request, &mut members);
    let bytes = unchunked(request)?;
    let md5 = base64::prelude::BASE64_STANDARD.encode(Md5::digest(&bytes));
    if header(request, "content-md5").is_some_and(|given| given != md5) {
        let message = "The Content-MD5 you specified did not match what we received.";
        return Err(AwsError::new("BadDigest", message));
    }
    if matches!(name.as_str(), "PutObject" | "UploadPart" | "PutBucketPolicy") {
        members.insert("$body".to_owned(), blob(&bytes));
    } else if !bytes.is_empty() {
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| AwsError::new("MalformedXML", error.to_string()))?;
        let (root, value) = parse(text, LISTS)?;
        members.insert(root, value);
    }
    Ok(Operation { name, input: Value::Object(members), status: 200 })
}

/// Bucket and key, from `bucket.s3.…` or from the path.
fn address(request: &Request<Bytes>) -> Result<(Option<String>, Option<String>), AwsError> {
    let host = request
        .uri()
        .host()
        .or_else(|| header(request, "host"))
        .map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name))
        .unwrap_or_default();
    let virtual_bucket = host
        .split_once(".s3.")
        .or_else(|| host.split_once(".s3-"))
        .map(|(bucket, _)| bucket)
        .or_else(|| host.strip_suffix(".localhost"))
        .filter(|bucket| !bucket.is_empty() && *bucket != "s3")
        .map(str::to_owned);
    let path = request.uri().path().trim_start_matches('/');
    let path = percent_decode_str(path)
        .decode_utf8()
        .map_err(|error| AwsError::new("InvalidURI", error.to_string()))?;
    let (bucket, key) = match virtual_bucket {
        Some(bucket) => (Some(bucket), path.into_owned()),
        None => match path.split_once('/') {
            Some((bucket, key)) => (Some(bucket.to_owned()), key.to_owned()),
            None => (Some(path.into_owned()), String::new()),
        },
    };
    Ok((bucket.filter(|name| !name.is_empty()), Some(key).filter(|key| !key.is_empty())))
}

fn header_members(request: &Request<Bytes>, members: &mut Map<String, Value>) {
    for (wire, member) in HEADERS {
        if let Some(value) = header(request, wire) {
            members.insert((*member).to_owned(), value.into());
        }
    }
    // `aws-chunked` is how the body travels, not what it is.
    let encoding: Vec<&str> = header(request, "content-encoding")
        .into_iter()
        .flat_map(|names| names.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty() && *name != "aws-chunked")
        .collect();
    if !encoding.is_empty() {
        members.insert("ContentEncoding".to_owned(), encoding.join(",").into());
    }
    let mut metadata = Map::new();
    for (name, value) in request.headers() {
        if let (Some(name), Ok(value)) = (name.as_str().strip_prefix("x-amz-meta-"), value.to_str())
        {
            metadata.insert(name.to_owned(), value.into());
        }
    }
    if !metadata.is_empty() {
        members.insert("Metadata".to_owned(), Value::Object(metadata));
    }
}

/// The body without `aws-chunked` framing: `SIZE[;signature]\r\n…\r\n`, ended by size 0 and
/// trailers.
fn unchunked(request: &Request<Bytes>) -> Result<Bytes, AwsError> {
    let chunked = header(request, "content-encoding")
        .is_some_and(|encoding| encoding.split(',').any(|name| name.trim() == "aws-chunked"))
        || header(request, "x-amz-content-sha256")
            .is_some_and(|digest| digest.starts_with("STREAMING-"));
    if !chunked {
        return Ok(request.body().clone());
    }
    let broken = || AwsError::new("IncompleteBody", "the body's aws-chunked framing is broken");
    let mut rest = request.body().clone();
    let mut whole = BytesMut::new();
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").ok_or_else(broken)?;
        let line = rest.split_to(end + 2);
        let line = std::str::from_utf8(&line).map_err(|_| broken())?;
        let size = line.trim_end().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| broken())?;
        if size == 0 {
            return Ok(whole.freeze());
        }
        if rest.len() < size + 2 {
            return Err(broken());
        }
        whole.extend_from_slice(&rest.split_to(size));
        let _ = rest.split_to(2);
    }
}

struct Flattened;

impl Style for Flattened {
    fn list(&self, out: &mut String, name: &str, items: &[Value]) {
        let wrapped = match name {
            "Buckets" => Some("Bucket"),
            "TagSet" => Some("Tag"),
            _ => None,
        };
        match wrapped {
            Some(inner) => tagged(out, name, |out| {
                for item in items {
                    element(out, self, inner, item);
                }
            }),
            None => {
                for item in items {
                    element(out, self, name, item);
                }
            }
        }
    }
}

/// The root element of an operation's answer.
fn root(operation: &str) -> String {
    match operation {
        "ListBuckets" => "ListAllMyBucketsResult",
        "ListObjects" | "ListObjectsV2" => "ListBucketResult",
        "ListObjectVersions" => "ListVersionsResult",
        "DeleteObjects" => "DeleteResult",
        "GetBucketVersioning" => "VersioningConfiguration",
        "GetBucketLocation" => "LocationConstraint",
        "GetBucketTagging" | "GetObjectTagging" => "Tagging",
        "GetBucketEncryption" => "ServerSideEncryptionConfiguration",
        "GetBucketLifecycleConfiguration" => "LifecycleConfiguration",
        "GetBucketOwnershipControls" => "OwnershipControls",
        "GetPublicAccessBlock" => "PublicAccessBlockConfiguration",
        other => return format!("{other}Result"),
    }
    .to_owned()
}

/// Writes an answer: `$body` as it is, or the members as XML; no members, no body.
pub(super) fn respond(operation: &str, result: Value) -> Response<Bytes> {
    let parts = RestParts::of(result);
    let mut content_type = "application/xml";
    let body = match parts.body {
        Some(bytes) => {
            // An object's own type is among its headers.
            content_type = "binary/octet-stream";
            bytes
        }
        None if parts.members.is_empty() && !operation.starts_with("GetBucket") => Bytes::new(),
        None => {
            let root = root(operation);
            let mut out = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                 <{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            );
            match parts.members.get("$text") {
                Some(text) => content(&mut out, &Flattened, text),
                None => content(&mut out, &Flattened, &Value::Object(parts.members)),
            }
            out.push_str(&format!("</{root}>"));
            out.into()
        }
    };
    let mut response = super::respond(parts.status.unwrap_or(200), content_type, body);
    RestParts::put_headers(&parts.headers, &mut response);
    response
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_one(method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Operation {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(&request.body(Bytes::from(body.to_owned())).unwrap()).unwrap()
    }

    #[test]
    fn a_bucket_is_found_in_the_path_and_in_the_host() {
        for (uri, host) in [
            ("/runs/a%20b/c.json", "127.0.0.1:4566"),
            ("/a%20b/c.json", "runs.s3.eu-central-1.amazonaws.com"),
            ("/a%20b/c.json", "runs.localhost:4566"),
            ("http://runs.s3.amazonaws.com/a%20b/c.json", "ignored"),
        ] {
            let get = read_one("GET", uri, &[("host", host)], "");
            assert_eq!(get.name, "GetObject", "{uri} {host}");
            assert_eq!(get.input, json!({"Bucket": "runs", "Key": "a b/c.json"}));
        }
    }

    #[test]
    fn a_body_that_is_not_what_was_sent_is_refused() {
        let put = |md5: &str| {
            let request =
                Request::builder().method("PUT").uri("/runs/key").header("content-md5", md5);
            read(&request.body(Bytes::from_static(b"1")).unwrap()).map(|put| put.name)
        };
        assert_eq!(put("xMpCOKC5I4INzFCab3WEmw==").unwrap(), "PutObject");
        assert_eq!(put("x").unwrap_err().code, "BadDigest");
    }

    #[test]
    fn a_chunked_body_loses_its_framing() {
        let headers =
            [("content-encoding", "aws-chunked"), ("if-none-match", "*"), ("x-amz-meta-run", "7")];
        let body =
            "5\r\nhello\r\n6;chunk-signature=0\r\n world\r\n0\r\nx-amz-checksum-crc32:x\r\n\r\n";
        let put = read_one("PUT", "/runs/key", &headers, body);
        assert_eq!(put.name, "PutObject");
        assert_eq!(super::super::body(&put.input).as_ref(), b"hello world");
        assert_eq!(put.input["IfNoneMatch"], "*");
        assert_eq!(put.input["Metadata"], json!({"run": "7"}));
    }

    #[test]
    fn sub_resources_name_the_operation_and_xml_becomes_members() {
        let list = read_one("GET", "/runs?list-type=2&prefix=a%2F&max-keys=3", &[], "");
        assert_eq!(list.name, "ListObjectsV2");
        assert_eq!(list.input, json!({"Bucket": "runs", "Prefix": "a/", "MaxKeys": "3"}));
        let body =
            "<Delete xmlns=\"x\"><Object><Key>a&amp;b</Key></Object><Quiet>true</Quiet></Delete>";
        let delete = read_one("POST", "/runs?delete", &[], body);
        assert_eq!(delete.name, "DeleteObjects");
        assert_eq!(delete.input["Delete"], json!({"Object": [{"Key": "a&b"}], "Quiet": "true"}));
        let rules = read_one("DELETE", "/runs?lifecycle", &[], "");
        assert_eq!(rules.name, "DeleteBucketLifecycle");
        let versions = read_one(
            "PUT",
            "/runs?versioning",
            &[],
            "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
        );
        assert_eq!(versions.name, "PutBucketVersioning");
        assert_eq!(versions.input["VersioningConfiguration"], json!({"Status": "Enabled"}));
    }

    #[test]
    fn lists_are_repeated_and_buckets_wrapped() {
        let response = respond(
            "ListObjectsV2",
            json!({"Contents": [{"Key": "a"}, {"Key": "b"}], "$headers": {"x-amz-bucket-region": "eu-central-1"}}),
        );
        let body = std::str::from_utf8(response.body()).unwrap();
        assert!(
            body.contains("<Contents><Key>a</Key></Contents><Contents><Key>b</Key></Contents>")
        );
        assert!(body.contains("<ListBucketResult xmlns"));
        let response = respond("ListBuckets", json!({"Buckets": [{"Name": "a"}]}));
        let body = std::str::from_utf8(response.body()).unwrap();
        assert!(body.contains("<Buckets><Bucket><Name>a</Name></Bucket></Buckets>"), "{body}");
    }
}
