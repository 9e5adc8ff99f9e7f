//! Whether a caller may: identity policies, session policy and service control policies all
//! have to allow, and none may deny.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use super::document::Verdict;
use super::pattern::{Context, Keys};
use crate::{Access, Aws, AwsError, Call, Caller, Principal, State};

/// The services of an account that answer before its others do.
const AT_ONCE: &[&str] = &["iam", "sts"];

/// Refuses a call that the caller's policies do not allow, or that a new account's services do
/// not answer yet.
pub(crate) fn authorize(aws: &Aws, call: &Call, accesses: &[Access]) -> Result<(), AwsError> {
    if let Principal::Service(_) = call.caller.principal {
        return Ok(());
    }
    let now = aws.now();
    let mut state = aws.lock();
    if !AT_ONCE.contains(&call.service) && state.organizations.is_too_new(&call.account, now) {
        return Err(too_new(call.service));
    }
    for access in accesses {
        let context = LazyCell::new(|| context(aws, &state, call, access));
        let allowed_by = decide(&state, &call.caller, access, &context)?;
        super::across::check(&state, &call.caller, access, &context)?;
        if let (Some(policy), Some(role)) = (allowed_by, role_arn(&state, &call.caller)) {
            state.iam.used.entry((role, access.action.clone())).or_default().insert(policy);
        }
    }
    Ok(())
}

fn too_new(service: &str) -> AwsError {
    match service {
        "ssm" | "servicequotas" | "lambda" | "sns" => AwsError::new(
            "SubscriptionRequiredException",
            "The AWS Access Key Id needs a subscription for the service",
        ),
        _ => AwsError::new(
            "OptInRequired",
            "The AWS Access Key Id needs a subscription for the service",
        )
        .status(403),
    }
}

/// The condition keys of a request: those of the call, and the global ones.
fn context(aws: &Aws, state: &State, call: &Call, access: &Access) -> Context {
    let mut context = caller_context(aws, state, &call.caller);
    for (key, values) in &access.context {
        for value in values {
            context.add(key, value.clone());
        }
    }
    context.add("aws:RequestedRegion", &call.region);
    let owner = super::across::owner(state, &access.resource).unwrap_or(&call.account);
    context.add("aws:ResourceAccount", owner);
    if let Some(path) = organization_path(aws, state, owner) {
        context.add("aws:ResourceOrgID", &aws.settings().organization);
        if aws.settings().resource_org_paths {
            context.add("aws:ResourceOrgPaths", path);
        }
    }
    context
}

/// Where an account stands, as the keys of organization paths write it: `o-…/r-…/ou-…/`.
fn organization_path(aws: &Aws, state: &State, account: &str) -> Option<String> {
    state.organizations.account(account)?;
    let mut path = state.organizations.path(account);
    path.push(aws.settings().organization.clone());
    path.reverse();
    Some(format!("{}/", path.join("/")))
}

/// The condition keys that say who asks, and when.
pub(crate) fn caller_context(aws: &Aws, state: &State, caller: &Caller) -> Context {
    let mut context = Context::default();
    let now = aws.now();
    context.add("aws:CurrentTime", now.to_string());
    context.add("aws:EpochTime", now.as_second().to_string());
    context.add("aws:SecureTransport", "true");
    context.add("aws:ViaAWSService", "false");
    if let Principal::Service(service) = &caller.principal {
        context.add("aws:PrincipalIsAWSService", "true");
        context.add("aws:PrincipalServiceName", service);
        context.add("aws:SourceAccount", &caller.account);
        return context;
    }
    context.add("aws:PrincipalIsAWSService", "false");
    context.add("aws:PrincipalAccount", &caller.account);
    let arn = role_arn(state, caller).unwrap_or_else(|| caller.arn.clone());
    context.add("aws:PrincipalArn", arn);
    let kind = match caller.principal {
        Principal::Role { .. } => "AssumedRole",
        _ => "User",
    };
    context.add("aws:PrincipalType", kind);
    if let Some(path) = organization_path(aws, state, &caller.account) {
        context.add("aws:PrincipalOrgID", &aws.settings().organization);
        context.add("aws:PrincipalOrgPaths", path);
    }
    context
}

