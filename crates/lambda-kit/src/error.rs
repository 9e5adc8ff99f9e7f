//! Errors on their way out: a stable name for Step Functions, the whole chain for a person.

use std::error::Error;

use lambda_runtime::Diagnostic;

/// An error with the name under which a state machine can match it.
///
/// Implement it with an exhaustive `match` to PascalCase names: a name is part of the contract
/// between a function and its machines, and renaming one is a breaking change.
pub trait Named: Error {
    /// The error's name in `Retry` and `Catch`, for example `EmailInUseElsewhere`.
    fn name(&self) -> &'static str;
}

/// A handler that has an answer to everything, as the account gate has, fails by no name.
impl Named for std::convert::Infallible {
    fn name(&self) -> &'static str {
        match *self {}
    }
}

/// What Lambda reports for `error`: its name as `errorType`, its chain as `errorMessage`.
pub fn diagnostic<E: Named>(error: &E) -> Diagnostic {
    Diagnostic { error_type: error.name().to_owned(), error_message: chain(error) }
}

/// The error and everything behind it, outermost first, joined with `": "`.
///
/// A link whose text already ends with what follows it is not repeated, because some libraries
/// put their source into their own text.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(link) = next {
        let words = link.to_string();
        if !words.is_empty() && !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = link.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("connection reset")]
    struct Reset;

    #[derive(Debug, thiserror::Error)]
    enum PlaceAccount {
        #[error("account 111122223333 cannot be moved")]
        Move(#[source] Wrapped),
    }

    #[derive(Debug, thiserror::Error)]
    #[error("dispatch failure: connection reset")]
    struct Wrapped(#[source] Reset);

    impl Named for PlaceAccount {
        fn name(&self) -> &'static str {
            match self {
                Self::Move(_) => "MoveFailed",
            }
        }
    }

    #[test]
    fn the_name_and_the_whole_chain_reach_step_functions() {
        let diagnostic = diagnostic(&PlaceAccount::Move(Wrapped(Reset)));
        assert_eq!(diagnostic.error_type, "MoveFailed");
        assert_eq!(
            diagnostic.error_message,
            "account 111122223333 cannot be moved: dispatch failure: connection reset"
        );
    }
}
