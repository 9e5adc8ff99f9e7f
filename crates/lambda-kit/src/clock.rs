//! Time as an input.
//!
//! A function asks its `Clock` and never the operating system, so that a test can stand at a
//! chosen instant and a simulation can let thirty days pass in milliseconds.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// Where a function learns what time it is. Cloning is cheap and every clone agrees.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The time of the machine that the function runs on.
    #[expect(clippy::disallowed_methods, reason = "the one place where the system is asked")]
    pub fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// A clock that stands still.
    pub fn fixed(now: Timestamp) -> Self {
        Self(Arc::new(move || now))
    }

    /// A clock that reads `now` each time it is asked: how a simulated world hands out its time.
    pub fn from_fn(now: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        Self(now)
    }

    /// The current instant, in UTC.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Clock").field(&self.now()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn a_fixed_clock_does_not_move() {
        let noon: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let clock = Clock::fixed(noon);
        assert_eq!(clock.now(), noon);
        assert_eq!(clock.clone().now(), noon);
    }

    #[test]
    fn clones_of_a_driven_clock_follow_the_same_time() {
        let seconds = Arc::new(AtomicI64::new(10));
        let driver = Arc::clone(&seconds);
        let clock = Clock::from_fn(Arc::new(move || {
            Timestamp::from_second(driver.load(Ordering::SeqCst)).unwrap()
        }));
        let clone = clock.clone();
        seconds.store(86_410, Ordering::SeqCst);
        assert_eq!(clone.now().as_second(), 86_410);
        assert_eq!(clock.now(), clone.now());
    }
}
