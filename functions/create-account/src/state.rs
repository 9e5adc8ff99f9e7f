//! What is kept from one call to the next, in the answer's `resume`.

use jiff::Timestamp;
use lifecycle::AccountId;
use serde::{Deserialize, Serialize};

use crate::decide::Held;

/// How many refuted requests are remembered: enough to not take one up again while AWS lists it.
const MOST_DISOWNED: usize = 5;

/// Where the search for the tenant's account stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct State {
    /// The creation that runs for this tenant. Never one that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    /// The account, once it is known, while its role is awaited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<Known>,
    /// Since when AWS says that the email is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email_taken_since: Option<Timestamp>,
    /// The scan of all accounts for the email, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scan: Option<Scan>,
    /// When no account carried the tenant's tag: while no slot is free, it is not looked for again
    /// at every call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) looked_at: Option<Timestamp>,
    /// Where to go on in the list of creations that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) succeeded: Option<String>,
    /// Whether a whole scan found nobody with the email: the next refusal is the last word.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) scanned: bool,
    /// That AWS makes no accounts for this organization at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) standstill: Option<Standstill>,
    /// When AWS made accounts again. Until then no time of the tenant's had passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resumed_at: Option<Timestamp>,
    /// Requests of the same account name that turned out to be somebody else's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) disowned: Vec<String>,
}

/// The account that was found or made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Known {
    pub(crate) id: AccountId,
    /// Since when it is known.
    pub(crate) since: Timestamp,
    /// Whether this execution saw it being created.
    pub(crate) is_new: bool,
}

/// AWS refused this tenant's account for a reason for which it refuses every other one, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Standstill {
    pub(crate) by: Held,
    /// AWS's word.
    pub(crate) reason: String,
    /// Since when it is known.
    pub(crate) since: Timestamp,
}

/// A scan that goes on over several calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Scan {
    /// Where to go on; the beginning when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

impl State {
    /// AWS makes accounts again.
    pub(crate) fn resume(&mut self, now: Timestamp) {
        if self.standstill.take().is_some() {
            self.resumed_at = Some(now);
        }
    }

    /// Gives a request up that is not this tenant's.
    pub(crate) fn disown(&mut self, request: String) {
        self.request_id = None;
        self.disowned.push(request);
        if self.disowned.len() > MOST_DISOWNED {
            self.disowned.remove(0);
        }
    }

    /// Forgets that the email was taken: whoever took it is gone, or is us.
    pub(crate) fn forget_the_email(&mut self) {
        self.email_taken_since = None;
        self.scan = None;
    }
}
