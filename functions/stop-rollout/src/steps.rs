//! The steps of a stop: everything quiet, who has the new template, what goes back.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lifecycle::rollout::{OperationName, Stage};
use rollout::manifest::{JOINED, Operations, PREVIOUS_TEMPLATE, STANDS_NEW};
use rollout::plan::{ConcurrencyMode, RegionConcurrency};
use rollout::stack_set::{OperationStatus, Pace, Started};
use rollout::{Batch, Files, Header, Instance, Manifest, Reason, ReasonCode, StackSet, Stop};
use serde::{Deserialize, Serialize};

use crate::decide::{self, ByAccount, Choice};
use crate::handler::{State, Stopped};

/// The log lags: an operation that was started a moment ago may not be in it.
const LOG_LAG: SignedDuration = SignedDuration::from_secs(15);
/// How old an answer about the set may be, as far as is provided for.
const READS_LAG: SignedDuration = SignedDuration::from_secs(90);
/// The most pages that are read in a call.
const PAGES: usize = 80;
/// How often the definition is put back before that is given up.
const MOST_TRIES: u32 = 20;

/// What comes after a step.
pub(crate) enum Step {
    /// Ask again at once.
    Again(String),
    /// Ask again later.
    Wait(String),
    /// It is done.
    Done(Stopped),
}

/// What a part of the list of instances told.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Found {
    /// Those that have the new template.
    new: Vec<Instance>,
    /// The best one to ask when only the definition is put back, with how well it suits.
    to_ask: Option<(u8, Instance)>,
}

/// A stop, and what it needs.
pub(crate) struct Steps<'a> {
    pub(crate) header: &'a Header,
    pub(crate) reason: &'a Reason,
    pub(crate) manifest: Manifest,
    pub(crate) files: Files,
    pub(crate) set: StackSet,
}

