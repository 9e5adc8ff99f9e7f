//! What becomes of a signup: admitted, rejected, a duplicate, answered again, or waiting.

use admit_tenant::Error;
use admit_tenant::decide::Blame;
use lambda_kit::Named;
use scripted_wire::operations::{Aws, Reply, error};
use serde_json::{Value, json};

use crate::support::*;

#[tokio::test]
async fn a_valid_signup_starts_an_execution_with_everything_that_onboarding_needs() {
    let aws = empty();
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
    let start = &aws.calls_of("StartExecution")[0];
    assert_eq!(start.field("stateMachineArn"), MACHINE);
    assert_eq!(start.field("name"), "acme");
    let document: Value = serde_json::from_str(start.field("input").as_str().unwrap()).unwrap();
    assert_eq!(document["eventId"], EVENT_ID);
    assert_eq!(document["accountName"], "tenant-acme");
    assert_eq!(document["email"], "aws+acme@example.com");
    assert_eq!(document["homeOrganizationalUnit"]["id"], "ou-root-general0");
    assert_eq!(document["baseline"]["stackSets"][0]["name"], "landlord-tenant-baseline");
    assert_eq!(document["quotas"][0]["required"], 1000);
    assert_eq!(document["tags"]["cost-center"], "42");
    assert_eq!(document["deadlineSeconds"], 86_400);
    assert_eq!(
        events(&aws),
        [(
            "TenantAdmitted".to_owned(),
            json!({"tenantId": "acme", "eventId": EVENT_ID, "executionArn": FIRST,
                   "duplicate": false})
        )]
    );
}

#[tokio::test]
async fn all_faults_of_a_signup_are_reported_at_once_and_nothing_is_started() {
    let aws = empty();
    let mut bad = signup();
    bad["detail"] = json!({"tenantId": "Acme!", "tenantName": "", "tier": "gold",
                           "rootEmail": "nobody", "tags": {"aws:x": "1"}, "plan": "gold",
                           "tenant_id": "acme"});
    assert_eq!(call(&aws, one(&bad)).await.unwrap(), answered());
    let (name, detail) = events(&aws).remove(0);
    assert_eq!(name, "TenantRejected");
    assert_eq!(detail["tenantId"], "Acme!", "as it was given");
    assert_eq!(detail["eventId"], EVENT_ID);
    let reasons = detail["reasons"].as_array().unwrap();
    for field in
        ["tenantId: \"Acme!\"", "tenantName", "tier", "rootEmail", "tags.aws:x", "tenant_id"]
    {
        let named = |reason: &Value| reason.as_str().unwrap().starts_with(field);
        assert!(reasons.iter().any(named), "{field}: {reasons:?}");
    }
    assert_eq!(aws.operations(), ["GetParameter", "PutEvents"]);
}

#[tokio::test]
async fn every_answer_has_the_metadata_and_the_original_id_and_names_what_was_ignored() {
    let mut rich = signup();
    rich["detail"]["tenantId"] = json!("ACME");
    rich["detail"]["metadata"] = json!({"registration": "r-7"});
    rich["detail"]["email"] = json!("owner@customer.example");
    let aws = empty();
    call(&aws, one(&rich)).await.unwrap();
    let (name, detail) = events(&aws).remove(0);
    assert_eq!((name.as_str(), &detail["tenantId"]), ("TenantAdmitted", &json!("acme")));
    assert_eq!(detail["metadata"]["registration"], "r-7");
    assert_eq!(detail["originalTenantId"], "ACME");
    assert_eq!(detail["ignored"], json!(["email"]));
    let input = aws.calls_of("StartExecution")[0].field("input").as_str().unwrap().to_owned();
    let document: Value = serde_json::from_str(&input).unwrap();
    assert_eq!(document["metadata"]["registration"], "r-7");
    assert_eq!(document["originalTenantId"], "ACME");
    assert_eq!(document["email"], "aws+acme@example.com", "the contact is not the root user");

    rich["detail"]["tier"] = json!("none");
    let aws = empty();
    call(&aws, front(&rich)).await.unwrap();
    let (name, detail) = events(&aws).remove(0);
    assert_eq!((name.as_str(), &detail["tenantId"]), ("TenantRejected", &json!("ACME")));
    assert_eq!(detail["metadata"]["registration"], "r-7");
}

