//! JSONata as the language embeds it.

use local_states::Ended;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{World, error, machine, output, single};

async fn value_of(expression: &str) -> Value {
    let state = json!({"Type": "Pass", "Output": format!("{{% {expression} %}}")});
    let input = json!({"one": ["a"], "many": [{"id": 1}, {"id": 2}], "n": 4, "none": null});
    output(World::echo().run(single(state), input).await)
}

async fn refusal_of(expression: &str) -> (String, String) {
    let state = json!({"Type": "Pass", "Output": format!("{{% {expression} %}}")});
    let (name, cause, _) = error(World::echo().run(single(state), json!({"one": []})).await);
    (name, cause)
}

#[tokio::test(start_paused = true)]
async fn whole_numbers_stay_integers() {
    for (expression, text) in [
        ("1", "1"),
        ("$states.input.n + 1", "5"),
        ("10 / 2", "5"),
        ("1.5", "1.5"),
        ("-0", "0"),
        ("$sum([1, 2])", "3"),
        ("1700000000000", "1700000000000"),
    ] {
        assert_eq!(value_of(expression).await.to_string(), text, "{expression}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_json_is_a_query_evaluation_error() {
    for (expression, named) in [
        ("1/0", "inf"),
        ("0/0", "NaN"),
        ("$states.input.missing", "undefined"),
        ("$sum", "returned an unsupported result type."),
        ("function($x) { $x }", "returned an unsupported result type."),
        ("/a+/", "returned an unsupported result type."),
        ("[1/0]", "inf"),
        ("{'a': {'f': $sum}}", "returned an unsupported result type."),
        ("1 + 'a'", "must evaluate to a number"),
        ("$error('no such tenant')", "no such tenant"),
        ("$states.input.missing > 1", "undefined"),
        ("$filter($states.input.one, function($i) { $i = 1 })", "undefined"),
    ] {
        let (name, cause) = refusal_of(expression).await;
        assert_eq!(name, "States.QueryEvaluationError", "{expression}");
        assert!(cause.contains(named), "{expression}: {cause}");
        assert!(cause.contains("'Only'") && cause.contains("'Output'"), "{cause}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_of_one_stays_a_list_where_the_expression_keeps_it() {
    assert_eq!(value_of("$states.input.one").await, json!(["a"]));
    assert_eq!(value_of("[$states.input.many[id = 1].id]").await, json!([1]));
    assert_eq!(value_of("$states.input.many[id = 1].id[]").await, json!([1]));
    assert_eq!(value_of("{'list': $states.input.one}").await, json!({"list": ["a"]}));
    // JSONata itself makes a single result of a query the element.
    assert_eq!(value_of("$states.input.many[id = 1].id").await, json!(1));
}

#[tokio::test(start_paused = true)]
async fn expressions_are_evaluated_at_every_depth_and_other_strings_are_left_alone() {
    let state = json!({"Type": "Pass", "Output": {
        "list": ["{% $states.input.a %}", {"deep": "{%$states.input.a%}"}],
        "plain": "$states.input.a {% no",
        "number": 7,
        "nothing": null,
    }});
    let result = output(World::echo().run(single(state), json!({"a": [1]})).await);
    assert_eq!(
        result,
        json!({"list": [[1], {"deep": [1]}], "plain": "$states.input.a {% no", "number": 7, "nothing": null})
    );
}

#[tokio::test(start_paused = true)]
async fn the_languages_own_functions_are_there() {
    assert_eq!(value_of("$partition([1,2,3,4,5], 2)").await, json!([[1, 2], [3, 4], [5]]));
    assert_eq!(value_of("$range(0, 10, 5)").await, json!([0, 5, 10]));
    assert_eq!(value_of("$range(3, 1, -1)").await, json!([3, 2, 1]));
    assert_eq!(value_of("$range(3, 1, 1)").await, json!([]));
    assert_eq!(
        value_of("$hash('tenant', 'SHA-256')").await,
        json!("e9da86d351cf9a7642d8c50195c3f466220911a15c177809bd1161a51e8c5f24")
    );
    assert_eq!(value_of("$parse('{\"a\":[1]}').a").await, json!([1]));
    assert_eq!(value_of("$random(7) = $random(7)").await, json!(true));
    assert_eq!(value_of("$random() < 1").await, json!(true));
    assert_eq!(value_of("$length($uuid())").await, json!(36));
    assert_eq!(value_of("$substring($uuid(), 14, 1)").await, json!("4"));
    assert_eq!(value_of("$now()").await, json!("2026-11-21T00:00:00.000Z"));
    assert_eq!(value_of("$count($shuffle([1, 2, 3]))").await, json!(3));
}

#[tokio::test(start_paused = true)]
async fn the_languages_functions_name_wrong_arguments() {
    for (expression, named) in [
        ("$range(1, 5, 0)", "step"),
        ("$range(1, 5000, 1)", "5000"),
        ("$partition([1], 0)", "size"),
        ("$partition(1, 2)", "array"),
        ("$hash('a', 'CRC')", "CRC"),
        ("$parse('{')", "not JSON"),
    ] {
        let (name, cause) = refusal_of(expression).await;
        assert_eq!(name, "States.QueryEvaluationError");
        assert!(cause.contains(named), "{expression}: {cause}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_context_object_tells_execution_machine_and_state() {
    let context = value_of("$states.context").await;
    assert_eq!(
        context.to_string(),
        json!({
            "Execution": {
                "Id": "arn:aws:states:eu-west-1:111111111111:execution:sample:one",
                "Input": {"one": ["a"], "many": [{"id": 1}, {"id": 2}], "n": 4, "none": null},
                "Name": "one",
                "RoleArn": "arn:aws:iam::111111111111:role/sample",
                "StartTime": "2026-11-21T00:00:00.000Z",
                "RedriveCount": 0,
            },
            "State": {"EnteredTime": "2026-11-21T00:00:00.000Z", "Name": "Only"},
            "StateMachine": {
                "Id": "arn:aws:states:eu-west-1:111111111111:stateMachine:sample",
                "Name": "sample",
            },
        })
        .to_string()
    );
}

fn data() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!(-0.0)),
        "[a-z]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[ab]", inner, 0..3).prop_map(|members| json!(members)),
        ]
    })
}

