//! Watches a world: what must hold after every step, and for every call that Landlord makes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use local_aws::cloudformation::StackInstanceView;
use local_aws::organizations::AccountView;
use local_aws::{Aws, AwsError, Call};
use serde_json::Value;

use super::asked::{Asked, Question};
use super::audit;
use super::injector::Observer;
use super::moments::Moments;
use super::promises::Promises;
use super::schedule::{Slowness, What};
use super::script::account_name;

/// Organizations' limit of creations in progress.
const MOST_CREATIONS: usize = 5;

/// What was seen of an account before.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    unit: String,
    tenant: Option<String>,
    was_home: bool,
}

/// Watches a world step by step.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) aws: Aws,
    pub(super) promises: Promises,
    pub(super) slowness: Slowness,
    state: Mutex<State>,
}

/// What the watch remembers.
#[derive(Debug, Default)]
pub(super) struct State {
    accounts: BTreeMap<String, Seen>,
    /// Names of accounts that people laid hands on, and whether that can hide whose they are.
    tampered: BTreeMap<String, bool>,
    violations: Vec<String>,
    /// Stack instances that were seen to be current, and since when: stack set, account, Region.
    pub(super) current: BTreeMap<(String, String, String), Timestamp>,
    /// The operations that named an account: by stack set and account.
    pub(super) enrolments: BTreeMap<(String, String), BTreeSet<String>>,
    /// The execution that each signup event started.
    pub(super) started: BTreeMap<String, String>,
    /// When each end was announced: execution, event.
    pub(super) announced: BTreeMap<(String, String), Vec<Timestamp>>,
    /// Whose account each ready tenant's is.
    pub(super) owners: BTreeMap<String, String>,
    /// Names of the accounts whose tenants left at any time.
    pub(super) left: BTreeSet<String>,
    /// Names of the accounts that people hold or protect, and since when.
    pub(super) held: BTreeMap<String, Timestamp>,
    /// Names of the accounts that were asked to be closed, and when first.
    pub(super) closings: BTreeMap<String, Timestamp>,
    /// What was asked of Landlord.
    pub(super) asked: Asked,
    /// Names of the accounts that AWS Support reopened, and when.
    pub(super) reopened: BTreeMap<String, Timestamp>,
    /// Since when everything irreversible is stopped, if it is.
    pub(super) stopped: Option<Timestamp>,
    /// The events that were answered.
    pub(super) answered: BTreeSet<String>,
    /// The first answer to each event, beside that its tenant is admitted: its name and detail.
    pub(super) said: BTreeMap<String, (String, Value)>,
    /// When what was last seen to hold of each account, by its id.
    pub(super) moments: BTreeMap<String, Moments>,
}

impl State {
    /// Whether people laid hands on the account, or on the execution that makes it.
    pub(super) fn is_tampered(&self, account: &AccountView) -> bool {
        self.is_named_tampered(&account.name)
    }

    /// The same, of the account of this name.
    pub(super) fn is_named_tampered(&self, name: &str) -> bool {
        self.tampered.contains_key(name)
    }

    /// Whether people may have hidden the tenant's account from Landlord.
    pub(super) fn is_hidden(&self, tenant: &str) -> bool {
        self.tampered.get(&format!("tenant-{tenant}")).is_some_and(|hidden| *hidden)
    }
}

impl Observer for Watch {
    fn ended(&self, step: &str) {
        self.look(step);
    }

    fn performed(&self, caller: &str, call: &Call, result: &Result<Value, AwsError>) {
        let Ok(answer) = result else { return };
        let mut state = self.state();
        if matches!(call.operation.as_str(), "PutEvents" | "MoveAccount" | "TagResource") {
            self.see(&mut state, &self.aws.accounts(), &self.aws.stack_instances());
        }
        let found = audit::audit(self, &mut state, caller, (call, answer));
        note(&mut state, &format!("{caller}'s {}", call.operation), found);
    }

    fn performed_outside(&self, call: &Call, result: &Result<Value, AwsError>) {
        let Ok(answer) = result else { return };
        self.state().asked.note(call, answer, self.now());
    }
}

