//! Why a command did not do what it was asked: what was tried, what was said, what to do.

use std::process::ExitCode;

use lambda_kit::sdk::{Refusal, Trouble};

/// The exit status of a command that did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It could not be done.
    Failed,
    /// The command line, or what it takes from the environment, is at fault.
    Usage,
    /// What was looked at has faults, or changed meanwhile; nothing was changed.
    Refused,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
        })
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not {tried}\n  {said}\n  what to do: {advice}")]
pub struct Failure {
    /// What was tried, as it follows "could not".
    pub tried: String,
    /// What AWS, or whoever was asked, said.
    pub said: String,
    /// What the operator can do about it.
    pub advice: String,
    /// The exit status.
    pub exit: Exit,
}

/// The codes by which AWS says that it does not know the caller, or not any more.
const STRANGERS: [&str; 7] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

impl Failure {
    /// A failure of this kind: it could not be done.
    pub fn new(
        tried: impl Into<String>,
        said: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let (tried, said, advice) = (tried.into(), said.into(), advice.into());
        Self { tried, said, advice, exit: Exit::Failed }
    }

    /// The same with another exit status.
    #[must_use]
    pub fn exits(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// A call that AWS did not answer as it should have.
    pub fn aws(tried: impl Into<String>, trouble: &Trouble) -> Self {
        let refusal = trouble.refusal();
        Self::new(tried, format!("AWS said: {refusal}"), advice(trouble, refusal))
    }
}

fn advice(trouble: &Trouble, refusal: &Refusal) -> String {
    let Refusal { service, call, code, .. } = refusal;
    if STRANGERS.contains(&&**code) {
        "log in again; `aws sts get-caller-identity` says who you are".into()
    } else if refusal.is_denial() {
        format!("use credentials that have the permission {service}:{call} for it")
    } else if &**code == "NoAnswer" {
        "see that the Region is right, and that the endpoint can be reached from here".into()
    } else if matches!(trouble, Trouble::Passing(_)) {
        "try again in a minute: it passes by itself".into()
    } else {
        format!("see what the documentation of {service}:{call} says of {code}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &str) -> Refusal {
        Refusal { service: "ssm", call: "GetParameter", code: code.into(), message: "No.".into() }
    }

    #[test]
    fn a_failure_says_what_was_tried_what_aws_said_and_what_to_do() {
        let failure =
            Failure::aws("read the switch", &Trouble::Refused(refusal("AccessDeniedException")));
        let said = "could not read the switch\n  \
                    AWS said: ssm:GetParameter answered AccessDeniedException: No.\n  \
                    what to do: use credentials that have the permission ssm:GetParameter for it";
        assert_eq!(failure.to_string(), said);
        assert_eq!(failure.exit, Exit::Failed);
    }

    #[test]
    fn advice_follows_from_what_aws_said() {
        for (trouble, advice) in [
            (Trouble::Refused(refusal("ExpiredTokenException")), "log in again"),
            (Trouble::Passing(refusal("ThrottlingException")), "try again"),
            (Trouble::Passing(refusal("NoAnswer")), "see that the Region"),
            (Trouble::Refused(refusal("SomethingNew")), "see what the documentation"),
        ] {
            let failure = Failure::aws("do it", &trouble);
            assert!(failure.advice.starts_with(advice), "{failure}");
        }
    }
}
