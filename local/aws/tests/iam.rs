//! Roles, sessions and policies: who may do what in a world.

use crate::wire_clients;

use std::time::Duration;

use crate::wire_clients::{admin, iam_call, keys, organizations, session, settings, ssm, sts};
use aws_credential_types::Credentials;
use aws_sdk_organizations::error::ProvideErrorMetadata;
use aws_sdk_organizations::types::PolicyType;
use local_aws::{Aws, iam};

const LAMBDA_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// A role of the management account with one inline policy, and a session of it as a
/// function's environment has it.
async fn role(aws: &Aws, name: &str, policy: &str) -> Credentials {
    let members =
        [("RoleName", name), ("AssumeRolePolicyDocument", LAMBDA_TRUST), ("Path", "/service/")];
    let (status, body) = iam_call(aws, &admin(), "CreateRole", &members).await;
    assert_eq!(status, 200, "{body}");
    let members = [("RoleName", name), ("PolicyName", "only"), ("PolicyDocument", policy)];
    let (status, body) = iam_call(aws, &admin(), "PutRolePolicy", &members).await;
    assert_eq!(status, 200, "{body}");
    let arn = format!("arn:aws:iam::111122223333:role/service/{name}");
    let hour = Duration::from_secs(3600);
    let issued = iam::credentials_for_role(aws, &arn, "function", None, hour).unwrap();
    keys(&issued.access_key, &issued.secret, &issued.token)
}

async fn account(aws: &Aws, name: &str) -> String {
    let client = organizations(aws, admin(), "us-east-1");
    let email = format!("{name}@example.com");
    client.create_account().account_name(name).email(email).send().await.unwrap();
    aws.sleep(Duration::from_secs(61)).await;
    aws.accounts().into_iter().find(|account| account.name == name).unwrap().id
}

fn allow(action: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"It","Effect":"Allow","Action":"{action}","Resource":"*"}}]}}"#
    )
}

#[tokio::test(start_paused = true)]
async fn a_role_may_do_what_its_policy_allows_and_the_refusal_names_what_is_missing() {
    let aws = Aws::new(settings());
    let client =
        organizations(&aws, role(&aws, "reader", &allow("organizations:List*")).await, "us-east-1");
    client.list_accounts().send().await.unwrap();
    let error = client.describe_organization().send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    assert_eq!(
        error.message().unwrap(),
        "User: arn:aws:sts::111122223333:assumed-role/reader/function is not authorized to \
         perform: organizations:DescribeOrganization on resource: * because no identity-based \
         policy allows the organizations:DescribeOrganization action"
    );
    let used: Vec<_> = aws.used_actions().into_iter().collect();
    let arn = "arn:aws:iam::111122223333:role/service/reader".to_owned();
    assert_eq!(used, [(arn.clone(), "organizations:ListAccounts".to_owned())]);
    let by = &aws.allowing_policies()[&(arn, "organizations:ListAccounts".to_owned())];
    assert_eq!(by.first().unwrap(), "only (It)");
}

