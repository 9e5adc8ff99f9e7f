//! Service-managed stack sets as the SDK sees them: units, account filters, automatic
//! deployment; and the events and quotas of all stack sets.

use crate::fleet;
use crate::world;

use std::time::Duration;

use crate::fleet::{Fleet, TEMPLATE, all_at_once};
use crate::world::REGION;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::{
    AccountFilterType, AutoDeployment, Capability, DeploymentTargets, PermissionModels,
};
use local_aws::cloudformation::StackSetOptions;
use serde_json::{Value, json};

async fn service_managed(fleet: &Fleet, enabled: bool) {
    fleet.client.activate_organizations_access().send().await.unwrap();
    let auto = AutoDeployment::builder().enabled(enabled).build();
    let create = fleet.client.create_stack_set().stack_set_name("base").template_body(TEMPLATE);
    let create = create.permission_model(PermissionModels::ServiceManaged).auto_deployment(auto);
    create.send().await.unwrap();
}

async fn deploy(fleet: &Fleet, targets: DeploymentTargets, id: &str) -> Result<(), String> {
    let create = fleet.client.create_stack_instances().stack_set_name("base").regions(REGION);
    let create = create.deployment_targets(targets).operation_preferences(all_at_once());
    match create.operation_id(id).send().await {
        Ok(_) => {
            fleet.ended("base", id).await;
            Ok(())
        }
        Err(error) => Err(error.code().unwrap().to_owned()),
    }
}

