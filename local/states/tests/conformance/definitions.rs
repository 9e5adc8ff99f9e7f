//! What a definition may say, and how a wrong one is refused: every fault, with its place.

use local_states::Machine;
use serde_json::{Value, json};

use crate::world::{machine, single, task};

#[track_caller]
fn faults(definition: &Value) -> Vec<String> {
    match Machine::parse(&definition.to_string()) {
        Ok(_) => panic!("the definition was accepted"),
        Err(errors) => errors.0.iter().map(ToString::to_string).collect(),
    }
}

/// Exactly one fault, at this place, that says this.
#[track_caller]
fn refused(definition: &Value, place: &str, says: &str) {
    let faults = faults(definition);
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert!(faults[0].starts_with(&format!("{place}: ")), "{faults:#?}");
    assert!(faults[0].contains(says), "{faults:#?}");
}

#[test]
fn all_faults_are_reported_at_once_with_their_places() {
    let definition = json!({
        "QueryLanguage": "JSONata",
        "StartAt": "PlaceAccount",
        "Stetes": {},
        "States": {
            "PlaceAccount": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Arguments": {"Payload": {"ou": "{% $states.input. %}"}},
                "ResultPath": "$.x",
                "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": -1, "Jitter": "FULL"}],
                "Next": "Gone",
            },
            "Alone": {"Type": "Pass"},
        },
    });
    let faults = faults(&definition);
    let places: Vec<_> = faults.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "States.PlaceAccount.Arguments.Payload.ou",
            "States.PlaceAccount.Retry[0].MaxAttempts",
            "States.PlaceAccount.Retry[0].Jitter",
            "States.PlaceAccount.ResultPath",
            "States.Alone",
            "States.PlaceAccount.Next",
            "States.Alone",
            "Stetes",
        ],
        "{faults:#?}"
    );
    assert!(faults[2].contains("is not a known field here"));
    assert!(faults[3].contains("JSONPath"));
    assert!(faults[6].contains("no state leads to this one"));
}

#[test]
fn fields_of_json_path_are_refused_as_such() {
    for field in ["InputPath", "Parameters", "ResultPath", "OutputPath", "ResultSelector"] {
        let definition = single(task(json!({field: "$"})));
        refused(&definition, &format!("States.Only.{field}"), "is a field of JSONPath");
    }
}

#[test]
fn what_aws_takes_and_is_hardly_meant_is_a_warning() {
    let definition = single(task(json!({
        "Arguments": {"a.$": "$.b"},
        "Assign": {"list": [{"x": "{% $tenant %}"}]},
    })));
    let machine = Machine::parse(&definition.to_string()).unwrap();
    let warnings: Vec<_> = machine.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "States.Only.Arguments.a.$: a name that ends in .$ is JSONPath, which a JSONata state \
             does not evaluate",
            "States.Only.Assign.list: the variable $tenant is assigned nowhere that this state \
             could see",
        ]
    );
}

#[test]
fn a_machine_in_json_path_is_refused() {
    let pass = json!({"P": {"Type": "Pass", "End": true}});
    refused(
        &json!({"StartAt": "P", "States": pass}),
        "States.P",
        "JSONPath, which is not run here",
    );
    refused(
        &json!({"QueryLanguage": "JSONPath", "StartAt": "P", "States": pass}),
        "QueryLanguage",
        "must be JSONata",
    );
    let own = json!({"P": {"Type": "Pass", "QueryLanguage": "JSONata", "End": true}});
    assert!(Machine::parse(&json!({"StartAt": "P", "States": own}).to_string()).is_ok());
}

#[test]
fn what_is_not_a_definition_is_refused() {
    for (text, says) in [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[]", "must be an object, not a list"),
        ("7", "must be an object, not 7"),
        ("{}", "\"StartAt\" is missing"),
    ] {
        let errors = Machine::parse(text).unwrap_err();
        assert!(errors.to_string().contains(says), "{text}: {errors}");
    }
    let twice = r#"{"QueryLanguage":"JSONata","StartAt":"A","States":{
        "A":{"Type":"Pass","End":true},"A":{"Type":"Pass","End":true}}}"#;
    let errors = Machine::parse(twice).unwrap_err();
    assert_eq!(errors.to_string(), "States.A: this name stands twice in the same object");
}

