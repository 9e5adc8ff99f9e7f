//! Least privilege: who may do something to everything, and why.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::workspace::{GATE, assert_no_faults, functions, resource_of, template, template_of};

/// Actions for which AWS knows no resource, or none that could be named before it exists. Each
/// with the reason; the pages of the Service Authorization Reference are its source.
const WITHOUT_RESOURCE: [(&str, &str); 20] = [
    ("servicequotas:GetAWSDefaultServiceQuota", "AWS's defaults are no resources"),
    ("organizations:CreateAccount", "the account does not exist yet"),
    ("organizations:DescribeCreateAccountStatus", "requests are no resources"),
    ("organizations:ListCreateAccountStatus", "requests are no resources"),
    ("organizations:ListAccounts", "lists the organization"),
    ("organizations:ListDelegatedAdministrators", "lists the organization"),
    ("cloudformation:ListStackSets", "lists the account's stack sets"),
    ("tag:GetResources", "searches by tag"),
    ("cloudformation:GetTemplateSummary", "the template is in no stack set yet"),
    ("cloudwatch:DescribeAlarms", "composite alarms are described to those who may describe all"),
    ("logs:CreateLogDelivery", "log delivery has no resources"),
    ("logs:GetLogDelivery", "log delivery has no resources"),
    ("logs:UpdateLogDelivery", "log delivery has no resources"),
    ("logs:DeleteLogDelivery", "log delivery has no resources"),
    ("logs:ListLogDeliveries", "log delivery has no resources"),
    ("logs:PutResourcePolicy", "resource policies of logs have no resources"),
    ("logs:DescribeResourcePolicies", "resource policies of logs have no resources"),
    ("logs:DescribeLogGroups", "lists the account's groups"),
    ("cloudwatch:DescribeAlarms", "alarms of all kinds are listed together"),
    ("cloudwatch:ListAlarmMuteRules", "lists the account's rules"),
];

/// What AWS asks for in so many words, and whose it is.
const AS_AWS_SAYS: [(&str, &str, &str); 2] = [
    (
        "ArtifactsExecutionRole",
        "cloudformation:*",
        "the least that AWS documents for an execution role of StackSets",
    ),
    (
        "CreateAccountFunction",
        "organizations:TagResource",
        "the resource of a creation is not documented; what exists is denied beside it",
    ),
];

/// The templates that are shipped.
const TEMPLATES: [&str; 4] = [
    "template.yaml",
    "stacksets/account-gate.yaml",
    "stacksets/artifacts.yaml",
    "stacksets/tenant-baseline.yaml",
];

/// A statement and whose it is.
#[derive(Debug)]
struct Statement<'a> {
    owner: String,
    body: &'a Value,
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

/// The statements of the identity policies: those by which somebody is allowed something.
fn statements(template: &Value) -> Vec<Statement<'_>> {
    let mut found = Vec::new();
    for (id, resource) in template["Resources"].as_object().into_iter().flatten() {
        let properties = &resource["Properties"];
        let documents = list(&properties["Policies"])
            .into_iter()
            .map(|policy| policy.get("PolicyDocument").unwrap_or(policy))
            .chain(properties.get("PolicyDocument"));
        for document in documents {
            for body in list(&document["Statement"]) {
                found.push(Statement { owner: id.clone(), body });
            }
        }
    }
    found
}