async fn deployed_accounts(fleet: &Fleet) -> Vec<String> {
    let list = fleet.client.list_stack_instances().stack_set_name("base").send().await.unwrap();
    list.summaries().iter().map(|one| one.account().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn units_are_deployed_to_by_their_filter_and_never_the_management_account() {
    let fleet = Fleet::of(3).await;
    service_managed(&fleet, false).await;
    let within = |filter: Option<AccountFilterType>| {
        DeploymentTargets::builder()
            .organizational_unit_ids("r-root")
            .accounts(&fleet.accounts[0])
            .set_account_filter_type(filter)
            .build()
    };
    assert_eq!(
        deploy(&fleet, within(None), "union").await.unwrap_err(),
        "InvalidOperationException"
    );
    deploy(&fleet, within(Some(AccountFilterType::Intersection)), "one").await.unwrap();
    assert_eq!(deployed_accounts(&fleet).await, [fleet.accounts[0].clone()]);
    deploy(&fleet, within(Some(AccountFilterType::Difference)), "others").await.unwrap();
    let mut all = fleet.accounts.clone();
    all.sort();
    assert_eq!(deployed_accounts(&fleet).await, all, "the management account is not among them");
    assert_eq!(fleet.setting(&fleet.accounts[2], REGION).await.as_deref(), Some("one"));
    let again = DeploymentTargets::builder().organizational_unit_ids("r-root").build();
    deploy(&fleet, again, "again").await.unwrap();
    assert!(fleet.results("base", "again").await.is_empty(), "only what is missing is made");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_enters_a_unit_gets_instances_and_loses_them_when_it_leaves() {
    let fleet = Fleet::of(1).await;
    service_managed(&fleet, true).await;
    let targets = DeploymentTargets::builder().organizational_unit_ids(&fleet.unit).build();
    deploy(&fleet, targets, "first").await.unwrap();
    let listed = fleet.client.list_stack_set_auto_deployment_targets().stack_set_name("base");
    let listed = listed.send().await.unwrap();
    assert_eq!(listed.summaries()[0].organizational_unit_id(), Some(fleet.unit.as_str()));
    let newcomer = fleet.account("newcomer").await;
    assert_eq!(deployed_accounts(&fleet).await.len(), 1);
    fleet.move_to(&newcomer, &fleet.unit).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(fleet.setting(&newcomer, REGION).await.as_deref(), Some("one"));
    let instance = fleet.instance("base", &newcomer, REGION).await;
    assert_eq!(instance.organizational_unit_id(), Some(fleet.unit.as_str()));
    fleet.move_to(&newcomer, &fleet.other_unit).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(fleet.setting(&newcomer, REGION).await, None);
    assert_eq!(deployed_accounts(&fleet).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn organizations_access_is_needed_and_described() {
    let fleet = Fleet::of(0).await;
    let status = || async {
        let described = fleet.client.describe_organizations_access().send().await.unwrap();
        described.status.unwrap().as_str().to_owned()
    };
    assert_eq!(status().await, "DISABLED");
    fleet.client.activate_organizations_access().send().await.unwrap();
    assert_eq!(status().await, "ENABLED");
    let create = fleet.client.create_stack_set().stack_set_name("base");
    let serverless = format!(
        "Transform: AWS::Serverless-2016-10-31\nResources: {}",
        "{Q: {Type: AWS::SQS::Queue}}"
    );
    let create =
        create.template_body(serverless).permission_model(PermissionModels::ServiceManaged);
    let auto = AutoDeployment::builder().enabled(false).build();
    let create = create.capabilities(Capability::CapabilityAutoExpand);
    let refused = create.auto_deployment(auto).send().await.unwrap_err();
    assert!(refused.message().unwrap().contains("transforms"), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn stack_sets_operations_and_instances_are_told_to_the_default_bus() {
    let fleet = Fleet::of(1).await;
    let queue = fleet.world.queue("events", json!({})).await;
    let named = fleet.world.admin("sqs", "GetQueueUrl", json!({ "QueueName": "events" })).await;
    let url = named.unwrap()["QueueUrl"].as_str().unwrap().to_owned();
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
        "Action": "sqs:SendMessage", "Resource": queue,
    }] });
    let attributes = json!({ "QueueUrl": url, "Attributes": { "Policy": policy.to_string() } });
    fleet.world.admin("sqs", "SetQueueAttributes", attributes).await.unwrap();
    let rule = json!({
        "Name": "stack-sets",
        "EventPattern": json!({ "source": ["aws.cloudformation"] }).to_string(),
    });
    fleet.world.admin("events", "PutRule", rule).await.unwrap();
    let targets = json!({ "Rule": "stack-sets", "Targets": [{ "Id": "q", "Arn": queue }] });
    fleet.world.admin("events", "PutTargets", targets).await.unwrap();
    fleet.deployed("base", &[REGION]).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let mut told = Vec::new();
    for message in fleet.world.receive(&url).await {
        let event: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
        assert_eq!(event["account"], world::ACCOUNT);
        assert_eq!(event["resources"][0], event["detail"]["stack-set-arn"]);
        let details = &event["detail"]["status-details"];
        let kind = event["detail-type"].as_str().unwrap().to_owned();
        told.push((kind, details["status"].as_str().unwrap().to_owned()));
    }
    told.sort();
    let instance = "CloudFormation StackSet StackInstance Status Change";
    let operation = "CloudFormation StackSet Operation Status Change";
    let wanted = [
        (operation, "RUNNING"),
        (operation, "SUCCEEDED"),
        (instance, "CURRENT"),
        (instance, "OUTDATED"),
        ("CloudFormation StackSet Status Change", "ACTIVE"),
    ]
    .map(|(kind, status)| (kind.to_owned(), status.to_owned()));
    assert_eq!(told, wanted);
}

#[tokio::test(start_paused = true)]
async fn a_stack_set_has_so_many_instances_and_no_more() {
    let fleet = Fleet::of(3).await;
    let options = StackSetOptions { most_instances: 2, ..StackSetOptions::default() };
    fleet.aws.set_stack_set_options(options);
    fleet.stack_set("base").await;
    let create = fleet.client.create_stack_instances().stack_set_name("base").regions(REGION);
    let refused = create.set_accounts(Some(fleet.accounts.clone())).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("LimitExceededException"));
    assert!(deployed_accounts(&fleet).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_instances_are_one_operation() {
    let fleet = Fleet::of(0).await;
    fleet.stack_set("base").await;
    let accounts: Vec<String> =
        (0..50_000).map(|number| format!("{:012}", 500_000_000_000_u64 + number)).collect();
    let create = fleet.client.create_stack_instances().stack_set_name("base").regions(REGION);
    let create = create.regions(fleet::OTHER_REGION).set_accounts(Some(accounts));
    create.operation_preferences(all_at_once()).operation_id("all").send().await.unwrap();
    let ended = fleet.ended("base", "all").await;
    // Accounts that nobody has, so that only StackSets works here.
    assert_eq!(ended.status_details.unwrap().failed_stack_instances_count, Some(100_000));
    let over = fleet.client.create_stack_instances().stack_set_name("base").regions(REGION);
    let over = over.accounts("600000000000").send().await.unwrap_err();
    assert_eq!(over.code(), Some("LimitExceededException"));
}
