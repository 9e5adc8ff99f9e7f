//! Policies against AWS's Service Authorization Reference, as `reference.json` has it: a key that
//! an action does not know guards nothing, and what a policy does not list it does not protect.

use serde_json::Value;

use crate::workspace::{assert_no_faults, json, template};

const TEMPLATES: [&str; 4] = [
    "template.yaml",
    "stacksets/account-gate.yaml",
    "stacksets/artifacts.yaml",
    "stacksets/tenant-baseline.yaml",
];

/// Actions that are newer than the reference which was taken.
const NEWER: [&str; 0] = [];

/// What touches a kind of resource and need not be denied to tenants.
const NOT_PROTECTED: [(&str, &str); 2] = [
    ("iam:CreateServiceLinkedRole", "makes roles under /aws-service-role/ only"),
    ("iam:DeleteServiceLinkedRole", "deletes roles under /aws-service-role/ only"),
];

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

fn texts(value: &Value) -> Vec<&str> {
    list(value).into_iter().filter_map(Value::as_str).collect()
}

/// Every statement below a resource, with the resource's name.
fn statements<'a>(owner: &str, value: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    if let Some(statements) = value.get("Statement").filter(|it| it.is_array() || it.is_object()) {
        found.extend(list(statements).into_iter().map(|statement| (owner.to_owned(), statement)));
        return;
    }
    match value {
        Value::Object(members) => {
            members.values().for_each(|value| self::statements(owner, value, found));
        }
        Value::Array(items) => {
            items.iter().for_each(|value| self::statements(owner, value, found));
        }
        _ => {}
    }
}

fn all_statements(template: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (id, resource) in template["Resources"].as_object().into_iter().flatten() {
        statements(id, &resource["Properties"], &mut found);
    }
    found
}

/// Whether a key is one that every request carries, or may.
fn is_global(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let by_service = ["aws:tagkeys", "aws:requesttag/", "aws:resourcetag/"];
    key.starts_with("aws:") && !by_service.iter().any(|of| key.starts_with(of))
}

/// `aws:ResourceTag/landlord:tenant` is `aws:ResourceTag/${TagKey}` in the reference.
fn same_key(wanted: &str, known: &str) -> bool {
    match known.split_once("${") {
        Some((start, _)) => wanted.to_ascii_lowercase().starts_with(&start.to_ascii_lowercase()),
        None => wanted.eq_ignore_ascii_case(known),
    }
}

/// What an ARN's last part begins with, up to the first name: `account`, `role`, `stackset`.
fn kind(arn: &str) -> Option<&str> {
    let rest = arn.splitn(6, ':').nth(5)?;
    let end = rest.find(['/', ':', '*', '$'])?;
    Some(&rest[..end])
}

/// The texts of ARNs in a resource element, whatever intrinsic they stand in.
fn arns<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if text == "*" || text.starts_with("arn:") => found.push(text),
        Value::Array(items) => items.iter().for_each(|value| arns(value, found)),
        Value::Object(members) => members.values().for_each(|value| arns(value, found)),
        _ => {}
    }
}

/// What an action's keys, resources and conditions have against the reference.
fn against_reference(reference: &Value, name: &str, owner: &str, body: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let sid = body["Sid"].as_str().unwrap_or("without a Sid");
    for action in texts(&body["Action"]).into_iter().filter(|action| !action.contains('*')) {
        let Some((service, call)) = action.split_once(':') else { continue };
        let place = format!("{name}: {owner} {sid}: {action}");
        let known = &reference["services"][service];
        let found = &known["actions"][call];
        if found.is_null() {
            if !NEWER.contains(&action) {
                faults.push(format!("{place} is not in the reference"));
            }
            continue;
        }
        let kinds: Vec<&String> =
            found["resources"].as_object().into_iter().flatten().map(|(kind, _)| kind).collect();
        let mut keys = texts(&found["keys"]);
        for kind in &kinds {
            keys.extend(texts(&known["resources"][kind.as_str()]["keys"]));
        }
        let conditions = body["Condition"].as_object().into_iter().flatten();
        for key in conditions.flat_map(|(_, keys)| keys.as_object().into_iter().flatten()) {
            if !is_global(key.0) && !keys.iter().any(|known| same_key(key.0, known)) {
                faults.push(format!("{place} does not know the key {}", key.0));
            }
        }
        let mut resources = Vec::new();
        arns(&body["Resource"], &mut resources);
        let named = ["s3", "sqs", "sns"].contains(&service);
        let prefix = |arn: &&str| arn.split(':').nth(2) == Some(service);
        if body["Effect"] != "Allow" || named {
            continue;
        }
        for arn in resources.iter().filter(|arn| prefix(arn)) {
            let fits = kinds.iter().any(|of| {
                let pattern = known["resources"][of.as_str()]["arn"].as_str().unwrap_or_default();
                kind(pattern) == kind(arn) || kind(arn).is_none()
            });
            if !fits {
                faults.push(format!("{place} has no resource like {arn}"));
            }
        }
    }
    faults
}

