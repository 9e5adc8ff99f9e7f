//! What AWS says. Each read stands for itself: one that is refused is said as such, and the others go
//! on.

/// The items of all pages of a list, or why there are none.
macro_rules! items {
    ($service:expr, $call:expr, $request:expr, $member:ident) => {{
        let pages = $request.into_paginator().send().try_collect().await;
        let pages: super::Look<Vec<_>> = super::look($service, $call, pages);
        pages.map(|pages| {
            let items = pages.into_iter().flat_map(|page| page.$member.unwrap_or_default());
            items.collect::<Vec<_>>()
        })
    }};
}

mod accounts;
mod organization;
mod sets;
mod stack;
mod trails;
mod units;

use std::error::Error;

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use lambda_kit::client;
use lambda_kit::sdk::{HttpResponse, Trouble, Wire};

pub(super) use sets::quota_key;
pub(super) use stack::role_name;

use super::plan::Plan;
use super::world::{Entrance, Look, World};
use crate::failure::Failure;

/// The answer of a call, or why there is none.
fn look<T, E>(
    service: &'static str,
    call: &'static str,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Look<T>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    answer.map_err(|error| Trouble::of(service, call, &error))
}

/// Nothing, where AWS says by one of these codes that there is none.
fn unless_missing<T>(look: Look<T>, codes: &[&str]) -> Look<Option<T>> {
    match look {
        Ok(found) => Ok(Some(found)),
        Err(trouble) if codes.contains(&&*trouble.refusal().code) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// Whose credentials these are, and whose organization it is.
pub(super) async fn entrance(wire: &Wire) -> Result<Entrance, Failure> {
    let identity = client!(aws_sdk_sts, wire).get_caller_identity().send().await;
    let identity = look("sts", "GetCallerIdentity", identity);
    let identity = identity.map_err(|trouble| Failure::aws("ask who you are", &trouble))?;
    let partition = identity.arn().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws");
    Ok(Entrance {
        account: identity.account().unwrap_or_default().to_owned(),
        partition: partition.to_owned(),
        region: wire.region().to_owned(),
        organization: organization::organization(wire).await,
    })
}

/// Everything that is to be seen for this plan.
pub(super) async fn world(wire: &Wire, plan: Plan<'_>) -> World {
    let tenants = Box::pin(accounts::tenants(wire)).await;
    let (stacks, owned) = Box::pin(stack::stacks(wire, plan)).await;
    World {
        root: Box::pin(organization::root(wire)).await,
        services: Box::pin(organization::services(wire)).await,
        policies: Box::pin(organization::policies(wire)).await,
        accounts: Box::pin(accounts::accounts(wire)).await,
        account_quota: Box::pin(accounts::quota(wire)).await,
        trails: Box::pin(trails::trails(wire)).await,
        parent: Box::pin(units::parent(wire, plan.value("ParentId"))).await,
        units: Box::pin(units::units(wire, plan, tenants.as_ref().ok())).await,
        roles: Box::pin(stack::roles(wire, plan)).await,
        stack_sets: Box::pin(sets::stack_sets(wire, plan)).await,
        quotas: Box::pin(sets::quotas(wire, plan)).await,
        artifacts: Box::pin(stack::artifacts(wire, plan)).await,
        concurrency: Box::pin(accounts::concurrency(wire)).await,
        tenants,
        stacks,
        owned,
    }
}
