//! Which operation of S3 a request is. A route is chosen by the query key that marks it, never by
//! the absence of one: a query key or header that the chosen route does not read is an error that
//! names it. So `DELETE /bucket?inventory` deletes nothing, and `PUT /bucket?x` makes nothing.

use bytes::Bytes;
use http::Request;

use crate::AwsError;
use crate::wire::refuse_unread_headers;

/// What a path addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Service,
    Bucket,
    Object,
}

use Scope::{Bucket, Object, Service};

/// One operation: how it is asked for, and what of the request is read.
struct Route {
    method: &'static str,
    scope: Scope,
    /// The query key that makes it this operation; none for the plain method.
    mark: Option<&'static str>,
    name: &'static str,
    /// Query keys that it reads besides.
    query: &'static [&'static str],
    /// Headers that it reads, of those that change what an operation does.
    headers: &'static [&'static str],
}

const fn route(
    (method, scope, mark): (&'static str, Scope, Option<&'static str>),
    name: &'static str,
    query: &'static [&'static str],
    headers: &'static [&'static str],
) -> Route {
    Route { method, scope, mark, name, query, headers }
}

const OWNER: &[&str] = &["x-amz-expected-bucket-owner"];
const OF_PUT: &[&str] = &[
    "if-match",
    "if-none-match",
    "x-amz-checksum-sha256",
    "x-amz-expected-bucket-owner",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
];
const OF_GET: &[&str] = &["range", "x-amz-checksum-mode", "x-amz-expected-bucket-owner"];
const OF_LIST: &[&str] = &[
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "max-keys",
    "prefix",
    "start-after",
];

const OF_ONE: &[&str] = &["versionId"];
const OF_VERSIONS: &[&str] =
    &["encoding-type", "key-marker", "max-keys", "prefix", "version-id-marker"];

/// Everything of S3 that is known here.
const ROUTES: &[Route] = &[
    route(("GET", Service, None), "ListBuckets", &[], &[]),
    route(("PUT", Bucket, None), "CreateBucket", &[], &[]),
    route(("DELETE", Bucket, None), "DeleteBucket", &[], OWNER),
    route(("HEAD", Bucket, None), "HeadBucket", &[], OWNER),
    route(("GET", Bucket, Some("list-type")), "ListObjectsV2", OF_LIST, OWNER),
    route(("GET", Bucket, Some("versions")), "ListObjectVersions", OF_VERSIONS, OWNER),
    route(("POST", Bucket, Some("delete")), "DeleteObjects", &[], OWNER),
    route(("GET", Bucket, Some("location")), "GetBucketLocation", &[], OWNER),
    route(("GET", Bucket, Some("policy")), "GetBucketPolicy", &[], OWNER),
    route(("PUT", Bucket, Some("policy")), "PutBucketPolicy", &[], OWNER),
    route(("DELETE", Bucket, Some("policy")), "DeleteBucketPolicy", &[], OWNER),
    route(("GET", Bucket, Some("encryption")), "GetBucketEncryption", &[], OWNER),
    route(("PUT", Bucket, Some("encryption")), "PutBucketEncryption", &[], OWNER),
    route(("DELETE", Bucket, Some("encryption")), "DeleteBucketEncryption", &[], OWNER),
    route(("GET", Bucket, Some("versioning")), "GetBucketVersioning", &[], OWNER),
    route(("PUT", Bucket, Some("versioning")), "PutBucketVersioning", &[], OWNER),
    route(("GET", Bucket, Some("lifecycle")), "GetBucketLifecycleConfiguration", &[], OWNER),
    route(("PUT", Bucket, Some("lifecycle")), "PutBucketLifecycleConfiguration", &[], OWNER),
    route(("DELETE", Bucket, Some("lifecycle")), "DeleteBucketLifecycle", &[], OWNER),
    route(("GET", Bucket, Some("ownershipControls")), "GetBucketOwnershipControls", &[], OWNER),
    route(("PUT", Bucket, Some("ownershipControls")), "PutBucketOwnershipControls", &[], OWNER),
    route(
        ("DELETE", Bucket, Some("ownershipControls")),
        "DeleteBucketOwnershipControls",
        &[],
        OWNER,
    ),
    route(("GET", Bucket, Some("tagging")), "GetBucketTagging", &[], OWNER),
    route(("PUT", Bucket, Some("tagging")), "PutBucketTagging", &[], OWNER),
    route(("DELETE", Bucket, Some("tagging")), "DeleteBucketTagging", &[], OWNER),
    route(("GET", Bucket, Some("publicAccessBlock")), "GetPublicAccessBlock", &[], OWNER),
    route(("PUT", Bucket, Some("publicAccessBlock")), "PutPublicAccessBlock", &[], OWNER),
    route(("DELETE", Bucket, Some("publicAccessBlock")), "DeletePublicAccessBlock", &[], OWNER),
    route(("PUT", Object, None), "PutObject", &[], OF_PUT),
    route(("GET", Object, None), "GetObject", OF_ONE, OF_GET),
    route(("HEAD", Object, None), "HeadObject", OF_ONE, OF_GET),
    route(("DELETE", Object, None), "DeleteObject", OF_ONE, OWNER),
];

