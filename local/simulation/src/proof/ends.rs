//! How tenants end, and what must hold when the faults are over and time has passed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use local_aws::Call;
use local_aws::organizations::AccountView;
use serde_json::{Value, json};

use super::injector::Record;
use super::promises::Promises;
use super::schedule::{Kind, STANDING, Schedule, What, tenant_id};
use super::script::account_name;
use super::standing::{Standing, Wish};
use super::watch::Watch;
use crate::deployment::{Announcement, Error};
use crate::world::World;

/// An event that comes back may be on its way this long, and its machine at work.
const AN_EVENT_TRAVELS: SignedDuration = SignedDuration::from_mins(30);
/// From an event to its announcement: its way, a function's time-out, and its next attempts.
const ANNOUNCED_WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// A day's waiting takes 2,000 events, faults take some more. AWS ends a history at 25,000.
const LONGEST_HISTORY: u64 = 2_500;

/// How each tenant's signups ended, as far as Landlord announced it.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends {
    /// By tenant: names of announcements, in their order, with their details.
    pub(super) heard: BTreeMap<String, Vec<Announcement>>,
    pub(super) rejected: usize,
    /// Tenants that signed up again after a failure whose cause was gone by then.
    resumed: BTreeSet<usize>,
}

impl Ends {
    pub(super) fn note(&mut self, announcement: Announcement) {
        if announcement.name == "TenantRejected" {
            self.rejected += 1;
        }
        let tenant = announcement.detail["tenantId"].as_str().unwrap_or_default().to_owned();
        self.heard.entry(tenant).or_default().push(announcement);
    }

    fn of(&self, tenant: usize) -> impl Iterator<Item = &Announcement> {
        self.heard.get(tenant_id(tenant)).into_iter().flatten()
    }

    /// Whether the tenant's newest end is that it is ready.
    fn last(&self, tenant: usize) -> Option<&Announcement> {
        let ends = ["TenantReady", "TenantOnboardingFailed"];
        self.of(tenant).filter(|heard| ends.contains(&heard.name.as_str())).last()
    }

    /// A tenant signs up, perhaps after a failure, and perhaps with its cause removed.
    pub(super) fn signs_up_again(&mut self, tenant: usize, applied: &[What]) {
        let failed = self.last(tenant).is_some_and(|end| end.name != "TenantReady");
        let hands = applied.iter().filter(|what| what.tampers_with() == Some(tenant));
        let harmless = hands.clone().all(|what| match what {
            What::Stop { .. } => true,
            What::BaselineBreaks { .. } => applied.contains(&What::BaselineMended),
            _ => false,
        });
        if failed && harmless && hands.count() > 0 {
            self.resumed.insert(tenant);
        }
    }

    /// Whether every tenant of the schedule has an end, and whoever signed up again a new one.
    pub(super) fn are_all_there(&self, schedule: &Schedule, applied: &[What]) -> bool {
        schedule.tenants().all(|tenant| {
            let signed_up = applied
                .iter()
                .any(|what| matches!(what, What::SignUp { tenant: its, .. } if *its == tenant));
            let last = self.last(tenant);
            let is_ready = last.is_some_and(|end| end.name == "TenantReady");
            !signed_up || (last.is_some() && (is_ready || !self.resumed.contains(&tenant)))
        })
    }
}

/// What the end is judged by.
pub(super) struct End<'a> {
    pub(super) world: &'a World,
    pub(super) schedule: &'a Schedule,
    /// What happened from outside and had an effect.
    pub(super) applied: &'a [What],
    pub(super) ends: &'a Ends,
    pub(super) watch: &'a Watch,
    pub(super) record: &'a Record,
    pub(super) standing: Option<&'a Standing>,
    /// Whose live accounts were closed in the console.
    pub(super) closed_live: &'a [usize],
}