#[tokio::test]
async fn two_ids_that_lead_to_one_tenant_are_never_merged() {
    for status in ["RUNNING", "SUCCEEDED", "FAILED"] {
        let mut other = signup();
        other["detail"]["tenantId"] = json!("Acme");
        let aws = empty().json("DescribeExecution", execution(status, "another-event"));
        assert_eq!(call(&aws, front(&other)).await.unwrap(), answered());
        let (name, detail) = events(&aws).remove(0);
        assert_eq!(name, "TenantRejected", "{status}");
        assert!(detail["reasons"][0].as_str().unwrap().contains("that of \"acme\""), "{detail}");
    }
}

#[tokio::test]
async fn a_signup_that_is_older_than_its_tenants_leaving_ends_as_left() {
    let record = |wish: &str, at: &str| {
        json!({"version": 1, "tenantId": "acme", "accountId": "222222222222",
               "newestLifecycle": {"wish": wish, "occurredAt": at, "eventId": "e-9"}})
        .to_string()
    };
    for request in [one(&signup()), front(&signup())] {
        let aws = with_record(record("LEFT", "2026-11-21T10:00:01Z"));
        assert_eq!(call(&aws, request).await.unwrap(), answered());
        let (name, detail) = events(&aws).remove(0);
        assert_eq!(name, "TenantLeft");
        assert_eq!(detail["eventId"], EVENT_ID);
        assert_eq!(detail["executionArn"], Value::Null);
        assert_eq!(detail["endedAt"], "2026-11-21T12:00:00Z");
        assert_eq!(aws.calls_of("StartExecution").len(), 0);
    }
    for (wish, at) in [
        ("LEFT", "2026-11-21T10:00:00Z"),
        ("LEFT", "2026-11-21T09:59:00Z"),
        ("BACK", "2026-11-21T10:00:01Z"),
    ] {
        // And where an account is known, no room is needed.
        let aws = with_record(record(wish, at));
        assert_eq!(call(&aws, front(&signup())).await.unwrap(), answered());
        assert_eq!(aws.calls_of("StartExecution").len(), 1, "{wish} {at}");
    }
}

#[tokio::test]
async fn a_record_that_is_none_holds_up_no_other_tenant() {
    let aws = with_record("no record");
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
    assert_eq!(sent(&aws).field("MessageGroupId"), "apart-m-1");
}

#[tokio::test]
async fn an_id_that_does_not_fit_into_an_address_is_told_how_long_it_may_be() {
    let mut long = signup();
    long["detail"]["tenantId"] = json!("a".repeat(40));
    let aws = empty();
    call_with_domain(&aws, front(&long), &format!("{}.example.com", "d".repeat(20))).await.unwrap();
    let (name, detail) = events(&aws).remove(0);
    assert_eq!(name, "TenantRejected");
    let reason = detail["reasons"][0].as_str().unwrap();
    assert!(reason.contains("at most 27 characters"), "{reason}");
}

#[tokio::test]
async fn an_event_that_comes_again_while_its_execution_runs_is_a_duplicate_and_needs_no_room() {
    let aws = empty().json("DescribeExecution", execution("RUNNING", EVENT_ID));
    assert_eq!(call(&aws, front(&signup())).await.unwrap(), answered());
    let (name, detail) = events(&aws).remove(0);
    assert_eq!(name, "TenantAdmitted");
    assert_eq!(detail["duplicate"], true);
    assert_eq!(detail["executionArn"], FIRST);
    assert_eq!(detail.get("behindEventId"), None, "it is its own");
    for never in ["StartExecution", "ListExecutions", "SendMessage"] {
        assert!(!aws.operations().contains(&never.to_owned()), "{never}");
    }
}

