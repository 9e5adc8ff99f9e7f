//! Who stands behind an access key.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Document;
use crate::{Aws, AwsError, Caller, Principal, State};

/// The access key of the management account's administrator; its secret is `local`.
pub const ADMIN_ACCESS_KEY: &str = "AKIALANDLORDLOCAL000";

/// The secret that clients sign with for [`ADMIN_ACCESS_KEY`]. Signatures are not checked.
pub const ADMIN_SECRET: &str = "local";

/// Keys for a role's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret: String,
    /// `AWS_SESSION_TOKEN`.
    pub token: String,
    /// When they stop working.
    pub expires: Timestamp,
    /// The session as `GetCallerIdentity` answers it.
    pub caller: Caller,
}

/// All keys that were given out and have not run out.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    issued: BTreeMap<String, Credentials>,
}

/// How many keys are kept before those that ran out are swept.
const SWEEP_ABOVE: usize = 1024;

/// Who the access key stands for.
pub(crate) fn caller(aws: &Aws, key: &str, token: Option<&str>) -> Result<Caller, AwsError> {
    if key == ADMIN_ACCESS_KEY {
        let account = aws.settings().management_account.clone();
        return Ok(Caller {
            arn: format!("arn:aws:iam::{account}:user/administrator"),
            account,
            principal: Principal::Administrator,
        });
    }
    let now = aws.now();
    let state = aws.lock();
    let issued = state
        .iam
        .credentials
        .issued
        .get(key)
        .filter(|issued| token == Some(issued.token.as_str()))
        .ok_or_else(|| {
            AwsError::new(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )
            .status(403)
        })?;
    if issued.expires <= now {
        return Err(AwsError::new(
            "ExpiredTokenException",
            "The security token included in the request is expired",
        )
        .status(403));
    }
    Ok(issued.caller.clone())
}

/// Keys for a session of a role, without asking its trust policy: as Lambda and CloudFormation
/// get theirs. The role need not exist yet; a session of no role may do nothing.
pub fn credentials_for_role(
    aws: &Aws,
    role_arn: &str,
    session: &str,
    session_policy: Option<Arc<Document>>,
    duration: Duration,
) -> Result<Credentials, AwsError> {
    let (account, role) = super::role_of_arn(role_arn)?;
    let caller = Caller {
        account: account.to_owned(),
        arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
        principal: Principal::Role { role: role.to_owned(), session_policy },
    };
    let now = aws.now();
    let (id, secret) = aws.random(|random| (random.u64(..), random.u128(..)));
    let credentials = Credentials {
        access_key: format!("ASIA{id:016X}"),
        secret: format!("{secret:032x}"),
        token: format!("session-{secret:032x}-{id:016x}"),
        expires: now.checked_add(duration).unwrap_or(Timestamp::MAX),
        caller,
    };
    let mut state = aws.lock();
    remember(&mut state, credentials.clone(), now);
    Ok(credentials)
}

fn remember(state: &mut State, credentials: Credentials, now: Timestamp) {
    let issued = &mut state.iam.credentials.issued;
    if issued.len() >= SWEEP_ABOVE && issued.len().is_power_of_two() {
        issued.retain(|_, credentials| credentials.expires > now);
    }
    issued.insert(credentials.access_key.clone(), credentials);
}