impl Watch {
    pub(super) fn new(aws: &Aws, promises: Promises, slowness: Slowness) -> Self {
        Self { aws: aws.clone(), promises, slowness, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// People laid hands on the tenant.
    pub(super) fn tampered(&self, tenant: usize, what: &What) {
        let mut state = self.state();
        let hidden = state.tampered.entry(account_name(tenant)).or_default();
        *hidden |= what.hides_the_account();
    }

    /// Something happened from outside.
    pub(super) fn happened(&self, what: &What) {
        let now = self.now();
        let mut state = self.state();
        match what {
            What::Leave { tenant }
            | What::LeaveLate { tenant }
            | What::Life { tenant, leaves: true, .. } => {
                state.left.insert(account_name(*tenant));
            }
            What::Hold { tenant } | What::Protect { tenant } => {
                state.held.entry(account_name(*tenant)).or_insert(now);
            }
            What::Reopen { tenant } => {
                state.reopened.insert(account_name(*tenant), now);
            }
            What::StopThrown => state.stopped = Some(now),
            What::StopTakenBack => state.stopped = None,
            _ => {}
        }
    }

    /// When the tenant's account was asked to be closed, if it was.
    pub(super) fn closing(&self, tenant: usize) -> Option<Timestamp> {
        self.state().closings.get(&account_name(tenant)).copied()
    }

    /// What was asked and never answered.
    pub(super) fn unanswered(&self) -> Vec<Question> {
        let state = self.state();
        let all = state.asked.all().filter(|(id, _)| !state.answered.contains(*id));
        all.map(|(_, question)| question.clone()).collect()
    }

    /// What was asked about a tenant, in the order in which it was put.
    pub(super) fn asked_of(&self, tenant: &str) -> Vec<Question> {
        let state = self.state();
        let all = state.asked.all().filter(|(_, question)| question.tenant() == tenant);
        let mut all: Vec<Question> = all.map(|(_, question)| question.clone()).collect();
        all.sort_by_key(|question| question.put);
        all
    }

    /// Every instance may be deployed again from now on.
    pub(super) fn stack_set_changes(&self) {
        self.state().current.clear();
    }

    pub(super) fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    pub(super) fn is_violated(&self) -> bool {
        !self.state().violations.is_empty()
    }

    /// When each end was announced: execution, event.
    pub(super) fn announced(&self) -> BTreeMap<(String, String), Vec<Timestamp>> {
        self.state().announced.clone()
    }

    /// The time of the world.
    pub(super) fn now(&self) -> Timestamp {
        self.aws.now()
    }

    /// Looks at the world after a step; `step` says which.
    pub(super) fn look(&self, step: &str) {
        let accounts = self.aws.accounts();
        let mut state = self.state();
        let mut found = Vec::new();
        let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
        for account in &accounts {
            if account.state == "ACTIVE" {
                *by_name.entry(&account.name).or_default() += 1;
            }
            self.look_at(&mut state, account, &mut found);
        }
        for (name, count) in by_name {
            if count > 1 && !state.tampered.contains_key(name) {
                found.push(format!("{count} accounts are called {name}"));
            }
        }
        let creations = self.aws.most_creations_in_progress();
        if creations > MOST_CREATIONS {
            found.push(format!("{creations} creations were in progress"));
        }
        self.operations(&mut found);
        let (mut there, now) = (BTreeSet::new(), self.now());
        let instances = self.aws.stack_instances();
        self.see(&mut state, &accounts, &instances);
        for it in instances {
            let key = (it.stack_set, it.account, it.region);
            if it.status == "CURRENT" {
                state.current.entry(key.clone()).or_insert(now);
            } else if it.status == "OUTDATED" {
                state.current.remove(&key);
            }
            there.insert(key);
        }
        // Whose stacks were withdrawn may come back, and gets them anew.
        state.current.retain(|key, _| there.contains(key));
        note(&mut state, step, found);
    }

    /// Takes in when what holds of the accounts.
    fn see(&self, state: &mut State, accounts: &[AccountView], instances: &[StackInstanceView]) {
        for account in accounts {
            let moments = state.moments.entry(account.id.clone()).or_default();
            moments.see(&self.aws, &self.promises, account, instances);
        }
    }

    /// One enrolment at a time for each stack set.
    fn operations(&self, found: &mut Vec<String>) {
        let mut open: BTreeMap<String, usize> = BTreeMap::new();
        for operation in self.aws.stack_set_operations() {
            let is_open = ["QUEUED", "RUNNING", "STOPPING"].contains(&operation.status);
            if is_open && operation.action == "CREATE" {
                *open.entry(operation.stack_set).or_default() += 1;
            }
        }
        for (stack_set, count) in open.into_iter().filter(|(_, count)| *count > 1) {
            found.push(format!("{count} enrolments of {stack_set} are open at once"));
        }
    }

    fn look_at(&self, state: &mut State, account: &AccountView, found: &mut Vec<String>) {
        let tampered = state.is_tampered(account);
        let tenant = account.tags.get("landlord:tenant").cloned();
        let is_home = self.promises.is_home(&account.parent_name);
        let name = &account.name;
        let before = state.accounts.get(&account.id).cloned();
        if !tampered {
            let has_left = state.left.contains(name);
            if account.state != "ACTIVE" && !state.closings.contains_key(name) {
                found.push(format!("{name} is {}", account.state));
            }
            if let Some(before) = &before {
                if before.was_home && before.unit != account.parent_name && !has_left {
                    found.push(format!(
                        "{name} lived in {} and stands in {}",
                        before.unit, account.parent_name
                    ));
                }
                if before.tenant.is_some() && before.tenant != tenant {
                    found.push(format!("{name} was {:?}'s and is {tenant:?}'s", before.tenant));
                }
            }
            if is_home && before.as_ref().is_some_and(|before| !before.was_home) {
                self.comes_home(account, found);
            }
        }
        // Who left may come back by way of Onboarding, and is looked at again then.
        let stays = account.parent_name != "Onboarding";
        let was_home = is_home || before.is_some_and(|it| it.was_home && !tampered && stays);
        let seen = Seen { unit: account.parent_name.clone(), tenant, was_home };
        state.accounts.insert(account.id.clone(), seen);
    }

    /// Nobody leaves the quarantine before the baseline is there.
    fn comes_home(&self, account: &AccountView, found: &mut Vec<String>) {
        for (stack_set, region) in self.missing_of_the_baseline(account) {
            found.push(format!(
                "{} lives in {} without {stack_set} in {region}",
                account.name, account.parent_name
            ));
        }
    }

    /// The instances of its tier's baseline that an account lacks: stack set, Region.
    pub(super) fn missing_of_the_baseline(&self, account: &AccountView) -> Vec<(String, String)> {
        let tier = account.tags.get("landlord:tier").map(String::as_str).unwrap_or_default();
        let instances = self.aws.stack_instances();
        let promise = self.promises.tier(tier).unwrap_or_default();
        let baseline = promise.baseline.iter();
        baseline
            .flat_map(|set| set.regions.iter().map(move |region| (&set.name, region)))
            .filter(|(stack_set, region)| {
                !instances.iter().any(|it| {
                    it.account == account.id
                        && it.stack_set == **stack_set
                        && it.region == **region
                        && it.status != "INOPERABLE"
                        && (it.status == "CURRENT" || self.was_current(it))
                })
            })
            .map(|(stack_set, region)| (stack_set.clone(), region.clone()))
            .collect()
    }

    /// Deployed before somebody changed the stack set: it is outdated, not missing.
    fn was_current(&self, instance: &StackInstanceView) -> bool {
        instance.status == "OUTDATED"
            && self.aws.stack_set_operations().iter().any(|operation| {
                operation.stack_set == instance.stack_set && operation.action == "UPDATE"
            })
    }
}

fn note(state: &mut State, step: &str, found: Vec<String>) {
    for violation in found {
        let violation = format!("after {step}: {violation}");
        if !state.violations.iter().any(|known| what_of(known) == what_of(&violation)) {
            state.violations.push(violation);
        }
    }
}

/// A violation without the step after which it was seen first.
fn what_of(violation: &str) -> &str {
    violation.split_once(": ").map_or(violation, |(_, what)| what)
}