fn ended(input: &Value, expression: String) -> Result<String, (String, String)> {
    let definition = machine(json!({
        "First": {
            "Type": "Pass",
            "Assign": {"some": "{% ($states.input) %}", "count": "{% ($states.input) %}"},
            "Next": "Second",
        },
        "Second": {"Type": "Pass", "Output": expression, "End": true},
    }));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    match runtime.block_on(World::echo().run(definition, input.clone())) {
        Ended::Succeeded { output } => Ok(output.to_string()),
        failed => {
            let (name, cause, _) = error(failed);
            // The cause names the expression as it is written.
            Err((name, cause.replace(['(', ')'], "")))
        }
    }
}

proptest! {
    // A name alone is read without the engine; in brackets it is an expression like any other.
    #[test]
    fn a_name_means_the_same_alone_and_in_brackets(
        input in data(),
        start in prop::sample::select(&["$states.input", "$some", "$count"]),
        names in prop::collection::vec("[ab]", 0..3),
    ) {
        let path = names.iter().fold(start.to_owned(), |path, name| path + "." + name);
        let alone = ended(&input, format!("{{% {path} %}}"));
        prop_assert_eq!(alone, ended(&input, format!("{{% ({path}) %}}")));
    }
}

#[test]
fn a_variable_is_the_machines_where_the_expression_does_not_bind_it() {
    for output in [
        "{% [$some, ($some := 1; $some)] %}",
        "{% $join([$string($some), $string(($some := 1; $some))], ',') %}",
    ] {
        let text = ended(&json!(2), output.to_owned()).unwrap();
        assert!(["[2,1]", "\"2,1\""].contains(&text.as_str()), "{output}: {text}");
    }
}

// The input is left out of the context object where it is not named.
#[tokio::test(start_paused = true)]
async fn the_input_of_the_execution_is_there_however_it_is_reached() {
    for expression in [
        "$states.context.Execution.Input.n",
        "$states.context.Execution.*.n",
        "$states.context.*.Input.n",
        "$states.*.Execution.Input.n",
        "$states.context.(Execution.Input.n)",
        "$states.context.Execution.(Input.n)",
        "$states.context.Execution.Name.%.Input.n",
        "$states.context[Execution.Input.n = 4].Execution.RedriveCount + 4",
        "$states[context.Execution.Input.n = 4].context.Execution.RedriveCount + 4",
        "$states.context.Execution.{'n': Input.n}.n",
        "$states.context.Execution.Input.n[$states.context.Execution.Input.n = 4]",
        "$states.context.Execution[Input.n = 4].RedriveCount + 4",
        "$lookup($states.context.Execution, 'Input').n",
        "$count($keys($states.context.Execution)) - 2",
        "($context := $states.context; $context.Execution.Input.n)",
        "$lookup($states, 'context').Execution.Input.n",
    ] {
        assert_eq!(value_of(expression).await, json!(4), "{expression}");
    }
}

#[tokio::test(start_paused = true)]
async fn assign_and_output_see_the_variables_from_before_the_state() {
    let definition = machine(json!({
        "First": {"Type": "Pass", "Assign": {"count": 1, "list": ["{% 1 %}"]}, "Next": "Second"},
        "Second": {
            "Type": "Pass",
            "Assign": {"count": "{% $count + 1 %}", "before": "{% $count %}"},
            "Output": "{% $count %}",
            "Next": "Third",
        },
        "Third": {
            "Type": "Succeed",
            "Output": {
                "input": "{% $states.input %}",
                "count": "{% $count %}",
                "before": "{% $before %}",
                "list": "{% $list %}",
            },
        },
    }));
    let result = output(World::echo().run(definition, json!({})).await);
    assert_eq!(result, json!({"input": 1, "count": 2, "before": 1, "list": [1]}));
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_random_values() {
    let mut seen = Vec::new();
    for seed in [1, 1, 2] {
        let world = World::seeded(seed, |_| unreachable!());
        let state = json!({"Type": "Pass", "Output": ["{% $uuid() %}", "{% $random() %}"]});
        seen.push(output(world.run(single(state), json!({})).await));
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
}

#[tokio::test(start_paused = true)]
async fn a_variable_may_have_the_name_of_a_function() {
    let definition = machine(json!({
        "First": {"Type": "Pass", "Assign": {"count": 5}, "Next": "Second"},
        "Second": {"Type": "Succeed", "Output": "{% $count + $sum([1, 2]) %}"},
    }));
    assert_eq!(output(World::echo().run(definition, json!({})).await), json!(8));
}
