//! A plan is applied: looked at once more, then account by account.

use std::time::Duration;

use adoption::{Entry, Plan, Row, Verdict, changed, judge};
use lambda_kit::client;
use lambda_kit::sdk::{Trouble, Wire};
use lifecycle::{AccountId, ParentId, TenantChanged, tags};
use organization_accounts::Moved;
use run_files::Files;
use serde_json::{Value, json};
use tenant_records::TenantRecords;

use super::enter::Doors;
use super::world::{World, parsed};
use super::{failed, key, patiently};
use crate::failure::{Exit, Failure};
use crate::patience::pause;

/// How often a convergence is looked at, and how long all of them may take: 12 hours.
const BETWEEN_LOOKS: Duration = Duration::from_secs(15);
const LOOKS: u32 = 12 * 60 * 4;

/// What became of one account.
struct Applied {
    row: Row,
    execution: String,
    outcome: Option<Result<String, String>>,
}

pub(super) async fn apply(args: super::Apply, wire: &Wire) -> Result<String, Failure> {
    let plan = Box::pin(planned(&args, wire)).await?;
    let from = plan.from.iter().cloned().collect();
    let world = Box::pin(World::read(wire, &args.which.stack, from)).await?;
    let planned: Vec<&Row> = plan.accounts.iter().filter(|row| row.is_applied()).collect();
    let entries: Vec<Entry> = planned.iter().map(|row| entry(row)).collect();
    let by = planned.iter().find_map(|row| row.make_role_by.as_deref());
    let access_role = by.unwrap_or("OrganizationAccountAccessRole");
    let seen = Box::pin(world.see(&entries, access_role)).await?;
    let now = judge(&entries, &seen, &world.ground);
    let differ: Vec<String> =
        planned.iter().zip(&now).filter_map(|(planned, now)| changed(planned, now)).collect();
    if !differ.is_empty() {
        let advice = "plan again: the world is not as it was, and nothing was done";
        let tried = format!("apply the plan {}", plan.hash);
        return Err(Failure::new(tried, differ.join("\n  "), advice).exits(Exit::Refused));
    }
    let doors = Doors::new(&world, access_role);
    let mut applied = Vec::new();
    for (row, now) in planned.into_iter().zip(&now) {
        let execution = Box::pin(adopt(&world, &doors, &plan, row, now)).await?;
        applied.push(Applied { row: row.clone(), execution, outcome: None });
    }
    if !args.no_wait {
        Box::pin(settle(&world, &mut applied)).await?;
    }
    told(&plan, &applied, args.json)
}

/// The plan, by its hash from where plans are kept, or from a file.
async fn planned(args: &super::Apply, wire: &Wire) -> Result<Plan, Failure> {
    let hash = &args.plan;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let tried = format!("read the plan {hash}");
    let text = if is_hash {
        let deployment = crate::Deployment::read(wire, &args.which.stack).await?;
        let files = Files::new(wire, deployment.output("RunsBucketName")?);
        let file = files.read(&key(hash)).await.map_err(failed(tried.clone()))?;
        let Some(file) = file else {
            let advice = "plan first: landlord adopt plan";
            let said = "there is no plan of this hash";
            return Err(Failure::new(tried, said, advice).exits(Exit::Refused));
        };
        file.text
    } else {
        std::fs::read_to_string(hash).map_err(|error| {
            let advice = "give a plan's hash, or its file";
            Failure::new(&tried, error.to_string(), advice).exits(Exit::Usage)
        })?
    };
    let plan = Plan::read(&text).map_err(|fault| {
        let advice = "plan again: landlord adopt plan";
        Failure::new(&tried, fault.to_string(), advice).exits(Exit::Refused)
    })?;
    let other = if is_hash && plan.hash != *hash {
        Some(format!("the plan's own hash is {}", plan.hash))
    } else if plan.stack != args.which.stack {
        Some(format!("the plan is for the stack {}", plan.stack))
    } else {
        None
    };
    match other {
        None => Ok(plan),
        Some(said) => Err(Failure::new(&tried, said, "plan again").exits(Exit::Refused)),
    }
}

fn entry(row: &Row) -> Entry {
    Entry {
        line: 0,
        account_id: row.account_id.clone(),
        tenant_id: row.tenant_id.clone(),
        original_tenant_id: row.marks.get(tags::ORIGINAL_ID).map(str::to_owned),
        tier: row.tier.clone(),
        tenant_name: row.marks.get(tags::NAME).and_then(|name| name.parse().ok()),
    }
}

/// Role, marks, move, record, and the convergence is begun; each step is none when it was taken
/// before. Answers the execution.
async fn adopt(
    world: &World,
    doors: &Doors<'_>,
    plan: &Plan,
    row: &Row,
    now: &Row,
) -> Result<String, Failure> {
    let account = &row.account_id;
    let tried = || format!("adopt account {account}");
    if now.verdict != Verdict::Adopted {
        if now.make_role_by.is_some() {
            Box::pin(doors.make_role(account)).await?;
        }
        patiently(tried(), || {
            let marks = row.marks.iter().map(|(key, value)| (key, value.to_owned()));
            world.accounts.tag(account, marks)
        })
        .await?;
        if let (Some(from), Some(to)) = (&now.from, &row.to)
            && *from != ParentId::Ou(to.clone())
        {
            let moved = patiently(tried(), || world.accounts.move_to(account, from, to)).await?;
            let stands = || world.accounts.parent(account);
            // The answer to an earlier try may have been lost.
            if moved == Moved::Elsewhere
                && patiently(tried(), stands).await? != Some(ParentId::Ou(to.clone()))
            {
                let advice = "find out who moves it, and plan again";
                return Err(Failure::new(tried(), "it is being moved by another", advice));
            }
        }
    }
    let records = TenantRecords::new(&world.wire, world.deployment.output("RunsBucketName")?);
    patiently(tried(), || records.found(&row.tenant_id, account, false)).await?;
    Box::pin(begin(world, plan, row)).await
}

