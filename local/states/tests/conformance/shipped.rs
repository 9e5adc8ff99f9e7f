//! The machines that are shipped, run with scripted functions: which state follows which answer,
//! what each function is given, and how long a history gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use local_states::{TaskFailure, TaskRequest};
use serde_json::{Value, json};

use crate::world::{World, answer, error, output};

const ONBOARD_TENANT: &str = include_str!("../../../../statemachines/onboard-tenant.asl.json");
const RAISE_QUOTAS: &str = include_str!("../../../../statemachines/raise-quotas.asl.json");

/// The definition with its placeholders filled in as `template.yaml` does.
fn shipped(definition: &str) -> Value {
    let function = "arn:aws:lambda:eu-central-1:111122223333:function";
    let mut filled = definition
        .replace("${LambdaInvoke}", "arn:aws:states:::lambda:invoke")
        .replace("${StartExecution}", "arn:aws:states:::states:startExecution")
        .replace("${OnboardingOuId}", "ou-root-onboarding")
        .replace(
            "${RaiseQuotasStateMachine}",
            "arn:aws:states:eu-central-1:111122223333:stateMachine:raise-quotas",
        );
    for name in ["CreateAccount", "PlaceAccount", "LabelAccount", "EnrollBaseline", "RequestQuotas"]
    {
        filled = filled.replace(&format!("${{{name}Function}}"), &format!("{function}:{name}"));
    }
    assert!(!filled.contains("${"), "a placeholder is left");
    serde_json::from_str(&filled).expect("the machine is JSON")
}

/// A tenant with one of everything: lists of one have to stay lists.
fn document() -> Value {
    json!({
        "version": 1, "eventId": "event-1", "signedUpAt": "2026-11-20T23:59:50Z",
        "tenantId": "acme", "tier": "standard", "tags": {"landlord:tenant": "acme"},
        "homeOrganizationalUnit": {"id": "ou-root-general0", "name": "General"},
        "regions": ["eu-central-1"],
        "quotas": [{"serviceCode": "lambda", "quotaCode": "L-B99A9384", "region": "eu-central-1"}],
        "deadlineSeconds": 86_400,
    })
}

fn done(state: &str) -> Value {
    match state {
        "CreateAccount" => json!({
            "status": "DONE", "accountId": "111111111111", "standing": "NEW",
            "organizationalUnitId": "r-root",
        }),
        "PlaceInOnboarding" => json!({
            "status": "DONE", "organizationalUnitId": "ou-root-onboarding", "moved": true,
        }),
        "LabelAccount" => json!({"status": "DONE", "regions": ["eu-central-1"]}),
        "EnrollBaseline" => json!({
            "status": "DONE",
            "baseline": [{"stackSet": "baseline", "region": "eu-central-1", "status": "CURRENT"}],
        }),
        "RequestQuotas" => json!({
            "status": "DONE", "settled": false,
            "quotas": [{"quotaCode": "L-B99A9384", "status": "REQUESTED"}],
        }),
        "PlaceInHome" => json!({
            "status": "DONE", "organizationalUnitId": "ou-root-general0", "moved": true,
        }),
        "StartRaiseQuotas" => json!({"ExecutionArn": "arn", "StartDate": 0}),
        other => panic!("no function is called in {other}"),
    }
}

fn pending(seconds: u64, resume: Value) -> Value {
    json!({"status": "PENDING", "retryAfterSeconds": seconds, "because": "not yet", "resume": resume})
}

fn answered(request: &TaskRequest, payload: Value) -> Value {
    if request.state == "StartRaiseQuotas" { payload } else { json!({"Payload": payload}) }
}

/// Every function is done at once.
fn willing() -> Arc<World> {
    World::with(|request| answer(Ok(answered(&request, done(&request.state)))))
}

#[tokio::test(start_paused = true)]
async fn a_tenant_of_one_of_everything_gets_ready_and_its_lists_stay_lists() {
    let ended = willing().run(shipped(ONBOARD_TENANT), document()).await;
    assert_eq!(
        output(ended),
        json!({
            "outcome": "READY", "tenantId": "acme", "accountId": "111111111111",
            "organizationalUnitId": "ou-root-general0", "organizationalUnit": "General",
            "tier": "standard",
            "baseline": [{"stackSet": "baseline", "region": "eu-central-1", "status": "CURRENT"}],
            "quotas": [{"quotaCode": "L-B99A9384", "status": "REQUESTED"}],
            "eventId": "event-1",
        })
    );
}

