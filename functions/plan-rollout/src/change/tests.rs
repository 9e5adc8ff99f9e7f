//! Values forth and back, as tables.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use rollout::stack_set::Declared;
use serde_json::{Value, json};

use super::*;

struct Case {
    input: Input,
    summary: Summary,
    set: Described,
    constraints: BTreeMap<String, Constraints>,
}

/// Parameters of the template: name, default, whether it is hidden.
type Of<'a> = &'a [(&'a str, Option<&'a str>, bool)];

fn case(given: Value, more: Value, declared: Of<'_>, set: &[(&str, &str)]) -> Case {
    let mut input = json!({"stackSet": "s", "templateUrl": "https://b.s3.amazonaws.com/t",
        "parameters": given, "plan": "routine"});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let parameters = declared.iter().map(|(name, default, no_echo)| {
        let default = default.map(str::to_owned);
        ((*name).to_owned(), Declared { default, no_echo: *no_echo })
    });
    let set = set.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Case {
        input: Input::read(&input).unwrap(),
        summary: Summary { parameters: parameters.collect(), ..Summary::default() },
        set: Described { parameters: set.collect(), ..Described::default() },
        constraints: BTreeMap::new(),
    }
}

impl Case {
    fn change(&self) -> Result<Change, Vec<String>> {
        let parts = Parts {
            input: &self.input,
            summary: &self.summary,
            constraints: &self.constraints,
            set: &self.set,
            was: &self.set.parameters,
        };
        let mut faults = Faults::new();
        let change = change(parts, Template::Previous, &mut faults);
        if faults.is_empty() { Ok(change) } else { Err(faults.reasons()) }
    }
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

#[test]
fn parameters_keep_their_values_unless_given_and_all_go_back() {
    let declared: Of<'_> = &[("A", None, false), ("B", None, false), ("New", Some("x"), false)];
    let set = [("A", "1"), ("B", "2"), ("Gone", "3")];
    let change = case(json!({"A": "9"}), json!({}), declared, &set).change().unwrap();
    let next: Vec<_> = change.next.parameters.into_iter().collect();
    assert_eq!(next, [("A".to_owned(), text("9")), ("B".to_owned(), None)]);
    let back: Vec<_> = change.previous.parameters.into_iter().collect();
    let expected =
        [("A".to_owned(), text("1")), ("B".to_owned(), None), ("Gone".to_owned(), text("3"))];
    assert_eq!(back, expected);
}

#[test]
fn a_parameter_goes_back_to_the_templates_default_if_it_has_one() {
    let default = json!({"A": {"useDefault": true}});
    let set = [("A", "1")];
    let with = case(default.clone(), json!({}), &[("A", Some("7"), false)], &set);
    let change = with.change().unwrap();
    assert_eq!(change.next.parameters["A"], text("7"));
    assert_eq!(change.previous.parameters["A"], text("1"));
    let without = case(default, json!({}), &[("A", None, false)], &set);
    assert!(without.change().unwrap_err()[0].contains("has a default"));
}

#[test]
fn parameters_without_a_value_and_values_without_a_parameter_are_faults_that_show_no_value() {
    let declared: Of<'_> = &[("Must", None, false), ("Key", None, true)];
    let given = json!({"Other": "hunter2", "Key": "hunter3"});
    let faults = case(given, json!({}), declared, &[("Key", HIDDEN)]).change().unwrap_err();
    assert_eq!(faults.len(), 4, "{faults:?}");
    assert!(!faults.iter().any(|fault| fault.contains("hunter")), "{faults:?}");
}

#[test]
fn a_secret_is_rotated_by_reference_with_its_old_value_as_a_reference_or_without_a_way_back() {
    let declared: Of<'_> = &[("Key", None, true)];
    let new = json!({"Key": "{{resolve:secretsmanager:new:SecretString:key}}"});
    let set = [("Key", HIDDEN)];
    let refused = case(new.clone(), json!({}), declared, &set).change().unwrap_err();
    assert!(refused[0].contains("previousParameters"), "{refused:?}");

    let old = "{{resolve:ssm-secure:/keys/old:3}}";
    let more = json!({"previousParameters": {"Key": old}});
    let change = case(new.clone(), more, declared, &set).change().unwrap();
    assert_eq!(change.previous.parameters["Key"], text(old));

    let leave = json!({"plan": {"base": "routine", "onStop": "LEAVE"}});
    let change = case(new.clone(), leave.clone(), declared, &set).change().unwrap();
    assert_eq!(change.previous.parameters["Key"], None, "what is left keeps the new one");

    let plain = case(json!({"Key": "hunter2"}), leave, declared, &set).change().unwrap_err();
    assert_eq!(plain.len(), 1, "{plain:?}");
    assert!(plain[0].contains("reference") && !plain[0].contains("hunter2"), "{plain:?}");

    let more = json!({"previousParameters": {"Key": "hunter2"}});
    let plain = case(new, more, declared, &set).change().unwrap_err();
    assert!(plain.iter().all(|fault| !fault.contains("hunter2")), "{plain:?}");
}

#[test]
fn an_old_value_that_can_be_seen_needs_no_reference() {
    let more = json!({"previousParameters": {"A": "{{resolve:ssm-secure:/a:1}}"}});
    let case = case(json!({"A": "2"}), more, &[("A", None, false)], &[("A", "1")]);
    assert!(case.change().unwrap_err()[0].contains("hidden"));
}

#[test]
fn values_are_held_against_the_templates_rules() {
    let template = "Parameters: {Days: {Type: Number, MaxValue: 30}, Size: {AllowedValues: [s]}}";
    let declared: Of<'_> = &[("Days", None, false), ("Size", None, false)];
    let mut wrong = case(json!({"Days": "40", "Size": "xl"}), json!({}), declared, &[]);
    wrong.constraints = crate::constraints::read(template).unwrap();
    let faults = wrong.change().unwrap_err();
    assert_eq!(faults.len(), 2, "{faults:?}");
    let referenced = json!({"Days": "{{resolve:ssm:/days}}", "Size": "s"});
    let mut right = case(referenced, json!({}), declared, &[]);
    right.constraints = crate::constraints::read(template).unwrap();
    assert!(right.change().is_ok());
}
