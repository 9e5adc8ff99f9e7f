//! Histories as AWS writes them, event by event with what each one follows: what public recordings
//! of executions show, rebuilt as small machines. Most of it is documented nowhere.

use local_states::HistoryEvent;
use serde_json::{Value, json};

use crate::world::{World, answer, failure, later, machine, output, single, task};

/// Runs a machine and lists its events as `id<previous Type`, with an iteration's index.
async fn events(world: std::sync::Arc<World>, definition: Value, input: Value) -> Vec<String> {
    let _ = world.run(definition, input).await;
    let line = |event: &HistoryEvent| {
        let (api, name) = (event.to_api(true), event.event_type());
        let iteration = api.as_object().unwrap().values().find_map(|details| details.get("index"));
        let index = iteration.map(|index| format!(" {index}")).unwrap_or_default();
        format!("{}<{} {name}{index}", event.id, event.previous_event_id)
    };
    world.history.lock().unwrap().iter().map(line).collect()
}

fn details(world: &World, event_type: &str) -> Value {
    let history = world.history.lock().unwrap();
    let event = history.iter().find(|event| event.event_type() == event_type).unwrap().to_api(true);
    let details = event.as_object().unwrap().iter().find(|(name, _)| name.ends_with("Details"));
    details.map(|(_, details)| details.clone()).unwrap_or_default()
}

fn each(states: Value) -> Value {
    let start = states.as_object().unwrap().keys().next().unwrap().clone();
    json!({"StartAt": start, "States": states})
}