#[tokio::test(start_paused = true)]
async fn each_function_is_given_what_its_contract_says() {
    let world = World::with(|request| {
        let given = &request.arguments["Payload"];
        let execution = json!({"startedAt": "2026-11-21T00:00:00.000Z"});
        match request.state.as_str() {
            "StartRaiseQuotas" => assert_eq!(
                request.arguments["Input"],
                json!({
                    "version": 1, "tenantId": "acme", "accountId": "111111111111",
                    "quotas": document()["quotas"], "deadlineSeconds": 7_776_000,
                })
            ),
            "LabelAccount" => assert_eq!(given["regions"], json!(["eu-central-1"])),
            "RequestQuotas" => {
                assert_eq!(given["quotas"], document()["quotas"]);
                assert_eq!(given["waitFor"], "REQUIRED");
                assert_eq!(given["signedUpAt"], document()["signedUpAt"]);
            }
            "PlaceInOnboarding" => assert_eq!(given["allowedFrom"], json!(["ROOT"])),
            "PlaceInHome" => {
                assert_eq!(given["allowedFrom"], json!(["ou-root-onboarding"]));
                assert_eq!(given["destinationId"], "ou-root-general0");
            }
            state => {
                assert_eq!(given["tenant"], document());
                if state == "EnrollBaseline" {
                    assert_eq!(given["organizationalUnitId"], "ou-root-onboarding");
                }
            }
        }
        if ["PlaceInOnboarding", "PlaceInHome"].contains(&request.state.as_str()) {
            assert_eq!(given["tags"], document()["tags"]);
            assert_eq!(given["signedUpAt"], document()["signedUpAt"]);
        }
        if request.state != "StartRaiseQuotas" {
            assert_eq!((&given["execution"], &given["resume"]), (&execution, &json!({})));
        }
        answer(Ok(answered(&request, done(&request.state))))
    });
    output(world.run(shipped(ONBOARD_TENANT), document()).await);
    let mut called = world.called();
    called[2..5].sort();
    assert_eq!(
        called,
        [
            "CreateAccount",
            "PlaceInOnboarding",
            "EnrollBaseline",
            "LabelAccount",
            "RequestQuotas",
            "PlaceInHome",
            "StartRaiseQuotas",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_tier_without_quotas_starts_nobody_to_follow_them() {
    let world = World::with(|request| {
        let mut payload = done(&request.state);
        if request.state == "RequestQuotas" {
            assert_eq!(request.arguments["Payload"]["quotas"], json!([]));
            payload["quotas"] = json!([]);
            payload["settled"] = json!(true);
        }
        answer(Ok(answered(&request, payload)))
    });
    let mut tenant = document();
    tenant["quotas"] = json!([]);
    let ready = output(world.run(shipped(ONBOARD_TENANT), tenant).await);
    assert_eq!(ready["quotas"], json!([]));
    assert!(!world.called().contains(&"StartRaiseQuotas".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_live_tenant_is_looked_at_where_it_stands_and_never_pulled_back() {
    let world = World::with(|request| {
        let mut payload = done(&request.state);
        match request.state.as_str() {
            "CreateAccount" => {
                payload["standing"] = json!("LIVE");
                payload["organizationalUnitId"] = json!("ou-root-canary00");
            }
            "EnrollBaseline" => {
                let given = &request.arguments["Payload"];
                assert_eq!(given["organizationalUnitId"], "ou-root-canary00");
            }
            "PlaceInHome" => {
                let given = &request.arguments["Payload"];
                assert_eq!(given["destinationId"], "ou-root-canary00");
                assert_eq!(given["allowedFrom"], json!([]), "it is not moved from anywhere");
                payload["organizationalUnitId"] = given["destinationId"].clone();
            }
            _ => {}
        }
        answer(Ok(answered(&request, payload)))
    });
    let ready = output(world.run(shipped(ONBOARD_TENANT), document()).await);
    let mut called = world.called();
    called[1..4].sort();
    assert_eq!(
        called,
        [
            "CreateAccount",
            "EnrollBaseline",
            "LabelAccount",
            "RequestQuotas",
            "PlaceInHome",
            "StartRaiseQuotas"
        ]
    );
    assert_eq!(ready["outcome"], "READY");
    assert_eq!(ready["organizationalUnitId"], "ou-root-canary00");
    assert_eq!(ready["organizationalUnit"], Value::Null, "the name of another OU is not known");
    assert_eq!(ready["baseline"], done("EnrollBaseline")["baseline"]);
}

#[tokio::test(start_paused = true)]
async fn a_signup_that_contradicts_touches_nothing_and_names_what_differs() {
    let difference = json!({"field": "tier", "signup": "gold", "tenant": "standard"});
    let told = difference.clone();
    let world = World::with(move |request| {
        let mut payload = done(&request.state);
        payload["standing"] = json!("CONTRADICTED");
        payload["differences"] = json!([told]);
        answer(Ok(answered(&request, payload)))
    });
    let ended = output(world.run(shipped(ONBOARD_TENANT), document()).await);
    assert_eq!(world.called(), ["CreateAccount"]);
    assert_eq!(
        ended,
        json!({
            "outcome": "CONTRADICTED", "tenantId": "acme", "accountId": "111111111111",
            "differences": [difference], "eventId": "event-1",
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_leaves_at_any_step_ends_as_left() {
    for state in
        ["CreateAccount", "PlaceInOnboarding", "EnrollBaseline", "RequestQuotas", "PlaceInHome"]
    {
        let world = World::with(move |request| {
            answer(match request.state.as_str() {
                found if found == state => Err(TaskFailure::new("TenantLeft", "it left")),
                found => Ok(answered(&request, done(found))),
            })
        });
        let ended = output(world.run(shipped(ONBOARD_TENANT), document()).await);
        let account = (state != "CreateAccount").then_some("111111111111");
        assert_eq!(
            ended,
            json!({"outcome": "LEFT", "tenantId": "acme", "accountId": account,
                   "eventId": "event-1"}),
            "{state}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn each_wait_lasts_what_the_function_says_and_gives_back_what_it_left() {
    let asked = Arc::new(AtomicU64::new(0));
    let world = World::with(move |request| {
        let turn = request.arguments["Payload"]["resume"]["turn"].as_u64().unwrap_or(0);
        asked.fetch_add(1, Ordering::Relaxed);
        let payload = match turn {
            2 => done(&request.state),
            _ if request.state == "StartRaiseQuotas" => done(&request.state),
            _ => pending(10, json!({"turn": turn + 1})),
        };
        answer(Ok(answered(&request, payload)))
    });
    output(world.run(shipped(ONBOARD_TENANT), document()).await);
    // Two waits in four places: the branches wait beside each other.
    assert_eq!(world.elapsed(), 4 * 2 * 10 * 1_000);
    assert_eq!(world.called().len(), 6 * 3 + 1);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_is_cut_off_is_called_again_and_a_refusal_is_not() {
    for cut_off in
        ["Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "Lambda.ServiceException"]
    {
        let world = World::with(move |request| {
            let payload = done(&request.state);
            let result = match request.retry_count {
                0 if request.state != "StartRaiseQuotas" => {
                    Err(TaskFailure::new(cut_off, "killed"))
                }
                _ => Ok(answered(&request, payload)),
            };
            answer(result)
        });
        output(world.run(shipped(ONBOARD_TENANT), document()).await);
        assert_eq!(world.called().len(), 6 * 2 + 1, "{cut_off}");
    }
    let world = World::with(|_| answer(Err(TaskFailure::new("EmailInUseElsewhere", "acme"))));
    let (name, cause, _) = error(world.run(shipped(ONBOARD_TENANT), document()).await);
    assert_eq!((name.as_str(), cause.as_str()), ("EmailInUseElsewhere", "acme"));
    assert_eq!(world.called(), ["CreateAccount"]);
}

#[tokio::test(start_paused = true)]
async fn a_redrive_begins_at_the_task_that_failed_and_tells_it_so() {
    let broken = World::with(|request| {
        let payload = done(&request.state);
        answer(match request.state.as_str() {
            "EnrollBaseline" => Err(TaskFailure::new("BaselineFailed", "a bucket is in the way")),
            _ => Ok(answered(&request, payload)),
        })
    });
    let (name, _, checkpoint) = error(broken.run(shipped(ONBOARD_TENANT), document()).await);
    assert_eq!(name, "BaselineFailed");
    let mended = World::with(|request| {
        if request.state != "StartRaiseQuotas" {
            let execution = &request.arguments["Payload"]["execution"];
            assert!(execution["redrivenAt"].is_string(), "{execution}");
        }
        answer(Ok(answered(&request, done(&request.state))))
    });
    let ready = mended.start(&shipped(ONBOARD_TENANT), document(), Some(checkpoint)).await;
    assert_eq!(output(ready)["organizationalUnit"], "General");
    let called = mended.called();
    assert!(
        called.contains(&"EnrollBaseline".to_owned()) && called.contains(&"PlaceInHome".to_owned())
    );
    assert!(!called.contains(&"CreateAccount".to_owned()), "{called:?}");
}

#[tokio::test(start_paused = true)]
async fn quotas_that_were_followed_before_do_not_hold_the_tenant_back() {
    let world = World::with(|request| {
        answer(match request.state.as_str() {
            "StartRaiseQuotas" => {
                Err(TaskFailure::new("StepFunctions.ExecutionAlreadyExistsException", "acme"))
            }
            state => Ok(answered(&request, done(state))),
        })
    });
    assert_eq!(output(world.run(shipped(ONBOARD_TENANT), document()).await)["tenantId"], "acme");
}

#[tokio::test(start_paused = true)]
async fn quotas_are_followed_until_all_are_settled() {
    let world = World::with(|request| {
        let given = &request.arguments["Payload"];
        assert_eq!(given["waitFor"], "ALL");
        assert_eq!(given["quotas"], document()["quotas"]);
        let turn = given["resume"]["turn"].as_u64().unwrap_or(0);
        answer(Ok(json!({"Payload": match turn {
            3 => json!({"status": "DONE", "quotas": [{"status": "DENIED"}], "settled": true}),
            _ => pending(86_400, json!({"turn": turn + 1})),
        }})))
    });
    let input = json!({
        "version": 1, "tenantId": "acme", "accountId": "111111111111",
        "quotas": document()["quotas"], "deadlineSeconds": 7_776_000,
    });
    let ended = output(world.run(shipped(RAISE_QUOTAS), input).await);
    assert_eq!(ended["quotas"], json!([{"status": "DENIED"}]));
    assert_eq!(world.elapsed(), 3 * 86_400 * 1_000);
}

/// An eighth of the time waited so far, between floor and ceiling: as the functions wait, without
/// the jitter that only makes waits longer.
fn wait_after(elapsed: u64, floor: u64, ceiling: u64) -> u64 {
    (elapsed / 8).clamp(floor, ceiling)
}

#[tokio::test(start_paused = true)]
async fn a_day_of_waiting_stays_below_two_thousand_events() {
    let waiting_for = |states: &'static [&'static str], floor: u64, ceiling: u64| {
        World::with(move |request| {
            let elapsed = request.arguments["Payload"]["resume"]["elapsed"].as_u64().unwrap_or(0);
            let payload = if states.contains(&request.state.as_str()) && elapsed < 86_400 {
                let wait = wait_after(elapsed, floor, ceiling);
                pending(wait, json!({"elapsed": elapsed + wait}))
            } else {
                done(&request.state)
            };
            answer(Ok(answered(&request, payload)))
        })
    };
    for (states, floor, ceiling) in
        [(&["CreateAccount"][..], 5, 900), (&["EnrollBaseline", "RequestQuotas"][..], 5, 1_800)]
    {
        let world = waiting_for(states, floor, ceiling);
        output(world.run(shipped(ONBOARD_TENANT), document()).await);
        let events = world.events().len();
        assert!((1_000..2_000).contains(&events), "{states:?}: {events} events");
    }
}
