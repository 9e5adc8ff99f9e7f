//! What a failed call means, told by the error's type, code and status, never by its text.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// The codes by which the services that Landlord calls say "slower".
///
/// CloudFormation's `LimitExceededException` is not among them, although the SDK retries it: it
/// is a quota, and stays exceeded.
const THROTTLES: [&str; 12] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "TooManyRequests",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "PriorRequestNotComplete",
    "SlowDown",
    "TooManyUpdates",
    "BandwidthLimitExceeded",
];

/// The codes of faults on AWS's side that pass by themselves, where the status alone would not
/// say so.
const PASSING: [&str; 8] = [
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "ServiceException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "RequestTimeout",
    "RequestTimeoutException",
];

/// The error code that the service sent, if the call got as far as an answer.
pub fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// True when AWS refused the call for its rate: it had no effect, and comes through later.
pub fn is_throttle<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    code(error).is_some_and(|code| THROTTLES.contains(&code)) || status(error) == Some(429)
}

/// True when the same call may succeed later with nothing changed: throttles, time-outs, lost
/// connections, unreadable answers and faults on AWS's side.
pub fn is_transient<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        SdkError::DispatchFailure(failure) => !failure.is_user(),
        SdkError::ServiceError(_) => is_throttle(error) || is_service_fault(error),
        // A request that could not be built cannot be built next time either.
        _ => false,
    }
}

/// True when nobody can tell from the error whether the call took effect: the request may have
/// arrived and only its answer been lost. Such a call is followed by a read, never repeated
/// blindly.
pub fn may_have_taken_effect<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        SdkError::DispatchFailure(failure) => !failure.is_user(),
        SdkError::ServiceError(_) => !is_throttle(error) && is_service_fault(error),
        _ => false,
    }
}

fn is_service_fault<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    status(error).is_some_and(|status| status >= 500)
        || code(error).is_some_and(|code| PASSING.contains(&code))
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}
