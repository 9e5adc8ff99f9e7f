//! What operators are sent: each notice says what it is about, why, and what to do next. Who may
//! send one is listed here, so that a new sender has to be looked at.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Value, json};

use crate::workspace::{functions, json as file, machines, resource_of, template, template_of};

/// The rules that tell operators: the words that say what it is about, and those that say why.
const RULES: [(&str, &[&str], &[&str]); 5] = [
    ("RetirementFailedRule", &["execution", "input"], &["status", "error", "cause"]),
    ("ClosedTenantIsBackRule", &["tenant", "account"], &["state"]),
    ("LiveAccountClosedRule", &["tenant", "account"], &["closed", "unit"]),
    ("SweepNeedsAttentionRule", &["sweep"], &["text"]),
    ("TenantWaitsRule", &["tenant", "account"], &["because", "since"]),
];

fn rules(template: &Value) -> Vec<(String, Value)> {
    let topic = json!({ "Ref": "FailuresTopic" });
    let resources = template["Resources"].as_object().expect("resources");
    resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::Events::Rule")
        .filter_map(|(name, rule)| {
            let targets = rule["Properties"]["Targets"].as_array()?;
            let target = targets.iter().find(|target| target["Arn"] == topic)?;
            let rule = json!({ "pattern": rule["Properties"]["EventPattern"], "target": target });
            Some((name.clone(), rule))
        })
        .collect()
}

fn words(text: &str) -> BTreeSet<String> {
    let placeholder = Regex::new("<([a-z]+)>").expect("a pattern");
    placeholder.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn every_rule_that_tells_operators_says_what_it_is_about_why_and_what_is_next() {
    let template = template("template.yaml");
    let rules = rules(&template);
    let found: BTreeSet<&str> = rules.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(found, RULES.map(|(name, ..)| name).into(), "each is listed above");
    let policy = &template["Resources"]["FailuresTopicPolicy"]["Properties"]["PolicyDocument"];
    for (name, subject, reason) in RULES {
        let (_, rule) = rules.iter().find(|(found, _)| found == name).expect("a rule");
        let transformer = &rule["target"]["InputTransformer"];
        let text = transformer["InputTemplate"].as_str().expect("a text");
        let used = words(text);
        let given: BTreeSet<String> =
            transformer["InputPathsMap"].as_object().expect("paths").keys().cloned().collect();
        assert_eq!(used, given, "{name}: what it says is what it is given");
        let has = |words: &[&str]| words.iter().all(|word| used.contains(*word));
        assert!(has(subject) && has(reason), "{name}: {text}");
        let is_told_by_the_sweep = used.contains("text");
        let next = text.split("Next: ").nth(1).unwrap_or_default();
        assert!(next.len() > 40 || is_told_by_the_sweep, "{name} says no next step: {text}");
        assert!(rule["target"].get("DeadLetterConfig").is_some(), "{name} can be lost");
        let allowed = policy.to_string().contains(&json!([name, "Arn"]).to_string());
        assert!(allowed, "{name} may not send to the topic");
    }
}

#[test]
fn what_a_notice_says_of_an_event_is_in_the_events_schema() {
    for (name, rule) in rules(&template("template.yaml")) {
        if rule["pattern"]["source"] != json!(["landlord"]) {
            continue;
        }
        let event = rule["pattern"]["detail-type"][0].as_str().expect("a detail type");
        let schema = file(format!("docs/events/{event}.json"));
        let paths = rule["target"]["InputTransformer"]["InputPathsMap"].as_object().expect("paths");
        for path in paths.values().filter_map(Value::as_str) {
            let member = path.strip_prefix("$.detail.").expect("a member of the detail");
            assert!(schema["properties"].get(member).is_some(), "{name}: {event} has no {member}");
        }
    }
}

#[test]
fn nobody_else_sends_notices() {
    let publishing: Vec<String> = functions()
        .into_iter()
        .filter(|function| {
            let template = template(template_of(function));
            template["Resources"][resource_of(function)].to_string().contains("sns:Publish")
        })
        .collect();
    // The first tells of a tier and its faults, the second of tenant, step, error and cause, the third
    // of roles that nobody knows, the fourth of tenants that are held before they leave; their own tests
    // hold what they say.
    assert_eq!(publishing, ["admit-tenant", "announce-outcome", "equip-account", "find-tenant"]);
    let machines: Vec<String> = machines()
        .iter()
        .filter(|machine| machine.text.contains("${Publish"))
        .map(|machine| machine.name.clone())
        .collect();
    assert_eq!(machines, ["roll-out"]);
}
