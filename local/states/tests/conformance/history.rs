//! The history, as `GetExecutionHistory` answers it.

use local_states::HistoryEvent;
use serde_json::{Value, json};

use crate::world::{World, error, failure, later, machine, output, single, task};

fn api(world: &World) -> Vec<Value> {
    world.history.lock().unwrap().iter().map(|event| event.to_api(true)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_task_is_reported_with_the_events_and_details_of_aws() {
    let world = World::with(|_| later(2, Ok(json!({"Payload": 1}))));
    let definition = machine(json!({
        "Call": task(json!({
            "Arguments": {"FunctionName": "f"},
            "Credentials": {"RoleArn": "arn:aws:iam::222222222222:role/r"},
            "TimeoutSeconds": 30,
            "Assign": {"answer": "{% $states.result.Payload %}"},
            "Next": "Done",
        })),
        "Done": {"Type": "Succeed"},
    }));
    output(world.run(definition, json!({"a": 1})).await);
    let ok = json!({"truncated": false});
    let start = 1_795_219_200.0;
    let call = json!({"resourceType": "lambda", "resource": "invoke"});
    let mut scheduled = call.clone();
    scheduled["region"] = json!("eu-west-1");
    scheduled["parameters"] = json!("{\"FunctionName\":\"f\"}");
    scheduled["timeoutInSeconds"] = json!(30);
    scheduled["taskCredentials"] = json!({"roleArn": "arn:aws:iam::222222222222:role/r"});
    let mut succeeded = call.clone();
    succeeded["output"] = json!("{\"Payload\":1}");
    succeeded["outputDetails"] = ok.clone();
    let event = |at: f64, id: u64, name: &str, member: &str, details: Value| json!({"timestamp": at, "type": name, "id": id, "previousEventId": if id == 2 { 0 } else { id - 1 }, member: details});
    let (end, output) = (start + 2.0, "{\"Payload\":1}");
    assert_eq!(
        api(&world),
        [
            event(
                start,
                1,
                "ExecutionStarted",
                "executionStartedEventDetails",
                json!({"input": "{\"a\":1}", "inputDetails": ok, "roleArn": "arn:aws:iam::111111111111:role/sample"})
            ),
            event(
                start,
                2,
                "TaskStateEntered",
                "stateEnteredEventDetails",
                json!({"name": "Call", "input": "{\"a\":1}", "inputDetails": ok})
            ),
            event(start, 3, "TaskScheduled", "taskScheduledEventDetails", scheduled),
            event(start, 4, "TaskStarted", "taskStartedEventDetails", call),
            event(end, 5, "TaskSucceeded", "taskSucceededEventDetails", succeeded),
            event(
                end,
                6,
                "TaskStateExited",
                "stateExitedEventDetails",
                json!({"name": "Call", "output": output, "outputDetails": ok,
                    "assignedVariables": {"answer": "1"}, "assignedVariablesDetails": ok})
            ),
            event(
                end,
                7,
                "SucceedStateEntered",
                "stateEnteredEventDetails",
                json!({"name": "Done", "input": output, "inputDetails": ok})
            ),
            event(
                end,
                8,
                "SucceedStateExited",
                "stateExitedEventDetails",
                json!({"name": "Done", "output": output, "outputDetails": ok})
            ),
            event(
                end,
                9,
                "ExecutionSucceeded",
                "executionSucceededEventDetails",
                json!({"output": output, "outputDetails": ok})
            ),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_failed_step_is_found_by_walking_back_from_the_end() {
    let world = World::with(|request| match request.state.as_str() {
        "Bad" => later(5, failure("Broken")),
        _ => later(1, Ok(json!({}))),
    });
    let branch =
        |name: &str| json!({"StartAt": name, "States": {name: task(json!({"End": true}))}});
    let definition =
        single(json!({"Type": "Parallel", "Branches": [branch("Good"), branch("Bad")]}));
    error(world.run(definition, json!({})).await);
    let history = world.history.lock().unwrap();
    let mut event = history.last().unwrap();
    let mut walked = Vec::new();
    loop {
        let api = event.to_api(true);
        walked.push((event.event_type(), api["stateEnteredEventDetails"]["name"].clone()));
        if event.previous_event_id == 0 {
            break;
        }
        event = &history[event.previous_event_id as usize - 1];
    }
    let names: Vec<_> = walked.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "ExecutionFailed",
            "ParallelStateFailed",
            "TaskFailed",
            "TaskStarted",
            "TaskScheduled",
            "TaskStateEntered",
            "ParallelStateStarted",
            "ParallelStateEntered",
        ]
    );
    assert_eq!(walked[5].1, json!("Bad"));
    let failed = history.iter().find(|event| event.event_type() == "TaskFailed").unwrap();
    assert_eq!(
        failed.to_api(true)["taskFailedEventDetails"],
        json!({"resourceType": "lambda", "resource": "invoke", "error": "Broken", "cause": "because"})
    );
}

#[tokio::test(start_paused = true)]
async fn execution_data_can_be_left_out() {
    let world = World::echo();
    output(world.run(single(task(json!({}))), json!({"secret": 1})).await);
    let history = world.history.lock().unwrap();
    let text = history.iter().map(|event| event.to_api(false).to_string()).collect::<String>();
    assert!(!text.contains("secret"), "{text}");
    assert!(text.contains("\"name\":\"Only\""));
}

#[tokio::test(start_paused = true)]
async fn an_evaluation_that_failed_is_an_event() {
    let world = World::echo();
    let definition = single(json!({"Type": "Pass", "Output": {"a": "{% 1/0 %}"}}));
    let (name, cause, _) = error(world.run(definition, json!({})).await);
    let event = api(&world).into_iter().find(|event| event["type"] == "EvaluationFailed").unwrap();
    assert_eq!(
        event["evaluationFailedEventDetails"],
        json!({"state": "Only", "location": "Output/a", "error": name, "cause": cause})
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_is_the_same_event_by_event_for_the_same_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let world = World::with(|request| {
            let seconds = request.arguments.as_u64().unwrap_or(0) % 7;
            later(seconds, if seconds == 3 { failure("Broken") } else { Ok(json!(seconds)) })
        });
        let definition = single(json!({
            "Type": "Map",
            "Items": "{% [1..60] %}",
            "MaxConcurrency": 10,
            "ToleratedFailurePercentage": 100,
            "ItemProcessor": {"StartAt": "Each", "States": {"Each": task(json!({
                "Retry": [{"ErrorEquals": ["Broken"], "JitterStrategy": "FULL"}],
                "Output": ["{% $states.result %}", "{% $uuid() %}"],
                "End": true,
            }))}},
        }));
        output(world.run(definition, json!({})).await);
        let history = world.history.lock().unwrap();
        runs.push(
            history.iter().map(|event: &HistoryEvent| event.to_api(true)).collect::<Vec<_>>(),
        );
    }
    assert!(runs[0].len() > 400);
    assert_eq!(runs[0], runs[1]);
}
