//! The two machines of a roll-out with scripted functions and children: which state follows which
//! answer, what each is given, how a roll-out ends, and how long a history gets.

use std::sync::Arc;
use std::sync::Mutex;

use local_states::{TaskFailure, TaskRequest};
use serde_json::{Value, json};

use crate::world::{World, answer, error, output};

const ROLL_OUT: &str = include_str!("../../../../statemachines/roll-out.asl.json");
const WAVE: &str = include_str!("../../../../statemachines/roll-out-wave.asl.json");

/// The definition with its placeholders filled in as `template.yaml` does.
fn shipped(definition: &str) -> Value {
    let states = "arn:aws:states:::";
    let account = "eu-central-1:111122223333";
    let mut filled = definition
        .replace("${LambdaInvoke}", &format!("{states}lambda:invoke"))
        .replace("${PutEvents}", &format!("{states}events:putEvents"))
        .replace("${Publish}", &format!("{states}sns:publish"))
        .replace("${PublishAndWait}", &format!("{states}sns:publish.waitForTaskToken"))
        .replace("${StartExecutionSync}", &format!("{states}states:startExecution.sync:2"))
        .replace("${EventBus}", "landlord")
        .replace("${FailuresTopic}", &format!("arn:aws:sns:{account}:landlord-failures"))
        .replace(
            "${RollOutWaveStateMachine}",
            &format!("arn:aws:states:{account}:stateMachine:roll-out-wave"),
        );
    for name in ["PlanRollout", "StopRollout", "FinishRollout", "DeployWave", "AssessWave"] {
        let arn = format!("arn:aws:lambda:{account}:function:{name}");
        filled = filled.replace(&format!("${{{name}Function}}"), &arn);
    }
    assert!(!filled.contains("${"), "a placeholder is left");
    serde_json::from_str(&filled).expect("the machine is JSON")
}

fn change() -> Value {
    json!({ "version": 1, "stackSet": "baseline", "usePreviousTemplate": true, "plan": "routine" })
}

fn rollout() -> Value {
    json!({ "execution": "execution", "stackSet": "baseline", "waves": 3, "deadlineSeconds": 7_200 })
}

fn planned(waves: u64, approval: bool) -> Value {
    let waves: Vec<Value> = (1..=waves)
        .map(|number| {
            json!({ "number": number, "name": format!("wave {number}"), "accounts": 10,
                    "instances": 10, "operations": 1, "dwellSeconds": 60, "approval": approval })
        })
        .collect();
    json!({
        "status": "DONE", "rollout": rollout(), "dryRun": false, "waves": waves,
        "summary": { "stackSet": "baseline" },
    })
}

fn finished(outcome: &str) -> Value {
    let detail = json!({ "outcome": outcome, "reason": null, "accounts": { "current": 1 } });
    json!({ "status": "DONE", "outcome": outcome, "detail": detail, "subject": "s", "message": "m" })
}

fn payload(value: Value) -> Result<Value, TaskFailure> {
    Ok(json!({ "Payload": value }))
}

fn child(verdict: &str, reason: Value) -> Result<Value, TaskFailure> {
    Ok(json!({ "Output": { "verdict": verdict, "reason": reason, "counts": {} } }))
}

/// What everybody answers when nothing goes wrong.
fn willing(request: &TaskRequest) -> Result<Value, TaskFailure> {
    match request.state.as_str() {
        "PlanRollout" => payload(planned(3, false)),
        "StopRollout" => {
            payload(json!({ "status": "DONE", "choice": "ROLL_BACK", "waves": [2, 1] }))
        }
        "FinishRollout" => {
            let given = &request.arguments["Payload"];
            payload(finished(match (given["outcome"].as_str(), given["rollback"].as_str()) {
                (Some("PASSED"), _) => "SUCCEEDED",
                (_, Some("DONE")) => "ROLLED_BACK",
                (_, Some(_)) => "ROLLBACK_FAILED",
                _ => "LEFT",
            }))
        }
        "RunWave" | "RetryVetoed" | "RollBackWave" => child("GO", Value::Null),
        "DeployWave" => payload(deployed("GO", Value::Null)),
        "AssessWave" => payload(assessed("HEALTHY")),
        _ => Ok(json!({})),
    }
}

fn deployed(verdict: &str, reason: Value) -> Value {
    json!({
        "status": "DONE", "verdict": verdict, "reason": reason,
        "counts": { "succeeded": 10 }, "notCurrent": [{ "account": "1" }],
        "resultKey": "rollouts/execution/waves/01/result.json", "operations": 1,
        "startedAt": "2026-11-21T00:00:00Z", "finishedAt": "2026-11-21T00:10:00Z",
        "expectedEnd": "2026-11-21T01:00:00Z",
    })
}

