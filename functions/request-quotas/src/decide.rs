//! What is known about each quota, and what follows: ask, wait, be content, or give up.
//!
//! Nothing is remembered between calls. The account's own values and its history of requests
//! (kept by AWS for 90 days) say what was asked and answered, so a quota is asked for once
//! whoever asked, and an execution that starts again starts from the truth.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use lifecycle::{RegionName, WantedQuota};

/// Requests that may be open at a time in one Region of an account.
/// See <https://docs.aws.amazon.com/servicequotas/latest/userguide/reference_limits.html>.
pub const OPEN_PER_REGION: usize = 2;
/// Requests that may be open at a time in one account.
pub const OPEN_PER_ACCOUNT: usize = 20;
/// How long after `CASE_CLOSED` a value may still rise: the status tells no outcome, so only the
/// value does, and it follows the case.
pub const AFTER_CASE_CLOSED: SignedDuration = SignedDuration::from_mins(30);

/// The state of a request for an increase, as AWS's statuses group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nobody has answered yet (`PENDING`, `CASE_OPENED`, or a status that is new).
    Open,
    /// Granted; the value may follow later (`APPROVED`).
    Approved,
    /// A person closed the case without saying how (`CASE_CLOSED`).
    CaseClosed,
    /// Refused (`DENIED`, `NOT_APPROVED`, `INVALID_REQUEST`).
    Refused,
}

impl Answer {
    /// The group of one of AWS's statuses.
    pub fn of(status: &str) -> Self {
        match status {
            "APPROVED" => Self::Approved,
            "CASE_CLOSED" => Self::CaseClosed,
            "DENIED" | "NOT_APPROVED" | "INVALID_REQUEST" => Self::Refused,
            _ => Self::Open,
        }
    }
}

/// A request for an increase from the account's history.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The service it is for.
    pub service_code: String,
    /// The quota it is for.
    pub quota_code: String,
    /// What was asked for.
    pub desired: f64,
    /// What became of it.
    pub answer: Answer,
    /// AWS's word for that.
    pub status: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When AWS touched it last.
    pub updated: Option<Timestamp>,
}

/// What AWS says of one quota now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed {
    /// The value that applies in the account.
    pub value: f64,
    /// Whether AWS raises it at all.
    pub adjustable: bool,
}

/// What could be read about the quotas. A Region or quota that AWS does not let one read yet is
/// missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Account {
    /// By index in the list of wanted quotas.
    pub quotas: BTreeMap<usize, Observed>,
    /// The requests of each Region.
    pub requests: BTreeMap<RegionName, Vec<Request>>,
    /// Wishes that AWS will not hear of, by index, with its reason.
    pub refused: BTreeMap<usize, String>,
    /// What could not be read yet, by index, and why.
    pub unread: BTreeMap<usize, String>,
}

impl Account {
    /// Requests that nobody has answered, in one Region.
    fn open_in(&self, region: &RegionName) -> usize {
        self.requests.get(region).map_or(0, |requests| {
            requests.iter().filter(|request| request.answer == Answer::Open).count()
        })
    }

    /// Every request for this quota: open ones first, then the newest.
    fn requests_for(&self, wanted: &WantedQuota) -> Vec<&Request> {
        let mut found: Vec<&Request> = self
            .requests
            .get(&wanted.region)
            .into_iter()
            .flatten()
            .filter(|request| {
                request.service_code == wanted.service_code.as_str()
                    && request.quota_code == wanted.quota_code.as_str()
            })
            .collect();
        found.sort_by_key(|request| {
            (request.answer != Answer::Open, std::cmp::Reverse(request.created))
        });
        found
    }
}

/// What is reported of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It has its desired value, and nobody asked for it.
    Enough,
    /// It was asked for, and has its desired value.
    Granted,
    /// It is asked for, and not answered yet.
    Requested,
    /// It was refused, or cannot be raised. It is not asked for again.
    Denied,
    /// AWS does not take the wish at all: it does not know the quota, or not in this Region, or the
    /// value makes no sense to it.
    Refused,
    /// It will be asked for when the limits on open requests allow, or is approved and not yet
    /// in effect, or cannot be read yet.
    Waiting,
}

