//! Looks at a world after a roll-out: what it cost, what became of the fleet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use local_aws::cloudformation::ResourceRule;
use serde_json::{Value, json};

use super::bound;
use super::fleet::inside;
use super::plan;
use super::report::{Report, Signups, Standing, Wave};
use super::run::{Scenario, Scene, root};
use crate::deployment::{Announcement, Deployment, Error};

/// The resource that a bad template has.
pub(crate) const BAD_RESOURCE: &str = "Broken";

const HOUR: Duration = Duration::from_secs(3600);

/// Makes the bad template's resource fail wherever it is made.
pub(crate) fn bad_resource() -> ResourceRule {
    ResourceRule {
        resource: Some(BAD_RESOURCE.to_owned()),
        failure: Some("the parameter store does not take this value".to_owned()),
        ..ResourceRule::default()
    }
}

/// Everything about a roll-out that has ended, or was followed long enough.
pub(crate) async fn report(
    scenario: &Scenario,
    scene: &mut Scene,
    sent: &BTreeSet<String>,
) -> Result<Report, Error> {
    let calls = scene.calls();
    let described = scene.described().await?;
    let ended = moment(&described["stopDate"]).unwrap_or_else(|| scene.world.aws().now());
    let signups = signups(scene, sent, &described).await?;
    let told = scene.world.gather(Duration::from_secs(5), &["RolloutWaveFinished"], 1_000).await?;
    let finished = scene.world.gather(Duration::ZERO, &["RolloutFinished"], 1).await?;
    let started = scene.world.gather(Duration::ZERO, &["RolloutStarted"], 1).await?;
    let planned = started.first().map(|event| event.detail["waves"].clone()).unwrap_or_default();
    let waves = waves(scenario, scene, &planned, &told)?;
    let forward = || waves.iter().filter(|wave| wave.stage == "WAVE");
    let lower_bound_minutes: f64 = forward().map(|wave| wave.lower_bound_minutes).sum();
    let passed = forward().all(|wave| wave.verdict == "GO") && forward().count() > 0;
    let last = forward().last().map(|wave| wave.told_at_minute).filter(|_| passed);
    let detail = finished.first().map(|event| &event.detail);
    let histories = histories(&scene.world.deployment).await?;
    Ok(Report {
        outcome: detail
            .and_then(|detail| detail["outcome"].as_str())
            .or_else(|| described["status"].as_str())
            .unwrap_or_default()
            .to_owned(),
        status: described["status"].as_str().unwrap_or_default().to_owned(),
        reason: detail
            .and_then(|detail| detail["reason"]["text"].as_str())
            .or_else(|| described["cause"].as_str())
            .map(str::to_owned),
        accounts: scene.fleet.members.len(),
        minutes_to_last_wave: last,
        lower_bound_minutes,
        above_bound: last
            .filter(|_| lower_bound_minutes > 0.0)
            .map(|minutes| minutes / lower_bound_minutes - 1.0),
        minutes: minutes(scene.started(), ended),
        waves,
        operations: operations(scene).await?.len(),
        state_transitions: histories.transitions,
        largest_history: histories.largest,
        largest_state: histories.largest_state,
        calls: by_action(&calls, |_| true),
        throttled: by_action(&calls, |outcome| {
            outcome.contains("Throttl") || outcome.contains("TooMany")
        }),
        fleet: standing(scene).await?,
        signups,
    })
}

/// The roll-out's functions, as their roles are called.
const FUNCTIONS: [&str; 5] =
    ["PlanRollout", "DeployWave", "AssessWave", "StopRollout", "FinishRollout"];

fn by_action(
    calls: &BTreeMap<(String, String, String), u64>,
    outcome: impl Fn(&str) -> bool,
) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for ((caller, action, ended), count) in calls {
        if FUNCTIONS.iter().any(|name| caller.contains(name)) && outcome(ended) {
            *sums.entry(action.clone()).or_default() += count;
        }
    }
    sums
}

fn moment(value: &Value) -> Option<Timestamp> {
    if let Some(milliseconds) = value.pointer("/$timestamp").and_then(Value::as_i64) {
        return Timestamp::from_millisecond(milliseconds).ok();
    }
    value.as_str().and_then(|text| text.parse().ok())
}

fn minutes(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() / 60.0
}

