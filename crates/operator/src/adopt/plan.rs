//! A plan: read the list and the world, judge, tell.

use std::collections::BTreeSet;

use adoption::{Entry, Format, Plan, judge, read};
use jiff::Timestamp;
use lambda_kit::Clock;
use lambda_kit::sdk::{Trouble, Wire};
use lifecycle::{AccountId, ParentId, TenantId, TierName};
use run_files::Files;

use super::policies::Inheritance;
use super::say;
use super::world::{World, parsed};
use super::{failed, key, patiently};
use crate::failure::{Exit, Failure};

pub(super) async fn plan(args: super::Plan, wire: &Wire, clock: &Clock) -> Result<String, Failure> {
    // The list first: what is wrong with it needs no AWS.
    let listed = args.list.as_deref().map(of_file).transpose()?;
    let mut from = BTreeSet::new();
    for place in args.from.iter().chain(&args.ou) {
        from.insert(parsed("--from", place.parse::<ParentId>())?);
    }
    let world = Box::pin(World::read(wire, &args.which.stack, from)).await?;
    let entries = match listed {
        Some(entries) => entries,
        None => Box::pin(of_organization(&world, &args)).await?,
    };
    let seen = Box::pin(world.see(&entries, &args.access_role)).await?;
    let rows = judge(&entries, &seen, &world.ground);
    let moves = Box::pin(Inheritance::default().moves(&world, &rows)).await?;
    let from = world.ground.from.iter().cloned().collect();
    // Whole seconds: it is the time of the change that the adoption is.
    let now = Timestamp::from_second(clock.now().as_second()).unwrap_or_else(|_| clock.now());
    let plan = Plan::new(&args.which.stack, now, from, moves, rows);
    let plan = parsed("the plan", plan)?;
    let text = document(&plan)?;
    let files = Files::new(wire, world.deployment.output("RunsBucketName")?);
    let written = files.write(&key(&plan.hash), text.clone(), run_files::Condition::Always).await;
    written.map_err(failed("keep the plan"))?;
    if let Some(out) = &args.out {
        std::fs::write(out, &text).map_err(|error| {
            let tried = format!("write {}", out.display());
            Failure::new(tried, error.to_string(), "name another file by --out").exits(Exit::Usage)
        })?;
    }
    Ok(if args.json { text } else { say::plan(&plan) })
}

pub(super) fn document(plan: &Plan) -> Result<String, Failure> {
    serde_json::to_string_pretty(plan).map_err(|error| {
        Failure::new("write the plan", error.to_string(), "report this: it is a fault of landlord")
    })
}

fn of_file(path: &std::path::Path) -> Result<Vec<Entry>, Failure> {
    let tried = format!("read the list {}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(&tried, error.to_string(), "name a file that can be read").exits(Exit::Usage)
    })?;
    let name = path.to_string_lossy();
    read(&text, Format::of(&name, &text)).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let advice = "mend these lines; nothing was done";
        Failure::new(&tried, lines.join("\n  "), advice).exits(Exit::Refused)
    })
}

/// The accounts of a unit, or of the whole organization, with ids of tenants made of a tag or of
/// their names. Those whose name is none that a tenant could have are left out, and told.
async fn of_organization(world: &World, args: &super::Plan) -> Result<Vec<Entry>, Failure> {
    let tier = parsed("--tier", args.tier.as_deref().unwrap_or_default().parse::<TierName>())?;
    let mut entries = Vec::new();
    for (account_id, name) in Box::pin(listed(world, args.ou.as_deref())).await? {
        let given = match &args.tenant_tag {
            None => Some(name),
            Some(tag) => {
                let tried = format!("look at account {account_id}");
                let tags = patiently(tried, || world.accounts.tags(&account_id)).await?;
                tags.and_then(|tags| tags.get(tag).cloned())
            }
        };
        // Without its own tag an account is nobody's: internal ones have none.
        let Some(given) = given else { continue };
        let Ok((tenant_id, original_tenant_id)) = TenantId::of_original(&given) else {
            let said = format!("account {account_id}: {given:?} is no tenant's id");
            let advice = "name the accounts in a list, or their ids in a tag: --tenant-tag KEY";
            return Err(Failure::new("make a list", said, advice).exits(Exit::Refused));
        };
        let (line, tier, tenant_name) = (entries.len() + 1, tier.clone(), given.parse().ok());
        entries.push(Entry { line, account_id, tenant_id, original_tenant_id, tier, tenant_name });
    }
    if entries.is_empty() {
        let advice = "name another unit by --ou, or another tag by --tenant-tag";
        return Err(Failure::new("make a list", "there is no account", advice).exits(Exit::Usage));
    }
    Ok(entries)
}

/// Accounts with their names. Those that only a fool would adopt are left out of `--all`.
async fn listed(world: &World, unit: Option<&str>) -> Result<Vec<(AccountId, String)>, Failure> {
    let mut all = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let (page, next) = match unit {
            Some(unit) => {
                let list = world.organizations.list_accounts_for_parent().parent_id(unit);
                let page = list.set_next_token(token).send().await;
                let page = page
                    .map_err(|it| Trouble::of("organizations", "ListAccountsForParent", &it))
                    .map_err(failed(format!("list the accounts of {unit}")))?;
                (page.accounts.unwrap_or_default(), page.next_token)
            }
            None => {
                let page = world.organizations.list_accounts().set_next_token(token).send().await;
                let page = page
                    .map_err(|it| Trouble::of("organizations", "ListAccounts", &it))
                    .map_err(failed("list the accounts"))?;
                (page.accounts.unwrap_or_default(), page.next_token)
            }
        };
        for account in page {
            let id = account.id().and_then(|id| id.parse::<AccountId>().ok());
            let Some(id) = id.filter(|id| *id != world.ground.management) else { continue };
            all.push((id, account.name.unwrap_or_default()));
        }
        token = next.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(all);
        }
    }
}
