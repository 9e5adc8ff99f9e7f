//! The machines of retirement, run with scripted functions: which state follows which answer, what
//! each function is given, and how long a history gets.

use std::sync::{Arc, Mutex};

use local_states::{TaskFailure, TaskRequest};
use serde_json::{Value, json};

use crate::world::{World, answer, output};

const OFFBOARD_TENANT: &str = include_str!("../../../../statemachines/offboard-tenant.asl.json");
const SWEEP_RETIREMENTS: &str =
    include_str!("../../../../statemachines/sweep-retirements.asl.json");

/// The definition with its placeholders filled in as `template.yaml` does.
fn shipped(definition: &str) -> Value {
    let mut filled = definition
        .replace("${LambdaInvoke}", "arn:aws:states:::lambda:invoke")
        .replace("${PutEvents}", "arn:aws:states:::events:putEvents")
        .replace("${ReadObject}", "arn:aws:states:::s3:getObject")
        .replace("${EventBus}", "landlord")
        .replace("${SignupEventSource}", "saas.signup")
        .replace("${RunsBucket}", "runs")
        .replace("${RetiringOuId}", "ou-root-retiring")
        .replace("${SuspendedOuId}", "ou-root-suspended");
    for name in [
        "FindTenant",
        "RetireTenant",
        "PlanRetirements",
        "WithdrawStacks",
        "PlaceAccount",
        "SuspendAccount",
        "CloseAccount",
    ] {
        let function = format!("arn:aws:lambda:eu-central-1:111122223333:function:{name}");
        filled = filled.replace(&format!("${{{name}Function}}"), &function);
    }
    assert!(!filled.contains("${"), "a placeholder is left");
    serde_json::from_str(&filled).expect("the machine is JSON")
}

fn pending(resume: Value) -> Value {
    json!({"status": "PENDING", "retryAfterSeconds": 60, "because": "not yet", "resume": resume})
}

fn answered(request: &TaskRequest, payload: Value) -> Value {
    if request.state.starts_with("Announce") || request.state == "SignUpAgain" {
        json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})
    } else {
        json!({ "Payload": payload })
    }
}

/// The events that the tasks put on the bus, in order.
type Told = Arc<Mutex<Vec<Value>>>;

fn tell(told: &Told, request: &TaskRequest) {
    if let Some(entries) = request.arguments["Entries"].as_array() {
        told.lock().unwrap().extend(entries.iter().cloned());
    }
}

fn kinds(told: &Told) -> Vec<String> {
    let told = told.lock().unwrap();
    told.iter().map(|entry| entry["DetailType"].as_str().unwrap().to_owned()).collect()
}

fn event(kind: &str) -> Value {
    json!({
        "version": "0", "id": "event-1", "detail-type": kind, "source": "saas.signup",
        "account": "111122223333", "time": "2026-11-21T10:00:00Z", "region": "eu-central-1",
        "resources": [],
        "detail": { "tenantId": "acme", "occurredAt": "2026-11-21T09:00:00Z", "reason": "cancelled" },
    })
}

fn retired(outcome: &str, more: Value) -> Value {
    let mut answer = json!({
        "status": "DONE", "outcome": outcome, "changed": true, "tenantId": "acme",
        "accountId": "111111111111", "organizationalUnitId": "ou-root-retiring",
        "occurredAt": "2026-11-21T09:00:00Z",
    });
    answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    answer
}