impl End<'_> {
    /// What must hold when the faults are over and time has passed.
    pub(super) async fn judge(&self) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        let tampered: BTreeSet<usize> =
            self.applied.iter().filter_map(What::tampers_with).collect();
        self.unanswered(&mut found);
        match self.schedule.kind {
            Kind::Crossing => self.crossed(&mut found),
            Kind::Harmed => self.harmed(&mut found),
            Kind::SigningUp | Kind::Leaving | Kind::RollingOut => {}
        }
        // Where events cross each other, any of them may have the last word.
        let alone = self.schedule.kind != Kind::Crossing;
        for tenant in self.schedule.tenants().filter(|_| alone) {
            let signed_up = self.applied.iter().find_map(|what| match what {
                What::SignUp { tenant: its, tier } if *its == tenant => Some(*tier),
                _ => None,
            });
            let Some(tier) = signed_up else { continue };
            let id = tenant_id(tenant);
            match self.ends.last(tenant) {
                None => found.push(format!("{id} signed up and has no end")),
                Some(end) if end.name == "TenantReady" => {
                    if !tampered.contains(&tenant) {
                        let promises = &self.watch.promises;
                        ready(self.world, promises, (tenant, tier), end, &mut found).await?;
                    }
                }
                Some(end) => {
                    let is_resumed = self.ends.resumed.contains(&tenant);
                    let may_fail = (tampered.contains(&tenant) && !is_resumed)
                        || self.schedule.durations.never_decides_a_quota()
                        || self.applied.contains(&What::SetOfAnotherRole);
                    failed(id, end, may_fail, &mut found);
                }
            }
            contradictions(id, self.ends.of(tenant), &mut found);
        }
        let faulty = self.applied.iter().filter(|what| **what == What::SignUpFaulty).count();
        if self.ends.rejected < faulty {
            found.push(format!("{} of {faulty} faulty signups were rejected", self.ends.rejected));
        }
        let dead = self.world.dead_letters().await?;
        if dead > 0 {
            found.push(format!("{dead} messages are among the dead letters"));
        }
        self.executions(&mut found).await?;
        self.queue(&mut found).await?;
        self.announcements(&mut found);
        if let Some(standing) = self.standing {
            if alone {
                self.who_was_there(standing, &mut found);
            }
            self.retirements(&mut found);
            self.changes(&mut found);
        }
        for (machine, usage) in self.world.aws().machine_usage() {
            if usage.longest_history > LONGEST_HISTORY {
                let events = usage.longest_history;
                found.push(format!("{machine}: a history of {events} events"));
            }
        }
        Ok(found)
    }

    /// Nothing goes on for ever, and a tenant has one execution at a time.
    async fn executions(&self, found: &mut Vec<String>) -> Result<(), Error> {
        let deployment = &self.world.deployment;
        let machine = deployment.output("OnboardTenantStateMachineArn")?;
        let input = json!({ "stateMachineArn": machine, "maxResults": 1000 });
        let listed = deployment.ask("states", "ListExecutions", input).await?;
        let mut spans: BTreeMap<String, Vec<(f64, f64, String)>> = BTreeMap::new();
        for execution in listed["executions"].as_array().into_iter().flatten() {
            let name = execution["name"].as_str().unwrap_or_default();
            if execution["status"] == "RUNNING" {
                found.push(format!("execution {name} still runs"));
            }
            let at = |member: &str| execution[member]["$timestamp"].as_f64();
            let span = (at("startDate").unwrap_or(0.0), at("stopDate").unwrap_or(f64::MAX));
            let tenant = name.split('_').next().unwrap_or_default();
            // Redriven executions ran twice, with a time in between.
            if execution["redriveCount"].as_u64().unwrap_or(0) == 0 {
                let spans = spans.entry(tenant.to_owned()).or_default();
                spans.push((span.0, span.1, name.to_owned()));
            }
        }
        for spans in spans.values_mut() {
            spans.sort_by(|one, other| one.0.total_cmp(&other.0));
            for pair in spans.windows(2) {
                if let [(_, ended, first), (began, _, second)] = pair
                    && began < ended
                {
                    found.push(format!("executions {first} and {second} ran at once"));
                }
            }
        }
        Ok(())
    }

    /// Those who were there are where the newest event wants them.
    fn who_was_there(&self, standing: &Standing, found: &mut Vec<String>) {
        let accounts = self.world.aws().accounts();
        for tenant in STANDING {
            let name = account_name(tenant);
            let mine = |what: &&What| match what {
                What::Hold { tenant: its } | What::Protect { tenant: its } => *its == tenant,
                what => what.tampers_with() == Some(tenant),
            };
            let hands = self.applied.iter().any(|what| mine(&what));
            let [account] = &accounts.iter().filter(|it| it.name == name).collect::<Vec<_>>()[..]
            else {
                found.push(format!("{name} is not one account"));
                continue;
            };
            if hands {
                continue;
            }
            let (state, unit) = (account.state, account.parent_name.as_str());
            let is_live = state == "ACTIVE"
                && self.watch.promises.is_home(unit)
                && !account.tags.contains_key("landlord:retire-after");
            let wish = standing.newest(tenant);
            if wish.is_some_and(|(_, wish)| self.waits_for_a_person(tenant, &account.id, wish)) {
                continue;
            }
            match wish {
                Some((_, Wish::Leave)) if state != "CLOSED" => {
                    found.push(format!("{name} left and is {state} in {unit}"));
                }
                None if !is_live || account.tags.contains_key("landlord:lifecycle") => {
                    found.push(format!("{name} never left and is {state} in {unit}"));
                }
                Some((at, Wish::Return)) if !is_live => {
                    // Closed before, or while the event was on its way.
                    let late = Timestamp::checked_add(at, AN_EVENT_TRAVELS).unwrap_or(at);
                    let was_closed = self.watch.closing(tenant).is_some_and(|when| when < late);
                    if !was_closed {
                        found.push(format!("{name} came back and is {state} in {unit}"));
                    }
                }
                _ => {}
            }
        }
    }

    /// Sweeps and offboardings end, and end well where nobody laid hands on an account.
    fn retirements(&self, found: &mut Vec<String>) {
        for (machine, may_fail) in [
            ("landlord-offboard-tenant", &["AccountClosed"][..]),
            ("landlord-sweep-retirements", &[]),
        ] {
            let all = self.world.aws().executions(machine);
            let tampers = self.applied.iter().any(|what| what.tampers_with().is_some());
            for it in all.iter().filter(|it| !it.is_child && it.status != "SUCCEEDED") {
                let error = it.error.as_deref().unwrap_or_default();
                if it.status == "RUNNING" || !(tampers || may_fail.contains(&error)) {
                    found.push(format!("{machine} is {}: {error}", it.status));
                }
            }
        }
    }

    /// AWS could not delete a stack, which only people can mend; and they have been told.
    fn waits_for_a_person(&self, tenant: usize, account: &str, wish: Wish) -> bool {
        let instances = self.world.aws().stack_instances();
        if !instances.iter().any(|it| it.account == account && it.status == "INOPERABLE") {
            return false;
        }
        match wish {
            Wish::Leave => self.ends.heard.values().flatten().any(|heard| {
                let stuck = heard.detail["stuck"].as_array();
                heard.name == "RetirementSweepFinished"
                    && stuck.into_iter().flatten().any(|it| it["accountId"] == account)
            }),
            Wish::Return => self.ends.last(tenant).is_some_and(|end| {
                end.name == "TenantOnboardingFailed" && end.detail["error"] == "BaselineFailed"
            }),
        }
    }

    /// A roll-out ends in a state that has a name, and leaves nothing running.
    fn changes(&self, found: &mut Vec<String>) {
        for it in self.world.aws().executions("landlord-roll-out") {
            let error = it.error.as_deref().unwrap_or_default();
            // A plan is refused while people are at work on the set: nothing began, or is told.
            let people = self.applied.iter().any(What::changes_the_set);
            if it.status == "FAILED" && error == "PlanRefused" && people {
                continue;
            }
            // Landlord may pass one administration role, and no other.
            let another = self.applied.contains(&What::SetOfAnotherRole);
            if it.status == "FAILED" && error == "AccessDenied" && another {
                continue;
            }
            if it.status != "SUCCEEDED" && !(it.status == "FAILED" && error == "RolloutStopped") {
                found.push(format!("the roll-out is {}: {error}", it.status));
            }
            let ends = self.ends.heard.values().flatten();
            let ends: Vec<&str> = ends
                .filter(|heard| heard.name == "RolloutFinished")
                .filter_map(|heard| heard.detail["outcome"].as_str())
                .collect();
            let bad = self.applied.iter().any(|what| {
                matches!(
                    what,
                    What::RollOut { bad: true } | What::RollOutAmongHarm { bad: true, .. }
                )
            });
            match ends.first() {
                None => found.push("the roll-out ended and was not announced".to_owned()),
                Some(end) if ends.iter().any(|other| other != end) => {
                    found.push(format!("the roll-out ended as {}", ends.join(" and ")));
                }
                Some(end) if bad && ["SUCCEEDED", "INCOMPLETE"].contains(end) => {
                    found.push(format!("a change that fails everywhere is {end}"));
                }
                Some(_) => {}
            }
            if ends.first() == Some(&"SUCCEEDED") && self.schedule.kind == Kind::RollingOut {
                self.left_behind(found);
            }
        }
        for operation in self.world.aws().stack_set_operations() {
            if ["QUEUED", "RUNNING", "STOPPING"].contains(&operation.status) {
                found.push(format!("operation {} is {}", operation.id, operation.status));
            }
        }
    }

    /// Who has an instance in the end has the new one, whenever it was that they joined.
    fn left_behind(&self, found: &mut Vec<String>) {
        let accounts = self.world.aws().accounts();
        let all = self.world.aws().stack_instances();
        for stale in all.iter().filter(|it| it.status != "CURRENT") {
            let account = accounts.iter().find(|it| it.id == stale.account);
            let name = account.map_or(stale.account.as_str(), |it| it.name.as_str());
            let (status, stack_set, region) = (stale.status, &stale.stack_set, &stale.region);
            found.push(format!(
                "the roll-out succeeded, and {name} is {status} with {stack_set} in {region}"
            ));
        }
    }

    /// No signup is left, neither at the front nor among those that wait.
    async fn queue(&self, found: &mut Vec<String>) -> Result<(), Error> {
        found.extend(left_in_queues(self.world).await?);
        Ok(())
    }

    /// An end is announced once, and once more at most for each fault that hid that it was.
    fn announcements(&self, found: &mut Vec<String>) {
        let hides = |kind: &str| !["slow", "delivered twice", "stale"].contains(&kind);
        let hiding: Vec<Timestamp> = self
            .record
            .happened
            .iter()
            .filter(|it| {
                let caller = it.key.0.caller.as_str();
                hides(it.kind) && (caller == "announce-outcome" || caller == "EventBridge")
            })
            .map(|it| it.at)
            .collect();
        let redrives = self.applied.iter().filter(|it| matches!(it, What::Redrive { .. })).count();
        for ((execution, event), times) in self.watch.announced() {
            let (Some(first), Some(last)) = (times.first(), times.last()) else { continue };
            // What came before the function was called has hidden nothing.
            let called = *first - ANNOUNCED_WITHIN;
            let excuses = hiding.iter().filter(|at| (called..=*last).contains(at)).count();
            if times.len() > 1 + excuses + redrives {
                found.push(format!("{event} of {execution} was announced {} times", times.len()));
            }
        }
    }
}

