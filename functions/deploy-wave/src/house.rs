//! Before each operation its stack set and its accounts are looked at again: the plan is a file,
//! and was made a while ago. An account that is not a tenant's own, or not any more, is left out,
//! and named with the reason in what is not current.

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use lifecycle::rollout::Stage;
use lifecycle::{AccountId, Fault};
use rollout::house::{delegates, see};
use rollout::manifest::{Looked, Operations, folder};
use rollout::{Batch, Class, Objection, Reason, ReasonCode, Row, StackSets, Stop};

use crate::run::{Next, Run, WAIT_WHILE_BUSY, wait};
use crate::state::State;

/// Accounts that are looked at in a call.
const ACCOUNTS_IN_CALL: usize = 100;
/// What such a call takes, in seconds: Organizations lists the tags of ten accounts a second.
pub(crate) const LOOK_SECONDS: i64 = 15;
/// Accounts that are looked at at once. More would leave nothing of that rate to new tenants.
const AT_ONCE: usize = 2;
/// How long a look counts, for an operation that has to wait for its turn.
const COUNTS: SignedDuration = SignedDuration::from_hours(1);

/// What a look comes to.
pub(crate) enum Look {
    /// All accounts of the operation are tenants' own.
    Clear,
    /// So many are not looked at yet.
    More(usize),
    /// These are not.
    Outside(Vec<(AccountId, Objection)>),
}

/// The operation whose accounts are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The one with this number in the present round.
    Here(usize),
    /// The first one of the next wave.
    NextWave,
}

impl Run<'_> {
    /// Looks at some more accounts of an operation.
    pub(crate) async fn look_at(
        &self,
        state: &mut State,
        place: Place,
        batch: &Batch,
        now: Timestamp,
    ) -> Result<Look, Stop> {
        let (next_wave, round, operation) = match place {
            Place::Here(operation) => (false, state.round, operation),
            Place::NextWave => (true, 0, 0),
        };
        let checked = &mut state.checked;
        let is_of_it =
            (checked.next_wave, checked.round, checked.operation) == (next_wave, round, operation);
        let counts = checked.since.is_some_and(|since| now.duration_since(since) < COUNTS);
        if !is_of_it || !counts {
            let config = &self.app.config.stack_sets;
            let set = &self.header.stack_set;
            if !config.name(&self.app.parameters, set).await? {
                return Err(Fault::new("stackSet", set.as_str(), StackSets::RULE).into());
            }
            *checked = Looked { next_wave, round, operation, accounts: 0, since: Some(now) };
        }
        let some: Vec<_> =
            batch.accounts.iter().skip(checked.accounts).take(ACCOUNTS_IN_CALL).collect();
        if some.is_empty() {
            return Ok(Look::Clear);
        }
        let client = &self.app.organizations;
        let delegates = delegates(client).await?;
        let mut outside = Vec::new();
        let mut clear = 0;
        // Boxed: a closure over a borrowed account is no `Send` that a caller could name.
        let looks: Vec<BoxFuture<'_, _>> = some
            .into_iter()
            .map(|account| see(client, account).map(move |seen| (account, seen)).boxed())
            .collect();
        let mut looks = stream::iter(looks).buffered(AT_ONCE);
        while let Some((account, seen)) = looks.next().await {
            let seen = match seen {
                // A throttle: what was looked at counts.
                Err(Stop::Later(_)) if clear > 0 => break,
                seen => seen?,
            };
            match self.app.config.house.objection(account, &seen, &delegates) {
                Some(objection) => outside.push((account.clone(), objection)),
                None => clear += 1,
            }
        }
        if !outside.is_empty() {
            return Ok(Look::Outside(outside));
        }
        checked.accounts += clear;
        let left = batch.accounts.len().saturating_sub(checked.accounts);
        Ok(if left == 0 { Look::Clear } else { Look::More(left) })
    }

    /// Looks at accounts of the next operation while one works, that of the next wave while the last
    /// one does; true while some are left. What is found there is dealt with before it starts.
    pub(crate) async fn look_ahead(&self, state: &mut State, now: Timestamp) -> Result<bool, Stop> {
        let operations = self.operations(state).await?.operations;
        let next = state.next + 1;
        let (place, batch) = match operations.into_iter().nth(next) {
            Some(batch) => (Place::Here(next), batch),
            None => match self.first_of_next_wave().await? {
                Some(batch) => (Place::NextWave, batch),
                None => return Ok(false),
            },
        };
        match self.look_at(state, place, &batch, now).await {
            Ok(look) => Ok(matches!(look, Look::More(_))),
            // It is looked at again in time.
            Err(Stop::Later(_)) => Ok(false),
            Err(stop) => Err(stop),
        }
    }

    async fn first_of_next_wave(&self) -> Result<Option<Batch>, Stop> {
        let Stage::Wave { number, of, wait } = self.stage else { return Ok(None) };
        let next = Stage::Wave { number: number + 1, of, wait };
        let file: Option<Operations> = self.files.find(&format!("{}.json", folder(next))).await?;
        Ok(file.and_then(|file| file.operations.into_iter().next()))
    }
}

