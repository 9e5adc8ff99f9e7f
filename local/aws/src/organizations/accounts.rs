//! Accounts as readers see them, moving them, and the organization's settings.

use serde_json::{Value, json};

use super::paging::Page;
use super::state::{Account, AccountState, Organizations};
use super::{constraint, invalid, not_found, nothing, text};
use crate::wire::timestamp;
use crate::{Aws, AwsError, Call};

/// For how long a closed account may still read `PENDING_CLOSURE` where the settings want it.
const FLAPPING: std::time::Duration = std::time::Duration::from_secs(600);

/// `State` and the older `Status` of an account.
fn states(aws: &Aws, account: &Account) -> (&'static str, &'static str) {
    let settings = aws.settings();
    match account.state {
        AccountState::Active => ("ACTIVE", "ACTIVE"),
        AccountState::Suspended => ("SUSPENDED", "SUSPENDED"),
        AccountState::PendingClosure { .. } => ("PENDING_CLOSURE", "PENDING_CLOSURE"),
        AccountState::Closed { since } => {
            let young = aws.now() < since.checked_add(aws.paced(FLAPPING)).unwrap_or(since);
            if settings.closing_flaps && young {
                match aws.random(|random| random.u8(..)) {
                    0..32 => return ("ACTIVE", "ACTIVE"),
                    32..64 => return ("PENDING_CLOSURE", "PENDING_CLOSURE"),
                    _ => {}
                }
            }
            (if settings.closed_reads_suspended { "SUSPENDED" } else { "CLOSED" }, "SUSPENDED")
        }
    }
}

fn describe_one(aws: &Aws, organizations: &Organizations, account: &Account) -> Value {
    let (state, status) = states(aws, account);
    let mut path = vec![account.id.clone()];
    path.extend(organizations.path(&account.id));
    path.push(organizations.organization.clone());
    path.reverse();
    json!({
        "Id": account.id,
        "Arn": organizations.arn("account", &account.id),
        "Email": account.email,
        "Name": account.name,
        "Status": status,
        "State": state,
        "Paths": [format!("{}/", path.join("/"))],
        "JoinedMethod": account.joined_method,
        "JoinedTimestamp": timestamp(account.joined),
    })
}

/// The account that a call names.
pub(super) fn find<'a>(
    organizations: &'a Organizations,
    id: &str,
) -> Result<&'a Account, AwsError> {
    if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(
            "INVALID_PATTERN",
            format!("AccountId: \"{id}\" is not an account id of 12 digits"),
        ));
    }
    organizations.account(id).ok_or_else(|| not_found("Account", id))
}

pub(super) fn describe(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let state = aws.lock();
    let account = find(&state.organizations, text(call, "AccountId")?)?;
    Ok(json!({ "Account": describe_one(aws, &state.organizations, account) }))
}

pub(super) fn list(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let page = Page::of(aws, call)?;
    let seen = aws.lagging();
    let state = aws.lock();
    let organizations = &state.organizations;
    let items = organizations
        .by_sequence
        .range(page.after + 1..)
        .filter_map(|(sequence, id)| Some((*sequence, organizations.account(id)?)))
        .filter(|(_, account)| account.joined <= seen)
        .map(|(sequence, account)| (sequence, describe_one(aws, organizations, account)));
    Ok(page.fill("Accounts", items))
}

pub(super) fn list_for_parent(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let page = Page::of(aws, call)?;
    let parent = text(call, "ParentId")?;
    let seen = aws.lagging();
    let mut state = aws.lock();
    if !state.organizations.is_parent(parent) {
        return Err(not_found("Parent", parent));
    }
    let visible = state.organizations.accounts_under(parent, page.after, seen);
    let organizations = &state.organizations;
    let items = visible
        .iter()
        .filter_map(|(sequence, id)| Some((*sequence, organizations.account(id)?)))
        .map(|(sequence, account)| (sequence, describe_one(aws, organizations, account)));
    Ok(page.fill("Accounts", items))
}

pub(super) fn move_account(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let id = text(call, "AccountId")?;
    let source = text(call, "SourceParentId")?;
    let destination = text(call, "DestinationParentId")?;
    for (member, parent) in [("SourceParentId", source), ("DestinationParentId", destination)] {
        if !parent.starts_with("r-") && !parent.starts_with("ou-") {
            return Err(invalid(
                "INVALID_PATTERN",
                format!("{member}: \"{parent}\" is neither a root nor an organizational unit"),
            ));
        }
    }
    let now = aws.now();
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    if !organizations.is_parent(destination) {
        return Err(not_found("DestinationParent", destination));
    }
    if !organizations.is_parent(source) {
        return Err(not_found("SourceParent", source));
    }
    let parent = find(organizations, id)?.parent.clone();
    if parent == destination {
        return Err(AwsError::new(
            "DuplicateAccountException",
            format!("The account {id} is already present in {destination}."),
        ));
    }
    if parent != source {
        return Err(not_found("SourceParent", source));
    }
    organizations.place(id, destination, now);
    Ok(nothing())
}

