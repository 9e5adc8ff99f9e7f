//! `find-tenant` through its public API: a real SDK client, and an AWS that is a script.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use find_tenant::{App, Config, ERROR_NAMES, handle};
use lambda_kit::{Clock, Diagnostic};
use scripted_wire::{Exchange, Script, call};
use serde_json::{Value, json};

const REQUEST: &str = include_str!("../events/acme.json");
const ACCOUNT: &str = "222222222222";
const KEY: &str = "tenants/acme.json";
const TOPIC: &str = "arn:aws:sns:eu-central-1:1:failures";
const BRAKE: &str = "brakes/offboardings.json";

async fn asked(request: Value, second: i64, script: Vec<Exchange>) -> Result<Value, Diagnostic> {
    let start: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let now = start + jiff::SignedDuration::from_secs(second);
    let script = Script::new(script);
    let lookup = |name: &str| match name {
        "RUNS_BUCKET" => Some("runs".to_owned()),
        "TOPIC_ARN" => Some(TOPIC.to_owned()),
        "OFFBOARDINGS_FLOOR" => Some("2".to_owned()),
        _ => None,
    };
    let config = Config::load(&lookup).unwrap();
    let app = App::new(&script.wire("eu-central-1"), config, Clock::fixed(now));
    let answer = lambda_kit::call(&app, &handle, request).await;
    let played = script.played();
    let is_global =
        |name: &str| !name.ends_with("Object") && name != "Publish" && name != "GetParameter";
    assert!(played.iter().all(|it| (it.region == "us-east-1") == is_global(&it.call)));
    answer
}

fn request() -> Value {
    serde_json::from_str(REQUEST).unwrap()
}

/// The request, after the wish was remembered in an earlier call.
async fn answer_at(second: i64, script: Vec<Exchange>) -> Result<Value, Diagnostic> {
    let script = known(json!({})).into_iter().chain(script).collect();
    asked(request(), second, script).await
}

/// An account that the record does not name yet is named in it.
fn named(id: &str) -> Vec<Exchange> {
    let mut record = json!({"version": 1, "tenantId": "acme", "newestLifecycle": {
        "wish": "LEFT", "occurredAt": "2026-11-21T09:59:00Z", "eventId": "e-1",
        "reason": "they left", "by": "saas.signup 111122223333"}});
    record["accountId"] = json!(id);
    vec![remembered(json!({})), call("PutObject", json!({"key": KEY, "body": record.to_string()}))]
}

/// A read of the record, which has the wish already, and these members.
fn remembered(members: Value) -> Exchange {
    let mut record = json!({"version": 1, "tenantId": "acme", "newestLifecycle": {
        "wish": "LEFT", "occurredAt": "2026-11-21T09:59:00Z", "eventId": "e-1",
        "reason": "they left", "by": "saas.signup 111122223333"}});
    for (key, value) in members.as_object().unwrap() {
        record[key] = value.clone();
    }
    call("GetObject", json!({"key": KEY})).answers_text(&record.to_string())
}

/// The same, read by the brake and by the change.
fn known(members: Value) -> Vec<Exchange> {
    vec![remembered(members.clone()), remembered(members)]
}

fn indexed(accounts: &[&str]) -> Exchange {
    let list: Vec<Value> = accounts
        .iter()
        .map(|id| json!({"ResourceARN": format!("arn:aws:organizations::1:account/o-x/{id}")}))
        .collect();
    let filter = json!([{"Key": "landlord:tenant", "Values": ["acme"]}]);
    call("GetResources", json!({"TagFilters": filter}))
        .answers(&json!({"ResourceTagMappingList": list, "PaginationToken": ""}))
}

fn read(id: &str, state: &Value, tenant: &str) -> Vec<Exchange> {
    vec![
        call("DescribeAccount", json!({"AccountId": id})).answers(&json!({"Account": state})),
        call("ListTagsForResource", json!({"ResourceId": id}))
            .answers(&json!({"Tags": [{"Key": "landlord:tenant", "Value": tenant}]})),
        call("ListParents", json!({"ChildId": id}))
            .answers(&json!({"Parents": [{"Id": "ou-root-general0", "Type": "X"}]})),
    ]
}

