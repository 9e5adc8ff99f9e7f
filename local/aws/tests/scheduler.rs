//! EventBridge Scheduler as its users see it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::world::{ADMIN_ROLE, World, error_code};
use local_aws::{AwsError, Settings};
use serde_json::{Value, json};

const FUNCTION: &str = "arn:aws:lambda:eu-central-1:111122223333:function:sweep";

/// What a function heard, and when.
type Heard = Arc<Mutex<Vec<(String, Value)>>>;

/// A world with a function that writes down what it hears.
async fn world() -> (World, Heard) {
    let world = World::new().await;
    let heard = listen(&world).await;
    (world, heard)
}

async fn listen(world: &World) -> Heard {
    world.function("sweep", json!({})).await;
    let heard = Heard::default();
    let (ears, aws) = (heard.clone(), world.aws.clone());
    world.answers("sweep", move |invocation| {
        let event = serde_json::from_slice(&invocation.payload).unwrap();
        ears.lock().unwrap().push((aws.now().strftime("%dT%H:%M").to_string(), event));
        Ok(json!({}))
    });
    heard
}

fn target(world: &World, arn: &str) -> Value {
    json!({ "Arn": arn, "RoleArn": world.role_arn(ADMIN_ROLE) })
}

/// A request for a schedule of the function, with members of its own.
fn request(world: &World, expression: &str, more: Value) -> Value {
    let mut input = json!({
        "Name": "sweep",
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": target(world, FUNCTION),
    });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    input
}

async fn create(world: &World, expression: &str, more: Value) -> Result<Value, AwsError> {
    world.admin("scheduler", "CreateSchedule", request(world, expression, more)).await
}

async fn hours(count: u64) {
    tokio::time::sleep(Duration::from_secs(count * 3_600)).await;
}

