//! The operations of a stack set: which is taken, which waits, which begins.
//!
//! Without managed execution one operation runs at a time and others are refused; what StackSets
//! itself starts (automatic deployment) waits. With it, requests wait in their order, and the
//! first of them begins when it conflicts with nothing that runs: neither changes the stack set,
//! and they share no instance.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::errors::{in_progress, limit, repeated_id, stale, validation};
use super::model::{
    Action, Instance, Operation, Phase, Place, RegionRun, Request, SetKey, StackSet, Status,
};
use super::options::StackSetOptions;
use super::{find, find_mut, run, show, template};
use crate::cloudformation::scheduler::{
    OperationStatus, Options, Preferences, RegionTargets, Scheduler,
};
use crate::{Aws, AwsError, Call, State};

/// What a request with an operation id of an earlier one is answered; nothing if it is new.
pub(super) fn repeated(state: &State, call: &Call) -> Result<Option<String>, AwsError> {
    let Some(id) = call.opt_text("OperationId") else { return Ok(None) };
    let set = find(call, state)?;
    if !set.operations.contains_key(id) {
        return Ok(None);
    }
    if !state.cloudformation.stack_sets.options.repeated_id_is_answered {
        return Err(repeated_id(id));
    }
    match set.operations.last() {
        Some((newest, _)) if newest == id => Ok(Some(id.to_owned())),
        _ => Err(stale(id)),
    }
}

fn legal_id(id: &str) -> Result<(), AwsError> {
    let legal = id.len() <= 128
        && id.starts_with(|first: char| first.is_ascii_alphanumeric())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if legal {
        return Ok(());
    }
    Err(validation(format!(
        "1 validation error detected: Value '{id}' at 'operationId' failed to satisfy \
         constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9][-a-zA-Z0-9]*"
    )))
}

/// Takes a request of a caller and answers the operation's id.
pub(super) fn accept(
    aws: &Aws,
    state: &mut State,
    call: &Call,
    request: Request,
) -> Result<String, AwsError> {
    let options = state.cloudformation.stack_sets.options.clone();
    if let Some(known) = repeated(state, call)? {
        return Ok(known);
    }
    let id = match call.opt_text("OperationId") {
        Some(id) => id.to_owned(),
        None => aws.uuid(),
    };
    legal_id(&id)?;
    let set = find_mut(call, state)?;
    if let Some(open) = set.open().next()
        && !set.managed
    {
        return Err(in_progress(set, &open.id));
    }
    let waiting = set.open().filter(|one| one.status() == Phase::Queued).count();
    if waiting >= options.most_queued {
        let most = options.most_queued;
        return Err(limit(format!("The stack set has its {most} queued operations already")));
    }
    scheduler(&request.preferences, &request.targets, &options)
        .map_err(|error| validation(error.to_string()))?;
    if request.action == Action::Create {
        let new = request
            .targets
            .iter()
            .flat_map(|(region, accounts)| accounts.iter().map(|one| (one.clone(), region.clone())))
            .filter(|place| !set.instances.contains_key(place))
            .count();
        if set.instances.len() + new > options.most_instances {
            return Err(limit(format!(
                "A stack set can have at most {} stack instances: it has {}, and {new} were \
                 requested",
                options.most_instances,
                set.instances.len()
            )));
        }
    }
    insert(aws, set, id.clone(), request);
    Ok(id)
}

/// Puts an operation at the end of a stack set's queue; new instances exist from here on.
pub(super) fn insert(aws: &Aws, set: &mut StackSet, id: String, request: Request) {
    let now = aws.now();
    if request.action == Action::Create {
        create_missing(aws, set, &request, &id);
    }
    let operation = Operation {
        id: id.as_str().into(),
        regions: vec![RegionRun::default(); request.targets.len()],
        request,
        definition: set.definition.clone(),
        created: now,
        history: vec![(now, Phase::Queued)],
        scheduler: None,
        stop: Arc::default(),
    };
    set.operations.insert(id, operation);
}

fn create_missing(aws: &Aws, set: &mut StackSet, request: &Request, id: &str) {
    let name = set.name().to_owned();
    let id: Arc<str> = id.into();
    for (region, accounts) in &request.targets {
        for account in accounts {
            let place = (account.clone(), region.clone());
            if set.instances.contains_key(&place) {
                continue;
            }
            let stack = format!("StackSet-{name}-{}", aws.uuid());
            let instance = Instance {
                // A stack's name has at most 128 characters.
                stack_name: if stack.len() > 128 { cut(&name, &aws.uuid()) } else { stack },
                stack_id: None,
                status: Status::Outdated,
                detailed: "PENDING",
                reason: None,
                last_operation: id.clone(),
                overrides: Arc::default(),
                unit: request.units.get(account).cloned(),
            };
            set.instances.insert(place, instance);
        }
    }
}

fn cut(name: &str, uuid: &str) -> String {
    let room = 128 - "StackSet--".len() - uuid.len();
    format!("StackSet-{}-{uuid}", &name[..room.min(name.len())])
}

fn scheduler(
    preferences: &Preferences,
    targets: &[(Arc<str>, Vec<Arc<str>>)],
    options: &StackSetOptions,
) -> Result<Scheduler, crate::cloudformation::scheduler::InvalidOperation> {
    let targets: Vec<RegionTargets> = targets
        .iter()
        .map(|(region, accounts)| RegionTargets::new(region.as_ref(), accounts.len()))
        .collect();
    let options = Options { parallel_excess: options.parallel_excess, ..Options::default() };
    Scheduler::with_options(preferences, &targets, options)
}

