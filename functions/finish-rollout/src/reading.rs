//! How the instances read at the end: what an operation's results say may be changed by whoever
//! else works on the stack set, so the list of instances has the last word.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use lifecycle::{AccountId, RegionName};
use rollout::manifest::{Operations, listed_before};
use rollout::stack_set::Listed;
use rollout::{Files, Instance, Manifest, StackSet, Stop};
use serde::{Deserialize, Serialize};

/// The most pages that are read in a call: half a minute of a slow day.
const PAGES: usize = 80;
/// How old a list may be, as far as is provided for: what reads otherwise is read again until then.
const READS_LAG: SignedDuration = SignedDuration::from_secs(90);

/// An account and a Region.
pub(crate) type Place = (AccountId, RegionName);

/// An instance that does not read as current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outdated {
    pub(crate) account: AccountId,
    pub(crate) region: RegionName,
    pub(crate) detailed: String,
    pub(crate) operation: Option<String>,
}

impl Outdated {
    fn of(listed: Listed) -> Option<Self> {
        (!listed.current && !listed.instance.inoperable).then_some(Self {
            account: listed.instance.account,
            region: listed.instance.region,
            detailed: listed.detailed,
            operation: listed.last_operation,
        })
    }

    pub(crate) fn place(&self) -> Place {
        (self.account.clone(), self.region.clone())
    }
}

/// How far the reading is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Reading {
    /// When it began.
    since: Option<Timestamp>,
    /// Files that are written.
    files: usize,
    /// The next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// Whether these are all.
    done: bool,
}

fn file(number: usize) -> String {
    format!("final/outdated-{number:03}.json")
}

impl Reading {
    /// Reads some pages. All that is not current, once everything is read.
    pub(crate) async fn go_on(
        &mut self,
        files: &Files,
        set: &StackSet,
        now: Timestamp,
    ) -> Result<Option<Vec<Outdated>>, Stop> {
        self.since.get_or_insert(now);
        if !self.done {
            let mut found: Vec<Outdated> = Vec::new();
            for _ in 0..PAGES {
                let (page, token) = set.instances(self.token.take()).await?;
                found.extend(page.into_iter().filter_map(Outdated::of));
                self.token = token;
                if self.token.is_none() {
                    self.done = true;
                    break;
                }
            }
            files.write(&file(self.files), &found).await?;
            self.files += 1;
        }
        if !self.done {
            return Ok(None);
        }
        let mut all = Vec::new();
        for number in 0..self.files {
            all.extend(files.read::<Vec<Outdated>>(&file(number)).await?);
        }
        Ok(Some(all))
    }

    /// Whether what reads otherwise than expected may only be a moment old; then it is read again.
    pub(crate) fn again(&mut self, now: Timestamp) -> bool {
        let since = self.since.unwrap_or(now);
        let lags = now.duration_since(since) < READS_LAG;
        if lags {
            *self = Self { since: self.since, ..Self::default() };
        }
        lags
    }
}

/// Where the rollout was to bring its change.
pub(crate) struct Scope {
    /// The instances of its waves.
    pub(crate) planned: BTreeSet<Place>,
    /// All that the set had when it was planned.
    before: BTreeSet<Place>,
}

impl Scope {
    /// Reads it from the rollout's files.
    pub(crate) async fn read(files: &Files, manifest: &Manifest) -> Result<Self, Stop> {
        let mut planned = BTreeSet::new();
        for wave in &manifest.waves {
            let name = format!("waves/{:02}.json", wave.number);
            let file: Option<Operations> = files.find(&name).await?;
            for batch in file.into_iter().flat_map(|file| file.operations) {
                let places = batch.accounts.iter().flat_map(|account| {
                    batch.regions.iter().map(move |region| (account.clone(), region.clone()))
                });
                planned.extend(places);
            }
        }
        let mut before = BTreeSet::new();
        let mut number = 0;
        while let Some(some) = files.find::<Vec<Instance>>(&listed_before(number)).await? {
            before.extend(some.into_iter().map(|one| (one.account, one.region)));
            number += 1;
        }
        Ok(Self { planned, before })
    }

    /// Whether an instance that is not current should be: it is in a wave, or it joined since the
    /// plan and was deployed. What an enrolment is at work on is in its hands.
    pub(crate) fn should_be_current(&self, one: &Outdated) -> bool {
        let place = one.place();
        self.planned.contains(&place)
            || (!self.before.contains(&place) && one.detailed == "SUCCEEDED")
    }
}
