//! One call: the account is entered by the role of StackSets, with a session that reaches the
//! operator role alone; that role is made or mended; and what else is below its path is told.

use lambda_kit::sdk::Wire;
use lambda_kit::{Lookup, client, config};
use lifecycle::{AccountId, Progress, Resume};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::error::{Error, Halt};
use crate::role::Wanted;
use crate::session::Session;

/// After how long a throttled call is worth another try.
const RETRY_AFTER_SECONDS: u32 = 20;

/// What the function is made of.
#[derive(Debug, Clone)]
pub struct App {
    /// For a client of the tenant's account, made as its role is assumed.
    pub(crate) wire: Wire,
    pub(crate) sts: aws_sdk_sts::Client,
    pub(crate) topics: aws_sdk_sns::Client,
    pub(crate) config: Config,
}

impl App {
    /// The function on this wire.
    pub fn new(wire: &Wire, config: Config) -> Self {
        let (sts, topics) = (client!(aws_sdk_sts, wire), client!(aws_sdk_sns, wire));
        Self { wire: wire.clone(), sts, topics, config }
    }

    /// The function as Lambda starts it.
    ///
    /// # Errors
    /// Names the first environment variable that is missing or refused.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, config::Error> {
        Ok(Self::new(&Wire::load(lookup)?, Config::load(lookup)?))
    }
}

/// What another function asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The account. Nothing else can be chosen: whoever may ask can only have done what is due.
    pub account_id: AccountId,
}

/// The account with its operator role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Equipped {
    /// The account.
    pub account_id: AccountId,
    /// Whether the role was made just now: IAM may need some seconds until it can be assumed.
    pub made: bool,
    /// ARNs of roles below `/landlord/` that nobody knows.
    pub unknown_roles: Vec<String>,
}

/// Takes the step.
///
/// # Errors
/// All of [`Error`]; whatever passes by itself is `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Equipped>, Error> {
    // Boxed: the SDK's futures lie deep within each other, and a compiler has to lay them out.
    match Box::pin(equip(app, &request.account_id)).await {
        Ok(equipped) => {
            tracing::info!(
                account.id = %equipped.account_id, made = equipped.made,
                roles.unknown = equipped.unknown_roles.len(), "the account has Landlord's role"
            );
            Ok(Progress::Done(equipped))
        }
        Err(Halt::Wait(because)) => {
            tracing::info!(account.id = %request.account_id, "waiting: {because}");
            let resume = Resume::of(&serde_json::json!({})).map_err(Error::InvalidRequest)?;
            Ok(Progress::pending(RETRY_AFTER_SECONDS, because, resume))
        }
        Err(Halt::Fail(error)) => Err(error),
    }
}

async fn equip(app: &App, account: &AccountId) -> Result<Equipped, Halt> {
    let wanted = Wanted::of(app.wire.region(), account, &app.config);
    let session = Session::open(app, account, &wanted).await?;
    let (made, reported) = session.ensure(&wanted).await?;
    let unknown_roles = session.unknown_roles(&wanted).await?;
    if !unknown_roles.is_empty() {
        session.tell_once(&wanted, &unknown_roles, reported.as_deref()).await?;
    }
    Ok(Equipped { account_id: account.clone(), made, unknown_roles })
}