/// Begins every operation whose turn it is, and tells of those that wait for the first time.
pub(super) fn advance(aws: &Aws, key: &SetKey) {
    let now = aws.now();
    let mut begun = Vec::new();
    let mut told = Vec::new();
    {
        let mut state = aws.lock();
        let stack_sets = &mut state.cloudformation.stack_sets;
        let options = stack_sets.options.clone();
        let Some(set) = stack_sets.sets.get_mut(key) else { return };
        let arn = set.arn();
        while let Some(id) = next(set) {
            let stop = begin(set, &id, &options, now);
            told.push((arn.clone(), id.clone(), Phase::Begun(OperationStatus::Running)));
            begun.push((id, stop));
        }
        // The newest is the only one that may not have been told of.
        let newest = set.operations.last().map(|(_, newest)| newest);
        if let Some(newest) =
            newest.filter(|one| one.status() == Phase::Queued && one.created == now)
        {
            told.push((arn, newest.id.clone(), Phase::Queued));
        }
    }
    for (arn, id, phase) in told {
        show::announce_operation(aws, key, &arn, &id, phase);
    }
    for (id, stop) in begun {
        run::launch(aws, key, id, stop);
    }
}

/// The first operation that waits, if its turn has come.
fn next(set: &StackSet) -> Option<Arc<str>> {
    let first = set.open().find(|one| one.status() == Phase::Queued)?;
    let mut running = set.open().filter(|one| one.status() != Phase::Queued).peekable();
    if running.peek().is_none() {
        return Some(first.id.clone());
    }
    if !set.managed || first.request.change.is_some() {
        return None;
    }
    let wanted = places(&first.request);
    let clear = running
        .all(|one| one.request.change.is_none() && places(&one.request).is_disjoint(&wanted));
    clear.then(|| first.id.clone())
}

fn places(request: &Request) -> BTreeSet<Place> {
    request
        .targets
        .iter()
        .flat_map(|(region, accounts)| accounts.iter().map(|one| (one.clone(), region.clone())))
        .collect()
}

/// Begins an operation: the stack set changes, its instances wait for their turn.
fn begin(
    set: &mut StackSet,
    id: &Arc<str>,
    options: &StackSetOptions,
    now: jiff::Timestamp,
) -> Arc<tokio::sync::Notify> {
    let Some(mut operation) = set.operations.get_mut(id.as_ref()).map(|one| one.request.clone())
    else {
        return Arc::default();
    };
    if let Some(change) = operation.change.take() {
        set.definition = change.definition;
        set.auto = change.auto.or(set.auto);
        set.managed = change.managed.unwrap_or(set.managed);
        if change.outdates {
            for instance in set.instances.values_mut() {
                if instance.status == Status::Current {
                    instance.status = Status::Outdated;
                }
            }
        }
    }
    retarget(set, &operation);
    for (region, accounts) in &mut operation.targets {
        accounts.retain(|account| {
            let place = (account.clone(), region.clone());
            prepare(
                set.instances.get_mut(&place),
                &operation_view(&operation.overrides, operation.action),
                id,
            )
        });
    }
    let definition = set.definition.clone();
    let made = scheduler(&operation.preferences, &operation.targets, options).ok();
    let Some(stored) = set.operations.get_mut(id.as_ref()) else { return Arc::default() };
    stored.request.targets = operation.targets;
    stored.definition = definition;
    stored.scheduler = made;
    stored.history.push((now, Phase::Begun(OperationStatus::Running)));
    stored.stop.clone()
}

type View<'a> = (Option<&'a [super::model::Override]>, Action);

fn operation_view(
    overrides: &Option<Arc<Vec<super::model::Override>>>,
    action: Action,
) -> View<'_> {
    (overrides.as_deref().map(Vec::as_slice), action)
}

/// Makes an instance wait for its turn. False if the operation is not about it any more: it is
/// gone, or no update can reach it.
fn prepare(instance: Option<&mut Instance>, view: &View<'_>, id: &Arc<str>) -> bool {
    let (overrides, action) = *view;
    let Some(instance) = instance else { return false };
    if action == Action::Update && instance.status == Status::Inoperable {
        return false;
    }
    if action != Action::Delete && instance.status == Status::Current {
        instance.status = Status::Outdated;
    }
    instance.detailed = "PENDING";
    instance.reason = None;
    instance.last_operation = id.clone();
    if let Some(given) = overrides {
        let new = template::overridden(&instance.overrides, given);
        if new != *instance.overrides {
            instance.overrides = Arc::new(new);
        }
    }
    true
}

/// Units that are targeted get instances by themselves from now on; those that are withdrawn
/// from do not.
fn retarget(set: &mut StackSet, request: &Request) {
    if !set.service_managed {
        return;
    }
    let Some(targets) = &request.deployment_targets else { return };
    let units = targets["OrganizationalUnitIds"].as_array().into_iter().flatten();
    let regions = request.targets.iter().map(|(region, _)| region.to_string());
    let regions: BTreeSet<String> = regions.collect();
    let whole = targets["Accounts"].as_array().is_none_or(Vec::is_empty);
    for unit in units.filter_map(|unit| unit.as_str()) {
        match request.action {
            Action::Create => {
                set.auto_targets.entry(unit.to_owned()).or_default().extend(regions.clone());
            }
            Action::Delete if whole => {
                if let Some(known) = set.auto_targets.get_mut(unit) {
                    known.retain(|region| !regions.contains(region));
                }
                set.auto_targets.retain(|_, regions| !regions.is_empty());
            }
            _ => {}
        }
    }
}
