//! Whether the gates that a wave deployed work: each is asked to explain itself, as an operator
//! would ask it. That it answers shows nothing: a gate that cannot read its settings answers, too,
//! and vetoes everything from then on, its own repair included.

use aws_sdk_lambda::primitives::Blob;
use futures::{FutureExt, StreamExt, stream};
use gate_rules::{Explanation, Proof};
use lambda_kit::client;
use lambda_kit::sdk::{Refusal, is_transient};
use lifecycle::gate::GATE_FUNCTION;
use lifecycle::{AccountId, RegionName};
use rollout::{Reason, ReasonCode, Standing, Stop};
use serde_json::json;

use crate::accounts::assume;
use crate::handler::App;
use crate::run::{Next, Run};
use crate::state::State;

/// Accounts whose gates are asked in a call.
const ACCOUNTS_IN_CALL: usize = 40;
/// Accounts that are worked on at the same time.
const AT_A_TIME: usize = 10;
/// How often a gate is asked that does not show that it works: a role is new, CloudWatch throttles.
const MOST_TRIES: u32 = 4;
/// Between two tries.
const WAIT_BETWEEN_TRIES: u32 = 30;

/// An account whose gates are asked, with their Regions.
pub(crate) type Place = (AccountId, Vec<RegionName>);

impl Run<'_> {
    /// Has the gates of the wave asked, by StackSets and then to explain themselves; nothing when
    /// the wave ends: all of them work, or it has a reason to stop.
    pub(crate) async fn prove(
        &self,
        state: &mut State,
        standing: &Standing,
    ) -> Result<Option<Next>, Stop> {
        if state.reason.is_some() || standing.succeeded == 0 {
            return Ok(None);
        }
        if state.proves {
            return self.hear_gates(state, standing).await;
        }
        self.prove_gates(state).await?;
        Ok(Some(Next::Wait { seconds: 1, because: "the gates are asked".to_owned() }))
    }

    /// Asks gates that the wave deployed to explain themselves; nothing when all have shown that
    /// they work, or one has not and the wave ends.
    async fn hear_gates(
        &self,
        state: &mut State,
        standing: &Standing,
    ) -> Result<Option<Next>, Stop> {
        let places = self.with_new_gates(standing).await?;
        let some: Vec<_> =
            places.iter().skip(state.proven).take(ACCOUNTS_IN_CALL).cloned().collect();
        if some.is_empty() {
            return Ok(None);
        }
        let Some(reason) = ask(self.app, &some).await? else {
            state.proven += some.len();
            state.proof_tries = 0;
            let because = format!("{} of {} gates work", state.proven, places.len());
            return Ok(Some(Next::Wait { seconds: 1, because }));
        };
        state.proof_tries += 1;
        if state.proof_tries < MOST_TRIES {
            let because = reason.text;
            return Ok(Some(Next::Wait { seconds: WAIT_BETWEEN_TRIES, because }));
        }
        state.reason = Some(reason);
        Ok(None)
    }
}

/// Asks the gates of some accounts. Nothing when all of them work; else the first that does not,
/// and why.
async fn ask(app: &App, places: &[Place]) -> Result<Option<Reason>, Stop> {
    // Boxed, and in a list, as in `gates`.
    let some: Vec<_> = places
        .iter()
        .map(|(account, regions)| ask_account(app, account, regions).boxed())
        .collect();
    let answers: Vec<Result<Option<Reason>, Stop>> =
        stream::iter(some).buffered(AT_A_TIME).collect().await;
    for answer in answers {
        if let Some(reason) = answer? {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}

async fn ask_account(
    app: &App,
    account: &AccountId,
    regions: &[RegionName],
) -> Result<Option<Reason>, Stop> {
    let partition = regions.first().map_or("aws", RegionName::partition);
    let session = assume(app, account, partition, &session_policy(partition, account)).await?;
    let Some(credentials) = session else {
        let why = "it cannot be asked: the account does not let Landlord in";
        return Ok(regions.first().map(|region| unproven(account, region, why)));
    };
    for region in regions {
        let wire = app.wire.assumed(credentials.clone(), region.as_str());
        let asked = client!(aws_sdk_lambda, wire)
            .invoke()
            .function_name(GATE_FUNCTION)
            .payload(Blob::new(Explanation::REQUEST))
            .send()
            .await;
        let proof = match asked {
            Ok(output) => match output.function_error {
                Some(kind) => Proof::Fails(format!("it ended in an error, {kind}")),
                None => Explanation::proof(output.payload.as_ref().map_or(&[][..], Blob::as_ref)),
            },
            Err(error) if is_transient(&error) => {
                return Err(Stop::of("lambda", "Invoke", format!("account {account}"), &error));
            }
            Err(error) => {
                let refusal = Refusal::of("lambda", "Invoke", &error);
                Proof::Fails(format!("it cannot be asked: {refusal}"))
            }
        };
        match proof {
            Proof::Works => {}
            Proof::Fails(why) => return Ok(Some(unproven(account, region, &why))),
        }
    }
    Ok(None)
}

fn unproven(account: &AccountId, region: &RegionName, why: &str) -> Reason {
    Reason {
        code: ReasonCode::GateDoesNotWork,
        text: format!("the gate of account {account} in {region}: {why}"),
    }
}

/// A session that asks the gate and nothing else.
fn session_policy(partition: &str, account: &AccountId) -> String {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": ["lambda:InvokeFunction"],
        "Resource": format!("arn:{partition}:lambda:*:{account}:function:{GATE_FUNCTION}"),
    }]})
    .to_string()
}