/// The waves as they were told, with the least time for each.
fn waves(
    scenario: &Scenario,
    scene: &Scene,
    planned: &Value,
    told: &[Announcement],
) -> Result<Vec<Wave>, Error> {
    let defaults = root().join("crates/rollout/src/plans");
    let plan = plan::waves(&scenario.plan, &defaults).map_err(|why| Error::Call {
        call: "reading the plan".to_owned(),
        source: local_aws::AwsError::validation(why),
    })?;
    let mut waves = Vec::new();
    for Announcement { detail, at, .. } in told {
        let text = |name: &str| detail[name].as_str().unwrap_or_default().to_owned();
        let counts: BTreeMap<String, u64> =
            serde_json::from_value(detail["counts"].clone()).unwrap_or_default();
        let of_plan = plan.iter().find(|wave| detail["name"] == wave.name.as_str());
        let accounts = planned.as_array().into_iter().flatten();
        let accounts = accounts.clone().find(|wave| wave["name"] == detail["name"]);
        let least = match (of_plan, accounts, detail["stage"].as_str()) {
            (Some(of_plan), Some(planned), Some("WAVE")) => {
                let vetoed = counts.get("vetoed").copied().unwrap_or(0);
                let wave = bound_wave(of_plan, planned, vetoed);
                bound::of_wave(&wave, scenario.instance)
            }
            _ => Duration::ZERO,
        };
        waves.push(Wave {
            stage: text("stage"),
            name: text("name"),
            verdict: text("verdict"),
            counts,
            told_at_minute: minutes(scene.started(), *at),
            lower_bound_minutes: least.as_secs_f64() / 60.0,
        });
    }
    Ok(waves)
}

/// A wave as the bound wants it: accounts with two Regions are those beyond one instance each.
fn bound_wave(of_plan: &plan::Wave, planned: &Value, vetoed: u64) -> bound::Wave {
    let number = |name: &str| planned[name].as_u64().unwrap_or(0);
    let (first, second) =
        (number("accounts"), number("instances").saturating_sub(number("accounts")));
    // Where the vetoes were is not known here: each may have spared a turn in any Region.
    let worked = |accounts: u64| (accounts, accounts.saturating_sub(vetoed));
    let regions = [first, second].into_iter().filter(|accounts| *accounts > 0).map(worked);
    bound::Wave { regions: regions.collect(), pace: of_plan.pace, dwell: of_plan.dwell }
}

/// The operations that the roll-out started: id, action, creation.
async fn operations(scene: &Scene) -> Result<Vec<(String, Timestamp)>, Error> {
    let all = all_operations(scene).await?;
    Ok(all.into_iter().filter(|(id, _)| id.starts_with("roll-")).collect())
}

async fn all_operations(scene: &Scene) -> Result<Vec<(String, Timestamp)>, Error> {
    let set = &scene.fleet.stack_set;
    let pages = pages(
        &scene.world.deployment,
        ("cloudformation", "ListStackSetOperations"),
        json!({ "StackSetName": set }),
    );
    Ok(pages
        .await?
        .iter()
        .filter_map(|row| {
            Some((row["OperationId"].as_str()?.to_owned(), moment(&row["CreationTimestamp"])?))
        })
        .collect())
}

/// All rows of a list of CloudFormation.
async fn pages(
    deployment: &Deployment,
    (service, operation): (&'static str, &str),
    mut input: Value,
) -> Result<Vec<Value>, Error> {
    let mut rows = Vec::new();
    loop {
        let page = deployment.ask(service, operation, input.clone()).await?;
        rows.extend(page["Summaries"].as_array().cloned().unwrap_or_default());
        match page["NextToken"].as_str() {
            Some(token) => input["NextToken"] = json!(token),
            None => return Ok(rows),
        }
    }
}

#[derive(Default)]
struct Histories {
    transitions: usize,
    largest: usize,
    largest_state: usize,
}

/// What the histories of the roll-out and its waves say.
async fn histories(deployment: &Deployment) -> Result<Histories, Error> {
    let machine = deployment.output("RollOutStateMachineArn")?.to_owned();
    let mut sums = Histories::default();
    for machine in [machine.clone(), format!("{machine}-wave")] {
        let input = json!({ "stateMachineArn": machine, "maxResults": 1000 });
        let listed = deployment.ask("states", "ListExecutions", input).await?;
        for execution in listed["executions"].as_array().into_iter().flatten() {
            let mut input =
                json!({ "executionArn": execution["executionArn"], "maxResults": 1000 });
            let mut events = 0;
            loop {
                let page = deployment.ask("states", "GetExecutionHistory", input.clone()).await?;
                for event in page["events"].as_array().into_iter().flatten() {
                    events += 1;
                    let kind = event["type"].as_str().unwrap_or_default();
                    sums.transitions += usize::from(kind.ends_with("StateEntered"));
                    sums.largest_state = sums.largest_state.max(largest_text(event));
                }
                match page["nextToken"].as_str() {
                    Some(token) => input["nextToken"] = json!(token),
                    None => break,
                }
            }
            sums.largest = sums.largest.max(events);
        }
    }
    Ok(sums)
}

/// The longest text in an event: inputs, outputs and variables are kept as text.
fn largest_text(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Object(members) => members.values().map(largest_text).max().unwrap_or(0),
        Value::Array(items) => items.iter().map(largest_text).max().unwrap_or(0),
        _ => 0,
    }
}

