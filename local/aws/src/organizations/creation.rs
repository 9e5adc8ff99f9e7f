//! Creating an account: accepted at once, decided later.

use indexmap::IndexSet;
use serde_json::{Value, json};

use super::paging::Page;
use super::state::{Account, AccountState, Creation, Organizations, Outcome, ROOT};
use super::{constraint, events, invalid, rules, text};
use crate::wire::timestamp;
use crate::{Aws, AwsError, Call};

/// How many creations run at a time.
const MOST_IN_PROGRESS: usize = 5;

/// Accepts a creation and lets it run.
pub(super) fn create_account(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let email = text(call, "Email")?.to_owned();
    let name = text(call, "AccountName")?.to_owned();
    let role = call.opt_text("RoleName").unwrap_or("OrganizationAccountAccessRole").to_owned();
    rules::email(&email)?;
    rules::account_name(&name)?;
    rules::role_name(&role)?;
    if let Some(billing) = call.opt_text("IamUserAccessToBilling")
        && !["ALLOW", "DENY"].contains(&billing)
    {
        return Err(invalid(
            "INVALID_ENUM",
            format!("IamUserAccessToBilling: \"{billing}\" is neither ALLOW nor DENY"),
        ));
    }
    let tags = rules::tags(call)?;
    let id = aws.random(|random| format!("car-{:016x}{:016x}", random.u64(..), random.u64(..)));
    let creation = Creation {
        id: id.clone(),
        name,
        email,
        role,
        tags,
        requested: aws.now(),
        outcome: Outcome::InProgress,
    };
    let (sequence, answer) = {
        let mut state = aws.lock();
        let organizations = &mut state.organizations;
        let taken = organizations.accounts.len() + organizations.creating.len();
        if taken >= organizations.account_limit(aws) {
            return Err(constraint(
                "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
                "You have exceeded the allowed number of AWS accounts.",
            ));
        }
        if organizations.creating.len() >= MOST_IN_PROGRESS {
            return Err(constraint(
                "ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED",
                "You have exceeded the number of accounts that you can create at a time.",
            ));
        }
        let sequence = organizations.next();
        let answer = json!({ "CreateAccountStatus": status(&creation) });
        organizations.creations.insert(sequence, creation);
        organizations.creation_ids.insert(id, sequence);
        organizations.creating.insert(sequence);
        organizations.most_creating = organizations.most_creating.max(organizations.creating.len());
        (sequence, answer)
    };
    let world = aws.clone();
    aws.spawn(async move { run(&world, sequence).await });
    Ok(answer)
}

/// A creation's life after it was accepted.
async fn run(aws: &Aws, sequence: u64) {
    let whole = aws.settings().durations.account_creation;
    let first = whole / 4;
    aws.sleep(first).await;
    let id = new_account_id(aws);
    if !finish(aws, sequence, &id, false).await {
        aws.sleep(whole - first).await;
        finish(aws, sequence, &id, true).await;
    }
}

/// Decides a creation: a failure at once, a success at its end. Says whether it ended.
async fn finish(aws: &Aws, sequence: u64, id: &str, at_end: bool) -> bool {
    let now = aws.now();
    let event = {
        let mut state = aws.lock();
        let organizations = &mut state.organizations;
        let Some(creation) = organizations.creations.get(&sequence).cloned() else { return true };
        let outcome = match refusal(organizations, sequence, &creation) {
            Some(reason) => Outcome::Failed { reason, at: now },
            None if at_end => Outcome::Succeeded { account: id.to_owned(), at: now },
            None => return false,
        };
        organizations.creating.remove(&sequence);
        let creation = Creation { outcome, ..creation };
        let event = event(&creation);
        if let Outcome::Succeeded { .. } = creation.outcome {
            open(aws, &mut state, &creation, id, now);
        }
        state.organizations.creations.insert(sequence, creation);
        event
    };
    events::publish(aws, "CreateAccountResult", event).await;
    true
}

/// Why a creation fails, if it does.
fn refusal(
    organizations: &mut Organizations,
    sequence: u64,
    creation: &Creation,
) -> Option<String> {
    let planned = organizations
        .failures
        .iter()
        .position(|(whose, _)| *whose == creation.name || *whose == creation.email);
    if let Some(planned) = planned {
        return Some(organizations.failures.remove(planned).1);
    }
    let email = creation.email.to_lowercase();
    if organizations.by_email.contains_key(&email) || organizations.emails_outside.contains(&email)
    {
        return Some("EMAIL_ALREADY_EXISTS".to_owned());
    }
    let twin = organizations
        .creating
        .range(..sequence)
        .filter_map(|earlier| organizations.creations.get(earlier))
        .any(|earlier| earlier.email.to_lowercase() == email);
    twin.then(|| "CONCURRENT_ACCOUNT_MODIFICATION".to_owned())
}

