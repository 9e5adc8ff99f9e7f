//! Accounts are given back: moved out, their marks taken off. What they have stays theirs.

use std::collections::BTreeSet;

use lambda_kit::client;
use lambda_kit::sdk::{Trouble, Wire, code};
use lifecycle::retirement::left_at;
use lifecycle::{AccountId, OuId, ParentId, tags};
use organization_accounts::{Facts, Moved};

use super::apply::account;
use super::patiently;
use super::world::{World, parsed};
use crate::failure::{Exit, Failure};

pub(super) async fn release(args: super::Release, wire: &Wire) -> Result<String, Failure> {
    let to = args.to.as_deref().map(|to| parsed("--to", to.parse::<OuId>())).transpose()?;
    let world = Box::pin(World::read(wire, &args.which.stack, BTreeSet::new())).await?;
    // All are looked at before anything is done to one.
    let mut found = Vec::new();
    for id in &args.accounts {
        let id = account(id)?;
        let (facts, destination) = Box::pin(look(&world, &id, to.as_ref())).await?;
        found.push((id, facts, destination));
    }
    let mut lines = Vec::new();
    for (id, facts, destination) in found {
        let keys: Vec<&str> =
            facts.tags.keys().map(String::as_str).filter(|it| is_mark(it)).collect();
        let kept = Box::pin(kept(&world, &id)).await?;
        let kept =
            if kept.is_empty() { "nothing of a stack set".to_owned() } else { kept.join(", ") };
        if !args.dry_run {
            Box::pin(give_back(&world, &id, &facts, &destination, &keys)).await?;
        }
        let verb = if args.dry_run { "would be released" } else { "released" };
        lines.push(format!("account {id} {verb} to {destination}; it keeps {kept}"));
    }
    Ok(lines.join("\n"))
}

/// The account, if it may be released, and where it goes.
async fn look(world: &World, id: &AccountId, to: Option<&OuId>) -> Result<(Facts, OuId), Failure> {
    let tried = format!("release account {id}");
    let refused = |said: String, advice: &str| {
        Err(Failure::new(tried.clone(), said, advice).exits(Exit::Refused))
    };
    let facts = patiently(tried.clone(), || world.accounts.read(id)).await?;
    let Some(facts) = facts else {
        return refused(
            "it is not in the organization".into(),
            "see `aws organizations list-accounts`",
        );
    };
    let Some(tenant) = facts.tags.get(tags::TENANT) else {
        return refused("it has no tenant's mark".into(), "there is nothing to release");
    };
    if left_at(&facts.tags).is_some() {
        let advice = "send TenantReinstated first, or let it be retired";
        return refused(format!("its tenant {tenant} has left"), advice);
    }
    if let ParentId::Ou(unit) = &facts.parent
        && world.ground.closed_units.contains(unit)
    {
        let advice = "let its onboarding or its retirement end first";
        return refused(format!("it stands in {unit}, in the middle of either"), advice);
    }
    let came_from = facts.tags.get(tags::ADOPTED_FROM).and_then(|it| it.parse().ok());
    match to.cloned().or(came_from) {
        Some(destination) => Ok((facts, destination)),
        None => {
            let advice = "say where it goes: --to OU";
            refused("it was not adopted from a unit".into(), advice)
        }
    }
}

/// Whether a tag is Landlord's own. What people wrote to protect an account stays.
fn is_mark(key: &str) -> bool {
    key.starts_with(tags::RESERVED_PREFIX) && ![tags::HOLD, tags::PROTECTED].contains(&key)
}

/// The move comes first: an account without its mark is nobody's, and must not stand among tenants.
async fn give_back(
    world: &World,
    id: &AccountId,
    facts: &Facts,
    destination: &OuId,
    keys: &[&str],
) -> Result<(), Failure> {
    let tried = || format!("release account {id}");
    if facts.parent != ParentId::Ou(destination.clone()) {
        let moved =
            patiently(tried(), || world.accounts.move_to(id, &facts.parent, destination)).await?;
        if moved == Moved::Elsewhere {
            let advice = "find out who moves it, and release it again";
            return Err(Failure::new(tried(), "it is being moved by another", advice));
        }
    }
    patiently(tried(), || world.accounts.untag(id, keys)).await
}

/// Its instances of the stack sets of all tiers.
async fn kept(world: &World, id: &AccountId) -> Result<Vec<String>, Failure> {
    let client = client!(aws_sdk_cloudformation, world.wire);
    let names: BTreeSet<_> = world
        .ground
        .tiers
        .iter()
        .flat_map(|(_, tier)| &tier.baseline)
        .map(|stack_set| stack_set.name.clone())
        .collect();
    let mut kept = Vec::new();
    for name in names {
        let page = client
            .list_stack_instances()
            .stack_set_name(name.as_str())
            .stack_instance_account(id.as_str())
            .send()
            .await;
        match page {
            Ok(page) => kept.extend(
                page.summaries()
                    .iter()
                    .filter_map(|it| Some(format!("{name} in {}", it.region()?))),
            ),
            Err(error) if code(&error) == Some("StackSetNotFoundException") => {}
            Err(error) => {
                let trouble = Trouble::of("cloudformation", "ListStackInstances", &error);
                return Err(Failure::aws(format!("see what account {id} has"), &trouble));
            }
        }
    }
    Ok(kept)
}
