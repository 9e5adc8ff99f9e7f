//! Stack instances as StackSets asks for them: with the execution role's permissions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::{Principal, Settings};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-central-1";

const BASELINE: &str = "
Parameters: {Level: {Type: String}}
Resources:
  Note:
    Type: AWS::SSM::Parameter
    Properties: {Name: /level, Type: String, Value: !Ref Level}
";

async fn as_admin(aws: &Aws, service: &'static str, operation: &str, input: Value) -> Value {
    let call = Call {
        service,
        operation: operation.to_owned(),
        input,
        caller: Caller {
            account: ACCOUNT.to_owned(),
            arn: format!("arn:aws:iam::{ACCOUNT}:root"),
            principal: Principal::Administrator,
        },
        account: ACCOUNT.to_owned(),
        region: REGION.to_owned(),
    };
    aws.perform(&call).await.unwrap()
}

async fn world(actions: &[&str]) -> (Aws, Caller) {
    let start = Some("2026-11-21T10:00:00Z".parse().unwrap());
    let aws = Aws::new(Settings { throttles: false, start, ..Settings::default() });
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "Service": "cloudformation.amazonaws.com" },
    }] });
    let role = json!({ "RoleName": "exec", "AssumeRolePolicyDocument": trust.to_string() });
    as_admin(&aws, "iam", "CreateRole", role).await;
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": actions, "Resource": "*",
    }] });
    let put = json!({
        "RoleName": "exec", "PolicyName": "p", "PolicyDocument": policy.to_string(),
    });
    as_admin(&aws, "iam", "PutRolePolicy", put).await;
    let caller = crate::iam::session_of(&format!("arn:aws:iam::{ACCOUNT}:role/exec"), "s").unwrap();
    (aws, caller)
}

fn instance(caller: &Caller, template: &str, level: &str) -> InstanceRequest {
    InstanceRequest {
        account: ACCOUNT.to_owned(),
        region: REGION.to_owned(),
        stack_name: "StackSet-base-1".to_owned(),
        template: template.into(),
        parameters: BTreeMap::from([("Level".to_owned(), level.to_owned())]),
        tags: BTreeMap::new(),
        caller: caller.clone(),
        duration: Duration::from_secs(180),
    }
}

fn status(aws: &Aws) -> &'static str {
    let state = aws.lock();
    state.cloudformation.stacks.by_id.values().next_back().unwrap().status
}

