//! What an operator fills in fits what it is for: tiers, parameters, the example of both.

use lifecycle::{OrganizationalUnits, TiersConfig};
use serde_json::Value;

use crate::workspace::{template, text};

fn tiers() -> TiersConfig {
    text("tiers.json").parse().unwrap_or_else(|faults| panic!("tiers.json: {faults}"))
}

fn parameters(path: &str) -> serde_json::Map<String, Value> {
    template(path)["Parameters"].as_object().expect("parameters").clone()
}

/// The default `STACK` of the Makefile; the stack set that tiers name is called after it.
fn stack() -> String {
    let makefile = text("Makefile");
    let line = makefile.lines().find_map(|line| line.strip_prefix("STACK ?= "));
    line.expect("the Makefile names a stack").to_owned()
}

#[test]
fn the_tiers_that_are_shipped_are_valid_and_fit_into_a_parameter() {
    let units: OrganizationalUnits =
        "Canary=ou-root-canary00,Early=ou-root-early000,General=ou-root-general0"
            .parse()
            .expect("units");
    assert!(tiers().check_units(&units).is_ok());
    assert!(text("tiers.json").len() <= 4096, "the limit of a standard parameter");
}

/// A new account has little of some quotas, and AWS takes days for some requests: an example that
/// requires a value would hold back a newcomer's first tenant.
#[test]
fn the_tiers_that_are_shipped_hold_no_tenant_back() {
    for (name, tier) in tiers().iter() {
        for quota in &tier.quotas {
            assert!(quota.required.is_none(), "tier {name} requires {quota:?}");
        }
    }
}

/// What is global in an account is made in the home Region only.
#[test]
fn every_tier_has_the_home_region_in_its_baseline() {
    let home = parameters("template.yaml")["HomeRegion"]["Default"].clone();
    for (name, tier) in tiers().iter() {
        for set in &tier.baseline {
            let has = set.regions.iter().any(|region| region.as_str() == home);
            assert!(has, "tier {name}, stack set {}: no {home}", set.name);
        }
    }
}

#[test]
fn tiers_name_the_stack_set_of_the_template_and_override_its_parameters() {
    let known = parameters("stacksets/tenant-baseline.yaml");
    let shipped = format!("{}-tenant-baseline", stack());
    for (name, tier) in tiers().iter() {
        for set in &tier.baseline {
            assert_eq!(set.name.as_str(), shipped, "tier {name}");
            for key in set.parameter_overrides.keys() {
                assert!(known.contains_key(key), "tier {name}: the set has no parameter {key}");
            }
        }
    }
}

#[test]
fn the_stack_sets_are_given_parameters_that_their_templates_have_and_need() {
    let whole = template("template.yaml");
    let mut sets = 0;
    for (id, resource) in whole["Resources"].as_object().expect("resources") {
        if resource["Type"] != "AWS::CloudFormation::StackSet" {
            continue;
        }
        sets += 1;
        let known = parameters(resource["Properties"]["TemplateURL"].as_str().expect("a file"));
        let given: Vec<&str> = resource["Properties"]["Parameters"]
            .as_array()
            .expect("parameters")
            .iter()
            .map(|given| given["ParameterKey"].as_str().expect("a key"))
            .collect();
        for key in &given {
            assert!(known.contains_key(*key), "{id}: there is no parameter {key}");
        }
        for (name, parameter) in &known {
            let set = parameter.get("Default").is_some() || given.contains(&name.as_str());
            assert!(set, "{id}: {name} has no value");
            assert!(parameter["Description"].is_string(), "{id}: {name} has no description");
        }
    }
    assert_eq!(sets, 3);
}

#[test]
fn the_example_of_a_deployment_gives_every_parameter_without_a_default() {
    let known = parameters("template.yaml");
    let example = template("deployment.example.yaml");
    let given = example.as_object().expect("an object");
    for key in given.keys() {
        assert!(known.contains_key(key), "deployment.example.yaml: there is no parameter {key}");
    }
    for (name, parameter) in &known {
        let is_given = given.contains_key(name) || name == "Tiers";
        assert!(parameter.get("Default").is_some() || is_given, "{name} is not given");
    }
}

#[test]
fn every_parameter_is_described_and_stands_in_one_group() {
    let whole = template("template.yaml");
    let groups = &whole["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"];
    let grouped: Vec<&str> = groups
        .as_array()
        .expect("groups")
        .iter()
        .flat_map(|group| group["Parameters"].as_array().expect("parameters"))
        .filter_map(Value::as_str)
        .collect();
    let known = parameters("template.yaml");
    for (name, parameter) in &known {
        assert!(parameter["Description"].as_str().is_some(), "{name} has no description");
        assert_eq!(grouped.iter().filter(|one| *one == name).count(), 1, "{name} in the groups");
    }
    assert_eq!(grouped.len(), known.len());
}

/// An alarm on a metric that nobody writes never goes off.
#[test]
fn the_alarms_of_signups_look_at_the_metrics_that_the_functions_write() {
    use admit_tenant::decide::{Class, Reason};
    let resources = &template("template.yaml")["Resources"];
    let of = |namespace: &str, metric: &str, dimension: &str, value: &str| {
        let dimensions = serde_json::json!([{"Name": dimension, "Value": value}]);
        let alarms = resources.as_object().expect("resources").values();
        alarms
            .map(|resource| &resource["Properties"])
            .filter(|it| it["Namespace"] == namespace && it["MetricName"] == metric)
            .filter(|it| it["Dimensions"] == dimensions && it["AlarmActions"].is_array())
            .count()
    };
    let held = (create_account::NAMESPACE, create_account::CREATIONS_HELD);
    assert_eq!(of(held.0, held.1, "Class", "FAULT"), 1);
    // Each reason for which a person has to act is named by an alarm, and so is AWS's silence; what
    // only takes its time has none.
    for reason in Reason::ALL {
        let expected = match reason.class() {
            Class::Fault | Class::Aws => 1,
            Class::Room | Class::Tenant => 0,
        };
        let (namespace, metric) = (admit_tenant::NAMESPACE, admit_tenant::HEAD_WAITING);
        let count = of(namespace, metric, "Reason", reason.as_str());
        assert_eq!(count, expected, "{}", reason.as_str());
    }
}
