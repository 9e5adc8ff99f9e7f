//! One step: every stack set is looked at, then operations are started for those that need one.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use lifecycle::rollout::{Logged, hold, under_way};
use lifecycle::{BaselineStackSet, OuId, RegionName, StackSetName};

use crate::candidates;
use crate::decide::{Instance, Log, Next, Standing, has_overrides, judge, next_id, read_log};
use crate::error::{Error, Stop};
use crate::handler::{App, Request, left};
use crate::stack_sets::{Enrolment, Work};
use crate::state::State;

/// A sweep starts a deletion within a minute after it saw that the account still leaves.
const DELETION_SHOWS: SignedDuration = SignedDuration::from_secs(120);

/// What is still waited for; nothing when the baseline is as it should be.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    reasons: Vec<String>,
    /// The earliest moment at which something is due: another attempt, or the end of a hold.
    pub(crate) until: Option<Timestamp>,
    /// Whether such moments are all that is waited for.
    pub(crate) only_pauses: bool,
    /// Whether an operation was started by this call.
    pub(crate) starts: bool,
}

impl Waits {
    pub(crate) fn of(because: String) -> Self {
        Self { reasons: vec![because], ..Self::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.reasons.is_empty()
    }

    pub(crate) fn because(self) -> String {
        self.reasons.join("; ")
    }

    fn add(&mut self, because: String) {
        self.only_pauses = false;
        self.reasons.push(because);
    }

    /// Something that is waited for until then at most, and may come before.
    fn hold(&mut self, because: String, until: Timestamp) {
        self.add(because);
        self.until = Some(self.until.map_or(until, |other| other.min(until)));
    }

    fn pause(&mut self, because: String, until: Timestamp) {
        self.only_pauses = self.reasons.is_empty() || self.only_pauses;
        self.until = Some(self.until.map_or(until, |other| other.min(until)));
        self.reasons.push(because);
    }
}

/// A stack set that needs an operation.
struct Need<'a> {
    enrolment: Enrolment<'a>,
    work: Work,
    regions: Vec<RegionName>,
    open_to_others: bool,
    /// Whether it is deployed in all of them, from what the set was before. Then no operation of
    /// others takes it along, for these are about accounts without an instance.
    outdated: bool,
}

/// One call of the function.
pub(crate) struct Step<'a> {
    pub(crate) app: &'a App,
    pub(crate) request: &'a Request,
    pub(crate) now: Timestamp,
    pub(crate) state: State,
}

impl<'a> Step<'a> {
    /// Takes the step.
    pub(crate) async fn take(&mut self) -> Result<Waits, Stop> {
        let request = self.request;
        let unit = request.organizational_unit_id.as_ref();
        let unit = unit.unwrap_or(&self.app.config.onboarding);
        let stack_sets = &request.tenant.baseline.stack_sets;
        let (mut waits, mut needs) = (Waits::default(), Vec::new());
        let mut current: BTreeSet<&StackSetName> = BTreeSet::new();
        for stack_set in stack_sets {
            let account_id = &request.account_id;
            let enrolment = Enrolment { app: self.app, account_id, unit, stack_set };
            match self.look(enrolment, &mut waits).await? {
                Look::Current => {
                    current.insert(&stack_set.name);
                }
                Look::Waits => {}
                Look::Needs(need) => needs.push(need),
            }
        }
        for need in needs {
            let stack_set = need.enrolment.stack_set;
            if let Some(because) = comes_later(stack_set, stack_sets, &current) {
                waits.add(because);
            } else {
                self.operate(&need, &mut waits).await?;
            }
        }
        if waits.is_empty() && request.withdrawn {
            self.see_it_settled(unit, &mut waits).await?;
        }
        // Waiting begins anew with each operation that this execution starts.
        if waits.starts || self.state.waiting_since.is_none() {
            self.state.waiting_since = Some(self.now);
        }
        Ok(waits)
    }

    /// An account that comes back from a withdrawal may still have instances that are to be deleted:
    /// none counts before the sweep's last deletion shows in the log, and has ended.
    async fn see_it_settled(&self, unit: &'a OuId, waits: &mut Waits) -> Result<(), Stop> {
        let Request { account_id, execution, tenant, .. } = self.request;
        let elapsed = execution.elapsed(self.now);
        if elapsed < DELETION_SHOWS {
            waits.add("a deletion that was about to start would not be seen yet".to_owned());
            return Ok(());
        }
        for stack_set in &tenant.baseline.stack_sets {
            let enrolment = Enrolment { app: self.app, account_id, unit, stack_set };
            if let Some(deletion) = Box::pin(enrolment.deletion()).await? {
                let name = &stack_set.name;
                waits.add(format!("stack set {name}: {deletion} deletes instances"));
            }
        }
        Ok(())
    }

