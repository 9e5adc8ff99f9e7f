//! The tags of all tenants' accounts, page after page; and the verdict of the guards on those that
//! stand in the two units.
//!
//! The index of tags lags behind, which is harmless: whatever is decided here is decided again on
//! fresh reads before anything happens. Accounts that the index does not know are read afresh, a
//! few of them.

use std::collections::BTreeSet;

use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, TagFilter};
use jiff::Timestamp;
use lambda_kit::sdk::{Pace, Trouble, code};
use lifecycle::retirement::sweep::Leaving;
use lifecycle::retirement::{AccountTags, Code, Finding, Observed, Place, examine};
use lifecycle::{AccountId, tags};

use crate::budget::{WINDOW, hour};
use crate::decide::{Assessed, Standing, assess, number};
use crate::error::Halt;
use crate::handler::{Call, StuckBefore, Worked};
use crate::listing::Packed;
use crate::work::{LINES, Phase, Progress, assessed_key};

const PAGES_PER_SECOND: u32 = 8;
/// The most that the tagging API lists in a page.
const PAGE: i32 = 100;
/// How many accounts without known tags are read afresh in any case.
const LOOSE_READS: usize = 10;
/// And how many more, as a share of the pages that were read: one in this many.
const LOOSE_SHARE: usize = 25;

/// Lines that are not written yet.
#[derive(Default)]
struct Lines(Vec<Assessed>);

/// The accounts of the units, and which of them have a verdict.
struct Known {
    accounts: Vec<Packed>,
    seen: Vec<bool>,
    delegates: BTreeSet<AccountId>,
    stuck: StuckBefore,
}