#[tokio::test]
async fn a_repeated_event_repeats_its_own_answer_wherever_it_is() {
    for request in [one(&signup()), front(&signup())] {
        let aws = empty().json("DescribeExecution", execution("SUCCEEDED", EVENT_ID));
        assert_eq!(call(&aws, request).await.unwrap(), answered());
        let (name, detail) = events(&aws).remove(0);
        assert_eq!(name, "TenantReady");
        assert_eq!(detail["accountId"], "222222222222");
        assert_eq!(detail["eventId"], EVENT_ID);
        assert_eq!(detail["readyAt"], "2026-11-21T10:10:00Z");
        assert!(!aws.operations().contains(&"StartExecution".to_owned()));
        assert!(!aws.operations().contains(&"GetParameter".to_owned()), "whatever the tiers are");
    }
}

#[tokio::test]
async fn another_event_for_a_tenant_that_was_ready_is_answered_by_an_execution_that_looks() {
    for request in [one(&signup()), front(&signup())] {
        let aws = empty()
            .json("DescribeExecution", execution("SUCCEEDED", "the-first-event"))
            .always("ListExecutions", |_| Reply::Json(running(&["a", "b", "c"])));
        assert_eq!(call(&aws, request).await.unwrap(), answered());
        let start = &aws.calls_of("StartExecution")[0];
        assert_eq!(start.field("name"), "acme_2");
        let document: Value = serde_json::from_str(start.field("input").as_str().unwrap()).unwrap();
        assert_eq!(document["eventId"], EVENT_ID);
        let (name, detail) = events(&aws).remove(0);
        assert_eq!(name, "TenantAdmitted", "nothing is said from memory");
        assert_eq!(detail["eventId"], EVENT_ID);
        assert_eq!(detail["duplicate"], false);
        assert!(!aws.operations().contains(&"ListExecutions".to_owned()), "it needs no room");
    }
}

#[tokio::test]
async fn after_a_failure_a_new_event_starts_the_next_and_an_old_one_starts_nothing() {
    for status in ["FAILED", "TIMED_OUT", "ABORTED"] {
        let aws = empty().json("DescribeExecution", execution(status, "another-event"));
        call(&aws, one(&signup())).await.unwrap();
        assert_eq!(aws.calls_of("StartExecution")[0].field("name"), "acme_2", "{status}");
        assert_eq!(events(&aws)[0].1["executionArn"], format!("{FIRST}_2"));

        let aws = empty()
            .json("DescribeExecution", execution(status, EVENT_ID))
            .json("DescribeExecution", execution(status, "another-event"));
        call(&aws, one(&signup())).await.unwrap();
        assert_eq!(events(&aws)[0].1["duplicate"], true, "the failure is not announced yet");
        assert_eq!(events(&aws)[0].1["executionArn"], FIRST, "the one that it started");
        assert_eq!(aws.calls_of("StartExecution").len(), 0);
    }
}

#[tokio::test]
async fn an_event_that_comes_again_after_a_failure_is_told_the_same_failure() {
    let failure = json!({"tenantId": "acme", "eventId": EVENT_ID, "executionArn": FIRST,
                         "status": "FAILED", "step": "CreateAccount", "error": "EmailRefused",
                         "cause": "INVALID_EMAIL", "accountId": null});
    for (redrives, told) in [(1, "TenantOnboardingFailed"), (2, "TenantAdmitted")] {
        let note = json!({"event": "TenantOnboardingFailed", "detail": failure}).to_string();
        let mut execution = execution("FAILED", EVENT_ID);
        execution["redriveCount"] = json!(redrives);
        let aws = empty().json("DescribeExecution", execution).always("GetObject", move |call| {
            match key(call) == "announced/acme/1-FAILED" {
                true => Reply::Text(note.clone()),
                false => error(404, "NoSuchKey"),
            }
        });
        assert_eq!(call(&aws, front(&signup())).await.unwrap(), answered());
        let (name, detail) = events(&aws).remove(0);
        assert_eq!(name, told, "{redrives}");
        assert_eq!(detail["eventId"], EVENT_ID);
        if told == "TenantOnboardingFailed" {
            assert_eq!(detail, failure);
        }
    }
}