    /// How the stack set stands in the account.
    async fn look(
        &mut self,
        enrolment: Enrolment<'a>,
        waits: &mut Waits,
    ) -> Result<Look<'a>, Stop> {
        let stack_set = enrolment.stack_set;
        let name = &stack_set.name;
        let instances = enrolment.instances_of(enrolment.account_id).await?;
        if !instances.is_empty() && self.state.noted.contains_key(name) {
            candidates::take_back(self.app, stack_set, enrolment.account_id).await?;
            self.state.noted.remove(name);
        }
        let (attempts, limit) = (self.state.attempts.get(name), self.app.config.max_attempts);
        let (next, attempts) =
            judge(&stack_set.regions, &instances, attempts.cloned(), limit, self.now);
        self.state.attempts.insert(name.clone(), attempts);
        Ok(match next {
            Next::Current => {
                let regions = self.with_other_overrides(&enrolment, &instances).await?;
                let mended = self.state.mended.get(name).copied().unwrap_or_default();
                if let Some(region) = regions.first().filter(|_| mended >= limit) {
                    return Err(Stop::Failed(Error::BaselineFailed {
                        stack_set: name.clone(),
                        account_id: enrolment.account_id.clone(),
                        region: region.clone(),
                        reason: format!(
                            "the instance has other parameters than the tenant's after {mended} \
                             updates"
                        ),
                    }));
                }
                if regions.is_empty() {
                    Look::Current
                } else {
                    let work = Work::Update;
                    let (open_to_others, outdated) = (false, false);
                    Look::Needs(Need { enrolment, work, regions, open_to_others, outdated })
                }
            }
            Next::Wait { regions } => {
                waits.add(format!("stack set {name} is being deployed in {}", list(&regions)));
                Look::Waits
            }
            Next::Pause { region, reason, until } => {
                let because = format!(
                    "stack set {name} failed in {region} and is tried again at {until}: {reason}"
                );
                waits.pause(because, until);
                Look::Waits
            }
            Next::GiveUp { region, reason } => {
                let because = if is_beyond_repair(&instances) {
                    None
                } else {
                    self.by_a_rollout(&enrolment).await?
                };
                let Some(because) = because else {
                    return Err(Stop::Failed(Error::BaselineFailed {
                        stack_set: name.clone(),
                        account_id: enrolment.account_id.clone(),
                        region,
                        reason,
                    }));
                };
                waits.add(format!("stack set {name} failed in {region}, {because}: {reason}"));
                Look::Waits
            }
            Next::Operate { regions, open_to_others } => {
                // Others stand in Onboarding: an account that is live goes alone.
                let is_new = *enrolment.unit == self.app.config.onboarding;
                let open_to_others = open_to_others && is_new;
                let outdated = are_outdated(&regions, &instances);
                let work = Work::Create;
                Look::Needs(Need { enrolment, work, regions, open_to_others, outdated })
            }
        })
    }

    /// Why what failed is not final: the set's template is a rollout's that may be taken back, or
    /// was one until now. Then it is tried anew with what the set has. Nothing when no rollout had
    /// a part in it. A tenant is not failed for a change that does not last.
    async fn by_a_rollout(&mut self, enrolment: &Enrolment<'_>) -> Result<Option<String>, Stop> {
        let name = &enrolment.stack_set.name;
        let operations = enrolment.operations().await?;
        if let Some(newest) = under_way(operations.iter().map(|one| one.id.as_str())) {
            self.state.unproven.insert(name.clone());
            return Ok(Some(format!("and its rollout ({newest}) is under way")));
        }
        if !self.state.unproven.remove(name) {
            return Ok(None);
        }
        self.state.attempts.entry(name.clone()).or_default().forgive();
        Ok(Some("and is tried again, for its rollout is over".to_owned()))
    }

    /// The Regions in which the instance has other parameters than the tenant's.
    async fn with_other_overrides(
        &mut self,
        enrolment: &Enrolment<'_>,
        instances: &[Instance],
    ) -> Result<Vec<RegionName>, Stop> {
        let stack_set = enrolment.stack_set;
        let mut others = Vec::new();
        for region in &stack_set.regions {
            let instance = instances.iter().find(|instance| instance.region == *region);
            let last = instance.and_then(|instance| instance.last_operation_id.as_ref());
            let seen = self.state.seen.get(&stack_set.name).and_then(|seen| seen.get(region));
            if last.is_some() && last == seen {
                continue;
            }
            // Gone between two reads: the next call sees that it is not there.
            let Some(found) = enrolment.overrides_in(region).await? else {
                others.push(region.clone());
                continue;
            };
            if !has_overrides(&found, &stack_set.parameter_overrides) {
                others.push(region.clone());
            } else if let Some(last) = last {
                let seen = self.state.seen.entry(stack_set.name.clone()).or_default();
                seen.insert(region.clone(), last.clone());
            }
        }
        Ok(others)
    }

    /// Starts an operation for the account and all that wait for the same, unless one is on its
    /// way.
    async fn operate(&mut self, need: &Need<'_>, waits: &mut Waits) -> Result<(), Stop> {
        let Need { enrolment, work, regions, open_to_others, outdated } = need;
        let (stack_set, account_id) = (enrolment.stack_set, enrolment.account_id);
        let name = &stack_set.name;
        let operations = enrolment.operations().await?;
        let log = operations.iter().map(|one| Logged { id: &one.id, created: one.created });
        if let Some(hold) = hold(log, self.now) {
            // What the set has now may be taken back within minutes. An account that is enrolled
            // later, though it is not proven, goes back with it.
            let (newest, until) = (hold.newest, hold.until);
            waits.hold(
                format!("stack set {name}: its rollout ({newest}) may prove it until {until}"),
                until,
            );
            return Ok(());
        }
        if under_way(operations.iter().map(|one| one.id.as_str())).is_some() {
            // What fails now may fail by the rollout's template, also when it is seen after its end.
            self.state.unproven.insert(name.clone());
        }
        let (operation_id, work, open_to_others) = match read_log(&operations) {
            // It would wait behind each operation that others start for accounts without an
            // instance. An update of this one alone disturbs none of them.
            Log::Busy { .. } if *outdated => (next_id(&operations), Work::Update, false),
            Log::Busy { operation_id } => {
                if *open_to_others {
                    // Whatever starts the next operation takes this account along.
                    let noted = self.state.noted.get(name).copied();
                    let noted =
                        candidates::note(self.app, stack_set, account_id, noted, self.now).await?;
                    self.state.noted.insert(name.clone(), noted);
                }
                waits.add(format!("stack set {name}: {operation_id} comes first"));
                return Ok(());
            }
            Log::Free { operation_id } => (operation_id, *work, *open_to_others),
        };
        let model = enrolment.permission_model().await?;
        let mut accounts = vec![account_id.clone()];
        if open_to_others {
            accounts.extend(candidates::others(enrolment, self.now).await?);
        }
        accounts.sort();
        // A tenant that left meanwhile gets nothing more.
        if let Some(error) = left(self.app, self.request).await {
            return Err(Stop::Failed(error));
        }
        let started = enrolment.start(work, &operation_id, model, &accounts, regions).await?;
        tracing::info!(
            account.id = %account_id,
            operation.id = operation_id,
            accounts = accounts.len(),
            "stack set {name}: {started}"
        );
        if work == Work::Update && !outdated {
            *self.state.mended.entry(name.clone()).or_default() += 1;
        }
        waits.starts = true;
        waits.add(format!("stack set {name}: {started}"));
        Ok(())
    }
}

