//! A call that AWS refused, in words for an operator: service, call, code and AWS's message.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::chain;

/// The codes by which AWS says that the caller lacks a permission.
const DENIALS: [&str; 5] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "UnauthorizedOperation",
    "NotAuthorized",
];

/// What AWS said when it refused a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{service}:{call} answered {code}: {message}")]
pub struct Refusal {
    /// The service as IAM spells it, `organizations`.
    pub service: &'static str,
    /// The call as IAM spells it, `MoveAccount`.
    pub call: &'static str,
    /// AWS's error code, or `NoAnswer` when the request never became one.
    pub code: Box<str>,
    /// AWS's own words.
    pub message: Box<str>,
}

impl Refusal {
    /// What `error` says of the call.
    pub fn of<E>(
        service: &'static str,
        call: &'static str,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let answered = error.as_service_error();
        let code = answered.and_then(ProvideErrorMetadata::code).unwrap_or("NoAnswer").into();
        let message = answered
            .and_then(ProvideErrorMetadata::message)
            .map_or_else(|| chain(error).into(), Into::into);
        Self { service, call, code, message }
    }

    /// True when it is for lack of a permission, by the caller's own policy, an SCP or a role's
    /// trust.
    pub fn is_denial(&self) -> bool {
        DENIALS.contains(&&*self.code)
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn answered(code: &str) -> SdkError<ErrorMetadata, HttpResponse> {
        let response = HttpResponse::new(StatusCode::try_from(400).unwrap(), SdkBody::empty());
        let error = ErrorMetadata::builder().code(code).message("No.").build();
        SdkError::service_error(error, response)
    }

    #[test]
    fn service_call_code_and_words_are_named() {
        let refusal = Refusal::of("organizations", "MoveAccount", &answered("SomethingNew"));
        assert_eq!(refusal.to_string(), "organizations:MoveAccount answered SomethingNew: No.");
        assert!(!refusal.is_denial());
    }

    #[test]
    fn a_lack_of_permission_is_told_by_its_code() {
        for code in ["AccessDenied", "AccessDeniedException"] {
            assert!(Refusal::of("sts", "AssumeRole", &answered(code)).is_denial());
        }
    }

    #[test]
    fn a_request_that_was_never_sent_says_why() {
        let error: SdkError<ErrorMetadata, HttpResponse> =
            SdkError::construction_failure("no account id");
        let refusal = Refusal::of("organizations", "MoveAccount", &error);
        assert_eq!(&*refusal.code, "NoAnswer");
        assert!(refusal.message.contains("no account id"), "{refusal}");
    }
}
