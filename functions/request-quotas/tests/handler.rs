//! The function through its public API: the real SDK on a scripted wire.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use lambda_kit::{Clock, Diagnostic, Named};
use request_quotas::{App, Config, Error, handle};
use scripted_wire::Seen;
use scripted_wire::operations::{Aws, Reply, error};
use serde_json::{Value, json};

const NOW: &str = "2026-11-21T12:00:00Z";
const HISTORY: &str = "ListRequestedServiceQuotaChangeHistory";
const ASK: &str = "RequestServiceQuotaIncrease";

/// `iam` in us-east-1 (wanted) and `lambda` in eu-central-1 (1000 required).
fn request() -> Value {
    serde_json::from_str(include_str!("../events/request.json")).unwrap()
}

fn for_all() -> Value {
    let mut request = request();
    request["waitFor"] = json!("ALL");
    request
}

async fn call(aws: &Aws, request: Value) -> Result<Value, Diagnostic> {
    call_at(aws, request, NOW).await
}

async fn call_at(aws: &Aws, request: Value, now: &str) -> Result<Value, Diagnostic> {
    let config = Config::load(&|name| match name {
        "OPERATOR_ROLE_NAME" => Some("Role".to_owned()),
        "EQUIP_FUNCTION" => Some("equip".to_owned()),
        "EVENT_BUS_NAME" => Some("landlord".to_owned()),
        _ => None,
    });
    let clock = Clock::fixed(now.parse().unwrap());
    let app = App::new(&aws.wire(&clock), config.unwrap(), clock);
    lambda_kit::call(&app, &handle, request).await
}

fn session() -> Reply {
    Reply::Text(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <Credentials><AccessKeyId>ASIATENANT</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
         <SessionToken>t</SessionToken><Expiration>2026-11-21T13:00:00Z</Expiration></Credentials>\
         </AssumeRoleResult></AssumeRoleResponse>"
            .to_owned(),
    )
}

fn quota(value: f64, adjustable: bool) -> Reply {
    Reply::Json(json!({"Quota": {"Value": value, "Adjustable": adjustable}}))
}

fn change(quota: &str, status: &str, desired: f64) -> Value {
    let service = if quota == "L-FE177D64" { "iam" } else { "lambda" };
    json!({"ServiceCode": service, "QuotaCode": quota, "Status": status, "DesiredValue": desired,
           "Created": 1_795_000_000, "LastUpdated": 1_795_000_000})
}

fn history(changes: Value) -> Reply {
    Reply::Json(json!({"RequestedQuotas": changes}))
}

/// An account with these values of lambda and iam, and nothing ever asked for.
fn account(lambda: f64, iam: f64) -> Aws {
    Aws::new()
        .always("AssumeRole", |_| session())
        .always("Invoke", |_| equipped())
        .always(HISTORY, |_| history(json!([])))
        .always(ASK, |_| Reply::Json(json!({"RequestedQuota": {"Status": "PENDING"}})))
        .always("GetServiceQuota", move |call| {
            quota(if call.field("ServiceCode") == "lambda" { lambda } else { iam }, true)
        })
        .always("GetAccountSettings", move |_| settings(lambda))
}

/// What Lambda itself says of its concurrency.
fn settings(executions: f64) -> Reply {
    Reply::Text(format!("{{\"AccountLimit\":{{\"ConcurrentExecutions\":{executions:.0}}}}}"))
}

/// What `equip-account` says of an account that has its role.
fn equipped() -> Reply {
    Reply::Json(json!({"status": "DONE", "accountId": "222222222222", "made": false,
                       "unknownRoles": []}))
}

fn statuses(answer: &Value) -> Vec<&str> {
    answer["quotas"].as_array().unwrap().iter().map(|q| q["status"].as_str().unwrap()).collect()
}

fn asked(aws: &Aws) -> Vec<(String, f64)> {
    let ask = |call: Seen| {
        let quota = call.field("QuotaCode").as_str().unwrap().to_owned();
        (quota, call.field("DesiredValue").as_f64().unwrap())
    };
    aws.calls_of(ASK).into_iter().map(ask).collect()
}

