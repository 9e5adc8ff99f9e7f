//! When a wave has gone wrong, and when to look again. Nothing here talks to AWS.

use jiff::{SignedDuration, Timestamp};
use rollout::plan::WavePlan;
use rollout::standing::most_common_error;
use rollout::{Class, Counts, Reason, ReasonCode, Row, Standing};
use stack_set_reasons::Counting;

use crate::state::State;

/// Operations take minutes; asking more often learns nothing.
const SHORTEST_WAIT: i64 = 5;
/// Where the end is a moment away: every second later, the next operation begins later.
const SHORTEST_WAIT_AT_THE_END: i64 = 2;
/// The longest time between two looks at a wave that may be going wrong.
const LONGEST_WAIT: i64 = 300;
/// A look for every twenty-fourth of the time that the wave has taken: a day of waiting stays
/// below two hundred looks.
const LOOKS: i64 = 24;
/// How long results may be missing after an operation's end: lists lag.
const RESULTS_LAG: SignedDuration = SignedDuration::from_secs(120);
/// The room that AWS's tolerance has for vetoes: a tenth of the operation's accounts, or this.
const LEAST_ROOM: usize = 5;
/// The longest wait between two tries at what is vetoed.
const LONGEST_BETWEEN_TRIES: i64 = 6 * 3_600;

/// What a wave tolerates, in instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tolerances {
    /// Real failures.
    pub failures: usize,
    /// Vetoes.
    pub vetoes: usize,
    /// With the same error in so many accounts, the change is bad.
    pub same_error: usize,
}

impl Tolerances {
    /// Those of a wave with so many accounts and instances.
    pub fn of(plan: &WavePlan, accounts: usize, instances: usize) -> Self {
        Self {
            failures: plan.failures.of(instances),
            vetoes: plan.vetoes.of(instances),
            same_error: plan.same_error(accounts),
        }
    }

    /// The failures that AWS tolerates in an operation about `accounts`, in each Region: what the
    /// wave still tolerates, room for the vetoes that are to be expected, and for the `known`
    /// failures from before.
    pub fn for_aws(&self, counts: &Counts, accounts: usize, known: usize) -> usize {
        let failures = self.failures.saturating_sub(counts.real_failures());
        let vetoes = self.vetoes.saturating_sub(counts.vetoed);
        failures + known + vetoes.min((accounts / 10).max(LEAST_ROOM))
    }
}

/// Why the wave must stop, if it must: by what settled operations left, and the failures of the
/// one that is on its way.
pub fn judge(tolerances: &Tolerances, standing: &Standing) -> Option<Reason> {
    let rows = standing.open.iter();
    let failures = rows.clone().filter(|row| row.is_failure()).count();
    let because = |code, text: String| Some(Reason { code, text });
    if let Some((accounts, error)) = most_common_error(rows.clone())
        && accounts >= tolerances.same_error
    {
        let text = format!("the same error in {accounts} accounts: {error}");
        return because(ReasonCode::SameError, text);
    }
    if failures > tolerances.failures {
        let most = tolerances.failures;
        let text = format!("{failures} instances failed, and {most} failures are tolerated");
        return because(ReasonCode::TooManyFailures, text);
    }
    let vetoes = rows.filter(|row| row.class.policy().counting == Counting::Veto).count();
    if vetoes > tolerances.vetoes {
        let most = tolerances.vetoes;
        let text = format!("{vetoes} instances were vetoed, and {most} vetoes are tolerated");
        return because(ReasonCode::TooManyVetoes, text);
    }
    None
}

/// Why the wave must stop by what befell tenants that were enrolled meanwhile: the same error in
/// as many accounts as the plan allows, theirs counted in. One of them alone stops nothing, for a
/// new account may fail by itself.
pub fn judge_joined(
    tolerances: &Tolerances,
    standing: &Standing,
    joined: &Standing,
) -> Option<Reason> {
    let rows = standing.open.iter().chain(&joined.open);
    let (accounts, error) = most_common_error(rows)?;
    (accounts >= tolerances.same_error.max(2)).then(|| Reason {
        code: ReasonCode::SameError,
        text: format!("the same error in {accounts} accounts, new tenants among them: {error}"),
    })
}

