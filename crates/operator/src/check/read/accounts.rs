//! The accounts: how many there are and may be, which are tenants', and what one of them has of Lambda.

use std::collections::BTreeSet;

use aws_sdk_resourcegroupstagging::types::TagFilter;
use lambda_kit::client;
use lambda_kit::sdk::Wire;
use lifecycle::tags;

use super::super::world::Look;
use super::{look, unless_missing};

/// The quota of accounts of an organization: "Default maximum number of accounts". The code is as
/// people have written it down; AWS's pages do not have it.
const ACCOUNTS_QUOTA: (&str, &str) = ("organizations", "L-E619E033");

/// The ids of all accounts of the organization. Closed ones are listed until they are gone, and count.
pub(super) async fn accounts(wire: &Wire) -> Look<BTreeSet<String>> {
    let client = client!(aws_sdk_organizations, wire.global());
    let accounts = items!("organizations", "ListAccounts", client.list_accounts(), accounts)?;
    Ok(accounts.into_iter().filter_map(|account| account.id).collect())
}

/// How many accounts the organization may have.
pub(super) async fn quota(wire: &Wire) -> Look<Option<f64>> {
    let (service, code) = ACCOUNTS_QUOTA;
    let client = client!(aws_sdk_servicequotas, wire.global());
    let call = "GetServiceQuota";
    let answer = client.get_service_quota().service_code(service).quota_code(code).send().await;
    let answer = unless_missing(look("servicequotas", call, answer), &["NoSuchResourceException"])?;
    if let Some(value) = answer.and_then(|answer| answer.quota?.value) {
        return Ok(Some(value));
    }
    // An applied value is not always there, or not said; then the default holds.
    let call = "GetAWSDefaultServiceQuota";
    let default = client.get_aws_default_service_quota().service_code(service).quota_code(code);
    let answer = look("servicequotas", call, default.send().await);
    let answer = unless_missing(answer, &["NoSuchResourceException"])?;
    Ok(answer.and_then(|answer| answer.quota?.value))
}

/// The accounts that carry the mark of a tenant, by the index of tags.
pub(super) async fn tenants(wire: &Wire) -> Look<BTreeSet<String>> {
    let client = client!(aws_sdk_resourcegroupstagging, wire.global());
    let filter = TagFilter::builder().key(tags::TENANT).build();
    let request = client.get_resources().resource_type_filters("organizations:account");
    let request = request.tag_filters(filter);
    let found = items!("tag", "GetResources", request, resource_tag_mapping_list)?;
    let id = |arn: &str| arn.rsplit('/').next().map(str::to_owned);
    Ok(found.iter().filter_map(|it| id(it.resource_arn()?)).collect())
}

/// Whether an account carries the mark, asked of the account itself: the index lags.
pub(super) async fn is_tenant(wire: &Wire, account: &str) -> Look<bool> {
    let client = client!(aws_sdk_organizations, wire.global());
    let request = client.list_tags_for_resource().resource_id(account);
    let tags = items!("organizations", "ListTagsForResource", request, tags)?;
    Ok(tags.iter().any(|tag| tag.key() == tags::TENANT))
}

/// How many functions may run at a time in the caller's account and Region.
pub(super) async fn concurrency(wire: &Wire) -> Look<f64> {
    let answer = client!(aws_sdk_lambda, wire).get_account_settings().send().await;
    let answer = look("lambda", "GetAccountSettings", answer)?;
    let limit = answer.account_limit();
    Ok(limit.map_or(0.0, |limit| f64::from(limit.concurrent_executions())))
}
