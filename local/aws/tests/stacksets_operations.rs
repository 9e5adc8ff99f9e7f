//! Operations of stack sets as the SDK sees them: updates, overrides, gates, stops, the queue.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::fleet::{
    EXECUTION_ROLE, Fleet, GATE, OTHER_REGION, TEMPLATE, all_at_once, call_in, status,
};
use crate::world::REGION;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::{ManagedExecution, Parameter};
use local_aws::cloudformation::{InstanceRule, ResourceRule, StackSetOptions};
use serde_json::json;

fn parameter(key: &str, value: &str) -> Parameter {
    Parameter::builder().parameter_key(key).parameter_value(value).build()
}

/// The instance's status and detailed status.
async fn standing(fleet: &Fleet, account: usize, region: &str) -> (String, String) {
    let instance = fleet.instance("base", &fleet.accounts[account], region).await;
    let detailed = instance.stack_instance_status.unwrap().detailed_status.unwrap();
    (instance.status.unwrap().as_str().to_owned(), detailed.as_str().to_owned())
}

fn is(status: &str, detailed: &str) -> (String, String) {
    (status.to_owned(), detailed.to_owned())
}

fn fails(account: &str) -> InstanceRule {
    InstanceRule {
        account: Some(account.to_owned()),
        failure: Some("broken".to_owned()),
        ..InstanceRule::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_given_parameter_makes_all_instances_outdated_even_when_the_operation_fails() {
    let fleet = Fleet::of(3).await;
    fleet.deployed("base", &[REGION]).await;
    fleet.aws.set_instance_rules(vec![fails(&fleet.accounts[0])]);
    let update = fleet.client.update_stack_set().stack_set_name("base").use_previous_template(true);
    let update = update.parameters(parameter("Value", "two")).operation_id("u1").send();
    update.await.unwrap();
    let ended = fleet.ended("base", "u1").await;
    assert_eq!(ended.status.unwrap().as_str(), "FAILED");
    assert_eq!(standing(&fleet, 0, REGION).await, is("OUTDATED", "FAILED"));
    assert_eq!(standing(&fleet, 1, REGION).await, is("OUTDATED", "CANCELLED"));
    let set = fleet.client.describe_stack_set().stack_set_name("base").send().await.unwrap();
    assert_eq!(set.stack_set.unwrap().parameters()[0].parameter_value(), Some("two"));
    assert_eq!(fleet.setting(&fleet.accounts[1], REGION).await.as_deref(), Some("one"));
}

#[tokio::test(start_paused = true)]
async fn a_scoped_update_deploys_to_the_named_accounts_and_outdates_the_others() {
    let fleet = Fleet::of(2).await;
    fleet.deployed("base", &[REGION]).await;
    let update = fleet.client.update_stack_set().stack_set_name("base").use_previous_template(true);
    let update = update
        .parameters(parameter("Value", "two"))
        .accounts(&fleet.accounts[1])
        .regions(REGION)
        .operation_id("wave1");
    update.send().await.unwrap();
    fleet.ended("base", "wave1").await;
    assert_eq!(standing(&fleet, 0, REGION).await, is("OUTDATED", "SUCCEEDED"));
    assert_eq!(standing(&fleet, 1, REGION).await, is("CURRENT", "SUCCEEDED"));
    assert_eq!(fleet.setting(&fleet.accounts[1], REGION).await.as_deref(), Some("two"));
    assert_eq!(fleet.setting(&fleet.accounts[0], REGION).await.as_deref(), Some("one"));
    let again = fleet.client.update_stack_set().stack_set_name("base").use_previous_template(true);
    let again = again.accounts(&fleet.accounts[0]).regions(OTHER_REGION).send().await;
    assert_eq!(again.unwrap_err().code(), Some("StackInstanceNotFoundException"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_names_a_place_without_an_instance_is_refused_whole() {
    let fleet = Fleet::of(2).await;
    fleet.deployed("base", &[REGION]).await;
    let update = fleet.client.update_stack_instances().stack_set_name("base");
    let update = update.accounts(&fleet.accounts[0]).regions(REGION).regions(OTHER_REGION);
    let refused = update.operation_id("u").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("StackInstanceNotFoundException"));
    let delete = fleet.client.delete_stack_instances().stack_set_name("base").retain_stacks(false);
    let delete = delete.accounts(&fleet.accounts[0]).accounts("999999999999").regions(REGION);
    assert_eq!(delete.send().await.unwrap_err().code(), Some("StackInstanceNotFoundException"));
    assert_eq!(standing(&fleet, 0, REGION).await, is("CURRENT", "SUCCEEDED"));
}

#[tokio::test(start_paused = true)]
async fn overrides_are_replaced_kept_and_reverted() {
    let fleet = Fleet::of(1).await;
    fleet.deployed("base", &[REGION]).await;
    let account = &fleet.accounts[0];
    let update = |id: &str| {
        let update = fleet.client.update_stack_instances().stack_set_name("base");
        update.accounts(account).regions(REGION).operation_id(id)
    };
    let value = || fleet.setting(account, REGION);
    update("set").parameter_overrides(parameter("Value", "mine")).send().await.unwrap();
    fleet.ended("base", "set").await;
    assert_eq!(value().await.as_deref(), Some("mine"));
    let previous = Parameter::builder().parameter_key("Value").use_previous_value(true).build();
    update("keep").parameter_overrides(previous).send().await.unwrap();
    fleet.ended("base", "keep").await;
    update("omit").send().await.unwrap();
    fleet.ended("base", "omit").await;
    let set = fleet.client.update_stack_set().stack_set_name("base").use_previous_template(true);
    set.parameters(parameter("Value", "two")).operation_id("all").send().await.unwrap();
    fleet.ended("base", "all").await;
    assert_eq!(value().await.as_deref(), Some("mine"), "an override survives an update");
    update("revert").set_parameter_overrides(Some(Vec::new())).send().await.unwrap();
    fleet.ended("base", "revert").await;
    assert_eq!(value().await.as_deref(), Some("two"));
    let instance = fleet.instance("base", account, REGION).await;
    assert!(instance.parameter_overrides().is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_operation_at_a_time_and_an_id_is_used_once() {
    let fleet = Fleet::of(2).await;
    fleet.stack_set("base").await;
    let create = |account: usize, id: &str| {
        let create = fleet.client.create_stack_instances().stack_set_name("base").regions(REGION);
        create.accounts(&fleet.accounts[account]).operation_id(id).send()
    };
    create(0, "first").await.unwrap();
    let second = create(1, "second").await.unwrap_err();
    assert_eq!(second.code(), Some("OperationInProgressException"));
    assert!(second.message().unwrap().ends_with("is in progress: first"));
    let repeated = create(0, "first").await.unwrap_err();
    assert_eq!(repeated.code(), Some("OperationIdAlreadyExistsException"));
    fleet.ended("base", "first").await;
    let options = StackSetOptions { repeated_id_is_answered: true, ..StackSetOptions::default() };
    fleet.aws.set_stack_set_options(options);
    assert_eq!(create(0, "first").await.unwrap().operation_id(), Some("first"));
    create(1, "second").await.unwrap();
    fleet.ended("base", "second").await;
    assert_eq!(create(0, "first").await.unwrap_err().code(), Some("StaleRequestException"));
}

#[tokio::test(start_paused = true)]
async fn managed_execution_runs_what_does_not_conflict_and_queues_the_rest_in_order() {
    let fleet = Fleet::of(2).await;
    let managed = ManagedExecution::builder().active(true).build();
    let set = fleet.client.create_stack_set().stack_set_name("base").template_body(TEMPLATE);
    set.managed_execution(managed).send().await.unwrap();
    let create = |account: usize, id: &str| {
        let create = fleet.client.create_stack_instances().stack_set_name("base").regions(REGION);
        create.accounts(&fleet.accounts[account]).operation_id(id).send()
    };
    create(0, "a").await.unwrap();
    create(1, "b").await.unwrap();
    create(0, "c").await.unwrap();
    let update = fleet.client.update_stack_set().stack_set_name("base").use_previous_template(true);
    update.parameters(parameter("Value", "two")).operation_id("d").send().await.unwrap();
    let mut statuses = Vec::new();
    for id in ["a", "b", "c", "d"] {
        statuses.push(fleet.operation("base", id).await.status.unwrap().as_str().to_owned());
    }
    assert_eq!(statuses, ["RUNNING", "RUNNING", "QUEUED", "QUEUED"]);
    assert_eq!(fleet.ended("base", "d").await.status.unwrap().as_str(), "SUCCEEDED");
    assert_eq!(fleet.operation("base", "c").await.status.unwrap().as_str(), "SUCCEEDED");
    assert_eq!(fleet.setting(&fleet.accounts[0], REGION).await.as_deref(), Some("two"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_what_runs_end_and_cancels_the_rest() {
    let fleet = Fleet::of(3).await;
    fleet.stack_set("base").await;
    let create = fleet.client.create_stack_instances().stack_set_name("base").regions(REGION);
    let accounts = Some(fleet.accounts.clone());
    create.set_accounts(accounts).operation_id("first").send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let stop = || {
        fleet.client.stop_stack_set_operation().stack_set_name("base").operation_id("first").send()
    };
    stop().await.unwrap();
    assert_eq!(fleet.operation("base", "first").await.status.unwrap().as_str(), "STOPPING");
    assert_eq!(fleet.ended("base", "first").await.status.unwrap().as_str(), "STOPPED");
    let results = fleet.results("base", "first").await;
    let shown: Vec<_> = results.iter().map(status).collect();
    assert_eq!(shown, ["SUCCEEDED", "CANCELLED", "CANCELLED"]);
    assert_eq!(standing(&fleet, 1, REGION).await, is("OUTDATED", "CANCELLED"));
    assert_eq!(stop().await.unwrap_err().code(), Some("InvalidOperationException"));
    let again = fleet.client.update_stack_instances().stack_set_name("base").regions(REGION);
    let again = again.set_accounts(Some(fleet.accounts.clone())).operation_id("again");
    again.operation_preferences(all_at_once()).send().await.unwrap();
    fleet.ended("base", "again").await;
    assert_eq!(standing(&fleet, 2, REGION).await, is("CURRENT", "SUCCEEDED"));
}

#[tokio::test(start_paused = true)]
async fn retained_stacks_stay_and_a_failed_deletion_is_inoperable_until_it_is_retained() {
    let fleet = Fleet::of(2).await;
    fleet.deployed("base", &[REGION]).await;
    let delete = |account: usize, retain: bool, id: &str| {
        let delete = fleet.client.delete_stack_instances().stack_set_name("base").regions(REGION);
        delete.accounts(&fleet.accounts[account]).retain_stacks(retain).operation_id(id).send()
    };
    delete(0, true, "retain").await.unwrap();
    fleet.ended("base", "retain").await;
    assert_eq!(fleet.setting(&fleet.accounts[0], REGION).await.as_deref(), Some("one"));
    fleet.aws.set_resource_rules(vec![ResourceRule {
        resource: Some("Setting".to_owned()),
        failure: Some("stuck".to_owned()),
        ..ResourceRule::default()
    }]);
    delete(1, false, "stuck").await.unwrap();
    assert_eq!(fleet.ended("base", "stuck").await.status.unwrap().as_str(), "FAILED");
    assert_eq!(standing(&fleet, 1, REGION).await, is("INOPERABLE", "INOPERABLE"));
    let update = fleet.client.update_stack_set().stack_set_name("base").use_previous_template(true);
    update.operation_id("update").send().await.unwrap();
    assert_eq!(fleet.ended("base", "update").await.status.unwrap().as_str(), "SUCCEEDED");
    assert!(fleet.results("base", "update").await.is_empty(), "inoperable instances are left out");
    delete(1, true, "recover").await.unwrap();
    fleet.ended("base", "recover").await;
    let left = fleet.client.list_stack_instances().stack_set_name("base").send().await.unwrap();
    assert!(left.summaries().is_empty());
}

#[tokio::test(start_paused = true)]
async fn suspended_accounts_are_skipped() {
    let fleet = Fleet::of(2).await;
    fleet.aws.suspend_account(&fleet.accounts[0]);
    let operation = fleet.deployed("base", &[REGION]).await;
    assert_eq!(operation.status.unwrap().as_str(), "SUCCEEDED");
    assert_eq!(operation.status_details.unwrap().failed_stack_instances_count, Some(0));
    assert_eq!(standing(&fleet, 0, REGION).await, is("OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT"));
    assert_eq!(standing(&fleet, 1, REGION).await, is("CURRENT", "SUCCEEDED"));
}

#[tokio::test(start_paused = true)]
async fn a_gate_is_asked_first_and_its_refusal_is_a_failure() {
    let fleet = Fleet::of(4).await;
    for (index, code) in ["opens", "vetoes", "breaks"].into_iter().enumerate() {
        fleet.gate(&fleet.accounts[index], REGION, code).await;
    }
    let asked = fleet.world.answers("opens", |_| Ok(json!({ "Status": "SUCCEEDED" })));
    fleet.world.answers("vetoes", |_| Ok(json!({ "Status": "FAILED" })));
    fleet.world.answers("breaks", |_| Err("Broken".to_owned()));
    let operation = fleet.deployed("base", &[REGION]).await;
    assert_eq!(operation.status_details.unwrap().failed_stack_instances_count, Some(2));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let results = fleet.results("base", operation.operation_id.as_deref().unwrap()).await;
    let shown: Vec<_> = results
        .iter()
        .map(|one| {
            (status(one), one.account_gate_result().unwrap().status.as_ref().unwrap().as_str())
        })
        .collect();
    let wanted = [
        ("SUCCEEDED", "SUCCEEDED"),
        ("FAILED", "FAILED"),
        ("FAILED", "FAILED"),
        ("SUCCEEDED", "SKIPPED"),
    ];
    assert_eq!(shown, wanted);
    assert_eq!(results[1].status_reason(), Some("AccountGate check failed"));
    let missing = format!(
        "Function not found: arn:aws:lambda:{REGION}:{}:function:{GATE}",
        fleet.accounts[3]
    );
    let skipped = results[3].account_gate_result().unwrap().status_reason();
    assert_eq!(skipped, Some(missing.as_str()));
    assert_eq!(fleet.setting(&fleet.accounts[1], REGION).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_answers_nonsense_refuses() {
    let fleet = Fleet::of(1).await;
    fleet.gate(&fleet.accounts[0], REGION, "gate").await;
    fleet.world.answers("gate", |_| Ok(json!({ "status": "fine" })));
    let operation = fleet.deployed("base", &[REGION]).await;
    let results = fleet.results("base", operation.operation_id.as_deref().unwrap()).await;
    assert_eq!(status(&results[0]), "FAILED");
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_the_role_may_not_invoke_is_skipped() {
    let fleet = Fleet::of(2).await;
    fleet.world.answers("vetoes", |_| Ok(json!({ "Status": "FAILED" })));
    for account in &fleet.accounts {
        fleet.gate(account, REGION, "vetoes").await;
    }
    let deny = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Deny", "Action": "lambda:InvokeFunction", "Resource": "*" }],
    });
    let policy = json!({
        "RoleName": EXECUTION_ROLE, "PolicyName": "no", "PolicyDocument": deny.to_string(),
    });
    let first = &fleet.accounts[0];
    call_in(&fleet.aws, first, "us-east-1", ("iam", "PutRolePolicy"), policy).await;
    let policy = json!({
        "Name": "open-the-gate", "Description": "", "Type": "SERVICE_CONTROL_POLICY",
        "Content": deny.to_string(),
    });
    let made = fleet.world.admin("organizations", "CreatePolicy", policy).await.unwrap();
    let attach = json!({
        "PolicyId": made["Policy"]["PolicySummary"]["Id"], "TargetId": fleet.accounts[1],
    });
    fleet.world.admin("organizations", "AttachPolicy", attach).await.unwrap();
    let operation = fleet.deployed("base", &[REGION]).await;
    let results = fleet.results("base", operation.operation_id.as_deref().unwrap()).await;
    for result in &results {
        let gate = result.account_gate_result().unwrap();
        assert_eq!(
            (status(result), gate.status.as_ref().unwrap().as_str()),
            ("SUCCEEDED", "SKIPPED")
        );
        assert!(gate.status_reason().unwrap().contains("lambda:InvokeFunction"));
    }
}