/// What is too wide in statements that allow.
fn faults(template: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for Statement { owner, body } in statements(template) {
        if body["Effect"] != "Allow" {
            continue;
        }
        let sid = body["Sid"].as_str().unwrap_or("without a Sid");
        let everything = list(&body["Resource"]).contains(&&json!("*"));
        for action in list(&body["Action"]).into_iter().filter_map(Value::as_str) {
            if AS_AWS_SAYS.iter().any(|(whose, what, _)| *whose == owner && *what == action) {
                continue;
            }
            if action.contains('*') {
                faults.push(format!("{owner} {sid}: {action} is more than one action"));
            }
            let listed = WITHOUT_RESOURCE.iter().any(|(name, _)| *name == action);
            if everything && !listed {
                faults.push(format!("{owner} {sid}: {action} on every resource"));
            }
        }
        if body.get("NotAction").is_some() || body.get("NotResource").is_some() {
            faults.push(format!("{owner} {sid}: allows all but something"));
        }
        let within = body["Condition"]["StringEquals"].get("aws:PrincipalOrgID").is_some();
        if body.get("Principal").is_some_and(|principal| *principal == "*") && !within {
            faults.push(format!("{owner} {sid}: allows everybody"));
        }
    }
    faults
}

#[test]
fn nobody_is_allowed_everything() {
    for path in TEMPLATES {
        assert_no_faults(&faults(&template(path)));
    }
}

