//! The kinds of faults: what can happen to a call, and what to a function.

use std::time::Duration;

use local_aws::{AwsError, Call, Fault};
use serde_json::Value;

use super::injector::Site;
use crate::library::FunctionFault;

/// What can happen to any call of any function or machine to any service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallFault {
    /// Refused before it has any effect: throttled once, or a fault of the service.
    Refused,
    /// It takes effect, and its answer is lost.
    AnswerLost,
    /// It takes effect twice; the second answer is given.
    Twice,
    /// It takes effect, or is answered, after the client has given up.
    Delayed,
    /// This action is throttled for everybody, for up to two minutes.
    ThrottledBurst,
    /// It is answered as the same question was answered up to a minute ago.
    Stale,
}

impl CallFault {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 6] = [
        Self::Refused,
        Self::AnswerLost,
        Self::Twice,
        Self::Delayed,
        Self::ThrottledBurst,
        Self::Stale,
    ];

    /// Its name in tables and stories.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::AnswerLost => "answer lost",
            Self::Twice => "twice",
            Self::Delayed => "delayed",
            Self::ThrottledBurst => "throttled",
            Self::Stale => "stale",
        }
    }

    /// Whether it can happen to a call at this site. Only reads can be stale, of what is
    /// eventually consistent. A machine's own read is the end of a `.sync` task, which Step
    /// Functions follows until it is over: an older answer makes it wait on.
    pub(super) fn fits(self, site: &Site) -> bool {
        self != Self::Stale
            || (!site.is_of_machine()
                && site.action.split_once(':').is_some_and(|(service, name)| lags(service, name)))
    }
}

/// Whether this is a read that is eventually consistent: S3's are not, and STS, SQS and
/// EventBridge answer no copies.
pub(super) fn lags(service: &str, operation: &str) -> bool {
    ["Get", "List", "Describe"].iter().any(|verb| operation.starts_with(verb))
        && ["organizations", "tag", "cloudformation", "states", "ssm", "servicequotas"]
            .contains(&service)
}

/// Whether an answer says what is or that there is nothing, which a copy that lags behind says,
/// too, and is not a refusal.
pub(super) fn says_what_is(result: &Result<Value, AwsError>) -> bool {
    result.as_ref().map_or_else(
        |error| ["NotFound", "DoesNotExist"].iter().any(|part| error.code.contains(part)),
        |_| true,
    )
}

/// What can happen to any invocation of any function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InvocationFault {
    /// Killed before its first line.
    KilledBefore,
    /// Killed in the middle.
    KilledDuring,
    /// Killed after its last call, before its answer.
    KilledAfter,
    /// It starts late.
    Slow,
    /// It does its work and answers after its time-out.
    TooLate,
    /// The task, the event or the message is delivered twice, one after the other.
    DeliveredTwice,
    /// It is delivered twice, and both run beside each other.
    Overlapping,
}

impl InvocationFault {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 7] = [
        Self::KilledBefore,
        Self::KilledDuring,
        Self::KilledAfter,
        Self::Slow,
        Self::TooLate,
        Self::DeliveredTwice,
        Self::Overlapping,
    ];

    /// Its name in tables and stories.
    pub fn name(self) -> &'static str {
        match self {
            Self::KilledBefore => "killed before",
            Self::KilledDuring => "killed during",
            Self::KilledAfter => "killed after",
            Self::Slow => "slow",
            Self::TooLate => "too late",
            Self::DeliveredTwice => "delivered twice",
            Self::Overlapping => "overlapping",
        }
    }

    /// Whether the machine or the poller has to try again: it does so a few times only.
    pub(super) fn costs_an_attempt(self) -> bool {
        !matches!(self, Self::Slow | Self::DeliveredTwice | Self::Overlapping)
    }

    /// The fault, its numbers drawn from `random`.
    pub(super) fn draw(self, random: &mut fastrand::Rng) -> FunctionFault {
        let milliseconds =
            |random: &mut fastrand::Rng, most| Duration::from_millis(random.u64(1..most));
        match self {
            Self::KilledBefore => FunctionFault::KilledBefore,
            Self::KilledDuring => FunctionFault::KilledAfter(milliseconds(random, 800)),
            Self::KilledAfter => FunctionFault::AnswerLost,
            Self::Slow => FunctionFault::Late(milliseconds(random, 20_000)),
            Self::TooLate => FunctionFault::TooLate,
            Self::DeliveredTwice => FunctionFault::Twice,
            Self::Overlapping => FunctionFault::Overlapping(milliseconds(random, 400)),
        }
    }
}

