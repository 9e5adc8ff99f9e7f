//! AWS Organizations: accounts that take a while to be made and to close, the tree they stand
//! in, their tags, and service control policies.
//!
//! Only the management account may call, and delegated administrators may read. The lists lag
//! behind by [`Durations::list_lag`](crate::Durations::list_lag) and now and then give an
//! empty page that has a next one, as AWS says they may; `Describe…` and `ListParents` are
//! fresh. Two things that AWS does not document are chosen here: a creation finds out that its
//! email is in use, or that the same request is in progress already, after a quarter of its
//! time; and moving an account from a parent where it does not stand is
//! `SourceParentNotFoundException`.

mod accounts;
mod closing;
mod creation;
mod events;
mod founding;
mod hooks;
mod index;
mod paging;
mod policies;
mod rules;
mod seeding;
mod state;
mod tags;
mod tree;

use serde_json::{Value, json};

use crate::{Access, Aws, AwsError, Call, Principal, State};

pub(crate) use founding::found;
pub use hooks::AccountView;
pub use seeding::Settled;
#[allow(unused_imports, reason = "for services that follow accounts")]
pub(crate) use state::Change;
pub(crate) use state::Organizations;

/// The permissions that a call needs.
pub(crate) fn access(state: &State, call: &Call) -> Vec<Access> {
    let organizations = &state.organizations;
    let action = format!("organizations:{}", call.operation);
    let ids: Vec<&str> = match call.operation.as_str() {
        "DescribeAccount" | "CloseAccount" | "ListDelegatedServicesForAccount" => {
            vec!["AccountId"]
        }
        "MoveAccount" => vec!["AccountId", "SourceParentId", "DestinationParentId"],
        "ListAccountsForParent"
        | "ListChildren"
        | "ListOrganizationalUnitsForParent"
        | "CreateOrganizationalUnit" => vec!["ParentId"],
        "ListParents" => vec!["ChildId"],
        "DescribeOrganizationalUnit" | "UpdateOrganizationalUnit" | "DeleteOrganizationalUnit" => {
            vec!["OrganizationalUnitId"]
        }
        "TagResource" | "UntagResource" | "ListTagsForResource" => vec!["ResourceId"],
        "UpdatePolicy" | "DeletePolicy" | "DescribePolicy" | "ListTargetsForPolicy" => {
            vec!["PolicyId"]
        }
        "AttachPolicy" | "DetachPolicy" => vec!["PolicyId", "TargetId"],
        "ListPoliciesForTarget" => vec!["TargetId"],
        "EnablePolicyType" | "DisablePolicyType" => vec!["RootId"],
        "RegisterDelegatedAdministrator" | "DeregisterDelegatedAdministrator" => {
            vec!["AccountId"]
        }
        _ => Vec::new(),
    };
    let mut accesses: Vec<Access> = ids
        .iter()
        .filter_map(|member| call.opt_text(member))
        .map(|id| {
            let mut access = Access::to(action.clone(), organizations.arn_of(id));
            for (key, value) in organizations.tags.of(id) {
                access = access.with(format!("aws:ResourceTag/{key}"), value);
            }
            with_request(access, call)
        })
        .collect();
    if accesses.is_empty() {
        accesses.push(with_request(Access::to(action, "*"), call));
    }
    let creates = call.operation.starts_with("Create");
    if creates && !call.list("Tags").is_empty() {
        let kind = match call.operation.as_str() {
            "CreateAccount" => "account",
            "CreateOrganizationalUnit" => "ou",
            _ => "policy",
        };
        // On which resource AWS checks this is not documented: a policy has to allow both.
        for resource in [organizations.arn(kind, "*"), "*".to_owned()] {
            accesses.push(with_request(Access::to("organizations:TagResource", resource), call));
        }
    }
    accesses
}

