//! Retry, Catch, time-outs and heartbeats.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use local_states::{Ended, TaskFailure};
use serde_json::{Value, json};

use crate::world::{World, answer, error, failure, later, machine, output, single, task};

/// A world whose tasks fail this many times before they succeed.
fn failing(times: usize, name: &'static str) -> Arc<World> {
    let left = AtomicUsize::new(times);
    World::with(move |request| {
        let fails = left.try_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        answer(if fails.is_ok() { failure(name) } else { Ok(json!({"was": request.retry_count})) })
    })
}

fn times(world: &World) -> Vec<u128> {
    world.calls.lock().unwrap().iter().map(|(at, _)| *at).collect()
}

fn retrying(retry: Value) -> Value {
    single(task(json!({"Retry": retry})))
}

#[tokio::test(start_paused = true)]
async fn retries_back_off_from_the_interval_by_the_rate() {
    let world = failing(3, "Throttled");
    let retry = json!([{"ErrorEquals": ["Throttled"], "IntervalSeconds": 2, "BackoffRate": 3}]);
    assert_eq!(output(world.run(retrying(retry), json!({})).await), json!({"was": 3}));
    assert_eq!(times(&world), [0, 2_000, 8_000, 26_000]);
}

#[tokio::test(start_paused = true)]
async fn retries_default_to_three_attempts_one_second_apart_doubling() {
    let world = failing(9, "Throttled");
    let retry = json!([{"ErrorEquals": ["States.ALL"]}]);
    let (name, cause, _) = error(world.run(retrying(retry), json!({})).await);
    assert_eq!((name.as_str(), cause.as_str()), ("Throttled", "because"));
    assert_eq!(times(&world), [0, 1_000, 3_000, 7_000]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_capped() {
    let world = failing(4, "Throttled");
    let retry = json!([{
        "ErrorEquals": ["Throttled"], "IntervalSeconds": 5, "MaxAttempts": 9, "MaxDelaySeconds": 15,
    }]);
    output(world.run(retrying(retry), json!({})).await);
    assert_eq!(times(&world), [0, 5_000, 15_000, 30_000, 45_000]);
}

#[tokio::test(start_paused = true)]
async fn full_jitter_stays_below_the_delay_and_depends_on_the_seed_alone() {
    let retry = json!([{
        "ErrorEquals": ["Throttled"], "IntervalSeconds": 10, "BackoffRate": 1, "MaxAttempts": 50,
        "JitterStrategy": "FULL",
    }]);
    let mut runs = Vec::new();
    for _ in 0..2 {
        let world = failing(50, "Throttled");
        output(world.run(retrying(retry.clone()), json!({})).await);
        runs.push(times(&world));
    }
    assert_eq!(runs[0], runs[1]);
    let delays: Vec<_> = runs[0].windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(delays.iter().all(|delay| *delay <= 10_001));
    assert!(delays.iter().any(|delay| *delay < 2_000) && delays.iter().any(|delay| *delay > 8_000));
}

#[tokio::test(start_paused = true)]
async fn each_retrier_counts_its_own_attempts_and_zero_means_never() {
    let count = AtomicUsize::new(0);
    let world = World::with(move |_| {
        let errors = ["A", "B", "A", "B"];
        answer(failure(errors[count.fetch_add(1, Ordering::SeqCst) % 4]))
    });
    let retry = json!([
        {"ErrorEquals": ["A"], "MaxAttempts": 2},
        {"ErrorEquals": ["B"], "MaxAttempts": 1},
    ]);
    let (name, _, _) = error(world.run(retrying(retry), json!({})).await);
    assert_eq!(name, "B");
    assert_eq!(world.calls.lock().unwrap().len(), 4);

    let world = failing(1, "A");
    let retry = json!([{"ErrorEquals": ["A"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}]);
    assert_eq!(error(world.run(retrying(retry), json!({})).await).0, "A");
}

#[tokio::test(start_paused = true)]
async fn a_catch_goes_on_with_the_error_output_and_its_own_variables() {
    let definition = machine(json!({
        "Call": task(json!({
            "Next": "After",
            "Catch": [
                {"ErrorEquals": ["Other"], "Next": "After"},
                {
                    "ErrorEquals": ["Broken"],
                    "Assign": {"why": "{% $states.errorOutput.Cause %}"},
                    "Output": {"name": "{% $states.errorOutput.Error %}", "input": "{% $states.input %}"},
                    "Next": "After",
                },
            ],
        })),
        "After": {"Type": "Succeed", "Output": ["{% $states.input %}", "{% $why %}"]},
    }));
    let world = failing(1, "Broken");
    let result = output(world.run(definition, json!(5)).await);
    assert_eq!(result, json!([{"name": "Broken", "input": 5}, "because"]));
}

#[tokio::test(start_paused = true)]
async fn a_catch_without_output_passes_the_error_on() {
    let definition = machine(json!({
        "Call": task(json!({"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "After"}], "End": true})),
        "After": {"Type": "Succeed"},
    }));
    let result = output(failing(1, "Broken").run(definition, json!({})).await);
    assert_eq!(result, json!({"Error": "Broken", "Cause": "because"}));
}

#[tokio::test(start_paused = true)]
async fn retries_come_before_the_catch() {
    let definition = machine(json!({
        "Call": task(json!({
            "Retry": [{"ErrorEquals": ["Broken"], "MaxAttempts": 2}],
            "Catch": [{"ErrorEquals": ["Broken"], "Output": "{% $states.context.State.RetryCount %}", "Next": "After"}],
            "End": true,
        })),
        "After": {"Type": "Succeed"},
    }));
    let world = failing(9, "Broken");
    assert_eq!(output(world.run(definition, json!({})).await), json!(2));
    assert_eq!(world.calls.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn task_failed_matches_all_but_time_outs_and_all_matches_those_too() {
    let catching = |name: &str| {
        machine(json!({
            "Call": task(json!({
                "TimeoutSeconds": 5,
                "Catch": [{"ErrorEquals": [name], "Output": "caught", "Next": "After"}],
                "End": true,
            })),
            "After": {"Type": "Succeed"},
        }))
    };
    let slow = || World::with(|_| later(60, Ok(json!({}))));
    assert_eq!(
        error(slow().run(catching("States.TaskFailed"), json!({})).await).0,
        "States.Timeout"
    );
    assert_eq!(output(slow().run(catching("States.ALL"), json!({})).await), json!("caught"));
    assert_eq!(output(slow().run(catching("States.Timeout"), json!({})).await), json!("caught"));
    let broken = failing(1, "Broken");
    assert_eq!(output(broken.run(catching("States.TaskFailed"), json!({})).await), json!("caught"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_evaluation_in_a_task_can_be_caught() {
    let definition = machine(json!({
        "Call": task(json!({
            "Arguments": {"x": "{% 1/0 %}"},
            "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Output": "caught", "Next": "After"}],
            "End": true,
        })),
        "After": {"Type": "Succeed"},
    }));
    let world = World::echo();
    assert_eq!(output(world.run(definition, json!({})).await), json!("caught"));
    assert!(world.called().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_task_times_out_after_its_seconds_which_may_be_evaluated() {
    let world = World::with(|_| later(60, Ok(json!({}))));
    let state = task(json!({"TimeoutSeconds": "{% $states.input.limit %}"}));
    let (name, _, _) = error(world.run(single(state), json!({"limit": 20})).await);
    assert_eq!(name, "States.Timeout");
    assert_eq!(world.elapsed(), 20_000);
    assert!(world.events().contains(&"TaskTimedOut"));
}

#[tokio::test(start_paused = true)]
async fn a_result_in_the_last_moment_still_counts() {
    let world = World::with(|_| later(20, Ok(json!("done"))));
    let state = task(json!({"TimeoutSeconds": 20}));
    assert_eq!(output(world.run(single(state), json!({})).await), json!("done"));
}

#[tokio::test(start_paused = true)]
async fn the_machines_own_time_out_ends_the_execution() {
    let mut definition = machine(json!({
        "Wait": {"Type": "Wait", "Seconds": 100, "Next": "After"},
        "After": {"Type": "Succeed"},
    }));
    definition["TimeoutSeconds"] = json!(10);
    let world = World::echo();
    let ended = world.run(definition, json!({})).await;
    let Ended::TimedOut { checkpoint } = ended else { panic!("{ended:?}") };
    assert_eq!(checkpoint.state().as_deref(), Some("Wait"));
    assert_eq!(world.elapsed(), 10_000);
    assert_eq!(world.events().last(), Some(&"ExecutionTimedOut"));
}

fn waiting_for_a_token() -> Value {
    single(json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {"token": "{% $states.context.Task.Token %}"},
        "TimeoutSeconds": 600,
        "HeartbeatSeconds": 10,
    }))
}

#[tokio::test(start_paused = true)]
async fn a_task_token_is_in_the_context_and_with_the_host() {
    let world = World::with(|request| {
        assert_eq!(request.arguments["token"], json!(request.task_token));
        request.submitted.report(json!({"MessageId": "1"}));
        later(3, Ok(json!("completed")))
    });
    assert_eq!(output(world.run(waiting_for_a_token(), json!({})).await), json!("completed"));
    assert!(world.events().contains(&"TaskSubmitted"));
}

#[tokio::test(start_paused = true)]
async fn heartbeats_keep_a_task_alive_and_their_absence_ends_it() {
    let world = World::with(|request| {
        async move {
            let heartbeat = request.heartbeat.expect("the task has heartbeats");
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_secs(9)).await;
                heartbeat.beat();
            }
            std::future::pending::<Result<Value, TaskFailure>>().await
        }
        .boxed()
    });
    let (name, _, _) = error(world.run(waiting_for_a_token(), json!({})).await);
    // Its error is that of any time-out, as AWS recorded it; a name of its own catches it.
    assert_eq!(name, "States.Timeout");
    assert_eq!(world.elapsed(), 55_000);
    for (matcher, is_caught) in [("States.HeartbeatTimeout", true), ("States.TaskFailed", false)] {
        let mut definition = waiting_for_a_token();
        definition["States"]["Only"]["Catch"] = json!([
            {"ErrorEquals": [matcher], "Output": "{% $states.errorOutput %}", "Next": "Caught"},
        ]);
        definition["States"]["Caught"] = json!({"Type": "Succeed"});
        let world = World::with(|_| std::future::pending().boxed());
        match world.run(definition, json!({})).await {
            Ended::Succeeded { output } => {
                assert!(is_caught, "{matcher}");
                assert_eq!(output, json!({"Error": "States.Timeout", "Cause": ""}));
            }
            ended => assert!(!is_caught, "{matcher}: {ended:?}"),
        }
    }
}
