//! Parallel and inline Map states.

use local_states::Ended;
use serde_json::{Value, json};

use crate::world::{World, answer, error, failure, later, machine, output, single, task};

fn branch(name: &str, state: Value) -> Value {
    let mut state = state;
    state["End"] = json!(true);
    json!({"StartAt": name, "States": {name: state}})
}

#[tokio::test(start_paused = true)]
async fn branches_run_side_by_side_and_their_outputs_keep_their_order() {
    let world = World::with(|request| match request.state.as_str() {
        "Slow" => later(30, Ok(json!("slow"))),
        _ => later(10, Ok(json!(["fast"]))),
    });
    let state = json!({
        "Type": "Parallel",
        "Branches": [branch("Slow", task(json!({}))), branch("Fast", task(json!({})))],
        "Output": {"both": "{% $states.result %}"},
    });
    let result = output(world.run(single(state), json!({})).await);
    assert_eq!(result, json!({"both": ["slow", ["fast"]]}));
    assert_eq!(world.elapsed(), 30_000);
}

#[tokio::test(start_paused = true)]
async fn a_parallel_state_of_one_branch_has_a_list_of_one() {
    let state = json!({
        "Type": "Parallel",
        "Arguments": {"n": "{% [$states.input] %}"},
        "Branches": [branch("Only1", json!({"Type": "Pass"}))],
        "Output": "{% $states.result %}",
    });
    assert_eq!(output(World::echo().run(single(state), json!(1)).await), json!([{"n": [1]}]));
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_fails_ends_the_others_and_its_error_is_the_states() {
    let world = World::with(|request| match request.state.as_str() {
        "Bad" => later(5, failure("Broken")),
        _ => later(60, Ok(json!({}))),
    });
    let definition = machine(json!({
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Good", "States": {"Good": task(json!({"Next": "Never"})), "Never": task(json!({"End": true}))}},
                branch("Bad", task(json!({}))),
            ],
            "Catch": [{"ErrorEquals": ["Broken"], "Output": "{% $states.errorOutput %}", "Next": "Wait"}],
            "End": true,
        },
        "Wait": {"Type": "Wait", "Seconds": 1000, "End": true},
    }));
    let result = output(world.run(definition, json!({})).await);
    assert_eq!(result, json!({"Error": "Broken", "Cause": "because"}));
    assert_eq!(world.called(), ["Good", "Bad"]);
    assert_eq!(world.elapsed(), 1_005_000);
}

#[tokio::test(start_paused = true)]
async fn a_retried_parallel_state_runs_all_its_branches_again() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let world = World::with(move |request| {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        match request.state.as_str() {
            "Second" if n < 2 => later(1, failure("Broken")),
            _ => answer(Ok(json!(1))),
        }
    });
    let state = json!({
        "Type": "Parallel",
        "Branches": [branch("First", task(json!({}))), branch("Second", task(json!({})))],
        "Retry": [{"ErrorEquals": ["Broken"]}],
    });
    assert_eq!(output(world.run(single(state), json!({})).await), json!([1, 1]));
    assert_eq!(world.called(), ["First", "Second", "First", "Second"]);
}

#[tokio::test(start_paused = true)]
async fn a_branch_reads_outer_variables_and_its_own_end_with_it() {
    let definition = machine(json!({
        "Set": {"Type": "Pass", "Assign": {"outer": 1}, "Next": "Both"},
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "A", "States": {
                    "A": {"Type": "Pass", "Assign": {"mine": "{% $outer + 1 %}"}, "Next": "B"},
                    "B": {"Type": "Succeed", "Output": "{% $mine %}"},
                }},
                {"StartAt": "C", "States": {
                    "C": {"Type": "Pass", "Assign": {"mine": "{% $outer + 10 %}"}, "Next": "D"},
                    "D": {"Type": "Succeed", "Output": "{% $mine %}"},
                }},
            ],
            "End": true,
        },
    }));
    assert_eq!(output(World::echo().run(definition, json!({})).await), json!([2, 11]));
}

fn map(fields: Value) -> Value {
    let mut state = json!({
        "Type": "Map",
        "ItemProcessor": branch("Each", task(json!({}))),
    });
    for (name, field) in fields.as_object().unwrap() {
        state[name] = field.clone();
    }
    single(state)
}

