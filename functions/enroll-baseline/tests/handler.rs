//! The function through its public API: the real SDK on a scripted wire.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use enroll_baseline::{App, Config, Error, decide::operation_id, handle};
use lambda_kit::{Clock, Diagnostic, Named};
use scripted_wire::Seen;
use scripted_wire::operations::{Aws, Reply, error};
use serde_json::{Value, json};

const NOW: &str = "2026-11-21T12:00:00Z";
const MINE: &str = "222222222222";
const BASELINE: &str = "landlord-tenant-baseline";
const GATE: &str = "landlord-account-gate";

fn request() -> Value {
    serde_json::from_str(include_str!("../events/request.json")).unwrap()
}

/// The request of a tenant whose baseline is one stack set in one Region.
fn small_request() -> Value {
    let mut request = request();
    request["tenant"]["baseline"]["stackSets"] = json!([
        {"name": BASELINE, "regions": ["eu-central-1"], "parameterOverrides": {}}
    ]);
    request
}

async fn call(aws: &Aws, request: Value) -> Result<Value, Diagnostic> {
    call_at(aws, request, NOW).await
}

async fn call_at(aws: &Aws, request: Value, now: &str) -> Result<Value, Diagnostic> {
    let config =
        Config::load(&|name| (name == "ONBOARDING_OU_ID").then(|| "ou-root-onboarding".to_owned()));
    let clock = Clock::fixed(now.parse().unwrap());
    let app = App::new(&aws.wire(&clock), config.unwrap(), clock);
    lambda_kit::call(&app, &handle, request).await
}

fn xml(operation: &str, result: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <{operation}Result>{result}</{operation}Result></{operation}Response>"
    )
}

/// `(region, status, detailed status, last operation)` of instances of one account.
fn instances(rows: &[(&str, &str, &str, &str)]) -> String {
    let members: String = rows
        .iter()
        .map(|(region, status, detailed, operation)| {
            format!(
                "<member><Account>{MINE}</Account><Region>{region}</Region>\
                 <Status>{status}</Status><StatusReason>Resource limit exceeded</StatusReason>\
                 <StackInstanceStatus><DetailedStatus>{detailed}</DetailedStatus>\
                 </StackInstanceStatus><LastOperationId>{operation}</LastOperationId></member>"
            )
        })
        .collect();
    xml("ListStackInstances", &format!("<Summaries>{members}</Summaries>"))
}

fn operations(rows: &[(&str, &str, &str)]) -> String {
    let members: String = rows
        .iter()
        .map(|(id, status, created)| {
            format!(
                "<member><OperationId>{id}</OperationId><Action>CREATE</Action>\
                 <Status>{status}</Status><CreationTimestamp>{created}</CreationTimestamp></member>"
            )
        })
        .collect();
    xml("ListStackSetOperations", &format!("<Summaries>{members}</Summaries>"))
}

fn stack_set(model: &str) -> String {
    let body = format!("<StackSet><PermissionModel>{model}</PermissionModel></StackSet>");
    xml("DescribeStackSet", &body)
}

fn started() -> String {
    xml("CreateStackInstances", "<OperationId>enrol-x</OperationId>")
}

fn account(id: &str, joined: i64, state: &str) -> Value {
    json!({"Id": id, "JoinedTimestamp": joined, "State": state})
}

fn tags(hash: &str) -> Value {
    json!({"Tags": [{"Key": "landlord:tenant", "Value": "t"},
                    {"Key": "landlord:baseline", "Value": hash}]})
}

/// An AWS with nobody else in Onboarding.
fn alone() -> Aws {
    Aws::new().json("ListAccountsForParent", json!({"Accounts": [account(MINE, 1, "ACTIVE")]}))
}

