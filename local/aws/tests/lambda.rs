//! Lambda as its callers see it.

use crate::world;

use crate::world::{ADMIN_ROLE, World, body, error_code};
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_function_gets_its_variables_its_region_and_its_roles_keys() {
    let world = World::new().await;
    world
        .function("echo", json!({ "Environment": { "Variables": { "GREETING": "hello" } } }))
        .await;
    world.answers("echo", |invocation| Ok(json!(invocation.environment)));
    let answer = world.invoke("echo", json!({})).await.unwrap();
    let environment = body(&answer);
    assert_eq!(environment["GREETING"], "hello");
    assert_eq!(environment["AWS_REGION"], "eu-central-1");
    let key = environment["AWS_ACCESS_KEY_ID"].as_str().unwrap();
    assert!(key.starts_with("ASIA"), "{key}");
}

#[tokio::test(start_paused = true)]
async fn a_functions_error_is_answered_with_the_header() {
    let world = World::new().await;
    world.function("fails", json!({})).await;
    world.answers("fails", |_| Err("EmailRefused".to_owned()));
    let answer = world.invoke("fails", json!({})).await.unwrap();
    assert_eq!(answer["$headers"]["X-Amz-Function-Error"], "Unhandled");
    assert_eq!(body(&answer)["errorType"], "EmailRefused");
}

