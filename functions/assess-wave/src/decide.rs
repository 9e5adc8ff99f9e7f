//! Whether the roll-out may go on after a wave.

use jiff::{SignedDuration, Timestamp};
use rollout::alarms::Red;
use rollout::files::Controls;
use serde::{Deserialize, Serialize};

/// The shortest and the longest time between two looks, in seconds.
const SHORTEST_WAIT: i64 = 5;
const LONGEST_WAIT: i64 = 300;
/// Looks in a dwell time.
const LOOKS: i64 = 24;

/// What came of the wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// Nothing went wrong for as long as the plan wants.
    Healthy,
    /// An alarm is red.
    Unhealthy,
    /// An operator wants the roll-out to stop.
    StopRequested,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Look again.
    Wait {
        /// After so many seconds.
        seconds: u32,
        /// Why.
        because: String,
    },
    /// Answer.
    Answer(Verdict),
}

/// Judges a moment of the dwell time, which began at `deployed` and takes `dwell` seconds. An
/// operator's stop comes first, a red alarm next, and a pause holds what is healthy.
pub fn judge(
    controls: &Controls,
    red: &[Red],
    (deployed, dwell): (Timestamp, u32),
    now: Timestamp,
) -> Next {
    if controls.stop() {
        return Next::Answer(Verdict::StopRequested);
    }
    if !red.is_empty() {
        return Next::Answer(Verdict::Unhealthy);
    }
    let passed = now.duration_since(deployed).max(SignedDuration::ZERO).as_secs();
    let left = i64::from(dwell) - passed;
    let wait = |seconds: i64, because: &str| Next::Wait {
        seconds: u32::try_from(seconds).unwrap_or(1),
        because: because.to_owned(),
    };
    if left > 0 {
        let look = (i64::from(dwell) / LOOKS).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        return wait(look.min(left), "health is watched");
    }
    if controls.pause() {
        // However long it is paused, it is looked at less and less often.
        let paused = -left;
        return wait((paused / LOOKS).clamp(15, LONGEST_WAIT * 6), "an operator paused it");
    }
    Next::Answer(Verdict::Healthy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn controls(pause: bool, stop: bool) -> Controls {
        Controls::asked(pause, stop, false)
    }

    fn red() -> Red {
        Red { name: "api".into(), state: "ALARM".into(), reason: None }
    }

    #[test]
    fn health_is_watched_for_the_whole_dwell_time() {
        let none = controls(false, false);
        let dwell = (at(0), 1_800);
        let waits = |now| match judge(&none, &[], dwell, at(now)) {
            Next::Wait { seconds, .. } => Some(seconds),
            Next::Answer(_) => None,
        };
        assert_eq!(waits(0), Some(75));
        assert_eq!(waits(1_790), Some(10));
        assert_eq!(waits(1_800), None);
        assert_eq!(judge(&none, &[], (at(0), 0), at(0)), Next::Answer(Verdict::Healthy));
    }

    #[test]
    fn a_red_alarm_ends_it_at_once_and_a_stop_comes_before() {
        let dwell = (at(0), 1_800);
        let none = controls(false, false);
        assert_eq!(judge(&none, &[red()], dwell, at(9)), Next::Answer(Verdict::Unhealthy));
        let stop = controls(true, true);
        assert_eq!(judge(&stop, &[red()], dwell, at(9)), Next::Answer(Verdict::StopRequested));
    }

    #[test]
    fn a_pause_holds_what_is_healthy_and_two_weeks_of_it_are_few_looks() {
        let pause = controls(true, false);
        let (mut now, mut looks) = (60, 0);
        while now < 14 * 86_400 {
            let Next::Wait { seconds, .. } = judge(&pause, &[], (at(0), 60), at(now)) else {
                panic!("it went on")
            };
            now += i64::from(seconds);
            looks += 1;
        }
        assert!(looks < 900, "{looks}");
    }
}
