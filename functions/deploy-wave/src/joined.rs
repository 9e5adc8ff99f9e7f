//! Tenants that are enrolled while a rollout has the set: they get its template, so they are part
//! of it. What befalls them counts, and they go back with it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use lifecycle::rollout::joined;
use lifecycle::{AccountId, RegionName};
use rollout::cut::batches;
use rollout::manifest::{
    JOINED_FILE, Joined, Operations, PREVIOUS_TEMPLATE, STANDS_NEW, VERIFIED, Verified,
};
use rollout::stack_set::{Listed, Logged};
use rollout::{Batch, Instance, Standing, Stop};

use crate::run::Run;
use crate::state::State;

/// The most pages of instances that are read in a call.
const PAGES: usize = 80;
/// How old an answer about set and instances may be, as far as is provided for.
const READS_LAG: SignedDuration = SignedDuration::from_secs(90);
/// The most accounts of an operation that takes them back.
const SIZE: usize = 500;

fn part(number: usize) -> String {
    format!("back/joined-{number:03}.json")
}

/// Whether an enrolment that had the rollout's template was the last to deploy it. One whose
/// deployment failed, or that another enrolment is at work on, is in the hands of who enrols it.
fn has_joined(listed: &Listed, operations: &BTreeSet<String>) -> bool {
    let last = listed.last_operation.as_ref();
    !listed.current
        && !listed.instance.inoperable
        && listed.detailed == "SUCCEEDED"
        && last.is_some_and(|id| operations.contains(id))
}

impl Run<'_> {
    /// The operations of others that had the rollout's template, each with whether it has ended.
    async fn joining(&self) -> Result<Vec<(String, bool)>, Stop> {
        let planned = self.manifest.planned_at;
        let is_older = |one: &Logged| one.created.is_some_and(|created| created < planned);
        let log = self.set.log_back_to(is_older).await?;
        let ids: Vec<&str> = log.iter().map(|one| one.id.as_str()).collect();
        let ids: BTreeSet<&str> = joined(&ids, &self.header.hash()).into_iter().collect();
        let all = log.iter().filter(|one| ids.contains(one.id.as_str()));
        Ok(all.map(|one| (one.id.clone(), one.ended)).collect())
    }

    /// Takes the results of enrolments that have ended since the last look; how all of those that
    /// joined stand.
    pub(crate) async fn watch_joined(&self) -> Result<Standing, Stop> {
        let mut known: Joined = self.files.find(JOINED_FILE).await?.unwrap_or_default();
        let joining = self.joining().await?;
        let new = joining.into_iter().rev().filter(|(_, ended)| *ended).map(|(id, _)| id);
        let new: Vec<String> = new.filter(|id| !known.operations.contains(id)).collect();
        if new.is_empty() {
            return Ok(known.standing);
        }
        for id in new {
            let results = self.set.results(&id, false).await?;
            known.standing = known.standing.with(&results.rows);
            known.operations.insert(id);
        }
        self.files.write(JOINED_FILE, &known).await?;
        Ok(known.standing)
    }

    /// Finds whom the last part of the way back is about: those that enrolments brought the
    /// rollout's template, and that no wave took back. Why not yet, if an enrolment that has this
    /// template is still on its way: it was asked for before the old one was back.
    pub(crate) async fn gather_joined(
        &self,
        state: &mut State,
        now: Timestamp,
    ) -> Result<Option<String>, Stop> {
        let joining = self.joining().await?;
        if let Some((id, _)) = joining.iter().find(|(_, ended)| !ended) {
            return Ok(Some(format!("{id} ends first")));
        }
        let operations: BTreeSet<String> = joining.into_iter().map(|(id, _)| id).collect();
        if self.header.rehearsal
            && let Some(because) = self.verify(state, now).await?
        {
            return Ok(Some(because));
        }
        let gathering = &mut state.gathering;
        // Nobody was enrolled meanwhile: there is nobody to look for.
        let mut more = !operations.is_empty();
        let mut found: Vec<Instance> = Vec::new();
        for _ in 0..PAGES {
            if !more {
                break;
            }
            let (page, token) = self.set.instances(gathering.token.take()).await?;
            let joined = page.into_iter().filter(|listed| has_joined(listed, &operations));
            found.extend(joined.map(|listed| listed.instance));
            gathering.token = token;
            more = gathering.token.is_some();
        }
        self.files.write(&part(gathering.files), &found).await?;
        gathering.files += 1;
        if more {
            return Ok(None);
        }
        let mut all = std::collections::BTreeMap::new();
        for number in 0..gathering.files {
            for one in self.files.read::<Vec<Instance>>(&part(number)).await? {
                all.entry(one.account).or_insert_with(BTreeSet::new).insert(one.region);
            }
        }
        let file = Operations { operations: batches(all, SIZE), restores: false };
        self.files.write(&self.first_file(), &file).await?;
        state.gathering.done = true;
        Ok(None)
    }

    /// Looks whether a rehearsal has left nothing behind: at the set, and at the instances that had
    /// its template. What it waits for, for lists lag.
    async fn verify(&self, state: &State, now: Timestamp) -> Result<Option<String>, Stop> {
        let had: Vec<Batch> = self.files.find(STANDS_NEW).await?.unwrap_or_default();
        let mut not_back: BTreeSet<(AccountId, RegionName)> = had
            .iter()
            .flat_map(|batch| {
                let regions = &batch.regions;
                batch.accounts.iter().flat_map(move |account| {
                    regions.iter().map(move |region| (account.clone(), region.clone()))
                })
            })
            .collect();
        let went_forth = not_back.len();
        let mut token = None;
        while !not_back.is_empty() {
            let (page, next) = self.set.instances(token).await?;
            for one in page.into_iter().filter(|listed| listed.current) {
                not_back.remove(&(one.instance.account, one.instance.region));
            }
            token = next;
            if token.is_none() {
                break;
            }
        }
        let previous = self.files.read_text(PREVIOUS_TEMPLATE).await?;
        let set_is_as_before = self.manifest.is_as_before(&self.set.describe().await?, &previous);
        if (!not_back.is_empty() || !set_is_as_before) && state.elapsed(now) < READS_LAG {
            return Ok(Some("what the rehearsal left is looked at again".to_owned()));
        }
        let not_back = not_back.into_iter().map(|(account, region)| Instance {
            account,
            region,
            inoperable: false,
            unit: None,
        });
        let found = Verified { set_is_as_before, went_forth, not_back: not_back.collect() };
        self.files.write(VERIFIED, &found).await?;
        Ok(None)
    }
}
