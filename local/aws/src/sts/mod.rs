//! STS: who a caller is, and sessions of roles.
//!
//! A new account's role refuses for [`Durations::role_ready`](crate::Durations::role_ready)
//! after the account was made, as AWS's do.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::iam::{
    Asker, Document, arns_of, caller_context, credentials_for_role, role_of_arn, trusts,
};
use crate::wire::timestamp;
use crate::{Access, Aws, AwsError, Call, Caller, Principal, State};

/// The most characters of a session policy.
const LONGEST_POLICY: usize = 2_048;

/// Sessions of sessions last at most an hour.
const LONGEST_CHAINED: i64 = 3_600;

/// The permissions that a call needs.
pub(crate) fn access(state: &State, call: &Call) -> Vec<Access> {
    if call.operation != "AssumeRole" {
        // GetCallerIdentity needs none, not even where a policy denies it.
        return Vec::new();
    }
    let arn = call.opt_text("RoleArn").unwrap_or("*");
    // In its own account, a role that a trust policy names needs no permission of its own.
    let (arns, context) = (arns_of(state, &call.caller), crate::iam::Context::default());
    let named = Asker { account: "", arns: &arns, service: None };
    let same = role_of_arn(arn).is_ok_and(|(account, _)| account == call.account);
    if same && trusts(state, arn, &named, &context) {
        return Vec::new();
    }
    vec![with_request(call, Access::to("sts:AssumeRole", arn))]
}

fn with_request(call: &Call, mut access: Access) -> Access {
    for (member, key) in
        [("RoleSessionName", "sts:RoleSessionName"), ("ExternalId", "sts:ExternalId")]
    {
        if let Some(value) = call.opt_text(member) {
            access = access.with(key, value);
        }
    }
    access
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    match call.operation.as_str() {
        "GetCallerIdentity" => Ok(identity(&call.caller)),
        "AssumeRole" => assume_role(aws, call),
        other => Err(AwsError::unknown_operation("sts", other)),
    }
}

fn identity(caller: &Caller) -> Value {
    let id = match &caller.principal {
        Principal::Role { .. } => {
            let session = caller.arn.rsplit('/').next().unwrap_or_default();
            format!("{}:{session}", role_id(&caller.arn))
        }
        _ => "AIDALANDLORDLOCAL000".to_owned(),
    };
    json!({ "UserId": id, "Account": caller.account, "Arn": caller.arn })
}

/// A stable id in AWS's form for a session's role.
fn role_id(arn: &str) -> String {
    let role = arn.rsplit_once('/').map_or(arn, |(role, _)| role);
    let sum =
        role.bytes().fold(17_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    format!("AROA{:017}", sum % 100_000_000_000_000_000)
}

fn assume_role(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("RoleArn")?;
    let session = session_name(call)?;
    let (account, _) = role_of_arn(arn)?;
    let policy = session_policy(call)?;
    let chained = matches!(call.caller.principal, Principal::Role { .. });
    let seconds = duration(call, chained)?;
    {
        let state = aws.lock();
        if !may_assume(aws, &state, call, arn, account) {
            return Err(
                AwsError::access_denied(&call.caller.arn, "sts:AssumeRole", arn, "").status(403)
            );
        }
        let longest = crate::iam::longest_session(&state, arn);
        if seconds > longest {
            return Err(AwsError::validation(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            ));
        }
    }
    let lasts = Duration::from_secs(u64::try_from(seconds).unwrap_or(3600));
    let credentials = credentials_for_role(aws, arn, session, policy, lasts)?;
    let caller = &credentials.caller;
    Ok(json!({
        "Credentials": {
            "AccessKeyId": credentials.access_key,
            "SecretAccessKey": credentials.secret,
            "SessionToken": credentials.token,
            "Expiration": timestamp(credentials.expires),
        },
        "AssumedRoleUser": {
            "AssumedRoleId": format!("{}:{session}", role_id(&caller.arn)),
            "Arn": caller.arn,
        },
    }))
}

/// The role exists, is ready, its account is alive, and its trust policy admits the caller.
fn may_assume(aws: &Aws, state: &State, call: &Call, arn: &str, account: &str) -> bool {
    let ready = state
        .organizations
        .account(account)
        .is_some_and(|account| account.role_ready <= aws.now() && account.is_alive());
    let mut context = caller_context(aws, state, &call.caller);
    for (key, values) in with_request(call, Access::to("", "")).context {
        for value in values {
            context.add(&key, value);
        }
    }
    let arns = arns_of(state, &call.caller);
    let service = match &call.caller.principal {
        Principal::Service(service) => Some(service.as_str()),
        _ => None,
    };
    let asker = Asker { account: &call.caller.account, arns: &arns, service };
    ready && trusts(state, arn, &asker, &context)
}

/// 2 to 64 of `[\w+=,.@-]`.
fn session_name(call: &Call) -> Result<&str, AwsError> {
    let name = call.text("RoleSessionName")?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if (2..=64).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(name);
    }
    Err(AwsError::validation(format!(
        "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy \
         constraint: Member must have 2 to 64 characters of [\\w+=,.@-]"
    )))
}

fn session_policy(call: &Call) -> Result<Option<Arc<Document>>, AwsError> {
    if !call.list("PolicyArns").is_empty() {
        return Err(AwsError::validation(
            "PolicyArns: the local AWS evaluates session policies given as Policy only",
        ));
    }
    let Some(policy) = call.opt_text("Policy") else { return Ok(None) };
    if policy.chars().count() > LONGEST_POLICY {
        return Err(AwsError::validation(format!(
            "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member \
             must have length less than or equal to {LONGEST_POLICY}"
        )));
    }
    let document = Document::identity(policy)
        .map_err(|fault| AwsError::new("MalformedPolicyDocument", fault.to_string()))?;
    Ok(Some(Arc::new(document)))
}

fn duration(call: &Call, chained: bool) -> Result<i64, AwsError> {
    let seconds = call.opt_int("DurationSeconds")?.unwrap_or(3_600);
    if !(900..=43_200).contains(&seconds) {
        return Err(AwsError::validation(format!(
            "DurationSeconds: {seconds} is not between 900 and 43200"
        )));
    }
    if chained && seconds > LONGEST_CHAINED {
        return Err(AwsError::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by \
             role chaining",
        ));
    }
    Ok(seconds)
}