pub(super) fn describe_organization(aws: &Aws) -> Value {
    let state = aws.lock();
    let organizations = &state.organizations;
    let Organizations { management, organization, .. } = organizations;
    let email = organizations.account(management).map(|account| account.email.clone());
    json!({ "Organization": {
        "Id": organization,
        "Arn": format!("arn:aws:organizations::{management}:organization/{organization}"),
        "FeatureSet": if organizations.all_features { "ALL" } else { "CONSOLIDATED_BILLING" },
        "MasterAccountArn": organizations.arn("account", management),
        "MasterAccountId": management,
        "MasterAccountEmail": email,
        "AvailablePolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}],
    }})
}

pub(super) fn enable_service(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let principal = service_principal(call)?;
    let now = aws.now();
    let mut state = aws.lock();
    super::founding::needs_all_features(&state.organizations)?;
    let sequence = state.organizations.next();
    state.organizations.services.entry(principal.to_owned()).or_insert((sequence, now));
    Ok(nothing())
}

pub(super) fn disable_service(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let principal = service_principal(call)?;
    aws.lock().organizations.services.shift_remove(principal);
    Ok(nothing())
}

fn service_principal(call: &Call) -> Result<&str, AwsError> {
    let principal = text(call, "ServicePrincipal")?;
    if principal.ends_with(".amazonaws.com") {
        Ok(principal)
    } else {
        Err(invalid(
            "UNRECOGNIZED_SERVICE_PRINCIPAL",
            format!("ServicePrincipal: \"{principal}\" is not a service of AWS"),
        ))
    }
}

pub(super) fn list_services(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let page = Page::of(aws, call)?;
    let state = aws.lock();
    let items = state.organizations.services.iter().map(|(principal, (sequence, since))| {
        (*sequence, json!({"ServicePrincipal": principal, "DateEnabled": timestamp(*since)}))
    });
    Ok(page.fill("EnabledServicePrincipals", items))
}

pub(super) fn register_delegate(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let principal = service_principal(call)?.to_owned();
    let id = text(call, "AccountId")?.to_owned();
    let now = aws.now();
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    find(organizations, &id)?;
    if id == organizations.management {
        return Err(constraint(
            "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR",
            "The management account cannot be a delegated administrator.",
        ));
    }
    if !organizations.services.contains_key(&principal) {
        return Err(constraint(
            "SERVICE_ACCESS_NOT_ENABLED",
            format!("Trusted access is not enabled for {principal}."),
        ));
    }
    let services = organizations.delegates.entry(id).or_default();
    if services.contains_key(&principal) {
        return Err(AwsError::new(
            "AccountAlreadyRegisteredException",
            "The account is already a delegated administrator for this service.",
        ));
    }
    services.insert(principal, now);
    Ok(nothing())
}

pub(super) fn deregister_delegate(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let principal = service_principal(call)?;
    let id = text(call, "AccountId")?;
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    find(organizations, id)?;
    let removed = organizations.delegates.get_mut(id).and_then(|all| all.remove(principal));
    if removed.is_none() {
        return Err(AwsError::new(
            "AccountNotRegisteredException",
            "The account is not a delegated administrator for this service.",
        ));
    }
    organizations.delegates.retain(|_, services| !services.is_empty());
    Ok(nothing())
}

pub(super) fn list_delegates(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let page = Page::of(aws, call)?;
    let principal = call.opt_text("ServicePrincipal");
    let state = aws.lock();
    let organizations = &state.organizations;
    let items = organizations.delegates.iter().filter_map(|(id, services)| {
        let since = match principal {
            Some(principal) => services.get(principal)?,
            None => services.values().min()?,
        };
        let account = organizations.account(id)?;
        let mut view = describe_one(aws, organizations, account);
        view.as_object_mut()?.shift_remove("Paths");
        view["DelegationEnabledDate"] = timestamp(*since);
        Some((account.sequence, view))
    });
    let mut items: Vec<(u64, Value)> = items.collect();
    items.sort_by_key(|(sequence, _)| *sequence);
    Ok(page.fill("DelegatedAdministrators", items.into_iter()))
}
