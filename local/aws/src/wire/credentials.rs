//! The credential scope of a request: from its `Authorization` header, or from the query of a
//! presigned address.

use bytes::Bytes;
use http::Request;

use super::header;
use crate::AwsError;

/// Who signed, for which Region and service.
pub(super) struct Scope {
    pub(super) access_key: String,
    pub(super) region: String,
    pub(super) service: String,
    pub(super) token: Option<String>,
}

/// Reads the scope `KEY/20260102/eu-central-1/sqs/aws4_request`.
pub(super) fn scope(request: &Request<Bytes>) -> Result<Scope, AwsError> {
    let (credential, token) = match header(request, "authorization") {
        Some(authorization) => {
            let credential = authorization
                .strip_prefix("AWS4-HMAC-SHA256")
                .and_then(|rest| {
                    rest.split(',').find_map(|part| part.trim().strip_prefix("Credential="))
                })
                .map(str::to_owned);
            let token = header(request, "x-amz-security-token").map(str::to_owned);
            (credential.ok_or_else(|| incomplete(authorization))?, token)
        }
        None => presigned(request).ok_or_else(|| {
            AwsError::new("MissingAuthenticationToken", "Request is missing Authentication Token")
                .status(403)
        })?,
    };
    let mut parts = credential.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(key), Some(_), Some(region), Some(service), Some("aws4_request")) => Ok(Scope {
            access_key: key.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            token,
        }),
        _ => Err(incomplete(&credential)),
    }
}

fn presigned(request: &Request<Bytes>) -> Option<(String, Option<String>)> {
    let mut credential = None;
    let mut token = None;
    for (name, value) in form_urlencoded::parse(request.uri().query()?.as_bytes()) {
        match name.as_ref() {
            "X-Amz-Credential" => credential = Some(value.into_owned()),
            "X-Amz-Security-Token" => token = Some(value.into_owned()),
            _ => {}
        }
    }
    Some((credential?, token))
}

fn incomplete(found: &str) -> AwsError {
    AwsError::new(
        "IncompleteSignature",
        format!("the credential scope is not KEY/DATE/REGION/SERVICE/aws4_request: '{found}'"),
    )
}
