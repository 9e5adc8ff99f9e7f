//! What one call tells the next. Lists are in files; here is only how far the wave is.

use jiff::{SignedDuration, Timestamp};
use rollout::manifest::Looked;
use rollout::{Instance, Reason};
use serde::{Deserialize, Serialize};

/// How far the wave is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct State {
    /// When the first call was.
    pub started_at: Option<Timestamp>,
    /// 0, and one more each time that something is tried again.
    pub round: u32,
    /// Rounds in which failures were tried again.
    pub retries: u32,
    /// Rounds in which it was waited for the first account to take the change.
    #[serde(skip_serializing_if = "is_zero")]
    pub holds: u32,
    /// The next operation of the round.
    pub next: usize,
    /// The operation that is on its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<Open>,
    /// How far the late comers are listed, in the stage that takes them.
    #[serde(skip_serializing_if = "Gathering::is_default")]
    pub gathering: Gathering,
    /// Operations whose results are in a file.
    pub settled: usize,
    /// Operations that were started.
    pub operations: usize,
    /// When the round may begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Seconds that one round of accounts takes, as measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_per_round: Option<f64>,
    /// Why the wave ends early, once that is decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Whether it is written down what the roll-out made of the set.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub remembered: bool,
    /// Since when the set reads otherwise than the roll-out made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differs_since: Option<Timestamp>,
    /// Whether the gates are being asked, or were.
    pub proves: bool,
    /// Accounts whose gates were asked to explain, and work.
    #[serde(skip_serializing_if = "is_none_yet")]
    pub proven: usize,
    /// How often the next ones were asked in vain.
    #[serde(skip_serializing_if = "is_zero")]
    pub proof_tries: u32,
    /// Whether the operation only marks that all waves have passed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub marks: bool,
    /// How far the accounts of the next operation are looked at.
    #[serde(skip_serializing_if = "Looked::is_default")]
    pub checked: Looked,
    /// Accounts of the operation whose gates are open, and until when.
    pub gates_open: usize,
    /// Until when they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gates_until: Option<Timestamp>,
}

/// How far the search for those is that joined while the roll-out began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Gathering {
    /// Files that are written.
    pub files: usize,
    /// The next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Whether the stage has its operations.
    pub done: bool,
    /// An instance that has the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<Instance>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none_yet(number: &usize) -> bool {
    *number == 0
}

impl Gathering {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// An operation that is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Open {
    /// Its id.
    pub id: String,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// Since when it is known to work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs_since: Option<Timestamp>,
    /// How many results it will have.
    pub instances: usize,
    /// Rounds of accounts.
    pub rounds: usize,
    /// Since when it has ended, while results are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl State {
    /// How long the wave has gone on.
    pub fn elapsed(&self, now: Timestamp) -> SignedDuration {
        let started = self.started_at.unwrap_or(now);
        now.duration_since(started).max(SignedDuration::ZERO)
    }
}
