//! What another account owns: its resource policy and its organization have a say too.

use local_aws::organizations::Settled;
use local_aws::{AwsError, Call, Caller, Principal};
use serde_json::{Value, json};

use crate::world::{ACCOUNT, REGION, World};

const EXECUTION: &str = "AWSCloudFormationStackSetExecutionRole";

/// A tenant's account, whose role may do everything that its own account can give it.
async fn tenant(world: &World) -> String {
    let settled = Settled {
        name: "acme".to_owned(),
        email: "acme@example.com".to_owned(),
        parent: "r-root".to_owned(),
        role: Some(EXECUTION.to_owned()),
        tags: Vec::new(),
    };
    world.aws.settle_accounts(&[settled]).unwrap().remove(0)
}

async fn by(
    world: &World,
    (account, role): (&str, &str),
    service: &'static str,
    operation: &str,
    input: Value,
) -> Result<Value, AwsError> {
    let call = Call {
        service,
        operation: operation.to_owned(),
        input,
        caller: Caller {
            account: account.to_owned(),
            arn: format!("arn:aws:sts::{account}:assumed-role/{role}/test"),
            principal: Principal::Role { role: role.to_owned(), session_policy: None },
        },
        account: account.to_owned(),
        region: REGION.to_owned(),
    };
    world.aws.perform(&call).await
}

fn resource_policy(effect: &str, principal: &str, action: &str, resource: &str) -> String {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": effect, "Principal": { "AWS": principal }, "Action": action, "Resource": resource,
    }] })
    .to_string()
}

fn refused(answer: Result<Value, AwsError>, why: &str) {
    let error = answer.unwrap_err();
    assert!(error.code.contains("AccessDenied"), "{error}");
    assert!(error.message.contains(why), "{}", error.message);
}