#[test]
fn a_statement_that_is_too_wide_is_found() {
    let wide = |statement: Value| {
        faults(
            &json!({"Resources": {"F": {"Properties": {"Policies": [{"Statement": [statement]}]}}}}),
        )
    };
    for (statement, part) in [
        (json!({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:x"}), "more than one action"),
        (json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}), "every resource"),
        (json!({"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["a", "*"]}), "every"),
        (json!({"Effect": "Allow", "NotAction": "s3:x", "Resource": "a"}), "all but something"),
        (json!({"Effect": "Allow", "Action": "s3:x", "Resource": "a", "Principal": "*"}), "everyb"),
    ] {
        assert!(wide(statement.clone()).join(" ").contains(part), "{statement}");
    }
    let narrow = json!({"Effect": "Deny", "Action": "*", "Resource": "*"});
    assert_eq!(wide(narrow), Vec::<String>::new());
}

#[test]
fn every_exception_is_used() {
    let templates = TEMPLATES.map(template);
    let allowed: Vec<&str> = templates
        .iter()
        .flat_map(statements)
        .filter(|statement| list(&statement.body["Resource"]).contains(&&json!("*")))
        .flat_map(|statement| list(&statement.body["Action"]))
        .filter_map(Value::as_str)
        .collect();
    let excused = WITHOUT_RESOURCE.iter().map(|(action, _)| action);
    for action in excused.chain(AS_AWS_SAYS.iter().map(|(_, action, _)| action)) {
        assert!(allowed.contains(action), "{action} is excused and not used");
    }
}

/// The role that AWS makes in an account may do everything: only these may enter it.
#[test]
fn only_those_who_work_in_accounts_may_assume_the_role_there() {
    let template = template("template.yaml");
    let mut who: Vec<String> = statements(&template)
        .into_iter()
        .filter(|statement| list(&statement.body["Action"]).contains(&&json!("sts:AssumeRole")))
        .filter(|statement| statement.body["Effect"] == "Allow")
        .filter(|statement| statement.body["Resource"].to_string().contains("${ExecutionRoleName}"))
        .map(|statement| statement.owner)
        .collect();
    who.sort();
    who.dedup();
    assert_eq!(who, ["AdministrationRole", "CreateAccountFunction", "EquipAccountFunction",]);
}

/// What can not be undone, and who may do it.
#[test]
fn what_can_not_be_undone_is_allowed_to_few() {
    let template = template("template.yaml");
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let may: BTreeMap<&str, Vec<String>> = [
        ("organizations:CreateAccount", vec!["CreateAccountFunction".to_owned()]),
        (
            "organizations:MoveAccount",
            names(&["PlaceAccountFunction", "RetireTenantFunction", "SuspendAccountFunction"]),
        ),
        ("organizations:CloseAccount", names(&["CloseAccountFunction"])),
        ("organizations:RemoveAccountFromOrganization", vec![]),
        ("cloudformation:DeleteStackInstances", names(&["WithdrawStacksFunction"])),
        ("cloudformation:DeleteStackSet", vec![]),
        (
            "iam:PassRole",
            names(&[
                "DeployWaveFunction",
                "EnrollBaselineFunction",
                "StopRolloutFunction",
                "WithdrawStacksFunction",
            ]),
        ),
        ("cloudformation:UpdateStackSet", names(&["DeployWaveFunction", "StopRolloutFunction"])),
    ]
    .into();
    for (action, expected) in may {
        let mut owners: Vec<String> = statements(&template)
            .into_iter()
            .filter(|statement| statement.body["Effect"] == "Allow")
            .filter(|statement| list(&statement.body["Action"]).contains(&&json!(action)))
            .map(|statement| statement.owner)
            .collect();
        owners.sort();
        owners.dedup();
        assert_eq!(owners, expected, "{action}");
    }
}

/// Who may write a tag, or remove it.
fn writers(template: &Value, key: &str, action: &str) -> Vec<String> {
    let key = json!(key);
    let mut writers = Vec::new();
    for Statement { owner, body } in statements(template) {
        if body["Effect"] != "Allow" || !list(&body["Action"]).contains(&&json!(action)) {
            continue;
        }
        let only = &body["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"];
        let never = &body["Condition"]["ForAllValues:StringNotEqualsIgnoreCase"]["aws:TagKeys"];
        let may = match (only, never) {
            (Value::Null, Value::Null) => true,
            (Value::Null, never) => !list(never).contains(&&key),
            (only, _) => list(only).contains(&&key),
        };
        if may {
            writers.push(owner);
        }
    }
    writers.dedup();
    writers
}

/// Closing needs the marks of three roles, and none of them may write another's.
#[test]
fn only_what_three_roles_have_marked_may_be_closed() {
    let template = template("template.yaml");
    let mut denied = 0;
    for Statement { owner, body } in statements(&template) {
        let closes = list(&body["Action"]).contains(&&json!("organizations:CloseAccount"));
        if closes && body["Effect"] == "Allow" {
            for key in [
                lifecycle::tags::TENANT,
                lifecycle::tags::RETIRE_AFTER,
                lifecycle::tags::WITHDRAWN_AT,
            ] {
                let needed = &body["Condition"]["Null"][format!("aws:ResourceTag/{key}")];
                assert_eq!(needed, "false", "{owner} {key}");
            }
        }
        if closes && body["Effect"] == "Deny" {
            denied += 1;
        }
    }
    assert_eq!(denied, 3, "what is held, what is protected by a tag, what is protected by a list");
    let (tag, untag) = ("organizations:TagResource", "organizations:UntagResource");
    for (key, action, whose) in [
        (lifecycle::tags::TENANT, tag, vec!["CreateAccountFunction"]),
        (lifecycle::tags::TENANT, untag, vec![]),
        (lifecycle::tags::RETIRE_AFTER, tag, vec!["RetireTenantFunction"]),
        (lifecycle::tags::RETIRE_AFTER, untag, vec!["RetireTenantFunction"]),
        (lifecycle::tags::WITHDRAWN_AT, tag, vec!["WithdrawStacksFunction"]),
        (lifecycle::tags::WITHDRAWN_AT, untag, vec!["PlaceAccountFunction"]),
        (lifecycle::tags::HOLD, tag, vec![]),
        (lifecycle::tags::HOLD, untag, vec![]),
        (lifecycle::tags::PROTECTED, untag, vec![]),
    ] {
        assert_eq!(writers(&template, key, action), whose, "{action} of {key}");
    }
}

/// Only the tenants' accounts can be moved and tagged: an account without the tag is untouchable.
#[test]
fn accounts_without_the_tag_are_untouchable() {
    let template = template("template.yaml");
    for Statement { owner, body } in statements(&template) {
        let changes = list(&body["Action"]).into_iter().filter_map(Value::as_str).any(|action| {
            ["organizations:MoveAccount", "organizations:TagResource"].contains(&action)
        });
        let changes = changes && body["Effect"] == "Allow";
        let of_accounts = body["Resource"].to_string().contains(":account/");
        // Tags that are written with the account's creation have no account to look at.
        if changes && of_accounts && body["Sid"] != "TagAtCreation" {
            let condition = &body["Condition"]["Null"]["aws:ResourceTag/landlord:tenant"];
            assert_eq!(condition, "false", "{owner} {}", body["Sid"]);
        }
    }
}

/// Who says what on the bus: the detail types that a policy lets pass, by owner.
fn may_say(template: &Value) -> BTreeMap<String, Vec<(String, String)>> {
    let mut may: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for Statement { owner, body } in statements(template) {
        if body["Effect"] != "Allow" || !list(&body["Action"]).contains(&&json!("events:PutEvents"))
        {
            continue;
        }
        let only = &body["Condition"]["StringEquals"];
        let (source, kinds) = (&only["events:source"], &only["events:detail-type"]);
        assert!(!source.is_null() && !kinds.is_null(), "{owner} may say everything on the bus");
        let source = source["Ref"].as_str().map_or_else(
            || source.as_str().unwrap_or_default().to_owned(),
            |parameter| format!("${{{parameter}}}"),
        );
        for kind in list(kinds).into_iter().filter_map(Value::as_str) {
            may.entry(owner.clone()).or_default().push((source.clone(), kind.to_owned()));
        }
    }
    may
}

/// Each entry that a machine puts on the bus: source and detail type.
fn said(value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            if let (Some(source), Some(kind)) =
                (value["Source"].as_str(), value["DetailType"].as_str())
            {
                found.push((source.to_owned(), kind.to_owned()));
            }
            members.values().for_each(|value| said(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| said(value, found)),
        _ => {}
    }
}

#[test]
fn a_machine_may_say_on_the_bus_what_it_says_and_no_more() {
    let may = may_say(&template("template.yaml"));
    for machine in crate::workspace::machines() {
        let owner = format!("{}StateMachine", crate::workspace::pascal(&machine.name));
        let definition = crate::workspace::json(format!("statemachines/{}.asl.json", machine.name));
        let mut says = Vec::new();
        said(&definition, &mut says);
        says.sort();
        says.dedup();
        let mut allowed = may.get(&owner).cloned().unwrap_or_default();
        allowed.sort();
        assert_eq!(says, allowed, "{owner}");
    }
}

/// What a README says under the heading `IAM`, or after the word at the start of a line.
fn about_iam(readme: &str) -> &str {
    let start = readme.find("\n## IAM").or_else(|| readme.find("\nIAM: ")).unwrap_or(readme.len());
    let rest = readme.get(start + 1..).unwrap_or_default();
    rest.find("\n## ").map_or(rest, |end| &rest[..end])
}

/// What every function's README lists under IAM is what the template gives it.
#[test]
fn a_functions_readme_names_every_action_that_the_template_allows() {
    let mut faults = Vec::new();
    for function in functions() {
        let template = template(template_of(&function));
        let readme = crate::workspace::text(format!("functions/{function}/README.md"));
        let listed = about_iam(&readme);
        // SAM makes the role of the others.
        let id = if function == GATE { "AccountGateRole".into() } else { resource_of(&function) };
        let actions = statements(&template)
            .into_iter()
            .filter(|statement| statement.owner == id)
            .flat_map(|statement| list(&statement.body["Action"]))
            .filter_map(Value::as_str);
        for action in actions {
            let (service, name) = action.split_once(':').expect("service:Action");
            // The queue's actions are those of an event source, which AWS lists.
            let of_the_source =
                ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"].contains(&name);
            if !listed.contains(name) && !of_the_source {
                faults.push(format!("functions/{function}/README.md: no {service}:{name}"));
            }
        }
    }
    assert_no_faults(&faults);
}
