//! The other accounts that wait for the same, and can share an operation.
//!
//! An account that finds the stack set busy notes that it waits: a file of the runs bucket, named
//! by the stack set, by what the account needs of it, and by the account. Whatever starts the next
//! operation takes the noted ones along. So a step reads those that wait now, and not the accounts
//! that stand in Onboarding for their quotas; and what an account needs is its own execution's
//! word, not that of a tag.

use jiff::{SignedDuration, Timestamp};
use lifecycle::{AccountId, Baseline, BaselineStackSet};

use crate::error::Stop;
use crate::handler::App;
use crate::stack_sets::Enrolment;

/// A note older than this is of an execution that does not come back: the longest wait between two
/// calls, and a quarter, is below.
const NOTES_COUNT: SignedDuration = SignedDuration::from_hours(1);
/// A note that is younger than this is not written again.
const NOTES_LAST: SignedDuration = SignedDuration::from_mins(25);
/// How many other accounts are looked at in one call; those that are left wait for the next
/// operation. AWS creates fewer in the time that an operation takes.
const MOST_LOOKS: usize = 40;

/// Where the accounts are noted that wait for the stack set in these Regions, with these overrides.
fn prefix(stack_set: &BaselineStackSet) -> String {
    let needs = Baseline::new(vec![stack_set.clone()]).hash;
    format!("enrolling/{}/{needs}/", stack_set.name)
}

fn key(stack_set: &BaselineStackSet, account: &AccountId) -> String {
    format!("{}{account}", prefix(stack_set))
}

/// Notes that the account waits, unless that was noted a short while ago. Says when it was noted.
pub(crate) async fn note(
    app: &App,
    stack_set: &BaselineStackSet,
    account: &AccountId,
    noted: Option<Timestamp>,
    now: Timestamp,
) -> Result<Timestamp, Stop> {
    if let Some(noted) = noted.filter(|noted| now.duration_since(*noted) < NOTES_LAST) {
        return Ok(noted);
    }
    let key = key(stack_set, account);
    app.files.write_json(&key, &now).await.map_err(|trouble| Stop::of(trouble, account))?;
    Ok(now)
}

/// Takes the note back: the account waits no more.
pub(crate) async fn take_back(
    app: &App,
    stack_set: &BaselineStackSet,
    account: &AccountId,
) -> Result<(), Stop> {
    let removed = app.files.remove(&key(stack_set, account)).await;
    removed.map_err(|trouble| Stop::of(trouble, account))
}

/// The others that wait for the same and have no instance of the stack set.
pub(crate) async fn others(
    enrolment: &Enrolment<'_>,
    now: Timestamp,
) -> Result<Vec<AccountId>, Stop> {
    let Enrolment { app, account_id, stack_set, .. } = enrolment;
    let prefix = prefix(stack_set);
    let notes = app.files.listed(&prefix).await.map_err(|trouble| Stop::of(trouble, account_id))?;
    let mut noted: Vec<(Timestamp, AccountId)> = notes
        .into_iter()
        .filter(|note| now.duration_since(note.written) < NOTES_COUNT)
        .filter_map(|note| Some((note.written, note.key.strip_prefix(&prefix)?.parse().ok()?)))
        .filter(|(_, account)| account != *account_id)
        .collect();
    // Those that were noted first have waited longest.
    noted.sort();
    let mut waiting = Vec::new();
    for (_, account) in noted.into_iter().take(MOST_LOOKS) {
        if enrolment.instances_of(&account).await?.is_empty() {
            waiting.push(account);
        }
    }
    Ok(waiting)
}