/// Adds the condition keys that a request carries itself.
fn with_request(mut access: Access, call: &Call) -> Access {
    for tag in call.list("Tags") {
        if let (Some(key), Some(value)) = (tag["Key"].as_str(), tag["Value"].as_str()) {
            access = access.with("aws:TagKeys", key).with(format!("aws:RequestTag/{key}"), value);
        }
    }
    for key in call.texts("TagKeys") {
        access = access.with("aws:TagKeys", key);
    }
    if let Some(principal) = call.opt_text("ServicePrincipal") {
        access = access.with("organizations:ServicePrincipal", principal);
    }
    if let Some(kind) = call.opt_text("Type").or_else(|| call.opt_text("PolicyType")) {
        access = access.with("organizations:PolicyType", kind);
    }
    access
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    admit(aws, call)?;
    closing::forget_gone(aws);
    match call.operation.as_str() {
        "CreateAccount" => creation::create_account(aws, call),
        "DescribeCreateAccountStatus" => creation::describe_status(aws, call),
        "ListCreateAccountStatus" => creation::list_status(aws, call),
        "DescribeAccount" => accounts::describe(aws, call),
        "ListAccounts" => accounts::list(aws, call),
        "ListAccountsForParent" => accounts::list_for_parent(aws, call),
        "MoveAccount" => accounts::move_account(aws, call),
        "CloseAccount" => closing::close_account(aws, call),
        "CreateOrganization" => founding::create(aws, call),
        "DeleteOrganization" => founding::delete(aws),
        "DescribeOrganization" => Ok(accounts::describe_organization(aws)),
        "ListRoots" => tree::list_roots(aws, call),
        "ListParents" => tree::list_parents(aws, call),
        "ListChildren" => tree::list_children(aws, call),
        "ListOrganizationalUnitsForParent" => tree::list_ous(aws, call),
        "CreateOrganizationalUnit" => tree::create_ou(aws, call),
        "UpdateOrganizationalUnit" => tree::update_ou(aws, call),
        "DeleteOrganizationalUnit" => tree::delete_ou(aws, call),
        "DescribeOrganizationalUnit" => tree::describe_ou(aws, call),
        "TagResource" => tags::tag(aws, call),
        "UntagResource" => tags::untag(aws, call),
        "ListTagsForResource" => tags::list(aws, call),
        "CreatePolicy" => policies::create(aws, call),
        "UpdatePolicy" => policies::update(aws, call),
        "DeletePolicy" => policies::delete(aws, call),
        "DescribePolicy" => policies::describe(aws, call),
        "ListPolicies" => policies::list(aws, call),
        "AttachPolicy" => policies::attach(aws, call),
        "DetachPolicy" => policies::detach(aws, call),
        "ListPoliciesForTarget" => policies::list_for_target(aws, call),
        "ListTargetsForPolicy" => policies::list_targets(aws, call),
        "EnablePolicyType" => founding::enable_type(aws, call),
        "DisablePolicyType" => founding::disable_type(aws, call),
        "EnableAWSServiceAccess" => accounts::enable_service(aws, call),
        "DisableAWSServiceAccess" => accounts::disable_service(aws, call),
        "ListAWSServiceAccessForOrganization" => accounts::list_services(aws, call),
        "RegisterDelegatedAdministrator" => accounts::register_delegate(aws, call),
        "DeregisterDelegatedAdministrator" => accounts::deregister_delegate(aws, call),
        "ListDelegatedAdministrators" => accounts::list_delegates(aws, call),
        other => Err(AwsError::unknown_operation("organizations", other)),
    }
}

/// Only the management account, or (to read) a delegated administrator.
fn admit(aws: &Aws, call: &Call) -> Result<(), AwsError> {
    let founds = call.operation == "CreateOrganization";
    // What is not offered is named as such, whatever there is.
    let is_offered = crate::wire::members::is_offered("organizations", &call.operation);
    if is_offered && !founds && !aws.lock().organizations.exists {
        return Err(AwsError::new(
            "AWSOrganizationsNotInUseException",
            "Your account is not a member of an organization.",
        ));
    }
    if matches!(call.caller.principal, Principal::Service(_))
        || call.account == aws.settings().management_account
        || call.operation == "DescribeOrganization"
    {
        return Ok(());
    }
    let reads = call.operation.starts_with("Describe") || call.operation.starts_with("List");
    let state = aws.lock();
    if reads && state.organizations.delegates.contains_key(&call.account) {
        return Ok(());
    }
    Err(AwsError::new(
        "AccessDeniedException",
        "You don't have permissions to access this resource.",
    ))
}

/// `InvalidInputException` with its reason.
fn invalid(reason: &str, message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidInputException", message).member("Reason", reason)
}

/// `ConstraintViolationException` with its reason.
fn constraint(reason: &str, message: impl Into<String>) -> AwsError {
    AwsError::new("ConstraintViolationException", message).member("Reason", reason)
}

/// `…NotFoundException` in AWS's words.
fn not_found(what: &str, id: &str) -> AwsError {
    AwsError::new(
        format!("{what}NotFoundException"),
        format!("You specified a {what} that doesn't exist: {id}"),
    )
}

/// A required member, in Organizations' own words when it is missing.
fn text<'a>(call: &'a Call, member: &str) -> Result<&'a str, AwsError> {
    call.opt_text(member)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| invalid("INPUT_REQUIRED", format!("{member} must be given")))
}

/// An empty answer.
fn nothing() -> Value {
    json!({})
}