/// The throttle of a service, as it names it.
pub(super) fn throttled(call: &Call) -> AwsError {
    let code = match call.service {
        "organizations" | "servicequotas" | "lambda" => "TooManyRequestsException",
        _ => "ThrottlingException",
    };
    AwsError::new(code, "Rate exceeded")
}

/// A refusal that passes: a throttle, a fault of the service, or, for changes of the organization,
/// another change that was first.
fn refusal(call: &Call, random: &mut fastrand::Rng) -> AwsError {
    let changes = !["Get", "List", "Describe"].iter().any(|verb| call.operation.starts_with(verb));
    match random.u8(..3) {
        0 => throttled(call),
        1 if call.service == "organizations" && changes => AwsError::new(
            "ConcurrentModificationException",
            "The target of the operation is currently being modified by a different request.",
        ),
        _ => broken(call),
    }
}

fn broken(call: &Call) -> AwsError {
    let code = match call.service {
        "organizations" | "servicequotas" | "lambda" => "ServiceException",
        _ => "InternalFailure",
    };
    AwsError::new(code, "We encountered an internal error. Please try again.").status(500)
}

/// The fault of a call, its numbers drawn from `random`. `before` is an earlier answer to the same
/// question, if there was one.
pub(super) fn of_call(
    kind: CallFault,
    call: &Call,
    before: Option<Result<Value, AwsError>>,
    random: &mut fastrand::Rng,
) -> Option<Fault> {
    Some(match kind {
        CallFault::Refused => Fault::Refuse(refusal(call, random)),
        CallFault::AnswerLost => Fault::LoseAnswer,
        CallFault::Twice => Fault::Twice,
        CallFault::Delayed => {
            let delay = Duration::from_millis(random.u64(9_000..40_000));
            if random.bool() { Fault::DelayBefore(delay) } else { Fault::DelayAfter(delay) }
        }
        CallFault::ThrottledBurst => Fault::Refuse(throttled(call)),
        CallFault::Stale => before?.map_or_else(Fault::Refuse, Fault::Answer),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(caller: &str, action: &str) -> Site {
        Site { caller: caller.to_owned(), action: action.to_owned() }
    }

    #[test]
    fn only_reads_of_what_lags_can_be_stale() {
        assert!(CallFault::Stale.fits(&site("label-account", "ssm:GetParameter")));
        assert!(CallFault::Stale.fits(&site("admit-tenant", "states:DescribeExecution")));
        for (caller, action) in [
            ("label-account", "ssm:PutParameter"),
            ("admit-tenant", "s3:GetObject"),
            ("RollOut", "states:DescribeExecution"),
            ("admit-tenant", ""),
        ] {
            assert!(!CallFault::Stale.fits(&site(caller, action)), "{caller} {action}");
        }
    }

    #[test]
    fn that_there_is_nothing_lags_too_and_a_refusal_does_not() {
        assert!(says_what_is(&Ok(Value::Null)));
        for code in ["ParameterNotFound", "ExecutionDoesNotExist", "StackSetNotFoundException"] {
            assert!(says_what_is(&Err(AwsError::new(code, ""))), "{code}");
        }
        for code in ["AccessDeniedException", "ThrottlingException", "ServiceException"] {
            assert!(!says_what_is(&Err(AwsError::new(code, ""))), "{code}");
        }
    }
}
