//! When the execution that asks began, and how long it may go on.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The execution's own times, as Step Functions gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionTimes {
    /// When it was started.
    pub started_at: Timestamp,
    /// When it was last redriven, if it was: a redrive has all the time again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redriven_at: Option<Timestamp>,
    /// When AWS made accounts again, if it made none for anybody meanwhile: that time is nobody's,
    /// and the tenant has all its own again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_at: Option<Timestamp>,
}

impl ExecutionTimes {
    /// The start of the present attempt.
    pub fn since(&self) -> Timestamp {
        let redriven = self.redriven_at.unwrap_or(self.started_at);
        self.resumed_at.map_or(redriven, |resumed| resumed.max(redriven))
    }

    /// How long the present attempt has gone on; zero when the clocks disagree.
    pub fn elapsed(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.since()).max(SignedDuration::ZERO)
    }

    /// The end of the present attempt's time.
    pub fn deadline(&self, seconds: u32) -> Deadline {
        Deadline::after(self.since(), seconds)
    }
}

/// The moment at which waiting ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Timestamp);

impl Deadline {
    /// `seconds` after `start`.
    pub fn after(start: Timestamp, seconds: u32) -> Self {
        let end = start.checked_add(SignedDuration::from_secs(i64::from(seconds)));
        Self(end.unwrap_or(Timestamp::MAX))
    }

    /// The moment.
    pub fn at(self) -> Timestamp {
        self.0
    }

    /// Whether it has come.
    pub fn has_passed(self, now: Timestamp) -> bool {
        now >= self.0
    }
}

/// There is no time left to wait for something. Its name to the machines is
/// [`crate::error_names::DEADLINE_PASSED`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the deadline {deadline} has passed while {because}")]
pub struct DeadlinePassed {
    /// When it was.
    pub deadline: Timestamp,
    /// What was waited for.
    pub because: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_redrive_has_all_the_time_again() {
        let times: ExecutionTimes =
            serde_json::from_value(json!({"startedAt": "2026-11-21T10:00:00.123Z"})).unwrap();
        assert_eq!(times.deadline(60).at(), at("2026-11-21T10:01:00.123Z"));
        let times: ExecutionTimes = serde_json::from_value(
            json!({"startedAt": "2026-11-21T10:00:00Z", "redrivenAt": "2026-11-22T10:00:00Z"}),
        )
        .unwrap();
        assert_eq!(times.deadline(60).at(), at("2026-11-22T10:01:00Z"));
        assert_eq!(times.elapsed(at("2026-11-22T10:00:30Z")).as_secs(), 30);
    }

    #[test]
    fn the_time_in_which_aws_made_no_accounts_is_not_the_tenants() {
        let times = |more: serde_json::Value| -> ExecutionTimes {
            let mut times = json!({"startedAt": "2026-11-21T10:00:00Z"});
            times.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value(times).unwrap()
        };
        let resumed = times(json!({"resumedAt": "2026-11-24T10:00:00Z"}));
        assert_eq!(resumed.deadline(60).at(), at("2026-11-24T10:01:00Z"));
        let both =
            json!({"resumedAt": "2026-11-24T10:00:00Z", "redrivenAt": "2026-11-25T10:00:00Z"});
        assert_eq!(times(both).deadline(60).at(), at("2026-11-25T10:01:00Z"));
        let both =
            json!({"resumedAt": "2026-11-24T10:00:00Z", "redrivenAt": "2026-11-22T10:00:00Z"});
        assert_eq!(times(both).deadline(60).at(), at("2026-11-24T10:01:00Z"));
    }

    #[test]
    fn a_null_redrive_is_none() {
        let times: ExecutionTimes = serde_json::from_value(
            json!({"startedAt": "2026-11-21T10:00:00Z", "redrivenAt": null}),
        )
        .unwrap();
        assert_eq!(times.redriven_at, None);
    }

    #[test]
    fn disagreeing_clocks_are_no_negative_wait() {
        let started_at = at("2026-11-21T10:00:00Z");
        let times = ExecutionTimes { started_at, redriven_at: None, resumed_at: None };
        assert_eq!(times.elapsed(at("2026-11-21T09:59:00Z")), SignedDuration::ZERO);
    }
}
