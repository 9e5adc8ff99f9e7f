//! What every call that Landlord makes must keep to, whatever happens around it. The calls are
//! looked at when they were carried out, their answers on their way or lost.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lifecycle::rollout::{self, Logged};
use local_aws::Call;
use local_aws::organizations::AccountView;
use serde_json::Value;

use super::answers;
use super::watch::{State, Watch};

/// The tag without which an account is none of Landlord's business.
const TENANT: &str = "landlord:tenant";
/// How old an answer can be on which a call rests, besides what lists and tags lag: a stale read,
/// a call that was held back, and the time between the two.
const OLD_NEWS: Duration = Duration::from_secs(180);
/// How many operations that enrol an account in one stack set an execution may order: AWS fails
/// it three times, and somebody updates the stack set in between. One that is ordered again by
/// its id is the same.
const MOST_ENROLMENTS: usize = 5;
/// And how many more after a rollout that failed it: three attempts begin anew.
const AFTER_A_ROLLOUT: usize = 3;

/// The moves that there are, by who makes them: from where to where. `home` is any unit in which
/// tenants live.
const MOVES: [(&str, &str, &str); 10] = [
    ("place-account", "Root", "Onboarding"),
    ("place-account", "Onboarding", "home"),
    ("place-account", "Retiring", "Suspended"),
    ("retire-tenant", "home", "Retiring"),
    ("retire-tenant", "Root", "Retiring"),
    ("retire-tenant", "Onboarding", "Retiring"),
    ("retire-tenant", "Retiring", "home"),
    ("retire-tenant", "Retiring", "Onboarding"),
    ("retire-tenant", "Suspended", "home"),
    ("retire-tenant", "Suspended", "Onboarding"),
];