#[tokio::test]
async fn asks_for_what_is_missing_in_the_tenants_credentials_and_in_each_quotas_region() {
    let aws = account(10.0, 1000.0);
    let answer = call(&aws, request()).await.unwrap();
    assert_eq!(answer["status"], "PENDING", "the required value does not apply yet: {answer}");
    assert!(answer["because"].as_str().unwrap().contains("L-B99A9384"), "{answer}");
    assert_eq!(
        asked(&aws),
        [("L-B99A9384".to_owned(), 2000.0), ("L-FE177D64".to_owned(), 2000.0)],
        "what is required first"
    );
    let role = &aws.calls_of("AssumeRole")[0];
    assert_eq!(role.field("RoleArn"), "arn:aws:iam::222222222222:role/landlord/Role");
    let policy: Value = serde_json::from_str(role.field("Policy").as_str().unwrap()).unwrap();
    assert_eq!(policy["Statement"][0]["Action"].as_array().unwrap().len(), 5);
    assert_eq!(policy["Statement"][1]["Action"], "iam:CreateServiceLinkedRole");
    for call in aws.calls_of(ASK) {
        assert_eq!(call.access_key, "ASIATENANT");
        let region = if call.field("ServiceCode") == "iam" { "us-east-1" } else { "eu-central-1" };
        assert!(call.host.contains(region), "{}", call.host);
    }
}

#[tokio::test]
async fn high_enough_is_done_and_asks_for_nothing() {
    let aws = account(2000.0, 5000.0);
    let answer = call(&aws, request()).await.unwrap();
    assert_eq!(answer["status"], "DONE");
    assert_eq!(answer["settled"], true);
    assert_eq!(statuses(&answer), ["ENOUGH", "ENOUGH"]);
    assert_eq!(answer["quotas"][1]["value"], 2000);
    assert_eq!(asked(&aws), []);
}

#[tokio::test]
async fn a_tenant_waits_for_what_is_required_and_not_for_what_is_wanted() {
    let aws = account(1000.0, 1000.0);
    let answer = call(&aws, request()).await.unwrap();
    assert_eq!(answer["status"], "DONE");
    assert_eq!(answer["settled"], false);
    assert_eq!(statuses(&answer), ["REQUESTED", "REQUESTED"]);
    assert_eq!(asked(&aws).len(), 2);
    let answer = call(&account(1000.0, 1000.0), for_all()).await.unwrap();
    assert_eq!(answer["status"], "PENDING", "who waits for all waits for these too");
}

#[tokio::test]
async fn an_account_without_a_value_of_its_own_has_awss_default() {
    let aws = account(0.0, 5000.0)
        .always("GetServiceQuota", |_| error(400, "NoSuchResourceException"))
        .always("GetAWSDefaultServiceQuota", |_| quota(2000.0, true))
        .always("GetAccountSettings", |_| settings(2000.0));
    assert_eq!(statuses(&call(&aws, request()).await.unwrap()), ["ENOUGH", "ENOUGH"]);
}

#[tokio::test]
async fn lambdas_own_word_counts_for_its_concurrency_whatever_service_quotas_says() {
    for (code, value) in [("NoSuchResourceException", None), ("", Some(1000.0))] {
        let aws = account(0.0, 5000.0)
            .always("GetServiceQuota", move |_| match value {
                Some(value) => quota(value, true),
                None => error(400, code),
            })
            .always("GetAWSDefaultServiceQuota", |_| quota(1000.0, true))
            .always("GetAccountSettings", |_| settings(10.0));
        let mut request = request();
        request["quotas"] = json!([request["quotas"][1]]);
        let answer = call(&aws, request).await.unwrap();
        assert_eq!(answer["status"], "PENDING", "10 are not 1000: {answer}");
        assert!(answer["because"].as_str().unwrap().contains("is 10, 1000 is required"));
        assert_eq!(asked(&aws), [("L-B99A9384".to_owned(), 2000.0)]);
        let call = &aws.calls_of("GetAccountSettings")[0];
        assert_eq!(call.access_key, "ASIATENANT");
        assert!(call.host.contains("eu-central-1"), "{}", call.host);
    }
}