#[tokio::test(start_paused = true)]
async fn resources_and_tags_limit_what_a_role_may_touch() {
    let aws = Aws::new(settings());
    let id = account(&aws, "acme").await;
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"organizations:CloseAccount","Resource":"arn:aws:organizations::${aws:PrincipalAccount}:account/o-*/*",
         "Condition":{"StringEquals":{"aws:ResourceTag/landlord:tenant":"acme"},"Null":{"aws:ResourceTag/landlord:protected":"true"}}},
        {"Effect":"Deny","Action":"organizations:Close*","NotResource":"arn:aws:organizations::*:account/*"}]}"#;
    let client = organizations(&aws, role(&aws, "closer", policy).await, "us-east-1");
    let close = || client.close_account().account_id(&id).send();
    assert_eq!(close().await.unwrap_err().code(), Some("AccessDeniedException"));
    let tag = aws_sdk_organizations::types::Tag::builder()
        .key("landlord:tenant")
        .value("acme")
        .build()
        .unwrap();
    let operator = organizations(&aws, admin(), "us-east-1");
    operator.tag_resource().resource_id(&id).tags(tag).send().await.unwrap();
    close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_new_accounts_role_refuses_for_a_while_and_its_services_longer() {
    let mut settings = settings();
    settings.durations.role_ready = Duration::from_secs(30);
    settings.durations.services_ready = Duration::from_secs(60);
    let aws = Aws::new(settings);
    let id = account(&aws, "acme").await;
    let arn = format!("arn:aws:iam::{id}:role/OrganizationAccountAccessRole");
    let sts = sts(&aws, admin(), "eu-central-1");
    let assume = || sts.assume_role().role_arn(&arn).role_session_name("landlord").send();
    let error = assume().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDenied"));
    assert!(error.message().unwrap().contains(&arn), "{error:?}");
    aws.sleep(Duration::from_secs(30)).await;
    let assumed = assume().await.unwrap();
    let credentials = session(assumed.credentials().unwrap());
    let who = wire_clients::sts(&aws, credentials.clone(), "eu-central-1");
    let who = who.get_caller_identity().send().await.unwrap();
    assert_eq!(who.account(), Some(id.as_str()));
    assert_eq!(
        who.arn().unwrap(),
        format!("arn:aws:sts::{id}:assumed-role/OrganizationAccountAccessRole/landlord")
    );
    let ssm = ssm(&aws, credentials, "eu-central-1");
    let get = || ssm.get_parameter().name("/landlord/tenant").send();
    assert_eq!(get().await.unwrap_err().code(), Some("SubscriptionRequiredException"));
    aws.sleep(Duration::from_secs(30)).await;
    assert_ne!(get().await.unwrap_err().code(), Some("SubscriptionRequiredException"));
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_and_a_wrong_token_was_never_one() {
    let aws = Aws::new(settings());
    let issued = role(&aws, "short", &allow("sts:*")).await;
    let client = sts(&aws, issued.clone(), "eu-central-1");
    client.get_caller_identity().send().await.unwrap();
    let forged = keys(issued.access_key_id(), "x", "another token");
    let error = sts(&aws, forged, "eu-central-1").get_caller_identity().send().await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidClientTokenId"));
    aws.sleep(Duration::from_secs(3601)).await;
    let error = client.get_caller_identity().send().await.unwrap_err();
    assert_eq!(error.code(), Some("ExpiredToken"));
}

#[tokio::test(start_paused = true)]
async fn a_session_policy_narrows_and_never_widens() {
    let aws = Aws::new(settings());
    let id = account(&aws, "acme").await;
    aws.sleep(Duration::from_secs(60)).await;
    let sts = sts(&aws, admin(), "eu-central-1");
    let assumed = sts
        .assume_role()
        .role_arn(format!("arn:aws:iam::{id}:role/OrganizationAccountAccessRole"))
        .role_session_name("landlord")
        .policy(allow("ssm:PutParameter"))
        .send()
        .await
        .unwrap();
    let ssm = ssm(&aws, session(assumed.credentials().unwrap()), "eu-central-1");
    let error = ssm.get_parameter().name("/x").send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    assert!(error.message().unwrap().contains("because no session policy allows"), "{error:?}");
    let put = ssm.put_parameter().name("/x").value("1");
    let put = put.r#type(aws_sdk_ssm::types::ParameterType::String).send().await;
    let denied = put.err().and_then(|error| error.code().map(str::to_owned));
    assert_ne!(denied.as_deref(), Some("AccessDeniedException"));
}

#[tokio::test(start_paused = true)]
async fn a_service_control_policy_binds_members_at_any_depth_but_not_the_management_account() {
    let aws = Aws::new(settings());
    let id = account(&aws, "acme").await;
    aws.sleep(Duration::from_secs(60)).await;
    let operator = organizations(&aws, admin(), "us-east-1");
    let made = operator
        .create_policy()
        .r#type(PolicyType::ServiceControlPolicy)
        .name("Quarantine")
        .description("everything but the execution role")
        .content(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotAction":"sts:*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/landlord/*"}}}]}"#)
        .send()
        .await
        .unwrap();
    let policy = made.policy().unwrap().policy_summary().unwrap().id().unwrap().to_owned();
    operator.attach_policy().policy_id(&policy).target_id("r-root").send().await.unwrap();
    let sts = sts(&aws, admin(), "eu-central-1");
    let assumed = sts
        .assume_role()
        .role_arn(format!("arn:aws:iam::{id}:role/OrganizationAccountAccessRole"))
        .role_session_name("landlord")
        .send()
        .await
        .unwrap();
    let credentials = session(assumed.credentials().unwrap());
    let member = ssm(&aws, credentials.clone(), "eu-central-1");
    let error = member.get_parameter().name("/x").send().await.unwrap_err();
    assert!(
        error.message().unwrap().contains(&format!(
            "with an explicit deny in a service control policy: \
             arn:aws:organizations::111122223333:policy/o-landlordloc/service_control_policy/{policy}"
        )),
        "{error:?}"
    );
    let (status, body) = iam_call(&aws, &credentials, "ListRoles", &[]).await;
    assert_eq!(status, 403, "{body}");
    assert!(body.contains("<Code>AccessDenied</Code>"), "{body}");
    let own = ssm(&aws, role(&aws, "reader", &allow("ssm:*")).await, "eu-central-1");
    let denied = own.get_parameter().name("/x").send().await.unwrap_err();
    assert_ne!(denied.code(), Some("AccessDeniedException"), "management is not bound");
    operator.detach_policy().policy_id(&policy).target_id("r-root").send().await.unwrap();
    let (status, body) = iam_call(&aws, &credentials, "ListRoles", &[]).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("<member><Path>/</Path>"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_role_is_assumed_only_by_whom_its_trust_policy_names() {
    let aws = Aws::new(settings());
    let sts_of = |credentials| sts(&aws, credentials, "eu-central-1");
    let caller = role(&aws, "caller", &allow("sts:AssumeRole")).await;
    role(&aws, "target", &allow("ssm:*")).await;
    let target = "arn:aws:iam::111122223333:role/service/target";
    let assume = |name: &str| {
        sts_of(caller.clone()).assume_role().role_arn(target).role_session_name(name).send()
    };
    let error = assume("chained").await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDenied"), "only lambda.amazonaws.com may");
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/service/caller"},"Action":"sts:AssumeRole","Condition":{"StringLike":{"sts:RoleSessionName":"landlord-*"},"StringEquals":{"aws:PrincipalOrgID":"o-landlordloc"}}}]}"#;
    let members = [("RoleName", "target"), ("PolicyDocument", trust)];
    assert_eq!(iam_call(&aws, &admin(), "UpdateAssumeRolePolicy", &members).await.0, 200);
    assert_eq!(assume("other").await.unwrap_err().code(), Some("AccessDenied"));
    let assumed = assume("landlord-1").await.unwrap();
    let lifetime = assumed.credentials().unwrap().expiration().secs();
    assert_eq!(lifetime, 1_772_352_000 + 3_600);
    assert_eq!(assume("x").await.unwrap_err().code(), Some("ValidationError"));
    let long =
        sts_of(caller.clone()).assume_role().role_arn(target).role_session_name("landlord-2");
    let error = long.duration_seconds(7_200).send().await.unwrap_err();
    assert_eq!(error.code(), Some("ValidationError"));
    assert!(error.message().unwrap().contains("role chaining"));
    let padded = format!("{}{}", allow("ssm:*"), " ".repeat(2_048));
    let big = sts_of(caller.clone()).assume_role().role_arn(target).role_session_name("landlord-3");
    assert_eq!(big.policy(padded).send().await.unwrap_err().code(), Some("ValidationError"));
    let not_a_policy =
        sts_of(caller.clone()).assume_role().role_arn(target).role_session_name("landlord-4");
    let error = not_a_policy.policy("{}").send().await.unwrap_err();
    assert_eq!(error.code(), Some("MalformedPolicyDocument"));
}

#[tokio::test(start_paused = true)]
async fn roles_and_policies_are_made_read_and_deleted_as_the_cli_does_it() {
    let aws = Aws::new(settings());
    role(&aws, "worker", &allow("ssm:GetParameter")).await;
    let call = async |action: &str, members: &[(&str, &str)]| {
        iam_call(&aws, &admin(), action, members).await
    };
    let name = ("RoleName", "worker");
    let (status, body) =
        call("CreateRole", &[name, ("AssumeRolePolicyDocument", LAMBDA_TRUST)]).await;
    assert_eq!(status, 409);
    assert!(body.contains("<Type>Sender</Type><Code>EntityAlreadyExists</Code>"), "{body}");
    let managed = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    assert_eq!(call("AttachRolePolicy", &[name, ("PolicyArn", managed)]).await.0, 200);
    let unknown = "arn:aws:iam::aws:policy/AmazonEC2FullAccess";
    let (status, body) = call("AttachRolePolicy", &[name, ("PolicyArn", unknown)]).await;
    assert_eq!(status, 404);
    assert!(body.contains("that the local AWS does not know"), "{body}");
    let (_, body) = call("ListAttachedRolePolicies", &[name]).await;
    assert!(body.contains(managed), "{body}");
    let (_, body) = call("GetRolePolicy", &[name, ("PolicyName", "only")]).await;
    assert!(body.contains("ssm%3AGetParameter"), "{body}");
    let (_, body) = call("GetRole", &[name]).await;
    assert!(body.contains("<Arn>arn:aws:iam::111122223333:role/service/worker</Arn>"), "{body}");
    let (status, body) = call("DeleteRole", &[name]).await;
    assert_eq!((status, body.contains("DeleteConflict")), (409, true));
    assert_eq!(call("DetachRolePolicy", &[name, ("PolicyArn", managed)]).await.0, 200);
    assert_eq!(call("DeleteRolePolicy", &[name, ("PolicyName", "only")]).await.0, 200);
    let members = [
        name,
        ("PolicyName", "bad"),
        ("PolicyDocument", r#"{"Statement":[{"Effect":"Allow","Action":"ssm:*"}]}"#),
    ];
    let (status, body) = call("PutRolePolicy", &members).await;
    assert_eq!(status, 400);
    assert!(body.contains("MalformedPolicyDocument"), "{body}");
    assert!(body.contains("Statement[0]: must have a Resource or a NotResource"), "{body}");
    assert_eq!(call("DeleteRole", &[name]).await.0, 200);
    assert_eq!(call("GetRole", &[name]).await.0, 404);
    let document = allow("ssm:*");
    let members = [("PolicyName", "shared"), ("PolicyDocument", document.as_str())];
    let (_, body) = call("CreatePolicy", &members).await;
    let arn = "arn:aws:iam::111122223333:policy/shared";
    assert!(body.contains(arn), "{body}");
    assert_eq!(call("DeletePolicy", &[("PolicyArn", arn)]).await.0, 200);
    let (status, body) = call("CreateUser", &[("UserName", "x")]).await;
    assert_eq!(status, 501);
    assert!(body.contains("the local AWS does not know the call iam:CreateUser"), "{body}");
}