impl Status {
    /// Whether nothing more will happen.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Enough | Self::Granted | Self::Denied | Self::Refused => true,
            Self::Requested | Self::Waiting => false,
        }
    }
}

/// What follows for one quota.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Report this.
    Stands(Status),
    /// Ask for its desired value, if there is room.
    Ask,
    /// It was refused, in AWS's word.
    Refused(String),
    /// AWS does not raise it.
    NotAdjustable,
}

/// Judges one quota of which the value and the history are known.
pub fn judge(
    wanted: &WantedQuota,
    observed: Observed,
    account: &Account,
    now: Timestamp,
) -> Verdict {
    let requests = account.requests_for(wanted);
    if observed.value >= wanted.desired.get() {
        let asked = requests.iter().any(|request| request.answer != Answer::Refused);
        return Verdict::Stands(if asked { Status::Granted } else { Status::Enough });
    }
    // A closed request for less answers another question.
    let relevant = requests
        .iter()
        .find(|request| request.answer == Answer::Open || request.desired >= wanted.desired.get());
    match relevant {
        None if observed.adjustable => Verdict::Ask,
        None => Verdict::NotAdjustable,
        Some(request) => match request.answer {
            Answer::Open => Verdict::Stands(Status::Requested),
            Answer::Approved => Verdict::Stands(Status::Waiting),
            Answer::CaseClosed if follows_soon(request, now) => Verdict::Stands(Status::Waiting),
            Answer::CaseClosed | Answer::Refused => Verdict::Refused(request.status.clone()),
        },
    }
}

fn follows_soon(request: &Request, now: Timestamp) -> bool {
    request
        .updated
        .or(request.created)
        .is_some_and(|closed| now.duration_since(closed) < AFTER_CASE_CLOSED)
}

/// Whether the tenant can start as far as this quota goes.
pub fn is_sufficient(wanted: &WantedQuota, observed: Option<Observed>) -> bool {
    match (wanted.required, observed) {
        (None, _) => true,
        (Some(required), Some(observed)) => observed.value >= required.get(),
        (Some(_), None) => false,
    }
}

/// Whether the tenant is held back until this quota is known, or known to be enough. Only what is
/// required may fail an onboarding.
pub fn holds_back(wanted: &WantedQuota, observed: Option<Observed>) -> bool {
    !is_sufficient(wanted, observed)
}

/// The quotas in the order in which they are asked for: what holds the tenant back first.
pub fn asking_order(wanted: &[WantedQuota], account: &Account) -> Vec<usize> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|&index| {
        wanted
            .get(index)
            .is_none_or(|quota| is_sufficient(quota, account.quotas.get(&index).copied()))
    });
    order
}

/// How many more requests AWS takes now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    account: usize,
    regions: BTreeMap<RegionName, usize>,
}

impl Room {
    /// The room that the open requests leave. A Region whose requests could not be read has none.
    pub fn left_by(account: &Account) -> Self {
        let open: usize = account.requests.keys().map(|region| account.open_in(region)).sum();
        let regions = account
            .requests
            .keys()
            .map(|region| (region.clone(), OPEN_PER_REGION.saturating_sub(account.open_in(region))))
            .collect();
        Self { account: OPEN_PER_ACCOUNT.saturating_sub(open), regions }
    }

    /// Takes a place for one more request, if there is one.
    pub fn take(&mut self, region: &RegionName) -> bool {
        match self.regions.get_mut(region) {
            Some(left) if *left > 0 && self.account > 0 => {
                *left -= 1;
                self.account -= 1;
                true
            }
            _ => false,
        }
    }

    /// AWS says that the Region is full, whatever the history showed.
    pub fn close(&mut self, region: &RegionName) {
        self.regions.insert(region.clone(), 0);
    }
}

#[cfg(test)]
mod tests;