#[tokio::test]
async fn a_value_that_can_not_be_read_is_not_met() {
    let unread = || {
        Reply::Json(json!({"Quota": {"Adjustable": true, "ErrorReason": {
            "ErrorCode": "SERVICE_QUOTA_NOT_AVAILABLE_ERROR", "ErrorMessage": "try later"}}}))
    };
    let aws = account(2000.0, 5000.0).always("GetServiceQuota", move |_| unread());
    let answer = call(&aws, request()).await.unwrap();
    assert_eq!(answer["status"], "PENDING", "{answer}");
    let because = answer["because"].as_str().unwrap();
    assert!(because.contains("unknown") && because.contains("try later"), "{because}");
    assert_eq!(asked(&aws), []);

    // Nothing waits for what is merely wanted.
    let mut wish = request();
    wish["quotas"][1]["required"] = Value::Null;
    let aws = account(2000.0, 5000.0).always("GetServiceQuota", move |_| unread());
    let answer = call(&aws, wish).await.unwrap();
    assert_eq!(answer["status"], "DONE");
    assert_eq!(statuses(&answer), ["WAITING", "WAITING"]);
    assert!(answer["quotas"][0]["reason"].as_str().unwrap().contains("try later"), "{answer}");
}

#[tokio::test]
async fn a_wish_that_aws_does_not_take_is_reported_and_changes_nothing_else() {
    let wishes = |required: Value| {
        let mut request = request();
        request["quotas"][1]["required"] = required;
        request
    };
    for (refused, code) in [
        ("GetServiceQuota", "IllegalArgumentException"),
        ("GetServiceQuota", "SomethingNew"),
        ("GetAWSDefaultServiceQuota", "NoSuchResourceException"),
        (ASK, "NoSuchResourceException"),
        (ASK, "IllegalArgumentException"),
        (ASK, "SomethingNew"),
    ] {
        // The first quota is iam's, and only wanted; the second is lambda's.
        let of_iam = move |call: &Seen| call.field("ServiceCode") == "iam";
        let mut aws = account(10.0, 10.0);
        if refused == "GetAWSDefaultServiceQuota" {
            aws = aws.always("GetServiceQuota", move |call| {
                if of_iam(call) { error(400, "NoSuchResourceException") } else { quota(10.0, true) }
            });
        }
        let aws = aws.always(refused, move |call| match refused {
            _ if of_iam(call) => error(400, code),
            ASK => Reply::Json(json!({"RequestedQuota": {"Status": "PENDING"}})),
            _ => quota(10.0, true),
        });
        let answer = call(&aws, wishes(Value::Null)).await.unwrap();
        assert_eq!(answer["status"], "DONE", "{refused} {code}: {answer}");
        assert_eq!(statuses(&answer), ["REFUSED", "REQUESTED"], "{refused} {code}");
        assert!(answer["quotas"][0]["reason"].as_str().unwrap().contains(code), "{answer}");
        assert_eq!(answer["settled"], false, "the other is followed");
    }
    // A Region in which nothing is to be had.
    let aws = account(10.0, 10.0).always(HISTORY, |call| {
        if call.host.contains("us-east-1") {
            error(400, "SomethingNew")
        } else {
            history(json!([]))
        }
    });
    let answer = call(&aws, wishes(Value::Null)).await.unwrap();
    assert_eq!(statuses(&answer), ["REFUSED", "REQUESTED"]);
    // A required value that applies already is not undone by a wish for more.
    let aws = account(1000.0, 5000.0).always(ASK, |_| error(400, "IllegalArgumentException"));
    let answer = call(&aws, wishes(json!(1000))).await.unwrap();
    assert_eq!(
        (answer["status"].as_str(), statuses(&answer)),
        (Some("DONE"), vec!["ENOUGH", "REFUSED"])
    );
}

#[tokio::test]
async fn an_open_request_counts_as_asked_and_a_granted_one_is_reported() {
    let aws = account(2000.0, 10.0).always(HISTORY, |_| {
        history(json!([
            change("L-FE177D64", "CASE_OPENED", 2000.0),
            change("L-B99A9384", "APPROVED", 2000.0)
        ]))
    });
    let answer = call(&aws, request()).await.unwrap();
    assert_eq!(answer["status"], "DONE");
    assert_eq!(statuses(&answer), ["REQUESTED", "GRANTED"]);
    assert_eq!(asked(&aws), []);
}

#[tokio::test]
async fn the_history_is_read_to_its_end() {
    let aws = account(2000.0, 10.0)
        .json(HISTORY, json!({"RequestedQuotas": []})) // eu-central-1
        .json(HISTORY, json!({"RequestedQuotas": [], "NextToken": "2"}))
        .on(HISTORY, history(json!([change("L-FE177D64", "DENIED", 2000.0)])));
    let answer = call(&aws, for_all()).await.unwrap();
    assert_eq!(answer["status"], "DONE");
    assert_eq!(statuses(&answer), ["DENIED", "ENOUGH"]);
    assert_eq!(asked(&aws), [], "a refused quota is not asked for again");
    aws.assert_all_used();
}