/// Begins the convergence of an adopted account: the change to its tier, under a name that a second
/// apply of the plan finds taken.
async fn begin(world: &World, plan: &Plan, row: &Row) -> Result<String, Failure> {
    let account = &row.account_id;
    let machine = world.deployment.output("ConvergeTenantStateMachineArn")?;
    let hash: String = plan.hash.chars().take(16).collect();
    let name = format!("adopt-{hash}-{account}");
    let event = json!({
        "id": name, "detail-type": TenantChanged::DETAIL_TYPE, "source": "landlord.adopt",
        "account": world.ground.management,
        "detail": {
            "tenantId": row.marks.get(tags::ORIGINAL_ID).unwrap_or(row.tenant_id.as_str()),
            "occurredAt": plan.made_at, "tier": row.tier,
        },
    });
    let execution = format!("{}:{name}", machine.replacen(":stateMachine:", ":execution:", 1));
    let states = client!(aws_sdk_sfn, world.wire);
    let tried = format!("converge account {account}");
    let started = states
        .start_execution()
        .state_machine_arn(machine)
        .name(&name)
        .input(event.to_string())
        .send()
        .await;
    match started {
        Ok(_) => return Ok(execution),
        Err(error) if lambda_kit::sdk::code(&error) == Some("ExecutionAlreadyExists") => {}
        Err(error) => {
            let trouble = Trouble::of("states", "StartExecution", &error);
            return Err(Failure::aws(tried, &trouble));
        }
    }
    // An earlier apply began it, and it has ended. What failed goes on where it failed.
    let shown = states.describe_execution().execution_arn(&execution).send().await;
    let shown = shown.map_err(|error| Trouble::of("states", "DescribeExecution", &error));
    let shown = shown.map_err(failed(tried.clone()))?;
    if !["SUCCEEDED", "RUNNING"].contains(&shown.status().as_str()) {
        let redriven = states.redrive_execution().execution_arn(&execution).send().await;
        let redriven = redriven.map_err(|error| Trouble::of("states", "RedriveExecution", &error));
        redriven.map_err(failed(tried))?;
    }
    Ok(execution)
}

/// Waits until each convergence has ended.
async fn settle(world: &World, applied: &mut [Applied]) -> Result<(), Failure> {
    let states = client!(aws_sdk_sfn, world.wire);
    for _ in 0..LOOKS {
        let mut open = 0;
        for one in applied.iter_mut().filter(|one| one.outcome.is_none()) {
            let shown = states.describe_execution().execution_arn(&one.execution).send().await;
            let shown = shown.map_err(|error| Trouble::of("states", "DescribeExecution", &error));
            let shown = match shown {
                Ok(shown) => shown,
                Err(Trouble::Passing(_)) => {
                    open += 1;
                    continue;
                }
                Err(trouble) => return Err(Failure::aws("follow the convergences", &trouble)),
            };
            one.outcome = match shown.status().as_str() {
                "RUNNING" => None,
                "SUCCEEDED" => {
                    let output = shown.output().unwrap_or("{}");
                    let output: Value = serde_json::from_str(output).unwrap_or_default();
                    let outcome = output["outcome"].as_str().unwrap_or("SUCCEEDED").to_owned();
                    Some(if outcome == "UPDATED" { Ok(outcome) } else { Err(outcome) })
                }
                _ => {
                    let error = shown.error().unwrap_or(shown.status().as_str());
                    Some(Err(format!("{error}: {}", shown.cause().unwrap_or("no cause"))))
                }
            };
            open += u32::from(one.outcome.is_none());
        }
        if open == 0 {
            return Ok(());
        }
        pause(BETWEEN_LOOKS).await;
    }
    Ok(())
}

fn told(plan: &Plan, applied: &[Applied], as_document: bool) -> Result<String, Failure> {
    let word = |one: &Applied| match &one.outcome {
        None => "CONVERGING".to_owned(),
        Some(Ok(_)) => "LIVE".to_owned(),
        Some(Err(why)) => why.clone(),
    };
    let failures: Vec<String> = applied
        .iter()
        .filter(|one| matches!(one.outcome, Some(Err(_))))
        .map(|one| {
            format!("account {} of {}: {}", one.row.account_id, one.row.tenant_id, word(one))
        })
        .collect();
    if !failures.is_empty() {
        let tried = format!("converge {} of {} accounts", failures.len(), applied.len());
        let advice = "the runbook has an entry for each error; then apply the same plan again";
        return Err(Failure::new(tried, failures.join("\n  "), advice));
    }
    if as_document {
        let accounts: Vec<Value> = applied
            .iter()
            .map(|one| {
                json!({"accountId": one.row.account_id, "tenantId": one.row.tenant_id,
                       "organizationalUnitId": one.row.to, "outcome": word(one),
                       "executionArn": one.execution})
            })
            .collect();
        return Ok(json!({"plan": plan.hash, "accounts": accounts}).to_string());
    }
    let live = applied.iter().filter(|one| matches!(one.outcome, Some(Ok(_)))).count();
    let left: usize = plan.accounts.len() - applied.len();
    Ok(format!(
        "{} accounts adopted, {live} of them seen to have what their tier says; {left} of the plan left alone",
        applied.len()
    ))
}

/// An account's id, as a person typed it.
pub(super) fn account(text: &str) -> Result<AccountId, Failure> {
    parsed("an account", text.trim().parse())
}
