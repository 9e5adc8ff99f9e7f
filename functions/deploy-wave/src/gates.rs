//! Opens the gates of accounts on the way back: a veto would keep the old template out, just
//! when it is needed. The override ends by itself.

use aws_sdk_ssm::types::ParameterType;
use futures::stream;
use futures::{FutureExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use lambda_kit::client;
use lambda_kit::sdk::is_transient;
use lifecycle::gate::{GateAction, GateOverride, OVERRIDE_PARAMETER};
use lifecycle::{AccountId, RegionName};
use rollout::{Batch, Header, Stop};
use serde_json::json;

use crate::accounts::assume;
use crate::handler::App;
use crate::state::State;

/// Accounts whose gates are opened in a call.
const ACCOUNTS_IN_CALL: usize = 100;
/// Accounts that are worked on at the same time.
const AT_A_TIME: usize = 10;
/// An override lives at least twice as long as the operation takes, and not less than this.
const SHORTEST_LIFE: SignedDuration = SignedDuration::from_hours(2);
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// Whether the gates are open long enough to begin, or to go on.
pub(crate) fn are_open(state: &State, batch: &Batch, now: Timestamp) -> bool {
    let half = SHORTEST_LIFE.as_secs() / 2;
    state.gates_open >= batch.accounts.len()
        && state.gates_until.is_some_and(|until| until.duration_since(now).as_secs() > half)
}

/// How long the operation may take, doubled.
fn life(state: &State, rounds: usize) -> SignedDuration {
    let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
    let seconds = state.seconds_per_round.unwrap_or(0.0) * f64::from(rounds) * 2.0;
    let life = SignedDuration::try_from_secs_f64(seconds.min(1e6)).unwrap_or(LONGEST_LIFE);
    life.clamp(SHORTEST_LIFE, LONGEST_LIFE)
}

/// Opens some gates of the batch, or renews them.
pub(crate) async fn open(
    app: &App,
    header: &Header,
    state: &mut State,
    (batch, rounds): (&Batch, usize),
    now: Timestamp,
) -> Result<(), Stop> {
    let until = match state.gates_until {
        Some(until) if state.gates_open < batch.accounts.len() => until,
        _ => {
            state.gates_open = 0;
            now.checked_add(life(state, rounds)).unwrap_or(Timestamp::MAX)
        }
    };
    state.gates_until = Some(until);
    let value = GateOverride {
        action: GateAction::Open,
        until,
        reason: format!("the roll-out {} goes back", header.execution),
        by: "landlord".to_owned(),
    };
    let value = serde_json::to_string(&value).unwrap_or_default();
    // Boxed, and in a list: the SDK's futures lie deep within each other, and a closure in a stream
    // would keep all of this from being sent to another thread.
    let some = batch.accounts.iter().skip(state.gates_open).take(ACCOUNTS_IN_CALL);
    let some: Vec<_> =
        some.map(|account| open_account(app, account, &batch.regions, &value).boxed()).collect();
    let results: Vec<Result<(), Stop>> = stream::iter(some).buffered(AT_A_TIME).collect().await;
    for result in results {
        result?;
        state.gates_open += 1;
    }
    Ok(())
}

/// Opens the gates of an account. One that does not let Landlord in is passed over: the
/// operation's own result says how it fares.
async fn open_account(
    app: &App,
    account: &AccountId,
    regions: &[RegionName],
    value: &str,
) -> Result<(), Stop> {
    let partition = regions.first().map_or("aws", RegionName::partition);
    let session = assume(app, account, partition, &session_policy(partition, account)).await?;
    let Some(credentials) = session else { return Ok(()) };
    for region in regions {
        let wire = app.wire.assumed(credentials.clone(), region.as_str());
        let written = client!(aws_sdk_ssm, wire)
            .put_parameter()
            .name(OVERRIDE_PARAMETER)
            .description("Opens or holds the account's gate for a while, written by Landlord")
            .value(value)
            .r#type(ParameterType::String)
            .overwrite(true)
            .send()
            .await;
        match written {
            Ok(_) => {}
            Err(error) if is_transient(&error) => {
                return Err(Stop::of("ssm", "PutParameter", format!("account {account}"), &error));
            }
            Err(error) => {
                let refusal = lambda_kit::sdk::Refusal::of("ssm", "PutParameter", &error);
                tracing::warn!(account.id = %account, "its gate in {region}: {refusal}");
            }
        }
    }
    Ok(())
}

/// A session that reaches the override and nothing else.
fn session_policy(partition: &str, account: &AccountId) -> String {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": ["ssm:PutParameter"],
        "Resource": format!("arn:{partition}:ssm:*:{account}:parameter{OVERRIDE_PARAMETER}"),
    }]})
    .to_string()
}