/// The new account, with the role that the management account may assume.
fn open(aws: &Aws, state: &mut crate::State, creation: &Creation, id: &str, now: jiff::Timestamp) {
    let durations = &aws.settings().durations;
    let account = Account {
        id: id.to_owned(),
        email: creation.email.clone(),
        name: creation.name.clone(),
        parent: ROOT.to_owned(),
        state: AccountState::Active,
        joined: now,
        joined_method: "CREATED",
        sequence: 0,
        role_ready: aws.after(durations.role_ready),
        services_ready: aws.after(durations.services_ready),
    };
    state.organizations.admit(account);
    state.organizations.tags.set(id, creation.tags.clone(), aws.after(durations.tag_lag));
    crate::iam::found_account(state, id, &creation.role, &aws.settings().management_account, now);
}

pub(super) fn new_account_id(aws: &Aws) -> String {
    new_account_ids(aws, 1).pop().unwrap_or_default()
}

/// So many ids that no account has.
pub(super) fn new_account_ids(aws: &Aws, count: usize) -> Vec<String> {
    let mut ids: IndexSet<String> = IndexSet::with_capacity(count);
    while ids.len() < count {
        let id = aws.random(|random| random.u64(100_000_000_000..1_000_000_000_000)).to_string();
        if !aws.lock().organizations.accounts.contains_key(&id) {
            ids.insert(id);
        }
    }
    ids.into_iter().collect()
}

fn status(creation: &Creation) -> Value {
    let mut status = json!({
        "Id": creation.id,
        "AccountName": creation.name,
        "State": "IN_PROGRESS",
        "RequestedTimestamp": timestamp(creation.requested),
    });
    match &creation.outcome {
        Outcome::InProgress => {}
        Outcome::Succeeded { account, at } => {
            status["State"] = "SUCCEEDED".into();
            status["CompletedTimestamp"] = timestamp(*at);
            status["AccountId"] = account.clone().into();
        }
        Outcome::Failed { reason, at } => {
            status["State"] = "FAILED".into();
            status["CompletedTimestamp"] = timestamp(*at);
            status["FailureReason"] = reason.clone().into();
        }
    }
    status
}

fn event(creation: &Creation) -> Value {
    let mut status = json!({
        "id": creation.id,
        "accountName": "****",
        "requestedTimestamp": events::spoken(creation.requested),
    });
    match &creation.outcome {
        Outcome::InProgress => status["state"] = "IN_PROGRESS".into(),
        Outcome::Succeeded { account, at } => {
            status["state"] = "SUCCEEDED".into();
            status["accountId"] = account.clone().into();
            status["completedTimestamp"] = events::spoken(*at).into();
        }
        Outcome::Failed { reason, at } => {
            status["state"] = "FAILED".into();
            status["failureReason"] = reason.clone().into();
            status["completedTimestamp"] = events::spoken(*at).into();
        }
    }
    json!({ "createAccountStatus": status })
}

pub(super) fn describe_status(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let id = text(call, "CreateAccountRequestId")?;
    let state = aws.lock();
    let organizations = &state.organizations;
    let creation = organizations
        .creation_ids
        .get(id)
        .and_then(|sequence| organizations.creations.get(sequence))
        .ok_or_else(|| {
            AwsError::new(
                "CreateAccountStatusNotFoundException",
                format!("We can't find a create account request with the id {id}."),
            )
        })?;
    Ok(json!({ "CreateAccountStatus": status(creation) }))
}

pub(super) fn list_status(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let page = Page::of(aws, call)?;
    let states = call.texts("States");
    for state in &states {
        if !["IN_PROGRESS", "SUCCEEDED", "FAILED"].contains(&state.as_str()) {
            return Err(invalid("INVALID_ENUM", format!("States: \"{state}\" is no state")));
        }
    }
    let seen = aws.lagging();
    let state = aws.lock();
    let organizations = &state.organizations;
    // A day's worth of creations is long; those in progress are few.
    let only_running = states == ["IN_PROGRESS"];
    let running = organizations.creating.iter().copied().filter(|_| only_running);
    let all = (!only_running).then(|| organizations.creations.range(page.after + 1..));
    let all = all.into_iter().flatten().map(|(sequence, _)| *sequence);
    let items = running
        .chain(all)
        .filter_map(|sequence| Some((sequence, organizations.creations.get(&sequence)?)))
        .filter(|(_, creation)| creation.requested <= seen)
        .map(|(sequence, creation)| (sequence, status(creation)))
        .filter(|(_, status)| {
            states.is_empty() || states.iter().any(|state| status["State"] == state.as_str())
        });
    Ok(page.fill("CreateAccountStatuses", items))
}