#[tokio::test(start_paused = true)]
async fn a_queue_and_a_topic_of_another_account_are_used_by_whom_their_policy_names() {
    let world = World::new().await;
    let account = tenant(&world).await;
    let me = (account.as_str(), EXECUTION);
    let role = format!("arn:aws:iam::{account}:role/{EXECUTION}");
    let queue = world.queue("letters", json!({})).await;
    let url = format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/letters");
    let send =
        || by(&world, me, "sqs", "SendMessage", json!({ "QueueUrl": url, "MessageBody": "x" }));
    refused(send().await, "because no resource-based policy allows the sqs:SendMessage action");
    let purge = by(&world, me, "sqs", "PurgeQueue", json!({ "QueueUrl": url })).await;
    refused(purge, "because no resource-based policy");
    let set = |policy: String| {
        let input = json!({ "QueueUrl": url, "Attributes": { "Policy": policy } });
        world.admin("sqs", "SetQueueAttributes", input)
    };
    set(resource_policy("Allow", &role, "sqs:SendMessage", &queue)).await.unwrap();
    send().await.unwrap();
    assert_eq!(world.receive(&queue).await.len(), 1);
    // Its own account's roles need no leave, and mind a refusal.
    set(resource_policy("Deny", "*", "sqs:SendMessage", &queue)).await.unwrap();
    let own = (ACCOUNT, crate::world::ADMIN_ROLE);
    let input = json!({ "QueueUrl": url, "MessageBody": "x" });
    refused(
        by(&world, own, "sqs", "SendMessage", input).await,
        "explicit deny in a resource-based",
    );

    let made = world.admin("sns", "CreateTopic", json!({ "Name": "news" })).await.unwrap();
    let topic = made["TopicArn"].as_str().unwrap();
    let publish = || by(&world, me, "sns", "Publish", json!({ "TopicArn": topic, "Message": "x" }));
    refused(publish().await, "because no resource-based policy allows the sns:Publish action");
    let allow = resource_policy("Allow", &account, "sns:Publish", topic);
    let input = json!({ "TopicArn": topic, "AttributeName": "Policy", "AttributeValue": allow });
    world.admin("sns", "SetTopicAttributes", input).await.unwrap();
    publish().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn machines_parameters_and_roles_of_another_account_are_out_of_reach() {
    let world = World::new().await;
    let account = tenant(&world).await;
    let me = (account.as_str(), EXECUTION);
    let definition = json!({
        "QueryLanguage": "JSONata", "StartAt": "E", "States": { "E": { "Type": "Succeed" } },
    });
    let machine = world.machine("m", crate::world::ADMIN_ROLE, &definition).await;
    let start = json!({ "stateMachineArn": machine, "name": "x", "input": "{}" });
    refused(by(&world, me, "states", "StartExecution", start).await, "states:StartExecution");
    let name = format!("arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/landlord/stop");
    let put = json!({ "Name": name, "Value": "x", "Type": "String" });
    refused(by(&world, me, "ssm", "PutParameter", put).await, "no resource-based policy");
    let function = json!({
        "FunctionName": "f", "Role": world.role_arn(crate::world::ADMIN_ROLE),
        "Code": { "S3Bucket": "b", "S3Key": "k" },
    });
    refused(by(&world, me, "lambda", "CreateFunction", function).await, "iam:PassRole");
}

#[tokio::test(start_paused = true)]
async fn a_resource_control_policy_binds_buckets_and_a_path_names_where_a_role_stands() {
    let world = World::new().await;
    let account = tenant(&world).await;
    let place = (account.as_str(), REGION);
    let inside = |operation: &str, input: Value| {
        let call = Call::by_service("test.amazonaws.com", "s3", operation, place, input);
        let aws = world.aws.clone();
        async move { aws.perform(&call).await.unwrap() }
    };
    inside("CreateBucket", json!({ "Bucket": "data" })).await;
    let policy = resource_policy("Allow", ACCOUNT, "s3:*", "arn:aws:s3:::data/*");
    let policy = crate::world::blob(&serde_json::from_str(&policy).unwrap());
    inside("PutBucketPolicy", json!({ "Bucket": "data", "$body": policy })).await;
    let put = || {
        let input = json!({ "Bucket": "data", "Key": "k", "$body": "" });
        by(&world, (ACCOUNT, crate::world::ADMIN_ROLE), "s3", "PutObject", input)
    };
    put().await.unwrap();
    let unit = json!({ "ParentId": "r-root", "Name": "Tenants" });
    let unit = world.admin("organizations", "CreateOrganizationalUnit", unit).await.unwrap();
    let unit = unit["OrganizationalUnit"]["Id"].as_str().unwrap();
    // A role may be allowed by where the account stands whose role it assumes.
    let allowed = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*",
        "Condition": { "ForAnyValue:StringLike": { "aws:ResourceOrgPaths": [format!("*/{unit}/*")] } },
    }] });
    world.role("visitor", &allowed).await;
    let visit = || {
        let role = format!("arn:aws:iam::{account}:role/{EXECUTION}");
        let input = json!({ "RoleArn": role, "RoleSessionName": "visit" });
        by(&world, (ACCOUNT, "visitor"), "sts", "AssumeRole", input)
    };
    refused(visit().await, "no identity-based policy allows");
    let step = json!({
        "AccountId": account, "SourceParentId": "r-root", "DestinationParentId": unit,
    });
    world.admin("organizations", "MoveAccount", step).await.unwrap();
    visit().await.unwrap();
    let content = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
        "Condition": { "StringNotEquals": { "aws:PrincipalAccount": account } },
    }] });
    let policy = json!({
        "Name": "own", "Description": "", "Type": "RESOURCE_CONTROL_POLICY",
        "Content": content.to_string(),
    });
    let policy = world.admin("organizations", "CreatePolicy", policy).await.unwrap();
    let id = policy["Policy"]["PolicySummary"]["Id"].as_str().unwrap();
    let attach = json!({ "PolicyId": id, "TargetId": unit });
    world.admin("organizations", "AttachPolicy", attach).await.unwrap();
    refused(put().await, "with an explicit deny in a resource control policy");
}
