//! The checks. Each ends in a [`Finding`]: what AWS refuses is one too, by its fail mode.

mod alarms;
mod calendars;
mod parameters;

use std::fmt::Write as _;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lambda_kit::chain;

pub(crate) use alarms::alarms;
pub(crate) use calendars::calendars;
pub(crate) use parameters::parameters;

/// How many alarms, parameters or windows a reason names.
pub(crate) const MOST_NAMED: usize = 5;

/// What went wrong with a call, in one line: the call, AWS's code, AWS's words.
pub(crate) fn refused<E>(call: &str, error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    // An answer that cannot be read is an error of the service without a code.
    match error.as_service_error().and_then(|service| Some((service.code()?, service.message()))) {
        Some((code, message)) => {
            let mut words = format!("{call} was refused: {code}");
            if let Some(message) = message {
                let _ = write!(words, ": {message}");
            }
            words
        }
        None => format!("{call} failed: {}", chain(error)),
    }
}

/// The first names of many, quoted, and how many more there are if that is known.
pub(crate) fn named(names: &[String]) -> String {
    let shown: Vec<String> =
        names.iter().take(MOST_NAMED).map(|name| format!("\"{name}\"")).collect();
    let more = names.len().saturating_sub(MOST_NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}
