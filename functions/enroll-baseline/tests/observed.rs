//! What is seen, and mended, of an account's instances, and which accounts wait for the same.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails the test")]

mod wire;

use enroll_baseline::decide::operation_id;
use scripted_wire::operations::{Aws, Reply};
use serde_json::{Value, json};
use wire::{
    BASELINE, GATE, MINE, NOW, alone, call, call_at, described, fields, instances, noting,
    operations, request, small_request, stack_set, started, xml,
};

#[tokio::test]
async fn an_account_that_has_to_wait_is_noted_for_the_next_operation_and_the_note_taken_back() {
    let busy = operations(&[("enrol-9", "RUNNING", "2026-11-21T11:59:00Z")]);
    let aws = Aws::new()
        .always("ListStackInstances", |_| Reply::Text(instances(&[])))
        .always("ListStackSetOperations", move |_| Reply::Text(busy.clone()))
        .always("PutObject", |_| Reply::Text(String::new()));
    let mut request = small_request();
    let answer = call(&aws, request.clone()).await.unwrap();
    let note = aws.calls_of("PutObject")[0].field("key").as_str().unwrap().to_owned();
    assert!(note.starts_with("enrolling/landlord-tenant-baseline/"), "{note}");
    assert!(note.ends_with(MINE), "{note}");
    // Not written at every call, and again before it is taken for one that is left over.
    request["resume"] = answer["resume"].clone();
    call(&aws, request.clone()).await.unwrap();
    assert_eq!(aws.calls_of("PutObject").len(), 1);
    call_at(&aws, request.clone(), "2026-11-21T12:30:00Z").await.unwrap();
    assert_eq!(aws.calls_of("PutObject").len(), 2);

    let working = instances(&[("eu-central-1", "OUTDATED", "RUNNING", "enrol-10")]);
    let aws = Aws::new()
        .text("ListStackInstances", working)
        .always("DeleteObject", |_| Reply::Text(String::new()));
    let answer = call(&aws, request).await.unwrap();
    assert_eq!(aws.calls_of("DeleteObject")[0].field("key"), note.as_str());
    assert_eq!(answer["resume"]["noted"], Value::Null, "{answer}");
}

#[tokio::test]
async fn other_parameters_regions_or_stack_sets_are_other_notes() {
    let key = |change: &'static dyn Fn(&mut Value)| async {
        let aws = Aws::new()
            .always("ListStackInstances", |_| Reply::Text(instances(&[])))
            .always("ListStackSetOperations", |_| {
                Reply::Text(operations(&[("enrol-9", "RUNNING", NOW)]))
            })
            .always("PutObject", |_| Reply::Text(String::new()));
        let mut request = small_request();
        change(&mut request["tenant"]["baseline"]["stackSets"][0]);
        call(&aws, request).await.unwrap();
        aws.calls_of("PutObject")[0].field("key").as_str().unwrap().to_owned()
    };
    let same = key(&|_| {}).await;
    assert_eq!(same, key(&|_| {}).await);
    assert_ne!(same, key(&|set| set["parameterOverrides"] = json!({"A": "1"})).await);
    assert_ne!(same, key(&|set| set["regions"] = json!(["us-east-1"])).await);
    assert_ne!(same, key(&|set| set["name"] = json!("another")).await);
}

#[tokio::test]
async fn a_step_looks_at_forty_others_at_most_however_many_wait() {
    let rows: Vec<(String, String)> = (0..300)
        .map(|n| (format!("333333333{n:03}"), format!("2026-11-21T11:{:02}:00Z", n % 60)))
        .collect();
    let rows: &'static [(&str, &str)] = Box::leak(
        rows.into_iter()
            .map(|(a, b)| (&*Box::leak(a.into_boxed_str()), &*Box::leak(b.into_boxed_str())))
            .collect(),
    );
    let aws = Aws::new()
        .always("ListStackInstances", |_| Reply::Text(instances(&[])))
        .always("ListStackSetOperations", |_| Reply::Text(operations(&[])))
        .text("DescribeStackSet", stack_set("SELF_MANAGED"))
        .always("ListObjectsV2", noting(rows))
        .text("CreateStackInstances", started());
    call(&aws, small_request()).await.unwrap();
    assert_eq!(fields(&aws.calls_of("CreateStackInstances")[0], "Accounts").len(), 41);
    assert_eq!(aws.calls_of("ListStackInstances").len(), 41);
}