#[test]
fn a_state_needs_a_known_type_and_a_way_on() {
    refused(&machine(json!({"A": {"Type": "Tsak", "End": true}})), "States.A.Type", "\"Tsak\"");
    refused(&machine(json!({"A": {"End": true}})), "States.A", "\"Type\" is missing");
    refused(&machine(json!({"A": {"Type": "Pass"}})), "States.A", "\"Next\" or \"End\" is missing");
    refused(&machine(json!({"A": {"Type": "Pass", "End": false}})), "States.A.End", "must be true");
    refused(
        &machine(
            json!({"A": {"Type": "Pass", "End": true, "Next": "B"}, "B": {"Type": "Succeed"}}),
        ),
        "States.A",
        "both Next and End",
    );
    let mut elsewhere = machine(json!({"A": {"Type": "Succeed"}}));
    elsewhere["StartAt"] = json!("B");
    refused(&elsewhere, "StartAt", "\"B\" does not exist");
}

#[test]
fn every_state_must_be_reached_and_one_must_end() {
    let unreached = machine(json!({"A": {"Type": "Succeed"}, "B": {"Type": "Succeed"}}));
    refused(&unreached, "States.B", "no state leads to this one");
    let endless = machine(json!({"A": {"Type": "Pass", "Next": "A"}}));
    refused(&endless, "States", "no state ends");
    let dangling = machine(json!({
        "A": task(json!({"End": true, "Catch": [{"ErrorEquals": ["X"], "Next": "B"}]})),
    }));
    refused(&dangling, "States.A.Catch[0].Next", "\"B\" does not exist");
}

#[test]
fn names_are_short_and_unique_in_the_whole_machine() {
    let long = "n".repeat(81);
    let definition = machine(json!({long.as_str(): {"Type": "Succeed"}}));
    refused(&definition, &format!("States.{long}"), "81 characters");
    let definition = single(json!({
        "Type": "Parallel",
        "Branches": [{"StartAt": "Only", "States": {"Only": {"Type": "Succeed"}}}],
    }));
    let problem = &faults(&definition)[0];
    assert!(problem.contains("unique in the whole machine"), "{problem}");
}

#[test]
fn resources_that_are_not_run_here_are_refused_by_name() {
    for resource in [
        "arn:aws:states:::ecs:stopTask",
        "arn:aws:states:::dynamodb:getItem.sync",
        "arn:aws:states:eu-west-1:111111111111:activity:a",
    ] {
        let definition = single(json!({"Type": "Task", "Resource": resource}));
        refused(&definition, "States.Only.Resource", resource);
    }
    let parsed = Machine::parse(&single(task(json!({}))).to_string()).unwrap();
    assert_eq!(parsed.resources()[0].arn, "arn:aws:states:::lambda:invoke");
}

#[test]
fn states_all_stands_alone_and_last() {
    let together = single(task(json!({"Retry": [{"ErrorEquals": ["States.ALL", "X"]}]})));
    refused(&together, "States.Only.Retry[0].ErrorEquals", "alone");
    let first = single(task(json!({
        "Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["X"]}],
    })));
    refused(&first, "States.Only.Retry[0].ErrorEquals", "last");
    let none = single(task(json!({"Retry": [{"ErrorEquals": []}]})));
    refused(&none, "States.Only.Retry[0].ErrorEquals", "at least one");
}

#[test]
fn numbers_are_held_to_their_limits() {
    for (fields, place) in [
        (json!({"TimeoutSeconds": 0}), "TimeoutSeconds"),
        (json!({"TimeoutSeconds": 1.5}), "TimeoutSeconds"),
        (json!({"TimeoutSeconds": "60"}), "TimeoutSeconds"),
        (
            json!({"Retry": [{"ErrorEquals": ["X"], "IntervalSeconds": 0}]}),
            "Retry[0].IntervalSeconds",
        ),
        (json!({"Retry": [{"ErrorEquals": ["X"], "BackoffRate": 0.5}]}), "Retry[0].BackoffRate"),
        (
            json!({"Retry": [{"ErrorEquals": ["X"], "MaxDelaySeconds": 31_622_401}]}),
            "Retry[0].MaxDelaySeconds",
        ),
        (
            json!({"Retry": [{"ErrorEquals": ["X"], "JitterStrategy": "HALF"}]}),
            "Retry[0].JitterStrategy",
        ),
    ] {
        refused(&single(task(fields)), &format!("States.Only.{place}"), "must be");
    }
}

#[test]
fn heartbeats_are_shorter_than_the_time_out() {
    let definition = single(json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "TimeoutSeconds": 10,
        "HeartbeatSeconds": 10,
    }));
    refused(&definition, "States.Only.HeartbeatSeconds", "10 must be less than TimeoutSeconds");
}

