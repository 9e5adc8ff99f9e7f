//! AWS's wire formats: a request becomes a [`Call`], a result becomes a response.
//!
//! **Who, where, which service**: the `Authorization` header's credential scope. The access key
//! names the caller (signatures themselves are not checked), the Region is the scope's (for
//! Organizations and IAM always `us-east-1`), the service is the signing name in IAM's spelling
//! (`monitoring` is `cloudwatch`, `tagging` is `tag`).
//!
//! **What a service module gets** in [`Call::input`], whatever the format, is the operation's
//! members under AWS's own names:
//!
//! | format | services | notes |
//! |---|---|---|
//! | awsJson 1.0, 1.1 | organizations, states, events, ssm, sqs, servicequotas, tag, cloudwatch | the body as it is |
//! | awsQuery | cloudformation, iam, sts, sns, cloudwatch | all scalars are strings; `X.member.N`, `X.N` are lists; `X.entry.N.key/value` (`Name`/`Value`) is an object |
//! | rpc-v2-cbor | cloudwatch | bytes are base64 text |
//! | REST-JSON | lambda, scheduler | path and query parameters under their member names (`FunctionName`, `Qualifier`, `InvocationType`, `Name`, `GroupName`, …), the body's members beside them; Lambda's `Invoke` has its payload as `$body` |
//! | REST-XML | s3 | `Bucket`, `Key`, query and header members (`Prefix`, `MaxKeys`, `IfNoneMatch`, `ContentType`, `Metadata`, …, all strings); an object's bytes are `$body`; an XML body is its own member (`Delete`, `Tagging`, `VersioningConfiguration`, …) |
//!
//! `$body` is base64 text, read by [`body`]. A time stamp in an input is a number of seconds or
//! RFC 3339 text, read by [`moment`].
//!
//! **What it answers** is an object of the operation's members under AWS's names. A time stamp
//! is `{"$timestamp": milliseconds}` ([`timestamp`]): each format writes it its own way. In
//! query answers an array becomes `<member>` elements and an object a structure; the few members
//! that are maps stand in a table here (`Attributes` of SNS). REST answers may also hold `$body`
//! (base64, made by [`blob`]; then it alone is the HTTP body), `$status` (a number) and
//! `$headers` (name to text, such as `ETag`, `x-amz-meta-…`, `X-Amz-Function-Error`). S3 answers
//! become XML: lists are repeated elements (`Contents`, `CommonPrefixes`), except `Buckets` and
//! `TagSet`, whose elements are wrapped.
//!
//! **Errors**: `code` is the code on the wire (`NoSuchEntity`, `NoSuchBucket`,
//! `ResourceNotFoundException`). Codes that differ from format to format are written by the
//! modules in the JSON spelling and translated here: `ValidationException` (query:
//! `ValidationError`), `AccessDeniedException` (query and S3: `AccessDenied`, SNS:
//! `AuthorizationError`), `ThrottlingException` (query: `Throttling`). SQS and CloudWatch say
//! their old query code too (`x-amzn-query-error`).

use base64::Engine as _;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{Aws, AwsError, Call};

/// A request that was understood, and the way to answer it.
pub(crate) struct Decoded {
    /// The call.
    pub(crate) call: Call,
}

/// Reads a request: credentials, service, format, operation, members.
pub(crate) fn decode(
    _aws: &Aws,
    _request: &http::Request<Bytes>,
) -> Result<Decoded, http::Response<Bytes>> {
    Err(http::Response::new(Bytes::new()))
}

impl Decoded {
    /// Writes the answer in the request's format.
    pub(crate) fn encode(
        &self,
        _aws: &Aws,
        _result: Result<Value, AwsError>,
    ) -> http::Response<Bytes> {
        http::Response::new(Bytes::new())
    }
}

/// The bytes of `$body`; none when there is no body.
pub(crate) fn body(input: &Value) -> Bytes {
    let encoded = input.get("$body").and_then(Value::as_str).unwrap_or_default();
    base64::engine::general_purpose::STANDARD.decode(encoded).unwrap_or_default().into()
}

/// Bytes for a result's `$body`, or for any member that is a blob.
pub(crate) fn blob(bytes: &[u8]) -> Value {
    base64::engine::general_purpose::STANDARD.encode(bytes).into()
}

/// The moment that an input's time stamp says: seconds, or RFC 3339 text.
pub(crate) fn moment(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(seconds) => {
            let milliseconds = seconds.as_f64()? * 1000.0;
            Timestamp::from_millisecond(milliseconds.round() as i64).ok()
        }
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A time stamp in a result.
pub(crate) fn timestamp(moment: Timestamp) -> Value {
    json!({ "$timestamp": moment.as_millisecond() })
}
