//! `Retry` and `Catch`.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>

use super::fields::{Fields, Findings};
use super::{Catcher, Handling, Retrier};
use crate::errors::ALL;
use crate::expression::Allowed;

/// A little more than a year, in seconds: the most that a delay may be.
const MAX_DELAY: f64 = 31_622_400.0;
/// The most that intervals and attempts may be.
const MAX_COUNT: f64 = 99_999_999.0;

pub(super) fn parse(state: &mut Fields<'_>, findings: &mut Findings) -> Handling {
    let retriers = state.objects("Retry", findings);
    let last = retriers.len();
    let retry = retriers
        .into_iter()
        .enumerate()
        .map(|(index, fields)| retrier(fields, index + 1 == last, findings))
        .collect();
    let catchers = state.objects("Catch", findings);
    let last = catchers.len();
    let catch = catchers
        .into_iter()
        .enumerate()
        .filter_map(|(index, fields)| catcher(fields, index + 1 == last, findings))
        .collect();
    Handling { retry, catch }
}

fn retrier(mut fields: Fields<'_>, is_last: bool, findings: &mut Findings) -> Retrier {
    let errors = errors(&mut fields, is_last, findings);
    fields.text("Comment", findings);
    let interval = fields.number("IntervalSeconds", (1.0, MAX_COUNT), true, findings);
    let max_attempts = fields.number("MaxAttempts", (0.0, MAX_COUNT), true, findings);
    let backoff_rate = fields.number("BackoffRate", (1.0, MAX_COUNT), false, findings);
    let max_delay = fields.number("MaxDelaySeconds", (1.0, MAX_DELAY), true, findings);
    let jitter = fields.word("JitterStrategy", &["FULL", "NONE"], findings);
    fields.close(findings);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number from 0 to 99,999,999"
    )]
    let max_attempts = max_attempts.unwrap_or(3.0) as u64;
    Retrier {
        errors,
        interval: interval.unwrap_or(1.0),
        max_attempts,
        backoff_rate: backoff_rate.unwrap_or(2.0),
        max_delay,
        full_jitter: jitter == Some("FULL"),
    }
}

fn catcher(mut fields: Fields<'_>, is_last: bool, findings: &mut Findings) -> Option<Catcher> {
    let allowed = Allowed { error_output: true, result: false };
    let errors = errors(&mut fields, is_last, findings);
    fields.text("Comment", findings);
    let next = fields.required_text("Next", findings);
    let output = fields.program("Output", allowed, findings);
    let assign = fields.assign(allowed, findings);
    fields.close(findings);
    Some(Catcher { errors, next: next?.to_owned(), output, assign })
}

fn errors(fields: &mut Fields<'_>, is_last: bool, findings: &mut Findings) -> Vec<String> {
    fields.require("ErrorEquals", findings);
    let given = fields.has("ErrorEquals");
    let before = findings.faults.len();
    let errors = fields.texts("ErrorEquals", findings);
    let path = fields.at("ErrorEquals");
    if given && errors.is_empty() && findings.faults.len() == before {
        findings.fault(&path, "must name at least one error");
    }
    if errors.iter().any(|error| error == ALL) && (errors.len() > 1 || !is_last) {
        findings.fault(&path, "States.ALL must stand alone and in the last entry");
    }
    errors
}