/// Runs `offboard-tenant` with an answer of retire-tenant; what it was given, and what was told.
async fn offboarded(kind: &str, answer_of_retire: Value) -> (Value, Vec<Value>, Value) {
    let (told, given) = (Told::default(), Arc::new(Mutex::new(Value::Null)));
    let world = {
        let (told, given) = (told.clone(), given.clone());
        World::with(move |request| {
            tell(&told, &request);
            let payload = match request.state.as_str() {
                "FindTenant" => match request.arguments["Payload"]["resume"]["turn"].as_u64() {
                    None => pending(json!({"turn": 1})),
                    Some(_) => json!({
                        "status": "DONE", "outcome": "FOUND", "tenantId": "acme",
                        "accountId": "111111111111",
                        "organizationalUnitId": "ou-root-general0", "state": "ACTIVE",
                    }),
                },
                "RetireTenant" => {
                    *given.lock().unwrap() = request.arguments["Payload"].clone();
                    answer_of_retire.clone()
                }
                _ => Value::Null,
            };
            answer(Ok(answered(&request, payload)))
        })
    };
    let ended = output(world.run(shipped(OFFBOARD_TENANT), event(kind)).await);
    let told = told.lock().unwrap().clone();
    let given = given.lock().unwrap().clone();
    (given, told, ended)
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_leaves_is_found_taken_out_of_service_and_announced() {
    let more = json!({
        "retireAfter": "2026-12-21T10:00:00Z", "reason": "cancelled",
        "requestedBy": "saas.signup 111122223333 event-1",
        "homeOrganizationalUnitId": "ou-root-general0",
    });
    let (given, told, ended) = offboarded("TenantOffboarded", retired("RETIRING", more)).await;
    assert_eq!(
        given,
        json!({
            "action": "RETIRE", "tenantId": "acme", "accountId": "111111111111",
            "eventId": "event-1", "requestedBy": "saas.signup 111122223333",
            "occurredAt": "2026-11-21T09:00:00Z", "reason": "cancelled",
            "deadlineSeconds": 86_400, "execution": {"startedAt": "2026-11-21T00:00:00.000Z"},
            "resume": {},
        })
    );
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["DetailType"], &told[0]["Source"]),
        (&json!("TenantRetiring"), &json!("landlord"))
    );
    assert_eq!(
        told[0]["Detail"],
        json!({
            "tenantId": "acme", "accountId": "111111111111",
            "retireAfter": "2026-12-21T10:00:00Z", "reason": "cancelled",
            "requestedBy": "saas.signup 111122223333 event-1",
            "occurredAt": "2026-11-21T09:00:00Z",
            "homeOrganizationalUnitId": "ou-root-general0", "eventId": "event-1",
        })
    );
    assert_eq!(
        ended,
        json!({"tenantId": "acme", "accountId": "111111111111", "outcome": "RETIRING", "changed": true})
    );
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_comes_back_unharmed_is_announced_and_one_that_was_emptied_signs_up_again() {
    let unharmed = retired("RESTORED", json!({"emptied": false}));
    let (given, told, _) = offboarded("TenantReinstated", unharmed).await;
    assert_eq!(given["action"], "REINSTATE");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["DetailType"], "TenantRestored");
    assert_eq!(told[0]["Detail"]["emptied"], false);

    let signup = json!({"tenantId": "acme", "tenantName": "Acme", "tier": "standard"});
    let emptied = retired("RESTORED", json!({"emptied": true, "signup": signup}));
    let (_, told, _) = offboarded("TenantReinstated", emptied).await;
    assert_eq!(told.len(), 2);
    assert_eq!(
        (&told[0]["DetailType"], &told[0]["Source"]),
        (&json!("TenantSignedUp"), &json!("saas.signup"))
    );
    assert_eq!(told[0]["Detail"], signup);
    assert_eq!(told[1]["Detail"]["emptied"], true);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_comes_too_late_is_answered_and_changes_nothing() {
    for because in ["STALE", "ALREADY_CLOSED", "ACCOUNT_CLOSED"] {
        let late = retired(because, json!({"changed": false}));
        let (_, told, ended) = offboarded("TenantOffboarded", late).await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["DetailType"], "TenantUnchanged");
        assert_eq!(told[0]["Detail"]["because"], because);
        assert_eq!(told[0]["Detail"]["request"], "TenantOffboarded");
        assert_eq!(ended["changed"], false);
    }
}

/// Runs `offboard-tenant` with an answer of find-tenant that ends it; what was told.
async fn found(kind: &str, answer_of_find: Value) -> (Vec<Value>, Value, Vec<String>) {
    let told = Told::default();
    let heard = told.clone();
    let world = World::with(move |request| {
        tell(&heard, &request);
        answer(Ok(answered(&request, answer_of_find.clone())))
    });
    let ended = output(world.run(shipped(OFFBOARD_TENANT), event(kind)).await);
    let told = told.lock().unwrap().clone();
    (told, ended, world.called())
}