fn assessed(verdict: &str) -> Value {
    json!({ "status": "DONE", "verdict": verdict, "alarms": [], "dwelledSeconds": 60,
            "text": "the alarm checkout is red" })
}

/// A world in which `special` answers instead, where it has an answer; and what each was given.
type Given = Arc<Mutex<Vec<(String, Value)>>>;

fn world(
    special: impl Fn(&TaskRequest) -> Option<Result<Value, TaskFailure>> + Send + Sync + 'static,
) -> (Arc<World>, Given) {
    let given = Given::default();
    let kept = Arc::clone(&given);
    let world = World::with(move |request| {
        kept.lock().expect("the list").push((request.state.clone(), request.arguments.clone()));
        answer(special(&request).unwrap_or_else(|| willing(&request)))
    });
    (world, given)
}

fn called(given: &Given) -> Vec<String> {
    given.lock().expect("the list").iter().map(|(state, _)| state.clone()).collect()
}

fn arguments(given: &Given, state: &str) -> Vec<Value> {
    let all = given.lock().expect("the list");
    all.iter().filter(|(name, _)| name == state).map(|(_, arguments)| arguments.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn waves_run_one_after_another_then_what_had_vetoed_and_the_end_is_told() {
    let (world, given) = world(|_| None);
    let ended = output(world.run(shipped(ROLL_OUT), change()).await);
    assert_eq!(ended["outcome"], "SUCCEEDED");
    assert_eq!(
        called(&given),
        [
            "PlanRollout",
            "TellStarted",
            "RunWave",
            "RunWave",
            "RunWave",
            "RetryVetoed",
            "FinishRollout",
            "TellFinished"
        ]
    );
    let waves = arguments(&given, "RunWave");
    let numbers: Vec<&Value> = waves.iter().map(|wave| &wave["Input"]["wave"]).collect();
    assert_eq!(numbers, [&json!(1), &json!(2), &json!(3)]);
    assert_eq!(waves[0]["Input"]["stage"], "WAVE");
    assert_eq!(waves[0]["Input"]["rollout"], rollout());
    assert_eq!(waves[0]["Input"]["execution"]["startedAt"], "2026-11-21T00:00:00.000Z");
    let late = &arguments(&given, "RetryVetoed")[0]["Input"];
    assert_eq!((&late["stage"], &late["wave"]), (&json!("LATE"), &json!(0)));
    let names: Vec<String> = ["RunWave", "RetryVetoed"]
        .iter()
        .flat_map(|state| arguments(&given, state))
        .filter_map(|start| start["Name"].as_str().map(str::to_owned))
        .collect();
    assert!(names[0].starts_with("one-") && names[0].ends_with("-w1"), "{names:?}");
    assert!(names[3].ends_with("-late") && names.iter().all(|name| name.len() <= 80), "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_one_wave_keeps_its_list_a_list() {
    let (world, given) =
        world(|request| (request.state == "PlanRollout").then(|| payload(planned(1, false))));
    output(world.run(shipped(ROLL_OUT), change()).await);
    let told = &arguments(&given, "TellStarted")[0]["Entries"][0];
    assert_eq!(told["DetailType"], "RolloutStarted");
    assert!(told["Detail"]["waves"].is_array(), "{told}");
    assert_eq!(arguments(&given, "RunWave").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_answers_the_plan_and_touches_and_tells_nothing() {
    let (world, given) = world(|request| {
        let mut plan = planned(2, false);
        plan["dryRun"] = json!(true);
        (request.state == "PlanRollout").then(|| payload(plan))
    });
    let ended = output(world.run(shipped(ROLL_OUT), change()).await);
    assert_eq!(
        (&ended["outcome"], ended["waves"].as_array().unwrap().len()),
        (&json!("PLANNED"), 2)
    );
    assert_eq!(called(&given), ["PlanRollout"]);
}

#[tokio::test(start_paused = true)]
async fn planning_waits_as_long_as_the_function_says() {
    let (world, given) = world(|request| {
        let turn = request.arguments["Payload"]["resume"]["turn"].as_u64().unwrap_or(0);
        (request.state == "PlanRollout" && turn < 3).then(|| {
            payload(json!({ "status": "PENDING", "retryAfterSeconds": 20, "because": "busy",
                            "resume": { "turn": turn + 1 } }))
        })
    });
    output(world.run(shipped(ROLL_OUT), change()).await);
    assert_eq!((arguments(&given, "PlanRollout").len(), world.elapsed()), (4, 60_000));
}

#[tokio::test(start_paused = true)]
async fn a_wave_that_stops_leads_to_the_rollback_of_the_waves_before_it_newest_first() {
    let (world, given) = world(|request| {
        let second = request.state == "RunWave" && request.arguments["Input"]["wave"] == 2;
        second.then(|| child("STOP", json!({ "code": "UNHEALTHY", "text": "red" })))
    });
    let (name, cause, _) = error(world.run(shipped(ROLL_OUT), change()).await);
    assert_eq!(name, "RolloutStopped");
    assert!(cause.contains("ROLLED_BACK"), "{cause}");
    assert_eq!(
        called(&given)[2..],
        [
            "RunWave",
            "RunWave",
            "StopRollout",
            "RollBackWave",
            "RollBackWave",
            "FinishRollout",
            "TellFinished",
            "TellOperators"
        ]
    );
    let reason = &arguments(&given, "StopRollout")[0]["Payload"]["reason"];
    assert_eq!(*reason, json!({ "code": "UNHEALTHY", "text": "red" }));
    let back = arguments(&given, "RollBackWave");
    assert_eq!((&back[0]["Input"]["wave"], &back[1]["Input"]["wave"]), (&json!(2), &json!(1)));
    assert_eq!(back[0]["Input"]["stage"], "BACK");
    let finish = &arguments(&given, "FinishRollout")[0]["Payload"];
    assert_eq!((&finish["outcome"], &finish["rollback"]), (&json!("STOPPED"), &json!("DONE")));
    assert_eq!((&finish["stop"], &finish["choice"]), (reason, &json!("ROLL_BACK")));
}

#[tokio::test(start_paused = true)]
async fn a_wave_whose_execution_fails_stops_the_roll_out_with_its_error() {
    let (world, given) = world(|request| {
        (request.state == "RunWave").then(|| {
            let ended = json!({ "Status": "FAILED", "Error": "AccessDenied", "Cause": "no key" });
            Err(TaskFailure::new("States.TaskFailed", ended.to_string()))
        })
    });
    let (name, ..) = error(world.run(shipped(ROLL_OUT), change()).await);
    assert_eq!(name, "RolloutStopped");
    let reason = &arguments(&given, "StopRollout")[0]["Payload"]["reason"];
    assert_eq!(reason["code"], "STEP_FAILED");
    assert_eq!(reason["text"], "wave wave 1: AccessDenied: no key");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_fails_in_one_wave_goes_on_with_the_others_and_is_said_to_have_failed() {
    for by_error in [true, false] {
        let (world, given) = world(move |request| match request.state.as_str() {
            "RunWave" => Some(child("STOP", json!({ "code": "SAME_ERROR", "text": "bad" }))),
            "RollBackWave" if request.arguments["Input"]["wave"] == 2 => Some(if by_error {
                Err(TaskFailure::new("States.TaskFailed", "not JSON"))
            } else {
                child("STOP", json!({ "code": "TOO_MANY_FAILURES", "text": "x" }))
            }),
            _ => None,
        });
        let (_, cause, _) = error(world.run(shipped(ROLL_OUT), change()).await);
        assert!(cause.contains("ROLLBACK_FAILED"), "{cause}");
        assert_eq!(arguments(&given, "RollBackWave").len(), 2, "by error: {by_error}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_plan_says_leave_no_wave_is_rolled_back() {
    let (world, given) = world(|request| match request.state.as_str() {
        "RunWave" => Some(child("STOP", json!({ "code": "SAME_ERROR", "text": "bad" }))),
        "StopRollout" => Some(payload(json!({ "status": "DONE", "choice": "LEAVE", "waves": [] }))),
        _ => None,
    });
    let (_, cause, _) = error(world.run(shipped(ROLL_OUT), change()).await);
    assert!(cause.contains("LEFT"), "{cause}");
    assert!(arguments(&given, "RollBackWave").is_empty());
    assert_eq!(arguments(&given, "FinishRollout")[0]["Payload"]["rollback"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn accounts_that_keep_their_veto_leave_the_roll_out_incomplete_and_not_failed() {
    let (world, given) = world(|request| {
        (request.state == "FinishRollout").then(|| payload(finished("INCOMPLETE")))
    });
    assert_eq!(output(world.run(shipped(ROLL_OUT), change()).await)["outcome"], "INCOMPLETE");
    let told = arguments(&given, "TellOperators");
    assert_eq!((&told[0]["Subject"], &told[0]["Message"]), (&json!("s"), &json!("m")));
}

#[tokio::test(start_paused = true)]
async fn each_wave_waits_for_its_approval_and_a_refusal_stops_the_roll_out() {
    let refused = |request: &TaskRequest| match request.state.as_str() {
        "PlanRollout" => Some(payload(planned(3, true))),
        "AskForApproval" if request.arguments["Subject"].to_string().contains("wave 2") => {
            Some(Err(TaskFailure::new("Refused", "the shop is closing")))
        }
        _ => None,
    };
    let (world, given) = world(refused);
    error(world.run(shipped(ROLL_OUT), change()).await);
    assert_eq!(arguments(&given, "RunWave").len(), 1);
    let message = arguments(&given, "AskForApproval")[0]["Message"].to_string();
    for part in ["wave 1", "send-task-success", "send-task-failure", "10 accounts"] {
        assert!(message.contains(part), "{message}");
    }
    let reason = &arguments(&given, "StopRollout")[0]["Payload"]["reason"];
    assert_eq!(reason["code"], "STOP_REQUESTED");
    assert_eq!(reason["text"], "wave wave 2 was not approved: Refused: the shop is closing");
}

#[tokio::test(start_paused = true)]
async fn nobodys_deployment_waits_for_a_message_that_cannot_be_told() {
    let silent = |request: &TaskRequest| {
        request
            .state
            .starts_with("Tell")
            .then(|| Err(TaskFailure::new("EventBridge.AccessDeniedException", "no")))
    };
    let (roll_out, given) = world(silent);
    assert_eq!(output(roll_out.run(shipped(ROLL_OUT), change()).await)["outcome"], "SUCCEEDED");
    assert_eq!(arguments(&given, "RunWave").len(), 3);
    let (wave, _) = world(silent);
    assert_eq!(output(wave.run(shipped(WAVE), wave_input("WAVE")).await)["verdict"], "GO");
}

fn wave_input(stage: &str) -> Value {
    json!({
        "rollout": rollout(), "stage": stage, "wave": 1, "name": "canary", "dwellSeconds": 60,
        "execution": { "startedAt": "2026-11-21T00:00:00Z" },
    })
}

#[tokio::test(start_paused = true)]
async fn a_wave_is_deployed_then_watched_then_told() {
    let (world, given) = world(|_| None);
    let ended = output(world.run(shipped(WAVE), wave_input("WAVE")).await);
    assert_eq!((&ended["verdict"], &ended["reason"]), (&json!("GO"), &Value::Null));
    assert_eq!(called(&given), ["DeployWave", "AssessWave", "TellWaveFinished"]);
    let assessed = &arguments(&given, "AssessWave")[0]["Payload"];
    assert_eq!(assessed["deployedAt"], "2026-11-21T00:10:00Z");
    assert_eq!(assessed["execution"], wave_input("WAVE")["execution"]);
    let detail = &arguments(&given, "TellWaveFinished")[0]["Entries"][0]["Detail"];
    assert_eq!(detail["execution"], "execution");
    assert_eq!(detail["notCurrent"], json!([{ "account": "1" }]), "a list of one stays a list");
}

#[tokio::test(start_paused = true)]
async fn late_and_back_waves_are_not_watched() {
    for stage in ["LATE", "BACK"] {
        let (world, given) = world(|_| None);
        output(world.run(shipped(WAVE), wave_input(stage)).await);
        assert_eq!(called(&given), ["DeployWave", "TellWaveFinished"], "{stage}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_stops_and_a_red_alarm_are_results_with_their_reason() {
    let (stopped, given) = world(|request| {
        let reason = json!({ "code": "TOO_MANY_FAILURES", "text": "4 of 3" });
        (request.state == "DeployWave").then(|| payload(deployed("STOP", reason)))
    });
    let ended = output(stopped.run(shipped(WAVE), wave_input("WAVE")).await);
    assert_eq!(
        (&ended["verdict"], &ended["reason"]["code"]),
        (&json!("STOP"), &json!("TOO_MANY_FAILURES"))
    );
    assert!(arguments(&given, "AssessWave").is_empty());
    let (red, _) =
        world(|request| (request.state == "AssessWave").then(|| payload(assessed("UNHEALTHY"))));
    let ended = output(red.run(shipped(WAVE), wave_input("WAVE")).await);
    assert_eq!(ended["verdict"], "STOP");
    assert_eq!(
        ended["reason"],
        json!({ "code": "UNHEALTHY", "text": "the alarm checkout is red" })
    );
}

#[tokio::test(start_paused = true)]
async fn sixty_waves_and_two_hundred_looks_stay_below_two_thousand_events() {
    let (roll_out, _) =
        world(|request| (request.state == "PlanRollout").then(|| payload(planned(60, false))));
    output(roll_out.run(shipped(ROLL_OUT), change()).await);
    let events = roll_out.events().len();
    assert!((600..2_000).contains(&events), "{events} events");
    let (wave, _) = world(|request| {
        let turn = request.arguments["Payload"]["resume"]["turn"].as_u64().unwrap_or(0);
        (request.state == "DeployWave" && turn < 200).then(|| {
            payload(json!({ "status": "PENDING", "retryAfterSeconds": 60, "because": "runs",
                            "resume": { "turn": turn + 1 } }))
        })
    });
    output(wave.run(shipped(WAVE), wave_input("WAVE")).await);
    let events = wave.events().len();
    assert!((1_500..2_000).contains(&events), "{events} events");
}
