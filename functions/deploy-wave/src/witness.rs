//! The second witness: Organizations says whether an account is suspended. A result's words come
//! from the account's own resources, and excuse nothing.

use std::collections::{BTreeMap, BTreeSet};

use futures::{FutureExt, StreamExt, stream};
use lambda_kit::sdk::code;
use lifecycle::AccountId;
use lifecycle::retirement::AccountState;
use rollout::manifest::folder;
use rollout::{Class, Row, Stop};
use stack_set_reasons::Account;

use crate::run::Run;

/// Accounts that are asked about in a call. Organizations answers 20 a second.
const ACCOUNTS_IN_CALL: usize = 100;
/// Accounts that are asked about at the same time.
const AT_A_TIME: usize = 10;

/// What Organizations said, by account. A result that is settled does not change, so each account
/// is asked about once an operation.
type Heard = BTreeMap<AccountId, Account>;

impl Run<'_> {
    /// Makes the class of results final that claim a suspension, for as many accounts as a call
    /// has time for; says how many accounts are left.
    pub(crate) async fn hear_witnesses(&self, id: &str, rows: &mut [Row]) -> Result<usize, Stop> {
        let claims: BTreeSet<AccountId> =
            rows.iter().filter(|row| row.needs_witness).map(|row| row.account.clone()).collect();
        if claims.is_empty() {
            return Ok(0);
        }
        let name = format!("{}/{id}-witnesses.json", folder(self.stage));
        let mut heard: Heard = self.files.find(&name).await?.unwrap_or_default();
        let unheard: Vec<AccountId> =
            claims.into_iter().filter(|account| !heard.contains_key(account)).collect();
        if !unheard.is_empty() {
            let some = unheard.iter().take(ACCOUNTS_IN_CALL);
            let some: Vec<_> =
                some.map(|account| self.ask_organizations(account).boxed()).collect();
            let answers: Vec<_> = stream::iter(some).buffered(AT_A_TIME).collect().await;
            for answer in answers {
                heard.extend([answer?]);
            }
            self.files.write(&name, &heard).await?;
        }
        apply(&heard, rows);
        Ok(unheard.len().saturating_sub(ACCOUNTS_IN_CALL))
    }

    async fn ask_organizations(&self, account: &AccountId) -> Result<(AccountId, Account), Stop> {
        let request = self.app.organizations.describe_account().account_id(account.as_str());
        let said = match request.send().await {
            Ok(answer) => {
                let one = answer.account();
                let state = one.and_then(|one| one.state()).map(|state| state.as_str());
                // Until `State` is everywhere, and after `Status` is gone.
                let status = one.and_then(|one| one.status()).map(|status| status.as_str());
                witness(AccountState::of(state, status))
            }
            Err(error) if code(&error) == Some("AccountNotFoundException") => Account::NotActive,
            Err(error) => {
                let about = format!("account {account}");
                return Err(Stop::of("organizations", "DescribeAccount", about, &error));
            }
        };
        Ok((account.clone(), said))
    }
}

/// What a state says about an excuse. What is not known is none.
fn witness(state: AccountState) -> Account {
    match state {
        AccountState::Suspended | AccountState::PendingClosure | AccountState::Closed => {
            Account::NotActive
        }
        AccountState::Active | AccountState::PendingActivation | AccountState::Unknown => {
            Account::Active
        }
    }
}

fn apply(heard: &Heard, rows: &mut [Row]) {
    for row in rows.iter_mut().filter(|row| row.needs_witness) {
        let Some(said) = heard.get(&row.account) else { continue };
        row.needs_witness = false;
        if *said == Account::NotActive {
            row.class = Class::Suspended;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_state_that_is_known_to_be_no_more_active_excuses() {
        for (state, said) in [
            (AccountState::Active, Account::Active),
            (AccountState::PendingActivation, Account::Active),
            (AccountState::Unknown, Account::Active),
            (AccountState::Suspended, Account::NotActive),
            (AccountState::PendingClosure, Account::NotActive),
            (AccountState::Closed, Account::NotActive),
        ] {
            assert_eq!(witness(state), said, "{state:?}");
        }
    }
}
