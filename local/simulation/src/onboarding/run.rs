//! The run: signups in, announcements out, and the books of the world at the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use local_aws::{Durations, Settings};
use serde_json::{Value, json};

use super::arrival::Arrival;
use super::crowd::{A_MONTH, Crowd};
use super::prices::{Prices, Used};
use super::report::{ApiCalls, Operations, Report, Spread};
use super::singly::OneByOne;
use crate::deployment::{Announcement, Deployment, Error};
use crate::library::FunctionUsage;
use crate::world::{TIERS, World, settings};

/// Creations a second that Organizations sustains:
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>.
const CREATIONS_PER_SECOND: f64 = 0.1;
/// Creations that may be in progress.
const CREATIONS_IN_PROGRESS: f64 = 5.0;
/// Nothing is heard for so long: nothing more will come. An execution ends within a day.
const SILENCE: Duration = Duration::from_secs(2 * 86_400);

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Onboarding {
    /// How many tenants sign up.
    pub tenants: usize,
    /// When they do.
    pub arrival: Arrival,
    /// How long AWS takes to create an account.
    pub creation: Duration,
    /// How long a stack instance takes.
    pub instance: Duration,
    /// How long AWS takes to decide about a quota. A tenant waits for those that it requires.
    pub quota: Duration,
    /// Same seed, same world.
    pub seed: u64,
    /// A stack set operation for each account, instead of one for all who wait.
    pub one_by_one: bool,
    /// What AWS charges.
    pub prices: Prices,
    /// Who is there before.
    pub crowd: Crowd,
}

/// What was heard of one tenant.
#[derive(Debug, Clone, Copy, Default)]
struct Tenant {
    signed_up: Option<Timestamp>,
    admitted: Option<Timestamp>,
    ready: Option<Timestamp>,
    ended: bool,
}

#[derive(Debug, Default)]
struct Books {
    tenants: BTreeMap<String, Tenant>,
    ended: usize,
    failed: usize,
    rejected: usize,
    errors: BTreeMap<String, usize>,
}

/// Runs it to the end. `progress` hears now and then how many of the tenants have ended. Call it
/// on a runtime whose clock is paused.
///
/// # Errors
/// A repository that is not there, or a template that cannot be deployed.
pub async fn simulate(
    onboarding: &Onboarding,
    progress: &mut dyn FnMut(usize, Duration),
) -> Result<Report, Error> {
    let ordinary = settings(onboarding.seed);
    let durations = Durations {
        account_creation: onboarding.creation,
        stack_instance: onboarding.instance,
        quota_decision: if onboarding.crowd.waiting > 0 { A_MONTH } else { onboarding.quota },
        ..ordinary.durations
    };
    // How fast accounts come is what is measured here, and not how many may come in a day.
    let mut parameters = BTreeMap::from([("SignupsADay".to_owned(), "100000".to_owned())]);
    if onboarding.crowd.waiting > 0 {
        parameters.insert("Tiers".to_owned(), Crowd::tiers(TIERS));
    }
    let mut world =
        World::found(Settings { durations, lean: true, ..ordinary }, parameters).await?;
    if onboarding.one_by_one {
        world.aws().set_faults(Arc::new(OneByOne));
    }
    onboarding.crowd.settle(&mut world, progress).await?;
    world.library.forget_usage();
    let before = world.aws().counts();
    let began = world.aws().now();
    let mut books = Books::default();
    for index in 0..onboarding.tenants {
        let signed_up = Some(after(began, onboarding.arrival.after(index)));
        books.tenants.insert(tenant(index), Tenant { signed_up, ..Tenant::default() });
    }
    let deployment = world.deployment.clone();
    let mut signups = Box::pin(sign_up(onboarding, &deployment, began));
    let mut all_signed_up = false;
    let mut last = began;
    while books.ended < onboarding.tenants {
        let heard = tokio::select! {
            biased;
            done = &mut signups, if !all_signed_up => {
                done?;
                all_signed_up = true;
                last = world.aws().now();
                continue;
            }
            heard = world.hear() => heard?,
        };
        let now = world.aws().now();
        if !heard.is_empty() {
            last = now;
        } else if all_signed_up && now > after(last, SILENCE) {
            break;
        }
        for announcement in heard {
            if books.note(&announcement, now) {
                let passed = Duration::try_from(now.duration_since(began)).unwrap_or_default();
                progress(books.ended, passed);
            }
        }
    }
    let report = report(onboarding, &world, &books, (began, &before)).await?;
    world.aws().shut_down();
    Ok(report)
}

fn tenant(index: usize) -> String {
    format!("tenant-{index:05}")
}