/// The operation that a request asks for.
///
/// # Errors
/// `UnknownOperationException` names the method, the address and what of it is not known: an
/// operation, a query key or a header.
pub(super) fn operation(
    request: &Request<Bytes>,
    bucket: bool,
    key: bool,
    query: &[(String, String)],
) -> Result<&'static str, AwsError> {
    let scope = match (bucket, key) {
        (false, _) => Service,
        (true, false) => Bucket,
        (true, true) => Object,
    };
    let method = request.method().as_str();
    let asked = format!("{method} {}", request.uri());
    let unknown = |part: &str| AwsError::unknown_operation("s3", &format!("{asked}{part}"));
    let has = |mark: &str| query.iter().any(|(key, _)| key == mark);
    let mut routes = ROUTES.iter().filter(|route| route.method == method && route.scope == scope);
    let route = routes
        .clone()
        .find(|route| route.mark.is_some_and(has))
        .or_else(|| routes.find(|route| route.mark.is_none()))
        .ok_or_else(|| unknown(""))?;
    // Some clients repeat the operation's name in the query, for their logs.
    let read = |key: &str| key == "x-id" || route.mark == Some(key) || route.query.contains(&key);
    if let Some((key, _)) = query.iter().find(|(key, _)| !read(key)) {
        return Err(unknown(&format!(": {} has no query key \"{key}\" here", route.name)));
    }
    refuse_unread_headers(request, "s3", route.name, route.headers)?;
    Ok(route.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<&'static str, AwsError> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::new()).unwrap();
        let path: Vec<&str> = request.uri().path()[1..].split('/').collect();
        let query: Vec<(String, String)> =
            form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        operation(&request, !path[0].is_empty(), path.len() > 1, &query)
    }

    #[test]
    fn a_query_key_that_no_route_reads_is_named_and_nothing_else_happens() {
        for (method, uri, key) in [
            ("DELETE", "/runs?inventory&id=all", "inventory"),
            ("DELETE", "/runs?analytics&id=all", "analytics"),
            ("DELETE", "/runs?cors", "cors"),
            ("DELETE", "/runs?replication", "replication"),
            ("DELETE", "/runs?website", "website"),
            ("PUT", "/runs?inventory&id=all", "inventory"),
            ("PUT", "/runs?acl", "acl"),
            ("PUT", "/runs?metadataTable", "metadataTable"),
            ("PUT", "/runs/key?renameObject", "renameObject"),
            ("PUT", "/runs/key?tagging", "tagging"),
            ("PUT", "/runs/key?uploadId=1&partNumber=1", "uploadId"),
            ("PUT", "/runs/key?versionId=1", "versionId"),
            ("PUT", "/runs?logging", "logging"),
            ("PUT", "/runs?notification", "notification"),
            ("DELETE", "/runs/key?uploadId=1", "uploadId"),
            ("GET", "/?x", "x"),
            ("GET", "/runs?list-type=2&x-amz-unknown=1", "x-amz-unknown"),
        ] {
            let error = ask(method, uri, &[]).unwrap_err();
            assert_eq!(error.status, 501, "{method} {uri}");
            assert!(error.message.contains(key) && error.message.contains(uri), "{error}");
        }
    }

    #[test]
    fn a_header_that_would_change_the_operation_is_named_when_it_is_not_read() {
        for (method, uri, header) in [
            ("PUT", "/runs/key", "x-amz-copy-source"),
            ("PUT", "/runs/key", "x-amz-rename-source"),
            ("PUT", "/runs/key", "x-amz-object-lock-mode"),
            ("PUT", "/runs/key", "x-amz-write-offset-bytes"),
            ("GET", "/runs/key", "if-none-match"),
            ("GET", "/runs/key", "if-modified-since"),
            ("DELETE", "/runs/key", "if-match"),
            ("DELETE", "/runs/key", "x-amz-bypass-governance-retention"),
            ("PUT", "/runs", "x-amz-bucket-object-lock-enabled"),
        ] {
            let error = ask(method, uri, &[(header, "x")]).unwrap_err();
            assert!(error.message.contains(header), "{error}");
        }
    }

    #[test]
    fn the_readme_names_each_operation() {
        let readme = include_str!("../../../README.md");
        let row = readme.lines().find(|line| line.starts_with("| s3 |")).unwrap();
        let named: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        let mut offered: Vec<&str> = ROUTES.iter().map(|route| route.name).collect();
        offered.sort_unstable();
        assert_eq!(named, offered);
    }

    #[test]
    fn what_is_known_is_found_by_its_mark() {
        for (method, uri, name) in [
            ("GET", "/", "ListBuckets"),
            ("PUT", "/runs", "CreateBucket"),
            ("DELETE", "/runs", "DeleteBucket"),
            ("DELETE", "/runs?policy", "DeleteBucketPolicy"),
            ("DELETE", "/runs?lifecycle", "DeleteBucketLifecycle"),
            ("POST", "/runs?delete", "DeleteObjects"),
            ("GET", "/runs?list-type=2&prefix=a&encoding-type=url", "ListObjectsV2"),
            ("PUT", "/runs/key?x-id=PutObject", "PutObject"),
        ] {
            assert_eq!(ask(method, uri, &[]).unwrap(), name, "{method} {uri}");
        }
        assert_eq!(ask("POST", "/runs/key?uploads", &[]).unwrap_err().status, 501);
        assert_eq!(ask("GET", "/runs", &[]).unwrap_err().status, 501);
    }
}
