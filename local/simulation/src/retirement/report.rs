//! What came of a simulated retirement.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// One day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Day {
    /// Counted from 1, the day of the first sweep.
    pub day: usize,
    /// Closings that AWS took on this day.
    pub closings: usize,
    /// What arithmetic expects of it.
    pub expected: usize,
    /// Closings in the thirty days before the moment of this day that came nearest to the limit.
    pub in_thirty_days: usize,
    /// AWS's limit for them at that moment.
    pub limit: usize,
    /// Due accounts that are not closed at the end of the day.
    pub backlog: usize,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Accounts of tenants at the beginning.
    pub accounts: usize,
    /// Those of them that were due.
    pub due: usize,
    /// The world's seed.
    pub seed: u64,
    /// Day by day, until the backlog was empty.
    pub days: Vec<Day>,
    /// The most closings within thirty days that there ever were.
    pub most_in_thirty_days: usize,
    /// The most closings in progress at a time; AWS allows three.
    pub most_in_progress: usize,
    /// The day on which the last account was closed, if it was.
    pub empty_on: Option<usize>,
    /// The same, by arithmetic.
    pub expected_empty_on: Option<usize>,
    /// The day that the first sweep had forecast.
    pub forecast_empty_on: Option<usize>,
    /// Accounts that were closed and were not due: there must be none.
    pub closed_by_mistake: Vec<String>,
    /// Landlord's calls, by action, over all days.
    pub calls: BTreeMap<String, u64>,
    /// The reads of the first plan: pages of accounts, pages of tags, and everything else.
    pub first_plan: PlanCalls,
    /// The most bytes that an input, an output or the variables of a state had.
    pub largest_state_bytes: usize,
    /// The most events that an execution's history had.
    pub longest_history: u64,
    /// Executions, child executions included.
    pub executions: usize,
    /// Those of them that did not succeed.
    pub failed_executions: usize,
    /// How much of the fleet may be due at once, in percent.
    pub breaker_percent: usize,
    /// Whether more than that was due, so that the circuit breaker kept all of them open.
    pub breaker_is_open: bool,
    /// The report of the first sweep, as it was announced.
    pub first_sweep: Value,
}

/// The calls of one plan, and how few they could be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanCalls {
    /// `ListAccountsForParent` of the two units, twenty accounts a page.
    pub account_pages: u64,
    /// `GetResources`, a hundred accounts a page.
    pub tag_pages: u64,
    /// The fewest of both that can tell of all accounts.
    pub least_pages: u64,
    /// All other calls to Organizations: nothing that grows with the fleet.
    pub other_reads: u64,
    /// Calls to S3, Step Functions and EventBridge: the plan's files, its lock, its word.
    pub files: u64,
}

impl PlanCalls {
    /// How many times the least number of pages all reads of accounts and tags are.
    pub fn excess(&self) -> f64 {
        let made = self.account_pages + self.tag_pages + self.other_reads;
        made as f64 / self.least_pages.max(1) as f64
    }
}

/// Whether the breaker is open, by its promise: more than this share of the fleet is due, and more
/// than the 20 accounts that are no mistake in any case.
pub(super) fn breaker_opens(accounts: usize, due: usize, percent: usize) -> bool {
    due > 20 && due * 100 > accounts * percent
}

impl Report {
    /// What is not as it has to be; nothing when all is well.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for day in &self.days {
            if day.closings > 0 && day.in_thirty_days > day.limit {
                faults.push(format!(
                    "day {}: {} closings in thirty days, and AWS allows {}",
                    day.day, day.in_thirty_days, day.limit
                ));
            }
        }
        let said_open = self.first_sweep["outcome"] == "BREAKER_OPEN";
        if said_open != self.breaker_is_open {
            faults.push(format!("the first sweep said {}", self.first_sweep["outcome"]));
        }
        let closed: usize = self.days.iter().map(|day| day.closings).sum();
        if self.breaker_is_open && closed > 0 {
            faults.push(format!("{closed} accounts were closed behind an open breaker"));
        }
        if self.most_in_progress > 3 {
            faults.push(format!("{} closings were in progress at a time", self.most_in_progress));
        }
        if !self.closed_by_mistake.is_empty() {
            faults.push(format!("closed by mistake: {}", self.closed_by_mistake.join(", ")));
        }
        if let (Some(actual), Some(forecast)) = (self.empty_on, self.forecast_empty_on)
            && actual.abs_diff(forecast) > 1
        {
            faults.push(format!("the forecast was day {forecast}, and it was day {actual}"));
        }
        if self.empty_on.is_some() && self.forecast_empty_on.is_none() {
            faults.push("the first sweep forecast no end of the backlog".to_owned());
        }
        faults
    }
}
