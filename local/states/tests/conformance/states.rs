//! Choice, Wait, Pass, Succeed, Fail and limits.

use serde_json::json;

use crate::world::{World, error, machine, output, single, task};

#[tokio::test(start_paused = true)]
async fn a_choice_takes_the_first_rule_that_holds_with_its_own_output_and_variables() {
    let definition = machine(json!({
        "HowMany": {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $states.input.n > 10 %}", "Next": "End"},
                {"Condition": "{% $states.input.n > 1 %}", "Output": "some", "Assign": {"x": 1}, "Next": "End"},
                {"Condition": true, "Output": "any", "Assign": {"x": 2}, "Next": "End"},
            ],
        },
        "End": {"Type": "Succeed", "Output": ["{% $states.input %}", "{% $x %}"]},
    }));
    let world = World::echo();
    assert_eq!(output(world.run(definition.clone(), json!({"n": 5})).await), json!(["some", 1]));
    assert_eq!(output(world.run(definition, json!({"n": 0})).await), json!(["any", 2]));
}

#[tokio::test(start_paused = true)]
async fn a_choice_without_a_match_takes_its_default_or_fails() {
    let mut definition = machine(json!({
        "Which": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.n = 1 %}", "Next": "End"}],
            "Output": "default",
            "Default": "End",
        },
        "End": {"Type": "Succeed"},
    }));
    let world = World::echo();
    assert_eq!(output(world.run(definition.clone(), json!({"n": 2})).await), json!("default"));
    definition["States"]["Which"].as_object_mut().unwrap().remove("Default");
    let (name, cause, _) = error(world.run(definition, json!({"n": 2})).await);
    assert_eq!(name, "States.NoChoiceMatched");
    assert!(cause.contains("'Which'"));
}

#[tokio::test(start_paused = true)]
async fn a_condition_must_be_true_or_false() {
    let definition = machine(json!({
        "Which": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.n %}", "Next": "End"}],
        },
        "End": {"Type": "Succeed"},
    }));
    let (name, cause, _) = error(World::echo().run(definition, json!({"n": 1})).await);
    assert_eq!(name, "States.QueryEvaluationError");
    assert!(cause.contains("Choices[0]/Condition") && cause.contains("'boolean'"), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_lasts_its_seconds_or_until_its_timestamp() {
    let world = World::echo();
    let definition = machine(json!({
        "Literal": {"Type": "Wait", "Seconds": 30, "Next": "Evaluated"},
        "Evaluated": {"Type": "Wait", "Seconds": "{% $states.input.s %}", "Next": "Until"},
        "Until": {"Type": "Wait", "Timestamp": "2026-11-21T00:01:00Z", "Next": "Past"},
        "Past": {"Type": "Wait", "Timestamp": "{% $now() %}", "Output": "{% $states.input.s %}", "End": true},
    }));
    assert_eq!(output(world.run(definition, json!({"s": 12})).await), json!(12));
    assert_eq!(world.elapsed(), 60_000);
}

#[tokio::test(start_paused = true)]
async fn seconds_must_be_a_whole_number_within_the_limits() {
    for wrong in [json!(1.5), json!(-1), json!(100_000_000), json!("5"), json!(null)] {
        let state = json!({"Type": "Wait", "Seconds": "{% $states.input %}"});
        let (name, cause, _) = error(World::echo().run(single(state), wrong.clone()).await);
        assert_eq!(name, "States.QueryEvaluationError");
        let says = if wrong.is_number() { "must be a whole number" } else { "Expected 'number'" };
        assert!(cause.contains(says) && cause.contains(&wrong.to_string()), "{cause}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fail_state_fails_with_its_error_and_cause() {
    let definition = machine(json!({
        "Stop": {"Type": "Fail", "Error": "NoSuchTier", "Cause": "{% 'tier ' & $states.input.tier %}"},
    }));
    let (name, cause, _) = error(World::echo().run(definition, json!({"tier": "gold"})).await);
    assert_eq!((name.as_str(), cause.as_str()), ("NoSuchTier", "tier gold"));
    let bare = machine(json!({"Stop": {"Type": "Fail"}}));
    let (name, cause, _) = error(World::echo().run(bare, json!({})).await);
    assert_eq!((name.as_str(), cause.as_str()), ("", ""));
}

#[tokio::test(start_paused = true)]
async fn a_value_beyond_256_kib_is_a_data_limit_error_that_can_be_caught() {
    let big = "x".repeat(262_144);
    let definition = |catch| {
        machine(json!({
            "Call": task(json!({"Arguments": {}, "Catch": catch, "End": true})),
            "Caught": {"Type": "Succeed"},
        }))
    };
    let answer = big.clone();
    let world = World::with(move |_| crate::world::answer(Ok(json!(answer.clone()))));
    // AWS documents that States.ALL does not catch it, and recorded that it does.
    for matcher in ["States.ALL", "States.DataLimitExceeded"] {
        let catch = json!([{"ErrorEquals": [matcher], "Output": 1, "Next": "Caught"}]);
        assert_eq!(output(world.run(definition(catch), json!({})).await), json!(1), "{matcher}");
    }
    let not_failed = json!([{"ErrorEquals": ["States.TaskFailed"], "Next": "Caught"}]);
    let (name, cause, _) = error(world.run(definition(not_failed), json!({})).await);
    assert_eq!(name, "States.DataLimitExceeded");
    assert!(cause.starts_with("The state/task 'lambda' returned a result with a size"), "{cause}");
    let pass = json!({"Type": "Pass"});
    let (name, _, _) = error(World::echo().run(single(pass), json!(big)).await);
    assert_eq!(name, "States.DataLimitExceeded");
}

#[tokio::test(start_paused = true)]
async fn an_execution_fails_when_its_history_is_full() {
    let definition = machine(json!({
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Choice", "Choices": [{"Condition": false, "Next": "C"}], "Default": "A"},
        "C": {"Type": "Succeed"},
    }));
    let world = World::echo();
    let (name, cause, _) = error(world.run(definition, json!({})).await);
    assert_eq!(name, "States.Runtime");
    assert_eq!(cause, "The execution reached the maximum number of history events (25000).");
    assert_eq!(world.events().len(), 25_000);
    assert_eq!(world.events().last(), Some(&"ExecutionFailed"));
}

#[test]
fn a_running_execution_can_move_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<local_states::Running>();
    is_send::<local_states::Checkpoint>();
    is_send::<local_states::Progress>();
}
