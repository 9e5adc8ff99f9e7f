//! The run: a world with the stack in it, a fleet, and the sweep's own schedule.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use local_aws::{Aws, AwsError, Call, Fault, Faults, MachineUsage, Settings};
use serde_json::Value;

use super::expected::{Expected, Limits, least_pages, quota};
use super::fleet::{Fleet, enrol, seed_tenants};
use super::report::{Day, PlanCalls, Report, breaker_opens};
use crate::deployment::{self, Announcement};
use crate::world::World;

const MACHINE: &str = "landlord-sweep-retirements";
const DAY: Duration = Duration::from_secs(86_400);
const THIRTY_DAYS: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The fleet.
    pub fleet: Fleet,
    /// How many days are simulated at most.
    pub days: usize,
    /// The seed of the world.
    pub seed: u64,
    /// The limits that the stack is deployed with.
    pub limits: Limits,
    /// How much of the fleet may be due at once before nothing is closed, in percent.
    pub breaker_percent: usize,
    /// Whether sweeps only plan and report.
    pub dry_run: bool,
}

impl Question {
    /// Whether the circuit breaker opens: then nothing is closed, however long it is looked at.
    fn breaker_opens(&self) -> bool {
        breaker_opens(self.fleet.accounts, self.fleet.due, self.breaker_percent)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fleets have fewer due accounts than accounts.
    #[error("--due: {due} accounts of {accounts} cannot be due")]
    Due {
        /// The accounts.
        accounts: usize,
        /// The due ones.
        due: usize,
    },
    /// The world could not be made, or did not answer.
    #[error("the simulated world failed")]
    World(#[from] deployment::Error),
}

/// Lets days pass until the backlog is empty, or the days are over. `progress` hears of each day.
/// Call it on a runtime whose clock is paused.
///
/// # Errors
/// A fleet that cannot be, or a world that cannot be made.
pub async fn simulate(
    question: Question,
    progress: &mut (dyn FnMut(&Day) + Send),
) -> Result<Report, Error> {
    let Fleet { accounts, due } = question.fleet;
    if due > accounts {
        return Err(Error::Due { accounts, due });
    }
    let mut run = Run::begin(question).await?;
    let days = if question.breaker_opens() { question.days.min(2) } else { question.days };
    for day in 1..=days {
        run.pass(DAY).await?;
        if day == 1 {
            run.first_plan = run.plan_calls();
        }
        let day = run.note(day);
        progress(&day);
        let is_empty = day.backlog == 0;
        run.days.push(day);
        if is_empty {
            break;
        }
    }
    Ok(run.report())
}

/// Notes when AWS takes a closing.
#[derive(Debug, Default)]
struct Closings(Mutex<(Option<Aws>, Vec<Timestamp>)>);

impl Closings {
    fn watch(aws: &Aws) -> Arc<Self> {
        let closings = Arc::new(Self(Mutex::new((Some(aws.clone()), Vec::new()))));
        aws.set_faults(closings.clone());
        closings
    }

    /// The world holds whoever watches it, who holds the world: this ends it.
    fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = None;
    }

    fn all(&self) -> Vec<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

impl Faults for Closings {
    fn fault(&self, _call: &Call) -> Option<Fault> {
        None
    }

    fn answered(&self, call: &Call, result: &Result<Value, AwsError>) {
        if call.operation == "CloseAccount" && result.is_ok() {
            let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let now = inner.0.as_ref().map(Aws::now);
            inner.1.extend(now);
        }
    }
}

/// Who called what, how it ended, how often.
type Counts = BTreeMap<(String, String, String), u64>;

struct Run {
    question: Question,
    world: World,
    due: BTreeSet<String>,
    expected: Expected,
    /// When the first sweep's day began, and what had been called until then.
    began: Timestamp,
    before: Counts,
    closings: Arc<Closings>,
    days: Vec<Day>,
    first_plan: PlanCalls,
    finished: Vec<Announcement>,
}

impl Run {
    async fn begin(question: Question) -> Result<Self, Error> {
        // Half an hour after the sweep's time of the day: what follows the night is the first day.
        let start: Option<Timestamp> = "2026-01-04T03:00:00Z".parse().ok();
        let settings = Settings {
            seed: question.seed,
            start,
            // An empty page with a next one is AWS's whim, and no call of Landlord's to save.
            empty_pages: 0.0,
            account_limit: usize::MAX,
            lean: true,
            ..Settings::default()
        };
        let parameters = [
            ("SweepsEnabled", "true".to_owned()),
            ("SweepDryRun", question.dry_run.to_string()),
            ("CloseAtMost", question.limits.at_most.to_string()),
            ("CloseReserve", question.limits.reserve.to_string()),
            ("BreakerPercent", question.breaker_percent.to_string()),
            ("SweepSchedule", "cron(30 2 * * ? *)".to_owned()),
        ];
        let parameters: BTreeMap<String, String> =
            parameters.map(|(name, value)| (name.to_owned(), value)).into();
        let mut world = World::found(settings, parameters).await?;
        let due = seed_tenants(&world.deployment, question.fleet).await?;
        if !question.dry_run {
            enrol(&world.deployment, &due).await?;
        }
        // To the midnight before the first sweep that finds the whole fleet.
        let now = world.aws().now();
        let next = Timestamp::from_second((now.as_second() / 86_400 + 1) * 86_400).unwrap_or(now);
        let before = Duration::try_from(next.duration_since(now)).unwrap_or_default();
        world.aws().sleep(before).await;
        world.drain().await?;
        world.forget();
        let Fleet { accounts, due: count } = question.fleet;
        Ok(Self {
            question,
            due: due.into_iter().collect(),
            expected: if question.breaker_opens() {
                Expected { closings: Vec::new() }
            } else {
                Expected::of(accounts, count, question.limits, question.days)
            },
            began: world.aws().now(),
            before: world.aws().counts(),
            closings: Closings::watch(world.aws()),
            days: Vec::new(),
            first_plan: PlanCalls::default(),
            finished: Vec::new(),
            world,
        })
    }

    async fn pass(&mut self, time: Duration) -> Result<(), Error> {
        self.world.aws().sleep(time).await;
        let heard = self.world.drain().await?;
        self.finished.extend(heard.into_iter().filter(|it| it.name == "RetirementSweepFinished"));
        self.world.forget();
        Ok(())
    }

    /// What a day was that is over.
    fn note(&self, day: usize) -> Day {
        let now = self.world.aws().now();
        let begun = now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(now);
        let closings = self.closings.all();
        let accounts = self.world.aws().accounts();
        let backlog = accounts
            .iter()
            .filter(|account| self.due.contains(&account.id) && account.state != "CLOSED")
            .count();
        let (in_thirty_days, limit) = tightest(&closings, self.question.fleet.accounts, begun, now);
        Day {
            day,
            closings: closings.iter().filter(|at| **at > begun).count(),
            expected: self.expected.closings.get(day - 1).copied().unwrap_or_default(),
            in_thirty_days,
            limit,
            backlog,
        }
    }

    /// What Landlord's functions and machines called since the first day began.
    fn calls(&self) -> impl Iterator<Item = (String, String, u64)> {
        let counts = self.world.aws().counts().into_iter();
        let since = counts.map(|(key, count)| {
            let before = self.before.get(&key).copied().unwrap_or_default();
            (key.0, key.1, count - before)
        });
        since.filter(|(caller, _, count)| caller.starts_with("arn:aws:sts:") && *count > 0)
    }

    /// The calls of the first plan.
    fn plan_calls(&self) -> PlanCalls {
        let Fleet { accounts, due } = self.question.fleet;
        let mut calls =
            PlanCalls { least_pages: least_pages(accounts, due), ..PlanCalls::default() };
        for (caller, action, count) in self.calls() {
            if !caller.ends_with("/landlord-plan-retirements") {
                continue;
            }
            *match action.as_str() {
                "organizations:ListAccountsForParent" => &mut calls.account_pages,
                "tag:GetResources" => &mut calls.tag_pages,
                action if action.starts_with("organizations:") => &mut calls.other_reads,
                _ => &mut calls.files,
            } += count;
        }
        calls
    }

    fn report(self) -> Report {
        self.closings.end();
        let aws = self.world.aws();
        let mut calls: BTreeMap<String, u64> = BTreeMap::new();
        for (_, action, count) in self.calls() {
            *calls.entry(action).or_default() += count;
        }
        let closed_by_mistake = aws
            .accounts()
            .into_iter()
            .filter(|account| account.state != "ACTIVE" && !self.due.contains(&account.id))
            .map(|account| account.id)
            .collect();
        let executions: Vec<_> = aws.executions(MACHINE);
        let usage: Vec<MachineUsage> = aws
            .machine_usage()
            .into_iter()
            .filter(|(name, _)| name.split('/').next() == Some(MACHINE))
            .map(|(_, usage)| usage)
            .collect();
        let first = self.finished.first().map(|it| it.detail.clone()).unwrap_or_default();
        let Fleet { accounts, due } = self.question.fleet;
        let empty_on = self.days.iter().find(|day| day.backlog == 0).map(|day| day.day);
        Report {
            accounts,
            due,
            seed: self.question.seed,
            most_in_thirty_days: self.days.iter().map(|it| it.in_thirty_days).max().unwrap_or(0),
            most_in_progress: aws.most_closings_in_progress(),
            empty_on: empty_on.filter(|_| due > 0),
            expected_empty_on: self.expected.empty_on(due),
            forecast_empty_on: forecast(&first, self.began),
            closed_by_mistake,
            calls,
            first_plan: self.first_plan.clone(),
            largest_state_bytes: usage.iter().map(|it| it.largest_data).max().unwrap_or(0),
            longest_history: usage.iter().map(|it| it.longest_history).max().unwrap_or(0),
            executions: executions.len(),
            failed_executions: executions
                .iter()
                .filter(|it| !["SUCCEEDED", "RUNNING"].contains(&it.status))
                .count(),
            breaker_percent: self.question.breaker_percent,
            breaker_is_open: self.question.breaker_opens(),
            first_sweep: first,
            days: self.days,
        }
    }
}

/// The day, counted from the first sweep's, on which the due accounts are said to be closed.
fn forecast(detail: &Value, began: Timestamp) -> Option<usize> {
    let at: Timestamp = detail["forecast"]["dueEmptyAt"].as_str()?.parse().ok()?;
    let days = at.duration_since(began).as_secs().checked_div(86_400)?;
    usize::try_from(days).ok().map(|days| days + 1)
}

/// The moment of a day that came nearest to AWS's limit: how many closings the thirty days before it
/// had, itself included, and how many AWS allows an organization with as many accounts as there
/// were. On a day without a closing, its end.
fn tightest(
    closings: &[Timestamp],
    accounts: usize,
    begun: Timestamp,
    end: Timestamp,
) -> (usize, usize) {
    let earlier = closings.partition_point(|at| *at <= begun);
    let today = (earlier..closings.len()).map(|index| {
        (in_thirty_days(&closings[..=index], closings[index]), quota(accounts - index))
    });
    today
        .max_by_key(|(count, limit)| *count as i64 - *limit as i64)
        .unwrap_or_else(|| (in_thirty_days(closings, end), quota(accounts - closings.len())))
}

/// How many of the moments, which are in order, lie within the thirty days that end here.
fn in_thirty_days(moments: &[Timestamp], end: Timestamp) -> usize {
    moments.len() - moments.partition_point(|at| end.duration_since(*at) >= THIRTY_DAYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(hours * 3_600).unwrap()
    }

    #[test]
    fn thirty_days_are_counted_from_moment_to_moment() {
        assert_eq!(in_thirty_days(&[], at(0)), 0);
        assert_eq!(in_thirty_days(&[at(0), at(719)], at(719)), 2);
        assert_eq!(in_thirty_days(&[at(0), at(719), at(720)], at(720)), 2);
    }

    #[test]
    fn a_day_is_held_against_the_limit_of_its_tightest_moment() {
        let closings = [at(1), at(700), at(721), at(1_500)];
        // Of five thousand accounts one thousand, and one less for each five that are gone.
        assert_eq!(tightest(&closings[..1], 5_000, at(0), at(24)), (1, 1_000));
        assert_eq!(tightest(&closings[..3], 5_000, at(720), at(744)), (2, 999));
        assert_eq!(tightest(&closings[..3], 5_000, at(744), at(768)), (2, 999));
        assert_eq!(tightest(&closings, 5_000, at(1_488), at(1_512)), (1, 999));
    }
}