#[test]
fn expressions_are_checked_when_the_definition_is_loaded() {
    for (expression, says) in [
        ("{% 1 + %}", "is not a JSONata expression"),
        ("{% tenantId %}", "the name `tenantId` has no object"),
        ("{% $ %}", "`$` means nothing here"),
        ("{% $$.a %}", "`$$` means nothing here"),
        ("{% $eval('1') %}", "$eval does not exist"),
        ("{% $lenght('a') %}", "the function $lenght does not exist"),
        ("{% $states.inptu %}", "$states.inptu does not exist"),
        ("{% $states.result %}", "$states.result exists only"),
        ("{% $states.errorOutput %}", "$states.errorOutput exists only"),
        ("{% 1", "does not end with %}"),
    ] {
        let definition = single(task(json!({"Arguments": {"x": [expression]}})));
        let found = faults(&definition);
        assert!(found.len() == 1 && found[0].contains(says), "{expression}: {found:#?}");
        assert!(found[0].starts_with("States.Only.Arguments"), "{found:#?}");
    }
}

#[test]
fn names_inside_paths_predicates_and_functions_are_no_faults() {
    for expression in [
        "$states.input.list[id = 1].name",
        "$map($states.input.list, function($v, $i) { $v.name & $i })",
        "($total := 1; $total + 1)",
        "$states.input.list^(>age).{'n': name, 'self': $}",
        "$states.input{type: $sum(value)}",
        "$states.input ~> |list|{'a': b}|",
        "$states.input.list@$l.name#$i.{'i': $i, 'l': $l}",
        "$reduce([1, 2], function($a, $b) { $a + $b })",
        "$states.input.list.$uppercase(name)",
        "$map([1], $string)",
    ] {
        let definition = single(json!({"Type": "Pass", "Output": format!("{{% {expression} %}}")}));
        if let Err(errors) = Machine::parse(&definition.to_string()) {
            panic!("{expression}: {errors}");
        }
    }
}

#[test]
fn an_inner_scope_may_not_assign_a_variable_of_an_outer_one() {
    let definition = machine(json!({
        "Set": {"Type": "Pass", "Assign": {"x": 1}, "Next": "Both"},
        "Both": {
            "Type": "Parallel",
            "Branches": [{"StartAt": "A", "States": {
                "A": {"Type": "Pass", "Assign": {"x": 2, "y": "{% $x %}"}, "End": true},
            }}],
            "Next": "After",
        },
        "After": {"Type": "Succeed", "Output": "{% $y %}"},
    }));
    let found = faults(&definition);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("States.Both.Branches[0].States.A.Assign.x: "));
    assert!(found[0].contains("outer scope"));
}

#[test]
fn variable_names_follow_the_languages_rules() {
    for name in ["states", "$x", "1x", "a-b", ""] {
        let definition = single(json!({"Type": "Pass", "Assign": {name: 1}}));
        refused(&definition, &format!("States.Only.Assign.{name}"), "name");
    }
}

#[test]
fn a_distributed_map_is_checked_whole() {
    let definition = machine(json!({
        "Set": {"Type": "Pass", "Assign": {"outer": 1}, "Next": "All"},
        "All": {
            "Type": "Map",
            "Label": "a b",
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "Arguments": {"Bucket": "b", "Key": "k"},
                "ReaderConfig": {"InputType": "PARQUET"},
            },
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
                "StartAt": "Each",
                "States": {"Each": {"Type": "Pass", "End": true}},
            },
            "ItemBatcher": {},
            "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject"},
            "End": true,
        },
    }));
    let found = faults(&definition);
    for (place, says) in [
        ("States.All.Label", "1 to 40 characters"),
        ("States.All.ItemReader.ReaderConfig.InputType", "\"PARQUET\" must be one of"),
        ("States.All.ItemProcessor.ProcessorConfig.ExecutionType", "EXPRESS is not run here"),
        ("States.All.ItemBatcher", "MaxItemsPerBatch"),
        ("States.All.ResultWriter", "\"Arguments\" is missing"),
    ] {
        let is_there =
            |fault: &String| fault.starts_with(&format!("{place}: ")) && fault.contains(says);
        assert!(found.iter().any(is_there), "{place} {says}: {found:#?}");
    }
}

#[test]
fn fields_of_a_distributed_map_are_refused_on_an_inline_one() {
    let definition = single(json!({
        "Type": "Map",
        "ItemBatcher": {"MaxItemsPerBatch": 1},
        "ItemProcessor": {"StartAt": "E", "States": {"E": {"Type": "Succeed"}}},
    }));
    refused(&definition, "States.Only.ItemBatcher", "not a known field here");
}
