//! SDK clients of a world, as a function has them: in process, no retries.

use aws_credential_types::Credentials;
use aws_sdk_organizations::config::retry::RetryConfig;
use aws_sdk_organizations::config::{BehaviorVersion, Region};
use bytes::Bytes;
use local_aws::{Answer, Aws, Settings, iam};

/// A world in virtual time, at a moment of its own, without request rates.
pub fn settings() -> Settings {
    Settings {
        start: Some("2026-03-01T08:00:00Z".parse().unwrap()),
        throttles: false,
        empty_pages: 0.0,
        full_journal: true,
        ..Settings::default()
    }
}

pub fn admin() -> Credentials {
    Credentials::new(iam::ADMIN_ACCESS_KEY, iam::ADMIN_SECRET, None, None, "test")
}

pub fn keys(key: &str, secret: &str, token: &str) -> Credentials {
    Credentials::new(key, secret, Some(token.to_owned()), None, "test")
}

pub fn session(credentials: &aws_sdk_sts::types::Credentials) -> Credentials {
    keys(credentials.access_key_id(), credentials.secret_access_key(), credentials.session_token())
}

macro_rules! client {
    ($name:ident, $crate_name:ident) => {
        pub fn $name(aws: &Aws, credentials: Credentials, region: &str) -> $crate_name::Client {
            $crate_name::Client::from_conf(
                $crate_name::Config::builder()
                    .behavior_version(BehaviorVersion::latest())
                    .region(Region::new(region.to_owned()))
                    .credentials_provider(credentials)
                    .retry_config(RetryConfig::disabled())
                    .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
                    .http_client(aws.http_client())
                    .build(),
            )
        }
    };
}

client!(cloudtrail, aws_sdk_cloudtrail);
client!(organizations, aws_sdk_organizations);
client!(sts, aws_sdk_sts);
client!(ssm, aws_sdk_ssm);
client!(tagging, aws_sdk_resourcegroupstagging);

/// One request by hand: for services without an SDK crate here, and for broken requests.
pub async fn send(aws: &Aws, request: http::request::Builder, body: &str) -> (u16, String) {
    let request = request.body(Bytes::from(body.to_owned())).unwrap();
    match aws.serve(request).await {
        Answer::Response(response) => {
            (response.status().as_u16(), String::from_utf8(response.into_body().to_vec()).unwrap())
        }
        Answer::ConnectionLost => panic!("the answer was lost"),
    }
}

/// The `Authorization` header of a key, for a service and Region.
pub fn authorization(key: &str, region: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20260301/{region}/{service}/aws4_request, \
         SignedHeaders=host, Signature=0"
    )
}

/// An IAM call in the query format.
pub async fn iam_call(
    aws: &Aws,
    credentials: &Credentials,
    action: &str,
    members: &[(&str, &str)],
) -> (u16, String) {
    let mut form = form_urlencoded::Serializer::new(format!("Action={action}&Version=2010-05-08"));
    form.extend_pairs(members);
    let mut request = http::Request::builder()
        .method("POST")
        .uri("https://iam.amazonaws.com/")
        .header("authorization", authorization(credentials.access_key_id(), "us-east-1", "iam"));
    if let Some(token) = credentials.session_token() {
        request = request.header("x-amz-security-token", token);
    }
    send(aws, request, &form.finish()).await
}
