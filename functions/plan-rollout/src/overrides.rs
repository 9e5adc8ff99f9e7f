//! Which instances override a parameter that the rollout changes: the change does not reach them.
//! Only each instance itself tells its overrides, so this is read only when a parameter changes.

use std::collections::{BTreeMap, BTreeSet};

use futures::{FutureExt, StreamExt, stream};
use lifecycle::{AccountId, RegionName};
use rollout::manifest::{OVERRIDES, Overriding};
use rollout::{Files, StackSet, Stop};
use serde::{Deserialize, Serialize};

/// Instances that are read in a call.
const IN_CALL: usize = 400;
/// Instances that are read at the same time.
const AT_A_TIME: usize = 10;

/// How far the reading is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Reading {
    /// Instances that are read.
    read: usize,
    /// Whether these are all.
    done: bool,
}

impl Reading {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Reads on, of the instances in the waves. All of them, once everything is read.
    pub(crate) async fn go_on(
        &mut self,
        files: &Files,
        set: &StackSet,
        waves: &[BTreeMap<AccountId, BTreeSet<RegionName>>],
        changed: &BTreeSet<String>,
    ) -> Result<Option<Vec<Overriding>>, Stop> {
        if changed.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut found: Vec<Overriding> = match self.read {
            0 => Vec::new(),
            _ => files.read(OVERRIDES).await?,
        };
        if self.done {
            return Ok(Some(found));
        }
        let all = waves.iter().flatten();
        let all = all.flat_map(|(account, regions)| regions.iter().map(move |one| (account, one)));
        let some: Vec<_> = all.skip(self.read).take(IN_CALL).collect();
        // Boxed, and in a list: the SDK's futures lie deep within each other.
        let reads: Vec<_> = some
            .iter()
            .map(|(account, region)| set.overrides_of(account, region).boxed())
            .collect();
        let answers: Vec<_> = stream::iter(reads).buffered(AT_A_TIME).collect().await;
        // What an earlier try of this call wrote is written again.
        found.retain(|one| !some.contains(&(&one.account, &one.region)));
        for ((account, region), answer) in some.iter().zip(answers) {
            let keys: Vec<String> =
                answer?.into_iter().filter(|key| changed.contains(key)).collect();
            if !keys.is_empty() {
                let (account, region) = ((*account).clone(), (*region).clone());
                found.push(Overriding { account, region, parameters: keys });
            }
        }
        files.write(OVERRIDES, &found).await?;
        self.read += some.len();
        self.done = some.len() < IN_CALL;
        Ok(self.done.then_some(found))
    }
}