#[tokio::test]
async fn a_forgotten_first_name_does_not_hide_the_second() {
    let aws = empty()
        .refuse("DescribeExecution", 400, "ExecutionDoesNotExist")
        .json("DescribeExecution", execution("RUNNING", "another-event"));
    call(&aws, one(&signup())).await.unwrap();
    assert_eq!(events(&aws)[0].1["executionArn"], format!("{FIRST}_2"));
    assert_eq!(aws.calls_of("StartExecution").len(), 0);
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_is_found_by_its_event() {
    let missing = || error(400, "ExecutionDoesNotExist");
    let aws = empty()
        .on("DescribeExecution", missing())
        .on("DescribeExecution", missing())
        .refuse("StartExecution", 400, "ExecutionAlreadyExists")
        .json("DescribeExecution", execution("FAILED", EVENT_ID));
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
    assert_eq!(events(&aws)[0].0, "TenantAdmitted");
    assert_eq!(events(&aws)[0].1["duplicate"], true);

    let aws = empty()
        .on("DescribeExecution", missing())
        .on("DescribeExecution", missing())
        .refuse("StartExecution", 400, "ExecutionAlreadyExists")
        .json("DescribeExecution", execution("RUNNING", "another-event"));
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), waits(), "the next look will tell");
    assert_eq!(events(&aws), []);
}

#[tokio::test]
async fn without_room_the_message_waits_and_its_waits_grow() {
    for (receives, wait) in [(1, 10), (4, 40), (500, 300)] {
        let aws = empty()
            .json("ListExecutions", json!({"executions": [], "nextToken": "2"}))
            .json("ListExecutions", running(&["a", "b", "c_2", "d", "d_2", "by hand!"]))
            .json("GetResources", with_account(&["a"]));
        let request = json!({"Records": [record("m-1", &signup().to_string(), receives)]});
        assert_eq!(call(&aws, request).await.unwrap(), waits());
        let change = &aws.calls_of("ChangeMessageVisibility")[0];
        assert_eq!(change.field("QueueUrl"), &json!(queue("waiting.fifo")));
        assert_eq!(change.field("ReceiptHandle"), "receipt-m-1");
        assert_eq!(change.field("VisibilityTimeout"), wait);
        assert_eq!(events(&aws), []);
        assert_eq!(aws.calls_of("StartExecution").len(), 0);
        let asked = &aws.calls_of("GetResources")[0];
        assert_eq!(asked.field("TagFilters/0/Key"), "landlord:tenant");
        assert_eq!(asked.field("TagFilters/0/Values"), &json!(["a", "b", "c", "d"]));
    }
}

#[tokio::test]
async fn tenants_that_have_an_account_take_no_room() {
    let aws = empty()
        .json("ListExecutions", running(&["a", "b", "c_2"]))
        .json("GetResources", with_account(&["a", "c"]));
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
    assert_eq!(aws.calls_of("StartExecution").len(), 1);
}

