//! The organization itself: founded, with which features and which types of policies, and given up.

use serde_json::{Value, json};

use super::policies::PolicyKind;
use super::state::{Account, AccountState, Organizations, ROOT};
use super::{constraint, invalid, not_found, nothing, text, tree};
use crate::{Aws, AwsError, Call};

/// Founds the organization of a new world: root, management account, the policy that allows
/// everything, both types of policies enabled.
pub(crate) fn found(aws: &Aws) {
    let settings = aws.settings();
    let new = Organizations::new(&settings.management_account, &settings.organization);
    let mut state = aws.lock();
    state.organizations = new;
    // The organization is older than the world: its own account is in every list at once.
    let joined = aws.now().checked_sub(jiff::SignedDuration::from_hours(24)).unwrap_or_default();
    state.organizations.admit(management(aws, joined));
}

fn management(aws: &Aws, joined: jiff::Timestamp) -> Account {
    Account {
        id: aws.settings().management_account.clone(),
        email: "management@landlord.example".to_owned(),
        name: "Management".to_owned(),
        parent: ROOT.to_owned(),
        state: AccountState::Active,
        joined,
        joined_method: "INVITED",
        sequence: 0,
        role_ready: joined,
        services_ready: joined,
    }
}

/// With all features, service control policies are enabled from the beginning, and nothing else is.
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateOrganization.html>
pub(super) fn create(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let all_features = match call.opt_text("FeatureSet").unwrap_or("ALL") {
        "ALL" => true,
        "CONSOLIDATED_BILLING" => false,
        other => {
            let message = format!("FeatureSet: \"{other}\" is no set of features");
            return Err(invalid("INVALID_ENUM", message));
        }
    };
    let id = aws.random(|random| format!("o-{:010x}", random.u64(..1 << 40)));
    {
        let mut state = aws.lock();
        if state.organizations.exists {
            return Err(AwsError::new(
                "AlreadyInOrganizationException",
                "The AWS account is already a member of an organization.",
            ));
        }
        state.organizations = Organizations::new(&aws.settings().management_account, &id);
        state.organizations.all_features = all_features;
        state.organizations.enabled =
            if all_features { vec![PolicyKind::ServiceControl] } else { Vec::new() };
        state.organizations.admit(management(aws, aws.now()));
    }
    Ok(super::accounts::describe_organization(aws))
}

/// Only an organization without members can be given up.
pub(super) fn delete(aws: &Aws) -> Result<Value, AwsError> {
    let mut state = aws.lock();
    if state.organizations.accounts.len() > 1 {
        return Err(AwsError::new(
            "OrganizationNotEmptyException",
            "To delete an organization you must first remove all member accounts (except the \
             management account).",
        ));
    }
    state.organizations.exists = false;
    Ok(nothing())
}

/// What consolidated billing alone does not offer.
pub(super) fn needs_all_features(organizations: &Organizations) -> Result<(), AwsError> {
    if organizations.all_features {
        return Ok(());
    }
    Err(constraint(
        "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE",
        "The organization has not enabled all features.",
    ))
}

pub(super) fn not_enabled(kind: PolicyKind) -> AwsError {
    AwsError::new(
        "PolicyTypeNotEnabledException",
        format!("The policy type {} is not enabled in this root.", kind.name()),
    )
}

fn root(call: &Call) -> Result<PolicyKind, AwsError> {
    let kind = PolicyKind::read(text(call, "PolicyType")?)?;
    match text(call, "RootId")? {
        ROOT => Ok(kind),
        other => Err(not_found("Root", other)),
    }
}

pub(super) fn enable_type(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let kind = root(call)?;
    let mut state = aws.lock();
    if !state.organizations.all_features {
        return Err(AwsError::new(
            "PolicyTypeNotAvailableForOrganizationException",
            "You can't use the specified policy type with the feature set currently enabled for this \
             organization.",
        ));
    }
    if state.organizations.enabled.contains(&kind) {
        return Err(AwsError::new(
            "PolicyTypeAlreadyEnabledException",
            format!("The policy type {} is already enabled in this root.", kind.name()),
        ));
    }
    state.organizations.enabled.push(kind);
    Ok(json!({ "Root": tree::root(&state.organizations) }))
}

/// The policies of the type are detached everywhere, and stay.
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DisablePolicyType.html>
pub(super) fn disable_type(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let kind = root(call)?;
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    if !organizations.enabled.contains(&kind) {
        return Err(not_enabled(kind));
    }
    organizations.enabled.retain(|enabled| *enabled != kind);
    for policy in organizations.policies.values_mut() {
        if policy.kind != kind || policy.aws_managed {
            continue;
        }
        for (target, _) in policy.targets.drain(..) {
            if let Some(attached) = organizations.attachments.get_mut(&target) {
                attached.shift_remove(&policy.id);
            }
        }
    }
    Ok(json!({ "Root": tree::root(&state.organizations) }))
}
