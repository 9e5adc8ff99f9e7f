//! The organization's consent, and the roles of service-managed stack sets.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::errors::{invalid_operation, validation};
use crate::iam;
use crate::{Aws, AwsError, Call, Caller};

/// StackSets in member accounts.
const MEMBER: &str = "member.org.stacksets.cloudformation.amazonaws.com";

/// `ActivateOrganizationsAccess` and `DeactivateOrganizationsAccess`: only the management
/// account may.
pub(super) async fn activate(aws: &Aws, call: &Call, on: bool) -> Result<Value, AwsError> {
    if call.account != aws.settings().management_account {
        return Err(invalid_operation(
            "Only the organization's management account can change organizations access",
        ));
    }
    let operation = if on { "EnableAWSServiceAccess" } else { "DisableAWSServiceAccess" };
    let place = (call.account.as_str(), "us-east-1");
    let input = json!({ "ServicePrincipal": MEMBER });
    aws.perform(&Call::by_service(MEMBER, "organizations", operation, place, input)).await?;
    aws.lock().cloudformation.stack_sets.organizations_access = on;
    Ok(json!({}))
}

/// `DescribeOrganizationsAccess`.
pub(super) fn describe(aws: &Aws) -> Value {
    let on = aws.lock().cloudformation.stack_sets.organizations_access;
    json!({ "Status": if on { "ENABLED" } else { "DISABLED" } })
}

/// Refuses what does not fit the permission model.
pub(super) fn check_model(
    aws: &Aws,
    call: &Call,
    service_managed: bool,
    auto: bool,
) -> Result<(), AwsError> {
    if !service_managed {
        return if auto {
            Err(validation(
                "AutoDeployment is only for stack sets with service-managed permissions",
            ))
        } else {
            Ok(())
        };
    }
    let enabled = aws.lock().cloudformation.stack_sets.organizations_access;
    if !enabled || call.account != aws.settings().management_account {
        return Err(validation(
            "You must enable organizations access to operate a service managed stack set",
        ));
    }
    if !auto {
        return Err(validation(
            "AutoDeployment must be specified for stack sets with service-managed permissions",
        ));
    }
    for member in ["AdministrationRoleARN", "ExecutionRoleName"] {
        if call.opt_text(member).is_some() {
            return Err(validation(format!(
                "{member} is only for stack sets with self-managed permissions"
            )));
        }
    }
    Ok(())
}

/// The session of StackSets' own role in an account, which is made when it is first needed.
pub(super) async fn execution_role(
    aws: &Aws,
    account: &str,
    session: &str,
) -> Result<Caller, String> {
    let digest = Sha256::digest(account.as_bytes());
    let mut name = "stacksets-exec-".to_owned();
    for byte in &digest[..16] {
        write!(name, "{byte:02x}").map_err(|error| error.to_string())?;
    }
    let arn = format!("arn:aws:iam::{account}:role/{name}");
    if aws.lock().organizations.account(account).is_none() {
        return Err(format!("Account {account} is not a member of the organization"));
    }
    let place = (account, "us-east-1");
    let get = Call::by_service(MEMBER, "iam", "GetRole", place, json!({ "RoleName": name }));
    if aws.perform(&get).await.is_err() {
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": MEMBER },
                "Action": "sts:AssumeRole",
            }],
        });
        let role = json!({ "RoleName": name, "AssumeRolePolicyDocument": trust.to_string() });
        let policy = json!({
            "RoleName": name,
            "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess",
        });
        for (operation, input) in [("CreateRole", role), ("AttachRolePolicy", policy)] {
            let call = Call::by_service(MEMBER, "iam", operation, place, input);
            aws.perform(&call).await.map_err(|error| error.to_string())?;
        }
    }
    iam::session_of(&arn, session).map_err(|error| error.to_string())
}
