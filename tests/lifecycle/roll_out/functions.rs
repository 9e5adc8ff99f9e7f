//! Functions that run twice, die, are late, or fail.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use local_aws::Invocation;
use simulation::library::{FunctionFault, FunctionFaults};

use super::*;

/// One fault at one function: at its first invocations, or all, or those of a stage.
struct At {
    code: &'static str,
    stage: Option<&'static str>,
    fault: FunctionFault,
    left: Mutex<u32>,
}

impl FunctionFaults for At {
    fn fault(&self, invocation: &Invocation) -> Option<FunctionFault> {
        if invocation.code != self.code {
            return None;
        }
        let payload: Value = serde_json::from_slice(&invocation.payload).ok()?;
        if self.stage.is_some_and(|stage| payload["stage"] != stage) {
            return None;
        }
        let mut left = self.left.lock().ok()?;
        *left = left.checked_sub(1)?;
        Some(self.fault.clone())
    }
}

fn at(code: &'static str, fault: FunctionFault, left: u32) -> Arc<At> {
    Arc::new(At { code, stage: None, fault, left: Mutex::new(left) })
}

/// Tells the story of the way back with each fault at the task: it ends as ever.
async fn each_fault_at(code: &'static str) {
    let millis = Duration::from_millis;
    for (fault, times) in [
        (FunctionFault::Twice, u32::MAX),
        (FunctionFault::Overlapping(millis(90)), u32::MAX),
        (FunctionFault::AnswerLost, 2),
        (FunctionFault::KilledBefore, 2),
        (FunctionFault::Late(45 * Duration::from_secs(1)), 2),
        (FunctionFault::TooLate, 1),
        (FunctionFault::KilledAfter(millis(100)), 3),
        (FunctionFault::KilledAfter(millis(220)), 3),
        (FunctionFault::KilledAfter(millis(340)), 3),
        (FunctionFault::KilledAfter(millis(500)), 3),
    ] {
        let mut scene = found(2).await;
        scene.world.library.set_faults(Some(at(code, fault.clone(), times)));
        begin(&mut scene, Story::Back).await;
        let end = follow(&mut scene, Story::Back).await;
        assert_as_ever(&mut scene, Story::Back, &end, &format!("{code}, {fault:?}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn planning_may_run_twice_die_or_be_late() {
    each_fault_at("plan-rollout").await;
}

#[tokio::test(start_paused = true)]
async fn deploying_may_run_twice_die_or_be_late() {
    each_fault_at("deploy-wave").await;
}

#[tokio::test(start_paused = true)]
async fn assessing_may_run_twice_die_or_be_late() {
    each_fault_at("assess-wave").await;
}

#[tokio::test(start_paused = true)]
async fn stopping_may_run_twice_die_or_be_late() {
    each_fault_at("stop-rollout").await;
}

#[tokio::test(start_paused = true)]
async fn finishing_may_run_twice_die_or_be_late() {
    each_fault_at("finish-rollout").await;
}

/// One invocation in six dies somewhere, or runs twice.
struct Deadly(Mutex<fastrand::Rng>);

impl FunctionFaults for Deadly {
    fn fault(&self, invocation: &Invocation) -> Option<FunctionFault> {
        let known = FUNCTIONS.iter().any(|(_, code)| invocation.code == *code);
        let mut random = self.0.lock().ok().filter(|_| known)?;
        match random.u8(..24) {
            0 => Some(FunctionFault::KilledBefore),
            1 => Some(FunctionFault::AnswerLost),
            2 => Some(FunctionFault::Twice),
            3 => Some(FunctionFault::KilledAfter(Duration::from_millis(random.u64(50..900)))),
            _ => None,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn functions_that_die_at_random_are_not_noticed() {
    for seed in 0..8 {
        for story in [Story::Forth, Story::Back] {
            let mut scene = found(3).await;
            let deadly = Deadly(Mutex::new(fastrand::Rng::with_seed(seed)));
            scene.world.library.set_faults(Some(Arc::new(deadly)));
            begin(&mut scene, story).await;
            let end = follow(&mut scene, story).await;
            assert_as_ever(&mut scene, story, &end, &format!("seed {seed}, {story:?}")).await;
        }
    }
}

async fn failing(code: &'static str, stage: Option<&'static str>, error: &str) -> (Scene, End) {
    let mut scene = found(4).await;
    let fault = FunctionFault::Fails(error.to_owned());
    let at = At { code, stage, fault, left: Mutex::new(1) };
    scene.world.library.set_faults(Some(Arc::new(at)));
    begin(&mut scene, Story::Back).await;
    let end = follow(&mut scene, Story::Back).await;
    (scene, end)
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_fails_is_named_and_changes_nothing() {
    for error in plan_rollout::Error::NAMES {
        let (scene, end) = failing("plan-rollout", None, error).await;
        assert_eq!((end.status.as_str(), end.error.as_str()), ("FAILED", error));
        assert_eq!(versions(&scene).await, all("1"), "{error}");
        nothing_runs(&scene).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_wave_that_fails_stops_the_roll_out_and_is_taken_back() {
    for (code, stage) in [("deploy-wave", Some("WAVE")), ("assess-wave", None)] {
        for error in deploy_wave::Error::NAMES {
            let (scene, end) = failing(code, stage, error).await;
            let outcome = if code == "deploy-wave" { "NOTHING_CHANGED" } else { "ROLLED_BACK" };
            assert!(end.is("FAILED", outcome), "{code}, {error}: {end:?}");
            assert_eq!(end.reason, "STEP_FAILED", "{code}, {error}");
            assert_eq!(versions(&scene).await, all("1"), "{code}, {error}");
            nothing_runs(&scene).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_way_back_that_fails_says_who_stands_where() {
    let (scene, end) = failing("deploy-wave", Some("BACK"), "AccessDenied").await;
    assert!(end.is("FAILED", "ROLLBACK_FAILED"), "{end:?}");
    let told = scene.world.aws().published();
    let text = told.iter().map(|message| message.message.as_str()).collect::<Vec<_>>().join("\n");
    // One part of the way back broke off; the parts after it put the old template back.
    let mut left = 0;
    // The account that made it stop is named as such.
    for member in scene.fleet.members.clone().into_iter().filter(|one| one.tenant != FAILS) {
        let has_the_new_one = version(&scene, &member).await == "2";
        let is_named = text.contains(member.account.as_str());
        assert_eq!(is_named, has_the_new_one, "{}: {text}", member.tenant);
        left += usize::from(has_the_new_one);
    }
    assert!(left > 0 && left < scene.fleet.members.len(), "{left} are left with the new template");
    nothing_runs(&scene).await;
}

#[tokio::test(start_paused = true)]
async fn stopping_and_finishing_go_on_by_a_redrive_after_each_of_their_errors() {
    for (code, task) in [("stop-rollout", "StopRollout"), ("finish-rollout", "FinishRollout")] {
        for error in deploy_wave::Error::NAMES {
            let (mut scene, end) = failing(code, None, error).await;
            assert_eq!((end.status.as_str(), end.error.as_str()), ("FAILED", error), "{task}");
            let input = json!({ "executionArn": scene.execution() });
            scene.world.deployment.ask("states", "RedriveExecution", input).await.unwrap();
            let end = follow(&mut scene, Story::Forth).await;
            assert_as_ever(&mut scene, Story::Back, &end, &format!("{task}, {error}")).await;
        }
    }
}

#[test]
fn every_task_of_the_machines_that_calls_a_function_is_disturbed() {
    let mut called = BTreeSet::new();
    for machine in ["roll-out", "roll-out-wave"] {
        let file = format!("statemachines/{machine}.asl.json");
        crate::lifecycle::states(&crate::workspace::json(&file), &mut called);
    }
    let known: BTreeSet<String> = FUNCTIONS.iter().map(|(state, _)| (*state).to_owned()).collect();
    assert_eq!(called, known);
}
