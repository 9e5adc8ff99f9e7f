//! StackSets as the SDK sees them: what AWS documents, held by tests.

use crate::fleet::{EXECUTION_ROLE, Fleet, OTHER_REGION, TEMPLATE, call_in, status};
use crate::world::REGION;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::{Parameter, StackInstanceFilter, StackInstanceFilterName};
use base64::Engine as _;
use local_aws::cloudformation::InstanceRule;
use serde_json::json;
use std::time::Duration;

fn parameter(key: &str, value: &str) -> Parameter {
    Parameter::builder().parameter_key(key).parameter_value(value).build()
}

#[tokio::test(start_paused = true)]
async fn instances_are_stacks_that_are_really_there_in_every_account_and_region() {
    let fleet = Fleet::of(2).await;
    let operation = fleet.deployed("base", &[REGION, OTHER_REGION]).await;
    assert_eq!(operation.status.as_ref().unwrap().as_str(), "SUCCEEDED");
    assert_eq!(operation.status_details.unwrap().failed_stack_instances_count, Some(0));
    for account in &fleet.accounts {
        for region in [REGION, OTHER_REGION] {
            assert_eq!(fleet.setting(account, region).await.as_deref(), Some("one"));
            let instance = fleet.instance("base", account, region).await;
            assert_eq!(instance.status.unwrap().as_str(), "CURRENT");
            assert!(instance.stack_id.unwrap().contains(":stack/StackSet-base-"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stack_set_is_described_listed_and_deleted_only_when_it_is_empty() {
    let fleet = Fleet::of(1).await;
    fleet.deployed("base", &[REGION]).await;
    let set = fleet.client.describe_stack_set().stack_set_name("base").send().await.unwrap();
    let set = set.stack_set.unwrap();
    assert_eq!(set.status.as_ref().unwrap().as_str(), "ACTIVE");
    assert_eq!(set.permission_model.as_ref().unwrap().as_str(), "SELF_MANAGED");
    assert_eq!(set.execution_role_name(), Some(EXECUTION_ROLE));
    assert_eq!(set.regions(), [REGION]);
    let id = set.stack_set_id().unwrap();
    assert!(set.stack_set_arn().unwrap().ends_with(&format!(":stackset/{id}")));
    let delete = || fleet.client.delete_stack_set().stack_set_name("base").send();
    let refused = delete().await.unwrap_err();
    assert_eq!(refused.code(), Some("StackSetNotEmptyException"));
    let id = fleet
        .client
        .delete_stack_instances()
        .stack_set_name("base")
        .set_accounts(Some(fleet.accounts.clone()))
        .regions(REGION)
        .retain_stacks(false)
        .send()
        .await
        .unwrap()
        .operation_id
        .unwrap();
    fleet.ended("base", &id).await;
    assert_eq!(fleet.setting(&fleet.accounts[0], REGION).await, None);
    delete().await.unwrap();
    let gone = fleet.client.describe_stack_set().stack_set_name("base").send().await;
    assert_eq!(gone.unwrap_err().code(), Some("StackSetNotFoundException"));
    let listed = fleet.client.list_stack_sets().send().await.unwrap();
    assert_eq!(listed.summaries()[0].status.as_ref().unwrap().as_str(), "DELETED");
}

#[tokio::test(start_paused = true)]
async fn a_missing_execution_role_fails_with_the_reason_that_aws_gives() {
    let fleet = Fleet::of(1).await;
    let account = &fleet.accounts[0];
    let role = json!({ "RoleName": EXECUTION_ROLE, "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess" });
    call_in(&fleet.aws, account, "us-east-1", ("iam", "DetachRolePolicy"), role).await;
    let role = json!({ "RoleName": EXECUTION_ROLE });
    call_in(&fleet.aws, account, "us-east-1", ("iam", "DeleteRole"), role).await;
    let operation = fleet.deployed("base", &[REGION]).await;
    assert_eq!(operation.status.unwrap().as_str(), "SUCCEEDED", "a failure within the tolerance");
    assert_eq!(operation.status_details.unwrap().failed_stack_instances_count, Some(1));
    let results = fleet.results("base", operation.operation_id.as_deref().unwrap()).await;
    let reason = format!(
        "Account {account} should have '{EXECUTION_ROLE}' role with trust relationship to Role \
         'AWSCloudFormationStackSetAdministrationRole'."
    );
    assert_eq!(status(&results[0]), "FAILED");
    assert_eq!(results[0].status_reason(), Some(reason.as_str()));
    let gate = results[0].account_gate_result().unwrap();
    assert_eq!(gate.status.as_ref().unwrap().as_str(), "SKIPPED");
    assert_eq!(gate.status_reason(), Some(reason.as_str()));
}

#[tokio::test(start_paused = true)]
async fn one_region_after_the_other_stops_at_the_first_that_exceeds_its_tolerance() {
    let fleet = Fleet::of(3).await;
    fleet.stack_set("base").await;
    fleet.aws.set_instance_rules(vec![InstanceRule {
        account: Some(fleet.accounts[1].clone()),
        failure: Some("broken".to_owned()),
        ..InstanceRule::default()
    }]);
    let begun = fleet.client.create_stack_instances().stack_set_name("base");
    let begun = begun
        .set_accounts(Some(fleet.accounts.clone()))
        .regions(REGION)
        .regions(OTHER_REGION)
        .operation_id("first")
        .send()
        .await
        .unwrap();
    let operation = fleet.ended("base", begun.operation_id().unwrap()).await;
    assert_eq!(operation.status.unwrap().as_str(), "FAILED");
    let results = fleet.results("base", "first").await;
    let shown: Vec<_> = results.iter().map(status).collect();
    assert_eq!(shown, ["SUCCEEDED", "FAILED", "CANCELLED", "CANCELLED", "CANCELLED", "CANCELLED"]);
    assert_eq!(results[1].status_reason(), Some("broken"));
    assert_eq!(results[2].status_reason(), Some("Cancelled since failure tolerance has exceeded"));
    let failed = fleet.instance("base", &fleet.accounts[1], REGION).await;
    assert_eq!(failed.status.unwrap().as_str(), "OUTDATED");
    assert_eq!(failed.stack_instance_status.unwrap().detailed_status.unwrap().as_str(), "FAILED");
}

#[tokio::test(start_paused = true)]
async fn lists_of_operations_and_results_lag_and_descriptions_do_not() {
    let fleet = Fleet::of(1).await;
    fleet.stack_set("base").await;
    let create = fleet.client.create_stack_instances().stack_set_name("base").regions(REGION);
    create.accounts(&fleet.accounts[0]).operation_id("first").send().await.unwrap();
    let list = || async {
        let list = fleet.client.list_stack_set_operations().stack_set_name("base").send().await;
        list.unwrap().summaries.unwrap_or_default()
    };
    assert!(list().await.is_empty());
    assert_eq!(fleet.operation("base", "first").await.status.unwrap().as_str(), "RUNNING");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(list().await[0].operation_id(), Some("first"));
    fleet.ended("base", "first").await;
    let results = fleet.results("base", "first").await;
    assert_eq!(status(&results[0]), "SUCCEEDED");
}

#[tokio::test(start_paused = true)]
async fn instances_are_filtered_and_paged() {
    let fleet = Fleet::of(3).await;
    fleet.aws.set_instance_rules(vec![InstanceRule {
        account: Some(fleet.accounts[2].clone()),
        region: Some(REGION.to_owned()),
        failure: Some("broken".to_owned()),
        ..InstanceRule::default()
    }]);
    let operation = fleet.deployed("base", &[REGION, OTHER_REGION]).await;
    let list = || fleet.client.list_stack_instances().stack_set_name("base");
    let filter = |name, value: &str| {
        StackInstanceFilter::builder().name(name).values(value.to_owned()).build()
    };
    let failed = filter(StackInstanceFilterName::DetailedStatus, "FAILED");
    let found = list().filters(failed).send().await.unwrap().summaries.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].account(), Some(fleet.accounts[2].as_str()));
    assert_eq!(found[0].status_reason(), Some("broken"));
    let last = operation.operation_id.unwrap();
    let by_operation = filter(StackInstanceFilterName::LastOperationId, &last);
    assert_eq!(list().filters(by_operation).send().await.unwrap().summaries().len(), 6);
    let one = list().stack_instance_account(&fleet.accounts[0]).stack_instance_region(REGION);
    assert_eq!(one.send().await.unwrap().summaries().len(), 1);
    let mut seen = 0;
    let mut token = None;
    loop {
        let page = list().max_results(4).set_next_token(token).send().await.unwrap();
        seen += page.summaries().len();
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, 6);
    let wrong = list().max_results(101).send().await.unwrap_err();
    assert_eq!(wrong.code(), Some("ValidationError"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_stack_set_says_what_is_wrong() {
    let fleet = Fleet::of(0).await;
    let create = || fleet.client.create_stack_set().stack_set_name("base");
    let bare = create().send().await.unwrap_err();
    assert_eq!(bare.code(), Some("ValidationError"));
    let stranger = create().template_body(TEMPLATE).parameters(parameter("Nobody", "x"));
    let stranger = stranger.send().await.unwrap_err();
    assert_eq!(stranger.message(), Some("Parameters: [Nobody] do not exist in the template"));
    create().template_body(TEMPLATE).send().await.unwrap();
    let twice = create().template_body(TEMPLATE).send().await.unwrap_err();
    assert_eq!(twice.code(), Some("NameAlreadyExistsException"));
    let service_managed = fleet
        .client
        .create_stack_set()
        .stack_set_name("other")
        .template_body(TEMPLATE)
        .permission_model(aws_sdk_cloudformation::types::PermissionModels::ServiceManaged)
        .send()
        .await
        .unwrap_err();
    assert!(service_managed.message().unwrap().contains("You must enable organizations access"));
}

#[tokio::test(start_paused = true)]
async fn a_template_is_summed_up_from_s3_or_as_the_stack_set_has_it() {
    let fleet = Fleet::of(1).await;
    fleet.deployed("base", &[REGION]).await;
    let place = |name| (("s3", name), ("111122223333", REGION));
    let s3 = async |name, input| {
        let ((service, operation), (account, region)) = place(name);
        call_in(&fleet.aws, account, region, (service, operation), input).await
    };
    s3("CreateBucket", json!({"Bucket": "templates"})).await;
    let body = TEMPLATE.replace("\"Default\": \"one\"", "\"Description\": \"new\"");
    let body = base64::engine::general_purpose::STANDARD.encode(body);
    s3("PutObject", json!({"Bucket": "templates", "Key": "a/b.json", "$body": body})).await;
    let url = |key: &str| format!("https://templates.s3.{REGION}.amazonaws.com/{key}");
    let by_url = |key: &str| fleet.client.get_template_summary().template_url(url(key)).send();
    let parameters = by_url("a/b.json").await.unwrap().parameters.unwrap();
    assert_eq!(parameters[0].parameter_key(), Some("Value"));
    assert_eq!(parameters[0].default_value(), None);
    let refused = by_url("gone").await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationError"));
    let of_set = fleet.client.get_template_summary().stack_set_name("base").send();
    assert_eq!(of_set.await.unwrap().parameters()[0].default_value(), Some("one"));
}
