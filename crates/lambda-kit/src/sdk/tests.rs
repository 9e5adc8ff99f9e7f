//! The shared configuration, and what failed calls are taken for.

use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;

use super::*;

fn lambda(name: &str) -> Option<String> {
    let value = match name {
        "AWS_REGION" => "eu-central-1",
        "AWS_ACCESS_KEY_ID" => "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY" => "secret",
        "AWS_SESSION_TOKEN" => "token",
        "AWS_ENDPOINT_URL" => "http://127.0.0.1:4566",
        _ => return None,
    };
    Some(value.to_owned())
}

type Failure = SdkError<ErrorMetadata, HttpResponse>;

fn answered(status: u16, code: &str) -> Failure {
    let response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
    SdkError::service_error(ErrorMetadata::builder().code(code).build(), response)
}

fn timed_out() -> Failure {
    SdkError::timeout_error("after 8 s")
}

fn lost_connection() -> Failure {
    SdkError::dispatch_failure(ConnectorError::io("connection reset".into()))
}

#[test]
fn the_environment_of_a_lambda_function_is_all_that_is_read() {
    let wire = Wire::load(&lambda).unwrap();
    assert_eq!(wire.region(), "eu-central-1");
    assert_eq!(wire.config().endpoint_url(), Some("http://127.0.0.1:4566"));
    assert_eq!(wire.config().app_name().map(AsRef::as_ref), Some("landlord"));
}

#[test]
fn missing_credentials_are_named() {
    let error = Wire::load(&|name| lambda(name).filter(|_| name != "AWS_SECRET_ACCESS_KEY"));
    assert_eq!(
        error.unwrap_err().to_string(),
        "environment variable AWS_SECRET_ACCESS_KEY is not set, and it has no default"
    );
}

#[test]
fn every_call_is_bounded_in_time_and_attempts() {
    let wire = Wire::load(&lambda).unwrap();
    let timeouts = wire.config().timeout_config().unwrap();
    assert_eq!(timeouts.connect_timeout(), Some(Duration::from_secs(2)));
    assert_eq!(timeouts.operation_attempt_timeout(), Some(Duration::from_secs(8)));
    assert_eq!(timeouts.operation_timeout(), Some(Duration::from_secs(25)));
    assert_eq!(wire.config().retry_config().unwrap().max_attempts(), 3);
    assert_eq!(wire.without_retries().config().retry_config().unwrap().max_attempts(), 1);
}

#[tokio::test]
async fn another_region_or_role_changes_only_that() {
    let wire = Wire::load(&lambda).unwrap();
    assert_eq!(wire.global().region(), "us-east-1");
    let role = Credentials::new("ASIAEXAMPLE", "other", Some("session".into()), None, "test");
    let assumed = wire.assumed(role, "ap-south-1");
    assert_eq!(assumed.region(), "ap-south-1");
    assert_eq!(assumed.config().endpoint_url(), wire.config().endpoint_url());
    let provider = assumed.config().credentials_provider().unwrap();
    let credentials = provider.provide_credentials().await.unwrap();
    assert_eq!(credentials.access_key_id(), "ASIAEXAMPLE");
}

#[test]
fn a_named_retry_partition_is_carried_to_every_derived_wire() {
    let partition = Some("world-7".to_owned());
    let wire = Wire::from_parts(Parts {
        http_client: https_client(),
        credentials: Credentials::new("a", "b", None, None, "test"),
        region: "eu-west-1".to_owned(),
        endpoint_url: None,
        clock: Clock::system(),
        retry_partition: partition,
    });
    assert!(wire.retry_partition().is_some());
    assert_eq!(wire.global().retry_partition(), wire.retry_partition());
}

#[test]
fn throttles_are_told_by_code_or_status() {
    for code in ["ThrottlingException", "TooManyRequestsException", "Throttling", "SlowDown"] {
        let error = answered(400, code);
        assert!(is_throttle(&error), "{code}");
        assert!(is_transient(&error), "{code}");
        assert!(!may_have_taken_effect(&error), "{code}");
    }
    assert!(is_throttle(&answered(429, "Whatever")));
    assert!(is_throttle(&answered(503, "SlowDown")));
    assert!(!may_have_taken_effect(&answered(503, "SlowDown")));
    assert!(!is_throttle(&answered(400, "LimitExceededException")));
}

#[test]
fn a_lost_answer_may_have_taken_effect() {
    for error in [timed_out(), lost_connection(), answered(500, "ServiceException")] {
        assert!(is_transient(&error), "{error:?}");
        assert!(may_have_taken_effect(&error), "{error:?}");
    }
}

#[test]
fn a_refusal_is_neither_transient_nor_uncertain() {
    for error in [
        answered(400, "ConstraintViolationException"),
        answered(403, "AccessDenied"),
        SdkError::construction_failure("no account id"),
        SdkError::dispatch_failure(ConnectorError::user("bad header".into())),
    ] {
        assert!(!is_transient(&error), "{error:?}");
        assert!(!may_have_taken_effect(&error), "{error:?}");
    }
}

#[test]
fn temporary_credentials_keep_their_expiry() {
    let at = aws_smithy_types::DateTime::from_secs(1_800_000_000);
    let credentials = temporary_credentials("ASIA", "secret", "token", &at).unwrap();
    assert_eq!(credentials.session_token(), Some("token"));
    assert_eq!(
        credentials.expiry(),
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
    );
}
