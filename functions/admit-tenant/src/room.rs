//! Whether another tenant may be admitted: Organizations makes five accounts at a time, and
//! whoever is admitted beyond that only polls.

use std::collections::BTreeSet;

use aws_sdk_sfn::types::ExecutionStatus;

use crate::decide::without_account;
use crate::error::{Call, Error};
use crate::handler::App;

const PAGE: i32 = 1000;

/// Why there is no room; nothing when there is.
pub(crate) async fn lack_of_room(app: &App) -> Result<Option<String>, Error> {
    let window = app.config.admission_window;
    let running = running(app).await?;
    if running.len() < window {
        return Ok(None);
    }
    let root = app.root.get_or_try_init(|| root(app)).await?;
    let mut accounts = accounts_in(app, root).await?;
    accounts.extend(accounts_in(app, app.config.onboarding.as_str()).await?);
    let waiting = without_account(&running, &accounts, &app.config.naming);
    Ok((waiting >= window).then(|| format!("{waiting} admitted tenants have no account yet")))
}

/// The names of the executions that run.
async fn running(app: &App) -> Result<Vec<String>, Error> {
    let call = Call { service: "states", name: "ListExecutions" };
    let mut names = Vec::new();
    let mut token = None;
    loop {
        let page = app
            .states
            .list_executions()
            .state_machine_arn(&app.config.state_machine_arn)
            .status_filter(ExecutionStatus::Running)
            .max_results(PAGE)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| call.error(&error))?;
        names.extend(page.executions().iter().map(|execution| execution.name().to_owned()));
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(names);
        }
    }
}

async fn root(app: &App) -> Result<String, Error> {
    let call = Call { service: "organizations", name: "ListRoots" };
    let mut token = None;
    loop {
        let page = app
            .organizations
            .list_roots()
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| call.error(&error))?;
        if let Some(id) = page.roots().iter().find_map(|root| root.id()) {
            return Ok(id.to_owned());
        }
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Err(call.try_again("the organization shows no root"));
        }
    }
}

/// The names of the accounts directly in a parent.
pub(crate) async fn accounts_in(app: &App, parent: &str) -> Result<BTreeSet<String>, Error> {
    let call = Call { service: "organizations", name: "ListAccountsForParent" };
    let mut names = BTreeSet::new();
    let mut token = None;
    loop {
        let page = app
            .organizations
            .list_accounts_for_parent()
            .parent_id(parent)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| call.error(&error))?;
        names.extend(page.accounts().iter().filter_map(|account| account.name().map(Into::into)));
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(names);
        }
    }
}
