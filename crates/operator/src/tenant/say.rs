//! A tenant, in words and as JSON.

use std::fmt::Write as _;

use fleet_audit::{Account, Instance, Standing};
use lifecycle::tags;
use serde_json::{Value, json};

use super::executions::Execution;
use super::read::Seen;
use crate::page;

/// The page: what is wrong and what to do, what is under way, then all that is known.
pub(super) fn page(seen: &Seen) -> String {
    let mut text = page::unread(&seen.unread);
    let tenant = seen.tenant.as_ref().map_or("no tenant", |it| it.as_str());
    match seen.accounts.as_slice() {
        [] => text.push_str(&page::wrapped(&format!("{tenant}: no account. {}", future(seen)), 0)),
        accounts => accounts.iter().for_each(|it| text.push_str(&headline(tenant, it, seen))),
    }
    text.push('\n');
    verdict(&mut text, seen);
    for one in &seen.executions {
        execution(&mut text, one);
    }
    for account in &seen.accounts {
        let _ =
            writeln!(text, "\naccount {} {}", account.id, account.name.as_deref().unwrap_or(""));
        details(&mut text, account, seen);
    }
    record(&mut text, seen);
    text
}

fn headline(tenant: &str, account: &Account, seen: &Seen) -> String {
    let place = match seen.ground.standing(account) {
        Standing::Live(unit) => format!("LIVE in {unit}"),
        other => other.as_str().to_owned(),
    };
    let tier = account.tag(tags::TIER).unwrap_or("unknown");
    let (id, state) = (&account.id, account.state);
    page::wrapped(&format!("{tenant}: {place}, tier {tier}, account {id}, {state}"), 0)
}

/// What becomes of a tenant that has no account.
fn future(seen: &Seen) -> &'static str {
    let is_running = |one: &Execution| one.status == "RUNNING";
    match seen.executions.iter().any(is_running) {
        true => "One is being made.",
        false => "None is being made; a signup event begins it.",
    }
}

fn verdict(text: &mut String, seen: &Seen) {
    let under_way = seen.tenant.as_ref().zip(seen.ground.under_way.as_ref());
    let machine = under_way.and_then(|(tenant, it)| it.tenants.get(tenant));
    for finding in &seen.findings {
        text.push_str(&page::finding(finding));
    }
    match (seen.findings.is_empty(), machine, seen.unread.is_empty()) {
        (false, ..) => {}
        (true, Some(machine), _) => {
            let said = format!("{machine} works on it: what differs meanwhile is no finding");
            text.push_str(&page::wrapped(&said, 0));
        }
        (true, None, true) => text.push_str("nothing is wrong\n"),
        (true, None, false) => text.push_str("nothing is wrong, as far as could be read\n"),
    }
}

fn execution(text: &mut String, one: &Execution) {
    let Execution { machine, name, status, began, ended, error, state, because, .. } = one;
    let mut said = format!("{machine} {name}: {status}");
    if let Some(state) = state {
        let _ = write!(said, " in {state}");
    }
    if let Some(began) = began {
        let _ = write!(said, ", since {began}");
    }
    if let Some(ended) = ended {
        let _ = write!(said, ", until {ended}");
    }
    let _ = write!(text, "\n{}", page::wrapped(&said, 0));
    if let Some(error) = error {
        text.push_str(&page::wrapped(error, 2));
        let what = "what to do: the runbook has an entry for each error; then";
        text.push_str(&page::wrapped(what, 2));
        let redrive = format!("aws stepfunctions redrive-execution --execution-arn {}", one.arn);
        text.push_str(&page::command(&redrive, 4));
    }
    if let Some(because) = because {
        text.push_str(&page::wrapped(&format!("waits: {because}"), 2));
    }
}