/// Signs all of them up, each at its time.
async fn sign_up(
    onboarding: &Onboarding,
    deployment: &Deployment,
    began: Timestamp,
) -> Result<(), Error> {
    for index in 0..onboarding.tenants {
        deployment.aws().sleep_until(after(began, onboarding.arrival.after(index))).await;
        let detail =
            json!({ "tenantId": tenant(index), "tenantName": "A tenant", "tier": "standard" });
        deployment.sign_up(&detail).await?;
    }
    Ok(())
}

fn after(moment: Timestamp, duration: Duration) -> Timestamp {
    moment.checked_add(duration).unwrap_or(Timestamp::MAX)
}

impl Books {
    /// Writes an announcement down; says whether a signup came to its end.
    fn note(&mut self, announcement: &Announcement, now: Timestamp) -> bool {
        let name = announcement.detail["tenantId"].as_str().unwrap_or_default();
        let Some(tenant) = self.tenants.get_mut(name) else { return false };
        match announcement.name.as_str() {
            "TenantAdmitted" => {
                tenant.admitted.get_or_insert(now);
                return false;
            }
            _ if tenant.ended => return false,
            "TenantReady" => tenant.ready = Some(now),
            "TenantOnboardingFailed" => {
                self.failed += 1;
                let error = announcement.detail["error"].as_str().unwrap_or("unnamed");
                *self.errors.entry(error.to_owned()).or_default() += 1;
            }
            "TenantRejected" => self.rejected += 1,
            _ => return false,
        }
        tenant.ended = true;
        self.ended += 1;
        true
    }

    fn shortest(&self) -> f64 {
        let times = self
            .tenants
            .values()
            .filter_map(|it| Some(it.ready?.duration_since(it.signed_up?).as_secs_f64()));
        times.min_by(f64::total_cmp).unwrap_or_default()
    }

    fn spread(&self, from: impl Fn(&Tenant) -> Option<Timestamp>) -> Spread {
        let times = self
            .tenants
            .values()
            .filter_map(|tenant| Some(tenant.ready?.duration_since(from(tenant)?).as_secs_f64()));
        Spread::of(times.collect())
    }
}

/// AWS's own times on the way of one tenant, none of which can begin before the one before it ended.
fn aws_bound(onboarding: &Onboarding, role_ready: Duration) -> f64 {
    (onboarding.creation + role_ready + onboarding.instance).as_secs_f64()
}

