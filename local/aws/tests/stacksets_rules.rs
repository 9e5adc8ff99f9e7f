//! What AWS refuses of a stack set's change, and what stops StackSets in an account.

use crate::fleet::{Fleet, TEMPLATE};
use crate::world::REGION;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::{Capability, ManagedExecution, Parameter};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_transform_needs_the_capability_to_expand() {
    let fleet = Fleet::of(0).await;
    let template =
        "Transform: AWS::Serverless-2016-10-31\nResources: {Q: {Type: AWS::SQS::Queue}}\n";
    let create = || fleet.client.create_stack_set().stack_set_name("base").template_body(template);
    let refused = create().send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InsufficientCapabilitiesException"));
    assert!(refused.message().unwrap().contains("CAPABILITY_AUTO_EXPAND"));
    create().capabilities(Capability::CapabilityAutoExpand).send().await.unwrap();
    let summary = fleet.client.get_template_summary().template_body(template).send();
    assert_eq!(summary.await.unwrap().declared_transforms(), ["AWS::Serverless-2016-10-31"]);
}

#[tokio::test(start_paused = true)]
async fn managed_execution_is_changed_alone() {
    let fleet = Fleet::of(1).await;
    fleet.deployed("base", &[REGION]).await;
    let managed = || ManagedExecution::builder().active(true).build();
    let update = || fleet.client.update_stack_set().stack_set_name("base");
    let both = update().template_body(TEMPLATE).managed_execution(managed());
    let refused = both.send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidOperationException"));
    let alone = update().use_previous_template(true).managed_execution(managed());
    alone.operation_id("alone").send().await.unwrap();
    fleet.ended("base", "alone").await;
    let same = update().template_body(TEMPLATE).managed_execution(managed());
    same.send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_previous_value_is_the_old_default_where_none_was_given() {
    let fleet = Fleet::of(1).await;
    fleet.deployed("base", &[REGION]).await;
    let template = TEMPLATE.replace("\"one\"", "\"two\"");
    let keep = Parameter::builder().parameter_key("Value").use_previous_value(true).build();
    let update = fleet.client.update_stack_set().stack_set_name("base").template_body(&template);
    update.parameters(keep).operation_id("kept").send().await.unwrap();
    fleet.ended("base", "kept").await;
    assert_eq!(fleet.setting(&fleet.accounts[0], REGION).await.as_deref(), Some("one"));
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_the_organization_against_cloudformation_stops_stack_sets() {
    let fleet = Fleet::of(1).await;
    fleet.deployed("base", &[REGION]).await;
    let deny = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Deny", "Action": "cloudformation:*", "Resource": "*" }],
    });
    let policy = json!({
        "Name": "no-stacks", "Description": "", "Type": "SERVICE_CONTROL_POLICY",
        "Content": deny.to_string(),
    });
    let made = fleet.world.admin("organizations", "CreatePolicy", policy).await.unwrap();
    let attach = json!({
        "PolicyId": made["Policy"]["PolicySummary"]["Id"], "TargetId": fleet.accounts[0],
    });
    fleet.world.admin("organizations", "AttachPolicy", attach).await.unwrap();
    let update = fleet.client.update_stack_set().stack_set_name("base").use_previous_template(true);
    let value = Parameter::builder().parameter_key("Value").parameter_value("two").build();
    update.parameters(value).operation_id("denied").send().await.unwrap();
    fleet.ended("base", "denied").await;
    let results = fleet.results("base", "denied").await;
    let reason = results[0].status_reason().unwrap();
    assert!(reason.contains("cloudformation:UpdateStack"), "{reason}");
    assert_eq!(fleet.setting(&fleet.accounts[0], REGION).await.as_deref(), Some("one"));
}