#[test]
fn every_key_and_resource_in_a_policy_is_one_that_its_actions_know() {
    let reference = json("tests/thieves/reference.json");
    let mut faults = Vec::new();
    for name in TEMPLATES {
        let template = template(name);
        for (owner, body) in all_statements(&template) {
            faults.extend(against_reference(&reference, name, &owner, body));
        }
    }
    assert_no_faults(&faults);
}

#[test]
fn a_key_that_an_action_does_not_know_and_a_resource_it_has_not_are_found() {
    let reference = json("tests/thieves/reference.json");
    let fault = |action: &str, resource: &str, key: &str| {
        let body = serde_json::json!({
            "Effect": "Allow", "Action": action, "Resource": resource,
            "Condition": { "StringEquals": { key: "x" } },
        });
        against_reference(&reference, "t", "F", &body).join(" ")
    };
    let accounts = "arn:aws:organizations::1:account/*";
    let tenant = "aws:ResourceTag/landlord:tenant";
    assert_eq!(fault("organizations:CloseAccount", accounts, tenant), "");
    assert!(fault("organizations:CloseAccount", accounts, "organizations:Unit").contains("key"));
    let unit = "arn:aws:organizations::1:ou/*";
    assert!(fault("organizations:CloseAccount", unit, tenant).contains("no resource like"));
    assert!(fault("organizations:CloseIt", accounts, tenant).contains("not in the reference"));
}

/// The statements of the policy that protects Landlord from tenants.
fn protecting(template: &Value) -> Vec<&Value> {
    let content = &template["Resources"]["ProtectLandlordPolicy"]["Properties"]["Content"];
    list(&content["Statement"])
}

fn names(body: &Value, action: &str) -> bool {
    let service = action.split(':').next().unwrap_or_default();
    texts(&body["Action"]).iter().any(|it| *it == action || *it == format!("{service}:*"))
}

/// Whether tenants are denied an action, on a resource of this kind or by this key.
fn denied(template: &Value, action: &str, about: &str) -> bool {
    protecting(template).into_iter().any(|body| {
        let text = format!("{}{}", body["Resource"], body["Condition"]);
        body["Effect"] == "Deny" && names(body, action) && text.contains(about)
    })
}

/// Each kind of thing that the policy protects, with what its ARN holds.
const PROTECTED: [(&str, &str, &str); 5] = [
    ("iam", "role", ":role/landlord/*"),
    ("iam", "policy", ":policy/landlord/*"),
    ("cloudformation", "stack", ":stack/StackSet-*"),
    ("lambda", "function", ":function:AWSCloudFormationStackSetAccountGate"),
    ("ssm", "parameter", ":parameter/landlord/*"),
];

/// A key by which actions reach it whose resource is another one, and which of them do.
type ByKey = (&'static str, &'static str, fn(&str) -> bool);

const BY_KEY: [ByKey; 3] = [
    ("iam", "iam:PolicyARN", |name| name.starts_with("Attach")),
    ("iam", "iam:PermissionsBoundary", |name| {
        name.starts_with("Put") && name.ends_with("Boundary")
            || ["CreateRole", "CreateUser"].contains(&name)
    }),
    ("lambda", "lambda:FunctionArn", |name| {
        ["CreateEventSourceMapping", "UpdateEventSourceMapping"].contains(&name)
    }),
];

#[test]
fn the_protecting_policy_covers_every_action_that_could_touch_what_it_protects() {
    let reference = json("tests/thieves/reference.json");
    let template = template("template.yaml");
    let mut faults = Vec::new();
    let excused = |action: &str| NOT_PROTECTED.iter().any(|(name, _)| *name == action);
    let of =
        |service: &str| reference["services"][service]["actions"].as_object().expect("actions");
    for (service, kind, about) in PROTECTED {
        for (name, found) in of(service) {
            let action = format!("{service}:{name}");
            let reads = ["Read", "List"].contains(&found["level"].as_str().unwrap_or_default());
            let touches = found["resources"].get(kind).is_some() && !reads;
            if touches && !excused(&action) && !denied(&template, &action, about) {
                faults.push(format!("{action} touches a {kind} and is not denied"));
            }
        }
    }
    for (service, key, reaches) in BY_KEY {
        for (name, found) in of(service) {
            let action = format!("{service}:{name}");
            let takes = texts(&found["keys"]).contains(&key) && reaches(name);
            if takes && !denied(&template, &action, key) {
                faults.push(format!("{action} takes {key} and is not denied"));
            }
        }
    }
    assert_no_faults(&faults);
}
