//! Looks at a world after a roll-out: what it cost, what became of the fleet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use local_aws::cloudformation::ResourceRule;
use serde_json::{Value, json};

use super::bound;
use super::fleet::inside;
use super::plan;
use super::report::{Report, Standing, Wave};
use super::run::{Scenario, Scene, root};
use super::signups::{Arrivals, signups};
use crate::deployment::{Announcement, Deployment, Error};

/// The resource that a bad template has.
pub(crate) const BAD_RESOURCE: &str = "Broken";

/// What a bad template's resource says.
pub(crate) const BAD_WORDS: &str = "the parameter store does not take this value";

/// Makes the bad template's resource fail wherever it is made, with these words.
pub(crate) fn bad_resource(words: &str) -> ResourceRule {
    ResourceRule {
        resource: Some(BAD_RESOURCE.to_owned()),
        failure: Some(words.to_owned()),
        ..ResourceRule::default()
    }
}

/// Everything about a roll-out that has ended, or was followed long enough.
pub(crate) async fn report(
    scenario: &Scenario,
    scene: &mut Scene,
    arrivals: &Arrivals,
) -> Result<Report, Error> {
    let calls = scene.calls();
    let described = scene.described().await?;
    let ended = moment(&described["stopDate"]).unwrap_or_else(|| scene.world.aws().now());
    let signups = signups(scenario, scene, arrivals, &described).await?;
    let told = scene.world.gather(Duration::from_secs(5), &["RolloutWaveFinished"], 1_000).await?;
    let finished = scene.world.gather(Duration::ZERO, &["RolloutFinished"], 1).await?;
    let started = scene.world.gather(Duration::ZERO, &["RolloutStarted"], 1).await?;
    let planned = started.first().map(|event| event.detail["waves"].clone()).unwrap_or_default();
    let waves = waves(scenario, scene, &planned, &told)?;
    let forward = || waves.iter().filter(|wave| wave.stage == "WAVE");
    let lower_bound_minutes: f64 = forward().map(|wave| wave.lower_bound_minutes).sum();
    let passed = forward().all(|wave| wave.verdict == "GO") && forward().count() > 0;
    let last = forward().next_back().map(|wave| wave.told_at_minute).filter(|_| passed);
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
        most_failures: most_failures(&waves),
        approvals: scene.approvals(),
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

pub(crate) fn moment(value: &Value) -> Option<Timestamp> {
    if let Some(milliseconds) = value.pointer("/$timestamp").and_then(Value::as_i64) {
        return Timestamp::from_millisecond(milliseconds).ok();
    }
    value.as_str().and_then(|text| text.parse().ok())
}

pub(crate) fn minutes(from: Timestamp, to: Timestamp) -> f64 {
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
        let (least, limit) = match (of_plan, accounts, detail["stage"].as_str()) {
            (Some(of_plan), Some(planned), Some("WAVE")) => {
                let vetoed = counts.get("vetoed").copied().unwrap_or(0);
                let wave = bound_wave(of_plan, planned, vetoed);
                let number = |name: &str| planned[name].as_u64().unwrap_or(0);
                let limit =
                    bound::failures(&of_plan.limits, number("accounts"), number("instances"));
                (bound::of_wave(&wave, scenario.instance), limit)
            }
            _ => (Duration::ZERO, (0, 0)),
        };
        let (failures_tolerated, overshoot) = limit;
        waves.push(Wave {
            stage: text("stage"),
            name: text("name"),
            verdict: text("verdict"),
            counts,
            told_at_minute: minutes(scene.started(), *at),
            lower_bound_minutes: least.as_secs_f64() / 60.0,
            failures_tolerated,
            overshoot,
        });
    }
    Ok(waves)
}

/// The accounts that a change which fails everywhere may have failed in: what the waves tolerate
/// that let it pass, and what the one tolerates that stopped it, with its overshoot.
fn most_failures(waves: &[Wave]) -> Option<u64> {
    let forth: Vec<&Wave> = waves.iter().filter(|wave| wave.stage == "WAVE").collect();
    let stopped = forth.iter().find(|wave| wave.verdict == "STOP")?;
    Some(forth.iter().map(|wave| wave.failures_tolerated).sum::<u64>() + stopped.overshoot)
}

/// A wave as the bound wants it: accounts with two Regions are those beyond one instance each.
fn bound_wave(of_plan: &plan::Wave, planned: &Value, vetoed: u64) -> bound::Wave {
    let number = |name: &str| planned[name].as_u64().unwrap_or(0);
    let (first, second) =
        (number("accounts"), number("instances").saturating_sub(number("accounts")));
    // Where the vetoes were is not known here: each may have spared a turn in any Region.
    let worked = |accounts: u64| (accounts, accounts.saturating_sub(vetoed));
    let regions = [first, second].into_iter().filter(|accounts| *accounts > 0).map(worked);
    bound::Wave {
        regions: regions.collect(),
        pace: of_plan.limits.pace,
        passes: of_plan.passes,
        dwell: of_plan.dwell,
    }
}

/// The operations that the roll-out started: id, action, creation.
async fn operations(scene: &Scene) -> Result<Vec<(String, Timestamp)>, Error> {
    let all = all_operations(scene).await?;
    Ok(all.into_iter().filter(|(id, _)| id.starts_with("roll-")).collect())
}

pub(crate) async fn all_operations(scene: &Scene) -> Result<Vec<(String, Timestamp)>, Error> {
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
