//! The rounds of a stage: what it begins with, and what is tried again.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use lifecycle::rollout::Stage;
use lifecycle::{AccountId, RegionName};
use rollout::cut::batches;
use rollout::manifest::{Operations, StageResult, folder, listed_before};
use rollout::stack_set::Listed;
use rollout::{Batch, Class, Instance, Row, Standing, Stop};
use stack_set_reasons::Again;

use crate::decide::{backoff, between_tries, is_in_doubt, judge_end};
use crate::proof::Place;
use crate::run::Run;
use crate::state::State;

/// The most accounts of an operation that tries again.
const RETRY_SIZE: usize = 500;
/// Seconds of the plan's time that a wave needs at least once it goes on.
const AFTER_HOLD: i64 = 1_800;
/// The most pages of instances that are read in a call: half a minute of a slow day.
const PAGES: usize = 80;
/// The file of those that joined while the roll-out began.
const NEWCOMERS: &str = "late/newcomers.json";

fn outdated(number: usize) -> String {
    format!("late/outdated-{number:03}.json")
}

/// Whether the gates of a wave have kept the change from everybody in it.
pub(crate) fn nobody_took_it(standing: &Standing) -> bool {
    standing.succeeded == 0 && standing.open.iter().any(|row| row.class == Class::Vetoed)
}

/// Whether it was deployed, and not from what the set is now. One that an operation is at work on,
/// or whose deployment failed, is in the hands of who enrols it.
fn is_outdated(listed: &Listed) -> bool {
    !listed.current && !listed.instance.inoperable && listed.detailed == "SUCCEEDED"
}

