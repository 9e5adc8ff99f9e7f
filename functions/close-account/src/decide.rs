//! What follows from what was read of an account, and from what AWS answers to its closing.

use jiff::{SignedDuration, Timestamp};
use lifecycle::retirement::{Code, Finding, Place};

/// How many reads in a row have to say that an account is closed.
pub(crate) const READS: u32 = 3;

/// A mark that is older than this, on an account that is still active, is of a closing that did
/// not happen.
const MARK_COUNTS: SignedDuration = SignedDuration::from_hours(1);

/// What to do with the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// It reads as closed.
    Closed,
    /// AWS is closing it, or has taken the request.
    Closing,
    /// It must not be closed.
    Refuse(String, String),
    /// It is to be closed.
    Close,
}

/// What to do with the account. `taken`: whether AWS took our request to close it; then it is not
/// refused any more, whatever is read.
pub(crate) fn step(finding: Finding, place: Place, taken: bool) -> Step {
    let refuse = |code: Code, reason: String| Step::Refuse(code.to_string(), reason);
    match finding {
        Finding::Closed => Step::Closed,
        Finding::Closing => Step::Closing,
        _ if taken => Step::Closing,
        Finding::Refuse(code, reason) => refuse(code, reason),
        Finding::Hold(reason) => refuse(Code::OnHold, format!("it is held: {reason}")),
        Finding::Wait(until) => refuse(Code::CoolingOff, format!("it cools off until {until}")),
        Finding::Due(_) if place == Place::Suspended => Step::Close,
        Finding::Due(_) => refuse(
            Code::NotSuspended,
            "it stands in Retiring, and is closed from Suspended only".to_owned(),
        ),
    }
}

/// Whether the mark is of this closing; otherwise it is written anew.
pub(crate) fn is_marked(mark: Option<&String>, now: Timestamp) -> bool {
    mark.and_then(|mark| mark.parse::<Timestamp>().ok())
        .is_some_and(|mark| now.duration_since(mark) < MARK_COUNTS)
}

/// What AWS's answer to `CloseAccount` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is closed, or being closed by another: read again.
    Overtaken,
    /// No more closings in these 30 days.
    QuotaExceeded,
    /// As many closings run as AWS allows.
    TooMany,
    /// A constraint that does not pass by itself.
    Constraint(String),
    /// It is not in the organization.
    Gone,
    /// Nothing special.
    Other,
}

/// What AWS's refusal means, by its code and its modelled reason.
pub(crate) fn answer(code: Option<&str>, reason: Option<&str>) -> Answer {
    match (code, reason) {
        (Some("AccountAlreadyClosedException" | "ConflictException"), _) => Answer::Overtaken,
        (Some("AccountNotFoundException"), _) => Answer::Gone,
        (Some("ConstraintViolationException"), Some("CLOSE_ACCOUNT_QUOTA_EXCEEDED")) => {
            Answer::QuotaExceeded
        }
        (Some("ConstraintViolationException"), Some("CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED")) => {
            Answer::TooMany
        }
        (Some("ConstraintViolationException"), reason) => {
            Answer::Constraint(reason.unwrap_or("ConstraintViolation").to_owned())
        }
        _ => Answer::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn only_what_is_due_and_suspended_is_closed() {
        let due = || Finding::Due(at("2026-11-20T10:00:00Z"));
        let wait = || Finding::Wait(at("2026-12-20T10:00:00Z"));
        let refused = |code: Code| Some(code.to_string());
        for (finding, place, expected) in [
            (due(), Place::Suspended, None),
            (due(), Place::Retiring, refused(Code::NotSuspended)),
            (wait(), Place::Suspended, refused(Code::CoolingOff)),
            (Finding::Hold("x".into()), Place::Suspended, refused(Code::OnHold)),
            (
                Finding::Refuse(Code::Protected, String::new()),
                Place::Suspended,
                refused(Code::Protected),
            ),
        ] {
            match (step(finding.clone(), place, false), expected) {
                (Step::Close, None) => {}
                (Step::Refuse(found, _), Some(code)) => assert_eq!(found, code),
                other => panic!("{finding:?} {place:?}: {other:?}"),
            }
            // Once AWS has taken the request, it is followed to its end.
            assert_eq!(step(finding, place, true), Step::Closing);
        }
        assert_eq!(step(Finding::Closed, Place::Elsewhere, false), Step::Closed);
        assert_eq!(step(Finding::Closing, Place::Elsewhere, false), Step::Closing);
    }

    #[test]
    fn a_mark_counts_for_an_hour() {
        let now = at("2026-11-21T10:00:00Z");
        for (mark, counts) in [
            (None, false),
            (Some("2026-11-21T09:00:01Z"), true),
            (Some("2026-11-21T09:00:00Z"), false),
            (Some("today"), false),
        ] {
            assert_eq!(is_marked(mark.map(str::to_owned).as_ref(), now), counts, "{mark:?}");
        }
    }

    #[test]
    fn refusals_are_told_apart_by_code_and_reason() {
        let constraint = Some("ConstraintViolationException");
        for (code, reason, expected) in [
            (Some("AccountAlreadyClosedException"), None, Answer::Overtaken),
            (Some("ConflictException"), None, Answer::Overtaken),
            (Some("AccountNotFoundException"), None, Answer::Gone),
            (constraint, Some("CLOSE_ACCOUNT_QUOTA_EXCEEDED"), Answer::QuotaExceeded),
            (constraint, Some("CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED"), Answer::TooMany),
            (constraint, Some("SOMETHING_NEW"), Answer::Constraint("SOMETHING_NEW".into())),
            (constraint, None, Answer::Constraint("ConstraintViolation".into())),
            (Some("TooManyRequestsException"), None, Answer::Other),
            (None, None, Answer::Other),
        ] {
            assert_eq!(answer(code, reason), expected, "{code:?} {reason:?}");
        }
    }
}