/// Whether there is a deployed instance in each of the Regions, from what the set was before.
fn are_outdated(regions: &[RegionName], instances: &[Instance]) -> bool {
    regions.iter().all(|region| {
        let here = instances.iter().find(|instance| instance.region == *region);
        here.is_some_and(|instance| instance.standing == Standing::Outdated)
    })
}

/// Whether AWS will not operate on an instance, whatever the set's template is.
fn is_beyond_repair(instances: &[Instance]) -> bool {
    instances.iter().any(|instance| match instance.standing {
        Standing::Inoperable | Standing::Suspended => true,
        Standing::Current | Standing::Working | Standing::Outdated | Standing::Failed => false,
    })
}

/// How a stack set stands in the account.
enum Look<'a> {
    /// As it should be.
    Current,
    /// It is waited for.
    Waits,
    /// It needs an operation.
    Needs(Need<'a>),
}

/// Why a stack set is not operated on yet: one that it comes after is not current. The last one is
/// the account's gate, which is asked before every other operation once it is there, so everything
/// else comes first.
fn comes_later(
    stack_set: &BaselineStackSet,
    all: &[BaselineStackSet],
    current: &BTreeSet<&StackSetName>,
) -> Option<String> {
    let name = &stack_set.name;
    let waited_for: Vec<&str> = stack_set
        .after
        .iter()
        .filter(|before| !current.contains(before))
        .map(StackSetName::as_str)
        .collect();
    if !waited_for.is_empty() {
        return Some(format!("stack set {name} follows {}", waited_for.join(", ")));
    }
    let is_last = all.last().is_some_and(|last| last.name == *name);
    let others_are_current =
        all.iter().all(|other| other.name == *name || current.contains(&other.name));
    (is_last && !others_are_current).then(|| format!("stack set {name} follows the others"))
}

fn list(regions: &[RegionName]) -> String {
    regions.iter().map(RegionName::as_str).collect::<Vec<_>>().join(", ")
}