#[tokio::test]
async fn a_refused_required_quota_is_an_error_that_names_it() {
    for status in ["DENIED", "NOT_APPROVED", "INVALID_REQUEST", "CASE_CLOSED"] {
        let aws = account(10.0, 10.0)
            .always(HISTORY, move |_| history(json!([change("L-B99A9384", status, 2000.0)])));
        let error = call(&aws, request()).await.unwrap_err();
        assert_eq!(error.error_type, "QuotaDenied");
        assert_eq!(
            error.error_message,
            format!(
                "quota L-B99A9384 of lambda in eu-central-1 in account 222222222222 is 10, and \
                 the request was answered {status}"
            )
        );
        assert_eq!(asked(&aws), []);
    }
}

#[tokio::test]
async fn a_quota_that_aws_never_raises_holds_back_only_if_it_is_required() {
    let fixed = |lambda: f64| {
        account(lambda, 10.0).always("GetServiceQuota", move |call| {
            quota(if call.field("ServiceCode") == "lambda" { lambda } else { 10.0 }, false)
        })
    };
    let error = call(&fixed(10.0), request()).await.unwrap_err();
    assert_eq!(error.error_type, "QuotaNotAdjustable");
    assert!(error.error_message.contains("L-B99A9384"), "{}", error.error_message);
    let answer = call(&fixed(1000.0), request()).await.unwrap();
    assert_eq!(statuses(&answer), ["DENIED", "DENIED"]);
}

#[tokio::test]
async fn a_required_quota_that_aws_does_not_know_is_an_error_that_names_it() {
    for (refused, code) in [
        ("GetAWSDefaultServiceQuota", "NoSuchResourceException"),
        ("GetServiceQuota", "IllegalArgumentException"),
        (ASK, "NoSuchResourceException"),
        (ASK, "IllegalArgumentException"),
    ] {
        let mut aws = account(10.0, 10.0);
        if refused == "GetAWSDefaultServiceQuota" {
            aws = aws.always("GetServiceQuota", |_| error(400, "NoSuchResourceException"));
        }
        let aws = aws.always(refused, move |_| error(400, code));
        let error = call(&aws, request()).await.unwrap_err();
        assert_eq!(error.error_type, "QuotaUnknown", "{refused} {code}");
        assert!(error.error_message.contains("L-B99A9384"), "{}", error.error_message);
    }
}

#[tokio::test]
async fn at_most_two_requests_are_open_in_a_region() {
    let aws = account(10.0, 5000.0).always(HISTORY, |_| {
        history(json!([change("L-OTHER1", "PENDING", 1.0), change("L-OTHER2", "CASE_OPENED", 1.0)]))
    });
    let answer = call(&aws, for_all()).await.unwrap();
    assert_eq!(answer["status"], "PENDING");
    assert_eq!(asked(&aws), [], "the Region is full");
}

#[tokio::test]
async fn what_aws_says_of_its_limits_or_of_a_double_request_is_no_error() {
    let aws = account(10.0, 5000.0).always(ASK, |_| error(400, "QuotaExceededException"));
    let answer = call(&aws, request()).await.unwrap();
    assert!(answer["because"].as_str().unwrap().contains("Waiting"), "{answer}");
    let aws = account(10.0, 5000.0).always(ASK, |_| error(400, "ResourceAlreadyExistsException"));
    let answer = call(&aws, request()).await.unwrap();
    assert!(answer["because"].as_str().unwrap().contains("Requested"), "{answer}");
}

#[tokio::test]
async fn a_new_account_that_refuses_is_waited_for() {
    for (refused, code) in [
        ("AssumeRole", "AccessDenied"),
        (HISTORY, "AccessDeniedException"),
        (HISTORY, "SubscriptionRequiredException"),
        ("GetServiceQuota", "OptInRequired"),
        (ASK, "DependencyAccessDeniedException"),
    ] {
        let aws = account(10.0, 10.0).always(refused, move |_| error(403, code));
        let answer = call(&aws, request()).await.unwrap();
        assert_eq!(answer["status"], "PENDING", "{refused}");
        assert!(answer["because"].as_str().unwrap().contains(code), "{answer}");
    }
}

