//! Who stands in the two units: page after page, packed into eight bytes an account.

use std::fmt::Write as _;

use aws_sdk_organizations::error::SdkError;
use aws_sdk_organizations::operation::list_accounts_for_parent::ListAccountsForParentError;
use lambda_kit::sdk::{HttpResponse, Pace, Trouble};
use lifecycle::AccountId;
use lifecycle::retirement::{AccountState, Place};
use run_files::Condition;

use crate::error::Halt;
use crate::handler::{Call, Worked};
use crate::work::{LINES, Phase, Progress, accounts_key};

/// AWS allows five of these a second, for everybody in the organization.
const PAGES_PER_SECOND: u32 = 4;

const STATES: [AccountState; 6] = [
    AccountState::Unknown,
    AccountState::PendingActivation,
    AccountState::Active,
    AccountState::Suspended,
    AccountState::PendingClosure,
    AccountState::Closed,
];

/// An account of these units: its id, where it stands, its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Packed(u64);

impl Packed {
    fn new(number: u64, place: Place, state: AccountState) -> Self {
        let state = STATES.iter().zip(0_u64..).find(|(it, _)| **it == state).map_or(0, |(_, n)| n);
        let suspended = u64::from(place == Place::Suspended);
        Self((number << 4) | (state << 1) | suspended)
    }

    pub(crate) fn number(self) -> u64 {
        self.0 >> 4
    }

    pub(crate) fn place(self) -> Place {
        if self.0 & 1 == 1 { Place::Suspended } else { Place::Retiring }
    }

    pub(crate) fn state(self) -> AccountState {
        let index = usize::try_from((self.0 >> 1) & 7).unwrap_or(0);
        STATES.get(index).copied().unwrap_or(AccountState::Unknown)
    }
}

impl Call<'_> {
    /// Reads pages of both units while there is time. Whether all were read.
    pub(crate) async fn list(&self, progress: &mut Progress) -> Result<Worked, Halt> {
        let mut pace = Pace::per_second(PAGES_PER_SECOND);
        let mut text = String::new();
        let mut lines = 0;
        let ended: Worked = loop {
            let (unit, place) = match progress.phase {
                Phase::ListRetiring => (&self.app.config.units.retiring, Place::Retiring),
                Phase::ListSuspended => (&self.app.config.units.suspended, Place::Suspended),
                _ => break Ok(true),
            };
            if self.is_over() {
                break Ok(false);
            }
            pace.turn().await;
            let page = self
                .app
                .organizations
                .list_accounts_for_parent()
                .parent_id(unit.as_str())
                .set_next_token(progress.token.clone())
                .send()
                .await;
            let page = match page {
                Ok(page) => page,
                Err(error) if is_stale_token(&error) && progress.token.is_some() => {
                    *progress = Progress::default();
                    return Ok(Ok(false));
                }
                Err(error) => {
                    let trouble = Trouble::of("organizations", "ListAccountsForParent", &error);
                    break Err(self.halt(trouble));
                }
            };
            progress.pages += 1;
            for account in page.accounts() {
                let Some(id) = account.id().and_then(|id| id.parse::<AccountId>().ok()) else {
                    continue;
                };
                let state = AccountState::of(
                    account.state().map(|state| state.as_str()),
                    account.status().map(|status| status.as_str()),
                );
                let packed = Packed::new(crate::decide::number(&id), place, state);
                let _ = writeln!(text, "{:x}", packed.0);
                lines += 1;
                if lines == LINES {
                    self.write_accounts(progress, std::mem::take(&mut text)).await?;
                    lines = 0;
                }
            }
            progress.token = page.next_token.filter(|token| !token.is_empty());
            if progress.token.is_none() {
                progress.phase = match progress.phase {
                    Phase::ListRetiring => Phase::ListSuspended,
                    _ => Phase::Tags,
                };
            }
        };
        if lines > 0 {
            self.write_accounts(progress, text).await?;
        }
        Ok(ended)
    }

    async fn write_accounts(&self, progress: &mut Progress, text: String) -> Result<(), Halt> {
        let key = accounts_key(&self.request.sweep, progress.accounts);
        let written = self.app.files.write(&key, text, Condition::Always).await;
        written.map_err(|trouble| self.halt(trouble))?;
        progress.accounts += 1;
        Ok(())
    }

    /// All accounts of the units, sorted by their ids; each once, in Suspended when it was seen in
    /// both.
    pub(crate) async fn accounts(&self, progress: &Progress) -> Result<Vec<Packed>, Halt> {
        let mut all = Vec::with_capacity(progress.accounts * LINES);
        for file in 0..progress.accounts {
            let key = accounts_key(&self.request.sweep, file);
            let read = self.app.files.read(&key).await.map_err(|trouble| self.halt(trouble))?;
            let text = read.map(|file| file.text).unwrap_or_default();
            let packed = text.lines().filter_map(|line| u64::from_str_radix(line, 16).ok());
            all.extend(packed.map(Packed));
        }
        all.sort_unstable_by_key(|it| (it.number(), std::cmp::Reverse(it.0 & 1)));
        all.dedup_by_key(|it| it.number());
        Ok(all)
    }
}

/// A list may be older than AWS remembers its place.
fn is_stale_token(error: &SdkError<ListAccountsForParentError, HttpResponse>) -> bool {
    error.as_service_error().is_some_and(ListAccountsForParentError::is_invalid_input_exception)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_fits_into_eight_bytes_and_comes_out_as_it_was() {
        for state in STATES {
            for place in [Place::Retiring, Place::Suspended] {
                let packed = Packed::new(999_999_999_999, place, state);
                assert_eq!(packed.number(), 999_999_999_999);
                assert_eq!((packed.place(), packed.state()), (place, state));
            }
        }
    }
}