#[tokio::test]
async fn an_instance_with_other_parameters_is_not_done_and_is_updated_alone() {
    let current = |region| (region, "CURRENT", "SUCCEEDED", "enrol-1");
    let both = instances(&[current("eu-central-1"), current("us-east-1")]);
    let aws = Aws::new()
        .text("ListStackInstances", both)
        .text("ListStackInstances", instances(&[current("eu-central-1")]))
        .text("DescribeStackInstance", described(&[("LogRetentionDays", "30")]))
        .text("DescribeStackInstance", described(&[("LogRetentionDays", "7")]))
        .text("DescribeStackInstance", described(&[]))
        .text("ListStackSetOperations", operations(&[("enrol-1", "SUCCEEDED", NOW)]))
        .text("DescribeStackSet", stack_set("SELF_MANAGED"))
        .text(
            "UpdateStackInstances",
            xml("UpdateStackInstances", "<OperationId>enrol-x</OperationId>"),
        );
    let answer = call(&aws, request()).await.unwrap();
    assert_eq!(answer["status"], "PENDING", "{answer}");
    let update = &aws.calls_of("UpdateStackInstances")[0];
    assert_eq!(update.field("OperationId"), operation_id(Some("enrol-1")).as_str());
    assert_eq!(fields(update, "Accounts"), [MINE]);
    assert_eq!(fields(update, "Regions"), ["us-east-1"]);
    assert_eq!(update.field("ParameterOverrides.member.1.ParameterValue"), "30");
    aws.assert_all_used();
}

#[tokio::test]
async fn a_parameter_that_the_tenant_does_not_have_is_set_back() {
    let aws = Aws::new()
        .text(
            "ListStackInstances",
            instances(&[("eu-central-1", "CURRENT", "SUCCEEDED", "enrol-1")]),
        )
        .text("DescribeStackInstance", described(&[("Size", "7")]))
        .text("ListStackSetOperations", operations(&[]))
        .text("DescribeStackSet", stack_set("SELF_MANAGED"))
        .text("UpdateStackInstances", xml("UpdateStackInstances", "<OperationId>x</OperationId>"));
    call(&aws, small_request()).await.unwrap();
    let update = &aws.calls_of("UpdateStackInstances")[0];
    assert_eq!(update.field("ParameterOverrides"), "", "an empty list sets all of them back");
}

#[tokio::test]
async fn parameters_that_no_update_mends_end_in_an_error() {
    let mut request = small_request();
    let mut ended = None;
    for round in 0..5 {
        let operation: &'static str = Box::leak(format!("enrol-{round}").into_boxed_str());
        let aws = Aws::new()
            .text(
                "ListStackInstances",
                instances(&[("eu-central-1", "CURRENT", "SUCCEEDED", operation)]),
            )
            .text("DescribeStackInstance", described(&[("Size", "7")]))
            .text("ListStackSetOperations", operations(&[(operation, "SUCCEEDED", NOW)]))
            .text("DescribeStackSet", stack_set("SELF_MANAGED"))
            .text(
                "UpdateStackInstances",
                xml("UpdateStackInstances", "<OperationId>x</OperationId>"),
            )
            .always("ListTagsForResource", |_| Reply::Json(json!({"Tags": []})));
        match call(&aws, request.clone()).await {
            Ok(answer) => request["resume"] = answer["resume"].clone(),
            Err(error) => {
                ended = Some((round, error));
                break;
            }
        }
    }
    let (round, error) = ended.unwrap();
    assert_eq!((round, error.error_type.as_str()), (3, "BaselineFailed"));
    assert!(error.error_message.contains("other parameters"), "{}", error.error_message);
}