#[tokio::test(start_paused = true)]
async fn faults_of_a_function_are_refused_by_name() {
    let world = World::new().await;
    let create = |input| world.admin("lambda", "CreateFunction", input);
    let code = json!({ "S3Bucket": "b", "S3Key": "f.zip" });
    let role = world.role_arn(ADMIN_ROLE);
    let no_role = json!({ "FunctionName": "f", "Role": "arn:aws:iam::111122223333:role/nobody", "Code": code });
    assert_eq!(error_code(create(no_role).await), "InvalidParameterValueException");
    let reserved = json!({ "FunctionName": "f", "Role": role, "Code": code,
        "Environment": { "Variables": { "AWS_REGION": "x" } } });
    assert_eq!(error_code(create(reserved).await), "InvalidParameterValueException");
    let inline = json!({ "FunctionName": "f", "Role": role, "Code": { "ZipFile": "aa" } });
    assert_eq!(error_code(create(inline).await), "InvalidParameterValueException");
    let missing = world.admin("lambda", "Invoke", json!({ "FunctionName": "nobody" })).await;
    assert_eq!(error_code(missing), "ResourceNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn a_service_invokes_only_what_the_functions_policy_lets_it() {
    let world = World::new().await;
    world.function("echo", json!({})).await;
    world.answers("echo", |_| Ok(json!("done")));
    let invoke = || {
        world.as_service("events.amazonaws.com", "lambda", "Invoke", json!({
            "FunctionName": "echo", "$source": "arn:aws:events:eu-central-1:111122223333:rule/r",
        }))
    };
    assert_eq!(error_code(invoke().await), "AccessDeniedException");
    let permission = |id: &str, source: &str| {
        world.admin(
            "lambda",
            "AddPermission",
            json!({
                "FunctionName": "echo", "StatementId": id, "Action": "lambda:InvokeFunction",
                "Principal": "events.amazonaws.com", "SourceArn": source,
            }),
        )
    };
    permission("other", "arn:aws:events:eu-central-1:111122223333:rule/other").await.unwrap();
    assert_eq!(error_code(invoke().await), "AccessDeniedException");
    permission("mine", "arn:aws:events:eu-central-1:111122223333:rule/r").await.unwrap();
    assert_eq!(body(&invoke().await.unwrap()), "done");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_fails_for_good_is_tried_three_times_and_goes_to_its_destination() {
    let world = World::new().await;
    let queue = world.queue("failures", json!({})).await;
    world.function("fails", json!({})).await;
    let calls = world.answers("fails", |_| Err("Broken".to_owned()));
    world
        .admin(
            "lambda",
            "PutFunctionEventInvokeConfig",
            json!({
                "FunctionName": "fails",
                "DestinationConfig": { "OnFailure": { "Destination": queue } },
            }),
        )
        .await
        .unwrap();
    let accepted = world
        .admin("lambda", "Invoke", json!({
            "FunctionName": "fails", "InvocationType": "Event", "$body": world::blob(&json!({"n": 1})),
        }))
        .await
        .unwrap();
    assert_eq!(accepted["$status"], 202);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    let messages = world.receive(&queue).await;
    let record: serde_json::Value =
        serde_json::from_str(messages[0]["Body"].as_str().unwrap()).unwrap();
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestPayload"], json!({ "n": 1 }));
    assert_eq!(record["responsePayload"]["errorType"], "Broken");
}

#[tokio::test(start_paused = true)]
async fn a_fifo_queue_feeds_its_function_in_order_and_failed_messages_come_again() {
    let world = World::new().await;
    let queue =
        world.queue("work.fifo", json!({ "FifoQueue": "true", "VisibilityTimeout": "30" })).await;
    world.function("work", json!({})).await;
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    let log = seen.clone();
    world.answers("work", move |invocation| {
        let event: serde_json::Value = serde_json::from_slice(&invocation.payload).unwrap();
        let record = &event["Records"][0];
        assert_eq!(record["eventSource"], "aws:sqs");
        let text = record["body"].as_str().unwrap().to_owned();
        let first_time = !log.lock().unwrap().contains(&text);
        log.lock().unwrap().push(text.clone());
        let failed = if text == "2" && first_time {
            json!([{ "itemIdentifier": record["messageId"] }])
        } else {
            json!([])
        };
        Ok(json!({ "batchItemFailures": failed }))
    });
    world
        .admin(
            "lambda",
            "CreateEventSourceMapping",
            json!({
                "FunctionName": "work", "EventSourceArn": queue, "BatchSize": 1,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
            }),
        )
        .await
        .unwrap();
    for number in 1..=3 {
        world
            .admin(
                "sqs",
                "SendMessage",
                json!({
                    "QueueUrl": queue, "MessageBody": number.to_string(),
                    "MessageGroupId": "one", "MessageDeduplicationId": number.to_string(),
                }),
            )
            .await
            .unwrap();
    }
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(*seen.lock().unwrap(), ["1", "2", "2", "3"]);
    assert!(world.receive(&queue).await.is_empty());
}

/// At pace 120 a visibility of 30 s is a quarter of a second, and the function takes three.
#[tokio::test(start_paused = true)]
async fn what_a_function_works_on_stays_hidden_however_fast_waits_go() {
    let fast = local_aws::Settings { throttles: false, pace: 120.0, ..Default::default() };
    let world = World::with(fast).await;
    let queue =
        world.queue("work.fifo", json!({ "FifoQueue": "true", "VisibilityTimeout": "30" })).await;
    world.function("work", json!({ "Timeout": 30 })).await;
    let calls = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = calls.clone();
    world.answers_after("work", Duration::from_secs(3), move |_| {
        // The first time it fails, and the message comes again.
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        if first { Err("Broken".to_owned()) } else { Ok(json!({ "batchItemFailures": [] })) }
    });
    let mapping = json!({ "FunctionName": "work", "EventSourceArn": queue, "BatchSize": 1 });
    world.admin("lambda", "CreateEventSourceMapping", mapping).await.unwrap();
    let message = json!({ "QueueUrl": queue, "MessageBody": "1", "MessageGroupId": "one",
                          "MessageDeduplicationId": "1" });
    world.admin("sqs", "SendMessage", message).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    assert!(world.receive(&queue).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn reserved_concurrency_throttles() {
    let world = World::new().await;
    world.function("slow", json!({})).await;
    world.answers_after("slow", Duration::from_secs(10), |_| Ok(json!(1)));
    let reserve = json!({ "FunctionName": "slow", "ReservedConcurrentExecutions": 1 });
    world.admin("lambda", "PutFunctionConcurrency", reserve).await.unwrap();
    let (first, second) =
        tokio::join!(world.invoke("slow", json!({})), world.invoke("slow", json!({})));
    assert_eq!(body(&first.unwrap()), 1);
    assert_eq!(error_code(second), "TooManyRequestsException");
    world.invoke("slow", json!({})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_account_may_have_fewer_executions_than_service_quotas_says() {
    let world = World::new().await;
    world.function("echo", json!({})).await;
    let settings = || world.admin("lambda", "GetAccountSettings", json!({}));
    let limit = |answer: serde_json::Value| answer["AccountLimit"]["ConcurrentExecutions"].clone();
    let quota = json!({ "ServiceCode": "lambda", "QuotaCode": "L-B99A9384" });
    let quota = world.admin("servicequotas", "GetServiceQuota", quota).await.unwrap();
    let first = settings().await.unwrap();
    assert_eq!(first["AccountUsage"]["FunctionCount"], 1);
    assert_eq!(limit(first).as_f64(), quota["Quota"]["Value"].as_f64());
    world.aws.limit_concurrency(("111122223333", "eu-central-1"), 7);
    let reserve = json!({ "FunctionName": "echo", "ReservedConcurrentExecutions": 2 });
    let _ = world.admin("lambda", "PutFunctionConcurrency", reserve).await;
    let limited = settings().await.unwrap();
    assert_eq!(limited["AccountLimit"]["ConcurrentExecutions"], 7, "{limited}");
}
