#![doc = include_str!("../README.md")]

mod state;

use jiff::{SignedDuration, Timestamp};
use lambda_kit::sdk::{Refusal, Trouble, Wire};
use run_files::{Condition, Files};

use state::State;
pub use state::{Held, Passage};

/// How often a change is tried when another was faster.
const ATTEMPTS: u32 = 8;

/// A brake.
#[derive(Debug, Clone)]
pub struct Brake {
    files: Files,
    key: String,
    window: SignedDuration,
}

impl Brake {
    /// The brake of this name, whose file is in this bucket.
    pub fn new(wire: &Wire, bucket: impl Into<String>, name: &str, window: SignedDuration) -> Self {
        Self { files: Files::new(wire, bucket), key: format!("brakes/{name}.json"), window }
    }

    /// Lets one more pass, if fewer than `most` passed within the window. Where none may, nothing is
    /// noted: it may be asked again with more.
    ///
    /// # Errors
    /// As [`Brake::pass`].
    pub async fn try_pass(&self, now: Timestamp, most: u32) -> Result<bool, Trouble> {
        self.change(|state| state.try_pass(now, self.window, most)).await
    }

    /// Lets one more pass, if fewer than `most` passed within the window.
    ///
    /// # Errors
    /// Whatever S3 answers; `Passing` when others were faster eight times. Nobody passes then.
    pub async fn pass(&self, now: Timestamp, most: u32) -> Result<Passage, Trouble> {
        self.change(|state| state.pass(now, self.window, most)).await
    }

    /// Whether one more may pass, which is not counted.
    ///
    /// # Errors
    /// As [`Brake::pass`].
    pub async fn look(&self, now: Timestamp, most: u32) -> Result<Passage, Trouble> {
        self.change(|state| state.look(now, self.window, most)).await
    }

    /// Counts one that passed.
    ///
    /// # Errors
    /// As [`Brake::pass`].
    pub async fn count(&self, now: Timestamp) -> Result<(), Trouble> {
        self.change(|state| state.count(now, self.window)).await
    }

    /// Notes that operators are told that the brake holds.
    ///
    /// # Errors
    /// As [`Brake::pass`]. Then somebody tells once more.
    pub async fn told(&self) -> Result<(), Trouble> {
        self.change(State::told).await
    }

    async fn read(&self) -> Result<(State, Option<String>), Trouble> {
        let Some(file) = self.files.read(&self.key).await? else {
            return Ok((State::default(), None));
        };
        let state = serde_json::from_str(&file.text)
            .map_err(|error| Trouble::Refused(self.refusal("GetObject", "NotABrake", &error)))?;
        Ok((state, Some(file.etag)))
    }

    /// An optimistic lock: read, change, write if it is still what was read. A change that changes
    /// nothing writes nothing.
    async fn change<T>(&self, change: impl Fn(&mut State) -> T) -> Result<T, Trouble> {
        for _ in 0..ATTEMPTS {
            // Boxed: the SDK's futures lie deep within each other.
            let (before, etag) = Box::pin(self.read()).await?;
            let mut state = before.clone();
            let answer = change(&mut state);
            if state == before {
                return Ok(answer);
            }
            let condition = etag.as_deref().map_or(Condition::Absent, Condition::Unchanged);
            let text = serde_json::to_string(&state)
                .map_err(|error| Trouble::Refused(self.refusal("PutObject", "NotJson", &error)))?;
            if Box::pin(self.files.write(&self.key, text, condition)).await? {
                return Ok(answer);
            }
        }
        let why = format!("others changed it {ATTEMPTS} times in between");
        Err(Trouble::Passing(self.refusal("PutObject", "Contended", &why)))
    }

    fn refusal(&self, call: &'static str, code: &str, why: &dyn std::fmt::Display) -> Refusal {
        let message = format!("{}: {why}", self.key);
        Refusal { service: "s3", call, code: code.into(), message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use scripted_wire::{Exchange, Script, call};
    use serde_json::json;

    use super::*;

    const KEY: &str = "brakes/offboardings.json";

    async fn pass(exchanges: Vec<Exchange>) -> Result<Passage, Trouble> {
        let script = Script::new(exchanges);
        let wire = script.wire("eu-central-1");
        let brake = Brake::new(&wire, "runs", "offboardings", SignedDuration::from_hours(1));
        let passage = brake.pass("2026-11-21T10:00:00Z".parse().unwrap(), 2).await;
        script.played();
        passage
    }

    fn held(count: u32) -> Exchange {
        let text = json!({"passed": [{"since": "2026-11-21T09:59:30Z", "count": count}]});
        call("GetObject", json!({"key": KEY})).answers_text(&text.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_pass_makes_the_file_and_a_race_is_run_again() {
        let lost = call("PutObject", json!({"key": KEY, "ifNoneMatch": "*"}))
            .refuses_as_s3(412, "PreconditionFailed");
        let none = call("GetObject", json!({"key": KEY})).refuses_as_s3(404, "NoSuchKey");
        let won = call("PutObject", json!({"key": KEY}));
        assert_eq!(pass(vec![none, lost, held(1), won]).await.unwrap(), Passage::Granted);
        let noted = call("PutObject", json!({"key": KEY}));
        let passage = pass(vec![held(2), noted]).await.unwrap();
        assert!(matches!(passage, Passage::Held(Held { passed: 2, most: 2, tell: true, .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_passes_by_a_file_that_cannot_be_read() {
        let garbled = call("GetObject", json!({"key": KEY})).answers_text("garbled");
        assert!(matches!(pass(vec![garbled]).await, Err(Trouble::Refused(_))));
    }
}
