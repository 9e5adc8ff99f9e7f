//! Closing accounts, within AWS's budget.

use std::time::Duration;

use serde_json::{Value, json};

use super::state::{AccountState, Organizations};
use super::{accounts, constraint, events, nothing, text};
use crate::{Aws, AwsError, Call};

/// How many closings run at a time.
const MOST_IN_PROGRESS: usize = 3;

/// The rolling window in which closings are counted.
const WINDOW: Duration = Duration::from_secs(30 * 24 * 3600);

/// After this time a closed account is gone for good.
const GONE_AFTER: Duration = Duration::from_secs(90 * 24 * 3600);

/// How many accounts may be closed within 30 days, by the number of active ones.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
pub(super) fn budget(active: usize) -> usize {
    match active {
        0..1_250 => 250,
        1_250..=5_000 => active / 5,
        _ => 1_000,
    }
}

pub(super) fn close_account(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let id = text(call, "AccountId")?.to_owned();
    let now = aws.now();
    {
        let mut state = aws.lock();
        let organizations = &mut state.organizations;
        super::founding::needs_all_features(organizations)?;
        may_close(organizations, &id)?;
        if organizations.closing.len() >= MOST_IN_PROGRESS {
            return Err(constraint(
                "CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED",
                "You have reached the number of accounts that you can close at a time.",
            ));
        }
        let window = aws.paced(WINDOW);
        while let Some(asked) = organizations.closings.front()
            && asked.checked_add(window).is_ok_and(|end| end <= now)
        {
            organizations.closings.pop_front();
        }
        let active = organizations
            .accounts
            .values()
            .filter(|account| account.state == AccountState::Active)
            .count();
        if organizations.closings.len() >= budget(active) {
            return Err(constraint(
                "CLOSE_ACCOUNT_QUOTA_EXCEEDED",
                "You have exceeded close account quota for the past 30 days.",
            ));
        }
        organizations.closings.push_back(now);
        organizations.closing.insert(id.clone());
        organizations.most_closing = organizations.most_closing.max(organizations.closing.len());
        if let Some(account) = organizations.accounts.get_mut(&id) {
            account.state = AccountState::PendingClosure { since: now };
        }
    }
    let world = aws.clone();
    aws.spawn(async move {
        world.sleep(world.settings().durations.account_closing).await;
        finish(&world, &id, now).await;
    });
    Ok(nothing())
}

fn may_close(organizations: &Organizations, id: &str) -> Result<(), AwsError> {
    let account = accounts::find(organizations, id)?;
    if id == organizations.management {
        return Err(constraint(
            "CANNOT_CLOSE_MANAGEMENT_ACCOUNT",
            "You cannot close the management account.",
        ));
    }
    match account.state {
        AccountState::Closed { .. } => {
            return Err(AwsError::new(
                "AccountAlreadyClosedException",
                format!("The account {id} is already closed."),
            ));
        }
        AccountState::PendingClosure { .. } => {
            return Err(AwsError::new(
                "ConflictException",
                format!("The account {id} is already being closed."),
            ));
        }
        AccountState::Active | AccountState::Suspended => {}
    }
    if organizations.delegates.contains_key(id) {
        return Err(constraint(
            "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG",
            "The account is a delegated administrator: deregister it first.",
        ));
    }
    Ok(())
}

async fn finish(aws: &Aws, id: &str, requested: jiff::Timestamp) {
    let now = aws.now();
    aws.lock().organizations.mark_closed(id, now);
    let status = json!({ "closeAccountStatus": {
        "accountId": id,
        "state": "SUCCEEDED",
        "requestedTimestamp": events::spoken(requested),
        "completedTimestamp": events::spoken(now),
    }});
    events::publish(aws, "CloseAccountResult", status).await;
}

impl Organizations {
    /// The account is closed from now on.
    pub(super) fn mark_closed(&mut self, id: &str, now: jiff::Timestamp) {
        self.closing.remove(id);
        if let Some(account) = self.accounts.get_mut(id) {
            account.state = AccountState::Closed { since: now };
            self.closed.entry(now).or_default().push(id.to_owned());
        }
    }
}

/// Takes out the accounts that were closed 90 days ago. Their emails stay taken.
pub(super) fn forget_gone(aws: &Aws) {
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    while let Some((since, _)) = organizations.closed.first_key_value() {
        if since.checked_add(aws.paced(GONE_AFTER)).is_ok_and(|gone| aws.now() < gone) {
            return;
        }
        for id in organizations.closed.pop_first().into_iter().flat_map(|(_, ids)| ids) {
            let email = organizations.account(&id).map(|account| account.email.to_lowercase());
            organizations.dismiss(&id);
            organizations.emails_outside.extend(email);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_follows_the_published_table() {
        let table = [(10, 250), (1_249, 250), (1_250, 250), (2_003, 400), (5_000, 1_000)];
        for (active, allowed) in table {
            assert_eq!(budget(active), allowed, "{active} active accounts");
        }
        assert_eq!(budget(6_000), 1_000);
    }
}
