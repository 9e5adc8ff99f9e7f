//! The state of a brake as a value, and every change of it as a pure function.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Into how many parts a window is cut: passes are counted by part.
const PARTS: i32 = 60;
/// When nobody was held for so long, the next one who is begins another episode.
const QUIET: SignedDuration = SignedDuration::from_hours(3);
/// How often it is noted that an episode goes on.
const NOTED: SignedDuration = SignedDuration::from_mins(30);
/// How long whoever tells operators has for it.
const TELLING: SignedDuration = SignedDuration::from_mins(2);

/// What a brake remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct State {
    passed: Vec<Part>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<Hold>,
}

/// How many passed in a part of the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    since: Timestamp,
    count: u32,
}

/// An episode in which somebody is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Hold {
    since: Timestamp,
    /// When somebody was held last, give or take half an hour.
    seen: Timestamp,
    /// When somebody began to tell operators.
    telling: Timestamp,
    told: bool,
}

/// Whether one more may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It may.
    Granted,
    /// It may not.
    Held(Held),
}

/// Why one is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// How many passed within the window.
    pub passed: u32,
    /// How many may.
    pub most: u32,
    /// When there is room again, unless others take it.
    pub room_at: Timestamp,
    /// Since when the brake has held somebody.
    pub since: Timestamp,
    /// Whether the caller is to tell operators, and to note it when it is done.
    pub tell: bool,
}

impl State {
    /// How many passed within the window.
    fn passed(&self, now: Timestamp, window: SignedDuration) -> u32 {
        self.counting(now, window).map(|part| part.count).fold(0, u32::saturating_add)
    }

    /// The parts that count: as long as any moment of theirs may lie within the window.
    fn counting(&self, now: Timestamp, window: SignedDuration) -> impl Iterator<Item = &Part> {
        self.passed.iter().filter(move |part| leaves(part, window) > now)
    }

    /// Lets one more pass, or holds it.
    pub(crate) fn pass(&mut self, now: Timestamp, window: SignedDuration, most: u32) -> Passage {
        let passage = self.look(now, window, most);
        if passage == Passage::Granted {
            self.count(now, window);
        }
        passage
    }

    /// Lets one more pass, if one may; otherwise nothing is noted.
    pub(crate) fn try_pass(&mut self, now: Timestamp, window: SignedDuration, most: u32) -> bool {
        let may = self.passed(now, window) < most;
        if may {
            self.count(now, window);
        }
        may
    }

    /// Whether one more may pass, which is not counted.
    pub(crate) fn look(&mut self, now: Timestamp, window: SignedDuration, most: u32) -> Passage {
        let passed = self.passed(now, window);
        if passed < most {
            return Passage::Granted;
        }
        let room_at = self.counting(now, window).next().map_or(now, |part| leaves(part, window));
        let (since, tell) = self.hold(now);
        Passage::Held(Held { passed, most, room_at, since, tell })
    }

    /// One more passed.
    pub(crate) fn count(&mut self, now: Timestamp, window: SignedDuration) {
        self.passed.retain(|part| leaves(part, window) > now);
        let begins = |part: &&mut Part| now.duration_since(part.since) < window / PARTS;
        match self.passed.last_mut().filter(begins) {
            Some(part) => part.count = part.count.saturating_add(1),
            None => self.passed.push(Part { since: now, count: 1 }),
        }
    }

    fn hold(&mut self, now: Timestamp) -> (Timestamp, bool) {
        let goes_on = |hold: &&mut Hold| now.duration_since(hold.seen) <= QUIET;
        let Some(hold) = self.held.as_mut().filter(goes_on) else {
            self.held = Some(Hold { since: now, seen: now, telling: now, told: false });
            return (now, true);
        };
        if now.duration_since(hold.seen) > NOTED {
            hold.seen = now;
        }
        let tell = !hold.told && now.duration_since(hold.telling) > TELLING;
        if tell {
            hold.telling = now;
        }
        (hold.since, tell)
    }

    /// Operators are told of this episode.
    pub(crate) fn told(&mut self) {
        if let Some(hold) = &mut self.held {
            hold.told = true;
        }
    }
}

fn leaves(part: &Part, window: SignedDuration) -> Timestamp {
    part.since.checked_add(window + window / PARTS).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn at(minutes: i64) -> Timestamp {
        "2026-11-21T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
    }

    fn held(passage: Passage) -> Held {
        let Passage::Held(held) = passage else { panic!("{passage:?}") };
        held
    }

    #[test]
    fn in_no_window_pass_more_than_may_however_they_come() {
        let mut state = State::default();
        let mut passes: Vec<i64> = Vec::new();
        for minute in 0..400 {
            // Bursts and trickles.
            for _ in 0..if minute % 37 == 0 { 50 } else { i64::from(minute % 5 == 0) } {
                if state.pass(at(minute), HOUR, 20) == Passage::Granted {
                    passes.push(minute);
                }
            }
        }
        for end in 0..400 {
            let within = passes.iter().filter(|it| (end - 59..=end).contains(*it)).count();
            assert!(within <= 20, "{within} in the hour before minute {end}");
        }
        assert!(passes.len() > 100, "and the brake opens again: {}", passes.len());
        assert!(serde_json::to_string(&state).unwrap().len() < 6_000, "it does not grow");
    }

    #[test]
    fn who_is_held_hears_how_many_passed_and_when_there_is_room() {
        let mut state = State::default();
        for _ in 0..3 {
            assert!(state.try_pass(at(0), HOUR, 3));
        }
        let before = state.clone();
        assert!(!state.try_pass(at(0), HOUR, 3));
        assert_eq!(state, before, "it may be asked again with more");
        let held = held(state.pass(at(10), HOUR, 3));
        assert_eq!((held.passed, held.most, held.room_at), (3, 3, at(61)));
        assert_eq!(state.pass(at(61), HOUR, 3), Passage::Granted);
    }

    #[test]
    fn one_of_those_who_are_held_tells_and_another_one_when_that_did_not_come_through() {
        let mut state = State::default();
        let tells = |state: &mut State, minute| held(state.pass(at(minute), HOUR, 0)).tell;
        assert!(tells(&mut state, 0), "the first");
        assert!(!tells(&mut state, 1));
        assert!(tells(&mut state, 4), "nobody noted that it was told");
        state.told();
        assert!(!(5..1_000).any(|minute| tells(&mut state, minute)), "once in an episode");
        assert!(tells(&mut state, 1_000 + 181), "another one, hours later");
        assert_eq!(held(state.pass(at(1_182), HOUR, 0)).since, at(1_181));
    }
}
