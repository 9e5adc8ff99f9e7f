//! What an operation came to: its results, once they are there, and what they mean for the stage.

use jiff::{SignedDuration, Timestamp};
use rollout::manifest::folder;
use rollout::{Class, Row, Stop};

use crate::decide::{are_settled, gates_fail, judge, judge_joined};
use crate::results::complete;
use crate::run::{Next, Run, wait};
use crate::state::{Open, State};

/// Between two calls that ask Organizations.
const WAIT_FOR_WITNESSES: u32 = 1;

/// Seconds until it is asked again for the results of an operation that ended so long ago: they
/// lag by moments, and the next operation waits for them.
fn wait_for_results(since: SignedDuration) -> u32 {
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX).clamp(2, 10)
}

impl Run<'_> {
    /// Takes the results of an operation that has ended, once they are there.
    pub(crate) async fn settle(
        &self,
        state: &mut State,
        mut open: Open,
        ended: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<Next>, Stop> {
        let ended_at = *open.ended_at.get_or_insert(ended.unwrap_or(now));
        let mut results = self.set.results(&open.id, false).await?;
        let since = now.duration_since(ended_at).max(SignedDuration::ZERO);
        if !are_settled(results.rows.len(), results.unsettled, open.instances, since) {
            let because = format!(
                "{} has ended, and {} of its {} results are there",
                open.id,
                results.rows.len(),
                open.instances
            );
            state.open = Some(open);
            return Ok(Some(wait(wait_for_results(since), because)));
        }
        let unheard = self.hear_witnesses(&open.id, &mut results.rows).await?;
        if unheard > 0 {
            state.open = Some(open);
            let because = format!("Organizations is asked about {unheard} more accounts");
            return Ok(Some(wait(WAIT_FOR_WITNESSES, because)));
        }
        self.offenders.mark(&mut results.rows);
        let operations = self.operations(state).await?;
        let batch = operations.operations.get(state.next);
        let rows = complete(results.rows, batch);
        self.learn(state, &open, ended_at, &rows);
        self.files.write(&format!("{}/{}.json", folder(self.stage), open.id), &rows).await?;
        if state.proves {
            state.reason = state.reason.take().or_else(|| gates_fail(&rows));
        } else if !(std::mem::take(&mut state.marks)
            && rows.iter().all(|row| row.class == Class::Succeeded))
        {
            // An instance that only marked the end had the change already, unless its gate said no
            // to that: then it has to get it once more.
            let standing = self.standing(state).await?.with(&rows);
            if let Some(tolerances) = self.tolerances() {
                let joined = self.watch_joined().await?;
                let reason = || {
                    judge(&tolerances, &standing)
                        .or_else(|| judge_joined(&tolerances, &standing, &joined))
                };
                state.reason = state.reason.take().or_else(reason);
            }
            let name = format!("{}/standing-{}.json", folder(self.stage), state.settled + 1);
            self.files.write(&name, &standing).await?;
            state.settled += 1;
        }
        state.open = None;
        state.next += 1;
        state.gates_open = 0;
        state.gates_until = None;
        Ok(None)
    }

    /// How long a round took, when the operation was gone through to its end.
    fn learn(&self, state: &mut State, open: &Open, ended: Timestamp, rows: &[Row]) {
        let whole = rows.iter().all(|row| row.class != Class::Cancelled);
        let Some(since) = open.runs_since.filter(|_| whole && open.rounds > 0) else { return };
        let rounds = u32::try_from(open.rounds).unwrap_or(u32::MAX);
        let seconds = ended.duration_since(since).as_secs_f64() / f64::from(rounds);
        // A few vetoed accounts that answer at once say nothing about a wave.
        if seconds > 1.0 && (state.seconds_per_round.is_none() || state.round == 0) {
            state.seconds_per_round = Some(seconds);
        }
    }
}