/// So many a second, from the first to the last of these moments.
fn rate(moments: &[Timestamp]) -> f64 {
    let (Some(first), Some(last)) = (moments.iter().min(), moments.iter().max()) else {
        return 0.0;
    };
    let seconds = last.duration_since(*first).as_secs_f64();
    if seconds > 0.0 { count(moments.len().saturating_sub(1)) / seconds } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn many(number: u64) -> f64 {
    number as f64
}

async fn report(
    onboarding: &Onboarding,
    world: &World,
    books: &Books,
    (began, before): (Timestamp, &Counts),
) -> Result<Report, Error> {
    let aws = world.aws();
    let each = |number: f64| number / count(onboarding.tenants.max(1));
    let ready: Vec<Timestamp> = books.tenants.values().filter_map(|tenant| tenant.ready).collect();
    let created: Vec<Timestamp> = aws
        .accounts()
        .into_iter()
        .filter(|account| {
            account.tags.get("landlord:tenant").is_some_and(|it| it.starts_with("tenant-"))
        })
        .map(|account| account.joined)
        .collect();
    let creation_seconds = onboarding.creation.as_secs_f64();
    let allowed = CREATIONS_PER_SECOND.min(CREATIONS_IN_PROGRESS / creation_seconds.max(1e-3));
    let ready_per_second = rate(&ready);
    let counts = since(before, world.aws().counts());
    let (calls, throttles) = calls(&counts, onboarding.tenants);
    let machines = aws.machine_usage();
    let functions = world.library.usage();
    let transitions = machines.values().map(|usage| usage.transitions + usage.failed_tasks).sum();
    let transitions_per_tenant = each(many(transitions));
    let of = |action: &str| calls.by_action.get(action).copied().unwrap_or_default();
    let used = Used {
        transitions: transitions_per_tenant,
        invocations: each(many(functions.values().map(|usage| usage.invocations).sum())),
        gigabyte_seconds: each(functions.values().map(|usage| usage.gigabyte_seconds).sum()),
        queue_requests: calls
            .by_action
            .iter()
            .filter(|(action, _)| action.starts_with("sqs:"))
            .map(|(_, calls)| calls)
            .sum(),
        events: of("events:PutEvents") + 1.0,
    };
    Ok(Report {
        tenants: onboarding.tenants,
        ready: ready.len(),
        failed: books.failed,
        rejected: books.rejected,
        open: onboarding.tenants.saturating_sub(books.ended),
        dead_letters: world.dead_letters().await?,
        errors: books.errors.clone(),
        creation_seconds,
        allowed_per_second: allowed,
        ready_per_second,
        share_of_allowed: ready_per_second / allowed,
        created_per_second: rate(&created),
        most_creations_in_progress: aws.most_creations_in_progress(),
        duration_seconds: ready
            .iter()
            .max()
            .map_or(0.0, |last| last.duration_since(began).as_secs_f64()),
        aws_bound_seconds: aws_bound(onboarding, aws.settings().durations.role_ready),
        shortest_seconds: books.shortest(),
        signup_to_ready_seconds: books.spread(|tenant| tenant.signed_up),
        admission_to_ready_seconds: books.spread(|tenant| tenant.admitted),
        stack_set_operations: operations(world, created.len()).await?,
        calls_per_tenant: calls,
        throttles,
        transitions_per_tenant,
        invocations_per_tenant: functions
            .iter()
            .map(|(code, usage)| (code.clone(), each(many(usage.invocations))))
            .collect(),
        longest_invocation_seconds: functions
            .iter()
            .map(|(code, usage)| (code.clone(), usage.longest.as_secs_f64()))
            .collect(),
        calls_per_invocation: calls_each(&counts, &functions),
        accounts_in_root: onboarding.crowd.accounts_in_root,
        waiting: onboarding.crowd.waiting,
        longest_history: machines
            .values()
            .map(|usage| usage.longest_history)
            .max()
            .unwrap_or_default(),
        largest_state_bytes: machines
            .values()
            .map(|usage| usage.largest_data)
            .max()
            .unwrap_or_default(),
        cost_per_tenant: onboarding.prices.of(used),
        prices: onboarding.prices,
    })
}

/// Calls by caller, action and outcome.
type Counts = BTreeMap<(String, String, String), u64>;

/// What was counted since.
fn since(before: &Counts, mut now: Counts) -> Counts {
    for (key, number) in before {
        if let Some(all) = now.get_mut(key) {
            *all = all.saturating_sub(*number);
        }
    }
    now
}

/// The calls of an invocation, by function: a session is named after its function.
fn calls_each(
    counts: &Counts,
    functions: &BTreeMap<String, FunctionUsage>,
) -> BTreeMap<String, f64> {
    let mut all: BTreeMap<&str, u64> = BTreeMap::new();
    for ((caller, _, _), number) in counts {
        let session = caller.rsplit('/').next().unwrap_or_default();
        let code = session.strip_prefix("landlord-").unwrap_or(session);
        *all.entry(code).or_default() += number;
    }
    let each = functions.iter().map(|(code, usage)| {
        let calls = all.get(code.as_str()).copied().unwrap_or_default();
        (code.clone(), many(calls) / many(usage.invocations.max(1)))
    });
    each.collect()
}

/// Calls of roles (functions, machines, the queue's poller) for one tenant, and throttles.
fn calls(counts: &Counts, tenants: usize) -> (ApiCalls, BTreeMap<String, u64>) {
    let mut totals: BTreeMap<String, u64> = BTreeMap::new();
    let mut throttles: BTreeMap<String, u64> = BTreeMap::new();
    for ((caller, action, outcome), number) in counts {
        let number = *number;
        if !caller.contains(":assumed-role/") || action.starts_with("iam:") {
            // The rest are people, services, and CloudFormation as it deploys a baseline.
            continue;
        }
        *totals.entry(action.clone()).or_default() += number;
        if is_throttle(outcome) {
            *throttles.entry(action.clone()).or_default() += number;
        }
    }
    let each = |number: u64| many(number) / count(tenants.max(1));
    let total = each(totals.values().sum());
    let by_action = totals.into_iter().map(|(action, number)| (action, each(number))).collect();
    (ApiCalls { total, by_action }, throttles)
}

fn is_throttle(outcome: &str) -> bool {
    ["TooManyRequestsException", "ThrottlingException", "Throttling", "LimitExceededException"]
        .contains(&outcome)
}

async fn operations(world: &World, accounts: usize) -> Result<Operations, Error> {
    let mut found = Operations::default();
    let sets = world.deployment.ask("cloudformation", "ListStackSets", json!({})).await?;
    for set in sets["Summaries"].as_array().into_iter().flatten() {
        let mut token = Value::Null;
        loop {
            let mut input = json!({ "StackSetName": set["StackSetName"], "MaxResults": 100 });
            if token.is_string() {
                input["NextToken"] = token;
            }
            let page =
                world.deployment.ask("cloudformation", "ListStackSetOperations", input).await?;
            found.count += page["Summaries"].as_array().map_or(0, Vec::len);
            token = page["NextToken"].clone();
            if !token.is_string() {
                break;
            }
        }
    }
    if found.count > 0 {
        found.accounts_each = count(accounts) / count(found.count);
    }
    Ok(found)
}