/// The signups that are left, at the front or among those that wait, in words.
pub(super) async fn left_in_queues(world: &World) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for output in ["SignupsQueueUrl", "WaitingQueueUrl"] {
        let url = world.deployment.output(output)?;
        let input = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
        let answer = world.deployment.ask("sqs", "GetQueueAttributes", input).await?;
        for name in ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] {
            let count = answer["Attributes"][name].as_str().unwrap_or("0");
            if count != "0" {
                found.push(format!("{output} has {name} {count}"));
            }
        }
    }
    Ok(found)
}

/// A tenant that failed has a reason; without people's doing it does not fail at all.
fn failed(id: &str, end: &Announcement, tampered: bool, found: &mut Vec<String>) {
    let text = |field: &str| end.detail[field].as_str().unwrap_or_default();
    let (error, cause, step) = (text("error"), text("cause"), text("step"));
    if !tampered {
        found.push(format!("{id} failed for no fault of anybody's: {error} at {step}: {cause}"));
    }
    let is_stopped = error.is_empty() && end.detail["status"] != "FAILED";
    if error.starts_with("States.") || (!is_stopped && (error.is_empty() || cause.is_empty())) {
        found.push(format!("{id} failed without a reason of Landlord's: {}", end.detail));
    }
}

/// One execution has one end.
fn contradictions<'a>(
    id: &str,
    heard: impl Iterator<Item = &'a Announcement>,
    found: &mut Vec<String>,
) {
    let mut ready: BTreeSet<String> = BTreeSet::new();
    for announcement in heard {
        let arn = announcement.detail["executionArn"].as_str().unwrap_or_default().to_owned();
        match announcement.name.as_str() {
            "TenantReady" => {
                ready.insert(arn);
            }
            "TenantOnboardingFailed" if !arn.is_empty() && ready.contains(&arn) => {
                found.push(format!("{id}: {arn} was ready and failed"));
            }
            _ => {}
        }
    }
}