#[tokio::test(start_paused = true)]
async fn an_instance_is_made_changed_and_removed_and_takes_its_time() {
    let (aws, caller) = world(&["ssm:*"]).await;
    let before = aws.now();
    let id = apply_instance(&aws, instance(&caller, BASELINE, "1")).await.unwrap();
    assert_eq!(aws.now().duration_since(before).as_secs(), 180);
    let again = apply_instance(&aws, instance(&caller, BASELINE, "2")).await.unwrap();
    assert_eq!(id, again);
    let level = as_admin(&aws, "ssm", "GetParameter", json!({ "Name": "/level" })).await;
    assert_eq!(level["Parameter"]["Value"], "2");
    remove_instance(&aws, ACCOUNT, REGION, &id, &caller, Duration::ZERO).await.unwrap();
    remove_instance(&aws, ACCOUNT, REGION, &id, &caller, Duration::ZERO).await.unwrap();
    assert_eq!(status(&aws), model::status::DELETE_COMPLETE);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_may_not_fails_the_instance_with_aws_reason_and_a_retry_starts_anew() {
    let (aws, caller) = world(&["sqs:*"]).await;
    let reason = apply_instance(&aws, instance(&caller, BASELINE, "1")).await.unwrap_err();
    assert!(
        reason.starts_with(
            "ResourceLogicalId:Note, ResourceType:AWS::SSM::Parameter, \
             ResourceStatusReason:AccessDeniedException: "
        ),
        "{reason}"
    );
    assert!(reason.contains("ssm:PutParameter"), "{reason}");
    assert_eq!(status(&aws), model::status::ROLLBACK_COMPLETE);
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "*", "Resource": "*",
    }] });
    let put = json!({
        "RoleName": "exec", "PolicyName": "p", "PolicyDocument": policy.to_string(),
    });
    as_admin(&aws, "iam", "PutRolePolicy", put).await;
    apply_instance(&aws, instance(&caller, BASELINE, "1")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rules_make_resources_slow_or_fail_by_place_and_chance() {
    let (aws, caller) = world(&["*"]).await;
    let elsewhere = ResourceRule {
        account: Some("999999999999".to_owned()),
        failure: Some("not here".to_owned()),
        ..ResourceRule::default()
    };
    let once = ResourceRule {
        region: Some(REGION.to_owned()),
        stack: Some("StackSet-".to_owned()),
        times: Some(1),
        duration: Some(Duration::from_secs(60)),
        failure: Some("once".to_owned()),
        ..ResourceRule::default()
    };
    let never =
        ResourceRule { rate: 0.0, failure: Some("x".to_owned()), ..ResourceRule::default() };
    aws.set_resource_rules(vec![elsewhere, once, never]);
    let before = aws.now();
    let reason = apply_instance(&aws, instance(&caller, BASELINE, "1")).await.unwrap_err();
    assert!(reason.ends_with("ResourceStatusReason:once."), "{reason}");
    assert_eq!(aws.now().duration_since(before).as_secs(), 240);
    apply_instance(&aws, instance(&caller, BASELINE, "1")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_shipped_baseline_is_an_instance() {
    let (aws, caller) = world(&["*"]).await;
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("stacksets/tenant-baseline.yaml")).unwrap();
    let declared = declared(&check_template(&aws, &text).unwrap());
    let given = |name: &str| match name {
        "ExecutionRoleName" => Some("exec".to_owned()),
        "HomeRegion" => Some(REGION.to_owned()),
        _ => None,
    };
    let parameters = declared
        .iter()
        .filter_map(|parameter| Some((parameter.name.clone(), given(&parameter.name)?)))
        .collect();
    let request = InstanceRequest { parameters, ..instance(&caller, &text, "") };
    let id = apply_instance(&aws, request).await.unwrap();
    let made: Vec<String> = {
        let state = aws.lock();
        state.cloudformation.stacks.by_id[&id].resources.keys().cloned().collect()
    };
    assert!(!made.is_empty());
    remove_instance(&aws, ACCOUNT, REGION, &id, &caller, Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn a_template_with_a_fault_is_refused_with_its_line() {
    let aws = Aws::new(crate::Settings::default());
    let error = check_template(&aws, "Resources:\n  Q:\n    Type: AWS::Nope::Nope\n").unwrap_err();
    assert!(error.contains("line 2") && error.contains("AWS::Nope::Nope"), "{error}");
    let _: Arc<str> = error.into();
}

/// A stack that exports goes after those that import, and keeps what they use.
#[tokio::test(start_paused = true)]
async fn what_is_imported_stays_until_nobody_imports_it() {
    let aws = Aws::new(crate::Settings { inert_resources: true, ..crate::Settings::default() });
    let deploy = |name: &str, template: &str| {
        aws.deploy_stack(StackRequest {
            name: name.to_owned(),
            template: template.to_owned(),
            base_dir: None,
            parameters: Default::default(),
            tags: Default::default(),
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
        })
    };
    let network = "Resources: {V: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}}\n\
        Outputs: {V: {Value: !Ref V, Export: {Name: vpc}}, C: {Value: !GetAtt V.CidrBlock}}\n";
    let user = "Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !ImportValue vpc}}}\n\
        Outputs: {Vpc: {Value: !GetAtt P.Value}}\n";
    assert!(
        deploy("user", user).await.unwrap_err().to_string().contains("No export named vpc found.")
    );
    aws.delete_stack(ACCOUNT, REGION, "user").await.unwrap();
    let outputs = deploy("network", network).await.unwrap();
    assert!(outputs["V"].starts_with("vpc-0"), "{outputs:?}");
    assert_eq!(outputs["C"], "10.0.0.0/16");
    assert_eq!(deploy("user", user).await.unwrap()["Vpc"], outputs["V"]);
    let twice = deploy("other", network).await.unwrap_err().to_string();
    assert!(twice.contains("Export with name vpc is already exported by stack"), "{twice}");
    let used = aws.delete_stack(ACCOUNT, REGION, "network").await.unwrap_err().to_string();
    assert!(used.contains("Cannot delete export vpc as it is in use by user"), "{used}");
    aws.delete_stack(ACCOUNT, REGION, "user").await.unwrap();
    aws.delete_stack(ACCOUNT, REGION, "network").await.unwrap();
}