impl Run<'_> {
    /// Goes on without the accounts of the batch whose instances were withdrawn meanwhile.
    pub(crate) async fn shrink(
        &self,
        state: &mut State,
        batch: &Batch,
        first: bool,
    ) -> Result<Next, Stop> {
        let left = self.still_there(batch).await?;
        let gone: Vec<Row> = batch
            .accounts
            .iter()
            .filter(|account| !left.iter().any(|batch| batch.accounts.contains(*account)))
            .flat_map(|account| batch.regions.iter().map(move |region| (account, region)))
            .map(|(account, region)| {
                let why = "its stack instance was withdrawn";
                Row::new(account.clone(), region.clone(), Class::Suspended, why)
            })
            .collect();
        if gone.is_empty() {
            return Ok(wait(WAIT_WHILE_BUSY, "an instance is not to be found"));
        }
        self.leave_out(state, left.into_iter().next(), gone, first).await
    }

    /// Goes on with what is left of the batch.
    pub(crate) async fn leave_out(
        &self,
        state: &mut State,
        left: Option<Batch>,
        gone: Vec<Row>,
        first: bool,
    ) -> Result<Next, Stop> {
        let mut operations = self.operations(state).await?;
        let place = state.next;
        match left {
            Some(smaller) => operations.operations[place] = smaller,
            None if first => {
                let text = "no account of the first operation is left to deploy to";
                let reason = Reason { code: ReasonCode::StepFailed, text: text.to_owned() };
                state.reason = Some(reason);
                return self.done(state).await;
            }
            None => {
                operations.operations.remove(place);
            }
        }
        let name = match state.round {
            0 => format!("{}.json", folder(self.stage)),
            round => format!("{}/round-{round}.json", folder(self.stage)),
        };
        let standing = self.standing(state).await?.with(&gone);
        let settled = format!("{}/standing-{}.json", folder(self.stage), state.settled + 1);
        self.files.write(&settled, &standing).await?;
        // Last: who reads the smaller file finds the standing written.
        self.files.write(&name, &operations).await?;
        state.settled += 1;
        Ok(wait(1, format!("{} instances are left out", gone.len())))
    }
}

/// The batch without these accounts, and a row for each instance that is left out.
pub(crate) fn without(
    batch: &Batch,
    outside: &[(AccountId, Objection)],
) -> (Option<Batch>, Vec<Row>) {
    let objection =
        |account: &AccountId| outside.iter().find(|(id, _)| id == account).map(|(_, it)| *it);
    let mut left = batch.clone();
    left.accounts.retain(|account| objection(account).is_none());
    let rows = batch.accounts.iter().filter_map(|account| Some((account, objection(account)?)));
    let rows = rows.flat_map(|(account, objection)| {
        let why = format!("a rollout does not touch it: {objection}");
        batch.regions.iter().map(move |region| {
            Row::new(account.clone(), region.clone(), Class::Suspended, why.as_str())
        })
    });
    (Some(left.clone()).filter(|left| !left.accounts.is_empty()), rows.collect())
}