/// 2,000 tenants that wait in Onboarding for a slow quota, or 6,000 accounts in the root: neither
/// is read.
#[tokio::test]
async fn one_admission_makes_few_calls_whatever_the_fleet() {
    let names: Vec<String> = (0..2_000).map(|n| format!("t-{n}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let page = running(&all[..1_000]);
    let aws = empty()
        .always("ListExecutions", move |_| {
            let mut page = page.clone();
            page["nextToken"] = json!("more");
            Reply::Json(page)
        })
        .always("GetResources", |call| {
            let asked = call.field("TagFilters/0/Values").as_array().unwrap().clone();
            let asked: Vec<&str> = asked.iter().map(|value| value.as_str().unwrap()).collect();
            Reply::Json(with_account(&asked))
        });
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
    assert_eq!(aws.calls_of("StartExecution").len(), 1);
    assert_eq!(aws.calls_of("ListExecutions").len(), 1);
    assert_eq!(aws.calls_of("GetResources").len(), 5, "a hundred of them, by twenties");
    assert!(aws.calls().len() <= 20, "{:?}", aws.operations());
}

#[tokio::test]
async fn an_address_that_signups_may_not_give_is_rejected_by_the_parameters_name() {
    for (address, word) in [
        ("root@other.example", "RootEmailDomains"),
        ("AWS+victim@Example.com", "leave rootEmail out"),
    ] {
        let mut given = signup();
        given["detail"]["rootEmail"] = json!(address);
        let aws = empty();
        assert_eq!(call(&aws, one(&given)).await.unwrap(), answered());
        let (name, detail) = events(&aws).remove(0);
        assert_eq!(name, "TenantRejected");
        assert!(detail["reasons"][0].as_str().unwrap().contains(word), "{detail}");
        assert!(aws.calls_of("StartExecution").is_empty());
    }
}

#[tokio::test]
async fn a_full_day_makes_signups_wait_in_their_place_and_operators_are_told() {
    let since = "2026-11-21T11:59:00Z";
    let full = json!({"passed": [{"since": since, "count": 1_000}]}).to_string();
    let day = move |call: &scripted_wire::Seen| match key(call).as_str() {
        "brakes/signups.json" => Reply::Text(full.clone()),
        _ => error(404, "NoSuchKey"),
    };
    let aws = empty().always("GetObject", day.clone());
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), waits());
    assert!(aws.calls_of("StartExecution").is_empty());
    assert_eq!(aws.calls_of("Publish").len(), 1);
    // What needs no account does not wait.
    let aws = empty()
        .always("GetObject", day)
        .json("DescribeExecution", execution("RUNNING", "another-event"));
    assert_eq!(call(&aws, front(&signup())).await.unwrap(), answered());
}

#[tokio::test]
async fn a_message_that_waited_nine_hundred_times_is_sent_again_with_a_fresh_count() {
    let full = || empty().json("ListExecutions", running(&["a", "b", "c"]));
    let request = json!({"Records": [record("m-1", &signup().to_string(), 901)]});
    let aws = full();
    assert_eq!(
        call(&aws, request.clone()).await.unwrap(),
        answered(),
        "Lambda deletes the old one"
    );
    let send = &aws.calls_of("SendMessage")[0];
    assert_eq!(send.field("QueueUrl"), &json!(queue("waiting.fifo")));
    assert_eq!(send.field("MessageBody"), &json!(signup().to_string()));
    assert_eq!(send.field("MessageGroupId"), "waiting");
    assert_eq!(send.field("MessageDeduplicationId"), "m-1-again");

    let aws = full().always("SendMessage", |_| error(403, "AccessDenied"));
    assert_eq!(call(&aws, request).await.unwrap(), waits(), "it is not lost");
}

