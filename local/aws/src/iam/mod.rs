//! Who may do what: roles, their policies, session policies and service control policies; and
//! how often.
//!
//! Policies are evaluated as AWS documents it: an explicit deny anywhere wins; an identity
//! policy has to allow; a session policy, where there is one, has to allow too; and so does, at
//! each level from the root down to the account, one service control policy. A document that
//! says something not evaluated here (an operator, an element, a kind of principal) is refused
//! when it is stored. What another account owns needs that account's resource policy too.
//! Permission boundaries are not supported.

mod across;
mod authorize;
mod calls;
mod condition;
mod credentials;
mod document;
mod pattern;
mod roles;
mod throttle;

use serde_json::Value;

use crate::{Access, Aws, AwsError, Call, Caller, Principal, State};

pub use credentials::{ADMIN_ACCESS_KEY, ADMIN_SECRET, Credentials, credentials_for_role};
pub use document::{Document, Fault};

pub(crate) use authorize::{authorize, caller_context, would_allow};
pub(crate) use credentials::caller;
pub(crate) use document::{Asker, Verdict};
pub(crate) use pattern::Context;
pub(crate) use roles::found_account;
pub(crate) use throttle::throttle;

/// Roles and their policies, keys, request rates.
#[derive(Debug, Default)]
pub(crate) struct Iam {
    store: roles::Store,
    credentials: credentials::Registry,
    buckets: throttle::Buckets,
    used: authorize::Used,
}

/// The permissions that a call needs.
pub(crate) fn access(state: &State, call: &Call) -> Vec<Access> {
    let account = &call.account;
    let resource = match (call.opt_text("RoleName"), call.opt_text("PolicyArn")) {
        (Some(name), _) => state.iam.store.role(account, name).map_or_else(
            || {
                let path = call.opt_text("Path").unwrap_or("/");
                format!("arn:aws:iam::{account}:role{path}{name}")
            },
            |role| role.arn.clone(),
        ),
        (None, Some(arn)) => arn.to_owned(),
        (None, None) if call.operation == "CreatePolicy" => {
            let path = call.opt_text("Path").unwrap_or("/");
            let name = call.opt_text("PolicyName").unwrap_or_default();
            format!("arn:aws:iam::{account}:policy{path}{name}")
        }
        (None, None) => "*".to_owned(),
    };
    let mut access = Access::to(format!("iam:{}", call.operation), resource);
    if let Some(name) = call.opt_text("RoleName") {
        if let Some(role) = state.iam.store.role(account, name) {
            for (key, value) in &role.tags {
                access = access.with(format!("aws:ResourceTag/{key}"), value);
            }
        }
        if let Some(arn) = call.opt_text("PolicyArn") {
            access = access.with("iam:PolicyARN", arn);
        }
    }
    for tag in call.list("Tags") {
        if let (Some(key), Some(value)) = (tag["Key"].as_str(), tag["Value"].as_str()) {
            access = access.with("aws:TagKeys", key).with(format!("aws:RequestTag/{key}"), value);
        }
    }
    vec![access]
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    calls::handle(aws, call)
}

/// The account and the name (without path) in a role's ARN.
pub(crate) fn role_of_arn(arn: &str) -> Result<(&str, &str), AwsError> {
    let wrong = || AwsError::validation(format!("{arn} is not the ARN of a role"));
    let (account, path) = arn
        .strip_prefix("arn:aws:iam::")
        .and_then(|rest| rest.split_once(":role/"))
        .ok_or_else(wrong)?;
    let name = path.rsplit('/').next().filter(|name| !name.is_empty()).ok_or_else(wrong)?;
    Ok((account, name))
}

/// The caller that a role's session is: for services that act with a role (a state machine, a
/// schedule, CloudFormation in a target account). Make calls with it by [`Aws::perform`].
pub(crate) fn session_of(role_arn: &str, session: &str) -> Result<Caller, AwsError> {
    let (account, role) = role_of_arn(role_arn)?;
    Ok(Caller {
        account: account.to_owned(),
        arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
        principal: Principal::Role { role: role.to_owned(), session_policy: None },
    })
}

/// Whether somebody may assume a role: its trust policy allows it, and no resource control
/// policy on the way to the role's account denies it, which binds callers of the management
/// account too. `context` holds the condition keys of the request.
pub(crate) fn trusts(state: &State, arn: &str, asker: &Asker<'_>, context: &Context) -> bool {
    let Ok((account, name)) = role_of_arn(arn) else { return false };
    let trusted = state.iam.store.role(account, name).is_some_and(|role| {
        role.arn == arn
            && role.trust.document.verdict_for(asker, "sts:AssumeRole", arn, context)
                == Verdict::Allows
    });
    let denies = |(_, document): &(&str, &Document)| {
        document.verdict_for(asker, "sts:AssumeRole", arn, context) == Verdict::Denies
    };
    trusted && !state.organizations.resource_control(account).iter().any(denies)
}

/// Whether a role lets a service assume it, such as `lambda.amazonaws.com`.
pub(crate) fn trusts_service(state: &State, arn: &str, service: &str) -> bool {
    let account = role_of_arn(arn).map_or("", |(account, _)| account);
    let asker = Asker { account, arns: &[], service: Some(service) };
    let mut context = Context::default();
    context.add("aws:PrincipalIsAWSService", "true");
    context.add("aws:SourceAccount", account);
    trusts(state, arn, &asker, &context)
}

/// The ARN of a session's role, path included.
pub(crate) fn role_arn_of(state: &State, caller: &Caller) -> Option<String> {
    authorize::role_arn(state, caller)
}

/// The ARNs by which a policy may name a caller: the session's and its role's.
pub(crate) fn arns_of(state: &State, caller: &Caller) -> Vec<String> {
    let mut arns = vec![caller.arn.clone()];
    arns.extend(role_arn_of(state, caller));
    arns
}

/// How many seconds a role's sessions may last.
pub(crate) fn longest_session(state: &State, arn: &str) -> i64 {
    role_of_arn(arn)
        .ok()
        .and_then(|(account, name)| state.iam.store.role(account, name))
        .map_or(3_600, |role| role.longest_session)
}