#[tokio::test(start_paused = true)]
async fn a_tenant_without_an_account_and_an_older_event_are_answered() {
    for outcome in ["NO_ACCOUNT", "STALE"] {
        let answer = json!({"status": "DONE", "outcome": outcome, "tenantId": "acme"});
        let (told, ended, _) = found("TenantOffboarded", answer).await;
        assert_eq!(told[0]["DetailType"], "TenantUnchanged");
        let detail = json!({
            "tenantId": "acme", "request": "TenantOffboarded", "because": outcome,
            "occurredAt": "2026-11-21T09:00:00Z", "eventId": "event-1",
        });
        assert_eq!(told[0]["Detail"], detail);
        assert_eq!(ended, json!({"tenantId": "acme", "outcome": outcome, "changed": false}));
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_back_before_it_had_an_account_signs_up_again_and_hears_so() {
    let signup = json!({"tenantId": "acme", "tenantName": "Acme", "tier": "standard"});
    let answer = json!({
        "status": "DONE", "outcome": "SIGNED_UP_AGAIN", "tenantId": "acme", "signup": signup,
    });
    let (told, _, called) = found("TenantReinstated", answer).await;
    assert_eq!((&told[0]["DetailType"], &told[0]["Detail"]), (&json!("TenantSignedUp"), &signup));
    assert_eq!(told[1]["Detail"]["because"], "SIGNED_UP_AGAIN");
    assert_eq!(called, ["FindTenant", "SignUpAgain", "AnnounceUnchanged"]);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_event_is_answered_with_its_faults_and_ends_well() {
    let answer = json!({
        "status": "DONE", "outcome": "REJECTED", "tenantId": null, "reasons": ["tenantId: 7 must be text"],
    });
    let (told, ended, _) = found("TenantReinstated", answer).await;
    assert_eq!(told[0]["DetailType"], "TenantOffboardingRejected");
    let detail = json!({
        "tenantId": null, "request": "TenantReinstated", "eventId": "event-1",
        "reasons": ["tenantId: 7 must be text"],
    });
    assert_eq!((&told[0]["Detail"], ended), (&detail, json!({"outcome": "REJECTED"})));
}

fn plan(outcome: &str, closing: u64) -> Value {
    json!({
        "status": "DONE", "outcome": outcome, "closing": closing,
        "closingKey": "sweeps/s/closing.jsonl", "counts": {"CLOSE": closing},
    })
}

/// A sweep whose functions are done at once; `of_account` answers for each account's tasks.
fn sweep(
    planned: Value,
    closable: u64,
    of_account: impl Fn(&TaskRequest) -> Result<Value, TaskFailure> + Send + Sync + 'static,
) -> (Arc<World>, Told) {
    let told = Told::default();
    let heard = told.clone();
    let world = World::with(move |request| {
        tell(&heard, &request);
        let payload = match request.state.as_str() {
            "PlanRetirements" => Ok(planned.clone()),
            "WithdrawStacks" => Ok(json!({
                "status": "DONE", "closable": closable, "stuck": 0, "refused": 0,
                "closableKey": "sweeps/s/closable.jsonl",
            })),
            "ReportSweep" => Ok(json!({"status": "DONE", "closed": closable})),
            _ => of_account(&request),
        };
        answer(payload.map(|payload| answered(&request, payload)))
    });
    let lines: Vec<String> = (0..closable)
        .map(|n| json!({"accountId": format!("{n:012}"), "tenantId": format!("t{n}")}).to_string())
        .collect();
    let file = lines.join("\n").into_bytes();
    world.objects.lock().unwrap().insert("runs/sweeps/s/closable.jsonl".to_owned(), file);
    (world, told)
}

/// Every account closes at once.
fn closes(request: &TaskRequest) -> Result<Value, TaskFailure> {
    let given = &request.arguments["Payload"];
    Ok(match request.state.as_str() {
        "PlaceInSuspended" => json!({"status": "DONE", "moved": true}),
        _ => json!({
            "status": "DONE", "outcome": "CLOSED", "accountId": given["accountId"],
            "tenantId": given["tenantId"], "closedAt": "2026-11-21T11:00:00Z",
        }),
    })
}

#[tokio::test(start_paused = true)]
async fn only_the_word_false_ends_the_dry_run() {
    for (input, acts) in [
        (json!({}), false),
        (json!({"dryRun": true}), false),
        (json!({"dryRun": "false"}), false),
        (json!({"dryRun": null}), false),
        (json!({"dryRun": false}), true),
    ] {
        let (world, _) = sweep(plan("PLANNED", 1), 1, closes);
        output(world.run(shipped(SWEEP_RETIREMENTS), input.clone()).await);
        assert_eq!(world.called().contains(&"WithdrawStacks".to_owned()), acts, "{input}");
        assert_eq!(world.called().contains(&"CloseAccount".to_owned()), acts, "{input}");
        assert!(world.called().contains(&"ReportSweep".to_owned()), "{input}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_beside_another_one_does_nothing_and_an_open_breaker_only_reports() {
    let (world, _) = sweep(plan("ALREADY_RUNNING", 0), 0, closes);
    let ended = output(world.run(shipped(SWEEP_RETIREMENTS), json!({"dryRun": false})).await);
    assert_eq!(ended, json!({"outcome": "ALREADY_RUNNING"}));
    assert_eq!(world.called(), ["PlanRetirements"]);
    let (world, _) = sweep(plan("BREAKER_OPEN", 0), 0, closes);
    let ended = output(world.run(shipped(SWEEP_RETIREMENTS), json!({"dryRun": false})).await);
    assert_eq!(ended["outcome"], "BREAKER_OPEN");
    assert_eq!(world.called(), ["PlanRetirements", "ReportSweep"]);
}

#[tokio::test(start_paused = true)]
async fn each_account_is_moved_closed_and_announced_and_a_list_of_one_is_a_list() {
    for accounts in [1, 2] {
        let (world, told) = sweep(plan("PLANNED", accounts), accounts, |request| {
            let given = &request.arguments["Payload"];
            if request.state == "PlaceInSuspended" {
                assert_eq!(given["destinationId"], "ou-root-suspended");
                assert_eq!(given["allowedFrom"], json!(["ou-root-retiring"]));
            } else if request.state == "CloseAccount" {
                assert!(given["sweep"]["name"].is_string(), "{given}");
            }
            closes(request)
        });
        output(world.run(shipped(SWEEP_RETIREMENTS), json!({"dryRun": false})).await);
        assert_eq!(kinds(&told), vec!["TenantRetired"; usize::try_from(accounts).unwrap()]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_was_moved_meanwhile_is_refused_and_one_that_fails_holds_up_nobody() {
    let (world, told) = sweep(plan("PLANNED", 3), 3, |request| {
        let moved = TaskFailure::new("UnexpectedOrganizationalUnit", "it stands in General");
        match (request.state.as_str(), request.arguments["Payload"]["accountId"].as_str()) {
            ("PlaceInSuspended", Some("000000000000")) => Err(moved),
            ("CloseAccount", Some("000000000000")) => {
                Ok(json!({"status": "DONE", "outcome": "REFUSED", "code": "Elsewhere"}))
            }
            ("CloseAccount", Some("000000000001")) => {
                Err(TaskFailure::new("DeadlinePassed", "it is still closing"))
            }
            _ => closes(request),
        }
    });
    output(world.run(shipped(SWEEP_RETIREMENTS), json!({"dryRun": false})).await);
    assert_eq!(kinds(&told), ["TenantRetired"], "of the third");
    assert_eq!(world.called().last().map(String::as_str), Some("ReportSweep"));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_accounts_leave_no_mark_on_the_history_of_the_sweep() {
    let (world, told) = sweep(plan("PLANNED", 1_000), 1_000, closes);
    output(world.run(shipped(SWEEP_RETIREMENTS), json!({"dryRun": false})).await);
    assert_eq!(told.lock().unwrap().len(), 1_000);
    let events = world.events().len();
    assert!(events < 60, "{events} events");
    let children = world.children.lock().unwrap();
    let largest = children.iter().map(|child| child.execution.input.to_string().len()).max();
    assert!(largest.unwrap() < 1_000, "{largest:?} bytes");
}
