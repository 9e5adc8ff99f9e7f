//! Why a call has no answer: it comes through later, or it does not.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{Refusal, is_transient};

/// The codes of states that pass by themselves, besides throttles and AWS's own faults: others
/// change the organization, or it is being made.
const OTHERS_AT_WORK: [&str; 2] =
    ["ConcurrentModificationException", "FinalizingOrganizationException"];

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It comes through later; what AWS said, for the reason of the wait.
    Passing(Refusal),
    /// It does not.
    Refused(Refusal),
}

impl Trouble {
    /// What `error` says of the call.
    pub fn of<E>(
        service: &'static str,
        call: &'static str,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let refusal = Refusal::of(service, call, error);
        if is_transient(error) || OTHERS_AT_WORK.contains(&&*refusal.code) {
            Self::Passing(refusal)
        } else {
            Self::Refused(refusal)
        }
    }

    /// What AWS said.
    pub fn refusal(&self) -> &Refusal {
        match self {
            Self::Passing(refusal) | Self::Refused(refusal) => refusal,
        }
    }
}
