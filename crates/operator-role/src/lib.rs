//! Landlord's own role in a tenant's account: how a function takes it, always with a session policy
//! for the one thing that it is about to do.
//!
//! The role is made by `equip-account`, the one function that may take the role of StackSets in any
//! account of Landlord's. An account that has no such role yet (it is new, or older than the role) gets
//! it on the way: whoever is refused asks for it, and tries again.

use aws_sdk_lambda::primitives::Blob;
use lambda_kit::sdk::{Credentials, Refusal, Trouble, Wire, temporary_credentials};
use lambda_kit::{Lookup, client, config};
use lifecycle::{AccountId, Progress, RoleName};
use serde::Deserialize;
use serde_json::json;

/// The path of Landlord's roles, in every account.
const PATH: &str = "landlord/";
/// The shortest session that STS gives: a call of a function is over long before.
const SESSION_SECONDS: i32 = 900;

/// Which role, and who makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `OPERATOR_ROLE_NAME`: the role's name, without its path.
    pub role: RoleName,
    /// `EQUIP_FUNCTION`: the function that makes it.
    pub equip: String,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or refused.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, config::Error> {
        Ok(Self {
            role: config::parsed(lookup, "OPERATOR_ROLE_NAME")?,
            equip: config::required(lookup, "EQUIP_FUNCTION")?,
        })
    }
}

/// What `equip-account` says of an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Equipped {
    /// Whether the role was made just now: IAM may need some seconds until it can be assumed.
    pub made: bool,
}

/// The role, for a function that works in accounts.
#[derive(Debug, Clone)]
pub struct OperatorRole {
    sts: aws_sdk_sts::Client,
    lambda: aws_sdk_lambda::Client,
    settings: Settings,
}

impl OperatorRole {
    /// The role, by this wire.
    pub fn new(wire: &Wire, settings: Settings) -> Self {
        let (sts, lambda) = (client!(aws_sdk_sts, wire), client!(aws_sdk_lambda, wire));
        Self { sts, lambda, settings }
    }

    /// Credentials of the account for 15 minutes, that reach what `policy` says and the role may.
    /// Where the account refuses, its role is made and tried once more.
    ///
    /// # Errors
    /// `Passing` for a throttle, and while a role that was just made can not be assumed yet;
    /// `Refused` where the account does not let Landlord in.
    pub async fn assume(
        &self,
        account: &AccountId,
        partition: &str,
        session: &str,
        policy: &str,
    ) -> Result<Credentials, Trouble> {
        let denied = match self.take(account, partition, session, policy).await {
            Err(Trouble::Refused(refusal)) if refusal.is_denial() => refusal,
            other => return other,
        };
        let made = match self.equip(account).await {
            Ok(Equipped { made }) => made,
            Err(passing @ Trouble::Passing(_)) => return Err(passing),
            Err(Trouble::Refused(why)) => {
                tracing::warn!(account.id = %account, "it has no operator role, and gets none: {why}");
                return Err(Trouble::Refused(denied));
            }
        };
        match self.take(account, partition, session, policy).await {
            Err(Trouble::Refused(refusal)) if made => Err(Trouble::Passing(refusal)),
            other => other,
        }
    }

    /// The account has the role as it has to be, and operators hear of unknown ones beside it.
    ///
    /// # Errors
    /// `Passing` when it comes through later, `Refused` when the account does not let Landlord in.
    pub async fn equip(&self, account: &AccountId) -> Result<Equipped, Trouble> {
        let request = json!({ "accountId": account }).to_string();
        let asked = self
            .lambda
            .invoke()
            .function_name(&self.settings.equip)
            .payload(Blob::new(request))
            .send()
            .await
            .map_err(|error| Trouble::of("lambda", "InvokeFunction", &error))?;
        let payload = asked.payload.as_ref().map_or(&[][..], Blob::as_ref);
        if asked.function_error.is_some() {
            return Err(failed(payload));
        }
        match serde_json::from_slice::<Progress<Equipped>>(payload) {
            Ok(Progress::Done(equipped)) => Ok(equipped),
            Ok(Progress::Pending(pending)) => {
                Err(Trouble::Passing(answer("Pending", &pending.because)))
            }
            Err(error) => Err(Trouble::Refused(answer("Unreadable", &error.to_string()))),
        }
    }

    async fn take(
        &self,
        account: &AccountId,
        partition: &str,
        session: &str,
        policy: &str,
    ) -> Result<Credentials, Trouble> {
        let role = &self.settings.role;
        let output = self
            .sts
            .assume_role()
            .role_arn(format!("arn:{partition}:iam::{account}:role/{PATH}{role}"))
            .role_session_name(session)
            .policy(policy)
            .duration_seconds(SESSION_SECONDS)
            .send()
            .await
            .map_err(|error| Trouble::of("sts", "AssumeRole", &error))?;
        let lost = |message: String| {
            let (service, call, code) = ("sts", "AssumeRole", "NoAnswer".into());
            Trouble::Passing(Refusal { service, call, code, message: message.into() })
        };
        let found =
            output.credentials.ok_or_else(|| lost("STS answered without credentials".into()))?;
        temporary_credentials(
            &found.access_key_id,
            &found.secret_access_key,
            &found.session_token,
            &found.expiration,
        )
        .map_err(lost)
    }
}

fn answer(code: &str, message: &str) -> Refusal {
    Refusal {
        service: "lambda",
        call: "InvokeFunction",
        code: code.into(),
        message: format!("equip-account: {message}").into(),
    }
}

/// Errors that the function names: they do not pass by themselves.
const FINAL: [&str; 5] = [
    "AccessDenied",
    "AwsRefused",
    "InvalidConfiguration",
    "InvalidRequest",
    "OperatorRoleNameTaken",
];

/// What the function says when it fails, or Lambda, when its process ended or ran out of time.
fn failed(payload: &[u8]) -> Trouble {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failure {
        error_type: String,
        #[serde(default)]
        error_message: String,
    }
    match serde_json::from_slice::<Failure>(payload) {
        Ok(failure) => {
            let refusal = answer(&failure.error_type, &failure.error_message);
            match FINAL.contains(&failure.error_type.as_str()) {
                true => Trouble::Refused(refusal),
                false => Trouble::Passing(refusal),
            }
        }
        Err(_) => Trouble::Passing(answer("Failed", "it ended in an error")),
    }
}
