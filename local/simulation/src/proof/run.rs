//! One seed: a world, what happens to it, and whether what must hold held.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use local_aws::{Durations, Settings};

use super::ends::{End, Ends};
use super::injector::{FaultKey, Injector, Record};
use super::promises::Promises;
use super::schedule::{Schedule, TROUBLED, What};
use super::script::Outside;
use super::watch::Watch;
use crate::deployment::Error;
use crate::world::{BEGINNING, World, settings};

/// After the trouble, so long at most until everything has converged: an execution's deadline is
/// a day after its start.
const CONVERGES: Duration = Duration::from_secs(30 * 3600);

/// What may happen in a run: all that the seed holds, or a part of it.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Indices of the schedule's steps that are left out.
    pub without_steps: BTreeSet<usize>,
    /// The only faults that come; all when it says nothing.
    pub only_faults: Option<BTreeSet<FaultKey>>,
}

/// How a run came out.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What it was drawn from.
    pub schedule: Schedule,
    /// What did not hold, in the order in which it was seen.
    pub violations: Vec<String>,
    /// Sites, faults and how often.
    pub record: Record,
    /// What happened from outside and had an effect.
    pub outside: BTreeSet<&'static str>,
    /// How tenants ended: announcement, and error where it failed.
    pub ends: BTreeMap<String, String>,
    /// Every call, invocation and announcement with its moment, one a line; empty unless asked for.
    pub trace: String,
}

/// Runs a seed, or a part of it, in virtual time. `traced` keeps the trace.
///
/// # Errors
/// A repository that is not there, or a template that cannot be deployed.
pub async fn run(seed: u64, part: &Part, traced: bool) -> Result<Outcome, Error> {
    let schedule = Schedule::of(seed);
    let parameters = [("AdmissionWindow".to_owned(), schedule.window.to_string())];
    let mut world = World::found(world_settings(&schedule), parameters.into()).await?;
    let promises = Promises::of(&world.deployment).await?;
    let watch = Arc::new(Watch::new(world.aws(), promises, schedule.durations));
    let only = part.only_faults.clone();
    let injector = Injector::new(world.aws(), seed, schedule.storm, only, watch.clone());
    let injector = Arc::new(if traced { injector.traced() } else { injector });
    world.library.set_faults(Some(injector.clone()));
    world.aws().set_faults(injector.clone());

    let began = world.aws().now();
    let mut outside = Outside::new(&world.deployment);
    let mut applied: Vec<What> = Vec::new();
    let mut ends = Ends::default();
    for (index, step) in schedule.steps.iter().enumerate() {
        if part.without_steps.contains(&index) {
            continue;
        }
        let at = began.checked_add(step.at).unwrap_or(began);
        hear_until(&mut world, at, &mut ends).await?;
        // Before it is done: from here on this tenant's account may look in any way.
        if let Some(tenant) = step.what.tampers_with() {
            watch.tampered(tenant, &step.what);
        }
        if let What::SignUp { tenant, .. } = step.what {
            ends.signs_up_again(tenant, &applied);
        }
        if outside.perform(&step.what).await? {
            applied.push(step.what.clone());
            if step.what == What::UpdateStackSet {
                watch.stack_set_changes();
            }
            watch.look(step.what.name());
        }
    }
    let calm = began.checked_add(TROUBLED).unwrap_or(began);
    while world.aws().now() < calm
        && !(ends.are_all_there(&schedule, &applied) || watch.is_violated())
    {
        let next = world.aws().after(Duration::from_secs(300));
        hear_until(&mut world, next, &mut ends).await?;
    }
    injector.stop();
    let last = world.aws().after(CONVERGES);
    while world.aws().now() < last
        && !(ends.are_all_there(&schedule, &applied) || watch.is_violated())
    {
        let next = world.aws().after(Duration::from_secs(600));
        hear_until(&mut world, next, &mut ends).await?;
    }
    // Messages that wait, duplicates that are answered, executions that end.
    let settled = world.aws().after(Duration::from_secs(3_600));
    hear_until(&mut world, settled, &mut ends).await?;
    watch.look("the end");
    let mut violations = watch.violations();
    if violations.is_empty() {
        let (ends, watch, record) = (&ends, &*watch, &injector.record());
        let end =
            End { world: &world, schedule: &schedule, applied: &applied, ends, watch, record };
        violations = end.judge().await?;
    }
    world.aws().shut_down();
    Ok(Outcome {
        violations,
        record: injector.record(),
        outside: outside.done,
        ends: summary(&ends),
        trace: injector.trace(),
        schedule,
    })
}

fn world_settings(schedule: &Schedule) -> Settings {
    let ordinary = settings(schedule.seed);
    let slowness = schedule.durations;
    let durations = Durations {
        account_creation: slowness.creation,
        role_ready: slowness.role,
        services_ready: slowness.role * 2,
        tag_lag: slowness.tags,
        list_lag: slowness.lists,
        stack_instance: slowness.instance,
        quota_decision: slowness.quota,
        ..ordinary.durations
    };
    Settings { durations, start: Some(BEGINNING), ..ordinary }
}

async fn hear_until(
    world: &mut World,
    until: jiff::Timestamp,
    ends: &mut Ends,
) -> Result<(), Error> {
    while world.aws().now() < until {
        let left = until.duration_since(world.aws().now()).as_secs().clamp(0, 20);
        if left == 0 {
            world.aws().sleep_until(until).await;
        }
        for announcement in world.hear_within(u8::try_from(left).unwrap_or(20)).await? {
            ends.note(announcement);
        }
    }
    Ok(())
}

fn summary(ends: &Ends) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (tenant, heard) in &ends.heard {
        let words: Vec<String> = heard
            .iter()
            .map(|it| match it.detail["error"].as_str() {
                Some(error) => format!("{} ({error})", it.name),
                None => it.name.clone(),
            })
            .collect();
        found.insert(tenant.clone(), words.join(", "));
    }
    found
}
