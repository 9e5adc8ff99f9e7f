//! Whether another tenant may be admitted: Organizations makes five accounts at a time, and what
//! is admitted beyond that only polls.
//!
//! Nothing that is read here grows with the fleet. Accounts are made in the order of admission, so
//! the executions without an account are among the newest of those that run: the newest hundred
//! are listed, and the index of tags is asked, for twenty tenants a call, which of them have an
//! account. That is ten calls at most. Where an older execution is still without one, or the index
//! does not know a new account yet, a tenant more or less is admitted; neither does harm.

use std::collections::BTreeSet;

use aws_sdk_resourcegroupstagging::types::TagFilter;
use aws_sdk_sfn::types::ExecutionStatus;
use lifecycle::{TenantId, tags};

use crate::decide::tenants;
use crate::error::{Call, Error};
use crate::handler::App;

/// How many running executions are looked at, newest first.
const NEWEST: usize = 100;
/// How many pages are read for them: a page may be empty and have a next one.
const MOST_PAGES: usize = 5;
/// How many values of a tag the tagging API takes in one filter:
/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_TagFilter.html>.
const TENANTS_A_CALL: usize = 20;

/// Why there is no room; nothing when there is.
pub(crate) async fn lack_of_room(app: &App) -> Result<Option<String>, Error> {
    let window = app.config.admission_window;
    let tenants = tenants(&newest_running(app).await?);
    let mut waiting = 0;
    for (index, some) in tenants.chunks(TENANTS_A_CALL).enumerate() {
        let left = tenants.len() - index * TENANTS_A_CALL;
        if waiting + left < window {
            return Ok(None);
        }
        let served = with_account(app, some).await?;
        waiting += some.iter().filter(|tenant| !served.contains(tenant.as_str())).count();
        if waiting >= window {
            return Ok(Some(format!("{waiting} admitted tenants have no account yet")));
        }
    }
    Ok(None)
}

/// The names of the newest executions that run. Step Functions lists them newest first:
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html>.
async fn newest_running(app: &App) -> Result<Vec<String>, Error> {
    let call = Call { service: "states", name: "ListExecutions" };
    let mut names = Vec::new();
    let mut token = None;
    for _ in 0..MOST_PAGES {
        let page = app
            .states
            .list_executions()
            .state_machine_arn(&app.config.state_machine_arn)
            .status_filter(ExecutionStatus::Running)
            .max_results(100)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| call.error(&error))?;
        names.extend(page.executions().iter().map(|execution| execution.name().to_owned()));
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() || names.len() >= NEWEST {
            break;
        }
    }
    names.truncate(NEWEST);
    Ok(names)
}

/// Those of the tenants that have an account, as far as the index of tags knows. At most twenty,
/// of which each has an account or two, so the first page of a hundred has them all.
async fn with_account(app: &App, tenants: &[TenantId]) -> Result<BTreeSet<String>, Error> {
    let call = Call { service: "tag", name: "GetResources" };
    let values = tenants.iter().map(ToString::to_string).collect();
    let filter = TagFilter::builder().key(tags::TENANT).set_values(Some(values)).build();
    let page = app
        .tagging
        .get_resources()
        .resource_type_filters("organizations:account")
        .tag_filters(filter)
        .resources_per_page(100)
        .send()
        .await
        .map_err(|error| call.error(&error))?;
    let of = |tags: &[aws_sdk_resourcegroupstagging::types::Tag]| {
        tags.iter().find(|tag| tag.key() == tags::TENANT).map(|tag| tag.value().to_owned())
    };
    Ok(page.resource_tag_mapping_list().iter().filter_map(|found| of(found.tags())).collect())
}