/// What a call broke.
pub(super) fn audit(
    watch: &Watch,
    state: &mut State,
    caller: &str,
    (call, answer): (&Call, &Value),
) -> Vec<String> {
    let mut found = Vec::new();
    match (call.service, call.operation.as_str()) {
        ("organizations", "MoveAccount") => moved(watch, state, caller, call, &mut found),
        ("organizations", "TagResource" | "UntagResource") => tagged(watch, call, &mut found),
        ("organizations", "CreateAccount") => ordered(watch, state, call, &mut found),
        ("organizations", "CloseAccount") => closed(watch, state, call, &mut found),
        ("cloudformation", "DeleteStackInstances") => withdrawn(watch, state, call, &mut found),
        ("cloudformation", "CreateStackInstances") => enrolled(watch, state, call, &mut found),
        // From here on every instance may be deployed again.
        ("cloudformation", "UpdateStackSet") => state.current.clear(),
        ("states", "StartExecution") => started(state, call, &mut found),
        ("events", "PutEvents") => {
            announced(watch, state, caller, (call, answer), &mut found);
        }
        _ => {}
    }
    found
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

fn account_of(watch: &Watch, id: &str) -> Option<AccountView> {
    watch.aws.accounts().into_iter().find(|account| account.id == id)
}

/// An account moves only from where it may, and only if it is a tenant's.
fn moved(watch: &Watch, state: &State, caller: &str, call: &Call, found: &mut Vec<String>) {
    let name = |member: &str| watch.promises.name_of(text(&call.input, member));
    let (from, to) = (name("SourceParentId"), name("DestinationParentId"));
    let is = |wanted: &str, unit: &str| {
        if wanted == "home" { watch.promises.is_home(unit) } else { wanted == unit }
    };
    let is_allowed = MOVES
        .iter()
        .any(|(who, source, target)| *who == caller && is(source, from) && is(target, to));
    let id = text(&call.input, "AccountId");
    if !is_allowed {
        found.push(format!("account {id} was moved from {from} to {to}"));
    }
    let Some(account) = account_of(watch, id) else { return };
    if is_a_strangers(&account) {
        found.push(format!("{}, which is no tenant's, was moved", account.name));
    }
    if to == "Retiring" && !state.left.contains(&account.name) {
        found.push(format!("{} was retired, and its tenant had not left", account.name));
    }
    if to == "Suspended" {
        is_due(watch, state, &account, "suspended", found);
    }
}

/// Only who left, cooled off and is not held may lose anything.
fn is_due(
    watch: &Watch,
    state: &State,
    account: &AccountView,
    what: &str,
    found: &mut Vec<String>,
) {
    let (now, name) = (watch.now(), &account.name);
    let tag = |key: &str| account.tags.get(key).map(String::as_str);
    if !state.left.contains(name) {
        found.push(format!("{name} was {what}, and its tenant had not left"));
    }
    let stopped = state.stopped.is_some_and(|since| is_old(now, since));
    if stopped && what != "suspended" {
        found.push(format!("{name} was {what} while everything irreversible is stopped"));
    }
    if state.is_tampered(account) {
        return;
    }
    if tag(TENANT).is_none() {
        found.push(format!("{name} was {what} without its tenant's tag"));
    }
    // Who comes back takes this tag away first; what was under way then ends.
    let after = tag("landlord:retire-after").and_then(|text| text.parse::<Timestamp>().ok());
    if after.is_some_and(|after| after > now) {
        found.push(format!("{name} was {what} while it cools off"));
    }
    let held = state.held.get(name);
    if held.is_some_and(|since| is_old(now, *since)) {
        found.push(format!("{name} was {what} while somebody holds it"));
    }
}

/// Whether it is older than what a call can rest on.
fn is_old(now: Timestamp, since: Timestamp) -> bool {
    now.duration_since(since).unsigned_abs() > OLD_NEWS
}

/// There is no way back from a closing: every guard, as AWS has it at that moment.
fn closed(watch: &Watch, state: &mut State, call: &Call, found: &mut Vec<String>) {
    let id = text(&call.input, "AccountId");
    let Some(account) = account_of(watch, id) else { return };
    let name = account.name.clone();
    state.closings.entry(name.clone()).or_insert_with(|| watch.now());
    is_due(watch, state, &account, "closed", found);
    let tenant = account.tags.get(TENANT).map(String::as_str).unwrap_or_default();
    let reopened = state.reopened.get(&name);
    let mut life = state.asked.of_life(tenant);
    if reopened.is_some_and(|at| !life.any(|it| it.is_leaving() && it.put > *at)) {
        found.push(format!("{name} was reopened, and closed once more at nobody's word"));
    }
    if state.is_tampered(&account) {
        return;
    }
    for key in ["landlord:retire-after", "landlord:closing-requested-at"] {
        if !account.tags.contains_key(key) {
            found.push(format!("{name} was closed without the tag {key}"));
        }
    }
    if account.tags.get("landlord:lifecycle").map(String::as_str) != Some("RETIRING") {
        found.push(format!("{name} was closed, and its tenant had come back"));
    }
    if account.parent_name != "Suspended" {
        found.push(format!("{name} was closed in {}", account.parent_name));
    }
    let left: Vec<String> = watch
        .aws
        .stack_instances()
        .into_iter()
        .filter(|instance| instance.account == id)
        .map(|instance| format!("{} in {}", instance.stack_set, instance.region))
        .collect();
    if !left.is_empty() {
        found.push(format!("{name} was closed with its stacks: {}", left.join(", ")));
    }
}

/// Stacks go only with who goes.
fn withdrawn(watch: &Watch, state: &State, call: &Call, found: &mut Vec<String>) {
    let mut ids = call.texts("Accounts");
    let targets = call.input["DeploymentTargets"]["Accounts"].as_array();
    ids.extend(targets.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    // Of an account that is closed, by whoever it was, nothing is lost: its stacks are left behind.
    let is_open = |account: &AccountView| !["CLOSED", "PENDING_CLOSURE"].contains(&account.state);
    for account in ids.iter().filter_map(|id| account_of(watch, id)).filter(is_open) {
        is_due(watch, state, &account, "emptied", found);
        let is_out = ["Retiring", "Suspended"].contains(&account.parent_name.as_str());
        if !is_out && !state.is_tampered(&account) {
            found.push(format!("{} was emptied in {}", account.name, account.parent_name));
        }
    }
}

/// Whether Landlord never had anything to do with it: not even a tag was taken away.
fn is_a_strangers(account: &AccountView) -> bool {
    !account.tags.keys().any(|key| key.starts_with("landlord:"))
}

fn tagged(watch: &Watch, call: &Call, found: &mut Vec<String>) {
    let id = text(&call.input, "ResourceId");
    let keys: Vec<&str> = call.list("Tags").iter().map(|tag| text(tag, "Key")).collect();
    if keys.contains(&TENANT) {
        found.push(format!("account {id} was given to a tenant by a tag"));
    }
    if let Some(account) = account_of(watch, id)
        && !account.tags.contains_key(TENANT)
    {
        found.push(format!("{}, which is no tenant's, was tagged", account.name));
    }
}

/// Nobody orders an account for a tenant who visibly has one.
fn ordered(watch: &Watch, state: &State, call: &Call, found: &mut Vec<String>) {
    let tags = call.list("Tags");
    let tenant = tags.iter().find(|tag| text(tag, "Key") == TENANT);
    let Some(tenant) = tenant.map(|tag| text(tag, "Value")) else {
        found.push("an account was ordered without its tenant's tag".to_owned());
        return;
    };
    if text(&call.input, "AccountName") != format!("tenant-{tenant}") {
        found.push(format!("{tenant}'s account was ordered under another name"));
    }
    if state.is_hidden(tenant) {
        return;
    }
    let known_after = watch.slowness.tags + watch.slowness.lists + OLD_NEWS;
    for account in watch.aws.accounts() {
        let is_known = watch.now().duration_since(account.joined).unsigned_abs() > known_after;
        // A closed one is of the tenant's past when the signup brings another address.
        let is_past = account.state != "ACTIVE" && account.email != text(&call.input, "Email");
        if is_past {
            continue;
        }
        if is_known && account.tags.get(TENANT).is_some_and(|its| its == tenant) {
            found.push(format!("an account was ordered for {tenant}, who has {}", account.id));
        }
    }
    let name = text(&call.input, "AccountName");
    for (running, since) in watch.aws.creations_in_progress() {
        let age = watch.now().duration_since(since).unsigned_abs();
        if running == name && age > known_after {
            let age = age.as_secs();
            found.push(format!("{tenant}'s account was ordered {age} s ago, and once more"));
        }
    }
}

/// How often the onboarding of the account's tenant began: its executions, and each once more
/// whenever somebody redrove it.
fn runs_of(watch: &Watch, account: &AccountView) -> usize {
    let tenant = account.tags.get(TENANT);
    let executions = watch.aws.executions("landlord-onboard-tenant");
    let of_tenant = executions.iter().filter(|it| {
        let name = it.arn.rsplit(':').next().unwrap_or_default();
        !it.is_child && name.split('_').next() == tenant.map(String::as_str)
    });
    let runs: u64 = of_tenant.map(|it| 1 + it.redrives).sum();
    usize::try_from(runs.max(1)).unwrap_or(usize::MAX)
}

/// Only who waits is enrolled: a tenant's account in Onboarding, without what it is enrolled for.
fn enrolled(watch: &Watch, state: &mut State, call: &Call, found: &mut Vec<String>) {
    let stack_set = text(&call.input, "StackSetName").to_owned();
    let mut ids = call.texts("Accounts");
    let targets = call.input["DeploymentTargets"]["Accounts"].as_array();
    ids.extend(targets.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    let regions = call.texts("Regions");
    let accounts = watch.aws.accounts();
    let operation = text(&call.input, "OperationId").to_owned();
    let alone = ids.len() == 1;
    found.extend(too_early(watch, &stack_set));
    for id in ids {
        let Some(account) = accounts.iter().find(|account| account.id == id) else { continue };
        let ordered = state.enrolments.entry((stack_set.clone(), id.clone())).or_default();
        ordered.insert(operation.clone());
        let count = ordered.len();
        if is_a_strangers(account) {
            found.push(format!("{}, which is no tenant's, was enrolled", account.name));
        }
        // Where people moved an account, StackSets may not enter it: it is tried until the deadline.
        if state.is_tampered(account) {
            continue;
        }
        // What failed by a rollout's template is tried anew when the rollout is over.
        let anew = if is_rolled(watch, &stack_set) { AFTER_A_ROLLOUT } else { 0 };
        if count > MOST_ENROLMENTS * runs_of(watch, account) + anew {
            found.push(format!("{} was enrolled in {stack_set} {count} times", account.name));
        }
        // A live tenant that signs up again is mended where it stands, by an operation of its own, and
        // takes what new tenants take: see `too_early`.
        let mended = alone && runs_of(watch, account) > 1;
        if account.parent_name != "Onboarding" && !mended {
            found.push(format!("{} was enrolled in {}", account.name, account.parent_name));
        }
        // A wave may have brought it what the enrolment is about, while that was on its way.
        let since =
            if is_rolled(watch, &stack_set) { before(watch, OLD_NEWS) } else { watch.now() };
        let has = |region: &String| {
            let key = (stack_set.clone(), id.clone(), region.clone());
            state.current.get(&key).is_some_and(|seen| *seen <= since)
        };
        if let Some(region) = regions.iter().find(|region| has(region)) {
            found.push(format!(
                "{} was enrolled in {stack_set} once more in {region}",
                account.name
            ));
        }
        let promise = account.tags.get("landlord:tier").and_then(|it| watch.promises.tier(it));
        let promised = promise.iter().flat_map(|it| &it.baseline);
        let promised: Vec<&String> =
            promised.filter(|set| set.name == stack_set).flat_map(|set| &set.regions).collect();
        if let Some(region) = regions.iter().find(|region| !promised.contains(region)) {
            found.push(format!("{} was not promised {stack_set} in {region}", account.name));
        }
    }
}

fn before(watch: &Watch, time: Duration) -> Timestamp {
    watch.now() - SignedDuration::try_from(time).unwrap_or_default()
}

/// Whether a rollout of the stack set has begun.
fn is_rolled(watch: &Watch, stack_set: &str) -> bool {
    let mut operations = watch.aws.stack_set_operations().into_iter();
    operations.any(|it| it.stack_set == stack_set && it.id.starts_with(rollout::OPERATION_PREFIX))
}

/// Nobody is enrolled while a rollout may still prove its template, unless the call rests on news
/// from before the rollout's first operation.
fn too_early(watch: &Watch, stack_set: &str) -> Option<String> {
    let mut operations = watch.aws.stack_set_operations();
    operations.retain(|operation| operation.stack_set == stack_set);
    operations.reverse();
    let log = || operations.iter().map(|one| Logged { id: &one.id, created: Some(one.created) });
    let before = before(watch, OLD_NEWS);
    let known = log().filter(|one| one.created.is_some_and(|created| created < before));
    let hold = rollout::hold(known, watch.now())?;
    // Proven meanwhile, or taken back.
    rollout::hold(log(), watch.now())?;
    Some(format!("somebody was enrolled in {stack_set} before {} proved it", hold.newest))
}

/// One signup event starts one execution.
fn started(state: &mut State, call: &Call, found: &mut Vec<String>) {
    let input: Value = serde_json::from_str(text(&call.input, "input")).unwrap_or_default();
    let (event, name) = (text(&input, "eventId"), text(&call.input, "name"));
    if event.is_empty() {
        return;
    }
    let first = state.started.entry(event.to_owned()).or_insert_with(|| name.to_owned());
    if first != name {
        found.push(format!("the same signup started {first} and {name}"));
    }
}

/// What is said on the bus is true, and said no oftener than it has to be.
fn announced(
    watch: &Watch,
    state: &mut State,
    caller: &str,
    (call, answer): (&Call, &Value),
    found: &mut Vec<String>,
) {
    if answer["FailedEntryCount"].as_u64().unwrap_or(0) > 0 {
        return;
    }
    for entry in call.list("Entries") {
        let detail: Value = serde_json::from_str(text(entry, "Detail")).unwrap_or_default();
        let (event, execution) = (text(entry, "DetailType"), text(&detail, "executionArn"));
        // A repeated signup is answered by admit-tenant, each time.
        if caller == "announce-outcome" {
            let key = (execution.to_owned(), event.to_owned());
            state.announced.entry(key).or_default().push(watch.now());
        }
        if event == "TenantReady" {
            ready(watch, state, &detail, found);
        }
    }
    found.extend(answers::judge(watch, state, caller, (call, answer)));
}

/// Who is said to be ready is so in an account of its own.
fn ready(watch: &Watch, state: &mut State, detail: &Value, found: &mut Vec<String>) {
    let (tenant, id) = (text(detail, "tenantId"), text(detail, "accountId"));
    let owner = state.owners.entry(id.to_owned()).or_insert_with(|| tenant.to_owned());
    if owner != tenant {
        found.push(format!("{tenant} and {owner} are ready in the same account"));
    }
    let Some(account) = account_of(watch, id) else {
        found.push(format!("{tenant} is ready in {id}, which does not exist"));
        return;
    };
    if is_a_strangers(&account) {
        found.push(format!("{tenant} is ready in {}, which is no tenant's", account.name));
    }
    if state.is_tampered(&account) {
        return;
    }
    if account.tags.get(TENANT).map(String::as_str) != Some(tenant) {
        found.push(format!("{tenant} is ready in {}", account.name));
    }
}
