//! Step Functions as its callers see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::world::{ADMIN_ROLE, World, error_code};
use local_aws::Settings;
use serde_json::{Value, json};

fn machine(start: &str, states: Value) -> Value {
    json!({ "QueryLanguage": "JSONata", "StartAt": start, "States": states })
}

fn invoke(function: &str, more: Value) -> Value {
    let mut state = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": { "FunctionName": function, "Payload": "{% $states.input %}" },
        "Output": "{% $states.result.Payload %}",
        "TimeoutSeconds": 60,
        "End": true,
    });
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    state
}

#[tokio::test(start_paused = true)]
async fn a_text_is_the_payload_as_it_stands_and_a_function_may_be_named_by_its_arn() {
    let world = World::new().await;
    world.function("echo", json!({})).await;
    world.answers("echo", |invocation| {
        Ok(json!({ "got": String::from_utf8_lossy(&invocation.payload) }))
    });
    let by_arn = json!({
        "Type": "Task",
        "Resource": "arn:aws:lambda:eu-central-1:111122223333:function:echo",
        "Arguments": "text",
        "Output": "{% $states.result.got %}",
        "End": true,
    });
    let payload = |payload: Value| {
        let arguments = json!({ "FunctionName": "echo", "Payload": payload });
        invoke(
            "echo",
            json!({ "Arguments": arguments, "Output": "{% $states.result.Payload.got %}" }),
        )
    };
    for (name, state, got) in [
        ("text", payload(json!("\"a\"")), "\"a\""),
        ("null", payload(json!(null)), "null"),
        ("list", payload(json!([1])), "[1]"),
        ("arn", by_arn, "\"text\""),
    ] {
        let arn = world.machine(name, ADMIN_ROLE, &machine("Call", json!({ "Call": state }))).await;
        let ended = world.execute(&arn, "one", json!({})).await;
        assert_eq!(ended["output"], json!(got).to_string(), "{name}: {ended}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_execution_runs_its_function_and_tells_its_history() {
    let world = World::new().await;
    world.function("double", json!({})).await;
    world.answers("double", |invocation| {
        let input: Value = serde_json::from_slice(&invocation.payload).unwrap();
        Ok(json!({ "doubled": input["n"].as_i64().unwrap() * 2 }))
    });
    let arn = world
        .machine(
            "m",
            ADMIN_ROLE,
            &machine("Double", json!({ "Double": invoke("double", json!({})) })),
        )
        .await;
    let ended = world.execute(&arn, "one", json!({ "n": 21 })).await;
    assert_eq!(ended["status"], "SUCCEEDED");
    assert_eq!(ended["output"], r#"{"doubled":42}"#);
    assert_eq!(ended["redriveStatus"], "NOT_REDRIVABLE");
    let history = |input: Value| world.admin("states", "GetExecutionHistory", input);
    let all = history(json!({ "executionArn": ended["executionArn"] })).await.unwrap();
    let types: Vec<&str> =
        all["events"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(types.first(), Some(&"ExecutionStarted"));
    assert!(types.contains(&"TaskScheduled"), "{types:?}");
    assert_eq!(types.last(), Some(&"ExecutionSucceeded"));
    let page = history(json!({
        "executionArn": ended["executionArn"], "maxResults": 2, "reverseOrder": true,
    }))
    .await
    .unwrap();
    assert_eq!(page["events"][0]["type"], "ExecutionSucceeded");
    assert_eq!(page["nextToken"], "2");
}

/// A busy machine: the function takes 40 s, the task has 60 s, and waits go 120 times as fast.
#[tokio::test(start_paused = true)]
async fn the_pace_shortens_waits_and_no_time_outs() {
    let fast = Settings { throttles: false, pace: 120.0, ..Settings::default() };
    let world = World::with(fast).await;
    world.function("slow", json!({ "Timeout": 60 })).await;
    let takes = |seconds| {
        world.answers_after("slow", Duration::from_secs(seconds), |_| Ok(json!("done")));
    };
    takes(40);
    let wait = json!({ "Type": "Wait", "Seconds": 1200, "Next": "Slow" });
    let states = json!({ "Wait": wait, "Slow": invoke("slow", json!({})) });
    let mut definition = machine("Wait", states);
    definition["TimeoutSeconds"] = json!(90);
    let arn = world.machine("m", ADMIN_ROLE, &definition).await;
    let began = tokio::time::Instant::now();
    let ended = world.execute(&arn, "one", json!({})).await;
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    let took = began.elapsed().as_secs();
    assert!((50..60).contains(&took), "10 s of waiting and 40 s of work took {took} s");
    takes(70);
    let ended = world.execute(&arn, "two", json!({})).await;
    assert_eq!(ended["error"], "States.Timeout", "{ended}");
}

#[tokio::test(start_paused = true)]
async fn a_name_is_taken_once_and_the_same_start_twice_is_one_execution() {
    let world = World::new().await;
    let wait = json!({ "Wait": { "Type": "Wait", "Seconds": 60, "End": true } });
    let arn = world.machine("m", ADMIN_ROLE, &machine("Wait", wait)).await;
    let first = world.start(&arn, "one", json!({ "a": 1 })).await.unwrap();
    let again = world.start(&arn, "one", json!({ "a": 1 })).await.unwrap();
    assert_eq!(first["executionArn"], again["executionArn"]);
    let other = world.start(&arn, "one", json!({ "a": 2 })).await;
    assert_eq!(error_code(other), "ExecutionAlreadyExists");
    world.ended(first["executionArn"].as_str().unwrap()).await;
    let late = world.start(&arn, "one", json!({ "a": 1 })).await;
    assert_eq!(error_code(late), "ExecutionAlreadyExists");
    assert_eq!(error_code(world.start(&arn, "not a name", json!({})).await), "InvalidName");
    assert_eq!(
        error_code(world.start(&format!("{arn}x"), "two", json!({})).await),
        "StateMachineDoesNotExist"
    );
}

#[tokio::test(start_paused = true)]
async fn lists_filter_and_lag() {
    let world = World::new().await;
    let wait = json!({ "Wait": { "Type": "Wait", "Seconds": 60, "End": true } });
    let arn = world.machine("m", ADMIN_ROLE, &machine("Wait", wait)).await;
    for name in ["one", "two", "three"] {
        world.start(&arn, name, json!({})).await.unwrap();
    }
    let list = |more: Value| {
        let mut input = json!({ "stateMachineArn": arn });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.admin("states", "ListExecutions", input)
    };
    assert_eq!(list(json!({})).await.unwrap()["executions"], json!([]));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let page = list(json!({ "maxResults": 2, "statusFilter": "RUNNING" })).await.unwrap();
    assert_eq!(page["executions"][0]["name"], "three");
    assert_eq!(page["executions"].as_array().unwrap().len(), 2);
    let rest = list(json!({ "maxResults": 2, "nextToken": page["nextToken"] })).await.unwrap();
    assert_eq!(rest["executions"][0]["name"], "one");
    let redriven = list(json!({ "redriveFilter": "REDRIVEN" })).await.unwrap();
    assert_eq!(redriven["executions"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_failed_task_fails_its_execution_and_a_redrive_enters_it_again() {
    let world = World::new().await;
    world.function("work", json!({})).await;
    let fixed = Arc::new(AtomicBool::new(false));
    let is_fixed = fixed.clone();
    world.answers("work", move |_| {
        if is_fixed.load(Ordering::SeqCst) { Ok(json!("fine")) } else { Err("EmailRefused".into()) }
    });
    let arn = world
        .machine("m", ADMIN_ROLE, &machine("Work", json!({ "Work": invoke("work", json!({})) })))
        .await;
    let failed = world.execute(&arn, "one", json!({})).await;
    assert_eq!(failed["status"], "FAILED");
    assert_eq!(failed["error"], "EmailRefused");
    let cause: Value = serde_json::from_str(failed["cause"].as_str().unwrap()).unwrap();
    assert_eq!(cause["errorMessage"], "because");
    assert_eq!(failed["redriveStatus"], "REDRIVABLE");
    fixed.store(true, Ordering::SeqCst);
    let redrive = json!({ "executionArn": failed["executionArn"] });
    world.admin("states", "RedriveExecution", redrive.clone()).await.unwrap();
    let ended = world.ended(failed["executionArn"].as_str().unwrap()).await;
    assert_eq!((&ended["status"], &ended["redriveCount"]), (&json!("SUCCEEDED"), &json!(1)));
    let again = world.admin("states", "RedriveExecution", redrive).await;
    assert_eq!(error_code(again), "ExecutionNotRedrivable");
}

#[tokio::test(start_paused = true)]
async fn a_machine_may_do_only_what_its_role_may() {
    let world = World::new().await;
    world.function("work", json!({})).await;
    world.answers("work", |_| Ok(json!(1)));
    let other = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*" },
    ] });
    world.role("narrow", &other).await;
    let arn = world
        .machine("m", "narrow", &machine("Work", json!({ "Work": invoke("work", json!({})) })))
        .await;
    let failed = world.execute(&arn, "one", json!({})).await;
    assert_eq!(failed["error"], "Lambda.AWSLambdaException");
    assert!(failed["cause"].as_str().unwrap().contains("lambda:InvokeFunction"), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_execution_is_aborted_and_its_history_says_so() {
    let world = World::new().await;
    let wait = json!({ "Wait": { "Type": "Wait", "Seconds": 600, "End": true } });
    let arn = world.machine("m", ADMIN_ROLE, &machine("Wait", wait)).await;
    let started = world.start(&arn, "one", json!({})).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let stop = json!({ "executionArn": started["executionArn"], "cause": "enough" });
    world.admin("states", "StopExecution", stop).await.unwrap();
    let ended = world.describe(started["executionArn"].as_str().unwrap()).await;
    assert_eq!((&ended["status"], &ended["cause"]), (&json!("ABORTED"), &json!("enough")));
    let input = json!({ "executionArn": started["executionArn"], "reverseOrder": true });
    let history = world.admin("states", "GetExecutionHistory", input).await.unwrap();
    assert_eq!(history["events"][0]["type"], "ExecutionAborted");
}

#[tokio::test(start_paused = true)]
async fn a_task_waits_for_its_token() {
    let world = World::new().await;
    let queue = world.queue("tokens", json!({})).await;
    let states = json!({ "Ask": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {
            "QueueUrl": queue, "MessageBody": { "token": "{% $states.context.Task.Token %}" },
        },
        "TimeoutSeconds": 600,
        "End": true,
    } });
    let arn = world.machine("m", ADMIN_ROLE, &machine("Ask", states)).await;
    let started = world.start(&arn, "one", json!({})).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let message = world.receive(&queue).await.remove(0);
    let asked: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
    let send = json!({ "taskToken": asked["token"], "output": "{\"said\":\"yes\"}" });
    world.admin("states", "SendTaskSuccess", send.clone()).await.unwrap();
    let ended = world.ended(started["executionArn"].as_str().unwrap()).await;
    assert_eq!(ended["output"], r#"{"said":"yes"}"#);
    assert_eq!(error_code(world.admin("states", "SendTaskSuccess", send).await), "TaskTimedOut");
}

#[tokio::test(start_paused = true)]
async fn a_parent_waits_for_its_child_and_fails_with_it() {
    let world = World::new().await;
    let child = json!({
        "Decide": { "Type": "Choice", "Choices": [
            { "Condition": "{% $states.input.fails %}", "Next": "No" },
        ], "Default": "Yes" },
        "Yes": { "Type": "Succeed", "Output": { "answer": 42 } },
        "No": { "Type": "Fail", "Error": "Never" },
    });
    let child = world.machine("child", ADMIN_ROLE, &machine("Decide", child)).await;
    let parent = json!({ "Start": {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": { "StateMachineArn": child, "Input": "{% $states.input %}" },
        "Output": "{% $states.result.Output.answer %}",
        "End": true,
    } });
    let parent = world.machine("parent", ADMIN_ROLE, &machine("Start", parent)).await;
    let good = world.execute(&parent, "good", json!({ "fails": false })).await;
    assert_eq!(good["output"], "42", "{good}");
    let bad = world.execute(&parent, "bad", json!({ "fails": true })).await;
    assert_eq!(bad["error"], "States.TaskFailed");
    assert!(bad["cause"].as_str().unwrap().contains("\"Error\":\"Never\""), "{bad}");
}

#[tokio::test(start_paused = true)]
async fn any_call_can_be_a_task_and_its_error_has_the_services_name() {
    let world = World::new().await;
    let states = json!({
        "Put": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:ssm:putParameter",
            "Arguments": { "Name": "/x", "Value": "1", "Type": "String" },
            "Next": "Get",
        },
        "Get": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:ssm:getParameter",
            "Arguments": { "Name": "/x" },
            "Output": "{% $states.result.Parameter.Value %}",
            "Next": "Miss",
        },
        "Miss": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:ssm:getParameter",
            "Arguments": { "Name": "/y" },
            "Catch": [{ "ErrorEquals": ["Ssm.ParameterNotFoundException"], "Next": "Done" }],
            "End": true,
        },
        "Done": { "Type": "Succeed", "Output": "caught" },
    });
    let arn = world.machine("m", ADMIN_ROLE, &machine("Put", states)).await;
    assert_eq!(world.execute(&arn, "one", json!({})).await["output"], "\"caught\"");
}

#[tokio::test(start_paused = true)]
async fn a_distributed_map_shows_its_run_and_its_children() {
    let world = World::new().await;
    let states = json!({ "Each": {
        "Type": "Map",
        "Items": [1, 2, 3],
        "MaxConcurrency": 2,
        "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "Take",
            "States": { "Take": { "Type": "Pass", "End": true } },
        },
        "End": true,
    } });
    let arn = world.machine("m", ADMIN_ROLE, &machine("Each", states)).await;
    let ended = world.execute(&arn, "one", json!({})).await;
    assert_eq!(ended["output"], "[1,2,3]", "{ended}");
    let input = json!({ "executionArn": ended["executionArn"] });
    let runs = world.admin("states", "ListMapRuns", input).await.unwrap();
    let run = json!({ "mapRunArn": runs["mapRuns"][0]["mapRunArn"] });
    let described = world.admin("states", "DescribeMapRun", run.clone()).await.unwrap();
    assert_eq!(described["executionCounts"]["succeeded"], 3, "{described}");
    assert_eq!(described["status"], "SUCCEEDED");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let children = world.admin("states", "ListExecutions", run).await.unwrap();
    assert_eq!(children["executions"].as_array().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_definition_is_refused_with_every_place() {
    let world = World::new().await;
    let definition = machine("Nowhere", json!({ "A": { "Type": "Pas", "End": true } }));
    let create = |definition: Value| {
        world.admin("states", "CreateStateMachine", json!({
            "name": "m", "roleArn": world.role_arn(ADMIN_ROLE), "definition": definition.to_string(),
        }))
    };
    let error = create(definition.clone()).await.unwrap_err();
    assert_eq!(error.code, "InvalidDefinition");
    assert!(error.message.contains("States.A"), "{error}");
    let input = json!({ "definition": definition.to_string() });
    let checked = world.admin("states", "ValidateStateMachineDefinition", input).await.unwrap();
    assert_eq!(checked["result"], "FAIL");
    let unknown = machine(
        "A",
        json!({ "A": {
        "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:dynamodb:getItem", "End": true,
    } }),
    );
    assert!(create(unknown).await.unwrap_err().message.contains("dynamodb"));
}

#[tokio::test(start_paused = true)]
async fn the_default_bus_hears_how_executions_stand() {
    let world = World::new().await;
    let queue = world.queue("changes", json!({})).await;
    let rule =
        json!({ "Name": "r", "EventPattern": json!({ "source": ["aws.states"] }).to_string() });
    let rule = world.admin("events", "PutRule", rule).await.unwrap()["RuleArn"].clone();
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
        "Action": "sqs:SendMessage", "Resource": queue,
        "Condition": { "ArnEquals": { "aws:SourceArn": rule } },
    }] });
    let attributes = json!({ "QueueUrl": queue, "Attributes": { "Policy": policy.to_string() } });
    world.admin("sqs", "SetQueueAttributes", attributes).await.unwrap();
    let targets = json!({ "Rule": "r", "Targets": [{ "Id": "q", "Arn": queue }] });
    world.admin("events", "PutTargets", targets).await.unwrap();
    let fail = json!({ "No": { "Type": "Fail", "Error": "Never", "Cause": "because" } });
    let arn = world.machine("m", ADMIN_ROLE, &machine("No", fail)).await;
    world.execute(&arn, "one", json!({ "a": 1 })).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let events: Vec<Value> = world
        .receive(&queue)
        .await
        .iter()
        .map(|message| serde_json::from_str(message["Body"].as_str().unwrap()).unwrap())
        .collect();
    let mut statuses: Vec<&str> =
        events.iter().map(|event| event["detail"]["status"].as_str().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, ["FAILED", "RUNNING"]);
    let failed = events.iter().find(|event| event["detail"]["status"] == "FAILED").unwrap();
    assert_eq!(failed["detail-type"], "Step Functions Execution Status Change");
    assert_eq!(failed["detail"]["error"], "Never");
    assert_eq!(failed["detail"]["input"], r#"{"a":1}"#);
    assert_eq!(failed["detail"]["redriveCount"], 0);
}