#[tokio::test(start_paused = true)]
async fn a_map_goes_on_from_what_its_iterations_did_and_not_from_their_ends() {
    let definition = single(json!({
        "Type": "Map", "Items": ["a", "b"], "MaxConcurrency": 1,
        "ItemProcessor": each(json!({"Each": {"Type": "Pass", "End": true}})),
    }));
    assert_eq!(
        events(World::echo(), definition, json!({})).await,
        [
            "1<0 ExecutionStarted",
            "2<0 MapStateEntered",
            "3<2 MapStateStarted",
            "4<3 MapIterationStarted 0",
            "5<4 PassStateEntered",
            "6<5 PassStateExited",
            "7<6 MapIterationSucceeded 0",
            "8<6 MapIterationStarted 1",
            "9<8 PassStateEntered",
            "10<9 PassStateExited",
            "11<10 MapIterationSucceeded 1",
            "12<11 MapStateSucceeded",
            "13<11 MapStateExited",
            "14<13 ExecutionSucceeded",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_map_that_is_tried_again_starts_again_and_fails_once() {
    let definition = machine(json!({
        "All": {
            "Type": "Map", "Items": [1],
            "ItemProcessor": each(json!({"No": {"Type": "Fail", "Error": "No"}})),
            "Retry": [{"ErrorEquals": ["No"], "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ["No"], "Next": "Caught"}],
            "End": true,
        },
        "Caught": {"Type": "Succeed"},
    }));
    let world = World::echo();
    assert_eq!(
        events(world.clone(), definition, json!({})).await[2..],
        [
            "3<2 MapStateStarted",
            "4<3 MapIterationStarted 0",
            "5<4 FailStateEntered",
            "6<5 MapIterationFailed 0",
            "7<5 MapStateStarted",
            "8<7 MapIterationStarted 0",
            "9<8 FailStateEntered",
            "10<9 MapIterationFailed 0",
            "11<9 MapStateFailed",
            "12<11 MapStateExited",
            "13<12 SucceedStateEntered",
            "14<13 SucceedStateExited",
            "15<14 ExecutionSucceeded",
        ]
    );
    let left = details(&world, "MapStateExited");
    assert_eq!(left["output"], r#"{"Error":"No","Cause":null}"#);
}

#[tokio::test(start_paused = true)]
async fn what_waits_in_a_branch_that_is_given_up_is_aborted() {
    let world = World::with(|request| match request.state.as_str() {
        "Bad" => later(5, failure("Broken")),
        _ => later(60, Ok(json!({}))),
    });
    let inner = json!({
        "Type": "Map", "Items": [1], "End": true,
        "ItemProcessor": each(json!({"Slow": task(json!({"End": true}))})),
    });
    let definition = single(json!({"Type": "Parallel", "Branches": [
        each(json!({"Bad": task(json!({"End": true}))})),
        each(json!({"Inner": inner})),
        each(json!({"Sit": {"Type": "Wait", "Seconds": 60, "End": true}})),
        each(json!({"Done": {"Type": "Pass", "End": true}})),
    ]}));
    let found = events(world, definition, json!({})).await;
    let failed = found.iter().position(|event| event.ends_with(" TaskFailed")).unwrap();
    let id = failed + 1;
    let aside = |offset: usize, name: &str| format!("{}<{id} {name}", id + offset);
    assert_eq!(
        found[id..],
        [
            aside(1, "TaskStateAborted"),
            aside(2, "MapIterationAborted 0"),
            aside(3, "TaskStateAborted"),
            aside(4, "MapStateAborted"),
            aside(5, "WaitStateAborted"),
            aside(6, "ParallelStateFailed"),
            format!("{}<{} ExecutionFailed", id + 7, id + 6),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_distributed_map_knows_its_own_items_and_exits_from_the_start_of_its_run() {
    let definition = single(json!({
        "Type": "Map", "Items": [1, 2, 3], "ToleratedFailurePercentage": 0.5,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Each", "States": {"Each": {"Type": "Pass", "End": true}},
        },
    }));
    let world = World::echo();
    assert_eq!(
        events(world.clone(), definition, json!({})).await[1..],
        [
            "2<0 MapStateEntered",
            "3<2 MapStateStarted",
            "4<3 MapRunStarted",
            "5<4 MapRunSucceeded",
            "6<5 MapStateSucceeded",
            "7<4 MapStateExited",
            "8<7 ExecutionSucceeded",
        ]
    );
    assert_eq!(details(&world, "MapStateStarted"), json!({"length": 3}));
}

#[tokio::test(start_paused = true)]
async fn an_expression_that_fails_follows_what_came_before_its_state() {
    let definition = machine(json!({
        "Before": {"Type": "Pass", "Next": "Bad"},
        "Bad": {"Type": "Pass", "Output": {"a": ["{% $nothing.x %}"]}, "End": true},
    }));
    let world = World::echo();
    assert_eq!(
        events(world.clone(), definition, json!({})).await[2..],
        [
            "3<2 PassStateExited",
            "4<3 PassStateEntered",
            "5<3 EvaluationFailed",
            "6<5 ExecutionFailed",
        ]
    );
    assert_eq!(
        details(&world, "EvaluationFailed"),
        json!({
            "state": "Bad", "location": "Output/a[0]", "error": "States.QueryEvaluationError",
            "cause": "An error occurred while executing the state 'Bad' (entered at the event id \
                      #4). The JSONata expression '$nothing.x' specified for the field \
                      'Output/a[0]' returned nothing (undefined).",
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_field_of_the_wrong_type_says_what_it_was() {
    let map = |items: Value| {
        let mut state = json!({
            "Type": "Map",
            "ItemProcessor": each(json!({"Each": {"Type": "Pass", "End": true}})),
        });
        if !items.is_null() {
            state["Items"] = items;
        }
        single(state)
    };
    let said = "An error occurred while executing the state 'Only' (entered at the event id #2). ";
    for (definition, location, problem) in [
        (
            map(json!("{% $states.input %}")),
            Some("Items"),
            "The JSONata expression '$states.input' specified for the field 'Items' returned an \
             unexpected result type. Expected 'array', but was 'object' for value: {\"n\":1}",
        ),
        (map(json!(null)), None, "Map state input must be an array but was: {\"n\":1}"),
        (
            map(json!("{% $sum %}")),
            Some("Items"),
            "The JSONata expression '$sum' specified for the field 'Items' returned an unsupported \
             result type.",
        ),
    ] {
        let world = World::echo();
        let found = events(world.clone(), definition, json!({"n": 1})).await;
        assert_eq!(
            found[2..],
            ["3<0 EvaluationFailed", "4<3 MapStateFailed", "5<4 ExecutionFailed"]
        );
        let event = details(&world, "EvaluationFailed");
        assert_eq!(event.get("location").and_then(Value::as_str), location);
        assert_eq!(event["cause"], format!("{said}{problem}"));
    }
    let world = World::echo();
    let wait = single(json!({"Type": "Wait", "Timestamp": "{% $states.input %}"}));
    let found = events(world.clone(), wait, json!("2026-11-21")).await;
    assert_eq!(found[2], "3<2 EvaluationFailed");
    let cause = details(&world, "ExecutionFailed")["cause"].clone();
    assert!(cause.as_str().unwrap().ends_with("date-time format string: 2026-11-21"), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn a_function_named_by_its_arn_has_events_of_its_own_and_answers_with_its_payload() {
    let function = "arn:aws:lambda:eu-west-1:111111111111:function:f";
    let world = World::with(|request| match request.retry_count {
        0 => answer(failure("Broken")),
        _ => answer(Ok(request.arguments)),
    });
    let definition = single(json!({
        "Type": "Task", "Resource": function, "Arguments": "text", "TimeoutSeconds": 9,
        "Retry": [{"ErrorEquals": ["Broken"]}],
    }));
    assert_eq!(
        events(world.clone(), definition, json!({})).await[2..],
        [
            "3<2 LambdaFunctionScheduled",
            "4<3 LambdaFunctionStarted",
            "5<4 LambdaFunctionFailed",
            "6<5 LambdaFunctionScheduled",
            "7<6 LambdaFunctionStarted",
            "8<7 LambdaFunctionSucceeded",
            "9<8 TaskStateExited",
            "10<9 ExecutionSucceeded",
        ]
    );
    assert_eq!(
        details(&world, "LambdaFunctionScheduled"),
        json!({
            "resource": function, "input": "\"text\"", "inputDetails": {"truncated": false},
            "timeoutInSeconds": 9,
        })
    );
    assert_eq!(details(&world, "LambdaFunctionStarted"), Value::Null);
    assert_eq!(
        details(&world, "LambdaFunctionFailed"),
        json!({"error": "Broken", "cause": "because"})
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_failed_without_a_word_leaves_error_and_cause_out() {
    let world = World::with(|_| answer(Err(local_states::TaskFailure::new("", ""))));
    let definition = machine(json!({
        "Ask": {
            "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Arguments": {}, "End": true,
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        },
        "Caught": {"Type": "Succeed"},
    }));
    let ended = world.run(definition, json!({})).await;
    assert_eq!(output(ended), json!({"Error": null, "Cause": null}));
    assert_eq!(
        details(&world, "TaskFailed"),
        json!({"resourceType": "sqs", "resource": "sendMessage.waitForTaskToken"})
    );
}

#[tokio::test(start_paused = true)]
async fn what_ends_an_execution_from_outside_follows_no_event() {
    let world = World::echo();
    let mut definition = machine(json!({"Sit": {"Type": "Wait", "Seconds": 60, "End": true}}));
    definition["TimeoutSeconds"] = json!(5);
    let found = events(world, definition, json!({})).await;
    assert_eq!(found[1..], ["2<0 WaitStateEntered", "3<0 ExecutionTimedOut"]);
}

#[tokio::test(start_paused = true)]
async fn only_states_that_may_be_retried_count_their_retries() {
    let definition = machine(json!({
        "Call": task(json!({
            "Arguments": {},
            "Assign": {"task": "{% $states.context.State.RetryCount %}"},
            "Next": "Look",
        })),
        "Look": {
            "Type": "Pass", "End": true,
            "Output": "{% [$task, $exists($states.context.State.RetryCount)] %}",
        },
    }));
    assert_eq!(output(World::echo().run(definition, json!({})).await), json!([0, false]));
}
