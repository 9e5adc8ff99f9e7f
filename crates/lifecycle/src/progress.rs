//! What a function answers: done, or not yet.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Fault;
use crate::execution::{Deadline, DeadlinePassed};

/// The answer of every function that a machine calls. "Not yet" is a value, not an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Progress<T> {
    /// Ask again later.
    Pending(Pending),
    /// What was ensured.
    Done(T),
}

/// When to ask again, and why it takes so long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// 1 to 86,400 seconds.
    pub retry_after_seconds: u32,
    /// What is waited for, in words for an operator.
    pub because: String,
    /// What the function wants to be told again.
    pub resume: Resume,
}

impl<T> Progress<T> {
    /// Not yet: ask again after `retry_after_seconds` (brought into 1 to 86,400).
    pub fn pending(retry_after_seconds: u32, because: impl Into<String>, resume: Resume) -> Self {
        Self::Pending(Pending {
            retry_after_seconds: retry_after_seconds.clamp(1, 86_400),
            because: because.into(),
            resume,
        })
    }

    /// The same answer, as long as there is time left to wait.
    ///
    /// # Errors
    /// `DeadlinePassed`, when it is `Pending` at or past the deadline.
    pub fn within(self, deadline: Deadline, now: jiff::Timestamp) -> Result<Self, DeadlinePassed> {
        match self {
            Self::Pending(pending) if deadline.has_passed(now) => {
                Err(DeadlinePassed { deadline: deadline.at(), because: pending.because })
            }
            other => Ok(other),
        }
    }
}

/// What a function wants to be told at its next call: the `resume` of its `PENDING` answer. An
/// object to the machine, which never looks into it; nothing or `null` at the first call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Option<Value>", into = "Value")]
pub struct Resume(Map<String, Value>);

impl Resume {
    /// What a function keeps from one call to the next.
    ///
    /// # Errors
    /// When `state` is not an object to serde.
    pub fn of<S: Serialize>(state: &S) -> Result<Self, Fault> {
        match serde_json::to_value(state) {
            Ok(value) => Self::try_from(Some(value)),
            Err(error) => Err(Fault::of("resume", "the state", error.to_string())),
        }
    }

    /// Reads what the function kept; fields that are not there take their defaults.
    ///
    /// # Errors
    /// When it is not what this function wrote.
    pub fn read<S: DeserializeOwned>(&self) -> Result<S, Fault> {
        let value = Value::Object(self.0.clone());
        S::deserialize(&value)
            .map_err(|error| Fault::of("resume", &value, format!("is not mine: {error}")))
    }

    /// Whether nothing was kept.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<Option<Value>> for Resume {
    type Error = Fault;
    fn try_from(value: Option<Value>) -> Result<Self, Fault> {
        match value {
            None | Some(Value::Null) => Ok(Self::default()),
            Some(Value::Object(fields)) => Ok(Self(fields)),
            Some(other) => Err(Fault::of("resume", &other, "must be an object or null")),
        }
    }
}

impl From<Resume> for Value {
    fn from(resume: Resume) -> Self {
        Self::Object(resume.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase")]
    struct Done {
        account_id: String,
    }

    #[derive(Debug, Default, Serialize, Deserialize, PartialEq)]
    #[serde(default)]
    struct State {
        id: Option<String>,
        count: u32,
    }

    #[test]
    fn done_is_what_was_ensured_and_a_status() {
        let answer = Progress::Done(Done { account_id: "1".into() });
        let json = json!({"status": "DONE", "accountId": "1"});
        assert_eq!(serde_json::to_value(&answer).unwrap(), json);
        assert_eq!(serde_json::from_value::<Progress<Done>>(json).unwrap(), answer);
    }

    #[test]
    fn pending_says_when_and_why_and_what_to_tell_again() {
        let resume = Resume::of(&State { id: Some("car-1".into()), count: 2 }).unwrap();
        let answer: Progress<Done> = Progress::pending(0, "AWS is creating it", resume);
        let json = json!({"status": "PENDING", "retryAfterSeconds": 1,
            "because": "AWS is creating it", "resume": {"id": "car-1", "count": 2}});
        assert_eq!(serde_json::to_value(&answer).unwrap(), json);
        assert_eq!(serde_json::from_value::<Progress<Done>>(json).unwrap(), answer);
    }

    #[test]
    fn a_first_call_resumes_from_nothing() {
        #[derive(Deserialize)]
        struct Request {
            #[serde(default)]
            resume: Resume,
        }
        for first in [json!({}), json!({"resume": null}), json!({"resume": {}})] {
            let request: Request = serde_json::from_value(first).unwrap();
            assert_eq!(request.resume.read::<State>().unwrap(), State::default());
        }
        assert!(serde_json::from_value::<Request>(json!({"resume": [1]})).is_err());
    }

    #[test]
    fn what_is_kept_comes_back() {
        let state = State { id: Some("x".into()), count: 7 };
        assert_eq!(Resume::of(&state).unwrap().read::<State>().unwrap(), state);
    }

    #[test]
    fn waiting_ends_at_the_deadline_and_done_never_does() {
        let start: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let deadline = Deadline::after(start, 60);
        let pending: Progress<Done> = Progress::pending(5, "a slot is awaited", Resume::default());
        let before = start + jiff::SignedDuration::from_secs(59);
        let at = start + jiff::SignedDuration::from_secs(60);
        assert!(pending.clone().within(deadline, before).is_ok());
        let passed = pending.within(deadline, at).unwrap_err();
        assert!(passed.to_string().contains("a slot is awaited"), "{passed}");
        assert!(Progress::Done(Done { account_id: "1".into() }).within(deadline, at).is_ok());
    }
}