fn details(text: &mut String, account: &Account, seen: &Seen) {
    let parent = account.parent.as_ref().map_or("not read", |it| it.as_str());
    let _ = writeln!(text, "  stands in  {} ({parent})", seen.ground.standing(account).as_str());
    let _ = writeln!(text, "  state      {}", account.state);
    if let Some(joined) = account.joined {
        let _ = writeln!(text, "  joined     {joined}");
    }
    match &account.tags {
        None => text.push_str("  tags       not read\n"),
        Some(tags) => {
            let mut label = "tags";
            for (key, value) in tags {
                let _ = writeln!(text, "  {label:<10} {key} = {value}");
                label = "";
            }
        }
    }
    let Some(instances) = &account.instances else {
        text.push_str("  instances  not read\n");
        return;
    };
    let rows: Vec<Vec<String>> = instances.iter().map(row).collect();
    if rows.is_empty() {
        text.push_str("  no stack instances\n");
        return;
    }
    let table = page::table(&["instance", "Region", "status", "own parameters"], &rows);
    table.lines().for_each(|line| {
        let _ = writeln!(text, "  {line}");
    });
    for instance in instances {
        for (name, value) in instance.overrides.iter().flatten() {
            let said = format!("{} in {}: {name} = {value}", instance.stack_set, instance.region);
            text.push_str(&page::wrapped(&said, 2));
        }
    }
    for instance in instances.iter().filter(|it| it.reason.is_some()) {
        let reason = instance.reason.as_deref().unwrap_or_default();
        let said = format!("{} in {}: {reason}", instance.stack_set, instance.region);
        text.push_str(&page::wrapped(&said, 2));
    }
}

fn row(instance: &Instance) -> Vec<String> {
    let status = match instance.detail.as_deref() {
        Some(detail) if detail != "SUCCEEDED" => format!("{} ({detail})", instance.status),
        _ => instance.status.clone(),
    };
    let own = match &instance.overrides {
        None => "not read".to_owned(),
        Some(own) => own.len().to_string(),
    };
    vec![instance.stack_set.to_string(), instance.region.to_string(), status, own]
}

/// The record, held beside the accounts.
fn record(text: &mut String, seen: &Seen) {
    let Some(record) = &seen.record else {
        if seen.tenant.is_some() && !seen.unread.iter().any(|it| it.what.contains("the record")) {
            text.push_str("\nrecord: none\n");
        }
        return;
    };
    text.push_str("\nrecord\n");
    let known = record.account_id.as_ref().map_or("none", |id| id.as_str());
    let _ = writeln!(text, "  account    {known}");
    if let Some(creating) = &record.creating {
        let _ = writeln!(text, "  creating   since {}", creating.since);
    }
    if let Some(wish) = &record.newest_lifecycle {
        let _ = writeln!(text, "  wish       {:?} at {}", wish.wish, wish.occurred_at);
        let why = [&wish.reason, &wish.by].into_iter().flatten();
        why.for_each(|why| text.push_str(&page::wrapped(why, 13)));
    }
    let Some(wanted) = &record.wanted else { return };
    if let Some(tier) = &wanted.tier {
        let _ = writeln!(text, "  tier       {} since {}", tier.value, tier.occurred_at);
    }
    for (name, said) in &wanted.parameters {
        let value = said.value.as_deref().unwrap_or("that of the tier");
        let _ = writeln!(text, "  parameter  {name} = {value} since {}", said.occurred_at);
    }
}

/// The document.
pub(super) fn document(seen: &Seen) -> Value {
    let accounts: Vec<Value> = seen.accounts.iter().map(|it| account(it, seen)).collect();
    let under_way = seen.tenant.as_ref().zip(seen.ground.under_way.as_ref());
    json!({
        "asOf": seen.ground.now,
        "tenantId": seen.tenant,
        "underWay": under_way.and_then(|(tenant, it)| it.tenants.get(tenant)),
        "findings": seen.findings,
        "executions": seen.executions,
        "accounts": accounts,
        "record": seen.record,
        "unread": seen.unread,
    })
}

fn account(account: &Account, seen: &Seen) -> Value {
    let standing = seen.ground.standing(account);
    let unit = match &standing {
        Standing::Live(unit) => Some(unit.to_string()),
        _ => None,
    };
    let instances = account.instances.as_ref().map(|all| {
        let one = |it: &Instance| {
            json!({
                "stackSet": it.stack_set, "region": it.region, "status": it.status,
                "detailedStatus": it.detail, "reason": it.reason,
                "parameterOverrides": it.overrides,
            })
        };
        all.iter().map(one).collect::<Vec<Value>>()
    });
    json!({
        "accountId": account.id, "name": account.name, "state": account.state.as_str(),
        "standing": standing.as_str(), "unit": unit, "parentId": account.parent,
        "joinedAt": account.joined, "tags": account.tags, "instances": instances,
    })
}