/// The version of the baseline in an account and Region, from its own stack.
pub(crate) async fn version(scene: &Scene, account: &str, region: &str) -> Option<String> {
    let input = json!({ "Name": "/landlord/baseline" });
    let read = inside(scene.world.aws(), (account, region), ("ssm", "GetParameter"), input);
    let read = read.await.ok()?;
    let value: Value = serde_json::from_str(read["Parameter"]["Value"].as_str()?).ok()?;
    value["version"].as_str().map(str::to_owned)
}

async fn standing(scene: &Scene) -> Result<Standing, Error> {
    let mut standing = Standing::default();
    for member in &scene.fleet.members {
        let mut versions = BTreeSet::new();
        for region in &member.regions {
            versions.insert(version(scene, &member.account, region).await.unwrap_or_default());
        }
        match versions.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["2"] => standing.new += 1,
            ["1"] => standing.old += 1,
            _ => standing.mixed += 1,
        }
    }
    let (mut failed, mut vetoed) = (BTreeSet::new(), BTreeSet::new());
    for (id, _) in operations(scene).await? {
        let input = json!({
            "StackSetName": scene.fleet.stack_set, "OperationId": id,
            "Filters": [{ "Name": "OPERATION_RESULT_STATUS", "Values": "FAILED" }],
        });
        let rows = pages(
            &scene.world.deployment,
            ("cloudformation", "ListStackSetOperationResults"),
            input,
        );
        for row in rows.await? {
            let by_gate = row["AccountGateResult"]["Status"] == "FAILED";
            let account = row["Account"].as_str().unwrap_or_default().to_owned();
            if by_gate {
                vetoed.insert(account)
            } else {
                failed.insert(account)
            };
        }
    }
    (standing.failed, standing.vetoed) = (failed.len(), vetoed.len());
    Ok(standing)
}

/// Waits until the tenants that signed up are ready, and looks at their templates.
async fn signups(
    scene: &mut Scene,
    sent: &BTreeSet<String>,
    described: &Value,
) -> Result<Signups, Error> {
    let mut signups = Signups { sent: sent.len(), ..Signups::default() };
    if sent.is_empty() {
        return Ok(signups);
    }
    let began = scene.started();
    let ready = scene.world.gather(24 * HOUR, &["TenantReady"], sent.len()).await?;
    let proven = if described["status"] == "SUCCEEDED" { "2" } else { "1" };
    let mut last = began;
    for event in &ready {
        let account = event.detail["accountId"].as_str().unwrap_or_default().to_owned();
        signups.ready += 1;
        if let Some(at) = moment(&event.detail["readyAt"]) {
            last = last.max(at);
        }
        let home = scene.world.aws().settings().home_region.clone();
        let has = version(scene, &account, &home).await;
        signups.with_proven_template += usize::from(has.as_deref() == Some(proven));
    }
    let all = all_operations(scene).await?;
    signups.enrolled_unproven = unproven(&all);
    let hours = minutes(began, last) / 60.0;
    if hours > 0.0 {
        #[expect(clippy::cast_precision_loss, reason = "counts of tenants")]
        let ready = signups.ready as f64;
        signups.ready_per_hour = ready / hours;
    }
    Ok(signups)
}

/// Enrolments between the first operation of the first wave and the first one of the last wave,
/// by the names of operations alone.
fn unproven(operations: &[(String, Timestamp)]) -> usize {
    // `roll-<hash>-w03of08-…`
    let wave = |id: &str| -> Option<(u32, u32)> {
        let part = id.strip_prefix("roll-")?.split('-').nth(1)?;
        let (number, of) = part.strip_prefix('w')?.split_once("of")?;
        Some((number.parse().ok()?, of.trim_end_matches('a').parse().ok()?))
    };
    let mut times: Vec<(&String, &Timestamp)> =
        operations.iter().map(|(id, at)| (id, at)).collect();
    times.sort_by_key(|(_, at)| **at);
    let mut is_unproven = false;
    let mut count = 0;
    for (id, _) in times {
        match wave(id) {
            Some((number, of)) => is_unproven = number < of,
            None if id.starts_with("roll-") => is_unproven = false,
            None => count += usize::from(is_unproven && id.starts_with("enrol-")),
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enrolment_between_the_first_and_the_last_wave_is_found() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let ids =
            ["enrol-1", "roll-abc-w01of02-000-r0", "enrol-2", "roll-abc-w02of02-000-r0", "enrol-3"];
        let log: Vec<(String, Timestamp)> =
            ids.iter().zip(0..).map(|(id, second)| ((*id).to_owned(), at(second))).collect();
        assert_eq!(unproven(&log), 1);
    }
}
