//! What an operation did.

use serde::Serialize;

use super::fleet::Minutes;

/// The outcome of a simulated operation. Serialises to the document that
/// `landlord simulate operation --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// `SUCCEEDED` or `FAILED`, as AWS would say.
    pub status: &'static str,
    /// From the first start to the last end.
    pub duration_minutes: Minutes,
    /// One entry a Region, in the order of the request.
    pub regions: Vec<RegionReport>,
    /// One entry for each moment at which one of its numbers changed: what is so from then on.
    /// Begins at minute 0 and ends with nothing in flight.
    pub timeline: Vec<Sample>,
    /// The most that was in flight at any moment.
    #[serde(skip)]
    pub peak_in_flight: usize,
}

/// How a Region came out. `deployed + cancelled` is the number of its accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegionReport {
    /// The Region.
    pub region: String,
    /// Instances that were begun and ended: `succeeded + failed`.
    pub deployed: usize,
    /// Ended well.
    pub succeeded: usize,
    /// Ended with the result `FAILED`, refusals by a gate included: what counts towards the
    /// tolerance.
    pub failed: usize,
    /// Of the failed, those that a gate refused.
    pub vetoed: usize,
    /// Never begun.
    pub cancelled: usize,
    /// When its first instance started.
    #[serde(skip)]
    pub started: Option<Minutes>,
    /// When its last instance ended.
    #[serde(skip)]
    pub ended: Option<Minutes>,
}

/// The operation from one moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// Since the operation's start.
    pub minute: Minutes,
    /// Instances in flight, all Regions together.
    pub in_flight: usize,
    /// Failures so far, all Regions together.
    pub failed: usize,
}

impl Report {
    /// The Regions' numbers added up, under the name `all`.
    #[must_use]
    pub fn total(&self) -> RegionReport {
        let sum = |number: fn(&RegionReport) -> usize| self.regions.iter().map(number).sum();
        RegionReport {
            region: "all".to_owned(),
            deployed: sum(|region| region.deployed),
            succeeded: sum(|region| region.succeeded),
            failed: sum(|region| region.failed),
            vetoed: sum(|region| region.vetoed),
            cancelled: sum(|region| region.cancelled),
            started: self.regions.iter().filter_map(|region| region.started).min(),
            ended: self.regions.iter().filter_map(|region| region.ended).max(),
        }
    }
}