impl Call<'_> {
    /// Reads pages of tags while there is time. Whether all were read.
    pub(crate) async fn read_tags(&self, progress: &mut Progress) -> Result<Worked, Halt> {
        let mut known = Box::pin(self.known(progress)).await?;
        let mut pace = Pace::per_second(PAGES_PER_SECOND);
        let mut lines = Lines::default();
        let filter = TagFilter::builder().key(tags::TENANT).build();
        let ended: Worked = loop {
            if self.is_over() {
                break Ok(false);
            }
            pace.turn().await;
            let page = self
                .app
                .tagging
                .get_resources()
                .resource_type_filters("organizations:account")
                .tag_filters(filter.clone())
                .resources_per_page(PAGE)
                .set_pagination_token(progress.token.clone())
                .send()
                .await;
            let page = match page {
                Ok(page) => page,
                Err(error) if code(&error) == Some("PaginationTokenExpiredException") => {
                    let (accounts, pages) = (progress.accounts, progress.pages);
                    *progress =
                        Progress { phase: Phase::Tags, accounts, pages, ..Progress::default() };
                    return Ok(Ok(false));
                }
                Err(error) => {
                    break Err(self.halt(Trouble::of("tag", "GetResources", &error)));
                }
            };
            progress.pages += 1;
            for resource in page.resource_tag_mapping_list() {
                self.take(progress, &mut known, &mut lines, resource);
                if lines.0.len() == LINES {
                    self.write_assessed(progress, &mut lines).await?;
                }
            }
            progress.token = page.pagination_token.filter(|token| !token.is_empty());
            if progress.token.is_none() {
                progress.phase = Phase::Loose;
                break Ok(true);
            }
        };
        self.write_assessed(progress, &mut lines).await?;
        Ok(ended)
    }

    async fn known(&self, progress: &Progress) -> Result<Known, Halt> {
        let delegates = self.app.accounts.delegated_administrators().await;
        let delegates = delegates.map_err(|trouble| self.halt(trouble))?;
        let stuck = Box::pin(self.stuck_before()).await?;
        let accounts = Box::pin(self.accounts(progress)).await?;
        let mut seen = vec![false; accounts.len()];
        for file in 0..progress.assessed {
            for assessed in self.assessed(file).await? {
                if let Some(index) = find(&accounts, number(&assessed.account_id)) {
                    seen[index] = true;
                }
            }
        }
        Ok(Known { accounts, seen, delegates, stuck })
    }

    pub(crate) async fn assessed(&self, file: usize) -> Result<Vec<Assessed>, Halt> {
        let key = assessed_key(&self.request.sweep, file);
        self.app.files.read_lines(&key).await.map_err(|trouble| self.halt(trouble))
    }

    async fn write_assessed(&self, progress: &mut Progress, lines: &mut Lines) -> Result<(), Halt> {
        if lines.0.is_empty() {
            return Ok(());
        }
        let key = assessed_key(&self.request.sweep, progress.assessed);
        let written = self.app.files.write_lines(&key, &lines.0).await;
        written.map_err(|trouble| self.halt(trouble))?;
        lines.0.clear();
        progress.assessed += 1;
        Ok(())
    }

    /// Takes one account of the index into account.
    fn take(
        &self,
        progress: &mut Progress,
        known: &mut Known,
        lines: &mut Lines,
        resource: &ResourceTagMapping,
    ) {
        let id = resource.resource_arn().and_then(|arn| arn.rsplit('/').next()?.parse().ok());
        let Some(id): Option<AccountId> = id else { return };
        progress.tagged += 1;
        let closing = resource.tags().iter().find(|tag| tag.key() == tags::CLOSING_REQUESTED_AT);
        if let Some(at) = closing.and_then(|tag| tag.value().parse::<Timestamp>().ok())
            && self.now.duration_since(at) <= WINDOW
        {
            *progress.closings.entry(hour(at)).or_default() += 1;
        }
        let Some(index) = find(&known.accounts, number(&id)) else { return };
        if std::mem::replace(&mut known.seen[index], true) {
            return;
        }
        let tags: AccountTags =
            resource.tags().iter().map(|tag| (tag.key().into(), tag.value().into())).collect();
        let assessed = self.examine(known, known.accounts[index], id, &tags);
        count(progress, &assessed, &known.stuck);
        lines.0.push(assessed);
    }

    fn examine(
        &self,
        known: &Known,
        packed: Packed,
        id: AccountId,
        tags: &AccountTags,
    ) -> Assessed {
        let observed = Observed {
            account: &id,
            place: packed.place(),
            state: packed.state(),
            tags,
            delegated: known.delegates.contains(&id),
            closing_since: None,
        };
        let finding = examine(&observed, &self.app.config.rules, self.now);
        let tenant = tags.get(tags::TENANT).and_then(|tenant| tenant.parse().ok());
        assess(id, tenant, packed.place(), finding, Leaving::of(tags))
    }

    /// The accounts that the index does not know: some are read afresh, for the index may lag; all
    /// get a verdict.
    pub(crate) async fn read_loose(&self, progress: &mut Progress) -> Result<Worked, Halt> {
        let known = Box::pin(self.known(progress)).await?;
        let mut reads = LOOSE_READS.max(progress.pages / LOOSE_SHARE);
        let mut pace = Pace::per_second(PAGES_PER_SECOND);
        let mut lines = Lines::default();
        let unseen = known.accounts.iter().zip(&known.seen).filter(|(_, seen)| !**seen);
        let mut ended: Worked = Ok(true);
        for (packed, _) in unseen {
            if self.is_over() {
                ended = Ok(false);
                break;
            }
            let Ok(id) = format!("{:012}", packed.number()).parse::<AccountId>() else { continue };
            let assessed = if reads > 0 {
                reads -= 1;
                pace.turn().await;
                match self.app.accounts.tags(&id).await {
                    Ok(tags) => self.examine(&known, *packed, id, &tags.unwrap_or_default()),
                    Err(trouble) => {
                        ended = Err(self.halt(trouble));
                        break;
                    }
                }
            } else {
                self.unread(&known, *packed, id)
            };
            count(progress, &assessed, &known.stuck);
            lines.0.push(assessed);
            if lines.0.len() == LINES {
                self.write_assessed(progress, &mut lines).await?;
            }
        }
        self.write_assessed(progress, &mut lines).await?;
        if matches!(ended, Ok(true)) {
            progress.phase = Phase::Rank;
        }
        Ok(ended)
    }

    /// An account whose tags were not read: closed, or left alone.
    fn unread(&self, known: &Known, packed: Packed, id: AccountId) -> Assessed {
        let assessed = self.examine(known, packed, id.clone(), &AccountTags::new());
        if matches!(assessed.standing, Standing::Closed | Standing::Closing) {
            return assessed;
        }
        let reason = "the index of tags does not know it".to_owned();
        let finding = Finding::Refuse(Code::TagsMissing, reason);
        assess(id, None, packed.place(), finding, None)
    }
}

fn find(accounts: &[Packed], number: u64) -> Option<usize> {
    accounts.binary_search_by_key(&number, |it| it.number()).ok()
}

/// Counts what the ranks and the forecast are made of.
fn count(progress: &mut Progress, assessed: &Assessed, stuck: &StuckBefore) {
    match (assessed.standing, assessed.at) {
        (Standing::Closed | Standing::Closing, _) => progress.closed += 1,
        (Standing::Wait, Some(at)) => *progress.waiting.entry(hour(at)).or_default() += 1,
        (Standing::Due, Some(at)) => {
            progress.due += 1;
            if stuck.contains_key(&assessed.account_id) {
                progress.stuck += 1;
            } else if assessed.place == Place::Suspended {
                progress.emptied += 1;
            } else {
                *progress.due_since.entry(hour(at)).or_default() += 1;
            }
        }
        _ => {}
    }
}
