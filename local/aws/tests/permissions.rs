//! What a role has to be allowed where AWS does not say which form of a resource it checks: all.

use std::sync::atomic::{AtomicUsize, Ordering};

use local_aws::{Call, Caller, Principal};
use serde_json::{Value, json};

use crate::fleet::TEMPLATE;
use crate::world::{ACCOUNT, REGION, World};

const ADMINISTRATION: &str = "arn:aws:iam::111122223333:role/everything";

/// The code of the error with which a call is refused to a role that may do this; none if it may.
async fn refused(world: &World, statements: Value, call: (&'static str, &str, Value)) -> String {
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    static ROLES: AtomicUsize = AtomicUsize::new(0);
    let name = format!("role-{}", ROLES.fetch_add(1, Ordering::Relaxed));
    world.role(&name, &policy).await;
    let (service, operation, input) = call;
    let call = Call {
        service,
        operation: operation.to_owned(),
        input,
        caller: Caller {
            account: ACCOUNT.to_owned(),
            arn: format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/test"),
            principal: Principal::Role { role: name, session_policy: None },
        },
        account: ACCOUNT.to_owned(),
        region: REGION.to_owned(),
    };
    world.aws.perform(&call).await.err().map(|error| error.to_string()).unwrap_or_default()
}

fn allow(actions: &[&str], resources: &[&str]) -> Value {
    json!({ "Effect": "Allow", "Action": actions, "Resource": resources })
}

#[tokio::test(start_paused = true)]
async fn instances_are_made_by_who_may_with_every_form_of_a_targets_and_a_types_arn() {
    let world = World::new().await;
    let set = json!({
        "StackSetName": "base", "TemplateBody": TEMPLATE, "AdministrationRoleARN": ADMINISTRATION,
    });
    world.admin("cloudformation", "CreateStackSet", set).await.unwrap();
    let set = format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stackset/*");
    let targets = format!("arn:aws:cloudformation:*:{ACCOUNT}:stackset-target/*");
    let types = "arn:aws:cloudformation:*::type/resource/*";
    let create = &["cloudformation:CreateStackInstances"][..];
    let lend = allow(&["iam:GetRole", "iam:PassRole"], &[ADMINISTRATION]);
    let input = json!({
        "StackSetName": "base", "Accounts": ["111122223333"], "Regions": ["eu-west-1"],
    });
    let call = || ("cloudformation", "CreateStackInstances", input.clone());
    let one_region = format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stackset-target/*");
    let no_region = format!("arn:aws:cloudformation::{ACCOUNT}:stackset-target/*");
    let one_type = format!("arn:aws:cloudformation:{REGION}::type/resource/*");
    for (statements, missing) in [
        (
            json!([allow(create, &[&set, &one_region, types]), lend]),
            "cloudformation::111122223333:stackset-target/",
        ),
        (
            json!([allow(create, &[&set, &no_region, types]), lend]),
            "eu-central-1:111122223333:stackset-target/",
        ),
        (json!([allow(create, &[&set, &targets, &one_type]), lend]), "eu-west-1::type/resource/"),
        (
            json!([
                allow(create, &[&set, &targets, types]),
                allow(&["iam:PassRole"], &[ADMINISTRATION])
            ]),
            "iam:GetRole",
        ),
        (
            json!([
                allow(create, &[&set, &targets, types]),
                allow(&["iam:GetRole"], &[ADMINISTRATION])
            ]),
            "iam:PassRole",
        ),
    ] {
        let told = refused(&world, statements, call()).await;
        assert!(told.contains("AccessDenied") && told.contains(missing), "{missing}: {told}");
    }
    let all = json!([allow(create, &[&set, &targets, types]), lend]);
    assert_eq!(refused(&world, all, call()).await, "");
}

#[tokio::test(start_paused = true)]
async fn an_account_is_made_with_tags_by_who_may_tag_whatever_the_resource_is_called() {
    let world = World::new().await;
    let make = || {
        let tags = json!([{ "Key": "team", "Value": "a" }]);
        let input = json!({ "AccountName": "a", "Email": "a@example.com", "Tags": tags });
        ("organizations", "CreateAccount", input)
    };
    let create = allow(&["organizations:CreateAccount"], &["*"]);
    let tag = |resource: &str| allow(&["organizations:TagResource"], &[resource]);
    let accounts = "arn:aws:organizations::*:account/*";
    let told = refused(&world, json!([create, tag(accounts)]), make()).await;
    assert!(told.contains("AccessDenied") && told.contains("organizations:TagResource"), "{told}");
    assert_eq!(refused(&world, json!([create, tag("*")]), make()).await, "");
}

/// As AWS: only its own RCPFullAWSAccess allows.
#[tokio::test(start_paused = true)]
async fn a_resource_control_policy_that_allows_or_names_one_principal_is_malformed() {
    let world = World::new().await;
    let make = |effect: &str, principal: Value| {
        let content = json!({ "Version": "2012-10-17", "Statement": [{
            "Sid": "Only", "Effect": effect, "Principal": principal,
            "Action": "sts:AssumeRole", "Resource": "*",
        }] });
        json!({
            "Name": format!("p-{effect}"), "Description": "", "Type": "RESOURCE_CONTROL_POLICY",
            "Content": content.to_string(),
        })
    };
    for (effect, principal, told) in [
        ("Allow", json!("*"), "Only: the Effect of a resource control policy is Deny"),
        ("Deny", json!({ "AWS": "*" }), "Only: the Principal of a resource control policy"),
        ("Deny", json!({ "AWS": "arn:aws:iam::111122223333:root" }), "Only: the Principal of"),
    ] {
        let refused = world.admin("organizations", "CreatePolicy", make(effect, principal)).await;
        let error = refused.unwrap_err();
        assert_eq!(error.code, "MalformedPolicyDocumentException");
        assert!(error.message.contains(told), "{}", error.message);
    }
    world.admin("organizations", "CreatePolicy", make("Deny", json!("*"))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_template_with_a_transform_needs_the_capability_to_expand_it() {
    let world = World::new().await;
    let text = "Transform: AWS::Serverless-2016-10-31\nResources: {Q: {Type: AWS::SQS::Queue}}";
    let create = |capabilities: &[&str]| {
        let input = json!({ "StackName": "s", "TemplateBody": text, "Capabilities": capabilities });
        world.admin("cloudformation", "CreateStack", input)
    };
    let error = create(&["CAPABILITY_IAM"]).await.unwrap_err();
    assert_eq!(error.code, "InsufficientCapabilitiesException");
    assert!(error.message.contains("CAPABILITY_AUTO_EXPAND"), "{}", error.message);
    create(&["CAPABILITY_AUTO_EXPAND"]).await.unwrap();
}
