//! A session in a tenant's account, that may do only what a policy says.

use lambda_kit::sdk::{Credentials, Trouble};
use lifecycle::AccountId;
use rollout::Stop;

use crate::handler::App;

/// Takes the account's role for 15 minutes. Nothing where the account does not let Landlord in:
/// what it is needed for is worth no stop.
pub(crate) async fn assume(
    app: &App,
    account: &AccountId,
    partition: &str,
    policy: &str,
) -> Result<Option<Credentials>, Stop> {
    match app.operator.assume(account, partition, "landlord-deploy-wave", policy).await {
        Ok(credentials) => Ok(Some(credentials)),
        Err(Trouble::Passing(refusal)) => Err(Stop::Later(format!("account {account}: {refusal}"))),
        Err(Trouble::Refused(refusal)) => {
            tracing::warn!(account.id = %account, "it does not let Landlord in: {refusal}");
            Ok(None)
        }
    }
}