/// A ready tenant has all that it was promised.
async fn ready(
    world: &World,
    promises: &Promises,
    (tenant, tier): (usize, &str),
    end: &Announcement,
    found: &mut Vec<String>,
) -> Result<(), Error> {
    let id = tenant_id(tenant);
    let account = end.detail["accountId"].as_str().unwrap_or_default();
    let accounts = world.aws().accounts();
    let own: Vec<&AccountView> = accounts
        .iter()
        .filter(|it| it.tags.get("landlord:tenant").is_some_and(|tag| tag == id))
        .collect();
    let [own] = own.as_slice() else {
        found.push(format!("{id} is ready with {} accounts", own.len()));
        return Ok(());
    };
    if own.id != account {
        found.push(format!("{id} is ready in {account} and owns {}", own.id));
    }
    if !promises.is_home(&own.parent_name) {
        found.push(format!("{id} is ready and stands in {}", own.parent_name));
    }
    for tag in ["landlord:tier", "landlord:baseline"] {
        if !own.tags.contains_key(tag) {
            found.push(format!("{id} is ready without the tag {tag}"));
        }
    }
    let promise = promises.tier(tier).unwrap_or_default();
    for region in promise.regions() {
        let inside = |service: &'static str, operation: &str, input: Value| {
            let place = (own.id.as_str(), region);
            Call::by_service("console.amazonaws.com", service, operation, place, input)
        };
        let label = inside("ssm", "GetParameter", json!({ "Name": "/landlord/tenant" }));
        let label = world.aws().perform(&label).await;
        let text = label.ok().and_then(|it| it["Parameter"]["Value"].as_str().map(str::to_owned));
        if !text.as_ref().is_some_and(|text| text.contains(id)) {
            found.push(format!("{id} is ready without its label in {region}: {text:?}"));
        }
    }
    let home = ("servicequotas", "ListRequestedServiceQuotaChangeHistory");
    let place = (own.id.as_str(), "eu-central-1");
    let call = Call::by_service("console.amazonaws.com", home.0, home.1, place, json!({}));
    let asked = world
        .aws()
        .perform(&call)
        .await
        .map_err(|source| Error::Call { call: format!("{}:{}", home.0, home.1), source })?;
    let mut quotas: BTreeMap<String, usize> = BTreeMap::new();
    for request in asked["RequestedQuotas"].as_array().into_iter().flatten() {
        let code = request["QuotaCode"].as_str().unwrap_or_default().to_owned();
        *quotas.entry(code).or_default() += 1;
    }
    if quotas.is_empty() {
        found.push(format!("{id} is ready and no quota was asked for"));
    }
    for (code, count) in quotas.into_iter().filter(|(_, count)| *count > 1) {
        found.push(format!("{id}: quota {code} was asked for {count} times"));
    }
    Ok(())
}