/// What the stage of late comers tries again and again.
fn late(again: Again) -> bool {
    again.late
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

impl Run<'_> {
    fn round_file(&self, round: u32) -> String {
        format!("{}/round-{round}.json", folder(self.stage))
    }

    /// The operations of the present round.
    pub(crate) async fn operations(&self, state: &State) -> Result<Operations, Stop> {
        if state.round > 0 {
            return self.files.read(&self.round_file(state.round)).await;
        }
        self.files.read(&self.first_file()).await
    }

    pub(crate) fn first_file(&self) -> String {
        format!("{}.json", folder(self.stage))
    }

    /// Finds whom the late comers' stage is about: whom the waves left over, and who joined the set
    /// between the plan and its first operation. These have an instance of the template before,
    /// which the first operation made outdated, and are in no wave.
    pub(crate) async fn gather_late(&self, state: &mut State) -> Result<(), Stop> {
        let mut found: Vec<Instance> = Vec::new();
        let gathering = &mut state.gathering;
        let mut more = true;
        for _ in 0..PAGES {
            let (page, token) = self.set.instances(gathering.token.take()).await?;
            if gathering.current.is_none() {
                let current = page.iter().find(|one| one.current && one.detailed == "SUCCEEDED");
                gathering.current = current.map(|listed| listed.instance.clone());
            }
            found.extend(page.into_iter().filter(is_outdated).map(|listed| listed.instance));
            gathering.token = token;
            more = gathering.token.is_some();
            if !more {
                break;
            }
        }
        self.files.write(&outdated(gathering.files), &found).await?;
        gathering.files += 1;
        if more {
            return Ok(());
        }
        self.files.write(NEWCOMERS, &self.newcomers(gathering.files).await?).await?;
        self.watch_joined().await?;
        let left = self.standing(state).await?;
        let operations = Operations { operations: left.again(late, RETRY_SIZE), restores: false };
        self.files.write(&self.first_file(), &operations).await?;
        state.gathering.done = true;
        Ok(())
    }

    async fn newcomers(&self, files: usize) -> Result<Vec<Row>, Stop> {
        let mut here = Vec::new();
        for number in 0..files {
            here.extend(self.files.read::<Vec<Instance>>(&outdated(number)).await?);
        }
        let mut number = 0;
        while !here.is_empty()
            && let Some(before) = self.files.find::<Vec<Instance>>(&listed_before(number)).await?
        {
            let before: BTreeSet<_> =
                before.into_iter().map(|one| (one.account, one.region)).collect();
            here.retain(|one| !before.contains(&(one.account.clone(), one.region.clone())));
            number += 1;
        }
        let why = "it joined after the roll-out was planned";
        let rows = here.into_iter();
        Ok(rows.map(|one| Row::new(one.account, one.region, Class::Cancelled, why)).collect())
    }

    /// How all instances of the stage stand.
    pub(crate) async fn standing(&self, state: &State) -> Result<Standing, Stop> {
        if state.settled > 0 {
            let name = format!("{}/standing-{}.json", folder(self.stage), state.settled);
            return self.files.read(&name).await;
        }
        let mut standing = Standing::default();
        if self.stage == Stage::Late {
            for wave in &self.manifest.waves {
                let name = format!("waves/{:02}/result.json", wave.number);
                let result: Option<StageResult> = self.files.find(&name).await?;
                let rows = result.map(|result| result.standing.open).unwrap_or_default();
                standing.open.extend(rows.into_iter().filter(|row| late(row.class.policy().again)));
            }
            let newcomers: Option<Vec<Row>> = self.files.find(NEWCOMERS).await?;
            standing.open.extend(newcomers.unwrap_or_default());
        }
        Ok(standing)
    }

    /// Plans one more round, if there is anything to try again; false when there is not.
    pub(crate) async fn next_round(
        &self,
        state: &mut State,
        standing: &Standing,
        now: Timestamp,
    ) -> Result<bool, Stop> {
        let retry = self.manifest.plan.retry;
        let (batches, not_before) = match self.stage {
            Stage::Late => {
                let wait = between_tries(retry.vetoed_every_seconds, state.retries);
                (standing.again(late, RETRY_SIZE), later(now, wait))
            }
            // Nobody has taken the change: nothing is known of it, and the next wave would be the
            // first to find out.
            Stage::Wave { .. } if nobody_took_it(standing) => {
                let wait = between_tries(retry.vetoed_every_seconds, state.holds);
                (standing.again(late, RETRY_SIZE), later(now, wait))
            }
            Stage::Wave { .. } => {
                let again = standing.again(|again| again.wave, RETRY_SIZE);
                (again, later(now, backoff(retry.backoff_seconds, state.retries)))
            }
            Stage::Back { .. } | Stage::Leave => {
                let again = standing.again(|again| again.back, RETRY_SIZE);
                (again, later(now, backoff(retry.backoff_seconds, state.retries)))
            }
        };
        let holds = matches!(self.stage, Stage::Wave { .. }) && nobody_took_it(standing);
        let until_late = holds || self.stage == Stage::Late;
        let spent = !until_late && state.retries >= retry.transient_attempts;
        let end = if holds { later(not_before, AFTER_HOLD) } else { not_before };
        let too_late = until_late && end >= self.deadline(state).at();
        if batches.is_empty() || spent || too_late {
            return Ok(false);
        }
        if holds {
            state.holds += 1;
        } else {
            state.retries += 1;
        }
        self.begin_round(state, batches, Some(not_before)).await?;
        Ok(true)
    }

    /// Plans a round that tries again what failed before it goes on to further accounts, where more
    /// failed for a reason that passes than took the change; says when it begins. A throttle has
    /// its time to pass, and a change that fails everywhere with the words of one reaches nobody
    /// else. Once the attempts are spent the stage ends.
    pub(crate) async fn retry_first(
        &self,
        state: &mut State,
        operations: &Operations,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Stop> {
        let Some(tolerances) = self.tolerances().filter(|_| state.next > 0 && !state.proves) else {
            return Ok(None);
        };
        let standing = self.standing(state).await?;
        if !is_in_doubt(&tolerances, &standing) {
            return Ok(None);
        }
        let retry = self.manifest.plan.retry;
        if state.retries >= retry.transient_attempts {
            state.reason = judge_end(&tolerances, &standing);
            return Ok(None);
        }
        let mut round = standing.again(|again| again.wave, RETRY_SIZE);
        // Of a round that tries again, the rest is among those.
        let open: BTreeSet<&AccountId> = standing.open.iter().map(|row| &row.account).collect();
        let rest = operations.operations.get(state.next..).unwrap_or_default();
        let untried = |batch: &&Batch| !batch.accounts.iter().any(|one| open.contains(one));
        round.extend(rest.iter().filter(untried).cloned());
        let at = later(now, backoff(retry.backoff_seconds, state.retries));
        state.retries += 1;
        self.begin_round(state, round, Some(at)).await?;
        Ok(Some(at))
    }

    /// Plans the operation that tells new tenants of the end of a roll-out in one wave: its name is
    /// the first one that says that the template is proven. False when nothing has to be told.
    pub(crate) async fn mark_the_end(&self, state: &mut State) -> Result<bool, Stop> {
        let is_told = state.marks || state.operations > 0 || !self.manifest.is_one_wave();
        let Some(one) = state.gathering.current.clone().filter(|_| !is_told) else {
            return Ok(false);
        };
        state.marks = true;
        let batch = Batch { regions: vec![one.region], accounts: vec![one.account] };
        self.begin_round(state, vec![batch], None).await?;
        Ok(true)
    }

    /// Plans the round that asks the gates of the wave.
    pub(crate) async fn prove_gates(&self, state: &mut State) -> Result<(), Stop> {
        let first: Operations = self.files.read(&format!("{}.json", folder(self.stage))).await?;
        state.proves = true;
        self.begin_round(state, first.operations, None).await
    }

    /// The accounts of the wave that took the change, whose gates are new. Those that did not are
    /// counted elsewhere, and have the gate from before.
    pub(crate) async fn with_new_gates(&self, standing: &Standing) -> Result<Vec<Place>, Stop> {
        let first: Operations = self.files.read(&format!("{}.json", folder(self.stage))).await?;
        let all = first.operations.into_iter().flat_map(|batch| {
            let Batch { regions, accounts } = batch;
            accounts.into_iter().map(move |account| (account, regions.clone()))
        });
        let taken = |account: &AccountId, region: &RegionName| {
            !standing.open.iter().any(|row| row.account == *account && row.region == *region)
        };
        let took = all.map(|(account, mut regions)| {
            regions.retain(|region| taken(&account, region));
            (account, regions)
        });
        Ok(took.filter(|(_, regions)| !regions.is_empty()).collect())
    }

    async fn begin_round(
        &self,
        state: &mut State,
        operations: Vec<Batch>,
        not_before: Option<Timestamp>,
    ) -> Result<(), Stop> {
        let round = state.round + 1;
        let file = Operations { operations, restores: false };
        self.files.write(&self.round_file(round), &file).await?;
        state.round = round;
        state.next = 0;
        state.not_before = not_before;
        Ok(())
    }

    /// The batch without those accounts that have lost an instance meanwhile, which were
    /// withdrawn; as few batches as their Regions allow.
    pub(crate) async fn still_there(&self, batch: &Batch) -> Result<Vec<Batch>, Stop> {
        let mut known = std::collections::BTreeMap::new();
        let mut token = None;
        loop {
            let (page, next) = self.set.instances(token).await?;
            for one in page.into_iter().map(|listed| listed.instance) {
                let wanted = batch.accounts.contains(&one.account);
                if wanted && batch.regions.contains(&one.region) && !one.inoperable {
                    known.entry(one.account).or_insert_with(BTreeSet::new).insert(one.region);
                }
            }
            token = next;
            if token.is_none() {
                break;
            }
        }
        known.retain(|_, regions| regions.len() == batch.regions.len());
        Ok(batches(known, usize::MAX))
    }
}
