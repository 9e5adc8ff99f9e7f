//! What a move would newly deny: the policies that an account inherits there and not here, in words.
//!
//! No simulation of IAM: each statement that denies is told as it is written, shortened. What a
//! policy denies may be denied already by another one.

use std::collections::BTreeSet;

use serde_json::Value;

/// How many actions, resources or values of a statement are told.
const MOST_TOLD: usize = 6;

/// Of which kind a policy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Says what principals of the account may not do.
    ServiceControl,
    /// Says what nobody may do with resources of the account.
    ResourceControl,
}

impl Kind {
    /// The word of Organizations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServiceControl => "SERVICE_CONTROL_POLICY",
            Self::ResourceControl => "RESOURCE_CONTROL_POLICY",
        }
    }
}

/// A policy that an account inherits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Policy {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Of which kind it is.
    pub kind: Kind,
    /// What it says, as JSON.
    pub content: String,
}

/// What the policies that are new in `after` deny, a line for each statement. Nothing when none is
/// new.
pub fn newly_denied(before: &[Policy], after: &[Policy]) -> Vec<String> {
    let known: BTreeSet<&str> = before.iter().map(|policy| policy.id.as_str()).collect();
    let mut seen = BTreeSet::new();
    let new = after.iter().filter(|it| !known.contains(it.id.as_str()) && seen.insert(&it.id));
    new.flat_map(told).collect()
}

fn told(policy: &Policy) -> Vec<String> {
    let who = match policy.kind {
        Kind::ServiceControl => "roles of the account",
        Kind::ResourceControl => "anybody, on what is in the account",
    };
    let content: Value = serde_json::from_str(&policy.content).unwrap_or_default();
    let statements = match &content["Statement"] {
        Value::Array(items) => items.clone(),
        Value::Null => {
            return vec![format!("{}: can not be read; look at policy {}", policy.name, policy.id)];
        }
        one => vec![one.clone()],
    };
    let denies = statements.iter().filter_map(|statement| {
        let name = match statement["Sid"].as_str() {
            Some(sid) => format!("{} ({sid})", policy.name),
            None => policy.name.clone(),
        };
        match statement["Effect"].as_str() {
            Some("Deny") => Some(format!("{name} denies {who}: {}", words(statement))),
            // Whatever is not allowed at a level is denied.
            Some("Allow") if !allows_all(statement) => {
                Some(format!("{name} allows {who} only: {}", words(statement)))
            }
            _ => None,
        }
    });
    denies.collect()
}

fn allows_all(statement: &Value) -> bool {
    let is_star = |key: &str| texts(&statement[key]).iter().any(|it| it == "*");
    is_star("Action") && is_star("Resource") && statement["Condition"].is_null()
}

fn words(statement: &Value) -> String {
    let mut words = match (texts(&statement["Action"]), texts(&statement["NotAction"])) {
        (actions, _) if !actions.is_empty() => some(&actions),
        (_, others) => format!("everything but {}", some(&others)),
    };
    let (on, but) = (texts(&statement["Resource"]), texts(&statement["NotResource"]));
    if !on.is_empty() && !on.iter().any(|it| it == "*") {
        words.push_str(&format!(" on {}", some(&on)));
    }
    if !but.is_empty() {
        words.push_str(&format!(" on everything but {}", some(&but)));
    }
    for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
        for (key, values) in keys.as_object().into_iter().flatten() {
            words.push_str(&format!(", where {key} {operator} {}", some(&texts(values))));
        }
    }
    words
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

fn some(all: &[String]) -> String {
    let told = all.iter().take(MOST_TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(MOST_TOLD) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(id: &str, kind: Kind, statement: &Value) -> Policy {
        let content = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
        Policy { id: id.to_owned(), name: format!("P{id}"), kind, content }
    }

    #[test]
    fn what_is_new_is_told_and_what_is_inherited_already_is_not() {
        let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        let full = policy("1", Kind::ServiceControl, &all);
        let protect = policy(
            "2",
            Kind::ServiceControl,
            &json!([{"Sid": "Stay", "Effect": "Deny", "Action": "organizations:LeaveOrganization",
                     "Resource": "*"},
                    {"Effect": "Deny", "Action": ["iam:DeleteRole", "iam:UpdateRole"],
                     "Resource": "arn:*:iam::*:role/landlord/*",
                     "Condition": {"ArnNotLike": {"aws:PrincipalArn": ["a", "b"]}}}]),
        );
        let only = policy(
            "3",
            Kind::ResourceControl,
            &json!({"Effect": "Deny", "NotAction": "s3:Get*", "NotResource": "x"}),
        );
        let list = json!({"Effect": "Allow", "Action": ["ec2:*", "s3:*"], "Resource": "*"});
        let allowed = policy("4", Kind::ServiceControl, &list);
        let broken = Policy { content: "{".to_owned(), ..policy("5", Kind::ServiceControl, &list) };
        let before = [full.clone(), allowed.clone()];
        assert_eq!(newly_denied(&before, &before), Vec::<String>::new());
        let after = [full.clone(), protect.clone(), protect, only, broken];
        assert_eq!(
            newly_denied(&before, &after),
            [
                "P2 (Stay) denies roles of the account: organizations:LeaveOrganization",
                "P2 denies roles of the account: iam:DeleteRole, iam:UpdateRole on \
                 arn:*:iam::*:role/landlord/*, where aws:PrincipalArn ArnNotLike a, b",
                "P3 denies anybody, on what is in the account: everything but s3:Get* on \
                 everything but x",
                "P5: can not be read; look at policy 5",
            ]
        );
        assert_eq!(
            newly_denied(std::slice::from_ref(&full), &[full.clone(), allowed]),
            ["P4 allows roles of the account only: ec2:*, s3:*"]
        );
    }
}
