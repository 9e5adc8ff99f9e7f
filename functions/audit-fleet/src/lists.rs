//! What lists tell: who is worked on, who stands where, which instances there are.

use std::collections::BTreeSet;

use fleet_audit::Ground;
use lambda_kit::sdk::{Pace, Trouble};
use lifecycle::StackSetName;

use crate::error::Halt;
use crate::handler::{Call, Step};
use crate::work::{Phase, Progress, Unread};

/// AWS allows five of these a second, for everybody in the organization.
const UNITS_PER_SECOND: u32 = 4;
/// Nothing is documented for these; a rollout and every enrolment ask, too.
const INSTANCES_PER_SECOND: u32 = 8;
/// Of how many instances that are not current the reason is kept.
const REASONS: usize = 1_000;

/// The codes by which AWS says that it has forgotten where a list was.
const STALE: [&str; 3] =
    ["InvalidInputException", "PaginationTokenExpiredException", "ValidationError"];

/// Whether a list has to begin anew: it is older than AWS remembers its place.
pub(crate) fn is_stale(trouble: &Trouble, token: Option<&String>) -> bool {
    token.is_some() && STALE.contains(&&*trouble.refusal().code)
}

impl Call<'_> {
    /// Who is worked on; asked again before the accounts are judged.
    pub(crate) async fn begin(&self, progress: &mut Progress, ground: &Ground) -> Step {
        if let Err(halt) = self.read_under_way(progress).await {
            return Ok(Err(halt));
        }
        let tiers = ground.tiers.iter().flat_map(|tiers| tiers.iter());
        let sets: BTreeSet<StackSetName> =
            tiers.flat_map(|(_, tier)| &tier.baseline).map(|it| it.name.clone()).collect();
        progress.sets = sets.into_iter().collect();
        progress.phase = Phase::Units;
        Ok(Ok(true))
    }

    /// Who ended since the last time may have been seen half done: both times count.
    pub(crate) async fn read_under_way(&self, progress: &mut Progress) -> Result<(), Halt> {
        let read = Box::pin(self.app.reads.read_under_way(&self.app.config.machines)).await;
        let (found, unasked) = read.map_err(|trouble| self.halt(trouble))?;
        progress.under_way.tenants.extend(found.tenants);
        progress.under_way.rollouts.extend(found.rollouts);
        if unasked > 0 {
            progress.unread.push(Unread {
                what: format!("what {unasked} executions that run are about"),
                said: "so many run that not all were asked; a finding of their tenants may be \
                       under way"
                    .to_owned(),
            });
        }
        Ok(())
    }

    /// Reads pages of all units while there is time. Whether all were read.
    pub(crate) async fn list_units(&self, progress: &mut Progress) -> Step {
        let mut pace = Pace::per_second(UNITS_PER_SECOND);
        let units = self.app.config.listed();
        while let Some(unit) = units.get(progress.list) {
            if self.is_over() {
                return Ok(Ok(false));
            }
            pace.turn().await;
            let page = Box::pin(self.app.reads.read_accounts(unit, progress.token.clone())).await;
            let page = match page {
                Ok(page) => page,
                Err(trouble) if is_stale(&trouble, progress.token.as_ref()) => {
                    *progress = Progress::default();
                    return Ok(Ok(false));
                }
                Err(trouble) => return Ok(Err(self.halt(trouble))),
            };
            progress.pages += 1;
            for found in &page.rows {
                progress.table.add(&found.id, progress.list, found.state);
            }
            progress.token = page.next;
            if progress.token.is_none() {
                progress.list += 1;
            }
        }
        progress.table.settle();
        progress.list = 0;
        progress.phase = Phase::Instances;
        Ok(Ok(true))
    }

    /// Reads pages of the instances of all stack sets while there is time. Whether all were read.
    pub(crate) async fn list_instances(&self, progress: &mut Progress) -> Step {
        let mut pace = Pace::per_second(INSTANCES_PER_SECOND);
        while let Some(name) = progress.sets.get(progress.list).cloned() {
            if self.is_over() {
                return Ok(Ok(false));
            }
            pace.turn().await;
            let token = progress.token.clone();
            let page = match Box::pin(self.app.reads.read_instances(&name, None, token)).await {
                Ok(Some(page)) => page,
                Ok(None) => {
                    progress.missing_sets.insert(name);
                    progress.list += 1;
                    continue;
                }
                Err(trouble) if is_stale(&trouble, progress.token.as_ref()) => {
                    *progress = Progress::default();
                    return Ok(Ok(false));
                }
                // Another owner's set may not be read by Landlord; the rest is judged without it.
                Err(Trouble::Refused(refusal)) if refusal.is_denial() => {
                    let said = refusal.to_string();
                    progress.unread.push(Unread { what: format!("the instances of {name}"), said });
                    progress.unread_sets.insert(name);
                    (progress.token, progress.list) = (None, progress.list + 1);
                    continue;
                }
                Err(trouble) => return Ok(Err(self.halt(trouble))),
            };
            progress.pages += 1;
            for (account, instance) in page.rows {
                let spot = format!("{} in {}", instance.stack_set, instance.region);
                progress.table.note(&account, &spot, &instance.status);
                if instance.status != "CURRENT" && progress.reasons.len() < REASONS {
                    let reason = (instance.detail, instance.reason);
                    progress.reasons.insert(format!("{account} {spot}"), reason);
                }
            }
            progress.token = page.next;
            if progress.token.is_none() {
                progress.list += 1;
            }
        }
        progress.list = 0;
        progress.phase = Phase::Judge;
        Ok(Ok(true))
    }
}
