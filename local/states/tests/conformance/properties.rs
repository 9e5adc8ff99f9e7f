//! Whatever is in a definition, loading it answers with a machine or with messages.

use local_states::Machine;
use proptest::prelude::*;
use serde_json::{Value, json};

fn sample() -> Value {
    json!({
        "Comment": "c", "QueryLanguage": "JSONata", "StartAt": "A", "TimeoutSeconds": 60,
        "States": {
            "A": {
                "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                "Arguments": {"a": "{% $states.input.x[y = 1].z %}", "b": ["{% $partition([1], 1) %}"]},
                "Credentials": {"RoleArn": "r"}, "TimeoutSeconds": "{% 5 %}",
                "Retry": [{"ErrorEquals": ["X"], "IntervalSeconds": 1, "MaxAttempts": 2,
                    "BackoffRate": 2.5, "MaxDelaySeconds": 9, "JitterStrategy": "FULL"}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "Assign": {"e": "{% $states.errorOutput %}"}, "Next": "B"}],
                "Assign": {"v": "{% $states.result %}"}, "Next": "B",
            },
            "B": {"Type": "Choice", "Choices": [{"Condition": "{% $v = 1 %}", "Next": "C"}], "Default": "D"},
            "C": {"Type": "Wait", "Seconds": 1, "Next": "D"},
            "D": {"Type": "Parallel", "Branches": [
                {"StartAt": "E", "States": {"E": {"Type": "Pass", "Output": {"x": 1}, "End": true}}}], "Next": "F"},
            "F": {"Type": "Map", "Label": "L", "ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"]},
                "Arguments": {"Bucket": "b", "Key": "k"}},
                "ItemBatcher": {"MaxItemsPerBatch": 5},
                "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "G", "States": {"G": {"Type": "Succeed"}}},
                "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Arguments": {"Bucket": "b"}},
                "Next": "H"},
            "H": {"Type": "Fail", "Error": "E", "Cause": "{% 'c' %}"},
        },
    })
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        any::<f64>().prop_map(|value| json!(value)),
        ".{0,12}".prop_map(|value| json!(value)),
        "\\{%[ -~]{0,20}%\\}".prop_map(|value| json!(value)),
        "\\{% [$a-c.()\\[\\]{}'+*?:0-9^#@%|~>=/-]{0,16} %\\}".prop_map(|value| json!(value)),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{"Next": 1}])),
        Just(json!({"Type": "Map"})),
    ]
}

/// Every place in a value, as a JSON Pointer.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                places(field, &format!("{at}/{name}"), into);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{index}"), into);
            }
        }
        _ => {}
    }
}

/// Expressions that hang together more often than random text does.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("$states.input".to_owned()),
        "\\$states\\.input\\.[abc]",
        Just("$states.context".to_owned()),
        "-?[0-9]{1,4}(\\.[0-9]{1,2})?",
        "'[a-z{}$%0-9 ]{0,6}'",
        "/[a-c.*+?|()\\[\\]^]{1,5}/",
        prop::sample::select(vec!["true", "null", "[]", "{}", "1e300", "[1..5]", "$sum", "$uuid"])
            .prop_map(str::to_owned),
    ];
    let functions = vec![
        "sum",
        "count",
        "max",
        "average",
        "string",
        "length",
        "substring",
        "split",
        "join",
        "pad",
        "match",
        "replace",
        "number",
        "abs",
        "round",
        "power",
        "sqrt",
        "formatNumber",
        "formatBase",
        "formatInteger",
        "parseInteger",
        "boolean",
        "not",
        "exists",
        "map",
        "filter",
        "reduce",
        "sift",
        "each",
        "sort",
        "reverse",
        "shuffle",
        "distinct",
        "zip",
        "keys",
        "lookup",
        "spread",
        "merge",
        "type",
        "append",
        "toMillis",
        "fromMillis",
        "base64decode",
        "encodeUrl",
        "decodeUrl",
        "partition",
        "range",
        "hash",
        "parse",
        "random",
        "single",
        "contains",
    ];
    leaf.prop_recursive(4, 24, 3, move |inner| {
        let operators =
            vec!["+", "-", "*", "/", "%", "&", "=", "!=", "<", ">=", "in", "and", "~>", "."];
        prop_oneof![
            (inner.clone(), prop::sample::select(operators), inner.clone())
                .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (prop::sample::select(functions.clone()), prop::collection::vec(inner.clone(), 0..4))
                .prop_map(|(name, args)| format!("${name}({})", args.join(", "))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}[{b}]")),
            (inner.clone(), "[abc]").prop_map(|(a, b)| format!("{a}.{b}")),
            (inner.clone(), "[abc]").prop_map(|(a, b)| format!("{a}^(>{b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{'k': {a}, 'l': {b}}}")),
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            inner.prop_map(|body| format!(
                "$map($states.input.a, function($v, $i) {{ {body} & $v }})"
            )),
        ]
    })
}

#[test]
fn the_sample_of_the_property_tests_is_valid() {
    Machine::parse(&sample().to_string()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_definition_is_a_machine_or_messages(
        mutations in prop::collection::vec(
            (any::<prop::sample::Index>(), anything(), 0..3_u8, "[A-Z][a-zA-Z]{0,8}"),
            1..4,
        ),
    ) {
        let mut definition = sample();
        for (place, value, how, name) in mutations {
            let mut found = Vec::new();
            places(&definition, "", &mut found);
            let target = definition.pointer_mut(place.get::<String>(&found)).unwrap();
            match (how, target) {
                (0, Value::Object(fields)) => { fields.insert(name, value); }
                (1, Value::Object(fields)) if !fields.is_empty() => {
                    let key = fields.keys().nth(place.index(fields.len())).unwrap().clone();
                    fields.remove(&key);
                }
                (_, target) => *target = value,
            }
        }
        if let Err(errors) = Machine::parse(&definition.to_string()) {
            prop_assert!(!errors.0.is_empty());
            prop_assert!(errors.0.iter().all(|error| !error.problem.is_empty()));
        }
    }

    #[test]
    fn any_expression_has_a_value_or_a_query_evaluation_error(expression in expression()) {
        let state = json!({"Type": "Pass", "Output": format!("{{% {expression} %}}"), "End": true});
        let text = crate::world::machine(json!({"A": state})).to_string();
        if let Ok(machine) = Machine::parse(&text) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let ended = runtime.block_on(async {
                let world = crate::world::World::echo();
                let input = json!({"a": [1, {"b": "x"}], "b": {"a": null, "c": [[]]}, "c": "text"});
                local_states::run(machine.into(), crate::world::execution(input), world, None).await
            });
            if let local_states::Ended::Failed { error, .. } = ended {
                prop_assert_eq!(error.as_deref(), Some("States.QueryEvaluationError"));
            }
        }
    }

    #[test]
    fn any_text_is_a_machine_or_messages(text in ".{0,200}") {
        prop_assert!(Machine::parse(&text).is_err());
    }
}