fn script(parts: Vec<Vec<Exchange>>) -> Vec<Exchange> {
    parts.into_iter().flatten().collect()
}

#[track_caller]
fn refused(answer: Result<Value, Diagnostic>, name: &str) -> String {
    let error = answer.unwrap_err();
    assert_eq!(error.error_type, name, "{}", error.error_message);
    assert!(ERROR_NAMES.contains(&name));
    error.error_message
}

#[tokio::test(start_paused = true)]
async fn the_account_is_found_by_its_tag_and_read_afresh() {
    let active = json!({"State": "ACTIVE"});
    let calls =
        script(vec![vec![indexed(&[ACCOUNT])], read(ACCOUNT, &active, "acme"), named(ACCOUNT)]);
    let expected = json!({"status": "DONE", "outcome": "FOUND", "tenantId": "acme", "accountId": ACCOUNT,
        "organizationalUnitId": "ou-root-general0", "state": "ACTIVE"});
    assert_eq!(answer_at(0, calls).await.unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_index_that_is_wrong_is_not_believed() {
    let calls = script(vec![
        vec![indexed(&[ACCOUNT, "333333333333"])],
        read(ACCOUNT, &json!({"State": "ACTIVE"}), "globex"),
        read("333333333333", &json!({"Status": "ACTIVE"}), "acme"),
        named("333333333333"),
    ]);
    assert_eq!(answer_at(0, calls).await.unwrap()["accountId"], "333333333333");
}

#[tokio::test(start_paused = true)]
async fn a_closed_account_is_found_and_gives_way_to_an_open_one() {
    let closed = json!({"State": "CLOSED"});
    let alone =
        script(vec![vec![indexed(&[ACCOUNT])], read(ACCOUNT, &closed, "acme"), named(ACCOUNT)]);
    assert_eq!(answer_at(0, alone).await.unwrap()["state"], "CLOSED");
    let both = script(vec![
        vec![indexed(&["333333333333", ACCOUNT])],
        read("333333333333", &closed, "acme"),
        read(ACCOUNT, &json!({"State": "ACTIVE"}), "acme"),
        named(ACCOUNT),
    ]);
    assert_eq!(answer_at(0, both).await.unwrap()["accountId"], ACCOUNT);
}

fn nobody_knows() -> Exchange {
    call("GetObject", json!({"key": KEY})).refuses_as_s3(404, "NoSuchKey")
}

fn nothing_passed() -> Exchange {
    call("GetObject", json!({"key": BRAKE})).refuses_as_s3(404, "NoSuchKey")
}

#[tokio::test(start_paused = true)]
async fn the_wish_is_remembered_before_anything_is_looked_for() {
    let left = json!({"wish": "LEFT", "occurredAt": "2026-11-21T09:59:00Z", "eventId": "e-1",
        "reason": "they left", "by": "saas.signup 111122223333"});
    let record = json!({"version": 1, "tenantId": "acme", "newestLifecycle": left}).to_string();
    let calls = script(vec![
        vec![nobody_knows(), nothing_passed()],
        vec![call("PutObject", json!({"key": BRAKE, "ifNoneMatch": "*"})), nobody_knows()],
        vec![call("PutObject", json!({"key": KEY, "ifNoneMatch": "*", "body": record}))],
        vec![indexed(&[])],
    ]);
    assert_eq!(asked(request(), 0, calls).await.unwrap()["status"], "PENDING");
    let throttled = || call("GetObject", json!({})).refuses_as_s3(503, "SlowDown");
    let waiting = asked(request(), 0, vec![throttled(), throttled(), throttled()]).await.unwrap();
    assert_eq!(waiting["status"], "PENDING", "and nothing is looked for until it is");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_no_index_knows_is_found_by_the_record() {
    let calls = script(vec![
        known(json!({"accountId": ACCOUNT})),
        vec![indexed(&[])],
        read(ACCOUNT, &json!({"State": "ACTIVE"}), "acme"),
    ]);
    assert_eq!(asked(request(), 0, calls).await.unwrap()["accountId"], ACCOUNT);
}

#[tokio::test(start_paused = true)]
async fn no_account_is_waited_for_and_then_an_answer() {
    let waiting = answer_at(599, vec![indexed(&[])]).await.unwrap();
    assert_eq!(waiting["status"], "PENDING");
    let none = json!({"status": "DONE", "outcome": "NO_ACCOUNT", "tenantId": "acme"});
    assert_eq!(answer_at(600, vec![indexed(&[])]).await.unwrap(), none);
}

#[tokio::test(start_paused = true)]
async fn an_account_in_the_making_is_waited_for_however_long() {
    let creating = json!({"creating": {"eventId": "s-1", "since": "2026-11-21T09:00:00Z"}});
    let calls = script(vec![known(creating), vec![indexed(&[])]]);
    let waiting = asked(request(), 80_000, calls).await.unwrap();
    assert!(waiting["because"].as_str().unwrap().contains("s-1"), "{waiting}");
}

#[tokio::test(start_paused = true)]
async fn a_closed_account_of_the_past_does_not_hide_the_one_in_the_making() {
    let more = json!({"creating": {"eventId": "s-2", "since": "2026-11-21T09:58:00Z"},
        "accountId": ACCOUNT});
    let calls = |state: &str| {
        script(vec![
            known(more.clone()),
            vec![indexed(&[])],
            read(ACCOUNT, &json!({"State": state}), "acme"),
        ])
    };
    let waiting = asked(request(), 0, calls("CLOSED")).await.unwrap();
    assert!(waiting["because"].as_str().unwrap().contains("s-2"), "{waiting}");
    assert_eq!(asked(request(), 0, calls("ACTIVE")).await.unwrap()["outcome"], "FOUND");
}

#[tokio::test(start_paused = true)]
async fn what_the_sender_wants_to_hear_again_is_in_every_answer() {
    let mut elsewhere = request();
    elsewhere["event"]["detail"]["tenantId"] = json!("ACME");
    elsewhere["event"]["detail"]["metadata"] = json!({"orderId": "o-7"});
    let calls = script(vec![known(json!({})), vec![indexed(&[])]]);
    let answer = asked(elsewhere.clone(), 700, calls).await.unwrap();
    assert_eq!((&answer["outcome"], &answer["tenantId"]), (&json!("NO_ACCOUNT"), &json!("acme")));
    assert_eq!(answer["originalTenantId"], "ACME");
    assert_eq!(answer["metadata"], json!({"orderId": "o-7"}));
    elsewhere["event"]["detail"]["occurredAt"] = json!("soon");
    let rejected = asked(elsewhere, 0, vec![]).await.unwrap();
    assert_eq!(
        (&rejected["outcome"], &rejected["metadata"]["orderId"]),
        (&json!("REJECTED"), &json!("o-7"))
    );
}

#[tokio::test(start_paused = true)]
async fn an_older_event_touches_nothing() {
    let newer = json!({"newestLifecycle": {"wish": "BACK", "eventId": "e-2",
        "occurredAt": "2026-11-21T09:59:30Z"}});
    let stale = json!({"status": "DONE", "outcome": "STALE", "tenantId": "acme"});
    assert_eq!(asked(request(), 0, known(newer)).await.unwrap(), stale);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_back_before_it_had_an_account_signs_up_again() {
    let mut back = request();
    back["event"]["detail-type"] = json!("TenantReinstated");
    back["event"]["id"] = json!("e-2");
    back["event"]["detail"]["occurredAt"] = json!("2026-11-21T09:59:30Z");
    let signup = json!({"tenantId": "acme", "tenantName": "Acme", "tier": "standard"});
    let calls = vec![
        remembered(json!({"leftSignup": signup})),
        call("PutObject", json!({"key": KEY})),
        indexed(&[]),
    ];
    let answer = asked(back, 0, calls).await.unwrap();
    assert_eq!((&answer["outcome"], &answer["signup"]), (&json!("SIGNED_UP_AGAIN"), &signup));
}

#[tokio::test(start_paused = true)]
async fn a_faulty_event_is_rejected_with_all_its_faults_and_nothing_is_asked() {
    let mut faulty = request();
    faulty["event"]["detail"] = json!({"tenantId": "Acme!", "retireAfterDays": 0});
    let answer = asked(faulty, 0, vec![]).await.unwrap();
    assert_eq!((&answer["outcome"], &answer["tenantId"]), (&json!("REJECTED"), &json!("Acme!")));
    let reasons = answer["reasons"].as_array().unwrap();
    let of = |field: &str| reasons.iter().any(|it| it.as_str().unwrap().starts_with(field));
    assert!(of("tenantId") && of("occurredAt") && of("retireAfterDays"), "{reasons:?}");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_left_the_organization_is_none() {
    let gone = call("DescribeAccount", json!({})).refuses("AccountNotFoundException");
    let answer = answer_at(600, vec![indexed(&[ACCOUNT]), gone]).await.unwrap();
    assert_eq!(answer["outcome"], "NO_ACCOUNT");
}

#[tokio::test(start_paused = true)]
async fn several_open_accounts_are_named() {
    let active = json!({"State": "ACTIVE"});
    let calls = script(vec![
        vec![indexed(&[ACCOUNT, "333333333333"])],
        read(ACCOUNT, &active, "acme"),
        read("333333333333", &active, "acme"),
    ]);
    let message = refused(answer_at(0, calls).await, "AmbiguousTenant");
    assert!(message.contains(ACCOUNT) && message.contains("333333333333"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn throttles_are_waited_for_until_the_deadline() {
    let throttled = || {
        let throttle = call("GetResources", json!({})).refuses("ThrottledException");
        vec![throttle.clone(), throttle.clone(), throttle]
    };
    let waiting = answer_at(0, throttled()).await.unwrap();
    assert!(waiting["because"].as_str().unwrap().contains("tag:GetResources"), "{waiting}");
    refused(answer_at(86_400, throttled()).await, "DeadlinePassed");
}

#[tokio::test(start_paused = true)]
async fn denials_and_unforeseen_refusals_name_the_call() {
    for (code, name) in
        [("AccessDeniedException", "AccessDenied"), ("InvalidParameterException", "AwsRefused")]
    {
        let calls = vec![call("GetResources", json!({})).refuses(code)];
        let message = refused(answer_at(0, calls).await, name);
        assert!(message.contains("tenant acme") && message.contains("GetResources"), "{message}");
    }
}

/// The brake's file after two of two have left, and whether operators are told.
fn full(told: bool) -> Exchange {
    let at = "2026-11-21T09:59:59Z";
    let text = json!({"passed": [{"since": at, "count": 2}],
        "held": {"since": at, "seen": at, "telling": at, "told": told}});
    call("GetObject", json!({"key": BRAKE})).answers_text(&text.to_string())
}

/// A count of the fleet: two percent of 99 tenants are less than the floor.
fn counted() -> Exchange {
    let text = json!({"counted": {"at": "2026-11-21T09:00:00Z", "live": 99}});
    call("GetObject", json!({"key": "brakes/fleet.json"})).answers_text(&text.to_string())
}

fn decided(what: &str, until: &str) -> Exchange {
    let text = json!({"decision": what, "until": until, "by": "ops", "reason": "forged"});
    call("GetParameter", json!({"Name": "/landlord/offboardings"}))
        .answers(&json!({"Parameter": {"Value": text.to_string()}}))
}

fn undecided() -> Exchange {
    call("GetParameter", json!({})).refuses("ParameterNotFound")
}

#[tokio::test(start_paused = true)]
async fn one_more_than_may_leave_within_an_hour_is_held_and_operators_are_told_once() {
    let first = vec![
        nobody_knows(),
        full(false),
        counted(),
        call("GetObject", json!({"key": BRAKE}))
            .answers_text(r#"{"passed":[{"since":"2026-11-21T09:59:59Z","count":2}]}"#),
        call("PutObject", json!({"key": BRAKE})),
        call("Publish", json!({"TopicArn": TOPIC})).answers_text(
            "<PublishResponse><PublishResult><MessageId>n-1</MessageId></PublishResult></PublishResponse>",
        ),
        full(false),
        call("PutObject", json!({"key": BRAKE})),
        undecided(),
    ];
    let held = asked(request(), 0, first).await.unwrap();
    assert_eq!((&held["status"], &held["resume"]), (&json!("PENDING"), &json!({"heldSeconds": 0})));
    let second = vec![nobody_knows(), full(true), counted(), full(true), undecided()];
    assert_eq!(asked(request(), 0, second).await.unwrap()["status"], "PENDING");
}

#[tokio::test(start_paused = true)]
async fn who_is_held_waits_for_a_decision_about_what_came_until_then() {
    let mut held = request();
    held["resume"] = json!({"heldSeconds": 60});
    // Two days later nobody has decided, or only about what came before.
    for decision in [undecided(), decided("DROP", "2026-11-21T09:59:59Z")] {
        let waiting = asked(held.clone(), 172_800, vec![nobody_knows(), decision]).await.unwrap();
        assert_eq!(waiting["resume"]["heldSeconds"], 172_800, "{waiting}");
    }
    let garbled = call("GetParameter", json!({})).answers(&json!({"Parameter": {"Value": "go"}}));
    let waiting = asked(held.clone(), 60, vec![nobody_knows(), garbled]).await.unwrap();
    assert!(waiting["because"].as_str().unwrap().contains("is no decision"), "{waiting}");
    let never = asked(held.clone(), 14 * 86_400, vec![nobody_knows(), undecided()]).await;
    refused(never, "DeadlinePassed");

    let until = "2026-11-21T10:00:00Z";
    let back = json!({"version": 1, "tenantId": "acme", "newestLifecycle": {"wish": "BACK",
        "occurredAt": "2026-11-21T09:59:00Z", "eventId": "e-1", "reason": "dropped: forged",
        "by": "ops"}});
    let dropped = vec![
        nobody_knows(),
        decided("DROP", until),
        nobody_knows(),
        call("PutObject", json!({"key": KEY, "body": back.to_string()})),
    ];
    let answer = asked(held.clone(), 172_800, dropped).await.unwrap();
    assert_eq!(answer, json!({"status": "DONE", "outcome": "DROPPED", "tenantId": "acme"}));

    let released = script(vec![
        vec![nobody_knows(), decided("RELEASE", until), nobody_knows()],
        vec![call("PutObject", json!({"key": KEY})), indexed(&[ACCOUNT])],
        read(ACCOUNT, &json!({"State": "ACTIVE"}), "acme"),
        named(ACCOUNT),
    ]);
    let answer = asked(held, 172_800, released).await.unwrap();
    assert_eq!((&answer["outcome"], &answer["heldSeconds"]), (&json!("FOUND"), &json!(172_800)));
}

#[tokio::test(start_paused = true)]
async fn the_fleet_is_counted_when_the_floor_is_used_up() {
    let live = |number: u32| {
        json!({"ResourceARN": format!("arn:aws:organizations::1:account/o-x/{number}"),
            "Tags": [{"Key": "landlord:tenant", "Value": "x"}]})
    };
    let mut page: Vec<Value> = (0..150).map(live).collect();
    let left = json!({"ResourceARN": "arn:aws:organizations::1:account/o-x/999",
        "Tags": [{"Key": "landlord:tenant", "Value": "y"},
                 {"Key": "landlord:retire-after", "Value": "2026-12-01T00:00:00Z"}]});
    page.push(left);
    // Three of 150 may leave, and two have.
    let fleet = "brakes/fleet.json";
    let calls = vec![
        nobody_knows(),
        full(true),
        call("GetObject", json!({"key": fleet})).refuses_as_s3(404, "NoSuchKey"),
        call("PutObject", json!({"key": fleet, "ifNoneMatch": "*"})),
        call("GetResources", json!({"ResourcesPerPage": 100}))
            .answers(&json!({"ResourceTagMappingList": page, "PaginationToken": ""})),
        call(
            "PutObject",
            json!({"key": fleet,
            "body": r#"{"counted":{"at":"2026-11-21T10:00:00Z","live":150},"counting":null}"#}),
        ),
        full(true),
        call("PutObject", json!({"key": BRAKE})),
        nobody_knows(),
        call("PutObject", json!({"key": KEY})),
        indexed(&[]),
    ];
    let answer = asked(request(), 0, calls).await.unwrap();
    assert_eq!(answer["resume"], json!({}), "it is not held: {answer}");
}
