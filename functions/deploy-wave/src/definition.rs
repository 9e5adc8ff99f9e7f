//! The set's template and parameters: who gives them, and whether somebody else did.

use lifecycle::rollout::Stage;
use rollout::manifest::{DEFINITION, PREVIOUS_TEMPLATE};
use rollout::{Reason, ReasonCode, Stop};

use crate::run::Run;
use crate::state::State;

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

    /// Writes down what the roll-out made of the set, as soon as its first operation is seen.
    pub(crate) async fn remember_definition(&self, state: &mut State) -> Result<(), Stop> {
        if self.changes_the_set(state) && !state.remembered {
            if self.files.find::<String>(DEFINITION).await?.is_none() {
                self.files.write(DEFINITION, &self.set.describe().await?.fingerprint()).await?;
            }
            state.remembered = true;
        }
        Ok(())
    }

    /// Whether the set is no more what the roll-out made of it. If its first operation was never
    /// seen at work, what is found now is taken for that.
    pub(crate) async fn changed_by_others(&self) -> Result<Option<Reason>, Stop> {
        if matches!(self.stage, Stage::Back { .. }) {
            return Ok(None);
        }
        let is = self.set.describe().await?.fingerprint();
        let Some(made) = self.files.find::<String>(DEFINITION).await? else {
            self.files.write(DEFINITION, &is).await?;
            return Ok(None);
        };
        Ok((is != made).then(|| Reason {
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