#[tokio::test]
async fn what_is_no_event_is_set_aside_with_the_reason() {
    let mut offboarded = signup();
    offboarded["detail-type"] = json!("TenantOffboarded");
    let mut bare = signup();
    bare.as_object_mut().unwrap().remove("detail");
    for (body, part) in [
        ("not JSON".to_owned(), "not JSON"),
        (offboarded.to_string(), "TenantOffboarded"),
        (bare.to_string(), "no detail"),
    ] {
        let aws = empty();
        let request = json!({"Records": [record("m-1", &body, 1)]});
        assert_eq!(call(&aws, request).await.unwrap(), answered());
        assert_eq!(aws.operations(), ["SendMessage"]);
        let send = &aws.calls()[0];
        assert_eq!(send.field("QueueUrl"), &json!(queue("dead.fifo")));
        assert_eq!(send.field("MessageBody"), &json!(body));
        assert_eq!(send.field("MessageDeduplicationId"), "m-1");
        assert_eq!(send.field("MessageAttributes/error/StringValue"), "NotAnEvent");
        let because = send.field("MessageAttributes/because/StringValue").as_str().unwrap();
        assert!(because.contains(part), "{because}");
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_set_aside_waits() {
    let aws = empty().always("SendMessage", |_| error(403, "AccessDenied"));
    let request = json!({"Records": [record("m-1", "not JSON", 1)]});
    assert_eq!(call(&aws, request).await.unwrap(), waits());
}

#[tokio::test]
async fn a_message_that_breaks_the_function_is_set_aside_and_the_next_goes_on() {
    let aws = empty().on("StartExecution", Reply::Panic("the wire broke"));
    let mut second = signup();
    second["detail"]["tenantId"] = json!("globex");
    let request = json!({"Records": [
        record("m-1", &signup().to_string(), 1), record("m-2", &second.to_string(), 1)]});
    assert_eq!(call(&aws, request).await.unwrap(), answered());
    let send = &aws.calls_of("SendMessage")[0];
    assert_eq!(send.field("MessageAttributes/error/StringValue"), "Panicked");
    let because = send.field("MessageAttributes/because/StringValue").as_str().unwrap();
    assert!(because.contains("the wire broke"), "{because}");
    assert_eq!(events(&aws)[0].1["tenantId"], "globex");
}

#[tokio::test]
async fn an_execution_that_step_functions_never_takes_is_set_aside() {
    for code in ["InvalidExecutionInput", "InvalidName", "ValidationException"] {
        let aws = empty().refuse("StartExecution", 400, code);
        assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
        assert_eq!(sent(&aws).field("MessageAttributes/error/StringValue"), "ExecutionRefused");
    }
}

#[tokio::test]
async fn an_outcome_that_cannot_be_read_is_set_aside_and_holds_up_nobody() {
    let mut odd = execution("SUCCEEDED", EVENT_ID);
    odd["output"] = json!("{}");
    let aws = empty().json("DescribeExecution", odd);
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
    let send = &aws.calls_of("SendMessage")[0];
    assert_eq!(send.field("MessageAttributes/error/StringValue"), "OutcomeUnreadable");
}

#[tokio::test]
async fn a_replayed_event_is_rejected_unless_replays_are_admitted() {
    let mut replayed = signup();
    replayed["replay-name"] = json!("last-week");
    let aws = empty();
    assert_eq!(call(&aws, one(&replayed)).await.unwrap(), answered());
    let (name, detail) = events(&aws).remove(0);
    assert_eq!(name, "TenantRejected");
    assert_eq!(detail["tenantId"], "acme");
    assert!(detail["reasons"][0].as_str().unwrap().contains("last-week"), "{detail}");
    assert_eq!(aws.operations(), ["PutEvents"]);

    let aws = empty();
    call_with(&aws, one(&replayed), "true").await.unwrap();
    assert_eq!(events(&aws)[0].0, "TenantAdmitted");
}

#[tokio::test]
async fn tiers_that_cannot_be_read_are_an_operators_fault_and_reject_nobody() {
    for wrong in ["not JSON", "{}", r#"{"tiers": {}}"#] {
        let aws = empty()
            .always("GetParameter", move |_| Reply::Json(json!({"Parameter": {"Value": wrong}})));
        assert_eq!(call(&aws, one(&signup())).await.unwrap(), waits());
        assert_eq!(aws.calls_of("StartExecution").len(), 0);
        assert_eq!(events(&aws), []);
    }
}

#[tokio::test(start_paused = true)]
async fn throttles_outages_and_refusals_of_every_call_are_a_wait() {
    let calls =
        ["GetParameter", "DescribeExecution", "ListExecutions", "GetResources", "StartExecution"];
    for refused in calls.into_iter().chain(["PutEvents"]) {
        for (status, code) in [
            (400, "ThrottlingException"),
            (500, "InternalServerError"),
            (400, "AccessDeniedException"),
            (400, "SomethingNew"),
        ] {
            let aws = empty()
                .always("ListExecutions", |_| Reply::Json(running(&["a", "b", "c"])))
                .always("GetResources", |_| Reply::Json(with_account(&["a"])))
                .always(refused, move |_| error(status, code));
            let apart =
                code == "SomethingNew" && ["StartExecution", "PutEvents"].contains(&refused);
            let answer = call(&aws, one(&signup())).await.unwrap();
            if apart {
                assert_eq!(answer, answered(), "{refused} {code}");
                assert_eq!(sent(&aws).field("MessageGroupId"), "apart-m-1");
            } else {
                assert_eq!(answer, waits(), "{refused} {code}");
                let wait = aws.calls_of("ChangeMessageVisibility");
                assert_eq!(wait[0].field("VisibilityTimeout"), 10, "{refused} {code}");
            }
        }
    }
}

#[tokio::test]
async fn an_answer_that_the_bus_does_not_take_is_a_wait() {
    let failed = json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]});
    let aws = empty().json("PutEvents", failed);
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), waits());
}