/// Why the wave must stop once nothing more is tried: what never came to work counts as failed.
pub fn judge_end(tolerances: &Tolerances, standing: &Standing) -> Option<Reason> {
    let failures = standing.open.iter().filter(|row| row.fails_in_the_end()).count();
    (failures > tolerances.failures).then(|| Reason {
        code: ReasonCode::TooManyFailures,
        text: format!(
            "{failures} instances are not deployed after all attempts, and {} are tolerated",
            tolerances.failures
        ),
    })
}

/// Whether more instances failed for a reason that may pass than took the change, and more than the
/// wave tolerates if it stays.
pub fn is_in_doubt(tolerances: &Tolerances, standing: &Standing) -> bool {
    let passing = standing.open.iter().filter(|row| {
        let policy = row.class.policy();
        // One that was never begun says nothing.
        policy.counting == Counting::FailureIfItStays && policy.touched && !row.known
    });
    let passing = passing.count();
    passing > tolerances.failures && passing > standing.succeeded
}

/// Why a rollout must not go on beyond its first wave, if none of its accounts took the change:
/// nothing is known of the change, whatever the accounts' excuses are.
pub fn nothing_is_known(standing: &Standing) -> Option<Reason> {
    let none = standing.succeeded == 0 && !standing.open.is_empty();
    none.then(|| {
        let counts = standing.counts();
        let text = format!(
            "no account of the first wave took the change: {} suspended, {} vetoed, {} known \
             offenders, {} others",
            counts.suspended,
            counts.vetoed,
            counts.known_offenders,
            standing.open.len() - counts.suspended - counts.vetoed - counts.known_offenders,
        );
        Reason { code: ReasonCode::NoAccountChanged, text }
    })
}

/// Whether the gates of a wave that was just deployed do not answer.
pub fn gates_fail(rows: &[Row]) -> Option<Reason> {
    let row = rows.iter().find(|row| {
        let answered =
            row.reason.as_deref().is_none_or(|reason| reason.contains("returned FAILED"));
        row.gate_hole || (row.class == Class::Vetoed && !answered)
    })?;
    let why = row.reason.as_deref().unwrap_or("it is missing, or may not be invoked");
    Some(Reason {
        code: ReasonCode::GateDoesNotAnswer,
        text: format!("the gate of account {} in {}: {why}", row.account, row.region),
    })
}

/// Whether the results of an operation that has ended may be taken as they are.
pub fn are_settled(rows: usize, unsettled: usize, expected: usize, ended: SignedDuration) -> bool {
    (unsettled == 0 && rows >= expected) || ended >= RESULTS_LAG
}

/// Seconds until the next look at the operation on its way. The first one of a wave is looked at
/// in proportion to the time that has passed; the end of later ones is foreseen from how long a
/// round took.
pub fn next_look(state: &State, now: Timestamp) -> u32 {
    let base = (state.elapsed(now).as_secs() / LOOKS).clamp(SHORTEST_WAIT, LONGEST_WAIT);
    let seconds = match expected_left(state, now) {
        None => base,
        Some(left) if left > 60 => (left / 2).min(LONGEST_WAIT),
        Some(left) if left > 0 => left + 1,
        Some(overdue) => (-overdue / 4).clamp(SHORTEST_WAIT_AT_THE_END, base),
    };
    u32::try_from(seconds).unwrap_or(1)
}

/// Seconds until the operation on its way is expected to end; less than nothing when it is late.
pub fn expected_left(state: &State, now: Timestamp) -> Option<i64> {
    let open = state.open.as_ref()?;
    let since = open.runs_since?;
    let rounds = u32::try_from(open.rounds).unwrap_or(u32::MAX);
    let expected = state.seconds_per_round? * f64::from(rounds);
    // Seconds of waiting: whole ones do.
    #[expect(clippy::cast_possible_truncation, reason = "days at most")]
    let expected = expected.min(1e7).ceil() as i64;
    Some(expected - now.duration_since(since).as_secs())
}

/// Seconds until what was vetoed is tried again, after so many tries.
pub fn between_tries(every: u32, tries: u32) -> i64 {
    let every = i64::from(every);
    let doubled = 2_i64.checked_pow(tries.min(30)).unwrap_or(i64::MAX);
    every.saturating_mul(doubled).min(every.max(LONGEST_BETWEEN_TRIES))
}

/// Seconds until what failed for a passing reason is tried again, after so many tries.
pub fn backoff(seconds: u32, tries: u32) -> i64 {
    let doubled = 2_i64.checked_pow(tries.min(20)).unwrap_or(i64::MAX);
    i64::from(seconds).saturating_mul(doubled).min(3_600)
}

#[cfg(test)]
mod tests;
