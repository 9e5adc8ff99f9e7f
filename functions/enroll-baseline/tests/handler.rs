//! The function through its public API: the real SDK on a scripted wire.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails the test")]

mod wire;

use enroll_baseline::{Error, decide::operation_id};
use lambda_kit::{Diagnostic, Named};
use scripted_wire::operations::{Aws, Reply, error};
use serde_json::{Value, json};
use wire::{
    BASELINE, GATE, MINE, NOW, alone, call, call_at, described, fields, instances, noting,
    operations, request, small_request, stack_set, started, xml,
};

#[tokio::test]
async fn starts_one_operation_for_all_that_wait_for_the_same() {
    let aws = Aws::new()
        .always("ListStackInstances", |call| {
            let has_one = call.field("StackInstanceAccount") == "555555555555";
            let current = ("us-east-1", "CURRENT", "SUCCEEDED", "enrol-1");
            Reply::Text(instances(if has_one { std::slice::from_ref(&current) } else { &[] }))
        })
        .text(
            "ListStackSetOperations",
            operations(&[
                ("enrol-old", "SUCCEEDED", "2026-11-21T11:00:00Z"),
                ("rollout-7", "RUNNING", "2026-11-21T11:50:00Z"),
            ]),
        )
        .text("DescribeStackSet", stack_set("SELF_MANAGED"))
        .always(
            "ListObjectsV2",
            noting(&[
                ("333333333333", "2026-11-21T11:59:00Z"),
                (MINE, "2026-11-21T11:59:00Z"),
                ("444444444444", "2026-11-21T10:59:00Z"),
                ("555555555555", "2026-11-21T11:58:00Z"),
                ("not-an-account", "2026-11-21T11:58:00Z"),
            ]),
        )
        .text("CreateStackInstances", started());
    let answer = call(&aws, request()).await.unwrap();

    assert_eq!(answer["status"], "PENDING", "{answer}");
    let create = &aws.calls_of("CreateStackInstances")[0];
    assert_eq!(create.field("StackSetName"), BASELINE);
    assert_eq!(create.field("OperationId"), operation_id(Some("enrol-old")).as_str());
    assert_eq!(
        fields(create, "Accounts"),
        [MINE, "333333333333"],
        "555… has an instance, and the note of 444… is of an execution that does not come back"
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
async fn a_stack_set_that_would_lose_its_instance_at_the_move_home_is_refused_by_name() {
    let body = "<StackSet><PermissionModel>SERVICE_MANAGED</PermissionModel>\
                <AutoDeployment><Enabled>true</Enabled></AutoDeployment></StackSet>";
    let aws = alone()
        .text("ListStackInstances", instances(&[]))
        .text("ListStackSetOperations", operations(&[]))
        .text("DescribeStackSet", xml("DescribeStackSet", body))
        .always("ListTagsForResource", |_| Reply::Json(json!({"Tags": []})));
    let error = call(&aws, small_request()).await.unwrap_err();
    assert_eq!(error.error_type, "StackSetUnsuitable");
    for part in [BASELINE, "automatic deployment"] {
        assert!(error.error_message.contains(part), "{}", error.error_message);
    }
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
async fn is_done_when_every_instance_is_current_with_the_tenants_parameters() {
    let current = |region| (region, "CURRENT", "SUCCEEDED", "enrol-1");
    let aws = Aws::new()
        .text("ListStackInstances", instances(&[current("eu-central-1"), current("us-east-1")]))
        .text("ListStackInstances", instances(&[current("eu-central-1")]))
        .text("DescribeStackInstance", described(&[("LogRetentionDays", "30")]))
        .text("DescribeStackInstance", described(&[("LogRetentionDays", "30")]))
        .text("DescribeStackInstance", described(&[]));
    let answer = call(&aws, request()).await.unwrap();
    assert_eq!(
        answer,
        json!({"status": "DONE", "baseline": [
            {"stackSet": BASELINE, "region": "eu-central-1", "status": "CURRENT"},
            {"stackSet": BASELINE, "region": "us-east-1", "status": "CURRENT"},
            {"stackSet": GATE, "region": "eu-central-1", "status": "CURRENT"},
        ]})
    );
    let mut operations = aws.operations();
    operations.dedup();
    assert_eq!(
        operations,
        [
            "ListStackInstances",
            "DescribeStackInstance",
            "ListStackInstances",
            "DescribeStackInstance"
        ]
    );
}

#[tokio::test]
async fn an_enrolment_on_its_way_is_waited_for() {
    for status in ["RUNNING", "QUEUED", "STOPPING"] {
        let aws = Aws::new()
            .text("ListStackInstances", instances(&[]))
            .text(
                "ListStackSetOperations",
                operations(&[("enrol-9", status, "2026-11-21T11:59:00Z")]),
            )
            .always("PutObject", |_| Reply::Text(String::new()));
        let answer = call(&aws, small_request()).await.unwrap();
        assert_eq!(answer["status"], "PENDING");
        assert!(answer["because"].as_str().unwrap().contains("enrol-9"), "{answer}");
        assert_eq!(aws.operations(), ["ListStackInstances", "ListStackSetOperations", "PutObject"]);
    }
}

/// Operations of others are about accounts without an instance, one after another: whoever has an
/// instance that a rollout made outdated would wait behind all of them.
#[tokio::test]
async fn an_outdated_instance_is_deployed_anew_beside_the_enrolment_of_others() {
    let outdated = ("eu-central-1", "OUTDATED", "SUCCEEDED", "enrol-1");
    let busy = operations(&[("enrol-9", "RUNNING", "2026-11-21T11:59:00Z")]);
    let aws = alone()
        .text("ListStackInstances", instances(&[outdated]))
        .text("ListStackSetOperations", busy.clone())
        .text("DescribeStackSet", stack_set("SELF_MANAGED"))
        .text("UpdateStackInstances", xml("UpdateStackInstances", "<OperationId>x</OperationId>"));
    let answer = call(&aws, small_request()).await.unwrap();
    assert_eq!(answer["status"], "PENDING", "{answer}");
    let update = &aws.calls_of("UpdateStackInstances")[0];
    assert_eq!(update.field("OperationId"), operation_id(Some("enrol-9")).as_str());
    assert_eq!(fields(update, "Accounts"), [MINE]);
    assert_eq!(aws.calls_of("CreateStackInstances").len(), 0, "one creation at a time");

    // One that failed, or is not there, is for the next operation.
    for some in [vec![("eu-central-1", "OUTDATED", "FAILED", "enrol-1")], Vec::new()] {
        let aws = alone()
            .text("ListStackInstances", instances(&some))
            .text("ListStackSetOperations", busy.clone())
            .always("PutObject", |_| Reply::Text(String::new()));
        let answer = call(&aws, small_request()).await.unwrap();
        assert!(answer["because"].as_str().unwrap().contains("comes first"), "{answer}");
        assert_eq!(aws.calls_of("UpdateStackInstances").len(), 0, "{answer}");
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
async fn failed_by(operation: &str, now: &str, request: &mut Value) -> Result<Value, Diagnostic> {
    let aws = alone()
        .always("ListTagsForResource", |_| Reply::Json(json!({"Tags": []})))
        .text("ListStackInstances", instances(&[("eu-central-1", "OUTDATED", "FAILED", operation)]))
        .text("ListStackSetOperations", operations(&[(operation, "FAILED", NOW)]))
        .text("DescribeStackSet", stack_set("SELF_MANAGED"))
        .text("CreateStackInstances", started());
    let answer = call_at(&aws, request.clone(), now).await;
    if let Ok(answer) = &answer {
        request["resume"] = answer["resume"].clone();
    }
    answer
}

#[tokio::test]
async fn gives_up_after_three_failed_operations_with_awss_reason() {
    let mut request = small_request();
    // What failed before the execution began is forgiven.
    for (operation, now) in [
        ("enrol-0", "2026-11-21T12:00:00Z"),
        ("enrol-1", "2026-11-21T12:03:00Z"),
        ("enrol-1", "2026-11-21T12:03:30Z"),
        ("enrol-2", "2026-11-21T12:07:00Z"),
    ] {
        assert_eq!(failed_by(operation, now, &mut request).await.unwrap()["status"], "PENDING");
    }
    let late = "2026-11-21T12:12:00Z";
    let error = failed_by("enrol-3", late, &mut request).await.unwrap_err();
    assert_eq!(error.error_type, "BaselineFailed");
    assert_eq!(
        error.error_message,
        "stack set landlord-tenant-baseline in account 222222222222, Region eu-central-1: \
         Resource limit exceeded"
    );
}

#[tokio::test]
async fn what_fails_by_a_rollouts_template_waits_for_its_end_and_is_tried_anew() {
    let mut request = small_request();
    for (operation, now) in [
        ("enrol-0", "2026-11-21T12:00:00Z"),
        ("enrol-1", "2026-11-21T12:03:00Z"),
        ("enrol-2", "2026-11-21T12:07:00Z"),
    ] {
        failed_by(operation, now, &mut request).await.unwrap();
    }
    let look = async |request: &Value, newest: &str, now: &str| {
        let log = [(newest, "SUCCEEDED", NOW), ("enrol-3", "FAILED", NOW)];
        let aws = alone()
            .always("ListTagsForResource", |_| Reply::Json(json!({"Tags": []})))
            .text(
                "ListStackInstances",
                instances(&[("eu-central-1", "OUTDATED", "FAILED", "enrol-3")]),
            )
            .text("ListStackSetOperations", operations(&log));
        call_at(&aws, request.clone(), now).await
    };
    let rollout = |stage: &str| format!("roll-0123456789abcdef-{stage}-000-r0");
    let held = look(&request, &rollout("w02of03"), "2026-11-21T12:12:00Z").await.unwrap();
    assert_eq!(held["status"], "PENDING");
    assert!(held["because"].as_str().unwrap().contains("is under way"), "{held}");
    request["resume"] = held["resume"].clone();
    let anew = look(&request, &rollout("back02"), "2026-11-21T12:30:00Z").await.unwrap();
    assert!(anew["because"].as_str().unwrap().contains("its rollout is over"), "{anew}");
    request["resume"] = anew["resume"].clone();
    // What failed before is forgiven, what fails from now on is not.
    for (operation, now) in [
        ("enrol-3", "2026-11-21T12:31:00Z"),
        ("enrol-4", "2026-11-21T12:35:00Z"),
        ("enrol-5", "2026-11-21T12:40:00Z"),
    ] {
        assert_eq!(failed_by(operation, now, &mut request).await.unwrap()["status"], "PENDING");
    }
    let error = failed_by("enrol-6", "2026-11-21T12:50:00Z", &mut request).await.unwrap_err();
    assert_eq!(error.error_type, "BaselineFailed");
}

#[tokio::test]
async fn what_began_during_a_rollout_is_tried_anew_although_its_end_is_seen_first() {
    let mut request = small_request();
    let rollout = "roll-0123456789abcdef-w02of03-000-r0";
    let aws = alone()
        .always("ListTagsForResource", |_| Reply::Json(json!({"Tags": []})))
        .text("ListStackInstances", instances(&[]))
        .text("ListStackSetOperations", operations(&[(rollout, "RUNNING", "2026-11-21T11:00:00Z")]))
        .text("DescribeStackSet", stack_set("SELF_MANAGED"))
        .text("CreateStackInstances", started());
    let begun = call_at(&aws, request.clone(), NOW).await.unwrap();
    assert_eq!(aws.calls_of("CreateStackInstances").len(), 1);
    request["resume"] = begun["resume"].clone();
    // The rollout is over, and gone from the log, before anybody looks again.
    for (operation, now) in [
        ("enrol-1", "2026-11-21T12:03:00Z"),
        ("enrol-2", "2026-11-21T12:07:00Z"),
        ("enrol-3", "2026-11-21T12:12:00Z"),
    ] {
        let answer = failed_by(operation, now, &mut request).await.unwrap();
        let because = answer["because"].as_str().unwrap();
        assert_eq!(because.contains("its rollout is over"), operation == "enrol-3", "{because}");
    }
}

#[tokio::test]
async fn a_redrive_counts_anew() {
    let mut request = small_request();
    for operation in ["enrol-0", "enrol-1", "enrol-2"] {
        failed_by(operation, NOW, &mut request).await.unwrap();
    }
    request["execution"]["redrivenAt"] = json!("2026-11-21T11:59:30Z");
    assert_eq!(failed_by("enrol-3", NOW, &mut request).await.unwrap()["status"], "PENDING");
    assert_eq!(failed_by("enrol-4", NOW, &mut request).await.unwrap()["status"], "PENDING");
}

#[tokio::test]
async fn a_suspended_account_or_an_inoperable_instance_is_given_up_at_once() {
    for (status, detailed) in
        [("OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT"), ("INOPERABLE", "INOPERABLE")]
    {
        let aws = Aws::new()
            .text("ListStackInstances", instances(&[("eu-central-1", status, detailed, "x")]))
            .always("ListTagsForResource", |_| Reply::Json(json!({"Tags": []})));
        let error = call(&aws, small_request()).await.unwrap_err();
        assert_eq!(error.error_type, "BaselineFailed");
    }
}

#[tokio::test]
async fn a_stack_set_that_does_not_exist_is_named() {
    let aws = Aws::new()
        .refuse("ListStackInstances", 404, "StackSetNotFoundException")
        .always("ListTagsForResource", |_| Reply::Json(json!({"Tags": []})));
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
        "ListObjectsV2",
        "CreateStackInstances",
    ];
    for refused in calls {
        for (status, code) in [(400, "Throttling"), (429, "TooManyRequestsException"), (500, "X")] {
            // S3 says it with a status.
            let status = if refused == "ListObjectsV2" { status.max(429) } else { status };
            let aws = Aws::new()
                .always("ListStackInstances", |_| Reply::Text(instances(&[])))
                .always("ListStackSetOperations", |_| Reply::Text(operations(&[])))
                .always("DescribeStackSet", |_| Reply::Text(stack_set("SELF_MANAGED")))
                .always("ListObjectsV2", noting(&[("333333333333", "2026-11-21T11:59:00Z")]))
                .always("CreateStackInstances", |_| Reply::Text(started()))
                .always(refused, move |_| error(status, code));
            let answer = call(&aws, small_request()).await.unwrap();
            assert_eq!(answer["status"], "PENDING", "{refused} {code}");
            let named = if refused == "ListObjectsV2" { "ListBucket" } else { refused };
            assert!(answer["because"].as_str().unwrap().contains(named), "{answer}");
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
    let aws = Aws::new()
        .text("ListStackInstances", working)
        .always("ListTagsForResource", |_| Reply::Json(json!({"Tags": []})));
    let error = call_at(&aws, small_request(), late).await.unwrap_err();
    assert_eq!(error.error_type, "DeadlinePassed");
    assert!(error.error_message.contains("being deployed"), "{}", error.error_message);
    let current = instances(&[("eu-central-1", "CURRENT", "SUCCEEDED", "enrol-1")]);
    let aws = Aws::new()
        .text("ListStackInstances", current)
        .text("DescribeStackInstance", described(&[]));
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
