//! The set's template and parameters: who gives them, and whether somebody else did.

use jiff::{SignedDuration, Timestamp};
use lifecycle::rollout::Stage;
use rollout::manifest::{DEFINITION, PREVIOUS_TEMPLATE};
use rollout::{Reason, ReasonCode, Stop};

use crate::run::Run;
use crate::state::State;

/// How old an answer about the set may be, as far as is provided for.
const READS_LAG: SignedDuration = SignedDuration::from_secs(90);

/// Whether somebody else changed the set.
pub(crate) enum Changed {
    /// It is what the roll-out made of it.
    No,
    /// It reads otherwise; the answer may be old.
    Perhaps,
    /// It has read otherwise for too long.
    Yes(Reason),
}

impl Run<'_> {
    /// Only a roll-out's first operation gives the template: it makes all instances `OUTDATED`.
    pub(crate) fn changes_the_set(&self, state: &State) -> bool {
        match self.stage {
            Stage::Wave { number, .. } => {
                self.manifest.first_wave() == Some(number) && state.round == 0 && state.next == 0
            }
            _ => false,
        }
    }

    /// Writes down what the roll-out made of the set, as soon as its first operation is seen at
    /// work and the set reads otherwise than before: an answer may be a moment old.
    pub(crate) async fn remember_definition(&self, state: &mut State) -> Result<(), Stop> {
        if self.changes_the_set(state) && !state.remembered {
            state.remembered = self.files.find::<String>(DEFINITION).await?.is_some()
                || self.remember(&self.set.describe().await?.fingerprint()).await?;
        }
        Ok(())
    }

    async fn remember(&self, is: &str) -> Result<bool, Stop> {
        let made = self.manifest.changes_nothing() || is != self.manifest.found;
        if made {
            self.files.write(DEFINITION, &is).await?;
        }
        Ok(made)
    }

    /// Whether the set is no more what the roll-out made of it: for a while, for an answer may be
    /// a moment old. On the way back: whether another rollout has taken it over. If its first operation was never seen at work, what is found now is taken for
    /// that.
    pub(crate) async fn changed_by_others(
        &self,
        state: &mut State,
        now: Timestamp,
    ) -> Result<Changed, Stop> {
        if matches!(self.stage, Stage::Back { .. }) {
            let other = self.set.taken_over(&self.manifest).await?;
            return Ok(other.map_or(Changed::No, |other| {
                Changed::Yes(Reason {
                    code: ReasonCode::DefinitionChanged,
                    text: format!("another rollout has taken the stack set over: {other}"),
                })
            }));
        }
        let is = self.set.describe().await?.fingerprint();
        let made: Option<String> = self.files.find(DEFINITION).await?;
        let same = match made {
            Some(made) => is == made,
            // It may read as it was, or be what it was, after another roll-out was taken over.
            None => self.remember(&is).await.map(|_| true)?,
        };
        if same {
            state.differs_since = None;
            return Ok(Changed::No);
        }
        let since = *state.differs_since.get_or_insert(now);
        if now.duration_since(since) < READS_LAG {
            return Ok(Changed::Perhaps);
        }
        Ok(Changed::Yes(Reason {
            code: ReasonCode::DefinitionChanged,
            text: "somebody else changed the stack set's template or parameters".to_owned(),
        }))
    }

    /// Whether the way back of this wave has to give the set its old definition, because that of
    /// the wave before it failed before it could.
    pub(crate) async fn must_restore(&self) -> Result<bool, Stop> {
        if !matches!(self.stage, Stage::Back { .. }) {
            return Ok(false);
        }
        let previous = self.files.read_text(PREVIOUS_TEMPLATE).await?;
        Ok(!self.manifest.is_as_before(&self.set.describe().await?, &previous))
    }
}