#[tokio::test]
async fn parameters_are_read_once_after_each_operation() {
    let current = |operation| {
        let rows = [("eu-central-1", "CURRENT", "SUCCEEDED", operation)];
        Aws::new().text("ListStackInstances", instances(&rows))
    };
    let mut request = request();
    request["tenant"]["baseline"]["stackSets"] = json!([
        {"name": BASELINE, "regions": ["eu-central-1"], "parameterOverrides": {}},
        {"name": GATE, "regions": ["eu-central-1"], "parameterOverrides": {}},
    ]);
    let working = instances(&[("eu-central-1", "OUTDATED", "RUNNING", "enrol-2")]);
    let aws = current("enrol-1")
        .text("ListStackInstances", working.clone())
        .text("DescribeStackInstance", described(&[]));
    request["resume"] = call(&aws, request.clone()).await.unwrap()["resume"].clone();
    let aws = current("enrol-1").text("ListStackInstances", working.clone());
    request["resume"] = call(&aws, request.clone()).await.unwrap()["resume"].clone();
    assert_eq!(aws.calls_of("DescribeStackInstance").len(), 0);
    let aws = current("enrol-3")
        .text("ListStackInstances", working)
        .text("DescribeStackInstance", described(&[]));
    call(&aws, request).await.unwrap();
    assert_eq!(aws.calls_of("DescribeStackInstance").len(), 1);
}

#[tokio::test]
async fn a_live_account_is_mended_in_its_own_ou_and_takes_no_other_along() {
    let aws = Aws::new()
        .text("ListStackInstances", instances(&[]))
        .text("ListStackSetOperations", operations(&[]))
        .text("DescribeStackSet", stack_set("SERVICE_MANAGED"))
        .text("CreateStackInstances", started());
    let mut request = small_request();
    request["organizationalUnitId"] = json!("ou-root-general0");
    call(&aws, request).await.unwrap();
    let create = &aws.calls_of("CreateStackInstances")[0];
    assert_eq!(fields(create, "DeploymentTargets.Accounts"), [MINE]);
    assert_eq!(fields(create, "DeploymentTargets.OrganizationalUnitIds"), ["ou-root-general0"]);
}

#[tokio::test]
async fn a_stack_set_waits_until_those_that_it_comes_after_are_current() {
    let mut request = request();
    request["tenant"]["baseline"]["stackSets"] = json!([
        {"name": "consumer", "regions": ["eu-central-1"], "parameterOverrides": {},
         "after": ["producer"]},
        {"name": "producer", "regions": ["eu-central-1"], "parameterOverrides": {}},
        {"name": GATE, "regions": ["eu-central-1"], "parameterOverrides": {}},
    ]);
    let started_ones = |producer: &'static str, standing: &'static str| {
        let request = request.clone();
        async move {
            let aws = alone()
                .always("ListStackInstances", move |call| {
                    let rows = [("eu-central-1", producer, standing, "enrol-1")];
                    let is_producer = call.field("StackSetName") == "producer";
                    let rows = if is_producer && !producer.is_empty() { &rows[..] } else { &[] };
                    Reply::Text(instances(rows))
                })
                .always("DescribeStackInstance", |_| Reply::Text(described(&[])))
                .always("ListStackSetOperations", |_| Reply::Text(operations(&[])))
                .always("DescribeStackSet", |_| Reply::Text(stack_set("SELF_MANAGED")))
                .always("CreateStackInstances", |_| Reply::Text(started()));
            let answer = call(&aws, request).await.unwrap();
            let names: Vec<String> = aws
                .calls_of("CreateStackInstances")
                .iter()
                .map(|call| call.field("StackSetName").as_str().unwrap().to_owned())
                .collect();
            (names, answer["because"].as_str().unwrap().to_owned())
        }
    };
    let (names, because) = started_ones("", "").await;
    assert_eq!(names, ["producer"]);
    assert!(because.contains("consumer follows producer"), "{because}");
    let (names, _) = started_ones("OUTDATED", "RUNNING").await;
    assert!(names.is_empty(), "{names:?}");
    let (names, because) = started_ones("CURRENT", "SUCCEEDED").await;
    assert_eq!(names, ["consumer"]);
    assert!(because.contains("account-gate follows the others"), "{because}");
}

#[tokio::test]
async fn a_tenant_that_left_is_the_reason_of_whatever_went_wrong() {
    for (at, name) in
        [("2026-11-21T10:00:01Z", "TenantLeft"), ("2026-11-21T10:00:00Z", "BaselineFailed")]
    {
        let aws = Aws::new()
            .text(
                "ListStackInstances",
                instances(&[("eu-central-1", "OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT", "x")]),
            )
            .json(
                "ListTagsForResource",
                json!({"Tags": [{"Key": "landlord:lifecycle", "Value": "RETIRING"},
                                {"Key": "landlord:lifecycle-at", "Value": at}]}),
            );
        let error = call(&aws, small_request()).await.unwrap_err();
        assert_eq!(error.error_type, name, "{at}");
    }
}