/// The ARN of a session's role.
pub(super) fn role_arn(state: &State, caller: &Caller) -> Option<String> {
    let Principal::Role { role, .. } = &caller.principal else { return None };
    Some(state.iam.store.role(&caller.account, role).map_or_else(
        || format!("arn:aws:iam::{}:role/{role}", caller.account),
        |role| role.arn.clone(),
    ))
}

/// Decides about one permission; says which identity policy allowed it.
fn decide(
    state: &State,
    caller: &Caller,
    access: &Access,
    context: &dyn Keys,
) -> Result<Option<String>, AwsError> {
    let Access { action, resource, .. } = access;
    let refuse = |why: &str| Err(AwsError::access_denied(&caller.arn, action, resource, why));
    let mut allowed_by = None;
    if let Principal::Role { role, session_policy } = &caller.principal {
        if let Some(role) = state.iam.store.role(&caller.account, role) {
            for (name, document) in state.iam.store.policies_of(role) {
                let (verdict, sid) = document.judge(None, action, resource, context);
                let sid = sid.unwrap_or_default();
                match verdict {
                    Verdict::Denies => {
                        return refuse(&format!(
                            "with an explicit deny in an identity-based policy: {name} ({sid})"
                        ));
                    }
                    Verdict::Allows if allowed_by.is_none() => {
                        allowed_by = Some(format!("{name} ({sid})"));
                    }
                    Verdict::Allows | Verdict::Silent => {}
                }
            }
        }
        if allowed_by.is_none() {
            return refuse(&format!("because no identity-based policy allows the {action} action"));
        }
        if let Some(policy) = session_policy {
            match policy.verdict(action, resource, context) {
                Verdict::Allows => {}
                Verdict::Denies => return refuse("with an explicit deny in a session policy"),
                Verdict::Silent => {
                    return refuse(&format!(
                        "because no session policy allows the {action} action"
                    ));
                }
            }
        }
    }
    controlled(state, caller, access, context)?;
    Ok(allowed_by)
}

/// Asks the service control policies of the caller's account, at each level of the tree.
fn controlled(
    state: &State,
    caller: &Caller,
    access: &Access,
    context: &dyn Keys,
) -> Result<(), AwsError> {
    let Access { action, resource, .. } = access;
    let service_linked =
        role_arn(state, caller).is_some_and(|arn| arn.contains(":role/aws-service-role/"));
    if service_linked {
        return Ok(());
    }
    let refuse = |why: String| Err(AwsError::access_denied(&caller.arn, action, resource, &why));
    let mut unallowed = false;
    for level in state.organizations.control(&caller.account) {
        let mut allows = false;
        for (id, document) in level {
            match document.verdict(action, resource, context) {
                Verdict::Denies => {
                    let arn = state.organizations.arn("policy", id);
                    return refuse(format!(
                        "with an explicit deny in a service control policy: {arn}"
                    ));
                }
                Verdict::Allows => allows = true,
                Verdict::Silent => {}
            }
        }
        unallowed |= !allows;
    }
    if unallowed {
        return refuse(format!("because no service control policy allows the {action} action"));
    }
    Ok(())
}

/// Which permissions a role has used so far, and by which of its policies.
pub(super) type Used = BTreeMap<(String, String), BTreeSet<String>>;

impl Aws {
    /// The (role ARN, IAM action) pairs that were allowed so far: an action in a role's
    /// policies that is not here was never needed.
    pub fn used_actions(&self) -> BTreeSet<(String, String)> {
        self.lock().iam.used.keys().cloned().collect()
    }

    /// For each (role ARN, IAM action) that was allowed so far, the policies and statements
    /// that allowed it: `PolicyName (Sid)`.
    pub fn allowing_policies(&self) -> BTreeMap<(String, String), BTreeSet<String>> {
        self.lock().iam.used.clone()
    }
}

/// Whether a caller would be allowed something, without a call: the account gate asks for the
/// execution role this way.
pub(crate) fn would_allow(
    aws: &Aws,
    state: &State,
    call: &Call,
    access: &Access,
) -> Result<(), AwsError> {
    let context = LazyCell::new(|| context(aws, state, call, access));
    decide(state, &call.caller, access, &context).map(|_| ())
}
