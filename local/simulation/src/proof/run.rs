//! One seed: a world, what happens to it, and whether what must hold held.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use local_aws::cloudformation::StackSetOptions;
use local_aws::cloudformation::scheduler::ParallelExcess;
use local_aws::{Durations, Settings};

use super::aim::Aim;
use super::ends::{End, Ends, left_in_queues};
use super::injector::{FaultKey, Injector, Record};
use super::promises::Promises;
use super::schedule::{Kind, Schedule, What};
use super::script::Outside;
use super::standing::Standing;
use super::watch::Watch;
use crate::deployment::Error;
use crate::world::{BEGINNING, World, settings};

/// What may happen in a run: all that the seed holds, or a part of it.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Indices of the schedule's steps that are left out.
    pub without_steps: BTreeSet<usize>,
    /// The only faults that come; all when it says nothing.
    pub only_faults: Option<BTreeSet<FaultKey>>,
    /// A fault that comes besides.
    pub aim: Option<Aim>,
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
    let kind = schedule.kind;
    let mut world = World::found(world_settings(&schedule), parameters(&schedule)).await?;
    let promises = Promises::of(&world.deployment).await?;
    let answers = schedule.answers;
    world.aws().set_stack_set_options(StackSetOptions {
        repeated_id_is_answered: answers.repeated_id_is_answered,
        suspended_accounts_fail: answers.suspended_accounts_fail,
        parallel_excess: if answers.excess_stops_all {
            ParallelExcess::AllStop
        } else {
            ParallelExcess::default()
        },
        ..StackSetOptions::default()
    });
    let standing = match kind {
        Kind::SigningUp => None,
        kind => {
            let gates = matches!(kind, Kind::RollingOut | Kind::Harmed);
            Some(Standing::settle(&world.deployment, &schedule, gates).await?)
        }
    };
    let watch = Arc::new(Watch::new(world.aws(), promises, schedule.durations));
    let only = part.only_faults.clone();
    let injector = Injector::new(world.aws(), seed, schedule.storm, only, watch.clone());
    let injector = injector.aimed(part.aim.clone());
    let injector = Arc::new(if traced { injector.traced() } else { injector });
    world.library.set_faults(Some(injector.clone()));
    world.aws().set_faults(injector.clone());

    let began = world.aws().now();
    let mut outside = Outside::new(&world.deployment, standing);
    let mut applied: Vec<What> = Vec::new();
    let mut ends = Ends::default();
    for (index, step) in schedule.steps.iter().enumerate() {
        if part.without_steps.contains(&index) {
            continue;
        }
        let at = began.checked_add(step.at).unwrap_or(began);
        hear_until(&mut world, kind, at, &mut ends).await?;
        // Before it is done: from here on this tenant's account may look in any way.
        if let Some(tenant) = step.what.tampers_with() {
            watch.tampered(tenant, &step.what);
        }
        if let What::SignUp { tenant, .. } = step.what {
            ends.signs_up_again(tenant, &applied);
        }
        if outside.perform(&step.what).await? {
            applied.push(step.what.clone());
            if let Some(tiers) = outside.acts.configured.take() {
                watch.promises.configured(world.aws().now(), &tiers);
            }
            if step.what.changes_the_set() {
                watch.stack_set_changes();
            }
            watch.happened(&step.what);
            watch.look(step.what.name());
        }
    }
    let calm = began.checked_add(kind.trouble()).unwrap_or(began);
    let is_over = |world: &World, ends: &Ends, outside: &Outside, applied: &[What]| {
        let standing = outside.standing.as_ref().is_none_or(|it| it.is_settled(world.aws()));
        watch.is_violated()
            || (ends.are_all_there(&schedule, applied) && standing && is_still(world))
    };
    while world.aws().now() < calm && !is_over(&world, &ends, &outside, &applied) {
        let next = world.aws().after(Duration::from_secs(300));
        hear_until(&mut world, kind, next, &mut ends).await?;
    }
    injector.stop();
    let last = world.aws().after(kind.converges());
    while world.aws().now() < last && !is_over(&world, &ends, &outside, &applied) {
        let next = world.aws().after(Duration::from_secs(600));
        hear_until(&mut world, kind, next, &mut ends).await?;
    }
    // Messages that wait, duplicates that are answered, executions that end.
    let settled = world.aws().after(Duration::from_secs(3_600));
    hear_until(&mut world, kind, settled, &mut ends).await?;
    // And what waited for another signup of its tenant has an end of its own.
    let settled = world.aws().after(kind.converges());
    while world.aws().now() < settled
        && !(is_still(&world) && left_in_queues(&world).await?.is_empty())
    {
        let next = world.aws().after(Duration::from_secs(600));
        hear_until(&mut world, kind, next, &mut ends).await?;
    }
    watch.look("the end");
    let mut violations = watch.violations();
    if violations.is_empty() {
        let (world, schedule, standing) = (&world, &schedule, outside.standing.as_ref());
        let (ends, watch, record) = (&ends, &*watch, &injector.record());
        let closed_live = &outside.acts.closed_live;
        let applied = &applied;
        let end = End { world, schedule, applied, ends, watch, record, standing, closed_live };
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

fn parameters(schedule: &Schedule) -> BTreeMap<String, String> {
    let mut parameters = vec![("AdmissionWindow", schedule.window.to_string())];
    if matches!(schedule.kind, Kind::Leaving | Kind::Crossing) {
        parameters.extend([
            ("SweepsEnabled", "true".to_owned()),
            ("SweepDryRun", "false".to_owned()),
            ("SweepSchedule", "cron(0 0/6 * * ? *)".to_owned()),
            ("SweepIntervalHours", "6".to_owned()),
            ("SettleHours", "1".to_owned()),
            ("LeastRetireAfterDays", "1".to_owned()),
            // All of a handful may leave at once: it is nobody's mistake.
            ("BreakerPercent", "100".to_owned()),
            // Some sign up with an address of their own.
            ("RootEmailDomains", "accounts.example.com".to_owned()),
        ]);
    }
    parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Whether no execution is on its way: one that was redriven may have told its end before.
fn is_still(world: &World) -> bool {
    let machines = ["landlord-onboard-tenant", "landlord-roll-out"];
    let mut all = machines.iter().flat_map(|machine| world.aws().executions(machine));
    all.all(|it| it.status != "RUNNING")
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
    let closed_reads_suspended = schedule.answers.closed_reads_suspended;
    Settings { durations, start: Some(BEGINNING), closed_reads_suspended, ..ordinary }
}

/// Lets time go by and hears what is announced. Where days pass, it is listened to rarely.
async fn hear_until(
    world: &mut World,
    kind: Kind,
    until: jiff::Timestamp,
    ends: &mut Ends,
) -> Result<(), Error> {
    while world.aws().now() < until {
        let left = until.duration_since(world.aws().now()).as_secs();
        let heard = if matches!(kind, Kind::Leaving | Kind::Crossing) && left > 40 {
            world.aws().sleep(Duration::from_secs(left.unsigned_abs().min(600) - 20)).await;
            let heard = world.drain().await?;
            world.forget();
            heard
        } else {
            let left = left.clamp(0, 20);
            if left == 0 {
                world.aws().sleep_until(until).await;
            }
            world.hear_within(u8::try_from(left).unwrap_or(20)).await?
        };
        for announcement in heard {
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