fn fields(call: &Seen, prefix: &str) -> Vec<String> {
    (1..)
        .map_while(|index| call.request.get(format!("{prefix}.member.{index}")))
        .map(|value| value.as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn starts_one_operation_for_all_who_wait_for_the_same() {
    let aws = Aws::new()
        .text("ListStackInstances", instances(&[])) // mine, of the baseline
        .text("ListStackInstances", instances(&[])) // mine, of the gate
        .text(
            "ListStackSetOperations",
            operations(&[
                ("enrol-old", "SUCCEEDED", "2026-11-21T11:00:00Z"),
                ("rollout-7", "RUNNING", "2026-11-21T11:50:00Z"),
            ]),
        )
        .text("DescribeStackSet", stack_set("SELF_MANAGED"))
        .json("ListAccountsForParent", json!({"Accounts": [], "NextToken": "2"}))
        .json(
            "ListAccountsForParent",
            json!({"Accounts": [
                account("333333333333", 3, "ACTIVE"), account(MINE, 2, "ACTIVE"),
                account("444444444444", 4, "ACTIVE"), account("555555555555", 5, "ACTIVE"),
                account("666666666666", 6, "SUSPENDED"),
            ]}),
        )
        .text("ListStackInstances", instances(&[("us-east-1", "CURRENT", "SUCCEEDED", "enrol-1")]))
        .text("ListStackInstances", instances(&[]))
        .json("ListTagsForResource", tags("other"))
        .text("ListStackInstances", instances(&[]))
        .json("ListTagsForResource", tags("b-hash"))
        .text("CreateStackInstances", started());
    let answer = call(&aws, request()).await.unwrap();

    assert_eq!(answer["status"], "PENDING", "{answer}");
    let wait = answer["retryAfterSeconds"].as_u64().unwrap();
    assert!((10..=20).contains(&wait), "{wait}");
    let create = &aws.calls_of("CreateStackInstances")[0];
    assert_eq!(create.field("StackSetName"), BASELINE);
    assert_eq!(create.field("OperationId"), operation_id(Some("rollout-7")).as_str());
    assert_eq!(
        fields(create, "Accounts"),
        [MINE, "333333333333"],
        "555… has an instance, 444… another baseline, 666… is suspended"
    );
    assert_eq!(fields(create, "Regions"), ["eu-central-1", "us-east-1"]);
    assert_eq!(create.field("ParameterOverrides.member.1.ParameterKey"), "LogRetentionDays");
    assert_eq!(create.field("OperationPreferences.FailureTolerancePercentage"), "100");
    assert_eq!(create.field("OperationPreferences.MaxConcurrentPercentage"), "100");
    assert_eq!(create.field("OperationPreferences.ConcurrencyMode"), "SOFT_FAILURE_TOLERANCE");
    assert_eq!(create.field("OperationPreferences.RegionConcurrencyType"), "PARALLEL");
    assert!(answer["because"].as_str().unwrap().contains("account-gate follows"), "{answer}");
    aws.assert_all_used();
}

#[tokio::test]
async fn accounts_that_wait_for_quotas_only_cost_no_tag_reads_and_few_looks() {
    let others: Vec<Value> =
        (0..60).map(|age| account(&format!("3333333333{age:02}"), 1_000 - age, "ACTIVE")).collect();
    let aws = Aws::new()
        .text("ListStackSetOperations", operations(&[]))
        .text("DescribeStackSet", stack_set("SELF_MANAGED"))
        .json("ListAccountsForParent", json!({"Accounts": others}))
        .always("ListStackInstances", |call| {
            let account = call.field("StackInstanceAccount");
            let waits = [MINE, "333333333300", "333333333302"].iter().any(|it| account == *it);
            let current = ("eu-central-1", "CURRENT", "SUCCEEDED", "enrol-1");
            Reply::Text(instances(if waits { &[] } else { std::slice::from_ref(&current) }))
        })
        .always("ListTagsForResource", |_| Reply::Json(tags("b-hash")))
        .text("CreateStackInstances", started());
    call(&aws, small_request()).await.unwrap();
    let create = &aws.calls_of("CreateStackInstances")[0];
    assert_eq!(fields(create, "Accounts"), [MINE, "333333333300", "333333333302"]);
    assert_eq!(aws.calls_of("ListTagsForResource").len(), 2);
    let looks = aws.calls_of("ListStackInstances").len();
    assert_eq!(looks, 1 + 3 + 10, "mine, those before the row, and the row");
}

#[tokio::test]
async fn a_service_managed_stack_set_gets_the_accounts_cut_with_onboarding() {
    let aws = alone()
        .text("ListStackInstances", instances(&[]))
        .text("ListStackSetOperations", operations(&[]))
        .text("DescribeStackSet", stack_set("SERVICE_MANAGED"))
        .text("CreateStackInstances", started());
    call(&aws, small_request()).await.unwrap();
    let create = &aws.calls_of("CreateStackInstances")[0];
    assert_eq!(create.field("OperationId"), operation_id(None).as_str());
    assert_eq!(fields(create, "DeploymentTargets.Accounts"), [MINE]);
    assert_eq!(fields(create, "DeploymentTargets.OrganizationalUnitIds"), ["ou-root-onboarding"]);
    assert_eq!(create.field("DeploymentTargets.AccountFilterType"), "INTERSECTION");
    assert_eq!(fields(create, "Accounts"), Vec::<String>::new());
}

#[tokio::test]
async fn is_done_when_every_instance_is_current_and_calls_nothing_else() {
    let current = |region| (region, "CURRENT", "SUCCEEDED", "enrol-1");
    let aws = Aws::new()
        .text("ListStackInstances", instances(&[current("eu-central-1"), current("us-east-1")]))
        .text("ListStackInstances", instances(&[current("eu-central-1")]));
    let answer = call(&aws, request()).await.unwrap();
    assert_eq!(
        answer,
        json!({"status": "DONE", "baseline": [
            {"stackSet": BASELINE, "region": "eu-central-1", "status": "CURRENT"},
            {"stackSet": BASELINE, "region": "us-east-1", "status": "CURRENT"},
            {"stackSet": GATE, "region": "eu-central-1", "status": "CURRENT"},
        ]})
    );
    assert_eq!(aws.operations(), ["ListStackInstances", "ListStackInstances"]);
}

#[tokio::test]
async fn the_gate_takes_along_only_those_whose_other_stack_sets_are_current() {
    let current = |region| (region, "CURRENT", "SUCCEEDED", "enrol-1");
    let both = instances(&[current("eu-central-1"), current("us-east-1")]);
    let aws = Aws::new()
        .always("ListStackInstances", move |call| {
            let of = (call.field("StackSetName"), call.field("StackInstanceAccount"));
            Reply::Text(match (of.0.as_str().unwrap(), of.1.as_str().unwrap()) {
                (BASELINE, MINE | "333333333333") => both.clone(),
                (BASELINE, _) => instances(&[current("eu-central-1")]),
                _ => instances(&[]),
            })
        })
        .text("ListStackSetOperations", operations(&[]))
        .text("DescribeStackSet", stack_set("SELF_MANAGED"))
        .json(
            "ListAccountsForParent",
            json!({"Accounts": [
                account("333333333333", 3, "ACTIVE"), account("444444444444", 4, "ACTIVE"),
            ]}),
        )
        .always("ListTagsForResource", |_| Reply::Json(tags("b-hash")))
        .text("CreateStackInstances", started());
    call(&aws, request()).await.unwrap();
    let create = &aws.calls_of("CreateStackInstances")[0];
    assert_eq!(create.field("StackSetName"), GATE);
    assert_eq!(fields(create, "Accounts"), [MINE, "333333333333"]);
}

#[tokio::test]
async fn an_enrolment_on_its_way_is_waited_for() {
    for status in ["RUNNING", "QUEUED", "STOPPING"] {
        let aws = Aws::new().text("ListStackInstances", instances(&[])).text(
            "ListStackSetOperations",
            operations(&[("enrol-9", status, "2026-11-21T11:59:00Z")]),
        );
        let answer = call(&aws, small_request()).await.unwrap();
        assert_eq!(answer["status"], "PENDING");
        assert!(answer["because"].as_str().unwrap().contains("enrol-9"), "{answer}");
        assert_eq!(aws.operations(), ["ListStackInstances", "ListStackSetOperations"]);
    }
}

#[tokio::test]
async fn a_roll_out_in_its_first_wave_is_waited_for_within_its_bound() {
    let id = |stage: &str, number: u32| format!("roll-0123456789abcdef-{stage}-{number:03}-r0");
    let log = |newest: &str, first: (&str, &str)| {
        operations(&[
            (id(newest, 1).as_str(), "SUCCEEDED", "2026-11-21T11:59:30Z"),
            ("enrol-1", "SUCCEEDED", "2026-11-21T11:58:00Z"),
            (id(first.0, 0).as_str(), "SUCCEEDED", first.1),
        ])
    };
    // Between two operations, and after a kill, nothing of it is on its way.
    for (stage, began) in [("w01of03", "11:57:00"), ("w01of03n7200", "10:05:00")] {
        let aws = Aws::new()
            .text("ListStackInstances", instances(&[]))
            .text("ListStackSetOperations", log(stage, (stage, &format!("2026-11-21T{began}Z"))));
        let answer = call(&aws, small_request()).await.unwrap();
        assert_eq!(answer["status"], "PENDING");
        assert!(answer["because"].as_str().unwrap().contains("may prove it until"), "{answer}");
        assert_eq!(aws.operations(), ["ListStackInstances", "ListStackSetOperations"]);
    }
    for (stage, first, began) in [
        // The bound is over, whatever became of the rollout.
        ("w01of03", "w01of03", "11:55:00"),
        ("w01of03n7200", "w01of03n7200", "10:00:00"),
        // The first wave has passed.
        ("w02of03", "w01of03", "11:59:00"),
        ("w03of03", "w01of03", "11:59:00"),
        ("w01of03a", "w01of03a", "11:59:00"),
        ("late", "w01of03", "11:59:00"),
        ("back02", "w01of03", "11:59:00"),
        ("leave", "w01of03", "11:59:00"),
    ] {
        let log = log(stage, (first, &format!("2026-11-21T{began}Z")));
        let aws = alone()
            .text("ListStackInstances", instances(&[]))
            .text("ListStackSetOperations", log)
            .text("DescribeStackSet", stack_set("SELF_MANAGED"))
            .text("CreateStackInstances", started());
        call(&aws, small_request()).await.unwrap();
        assert_eq!(aws.calls_of("CreateStackInstances").len(), 1, "{stage} since {began}");
    }
}

#[tokio::test]
async fn an_instance_that_is_being_deployed_is_waited_for_without_a_look_at_the_operations() {
    let aws = Aws::new().text(
        "ListStackInstances",
        instances(&[("eu-central-1", "OUTDATED", "RUNNING", "enrol-1")]),
    );
    let answer = call(&aws, small_request()).await.unwrap();
    assert_eq!(answer["status"], "PENDING");
    assert!(answer["because"].as_str().unwrap().contains("eu-central-1"), "{answer}");
    assert_eq!(aws.operations(), ["ListStackInstances"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_race_is_a_wait() {
    for code in [
        "OperationIdAlreadyExistsException",
        "OperationInProgressException",
        "StaleRequestException",
        "LimitExceededException",
    ] {
        let aws = alone()
            .text("ListStackInstances", instances(&[]))
            .text("ListStackSetOperations", operations(&[]))
            .text("DescribeStackSet", stack_set("SELF_MANAGED"))
            .always("CreateStackInstances", move |_| error(409, code));
        let answer = call(&aws, small_request()).await.unwrap();
        assert_eq!(answer["status"], "PENDING", "{code}: {answer}");
    }
}

#[tokio::test]
async fn my_failed_instance_is_retried_alone_where_it_failed() {
    let aws = Aws::new()
        .text(
            "ListStackInstances",
            instances(&[
                ("eu-central-1", "OUTDATED", "FAILED", "enrol-1"),
                ("us-east-1", "CURRENT", "SUCCEEDED", "enrol-1"),
            ]),
        )
        .text("ListStackInstances", instances(&[]))
        .text("ListStackSetOperations", operations(&[("enrol-1", "FAILED", NOW)]))
        .text("DescribeStackSet", stack_set("SELF_MANAGED"))
        .text("CreateStackInstances", started());
    let mut request = request();
    request["resume"] = json!({"since": "2026-11-21T11:59:00Z", "attempts": {}});
    call(&aws, request).await.unwrap();
    let create = &aws.calls_of("CreateStackInstances")[0];
    assert_eq!(fields(create, "Regions"), ["eu-central-1"]);
    assert_eq!(fields(create, "Accounts"), [MINE]);
    assert_eq!(create.field("OperationId"), operation_id(Some("enrol-1")).as_str());
}

/// One call that sees my only instance failed by `operation`.
async fn failed_by(operation: &str, request: &mut Value) -> Result<Value, Diagnostic> {
    let aws = alone()
        .text("ListStackInstances", instances(&[("eu-central-1", "OUTDATED", "FAILED", operation)]))
        .text("ListStackSetOperations", operations(&[(operation, "FAILED", NOW)]))
        .text("DescribeStackSet", stack_set("SELF_MANAGED"))
        .text("CreateStackInstances", started());
    let answer = call(&aws, request.clone()).await;
    if let Ok(answer) = &answer {
        request["resume"] = answer["resume"].clone();
    }
    answer
}

#[tokio::test]
async fn gives_up_after_three_failed_operations_with_awss_reason() {
    let mut request = small_request();
    // What failed before the execution began is forgiven.
    for operation in ["enrol-0", "enrol-1", "enrol-1", "enrol-2"] {
        assert_eq!(failed_by(operation, &mut request).await.unwrap()["status"], "PENDING");
    }
    let error = failed_by("enrol-3", &mut request).await.unwrap_err();
    assert_eq!(error.error_type, "BaselineFailed");
    assert_eq!(
        error.error_message,
        "stack set landlord-tenant-baseline in account 222222222222, Region eu-central-1: \
         Resource limit exceeded"
    );
}

#[tokio::test]
async fn a_redrive_counts_anew() {
    let mut request = small_request();
    for operation in ["enrol-0", "enrol-1", "enrol-2"] {
        failed_by(operation, &mut request).await.unwrap();
    }
    request["execution"]["redrivenAt"] = json!("2026-11-21T11:59:30Z");
    assert_eq!(failed_by("enrol-3", &mut request).await.unwrap()["status"], "PENDING");
    assert_eq!(failed_by("enrol-4", &mut request).await.unwrap()["status"], "PENDING");
}

#[tokio::test]
async fn a_suspended_account_or_an_inoperable_instance_is_given_up_at_once() {
    for (status, detailed) in
        [("OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT"), ("INOPERABLE", "INOPERABLE")]
    {
        let aws = Aws::new()
            .text("ListStackInstances", instances(&[("eu-central-1", status, detailed, "x")]));
        let error = call(&aws, small_request()).await.unwrap_err();
        assert_eq!(error.error_type, "BaselineFailed");
    }
}

#[tokio::test]
async fn a_stack_set_that_does_not_exist_is_named() {
    let aws = Aws::new().refuse("ListStackInstances", 404, "StackSetNotFoundException");
    let error = call(&aws, request()).await.unwrap_err();
    assert_eq!(error.error_type, "StackSetMissing");
    assert!(error.error_message.contains(BASELINE), "{}", error.error_message);
}

#[tokio::test(start_paused = true)]
async fn throttles_and_outages_of_every_call_are_a_wait() {
    let calls = [
        "ListStackInstances",
        "ListStackSetOperations",
        "DescribeStackSet",
        "ListAccountsForParent",
        "ListTagsForResource",
        "CreateStackInstances",
    ];
    for refused in calls {
        for (status, code) in [(400, "Throttling"), (429, "TooManyRequestsException"), (500, "X")] {
            let aws = Aws::new()
                .always("ListStackInstances", |_| Reply::Text(instances(&[])))
                .always("ListStackSetOperations", |_| Reply::Text(operations(&[])))
                .always("DescribeStackSet", |_| Reply::Text(stack_set("SELF_MANAGED")))
                .always("ListAccountsForParent", |_| {
                    Reply::Json(json!({"Accounts": [account("333333333333", 3, "ACTIVE")]}))
                })
                .always("ListTagsForResource", |_| Reply::Json(tags("b-hash")))
                .always("CreateStackInstances", |_| Reply::Text(started()))
                .always(refused, move |_| error(status, code));
            let answer = call(&aws, small_request()).await.unwrap();
            assert_eq!(answer["status"], "PENDING", "{refused} {code}");
            assert!(answer["because"].as_str().unwrap().contains(refused), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_missing_permission_is_named_with_call_and_account() {
    let aws = Aws::new().refuse("ListStackInstances", 403, "AccessDenied");
    let error = call(&aws, request()).await.unwrap_err();
    assert_eq!(error.error_type, "AccessDenied");
    assert!(error.error_message.contains("ListStackInstances"), "{}", error.error_message);
    assert!(error.error_message.contains(MINE), "{}", error.error_message);
}

#[tokio::test]
async fn a_refusal_that_nobody_foresaw_carries_service_call_and_code() {
    let aws = alone()
        .text("ListStackInstances", instances(&[]))
        .text("ListStackSetOperations", operations(&[]))
        .text("DescribeStackSet", stack_set("SELF_MANAGED"))
        .refuse("CreateStackInstances", 400, "ValidationError");
    let error = call(&aws, small_request()).await.unwrap_err();
    assert_eq!(error.error_type, "AwsRefused");
    for part in ["cloudformation", "CreateStackInstances", "ValidationError"] {
        assert!(error.error_message.contains(part), "{}", error.error_message);
    }
}

#[tokio::test]
async fn past_the_deadline_waiting_is_an_error_and_being_done_is_not() {
    let late = "2026-11-22T12:00:00Z";
    let working = instances(&[("eu-central-1", "OUTDATED", "RUNNING", "enrol-1")]);
    let aws = Aws::new().text("ListStackInstances", working);
    let error = call_at(&aws, small_request(), late).await.unwrap_err();
    assert_eq!(error.error_type, "DeadlinePassed");
    assert!(error.error_message.contains("being deployed"), "{}", error.error_message);
    let current = instances(&[("eu-central-1", "CURRENT", "SUCCEEDED", "enrol-1")]);
    let aws = Aws::new().text("ListStackInstances", current);
    assert_eq!(call_at(&aws, small_request(), late).await.unwrap()["status"], "DONE");
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_refused_before_any_call() {
    let aws = Aws::new();
    let mut wrong = request();
    wrong["accountId"] = json!("acme");
    let error = call(&aws, wrong).await.unwrap_err();
    assert_eq!(error.error_type, "InvalidRequest");
    assert!(error.error_message.contains("accountId"), "{}", error.error_message);
    let mut wrong = request();
    wrong["resume"] = json!({"attempts": 7});
    assert_eq!(call(&aws, wrong).await.unwrap_err().error_type, "InvalidRequest");
    assert_eq!(aws.operations(), Vec::<String>::new());
}

#[test]
fn every_error_has_its_published_name() {
    let missing = Error::StackSetMissing {
        stack_set: BASELINE.parse().unwrap(),
        account_id: MINE.parse().unwrap(),
    };
    assert!(Error::NAMES.contains(&missing.name()));
}

#[test]
fn a_call_may_move_between_threads() {
    fn takes(_: impl Send) {}
    takes(call(&Aws::new(), request()));
}
