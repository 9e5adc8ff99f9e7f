//! What Landlord's functions may do by their roles, and what of it they did.

use std::collections::BTreeSet;

use local_aws::Aws;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::deployment::{Deployment, Error};

/// Pairs of a role and an IAM action. A role is called as the stack calls it, without the end that
/// is generated, so that worlds can be compared.
pub type Privileges = BTreeSet<(String, String)>;

/// What roles did until now.
pub fn used(aws: &Aws) -> Privileges {
    aws.used_actions().into_iter().map(|(role, action)| (short(&role), action)).collect()
}

/// What the inline policies of the functions' roles allow.
///
/// # Errors
/// When IAM does not list them.
pub async fn allowed(deployment: &Deployment) -> Result<Privileges, Error> {
    let ask = |operation: &'static str, input: Value| deployment.ask("iam", operation, input);
    let mut found = Privileges::new();
    let roles = ask("ListRoles", json!({ "PathPrefix": "/landlord/" })).await?;
    for role in list(&roles["Roles"]) {
        let name = text(&role["RoleName"]);
        if !name.contains("Function") {
            continue;
        }
        let policies = ask("ListRolePolicies", json!({ "RoleName": name })).await?;
        for policy in list(&policies["PolicyNames"]) {
            let input = json!({ "RoleName": name, "PolicyName": policy });
            let answer = ask("GetRolePolicy", input).await?;
            // IAM answers policies percent-encoded.
            let document = percent_decode_str(text(&answer["PolicyDocument"])).decode_utf8_lossy();
            let document: Value = serde_json::from_str(&document).unwrap_or_default();
            for statement in list(&document["Statement"]) {
                let actions = match &statement["Action"] {
                    Value::Array(actions) => actions.clone(),
                    one => vec![one.clone()],
                };
                let role = short(text(&role["Arn"]));
                found.extend(actions.iter().map(|action| (role.clone(), text(action).to_owned())));
            }
        }
    }
    Ok(found)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn short(role: &str) -> String {
    let name = role.rsplit('/').next().unwrap_or(role);
    name.rsplit_once('-').map_or(name, |(name, _)| name).to_owned()
}
