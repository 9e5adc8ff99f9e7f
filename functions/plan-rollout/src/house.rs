//! Whose accounts the plan is about: of those with an instance, tenants' own in Landlord's units.
//! All others are left out, and named with the reason.

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::AccountId;
use rollout::house::{Seen, delegates, see};
use rollout::{Files, Objection, Stop};
use serde::{Deserialize, Serialize};

use crate::gather::All;
use crate::handler::App;

/// The file of those that are left out.
pub(crate) const OUTSIDE: &str = "planning/outside.json";
/// The file of those of which the index of tags and the lists of the units do not both know, and
/// that were looked at themselves.
const SEEN: &str = "planning/seen.json";
/// How many are looked at in a call: Organizations lists the tags of ten a second.
const LOOKS_IN_CALL: usize = 40;

/// An account with instances that no rollout touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outside {
    /// The account.
    pub account_id: AccountId,
    /// Why.
    pub because: Objection,
}

/// Those that are left out; nothing while some have to be looked at.
pub(crate) async fn outside(
    app: &App,
    files: &Files,
    all: &mut All,
) -> Result<Option<Vec<Outside>>, Stop> {
    let delegates = delegates(&app.organizations).await?;
    let mut seen: BTreeMap<AccountId, Seen> = files.find(SEEN).await?.unwrap_or_default();
    seen.iter().for_each(|(account, seen)| all.place_seen(app, account, seen));
    let accounts: BTreeSet<&AccountId> = all.instances.iter().map(|one| &one.account).collect();
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    for account in accounts {
        let by_lists = |protected: bool, tenant: bool| Seen {
            tenant,
            protected,
            unit: all.units.get(account).cloned(),
        };
        let is_listed = all.units.contains_key(account);
        let look = match (seen.get(account), all.marked.get(account)) {
            (Some(seen), _) => seen.clone(),
            (None, Some(protected)) if is_listed => by_lists(*protected, true),
            // A mark that is minutes old is not in the index yet, and an account may be moved while
            // the accounts are listed.
            (None, mark) if mark.is_some() || is_listed => {
                unknown.push(account.clone());
                continue;
            }
            // Whoever has neither is none of ours.
            (None, _) => by_lists(false, false),
        };
        if let Some(because) = app.config.house.objection(account, &look, &delegates) {
            found.push(Outside { account_id: account.clone(), because });
        }
    }
    if unknown.is_empty() {
        return Ok(Some(found));
    }
    for (number, account) in unknown.into_iter().take(LOOKS_IN_CALL).enumerate() {
        match see(&app.organizations, &account).await {
            // A throttle: what was looked at counts.
            Err(Stop::Later(_)) if number > 0 => break,
            look => seen.insert(account, look?),
        };
    }
    files.write(SEEN, &seen).await?;
    Ok(None)
}
