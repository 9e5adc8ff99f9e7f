//! Why an outcome could not be announced. Lambda repeats the call, and keeps what still fails.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lambda_kit::Named;
use lambda_kit::sdk::{code, is_transient};
use lifecycle::{Fault, error_names};

/// Why an outcome could not be announced.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event, or the execution that it names, is not one that can be announced.
    #[error(transparent)]
    InvalidRequest(#[from] Fault),
    /// AWS refused a call for lack of permission.
    #[error("{service} {call} is not allowed for {execution_arn}: {message}")]
    AccessDenied {
        /// The service.
        service: &'static str,
        /// The call.
        call: &'static str,
        /// The execution.
        execution_arn: String,
        /// AWS's words.
        message: String,
    },
    /// AWS refused a call for a reason that nobody foresaw.
    #[error("{service} {call} for {execution_arn} was refused: {code}: {message}")]
    AwsRefused {
        /// The service.
        service: &'static str,
        /// The call.
        call: &'static str,
        /// The execution.
        execution_arn: String,
        /// AWS's code.
        code: String,
        /// AWS's words.
        message: String,
    },
    /// Something that passes by itself: the same call comes through later.
    #[error("{service} {call} for {execution_arn} has to be repeated: {reason}")]
    TryAgain {
        /// The service.
        service: &'static str,
        /// The call.
        call: &'static str,
        /// The execution.
        execution_arn: String,
        /// What was in the way.
        reason: String,
    },
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => error_names::INVALID_REQUEST,
            Self::AccessDenied { .. } => error_names::ACCESS_DENIED,
            Self::AwsRefused { .. } => error_names::AWS_REFUSED,
            Self::TryAgain { .. } => "TryAgain",
        }
    }
}

impl Error {
    /// The names of all variants.
    pub const NAMES: [&'static str; 4] = [
        error_names::INVALID_REQUEST,
        error_names::ACCESS_DENIED,
        error_names::AWS_REFUSED,
        "TryAgain",
    ];
}

/// A call of this function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    pub(crate) execution_arn: &'a str,
}

impl Call<'_> {
    /// The error behind a failure that has no meaning of its own.
    pub(crate) fn error<E>(self, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let code = code(error).unwrap_or("no answer");
        if is_transient(error) {
            return self.try_again(code);
        }
        let message = match error.as_service_error().and_then(ProvideErrorMetadata::message) {
            Some(message) => message.to_owned(),
            None => lambda_kit::chain(error),
        };
        let Self { service, name: call, execution_arn } = self;
        let execution_arn = execution_arn.to_owned();
        match code {
            "AccessDenied"
            | "AccessDeniedException"
            | "AuthorizationError"
            | "AuthorizationErrorException" => {
                Error::AccessDenied { service, call, execution_arn, message }
            }
            _ => self.refused(code, message),
        }
    }

    pub(crate) fn refused(self, code: &str, message: String) -> Error {
        let Self { service, name: call, execution_arn } = self;
        let (code, execution_arn) = (code.to_owned(), execution_arn.to_owned());
        Error::AwsRefused { service, call, execution_arn, code, message }
    }

    pub(crate) fn try_again(self, reason: &str) -> Error {
        let Self { service, name: call, execution_arn } = self;
        let (reason, execution_arn) = (reason.to_owned(), execution_arn.to_owned());
        Error::TryAgain { service, call, execution_arn, reason }
    }
}
