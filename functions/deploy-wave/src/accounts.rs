//! A session in a tenant's account, that may do only what a policy says.

use lambda_kit::sdk::{Credentials, is_transient, temporary_credentials};
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
    let role = &app.config.role;
    let assumed = app
        .sts
        .assume_role()
        .role_arn(format!("arn:{partition}:iam::{account}:role/{role}"))
        .role_session_name("landlord-deploy-wave")
        .policy(policy)
        .duration_seconds(900)
        .send()
        .await;
    let output = match assumed {
        Ok(output) => output,
        Err(error) if is_transient(&error) => {
            return Err(Stop::of("sts", "AssumeRole", format!("account {account}"), &error));
        }
        Err(error) => {
            let refusal = lambda_kit::sdk::Refusal::of("sts", "AssumeRole", &error);
            tracing::warn!(account.id = %account, "it does not let Landlord in: {refusal}");
            return Ok(None);
        }
    };
    let Some(credentials) = output.credentials else {
        return Err(Stop::Later("STS answered without credentials".into()));
    };
    let credentials = temporary_credentials(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        &credentials.session_token,
        &credentials.expiration,
    );
    credentials.map(Some).map_err(Stop::Later)
}
