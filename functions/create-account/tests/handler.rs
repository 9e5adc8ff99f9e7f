//! `create-account` through its public API: real SDK clients, and an AWS that is a script.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod wire;

use create_account::Config;
use scripted_wire::{Exchange, call};
use serde_json::{Value, json};
use wire::{
    ACCOUNT, ARN, accounts_with_the_tag, answer, answer_at, describes, environment, facts,
    facts_of, failed, no_account_with_the_tag, nothing_there, pending, refused, request,
    role_is_assumed, running, script, status,
};

#[tokio::test(start_paused = true)]
async fn orders_an_account_with_all_its_tags_when_there_is_none() {
    let order = call(
        "CreateAccount",
        json!({"Email": "aws+acme@example.com", "AccountName": "tenant-acme",
               "RoleName": "AWSCloudFormationStackSetExecutionRole"}),
    )
    .answers(&json!({"CreateAccountStatus": status("car-12345678", "tenant-acme", "IN_PROGRESS")}));
    let (answer, seen) =
        answer_at(0, request(&json!({})), script([nothing_there(), vec![order]])).await;
    assert_eq!(pending(&answer)["resume"], json!({"requestId": "car-12345678"}));
    let tags = seen[2].request["Tags"].as_array().unwrap();
    assert_eq!(tags.len(), 5);
    assert!(tags.contains(&json!({"Key": "landlord:tenant", "Value": "acme"})));
    assert!(seen.iter().all(|call| call.region == "us-east-1"), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn follows_its_request_until_the_account_can_be_used() {
    let mut status = status("car-12345678", "tenant-acme", "SUCCEEDED");
    status["AccountId"] = ACCOUNT.into();
    let calls = script([
        vec![describes("car-12345678", &status)],
        facts("r-root"),
        vec![role_is_assumed()],
    ]);
    let (answer, seen) = answer_at(1, request(&json!({"requestId": "car-12345678"})), calls).await;
    let done = json!({"status": "DONE", "accountId": ACCOUNT, "standing": "NEW",
                      "organizationalUnitId": "r-root"});
    assert_eq!(answer.unwrap(), done);
    let assumed = seen.last().unwrap();
    assert_eq!(assumed.region, "eu-central-1", "the regional endpoint of STS");
    assert!(assumed.request["Policy"].as_str().unwrap().contains(r#""Effect":"Deny""#));
}

#[tokio::test(start_paused = true)]
async fn waits_while_aws_creates_the_account() {
    let status = status("car-12345678", "tenant-acme", "IN_PROGRESS");
    let answer =
        answer(json!({"requestId": "car-12345678"}), vec![describes("car-12345678", &status)])
            .await;
    assert_eq!(pending(&answer)["resume"], json!({"requestId": "car-12345678"}));
}

#[tokio::test(start_paused = true)]
async fn a_new_account_refuses_its_role_for_minutes() {
    let mut status = status("car-12345678", "tenant-acme", "SUCCEEDED");
    status["AccountId"] = ACCOUNT.into();
    let refused = call("AssumeRole", json!({})).refuses_in_xml(403, "AccessDenied");
    let calls = script([vec![describes("car-12345678", &status)], facts("r-root"), vec![refused]]);
    let answer = answer(json!({"requestId": "car-12345678"}), calls).await;
    let resume = pending(&answer)["resume"].clone();
    assert_eq!(resume["account"]["id"], ACCOUNT);

    // The next call goes straight to the account, and still knows that it is new.
    let calls = script([facts("r-root"), vec![role_is_assumed()]]);
    let (answer, _) = answer_at(2, request(&resume), calls).await;
    assert_eq!(answer.unwrap()["standing"], "NEW");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_refuses_its_role_for_an_hour_is_not_new() {
    let resume =
        json!({"account": {"id": ACCOUNT, "since": "2026-11-21T10:01:00Z", "isNew": true}});
    let denied = || call("AssumeRole", json!({})).refuses_in_xml(403, "AccessDenied");
    let calls = || script([facts("r-root"), vec![denied()]]);
    let (early, _) = answer_at(60, request(&resume), calls()).await;
    assert_eq!(pending(&early)["resume"], resume);
    let (late, _) = answer_at(62, request(&resume), calls()).await;
    assert!(refused(late, "AccessDenied").contains("sts:AssumeRole"));

    // A redrive starts the count again.
    let mut redriven = request(&resume);
    redriven["execution"]["redrivenAt"] = "2026-11-21T12:00:00Z".into();
    let (again, _) = answer_at(121, redriven, calls()).await;
    pending(&again);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_known_is_not_forgotten_when_a_read_is_throttled() {
    let resume =
        json!({"account": {"id": ACCOUNT, "since": "2026-11-21T10:00:30Z", "isNew": true}});
    let throttled = call("DescribeAccount", json!({})).refuses("TooManyRequestsException");
    let answer =
        answer(resume.clone(), vec![throttled.clone(), throttled.clone(), throttled]).await;
    assert_eq!(pending(&answer)["resume"], resume);
}

#[tokio::test(start_paused = true)]
async fn a_half_made_account_is_found_by_its_tag() {
    for place in ["r-root", "ou-root-onboard1"] {
        let calls =
            script([vec![accounts_with_the_tag(&[ARN])], facts(place), vec![role_is_assumed()]]);
        let done = json!({"status": "DONE", "accountId": ACCOUNT, "standing": "HALF_MADE",
                          "organizationalUnitId": place});
        assert_eq!(answer(json!({}), calls).await.unwrap(), done);
    }
}

#[tokio::test(start_paused = true)]
async fn a_live_tenant_is_done_without_another_call() {
    let calls = script([vec![accounts_with_the_tag(&[ARN])], facts("ou-root-canary11")]);
    let done = json!({"status": "DONE", "accountId": ACCOUNT, "standing": "LIVE",
                      "organizationalUnitId": "ou-root-canary11"});
    assert_eq!(answer(json!(null), calls).await.unwrap(), done);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_gone_on_a_fresh_read_does_not_count() {
    let order = call("CreateAccount", json!({})).answers(
        &json!({"CreateAccountStatus": status("car-12345678", "tenant-acme", "IN_PROGRESS")}),
    );
    let calls = script([
        vec![accounts_with_the_tag(&[ARN])],
        facts_of(ACCOUNT, "ACTIVE", Some("globex"), "r-root"),
        vec![running(&json!([])), order],
    ]);
    assert_eq!(pending(&answer(json!({}), calls).await)["resume"]["requestId"], "car-12345678");
}

#[tokio::test(start_paused = true)]
async fn the_legacy_status_is_read_where_there_is_no_state() {
    let mut calls = script([vec![accounts_with_the_tag(&[ARN])], facts("ou-root-suspende")]);
    calls[1] = call("DescribeAccount", json!({})).answers(&json!({"Account": {
        "Id": ACCOUNT, "Arn": ARN, "Email": "aws+acme@example.com", "Status": "SUSPENDED"}}));
    refused(answer(json!({}), calls).await, "AccountClosed");
}

#[tokio::test(start_paused = true)]
async fn an_account_on_its_way_out_is_refused() {
    for (state, place, name) in [
        ("CLOSED", "ou-root-suspende", "AccountClosed"),
        ("PENDING_CLOSURE", "ou-root-suspende", "AccountClosed"),
        ("ACTIVE", "ou-root-retiring", "AccountRetiring"),
        ("ACTIVE", "ou-root-suspende", "AccountRetiring"),
        ("ACTIVE", "ou-root-internal", "UnexpectedOrganizationalUnit"),
    ] {
        let calls = script([
            vec![accounts_with_the_tag(&[ARN])],
            facts_of(ACCOUNT, state, Some("acme"), place),
        ]);
        let message = refused(answer(json!({}), calls).await, name);
        assert!(message.contains(ACCOUNT) && message.contains("acme"), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn several_accounts_with_the_tag_are_all_named() {
    let other = "arn:aws:organizations::111122223333:account/o-abcdefghij/210987654321";
    let calls = script([
        vec![accounts_with_the_tag(&[ARN, other])],
        facts("r-root"),
        facts_of("210987654321", "ACTIVE", Some("acme"), "ou-root-general1"),
    ]);
    let message = refused(answer(json!({}), calls).await, "AmbiguousTenant");
    assert!(message.contains(ACCOUNT) && message.contains("210987654321"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn takes_up_a_creation_that_runs_for_the_tenant_on_a_later_page() {
    let first = call("ListCreateAccountStatus", json!({"States": ["IN_PROGRESS"]}))
        .answers(&json!({"CreateAccountStatuses": [], "NextToken": "more"}));
    let second = call("ListCreateAccountStatus", json!({"NextToken": "more"})).answers(
        &json!({"CreateAccountStatuses": [status("car-other111", "tenant-other", "IN_PROGRESS"),
                                          status("car-12345678", "tenant-acme", "IN_PROGRESS")]}),
    );
    let answer = answer(json!({}), vec![no_account_with_the_tag(), first, second]).await;
    assert_eq!(pending(&answer)["resume"], json!({"requestId": "car-12345678"}));
}

#[tokio::test(start_paused = true)]
async fn does_not_order_while_aws_creates_as_many_as_it_does() {
    let five: Vec<Value> = (0..5)
        .map(|n| status(&format!("car-{n}aaaaaaa"), &format!("tenant-{n}"), "IN_PROGRESS"))
        .collect();
    let full = || running(&json!(five));
    let (first, _) =
        answer_at(1, request(&json!({})), vec![no_account_with_the_tag(), full()]).await;
    let resume = pending(&first)["resume"].clone();
    assert_eq!(resume, json!({"lookedAt": "2026-11-21T10:01:00Z"}));
    // The account was looked for just now: while nothing can be ordered, once is enough.
    let (second, _) = answer_at(2, request(&resume), vec![full()]).await;
    assert_eq!(pending(&second)["resume"], resume);
    let (later, _) = answer_at(6, request(&resume), vec![no_account_with_the_tag(), full()]).await;
    assert_eq!(pending(&later)["resume"], json!({"lookedAt": "2026-11-21T10:06:00Z"}));
}

#[tokio::test(start_paused = true)]
async fn looks_for_the_account_once_more_before_it_takes_a_slot() {
    let resume = json!({"lookedAt": "2026-11-21T10:00:00Z"});
    let order = call("CreateAccount", json!({})).answers(
        &json!({"CreateAccountStatus": status("car-12345678", "tenant-acme", "IN_PROGRESS")}),
    );
    let calls = script([vec![running(&json!([]))], nothing_there(), vec![order]]);
    let (answer, _) = answer_at(1, request(&resume), calls).await;
    assert_eq!(pending(&answer)["resume"], json!({"requestId": "car-12345678"}));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_order_is_sent_once_and_waits() {
    for refusal in [
        call("CreateAccount", json!({})).refuses("TooManyRequestsException"),
        call("CreateAccount", json!({})).refuses_because(
            "ConstraintViolationException",
            &json!({"Reason": "ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED"}),
        ),
        call("CreateAccount", json!({})).refuses("ConcurrentModificationException"),
        call("CreateAccount", json!({})).refuses("FinalizingOrganizationException"),
    ] {
        let answer = answer(json!({}), script([nothing_there(), vec![refusal]])).await;
        assert_eq!(pending(&answer)["resume"], json!({}));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_followed_by_a_look_and_not_by_a_second_order() {
    for lost in [
        call("CreateAccount", json!({})).loses_its_answer(),
        call("CreateAccount", json!({})).is_unreachable(),
        call("CreateAccount", json!({})).breaks(),
    ] {
        let answer = answer(json!({}), script([nothing_there(), vec![lost]])).await;
        let resume = pending(&answer)["resume"].clone();
        let taken = running(&json!([status("car-12345678", "tenant-acme", "IN_PROGRESS")]));
        let (answer, _) =
            answer_at(2, request(&resume), vec![no_account_with_the_tag(), taken]).await;
        assert_eq!(pending(&answer)["resume"], json!({"requestId": "car-12345678"}));
    }
}

#[tokio::test(start_paused = true)]
async fn refused_orders_are_typed() {
    let constraint = |reason: &str| {
        call("CreateAccount", json!({}))
            .refuses_because("ConstraintViolationException", &json!({"Reason": reason}))
    };
    let invalid = |reason: &str| {
        call("CreateAccount", json!({}))
            .refuses_because("InvalidInputException", &json!({"Reason": reason}))
    };
    for (order, name) in [
        (constraint("TAG_POLICY_VIOLATION"), "TagsRefused"),
        (constraint("A_REASON_OF_TOMORROW"), "CreationRefused"),
        (invalid("INVALID_EMAIL_ADDRESS_TARGET"), "EmailRefused"),
        (invalid("INVALID_ROLE_NAME"), "CreationRefused"),
        (call("CreateAccount", json!({})).refuses("AccessDeniedException"), "AccessDenied"),
        (
            call("CreateAccount", json!({})).refuses("AWSOrganizationsNotInUseException"),
            "AwsRefused",
        ),
    ] {
        let message =
            refused(answer(json!({}), script([nothing_there(), vec![order]])).await, name);
        assert!(message.contains("acme"), "{message}");
    }
}

/// What AWS refuses to every account alike holds the queue, and fails nobody.
#[tokio::test(start_paused = true)]
async fn the_account_limit_and_billing_are_waited_for_and_tried_by_one_at_a_time() {
    let standstill = |by: &str, reason: &str| json!({"standstill": {"by": by, "reason": reason, "since": "2026-11-21T10:01:00Z"}});
    for (by, reason) in [
        ("ACCOUNT_LIMIT", "ACCOUNT_NUMBER_LIMIT_EXCEEDED"),
        ("BILLING", "MASTER_ACCOUNT_PAYMENT_INSTRUMENT_REQUIRED"),
    ] {
        let order = call("CreateAccount", json!({}))
            .refuses_because("ConstraintViolationException", &json!({"Reason": reason}));
        let answer = answer(json!({}), script([nothing_there(), vec![order]])).await;
        let pending = pending(&answer);
        assert_eq!(pending["resume"], standstill(by, reason));
        assert!(pending["because"].as_str().unwrap().contains(reason), "{pending}");
        assert!((60..=75).contains(&pending["retryAfterSeconds"].as_u64().unwrap()), "{pending}");
    }
    for (by, reason) in [
        ("ACCOUNT_LIMIT", "ACCOUNT_LIMIT_EXCEEDED"),
        ("BILLING", "MISSING_PAYMENT_INSTRUMENT"),
        ("BILLING", "PENDING_BUSINESS_VALIDATION"),
    ] {
        let calls = vec![describes("car-12345678", &failed(reason))];
        let answer = answer(json!({"requestId": "car-12345678"}), calls).await;
        assert_eq!(pending(&answer)["resume"], standstill(by, reason));
    }
    // The deadline is the tenant's, and AWS's refusal is no time of the tenant's.
    let order = |answer: &str| {
        call("CreateAccount", json!({}))
            .refuses_because("ConstraintViolationException", &json!({"Reason": answer}))
    };
    let day = 24 * 60;
    let held = || request(&standstill("ACCOUNT_LIMIT", "ACCOUNT_LIMIT_EXCEEDED"));
    let refuses = || script([nothing_there(), vec![order("ACCOUNT_NUMBER_LIMIT_EXCEEDED")]]);
    let (late, _) = answer_at(3 * day, held(), refuses()).await;
    assert_eq!(pending(&late)["resume"]["standstill"]["since"], "2026-11-21T10:01:00Z");
    // A machine ends after a year, and this before it: it has the name that operators know.
    let (late, _) = answer_at(301 * day, held(), nothing_there()).await;
    assert!(refused(late, "AccountLimitReached").contains("ACCOUNT_LIMIT_EXCEEDED"));
    // Other accounts are made again: from now on the tenant has all its time.
    let other = json!([status("car-00000001", "tenant-other", "IN_PROGRESS")]);
    let made = call("CreateAccount", json!({})).answers(
        &json!({"CreateAccountStatus": status("car-87654321", "tenant-acme", "IN_PROGRESS")}),
    );
    let calls = script([vec![no_account_with_the_tag(), running(&other), made]]);
    let (resumed, _) = answer_at(3 * day, held(), calls).await;
    let resume = &pending(&resumed)["resume"];
    assert_eq!(resume["resumedAt"], "2026-11-24T10:00:00Z", "{resume}");
    assert_eq!(resume.get("standstill"), None);
}

#[tokio::test(start_paused = true)]
async fn failed_creations_are_typed_and_name_the_reason() {
    for (reason, name) in [
        ("INVALID_EMAIL", "EmailRefused"),
        ("INVALID_ADDRESS", "EmailRefused"),
        ("UPDATE_EXISTING_RESOURCE_POLICY_WITH_TAGS_NOT_SUPPORTED", "TagsRefused"),
        ("GOVCLOUD_ACCOUNT_ALREADY_EXISTS", "CreationRefused"),
    ] {
        let calls = vec![describes("car-12345678", &failed(reason))];
        let answer = answer(json!({"requestId": "car-12345678"}), calls).await;
        assert!(refused(answer, name).contains(reason));
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_aws_is_ordered_again_and_its_request_forgotten() {
    let calls = vec![describes("car-12345678", &failed("INTERNAL_FAILURE"))];
    let answer = answer(json!({"requestId": "car-12345678"}), calls).await;
    assert_eq!(pending(&answer)["resume"], json!({}));
}

#[tokio::test(start_paused = true)]
async fn a_redrive_does_not_stumble_over_the_failure_it_was_made_for() {
    let mut request = request(&json!({"requestId": "car-12345678"}));
    request["execution"]["redrivenAt"] = "2026-11-22T10:00:00Z".into();
    let order = call("CreateAccount", json!({})).answers(
        &json!({"CreateAccountStatus": status("car-87654321", "tenant-acme", "IN_PROGRESS")}),
    );
    let calls = script([
        vec![describes("car-12345678", &failed("ACCOUNT_LIMIT_EXCEEDED"))],
        nothing_there(),
        vec![order],
    ]);
    let (answer, _) = answer_at(24 * 60 + 1, request, calls).await;
    assert_eq!(pending(&answer)["resume"], json!({"requestId": "car-87654321"}));
}

fn succeeded_list(statuses: &Value) -> Exchange {
    call("ListCreateAccountStatus", json!({"States": ["SUCCEEDED"]}))
        .answers(&json!({"CreateAccountStatuses": statuses}))
}

#[tokio::test(start_paused = true)]
async fn adopts_the_account_when_the_email_is_already_ours() {
    // The order was refused for the email: that of our own creation, whose answer was lost.
    let calls = vec![describes("car-12345678", &failed("EMAIL_ALREADY_EXISTS"))];
    let answer = answer(json!({"requestId": "car-12345678"}), calls).await;
    let resume = pending(&answer)["resume"].clone();
    assert_eq!(resume, json!({"emailTakenSince": "2026-11-21T10:01:00Z"}));

    // The tags do not show yet, but the creation that succeeded does.
    let mut made = status("car-firstone", "tenant-acme", "SUCCEEDED");
    made["AccountId"] = ACCOUNT.into();
    let calls = script([
        nothing_there(),
        vec![succeeded_list(&json!([status("car-x", "tenant-x", "SUCCEEDED"), made]))],
        facts("r-root"),
        vec![role_is_assumed()],
    ]);
    let (answer, _) = answer_at(2, request(&resume), calls).await;
    assert_eq!(answer.unwrap()["standing"], "HALF_MADE");
}

#[tokio::test(start_paused = true)]
async fn looks_for_itself_for_a_grace_time_before_it_scans() {
    let resume = json!({"emailTakenSince": "2026-11-21T10:01:00Z"});
    let calls = script([nothing_there(), vec![succeeded_list(&json!([]))]]);
    let (answer, _) = answer_at(15, request(&resume), calls).await;
    assert_eq!(pending(&answer)["resume"], resume);

    let listed = call("ListAccounts", json!({})).answers(&json!({"Accounts": [
        {"Id": "000000000001", "Email": "other@example.com"},
        {"Id": ACCOUNT, "Email": "AWS+ACME@example.com"}]}));
    let calls =
        script([nothing_there(), vec![listed], facts("ou-root-onboard1"), vec![role_is_assumed()]]);
    let (answer, _) = answer_at(16, request(&resume), calls).await;
    assert_eq!(answer.unwrap()["accountId"], ACCOUNT);
}

#[tokio::test(start_paused = true)]
async fn an_account_with_the_email_and_without_the_tag_is_not_ours() {
    for tag in [None, Some("globex")] {
        let listed = call("ListAccounts", json!({}))
            .answers(&json!({"Accounts": [{"Id": ACCOUNT, "Email": "aws+acme@example.com"}]}));
        let calls =
            script([nothing_there(), vec![listed], facts_of(ACCOUNT, "ACTIVE", tag, "r-root")]);
        let resume = json!({"emailTakenSince": "2026-11-21T10:01:00Z"});
        let (answer, _) = answer_at(20, request(&resume), calls).await;
        assert!(refused(answer, "EmailInUseElsewhere").contains(ACCOUNT));
    }
}

#[tokio::test(start_paused = true)]
async fn an_email_that_nobody_here_has_gets_one_last_order() {
    // A page may be empty and not the last; the whole scan finds nobody.
    let empty = call("ListAccounts", json!({})).answers(&json!({"Accounts": [], "NextToken": "2"}));
    let last = call("ListAccounts", json!({"NextToken": "2"})).answers(&json!({"Accounts": []}));
    let order = call("CreateAccount", json!({})).answers(
        &json!({"CreateAccountStatus": status("car-87654321", "tenant-acme", "IN_PROGRESS")}),
    );
    let resume = json!({"emailTakenSince": "2026-11-21T10:01:00Z"});
    let calls = script([nothing_there(), vec![empty, last, order]]);
    let (answer, _) = answer_at(20, request(&resume), calls).await;
    let resume = pending(&answer)["resume"].clone();
    assert_eq!(resume, json!({"requestId": "car-87654321", "scanned": true}));

    let mut taken = failed("EMAIL_ALREADY_EXISTS");
    taken["Id"] = "car-87654321".into();
    let (answer, _) =
        answer_at(21, request(&resume), vec![describes("car-87654321", &taken)]).await;
    assert!(refused(answer, "EmailInUseElsewhere").contains("outside of the organization"));
}

#[tokio::test(start_paused = true)]
async fn a_long_scan_goes_on_at_the_next_call_and_begins_again_when_its_token_is_too_old() {
    let page = |n: usize| {
        let request = if n == 0 { json!({}) } else { json!({"NextToken": n.to_string()}) };
        call("ListAccounts", request)
            .answers(&json!({"Accounts": [], "NextToken": (n + 1).to_string()}))
    };
    let resume = json!({"emailTakenSince": "2026-11-21T10:01:00Z"});
    let calls = script([nothing_there(), (0..40).map(page).collect()]);
    let (answer, _) = answer_at(20, request(&resume), calls).await;
    let resume = pending(&answer)["resume"].clone();
    assert_eq!(resume["scan"], json!({"nextToken": "40"}));
    assert_eq!(answer.unwrap()["retryAfterSeconds"], 1);

    let too_old = call("ListAccounts", json!({"NextToken": "40"}))
        .refuses_because("InvalidInputException", &json!({"Reason": "INVALID_NEXT_TOKEN"}));
    let again = call("ListAccounts", json!({}))
        .answers(&json!({"Accounts": [{"Id": ACCOUNT, "Email": "aws+acme@example.com"}]}));
    let calls = script([nothing_there(), vec![too_old, again], facts("ou-root-general1")]);
    let (answer, _) = answer_at(21, request(&resume), calls).await;
    assert_eq!(answer.unwrap()["standing"], "LIVE");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_scan_keeps_its_place() {
    let page = call("ListAccounts", json!({})).answers(&json!({"Accounts": [], "NextToken": "1"}));
    let throttled =
        call("ListAccounts", json!({"NextToken": "1"})).refuses("TooManyRequestsException");
    let calls =
        script([nothing_there(), vec![page, throttled.clone(), throttled.clone(), throttled]]);
    let resume = json!({"emailTakenSince": "2026-11-21T10:01:00Z"});
    let (answer, _) = answer_at(20, request(&resume), calls).await;
    assert_eq!(pending(&answer)["resume"]["scan"], json!({"nextToken": "1"}));
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_creation_of_the_same_name_is_left_alone() {
    let mut foreign = status("car-12345678", "tenant-acme", "SUCCEEDED");
    foreign["AccountId"] = ACCOUNT.into();
    let calls = script([
        vec![describes("car-12345678", &foreign)],
        facts_of(ACCOUNT, "ACTIVE", None, "r-root"),
    ]);
    let resume = json!({"requestId": "car-12345678"});
    let (answer, _) = answer_at(30, request(&resume), calls).await;
    assert_eq!(pending(&answer)["resume"], json!({"disowned": ["car-12345678"]}));
}

#[tokio::test(start_paused = true)]
async fn a_closed_account_with_another_email_does_not_stand_in_the_way() {
    let mut calls = facts_of(ACCOUNT, "CLOSED", Some("acme"), "ou-root-suspende");
    calls[0] = call("DescribeAccount", json!({})).answers(&json!({"Account": {
        "Id": ACCOUNT, "Arn": ARN, "Email": "former@example.com", "State": "CLOSED"}}));
    let order = call("CreateAccount", json!({})).answers(
        &json!({"CreateAccountStatus": status("car-12345678", "tenant-acme", "IN_PROGRESS")}),
    );
    let calls =
        script([vec![accounts_with_the_tag(&[ARN])], calls, vec![running(&json!([])), order]]);
    assert_eq!(pending(&answer(json!({}), calls).await)["resume"]["requestId"], "car-12345678");
}

#[tokio::test(start_paused = true)]
async fn waiting_past_the_deadline_is_an_error_and_orders_nothing() {
    let (answer, seen) = answer_at(24 * 60, request(&json!({})), nothing_there()).await;
    let message = refused(answer, "DeadlinePassed");
    assert!(message.contains("not ordered"), "{message}");
    assert!(seen.iter().all(|call| call.call != "CreateAccount"));
}

#[tokio::test(start_paused = true)]
async fn throttled_and_broken_reads_wait() {
    for trouble in [
        call("GetResources", json!({})).refuses("ThrottlingException"),
        call("GetResources", json!({})).breaks(),
        call("GetResources", json!({})).is_unreachable(),
    ] {
        let answer = answer(json!({}), vec![trouble.clone(), trouble.clone(), trouble]).await;
        assert_eq!(pending(&answer)["resume"], json!({}));
    }
}

#[tokio::test(start_paused = true)]
async fn a_denied_read_names_the_call() {
    let denied = call("GetResources", json!({})).refuses("AccessDeniedException");
    let message = refused(answer(json!({}), vec![denied]).await, "AccessDenied");
    assert!(message.contains("tag:GetResources"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_understood_calls_nobody() {
    let mut version = request(&json!({}));
    version["tenant"]["version"] = 2.into();
    let mut account = request(&json!({}));
    account["tenant"]["tenantId"] = "Acme".into();
    for (bad, word) in [
        (json!({}), "tenant"),
        (version, "version"),
        (account, "lower-case"),
        (request(&json!("x")), "resume"),
        (request(&json!({"surprise": 1})), "surprise"),
    ] {
        let message = refused(answer_at(0, bad, vec![]).await.0, "InvalidRequest");
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn a_missing_variable_is_named() {
    let error = Config::load(&|name| environment(name).filter(|_| name != "TENANT_OUS"));
    assert!(error.unwrap_err().to_string().contains("TENANT_OUS"));
    let error = Config::load(&|name| match name {
        "ONBOARDING_OU_ID" => Some("Onboarding".into()),
        _ => environment(name),
    });
    assert!(error.unwrap_err().to_string().contains("ou-"));
}