#[tokio::test]
async fn without_required_quotas_not_even_a_refusing_account_holds_the_tenant_back() {
    let mut request = request();
    request["quotas"][1]["required"] = Value::Null;
    let aws = Aws::new()
        .always("AssumeRole", |_| error(403, "AccessDenied"))
        .always("Invoke", |_| equipped());
    let answer = call(&aws, request).await.unwrap();
    assert_eq!(answer["status"], "DONE");
    assert_eq!(answer["settled"], false);
    assert_eq!(statuses(&answer), ["WAITING", "WAITING"]);
    assert_eq!(answer["quotas"][0]["value"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn throttles_and_outages_of_every_call_are_a_wait() {
    for refused in ["AssumeRole", HISTORY, "GetServiceQuota", ASK] {
        for (status, code) in [(400, "TooManyRequestsException"), (500, "ServiceException")] {
            let aws = account(10.0, 10.0).always(refused, move |_| error(status, code));
            let answer = call(&aws, request()).await.unwrap();
            assert_eq!(answer["status"], "PENDING", "{refused} {code}");
            assert!(answer["because"].as_str().unwrap().contains(refused), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_refusal_that_nobody_foresaw_carries_service_call_and_code() {
    let aws = account(10.0, 10.0).always(HISTORY, |_| error(400, "SomethingNew"));
    let error = call(&aws, request()).await.unwrap_err();
    assert_eq!(error.error_type, "AwsRefused");
    for part in ["servicequotas", HISTORY, "SomethingNew", "222222222222"] {
        assert!(error.error_message.contains(part), "{}", error.error_message);
    }
}

#[tokio::test]
async fn a_tenant_that_left_waits_for_no_quota() {
    for (at, left) in [("2026-11-21T10:00:01Z", true), ("2026-11-21T10:00:00Z", false)] {
        let tags = move |_: &Seen| {
            Reply::Json(json!({"Tags": [{"Key": "landlord:lifecycle", "Value": "RETIRING"},
                                        {"Key": "landlord:lifecycle-at", "Value": at}]}))
        };
        let mut request = request();
        request["signedUpAt"] = json!("2026-11-21T10:00:00Z");
        let aws = account(10.0, 10.0).always("ListTagsForResource", tags);
        match call(&aws, request.clone()).await {
            Ok(answer) => assert!(!left && answer["status"] == "PENDING", "{answer}"),
            Err(error) => assert!(left && error.error_type == "TenantLeft", "{error:?}"),
        }
        // What is done is done, and costs no look.
        let done = account(2000.0, 5000.0);
        assert_eq!(call(&done, request).await.unwrap()["status"], "DONE");
        assert!(done.calls_of("ListTagsForResource").is_empty());
    }
}

#[tokio::test]
async fn past_the_deadline_waiting_is_an_error() {
    let aws = account(10.0, 10.0);
    let error = call_at(&aws, request(), "2026-11-22T12:00:00Z").await.unwrap_err();
    assert_eq!(error.error_type, "DeadlinePassed");
    assert!(error.error_message.contains("L-B99A9384"), "{}", error.error_message);
}

#[tokio::test]
async fn waits_grow_to_hours() {
    let late = "2026-11-28T12:00:00Z";
    let mut patient = request();
    patient["deadlineSeconds"] = json!(7_776_000);
    let answer = call_at(&account(10.0, 10.0), patient.clone(), late).await.unwrap();
    // A week has passed: a forty-eighth of it.
    assert!((12_600..=15_750).contains(&answer["retryAfterSeconds"].as_u64().unwrap()), "{answer}");
    patient["waitFor"] = json!("ALL");
    let answer = call_at(&account(10.0, 10.0), patient, late).await.unwrap();
    assert!((21_600..=27_000).contains(&answer["retryAfterSeconds"].as_u64().unwrap()), "{answer}");
}

#[tokio::test]
async fn no_quotas_and_nonsense_make_no_call() {
    let aws = Aws::new();
    let mut nothing = request();
    nothing["quotas"] = json!([]);
    let answer = call(&aws, nothing).await.unwrap();
    assert_eq!(answer, json!({"status": "DONE", "quotas": [], "settled": true}));
    let mut wrong = request();
    wrong["quotas"][0]["desired"] = json!(-1);
    let error = call(&aws, wrong).await.unwrap_err();
    assert_eq!(error.error_type, "InvalidRequest");
    assert!(error.error_message.contains("quotas[0].desired"), "{}", error.error_message);
    assert_eq!(aws.operations(), Vec::<String>::new());
}

#[test]
fn every_error_has_its_published_name() {
    let fault = lifecycle::Fault::missing("quotas");
    assert!(Error::NAMES.contains(&Error::InvalidRequest(fault).name()));
}

#[test]
fn a_call_may_move_between_threads() {
    fn takes(_: impl Send) {}
    takes(call(&Aws::new(), request()));
}

/// `now` is so many hours after the execution's start; the answer, and what was said.
async fn waits(aws: &Aws, hours: i64, resume: &Value) -> (Value, Vec<Value>) {
    let start: jiff::Timestamp = "2026-11-21T11:59:00Z".parse().unwrap();
    let mut request = request();
    request["deadlineSeconds"] = json!(30 * 86_400);
    request["resume"] = resume.clone();
    request["signup"] = json!({"eventId": "e-1", "originalTenantId": "Acme",
        "metadata": {"orderId": "o-7"}});
    let now = (start + jiff::SignedDuration::from_hours(hours)).to_string();
    let before = aws.calls_of("PutEvents").len();
    let answer = call_at(aws, request, &now).await.unwrap();
    let said = aws.calls_of("PutEvents").into_iter().skip(before).map(|call| {
        let entry = &call.request["Entries"][0];
        assert_eq!(entry["DetailType"], "TenantWaiting");
        serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap()
    });
    let said = said.collect();
    (answer, said)
}

fn on_the_bus(aws: Aws) -> Aws {
    let taken = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]});
    aws.always("PutEvents", move |_| Reply::Json(taken.clone()))
}

#[tokio::test]
async fn a_tenant_that_waits_long_is_told_of_once_and_again_when_it_changes() {
    let aws = on_the_bus(account(10.0, 2_000.0));
    let (answer, said) = waits(&aws, 23, &json!({})).await;
    assert_eq!((answer["status"].as_str(), said.len()), (Some("PENDING"), 0), "not in a day");
    let (answer, said) = waits(&aws, 25, &answer["resume"]).await;
    let detail = &said[0];
    assert_eq!((&detail["tenantId"], &detail["eventId"]), (&json!("acme"), &json!("e-1")));
    assert_eq!(detail["originalTenantId"], "Acme");
    assert_eq!(detail["metadata"], json!({"orderId": "o-7"}));
    assert_eq!(detail["accountId"], "222222222222");
    assert_eq!(detail["since"], "2026-11-21T11:59:00Z");
    assert_eq!(detail["deadline"], "2026-12-21T11:59:00Z");
    let because = detail["because"].as_str().unwrap();
    assert!(because.contains("is 10, 1000 is required"), "{because}");
    let (answer, said) = waits(&aws, 26, &answer["resume"]).await;
    assert_eq!(said.len(), 0, "it is told once");
    let aws = on_the_bus(account(500.0, 2_000.0));
    let (answer, said) = waits(&aws, 300, &answer["resume"]).await;
    assert!(said[0]["because"].as_str().unwrap().contains("is 500"), "{said:?}");
    let (_, said) = waits(&aws, 301, &answer["resume"]).await;
    assert_eq!(said.len(), 0);
}

#[tokio::test]
async fn what_the_bus_does_not_take_is_said_at_the_next_call_and_holds_nothing_up() {
    let aws = account(10.0, 2_000.0).always("PutEvents", |_| error(400, "AccessDeniedException"));
    let (answer, _) = waits(&aws, 25, &json!({})).await;
    assert_eq!((&answer["status"], &answer["resume"]), (&json!("PENDING"), &json!({})));
    let aws = on_the_bus(account(10.0, 2_000.0));
    assert_eq!(waits(&aws, 26, &answer["resume"]).await.1.len(), 1);
}

#[tokio::test]
async fn nobody_is_told_of_quotas_for_which_no_tenant_waits() {
    let aws = on_the_bus(account(10.0, 10.0));
    let mut all = for_all();
    all["deadlineSeconds"] = json!(90 * 86_400);
    let answer = call_at(&aws, all, "2026-11-25T12:00:00Z").await.unwrap();
    assert_eq!(answer["status"], "PENDING");
    assert_eq!(aws.calls_of("PutEvents").len(), 0);
}