#[tokio::test]
async fn a_wait_that_cannot_be_set_is_still_a_wait() {
    let aws = empty()
        .always("GetParameter", |_| error(400, "ParameterNotFound"))
        .always("ChangeMessageVisibility", |_| error(403, "AccessDenied"));
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), waits());
}

#[tokio::test]
async fn messages_behind_one_that_waits_keep_their_places() {
    let aws = empty().always("StartExecution", |call| {
        if call.field("name") == "globex" {
            error(400, "ExecutionLimitExceeded")
        } else {
            Reply::Json(json!({"executionArn": FIRST, "startDate": 1}))
        }
    });
    let of = |tenant: &str| {
        let mut signup = signup();
        signup["detail"]["tenantId"] = json!(tenant);
        signup.to_string()
    };
    let request = json!({"Records": [
        record("m-1", &of("acme"), 1), record("m-2", &of("globex"), 1),
        record("m-3", &of("initech"), 1)]});
    let answer = call(&aws, request).await.unwrap();
    assert_eq!(
        answer,
        json!({"batchItemFailures": [{"itemIdentifier": "m-2"}, {"itemIdentifier": "m-3"}]})
    );
    assert_eq!(aws.calls_of("StartExecution").len(), 2, "initech is not overtaking globex");
}

#[tokio::test]
async fn a_call_without_messages_is_refused_before_any_call() {
    let aws = Aws::new();
    for wrong in [json!({}), json!({"Records": []}), json!({"Records": [{"body": "x"}]})] {
        let error = call(&aws, wrong).await.unwrap_err();
        assert_eq!(error.error_type, "InvalidRequest");
        assert!(error.error_message.contains("Records"), "{}", error.error_message);
    }
    assert_eq!(aws.operations(), Vec::<String>::new());
}

#[test]
fn every_error_has_its_published_name() {
    for error in [Error::NotAnEvent(String::new()), Error::Panicked(String::new())] {
        assert!(Error::NAMES.contains(&error.name()));
        assert_eq!(error.blame(), Blame::Message);
    }
}

#[test]
fn a_call_may_move_between_threads() {
    fn takes(_: impl Send) {}
    takes(call(&Aws::new(), one(&signup())));
}

#[tokio::test]
async fn a_repeated_answer_that_the_tenant_left_names_the_account_that_its_record_names() {
    let mut left = execution("SUCCEEDED", EVENT_ID);
    left["output"] = json!(json!({"outcome": "LEFT", "accountId": null}).to_string());
    let record = json!({"version": 1, "tenantId": "acme", "accountId": "222222222222"});
    for (aws, account) in
        [(with_record(record.to_string()), json!("222222222222")), (empty(), Value::Null)]
    {
        let aws = aws.json("DescribeExecution", left.clone());
        assert_eq!(call(&aws, front(&signup())).await.unwrap(), answered());
        let (name, detail) = events(&aws).remove(0);
        assert_eq!((name.as_str(), &detail["accountId"]), ("TenantLeft", &account));
    }
}
