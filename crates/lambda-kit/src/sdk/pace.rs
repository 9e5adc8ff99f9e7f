//! A pace for long lists of calls.
//!
//! A function never waits for an outcome: that is what `PENDING` is for. But hundreds of pages in a
//! row have to keep below AWS's rate, which the whole organization shares; a call that is refused
//! for its rate costs as much as one that is answered, and takes the place of somebody's signup.

use std::time::Duration;

use aws_smithy_async::rt::sleep::{AsyncSleep, TokioSleep};

/// Lets one call through in a while.
#[derive(Debug, Clone)]
pub struct Pace {
    interval: Duration,
    has_begun: bool,
}

impl Pace {
    /// At most this many calls a second; `0` counts as one.
    pub fn per_second(calls: u32) -> Self {
        Self { interval: Duration::from_secs(1) / calls.max(1), has_begun: false }
    }

    /// Returns when the next call may be made; at once for the first.
    pub async fn turn(&mut self) {
        if self.has_begun {
            TokioSleep::new().sleep(self.interval).await;
        }
        self.has_begun = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_keep_the_pace_and_the_first_does_not_wait() {
        let began = tokio::time::Instant::now();
        let mut pace = Pace::per_second(4);
        pace.turn().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        for _ in 0..8 {
            pace.turn().await;
        }
        assert!(began.elapsed() >= Duration::from_secs(2));
    }
}
