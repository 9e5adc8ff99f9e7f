//! How long a state waits before its next attempt.

use std::time::Duration;

use crate::definition::Retrier;
use crate::errors::Fault;
use crate::host::Host;

/// The retriers of a state during one visit, each with the attempts it has made.
pub(super) struct Retries<'a>(Vec<(&'a Retrier, u64)>);

impl<'a> Retries<'a> {
    pub(super) fn new(retriers: &'a [Retrier]) -> Self {
        Self(retriers.iter().map(|retrier| (retrier, 0)).collect())
    }

    /// The delay before the next attempt; none when the first retrier that matches has none left.
    pub(super) fn next_delay(&mut self, fault: &Fault, host: &dyn Host) -> Option<Duration> {
        let (retrier, attempts) = self
            .0
            .iter_mut()
            .find(|(retrier, _)| retrier.errors.iter().any(|name| fault.is_matched_by(name)))?;
        if *attempts >= retrier.max_attempts {
            return None;
        }
        // A power beyond this is past every limit anyway.
        let exponent = (*attempts).min(1_000_000) as i32;
        *attempts += 1;
        let limit = retrier.max_delay.unwrap_or(99_999_999.0);
        let delay = (retrier.interval * retrier.backoff_rate.powi(exponent)).min(limit);
        let delay = if retrier.full_jitter { delay * host.random() } else { delay };
        Some(Duration::from_secs_f64(delay))
    }
}
