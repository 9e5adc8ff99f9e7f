//! The run: a world with the stack in it, a fleet, and the sweep's own schedule.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use local_aws::Settings;
use serde_json::Value;

use super::expected::{Expected, Limits, quota};
use super::fleet::{Fleet, enrol, seed_tenants};
use super::report::{Day, PlanCalls, Report};
use crate::deployment::{self, Announcement};
use crate::world::World;

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
    /// Whether sweeps only plan and report.
    pub dry_run: bool,
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

/// Lets days pass until the backlog is empty, or the days are over. Call it on a runtime whose
/// clock is paused.
///
/// # Errors
/// A fleet that cannot be, or a world that cannot be made.
pub async fn simulate(question: Question) -> Result<Report, Error> {
    let Fleet { accounts, due } = question.fleet;
    if due > accounts {
        return Err(Error::Due { accounts, due });
    }
    let mut run = Run::begin(question).await?;
    for day in 1..=question.days {
        if day == 2 {
            run.first_plan = run.plan_calls();
        }
        run.pass(DAY).await?;
        let backlog = run.note(day);
        if backlog == 0 && run.days.iter().rev().take(2).all(|day| day.backlog == 0) {
            break;
        }
    }
    if question.days == 1 || run.first_plan == PlanCalls::default() {
        run.first_plan = run.plan_calls();
    }
    Ok(run.report())
}

struct Run {
    question: Question,
    world: World,
    due: BTreeSet<String>,
    expected: Expected,
    /// When the first sweep's day began.
    began: Timestamp,
    /// The journal's counts before the first sweep.
    days: Vec<Day>,
    first_plan: PlanCalls,
    finished: Vec<Announcement>,
}

impl Run {
    async fn begin(question: Question) -> Result<Self, Error> {
        // Half an hour before the sweep's time of the day: what follows is the first day.
        let start: Option<Timestamp> = "2026-01-04T03:00:00Z".parse().ok();
        let settings = Settings {
            seed: question.seed,
            start,
            // An empty page with a next one is AWS's whim, and no call of Landlord's to save.
            empty_pages: 0.0,
            account_limit: usize::MAX,
            full_journal: true,
            ..Settings::default()
        };
        let parameters = [
            ("SweepsEnabled", "true".to_owned()),
            ("SweepDryRun", question.dry_run.to_string()),
            ("CloseAtMost", question.limits.at_most.to_string()),
            ("CloseReserve", question.limits.reserve.to_string()),
            // So many are due at once because the question says so: it is nobody's mistake.
            ("BreakerPercent", "100".to_owned()),
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
            expected: Expected::of(accounts, count, question.limits, question.days),
            began: world.aws().now(),
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

    /// When AWS took a closing, by the journal.
    fn closings(&self) -> Vec<Timestamp> {
        let journal = self.world.aws().journal();
        let taken = |entry: &&local_aws::JournalEntry| {
            entry.action == "organizations:CloseAccount" && entry.outcome == "OK"
        };
        journal.iter().filter(taken).map(|entry| entry.at).collect()
    }

    /// Writes down a day that is over; answers the backlog.
    fn note(&mut self, day: usize) -> usize {
        let now = self.world.aws().now();
        let begun = now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(now);
        let closings = self.closings();
        let accounts = self.world.aws().accounts();
        let is_open = |id: &str| self.due.contains(id);
        let open = |state: &str| state == "ACTIVE" || state == "PENDING_CLOSURE";
        let backlog =
            accounts.iter().filter(|account| is_open(&account.id) && open(account.state)).count();
        let members = accounts.iter().filter(|account| account.state == "ACTIVE").count();
        self.days.push(Day {
            day,
            closings: closings.iter().filter(|at| **at > begun).count(),
            expected: self.expected.closings.get(day - 1).copied().unwrap_or_default(),
            in_thirty_days: most_in_thirty_days(&closings),
            limit: quota(members),
            backlog,
        });
        backlog
    }

    fn plan_calls(&self) -> PlanCalls {
        let mut calls = PlanCalls::default();
        for entry in self.world.aws().journal() {
            if !entry.caller.contains("PlanRetirementsFunctionRole") || entry.at < self.began {
                continue;
            }
            let count = match entry.action.as_str() {
                "organizations:ListAccountsForParent" => &mut calls.account_pages,
                "tag:GetResources" => &mut calls.tag_pages,
                action if action.starts_with("organizations:") => &mut calls.other_reads,
                _ => &mut calls.files,
            };
            *count += 1;
        }
        let pages = |items: usize, size: usize| items.div_ceil(size).max(1) as u64;
        let Fleet { accounts, due } = self.question.fleet;
        // Suspended is empty on the first day, and is one page.
        calls.least_pages = pages(due, 20) + 1 + pages(accounts, 100);
        calls
    }

    fn report(self) -> Report {
        let aws = self.world.aws();
        let mut calls: BTreeMap<String, u64> = BTreeMap::new();
        for ((caller, action, _), count) in aws.counts() {
            if caller.starts_with("arn:aws:sts:") {
                *calls.entry(action).or_default() += count;
            }
        }
        let closed_by_mistake = aws
            .accounts()
            .into_iter()
            .filter(|account| account.state != "ACTIVE" && !self.due.contains(&account.id))
            .map(|account| account.id)
            .collect();
        let executions: Vec<_> = aws.executions("landlord-sweep-retirements");
        let first = self.finished.first().map(|it| it.detail.clone()).unwrap_or_default();
        let Fleet { accounts, due } = self.question.fleet;
        let empty_on = self.days.iter().find(|day| day.backlog == 0).map(|day| day.day);
        Report {
            accounts,
            due,
            seed: self.question.seed,
            most_in_thirty_days: most_in_thirty_days(&self.closings()),
            most_in_progress: aws.most_closings_in_progress(),
            empty_on: empty_on.filter(|_| due > 0),
            expected_empty_on: self.expected.empty_on(due),
            forecast_empty_on: forecast(&first, self.began),
            closed_by_mistake,
            calls,
            first_plan: self.first_plan.clone(),
            largest_state_bytes: executions.iter().map(|it| it.largest_bytes).max().unwrap_or(0),
            longest_history: executions.iter().map(|it| it.events).max().unwrap_or(0),
            executions: executions.len(),
            failed_executions: executions
                .iter()
                .filter(|it| !["SUCCEEDED", "RUNNING"].contains(&it.status))
                .count(),
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

/// The most moments that lie within thirty days of each other; they are in order.
fn most_in_thirty_days(moments: &[Timestamp]) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (index, moment) in moments.iter().enumerate() {
        while moment.duration_since(moments[first]) >= THIRTY_DAYS {
            first += 1;
        }
        most = most.max(index + 1 - first);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_days_are_counted_from_moment_to_moment() {
        let at = |hours: i64| Timestamp::from_second(hours * 3_600).unwrap();
        assert_eq!(most_in_thirty_days(&[]), 0);
        assert_eq!(most_in_thirty_days(&[at(0), at(719), at(720), at(721)]), 3);
        assert_eq!(most_in_thirty_days(&[at(0), at(720), at(1_440)]), 1);
    }
}