fn times(heard: &Heard) -> Vec<String> {
    heard.lock().unwrap().iter().map(|(time, _)| time.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_function_is_called_at_the_clock_of_the_schedules_zone() {
    let (world, heard) = world().await;
    // It is 10:00 UTC on the 21st; 03:00 in Tokyo is 18:00 UTC the day before.
    let zone = json!({ "ScheduleExpressionTimezone": "Asia/Tokyo" });
    create(&world, "cron(0 3 * * ? *)", zone).await.unwrap();
    hours(48).await;
    assert_eq!(times(&heard), ["21T18:00", "22T18:00"]);
    let event = heard.lock().unwrap()[0].1.clone();
    assert_eq!(event["detail-type"], "Scheduled Event");
    assert_eq!(event["time"], "2026-11-21T18:00:00Z");
    assert_eq!(
        event["resources"],
        json!(["arn:aws:scheduler:eu-central-1:111122223333:schedule/default/sweep"])
    );
}

#[tokio::test(start_paused = true)]
async fn a_schedule_runs_between_its_dates_on_the_days_that_aws_means() {
    let (world, heard) = world().await;
    // The 21st is a Saturday, the last day of AWS's week. 18:00 in Tokyo is 09:00 UTC.
    let members = json!({ "ScheduleExpressionTimezone": "Asia/Tokyo",
        "StartDate": "2026-11-22T09:00:01Z", "EndDate": "2026-11-28T09:00:00Z" });
    create(&world, "cron(0 18 ? * SAT-TUE *)", members).await.unwrap();
    create(&world, "cron(0 12 ? * L *)", json!({ "Name": "last" })).await.unwrap();
    hours(8 * 24).await;
    let expected = ["21T12:00", "23T09:00", "24T09:00", "28T12:00"];
    assert_eq!(times(&heard), expected);
}

#[tokio::test(start_paused = true)]
async fn a_rate_begins_at_once_and_a_moment_comes_once() {
    let (world, heard) = world().await;
    create(&world, "rate(12 hours)", json!({ "EndDate": "2026-11-22T10:00:00Z" })).await.unwrap();
    let once = json!({ "Name": "once", "ActionAfterCompletion": "DELETE" });
    create(&world, "at(2026-11-21T15:30:00)", once).await.unwrap();
    hours(72).await;
    assert_eq!(times(&heard), ["21T10:00", "21T15:30", "21T22:00"]);
    let gone = world.admin("scheduler", "GetSchedule", json!({ "Name": "once" })).await;
    assert_eq!(error_code(gone), "ResourceNotFoundException", "deleted after its completion");
}

#[tokio::test(start_paused = true)]
async fn a_disabled_schedule_waits_until_an_update_enables_it() {
    let (world, heard) = world().await;
    create(&world, "cron(0 12 * * ? *)", json!({ "State": "DISABLED" })).await.unwrap();
    hours(24).await;
    assert!(times(&heard).is_empty());
    let enabled = request(&world, "cron(0 13 * * ? *)", json!({}));
    world.admin("scheduler", "UpdateSchedule", enabled).await.unwrap();
    hours(24).await;
    assert_eq!(times(&heard), ["22T13:00"], "as it is now, and not as it was");
    let shown = world.admin("scheduler", "GetSchedule", json!({ "Name": "sweep" })).await.unwrap();
    assert_eq!(shown["State"], "ENABLED");
    assert_eq!(shown["ScheduleExpression"], "cron(0 13 * * ? *)");
    assert_eq!(shown["Target"]["RetryPolicy"]["MaximumRetryAttempts"], 185);
    world.admin("scheduler", "DeleteSchedule", json!({ "Name": "sweep" })).await.unwrap();
    hours(48).await;
    assert_eq!(times(&heard).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_machine_is_started_with_the_schedules_keywords() {
    let (world, _) = world().await;
    let definition = json!({
        "QueryLanguage": "JSONata", "StartAt": "Done", "States": { "Done": { "Type": "Succeed" } },
    });
    let machine = world.machine("sweep-retirements", ADMIN_ROLE, &definition).await;
    let mut target = target(&world, &machine);
    target["Input"] = json!(
        r#"{"sweep":"<aws.scheduler.execution-id>","at":"<aws.scheduler.scheduled-time>","try":"<aws.scheduler.attempt-number>"}"#
    );
    create(&world, "cron(0 12 * * ? *)", json!({ "Target": target })).await.unwrap();
    hours(3).await;
    let list = json!({ "stateMachineArn": machine });
    let list = world.admin("states", "ListExecutions", list).await.unwrap();
    let execution = list["executions"][0]["executionArn"].as_str().unwrap();
    let described = world.ended(execution).await;
    let input: Value = serde_json::from_str(described["input"].as_str().unwrap()).unwrap();
    assert_eq!(input["at"], "2026-11-21T12:00:00Z");
    assert_eq!(input["try"], "1");
    assert_eq!(input["sweep"].as_str().unwrap().len(), 16);
}

#[tokio::test(start_paused = true)]
async fn a_flexible_window_calls_within_its_minutes() {
    let (world, heard) = world().await;
    let window =
        json!({ "FlexibleTimeWindow": { "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 30 } });
    create(&world, "cron(0 12 * * ? *)", window).await.unwrap();
    hours(24 * 20).await;
    let minutes: Vec<u64> = times(&heard)
        .iter()
        .map(|time| time.rsplit(':').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(minutes.len(), 20);
    assert!(minutes.iter().all(|minute| *minute < 30), "{minutes:?}");
    assert!(minutes.iter().any(|minute| *minute > 0), "{minutes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_role_that_may_not_call_the_target_ends_in_the_dead_letters() {
    let (world, heard) = world().await;
    let letters = world.queue("letters", json!({})).await;
    let only_letters = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": letters }],
    });
    let role = world.role("writes-letters", &only_letters).await;
    let target = json!({
        "Arn": FUNCTION, "RoleArn": role, "Input": "{\"dryRun\":true}",
        "DeadLetterConfig": { "Arn": letters },
    });
    create(&world, "cron(0 12 * * ? *)", json!({ "Target": target })).await.unwrap();
    hours(3).await;
    assert!(times(&heard).is_empty());
    let found = world.admin(
        "sqs",
        "ReceiveMessage",
        json!({
            "QueueUrl": letters, "MessageAttributeNames": ["All"],
        }),
    );
    let letter = found.await.unwrap()["Messages"][0].clone();
    assert_eq!(letter["Body"], "{\"dryRun\":true}");
    let attribute = |name: &str| letter["MessageAttributes"][name]["StringValue"].clone();
    assert_eq!(attribute("ERROR_CODE"), "AccessDeniedException");
    assert_eq!(attribute("RETRY_ATTEMPTS"), "0");
    assert_eq!(attribute("TARGET_ARN"), FUNCTION);
}

#[tokio::test(start_paused = true)]
async fn schedules_are_listed_page_by_page_and_by_state() {
    let (world, _) = world().await;
    for name in ["a", "b", "c"] {
        let state = if name == "b" { "DISABLED" } else { "ENABLED" };
        create(&world, "rate(1 day)", json!({ "Name": name, "State": state })).await.unwrap();
    }
    let list = async |input: Value| {
        let answer = world.admin("scheduler", "ListSchedules", input).await.unwrap();
        let rows = answer["Schedules"].as_array().unwrap().clone();
        let names: Vec<String> =
            rows.iter().map(|row| row["Name"].as_str().unwrap().to_owned()).collect();
        (names.concat(), answer["NextToken"].clone())
    };
    let (names, token) = list(json!({ "MaxResults": "2" })).await;
    assert_eq!(names, "ab");
    assert_eq!(
        list(json!({ "MaxResults": "2", "NextToken": token })).await,
        ("c".to_owned(), Value::Null)
    );
    assert_eq!(list(json!({ "State": "DISABLED" })).await.0, "b");
    assert_eq!(list(json!({ "NamePrefix": "c" })).await.0, "c");
}

#[tokio::test(start_paused = true)]
async fn faults_of_a_schedule_are_refused_by_name() {
    let (world, _) = world().await;
    let says = async |expression: &str, more: Value| {
        create(&world, expression, more).await.unwrap_err().to_string()
    };
    for (expression, more, expected) in [
        ("rate(1 fortnight)", json!({}), "Invalid Schedule Expression"),
        ("rate(1 day)", json!({ "ScheduleExpressionTimezone": "Mars/Olympus" }), "Mars/Olympus"),
        ("rate(1 day)", json!({ "Name": "no spaces" }), "no spaces"),
        (
            "rate(1 day)",
            json!({ "FlexibleTimeWindow": { "Mode": "FLEXIBLE" } }),
            "MaximumWindowInMinutes",
        ),
        ("rate(1 day)", json!({ "State": "ON" }), "\"ON\" is not one of ENABLED, DISABLED"),
        ("rate(1 day)", json!({ "KmsKeyArn": "arn:x" }), "KmsKeyArn"),
        ("rate(1 day)", json!({ "GroupName": "mine" }), "Schedule group mine"),
        ("rate(1 day)", json!({ "Target": { "Arn": FUNCTION } }), "RoleArn"),
        (
            "rate(1 day)",
            json!({ "Target": target(&world, "arn:aws:sqs:eu-central-1:111122223333:q") }),
            "schedules of state machines and functions",
        ),
        (
            "rate(1 day)",
            json!({ "Target": { "Arn": FUNCTION, "RoleArn": world.role_arn("nobody") } }),
            "must allow AWS EventBridge Scheduler to assume the role",
        ),
    ] {
        let error = says(expression, more).await;
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let token = json!({ "ClientToken": "one" });
    create(&world, "rate(1 day)", token.clone()).await.unwrap();
    create(&world, "rate(1 day)", token).await.unwrap();
    assert_eq!(error_code(create(&world, "rate(1 day)", json!({})).await), "ConflictException");
    let missing = request(&world, "rate(1 day)", json!({ "Name": "nobody" }));
    let missing = world.admin("scheduler", "UpdateSchedule", missing).await;
    assert_eq!(error_code(missing), "ResourceNotFoundException");
}

#[tokio::test]
async fn a_schedule_runs_in_real_time_at_the_worlds_pace() {
    let pace = Settings { throttles: false, pace: 3_600.0, ..Settings::default() };
    let world = World::with(pace).await;
    let calls = {
        world.function("sweep", json!({})).await;
        world.answers("sweep", |_| Ok(json!({})))
    };
    create(&world, "rate(1 minute)", json!({})).await.unwrap();
    // A rate of a minute is a sixtieth of a second here.
    let waited = async {
        while calls.load(Ordering::SeqCst) < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waited).await.unwrap();
}