#[tokio::test(start_paused = true)]
async fn a_map_runs_every_item_and_keeps_their_order() {
    let world = World::with(|request| {
        let seconds = request.arguments["wait"].as_u64().unwrap();
        later(seconds, Ok(request.arguments))
    });
    let definition = map(json!({
        "Items": "{% $states.input.waits %}",
        "ItemSelector": {
            "wait": "{% $states.context.Map.Item.Value %}",
            "index": "{% $states.context.Map.Item.Index %}",
            "all": "{% $states.input.waits %}",
        },
        "MaxConcurrency": 2,
    }));
    let result = output(world.run(definition, json!({"waits": [4, 1, 2]})).await);
    let index = |n: u64, wait: u64| json!({"wait": wait, "index": n, "all": [4, 1, 2]});
    assert_eq!(result, json!([index(0, 4), index(1, 1), index(2, 2)]));
    assert_eq!(world.elapsed(), 4_000);
}

#[tokio::test(start_paused = true)]
async fn a_map_over_one_item_has_a_list_of_one_and_over_none_an_empty_list() {
    let world = World::echo();
    assert_eq!(output(world.run(map(json!({})), json!(["x"])).await), json!(["x"]));
    assert_eq!(output(world.run(map(json!({"Items": []})), json!({})).await), json!([]));
}

#[tokio::test(start_paused = true)]
async fn an_inline_map_runs_at_most_forty_iterations_at_a_time() {
    let world = World::with(|request| later(1, Ok(request.arguments)));
    let items: Vec<u64> = (0..100).collect();
    output(world.run(map(json!({})), json!(items)).await);
    assert_eq!(world.elapsed(), 3_000);
}

#[tokio::test(start_paused = true)]
async fn items_must_be_a_list() {
    for (fields, input) in
        [(json!({"Items": "{% $states.input.a %}"}), json!({"a": 5})), (json!({}), json!({}))]
    {
        let (name, cause, _) = error(World::echo().run(map(fields), input).await);
        assert_eq!(name, "States.QueryEvaluationError");
        assert!(
            cause.contains("Expected 'array'") || cause.contains("must be an array"),
            "{cause}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_iteration_that_fails_fails_the_map_with_its_error_and_ends_the_others() {
    let world = World::with(|request| match request.arguments.as_u64() {
        Some(2) => later(1, failure("Broken")),
        _ => later(60, Ok(json!({}))),
    });
    let (name, _, _) = error(world.run(map(json!({})), json!([1, 2, 3])).await);
    assert_eq!(name, "Broken");
    assert_eq!(world.elapsed(), 1_000);
    let events = world.events();
    assert_eq!(events.iter().filter(|event| **event == "MapIterationAborted").count(), 2);
    assert!(events.ends_with(&["MapStateFailed", "ExecutionFailed"]));
}

#[tokio::test(start_paused = true)]
async fn tolerated_failures_are_left_out_and_more_fail_the_map() {
    let run = |fields: Value| async move {
        let world = World::with(|request| match request.arguments.as_u64() {
            Some(n) if n < 3 => answer(failure("Broken")),
            _ => answer(Ok(request.arguments)),
        });
        world.run(map(fields), json!([1, 2, 3, 4])).await
    };
    assert_eq!(output(run(json!({"ToleratedFailureCount": 2})).await), json!([3, 4]));
    assert_eq!(output(run(json!({"ToleratedFailurePercentage": 50})).await), json!([3, 4]));
    for fields in [
        json!({"ToleratedFailureCount": 1}),
        json!({"ToleratedFailurePercentage": "{% 49 %}"}),
        json!({"ToleratedFailureCount": 4, "ToleratedFailurePercentage": 25}),
    ] {
        assert_eq!(error(run(fields).await).0, "States.ExceedToleratedFailureThreshold");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fail_state_in_a_branch_fails_the_parallel_state() {
    let state = json!({
        "Type": "Parallel",
        "Branches": [{"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "Refused"}}}],
    });
    let ended = World::echo().run(single(state), json!({})).await;
    assert!(matches!(ended, Ended::Failed { error: Some(name), .. } if name == "Refused"));
}