impl Steps<'_> {
    /// Takes one step.
    pub(crate) async fn go_on(&self, state: &mut State, now: Timestamp) -> Result<Step, Stop> {
        if !state.quiet {
            if let Some(because) = self.quieten(state, now).await? {
                return Ok(Step::Wait(because));
            }
            state.quiet = true;
        }
        if let Some(other) = self.set.taken_over(&self.manifest).await? {
            // It was killed, another rollout went on in its place, and it was redriven since: what
            // set and instances are now is the other one's.
            tracing::warn!(operation.id = %other, "another rollout has the set: nothing is put back");
            return Ok(Step::Done(Stopped { choice: Choice::Leave, waves: Vec::new() }));
        }
        let leave = self.files.controls().await?.leave();
        let choice = decide::choose(self.manifest.plan.on_stop, leave, self.reason.code);
        let set = self.set.describe().await?;
        let previous = self.files.read_text(PREVIOUS_TEMPLATE).await?;
        // The log of the set is the memory: an answer that got lost is not forgotten.
        let putting_back = self.set.operation(&self.leave_name(state.tries.max(1) - 1)).await?;
        if let Some(seen) = &putting_back
            && !matches!(seen.status, OperationStatus::Stopped | OperationStatus::Ended)
        {
            return Ok(Step::Wait("the old template is being put back".to_owned()));
        }
        let mut is_as_before = self.manifest.is_as_before(&set, &previous);
        if is_as_before && self.manifest.changes_hidden() && putting_back.is_none() {
            // A hidden value reads the same before and after: whether it was changed, only the
            // rollout's own operations say.
            is_as_before = !self.is_in_log().await?;
        }
        if is_as_before {
            // Put back by the one operation of this function: where nobody had got the new template,
            // that is the whole way back.
            if putting_back.is_some() {
                // Nobody of the waves had it; an enrolment that was on its way may have brought it.
                let waves = match choice {
                    Choice::RollBack => vec![JOINED],
                    Choice::Leave | Choice::NothingChanged => Vec::new(),
                };
                return Ok(Step::Done(Stopped { choice, waves }));
            }
            let since = state.since.unwrap_or(now);
            if now.duration_since(since) < READS_LAG {
                return Ok(Step::Wait("the set may read as it was a moment ago".to_owned()));
            }
            if !self.is_in_log().await? {
                let choice = Choice::NothingChanged;
                return Ok(Step::Done(Stopped { choice, waves: Vec::new() }));
            }
            // It changed nothing, but its operations say to new tenants that it is under way.
        }
        if !state.all_listed {
            self.list(state).await?;
            return Ok(Step::Again("reading who has the new template".to_owned()));
        }
        let (new, to_ask) = self.found(state).await?;
        if choice == Choice::RollBack && !new.is_empty() && !is_as_before {
            return self.roll_back(new).await;
        }
        self.files.write(STANDS_NEW, &rollout::cut::batches(new, usize::MAX)).await?;
        if self.reason.code == ReasonCode::DefinitionChanged {
            return Ok(Step::Done(Stopped { choice: Choice::Leave, waves: Vec::new() }));
        }
        self.put_back(state, to_ask, &previous).await
    }

    /// Whether the newest rollout of the set that has not proven its change is this one.
    async fn is_in_log(&self) -> Result<bool, Stop> {
        let is_of_a_rollout = |id: &str| OperationName::read(id).is_some();
        let log = self.set.log_back_to(|one| is_of_a_rollout(&one.id)).await?;
        let newest = lifecycle::rollout::under_way(log.iter().map(|one| one.id.as_str()));
        Ok(newest.is_some_and(|name| name.rollout == self.header.hash()))
    }

    /// The operation that puts the old template back, by how often that was tried before.
    fn leave_name(&self, round: u32) -> String {
        let rollout = self.header.hash();
        OperationName { rollout, stage: Stage::Leave, number: 0, round }.to_string()
    }

    /// Stops what is on its way; says what is still.
    async fn quieten(&self, state: &State, now: Timestamp) -> Result<Option<String>, Stop> {
        let log = self.set.log().await?;
        let log = log.iter().map(|one| (one.id.as_str(), one.ended));
        let open = decide::open_of(log, &self.header.hash());
        let mut still = Vec::new();
        for id in open {
            let Some(seen) = self.set.operation(&id).await? else { continue };
            match seen.status {
                OperationStatus::Queued | OperationStatus::Running => {
                    self.set.stop(&id).await?;
                    still.push(id);
                }
                OperationStatus::Stopping => still.push(id),
                OperationStatus::Stopped | OperationStatus::Ended => {}
            }
        }
        if !still.is_empty() {
            return Ok(Some(format!("{} is being stopped", still.join(", "))));
        }
        let since = state.since.unwrap_or(now);
        let lags = now.duration_since(since) < LOG_LAG;
        Ok(lags.then(|| "the log of operations may lag".to_owned()))
    }

    /// Lists some instances into a file.
    async fn list(&self, state: &mut State) -> Result<(), Stop> {
        let mut found = Found::default();
        let rollout = self.header.hash();
        for _ in 0..PAGES {
            let (page, token) = self.set.instances(state.token.take()).await?;
            for listed in page {
                if listed.instance.inoperable {
                    continue;
                }
                let suits = decide::suits_for_leaving(&listed, &rollout);
                if found.to_ask.as_ref().is_none_or(|(best, _)| suits < *best) {
                    found.to_ask = Some((suits, listed.instance.clone()));
                }
                if decide::has_the_new_one(&listed) {
                    found.new.push(listed.instance);
                }
            }
            state.token = token;
            if state.token.is_none() {
                state.all_listed = true;
                break;
            }
        }
        self.files.write(&part(state.listed), &found).await?;
        state.listed += 1;
        Ok(())
    }

    async fn found(&self, state: &State) -> Result<(ByAccount, Option<Instance>), Stop> {
        let (mut new, mut to_ask) = (BTreeMap::new(), None::<(u8, Instance)>);
        for number in 0..state.listed {
            let found: Found = self.files.read(&part(number)).await?;
            for one in found.new {
                let regions = new.entry(one.account);
                regions.or_insert_with(std::collections::BTreeSet::new).insert(one.region);
            }
            let better = found
                .to_ask
                .filter(|(suits, _)| to_ask.as_ref().is_none_or(|(best, _)| suits < best));
            to_ask = better.or(to_ask);
        }
        Ok((new, to_ask.map(|(_, instance)| instance)))
    }

    /// Writes the way back.
    async fn roll_back(&self, new: ByAccount) -> Result<Step, Stop> {
        let mut waves = Vec::new();
        for wave in &self.manifest.waves {
            let file: Operations =
                self.files.read(&format!("waves/{:02}.json", wave.number)).await?;
            waves.push((wave.number, file.operations));
        }
        self.files.write(STANDS_NEW, &rollout::cut::batches(new.clone(), usize::MAX)).await?;
        let back = decide::way_back(&self.manifest, &waves, new);
        for (number, operations) in &back {
            self.files.write(&format!("back/{number:02}.json"), operations).await?;
        }
        // Last those that were enrolled meanwhile, and after the look at who has it.
        let waves = back.into_iter().map(|(number, _)| number).chain([JOINED]).collect();
        Ok(Step::Done(Stopped { choice: Choice::RollBack, waves }))
    }

    /// Puts the definition back, by an operation about one instance. Whether that succeeds there
    /// does not matter: the set is changed all the same.
    async fn put_back(
        &self,
        state: &mut State,
        to_ask: Option<Instance>,
        previous: &str,
    ) -> Result<Step, Stop> {
        let Some(one) = to_ask else {
            // A set without instances has nobody to ask, and nobody who suffers.
            let choice = Choice::Leave;
            return Ok(Step::Done(Stopped { choice, waves: Vec::new() }));
        };
        if state.tries >= MOST_TRIES {
            return Ok(Step::Wait("the old template can not be put back".to_owned()));
        }
        let batch = Batch { regions: vec![one.region], accounts: vec![one.account] };
        let pace = Pace {
            concurrent: 1,
            tolerance: 1,
            mode: ConcurrencyMode::SoftFailureTolerance,
            regions: RegionConcurrency::Parallel,
            region_order: Vec::new(),
        };
        let id = self.leave_name(state.tries);
        let definition = (&self.manifest.previous, Some(previous));
        let started =
            self.set.update_set(&id, &batch, &pace, definition, &self.manifest.keeps).await?;
        Ok(match started {
            Started::Yes => {
                state.tries += 1;
                Step::Wait(format!("{id} puts the old template back"))
            }
            Started::Busy(because) => Step::Wait(because),
            Started::InstanceGone => {
                // The list is read again, without it.
                state.all_listed = false;
                state.listed = 0;
                Step::Again("the account that was to be asked is gone".to_owned())
            }
        })
    }
}

fn part(number: usize) -> String {
    format!("back/found-{number:03}.json")
}
