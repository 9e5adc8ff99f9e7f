//! Organizations as the SDK sees it: what AWS documents, held by tests.

use crate::wire_clients;

use std::time::Duration;

use crate::wire_clients::{admin, organizations, settings, tagging};
use aws_sdk_organizations::Client;
use aws_sdk_organizations::types::{
    AccountState, AccountStatus, ChildType, ConstraintViolationExceptionReason as Constraint,
    CreateAccountFailureReason as Reason, CreateAccountState, CreateAccountStatus, PolicyType, Tag,
};
use local_aws::organizations::Settled;
use local_aws::{Aws, Settings};

fn world(settings: Settings) -> (Aws, Client) {
    let aws = Aws::new(settings);
    let client = organizations(&aws, admin(), "us-east-1");
    (aws, client)
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().unwrap()
}

async fn begin(client: &Client, name: &str) -> CreateAccountStatus {
    client
        .create_account()
        .account_name(name)
        .email(format!("{name}@example.com"))
        .tags(tag("landlord:tenant", name))
        .send()
        .await
        .unwrap()
        .create_account_status
        .unwrap()
}

async fn status(client: &Client, id: &str) -> CreateAccountStatus {
    client
        .describe_create_account_status()
        .create_account_request_id(id)
        .send()
        .await
        .unwrap()
        .create_account_status
        .unwrap()
}

async fn create(aws: &Aws, client: &Client, name: &str) -> String {
    let begun = begin(client, name).await;
    aws.sleep(Duration::from_secs(61)).await;
    status(client, begun.id().unwrap()).await.account_id.unwrap()
}

async fn unit(client: &Client, parent: &str, name: &str) -> String {
    let made = client.create_organizational_unit().parent_id(parent).name(name).send().await;
    made.unwrap().organizational_unit.unwrap().id.unwrap()
}

async fn parent(client: &Client, child: &str) -> String {
    let parents = client.list_parents().child_id(child).send().await.unwrap();
    parents.parents()[0].id().unwrap().to_owned()
}

/// How many accounts stand under a parent, by its list.
async fn count(client: &Client, parent: &str) -> usize {
    let pages = client.list_accounts_for_parent().parent_id(parent).into_paginator().send();
    let pages: Vec<_> = pages.try_collect().await.unwrap();
    pages.iter().map(|page| page.accounts().len()).sum()
}

/// The wire's error code.
macro_rules! code {
    ($result:expr) => {
        aws_sdk_organizations::error::ProvideErrorMetadata::code(&$result.unwrap_err())
            .unwrap()
            .to_owned()
    };
}

#[tokio::test(start_paused = true)]
async fn an_account_is_in_progress_for_a_while_and_then_stands_in_the_root() {
    let (aws, client) = world(settings());
    let begun = begin(&client, "acme").await;
    assert!(begun.id().unwrap().starts_with("car-"));
    assert_eq!(begun.state(), Some(&CreateAccountState::InProgress));
    aws.sleep(Duration::from_secs(59)).await;
    let later = status(&client, begun.id().unwrap()).await;
    assert_eq!((later.state(), later.account_id()), (Some(&CreateAccountState::InProgress), None));
    aws.sleep(Duration::from_secs(2)).await;
    let done = status(&client, begun.id().unwrap()).await;
    assert_eq!(done.state(), Some(&CreateAccountState::Succeeded));
    assert_eq!(done.requested_timestamp().unwrap().secs(), 1_772_352_000);
    assert_eq!(done.completed_timestamp().unwrap().secs(), 1_772_352_060);
    let id = done.account_id().unwrap();
    let account = client.describe_account().account_id(id).send().await.unwrap().account.unwrap();
    assert_eq!(account.name(), Some("acme"));
    assert_eq!(account.email(), Some("acme@example.com"));
    assert_eq!(account.state(), Some(&AccountState::Active));
    assert_eq!(account.status(), Some(&AccountStatus::Active));
    assert_eq!(account.paths(), [format!("o-landlordloc/r-root/{id}/")]);
    assert_eq!(
        account.arn().unwrap(),
        format!("arn:aws:organizations::111122223333:account/o-landlordloc/{id}")
    );
    assert_eq!(parent(&client, id).await, "r-root");
    let tags = client.list_tags_for_resource().resource_id(id).send().await.unwrap();
    assert_eq!(tags.tags(), [tag("landlord:tenant", "acme")]);
}

#[tokio::test(start_paused = true)]
async fn the_result_of_a_creation_is_told_to_eventbridge() {
    let (aws, client) = world(settings());
    create(&aws, &client, "acme").await;
    assert!(aws.journal().iter().any(|entry| {
        entry.action == "events:PutEvents"
            && entry.caller == "organizations.amazonaws.com"
            && entry.region == "us-east-1"
    }));
}

#[tokio::test(start_paused = true)]
async fn a_second_account_with_the_same_email_fails_later_and_not_at_once() {
    let (aws, client) = world(settings());
    let first = begin(&client, "acme").await;
    let twin = begin(&client, "acme").await;
    aws.sleep(Duration::from_secs(16)).await;
    let twin = status(&client, twin.id().unwrap()).await;
    assert_eq!(twin.failure_reason(), Some(&Reason::ConcurrentAccountModification));
    aws.sleep(Duration::from_secs(60)).await;
    let first = status(&client, first.id().unwrap()).await;
    assert_eq!(first.state(), Some(&CreateAccountState::Succeeded));
    let late = begin(&client, "acme").await;
    aws.sleep(Duration::from_secs(16)).await;
    let late = status(&client, late.id().unwrap()).await;
    assert_eq!(late.state(), Some(&CreateAccountState::Failed));
    assert_eq!(late.failure_reason(), Some(&Reason::EmailAlreadyExists));
    assert_eq!(aws.accounts().len(), 2, "the management account and one more");
}

#[tokio::test(start_paused = true)]
async fn an_email_can_be_taken_outside_and_a_creation_made_to_fail() {
    let (aws, client) = world(settings());
    aws.take_email_outside("Acme@example.com");
    aws.fail_next_creation("bolt", "INTERNAL_FAILURE");
    let (acme, bolt) = (begin(&client, "acme").await, begin(&client, "bolt").await);
    aws.sleep(Duration::from_secs(61)).await;
    let acme = status(&client, acme.id().unwrap()).await;
    assert_eq!(acme.failure_reason(), Some(&Reason::EmailAlreadyExists));
    let bolt = status(&client, bolt.id().unwrap()).await;
    assert_eq!(bolt.failure_reason(), Some(&Reason::InternalFailure));
    create(&aws, &client, "bolt").await;
}

#[tokio::test(start_paused = true)]
async fn only_five_creations_run_at_a_time() {
    let (aws, client) = world(settings());
    for name in ["a1", "b1", "c1", "d1", "e1"] {
        begin(&client, name).await;
    }
    let sixth = client
        .create_account()
        .account_name("f1")
        .email("f1@example.com")
        .send()
        .await
        .unwrap_err();
    let sixth = sixth.into_service_error();
    let aws_sdk_organizations::operation::create_account::CreateAccountError::ConstraintViolationException(sixth) =
        sixth
    else {
        panic!("{sixth:?}")
    };
    assert_eq!(sixth.reason(), Some(&Constraint::AccountCreationRateLimitExceeded));
    aws.sleep(Duration::from_secs(61)).await;
    begin(&client, "f1").await;
    assert_eq!(aws.most_creations_in_progress(), 5);
    let running = client
        .list_create_account_status()
        .states(CreateAccountState::InProgress)
        .send()
        .await
        .unwrap();
    assert!(running.create_account_statuses().is_empty(), "the list lags");
    aws.sleep(Duration::from_secs(4)).await;
    let running = client
        .list_create_account_status()
        .states(CreateAccountState::InProgress)
        .send()
        .await
        .unwrap();
    assert_eq!(running.create_account_statuses()[0].account_name(), Some("f1"));
}

#[tokio::test(start_paused = true)]
async fn creations_are_throttled_to_one_in_ten_seconds_after_a_burst_of_three() {
    let (aws, client) = world(Settings { throttles: true, ..settings() });
    for name in ["a1", "b1", "c1"] {
        begin(&client, name).await;
    }
    let fourth = || client.create_account().account_name("d1").email("d1@example.com").send();
    assert_eq!(code!(fourth().await), "TooManyRequestsException");
    aws.sleep(Duration::from_millis(9_900)).await;
    assert_eq!(code!(fourth().await), "TooManyRequestsException");
    // Refused calls took nothing out of the bucket.
    aws.sleep(Duration::from_millis(110)).await;
    fourth().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_aws_would_not_take_is_refused_with_its_reason() {
    let (_, client) = world(settings());
    for (name, email) in [
        ("acme", "acme"),
        ("acme", "a b@example.com"),
        ("acme", ".a@example.com"),
        ("acme", "a@@example.com"),
        ("acme", "a@example"),
        ("acme", "a@-example.com"),
        ("a\u{e9}", "acme@example.com"),
    ] {
        let refused = client.create_account().account_name(name).email(email).send().await;
        assert_eq!(code!(refused), "InvalidInputException", "{name} {email}");
    }
    for (key, value) in [("aws:x", "1"), ("a?", "1"), ("k", "a&b"), ("", "x")] {
        let refused = client
            .create_account()
            .account_name("acme")
            .email("acme@example.com")
            .tags(tag(key, value))
            .send()
            .await;
        assert_eq!(code!(refused), "InvalidInputException", "{key}={value}");
    }
    let role = client.create_account().account_name("acme").email("acme@example.com");
    assert_eq!(code!(role.role_name("a/b").send().await), "InvalidInputException");
}

#[tokio::test(start_paused = true)]
async fn the_organization_has_room_for_so_many_accounts() {
    let (aws, client) = world(Settings { account_limit: 2, ..settings() });
    begin(&client, "acme").await;
    let second = client.create_account().account_name("bolt").email("bolt@example.com");
    let error = second.send().await.unwrap_err().into_service_error();
    assert!(format!("{error:?}").contains("AccountNumberLimitExceeded"), "{error:?}");
    drop(aws);
}

#[tokio::test(start_paused = true)]
async fn lists_lag_give_pages_of_twenty_and_now_and_then_an_empty_one() {
    let (aws, client) = world(Settings { empty_pages: 0.5, ..settings() });
    let general = unit(&client, "r-root", "General").await;
    for round in 0..9 {
        for place in 0..5 {
            begin(&client, &format!("t{round}-{place}")).await;
        }
        aws.sleep(Duration::from_secs(70)).await;
    }
    let (mut pages, mut empty, mut names) = (0, 0, Vec::new());
    let mut token = None;
    loop {
        let page = client.list_accounts().set_next_token(token).send().await.unwrap();
        pages += 1;
        empty += usize::from(page.accounts().is_empty());
        assert!(page.accounts().len() <= 20);
        names.extend(page.accounts().iter().map(|account| account.name().unwrap().to_owned()));
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(names.len(), 46);
    assert_eq!(names[0], "Management");
    assert!(empty > 0 && pages > 3, "{empty} of {pages} pages were empty");
    let one = aws.accounts()[1].id.clone();
    client
        .move_account()
        .account_id(&one)
        .source_parent_id("r-root")
        .destination_parent_id(&general)
        .send()
        .await
        .unwrap();
    assert_eq!(parent(&client, &one).await, general, "ListParents is fresh");
    assert_eq!(count(&client, &general).await, 0, "the list lags");
    aws.sleep(Duration::from_secs(4)).await;
    assert_eq!(count(&client, &general).await, 1);
    assert_eq!(count(&client, "r-root").await, 45);
    let wrong = client.list_accounts().next_token("nonsense").send().await;
    assert_eq!(code!(wrong), "InvalidInputException");
}

#[tokio::test(start_paused = true)]
async fn moving_an_account_says_what_was_not_found() {
    let (aws, client) = world(settings());
    let general = unit(&client, "r-root", "General").await;
    let early = unit(&client, "r-root", "Early").await;
    let id = create(&aws, &client, "acme").await;
    let attempt = |account: &str, from: &str, to: &str| {
        client
            .move_account()
            .account_id(account)
            .source_parent_id(from)
            .destination_parent_id(to)
            .send()
    };
    let nowhere = "ou-root-00000000";
    for (account, from, to, expected) in [
        (id.as_str(), "r-root", nowhere, "DestinationParentNotFoundException"),
        (&id, nowhere, &general, "SourceParentNotFoundException"),
        ("999999999999", "r-root", &general, "AccountNotFoundException"),
        (&id, "r-root", "r-root", "DuplicateAccountException"),
        (&id, &early, &general, "SourceParentNotFoundException"),
        ("acme", "r-root", &general, "InvalidInputException"),
        (&id, "root", &general, "InvalidInputException"),
    ] {
        assert_eq!(code!(attempt(account, from, to).await), expected, "{account} {from} {to}");
    }
    attempt(&id, "r-root", &general).await.unwrap();
    assert_eq!(code!(attempt(&id, "r-root", &general).await), "DuplicateAccountException");
    let account = client.describe_account().account_id(&id).send().await.unwrap();
    assert_eq!(
        account.account().unwrap().paths(),
        [format!("o-landlordloc/r-root/{general}/{id}/")]
    );
}

#[tokio::test(start_paused = true)]
async fn units_are_named_once_nest_five_deep_and_go_only_when_empty() {
    let (_, client) = world(settings());
    let mut deepest = "r-root".to_owned();
    for depth in 0..5 {
        deepest = unit(&client, &deepest, &format!("Level {depth}")).await;
    }
    let too_deep = client.create_organizational_unit().parent_id(&deepest).name("x").send().await;
    assert_eq!(code!(too_deep), "ConstraintViolationException");
    let twice = client.create_organizational_unit().parent_id("r-root").name("Level 0").send();
    assert_eq!(code!(twice.await), "DuplicateOrganizationalUnitException");
    let top = client.list_organizational_units_for_parent().parent_id("r-root").send().await;
    let top = top.unwrap().organizational_units()[0].id().unwrap().to_owned();
    let delete = |id: &str| client.delete_organizational_unit().organizational_unit_id(id).send();
    assert_eq!(code!(delete(&top).await), "OrganizationalUnitNotEmptyException");
    let renamed = client.update_organizational_unit().organizational_unit_id(&top).name("First");
    renamed.send().await.unwrap();
    let described = client.describe_organizational_unit().organizational_unit_id(&top).send().await;
    assert_eq!(described.unwrap().organizational_unit().unwrap().name(), Some("First"));
    delete(&deepest).await.unwrap();
    assert_eq!(code!(delete(&deepest).await), "OrganizationalUnitNotFoundException");
    let children = client
        .list_children()
        .parent_id("r-root")
        .child_type(ChildType::OrganizationalUnit)
        .send()
        .await
        .unwrap();
    assert_eq!(children.children().len(), 1);
    let roots = client.list_roots().send().await.unwrap();
    assert_eq!(roots.roots()[0].id(), Some("r-root"));
}

#[tokio::test(start_paused = true)]
async fn closing_takes_a_while_keeps_to_its_budget_and_ends_after_ninety_days() {
    let (aws, client) = world(settings());
    let mut ids = Vec::new();
    for name in ["a1", "b1", "c1", "d1"] {
        ids.push(create(&aws, &client, name).await);
    }
    let close = |id: &str| client.close_account().account_id(id).send();
    for id in &ids[..3] {
        close(id).await.unwrap();
    }
    let fourth = close(&ids[3]).await.unwrap_err().into_service_error();
    assert!(format!("{fourth:?}").contains("CloseAccountRequestsLimitExceeded"), "{fourth:?}");
    assert_eq!(code!(close(&ids[0]).await), "ConflictException");
    let management = close("111122223333").await.unwrap_err().into_service_error();
    assert!(format!("{management:?}").contains("CannotCloseManagementAccount"));
    let described = || async {
        let account = client.describe_account().account_id(&ids[0]).send().await.unwrap();
        let account = account.account.unwrap();
        (account.state.unwrap(), account.status.unwrap())
    };
    assert_eq!(described().await, (AccountState::PendingClosure, AccountStatus::PendingClosure));
    aws.sleep(Duration::from_secs(601)).await;
    assert_eq!(described().await, (AccountState::Closed, AccountStatus::Suspended));
    assert_eq!(code!(close(&ids[0]).await), "AccountAlreadyClosedException");
    close(&ids[3]).await.unwrap();
    aws.sleep(Duration::from_secs(91 * 24 * 3600)).await;
    let gone = client.describe_account().account_id(&ids[0]).send().await;
    assert_eq!(code!(gone), "AccountNotFoundException");
    let again = begin(&client, "a1").await;
    aws.sleep(Duration::from_secs(61)).await;
    let again = status(&client, again.id().unwrap()).await;
    assert_eq!(again.failure_reason(), Some(&Reason::EmailAlreadyExists), "never free again");
}

#[tokio::test(start_paused = true)]
async fn policies_are_attached_listed_and_detached_but_the_last_one_stays() {
    let (_, client) = world(settings());
    let general = unit(&client, "r-root", "General").await;
    let create = |name: &str, content: &str| {
        client
            .create_policy()
            .r#type(PolicyType::ServiceControlPolicy)
            .name(name)
            .description("d")
            .content(content)
            .send()
    };
    let content =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"ssm:*","Resource":"*"}}"#;
    let made = create("NoSsm", content).await.unwrap().policy.unwrap();
    assert_eq!(made.content(), Some(content));
    let id = made.policy_summary().unwrap().id().unwrap().to_owned();
    assert_eq!(code!(create("NoSsm", content).await), "DuplicatePolicyException");
    let bad = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}}"#;
    assert_eq!(code!(create("Bad", bad).await), "MalformedPolicyDocumentException");
    let attach = |target: &str| client.attach_policy().policy_id(&id).target_id(target).send();
    attach(&general).await.unwrap();
    assert_eq!(code!(attach(&general).await), "DuplicatePolicyAttachmentException");
    assert_eq!(code!(attach("999999999999").await), "TargetNotFoundException");
    let targets = client.list_targets_for_policy().policy_id(&id).send().await.unwrap();
    assert_eq!(targets.targets()[0].name(), Some("General"));
    let listed = client
        .list_policies_for_target()
        .target_id(&general)
        .filter(PolicyType::ServiceControlPolicy)
        .send()
        .await
        .unwrap();
    let names: Vec<_> = listed.policies().iter().filter_map(|policy| policy.name()).collect();
    assert_eq!(names, ["FullAWSAccess", "NoSsm"]);
    assert_eq!(code!(client.delete_policy().policy_id(&id).send().await), "PolicyInUseException");
    let detach = |policy: &str| client.detach_policy().policy_id(policy).target_id(&general).send();
    detach("p-FullAWSAccess").await.unwrap();
    assert_eq!(code!(detach(&id).await), "ConstraintViolationException");
    let other = client.create_policy().r#type(PolicyType::TagPolicy).name("t").description("d");
    let error = other.content("{}").send().await.unwrap_err().into_service_error();
    assert!(
        format!("{error:?}").contains("the local AWS knows SERVICE_CONTROL_POLICY"),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn only_the_management_account_and_delegated_readers_may_call() {
    let (aws, client) = world(settings());
    let id = create(&aws, &client, "acme").await;
    aws.sleep(Duration::from_secs(60)).await;
    let role = format!("arn:aws:iam::{id}:role/OrganizationAccountAccessRole");
    let session = wire_clients::sts(&aws, admin(), "eu-central-1")
        .assume_role()
        .role_arn(role)
        .role_session_name("test")
        .send()
        .await
        .unwrap();
    let member =
        organizations(&aws, wire_clients::session(session.credentials().unwrap()), "us-east-1");
    member.describe_organization().send().await.unwrap();
    assert_eq!(code!(member.list_accounts().send().await), "AccessDeniedException");
    let stacksets = "member.org.stacksets.cloudformation.amazonaws.com";
    let register =
        || client.register_delegated_administrator().account_id(&id).service_principal(stacksets);
    assert_eq!(code!(register().send().await), "ConstraintViolationException");
    client.enable_aws_service_access().service_principal(stacksets).send().await.unwrap();
    register().send().await.unwrap();
    assert_eq!(member.list_accounts().send().await.unwrap().accounts().len(), 2);
    let move_self = member
        .move_account()
        .account_id(&id)
        .source_parent_id("r-root")
        .destination_parent_id("r-root")
        .send();
    assert_eq!(code!(move_self.await), "AccessDeniedException");
    let delegates = client.list_delegated_administrators().send().await.unwrap();
    assert_eq!(delegates.delegated_administrators()[0].id(), Some(id.as_str()));
    let services = client.list_aws_service_access_for_organization().send().await.unwrap();
    assert_eq!(services.enabled_service_principals()[0].service_principal(), Some(stacksets));
}

#[tokio::test(start_paused = true)]
async fn the_tagging_api_sees_accounts_later_than_organizations_does() {
    let (aws, client) = world(settings());
    let index = tagging(&aws, admin(), "us-east-1");
    let id = create(&aws, &client, "acme").await;
    let find = |value: &str| {
        let filter = aws_sdk_resourcegroupstagging::types::TagFilter::builder()
            .key("landlord:tenant")
            .values(value)
            .build();
        index
            .get_resources()
            .resource_type_filters("organizations:account")
            .tag_filters(filter)
            .resources_per_page(1)
            .send()
    };
    assert!(find("acme").await.unwrap().resource_tag_mapping_list().is_empty());
    aws.sleep(Duration::from_secs(31)).await;
    let found = find("acme").await.unwrap();
    assert_eq!(found.pagination_token(), Some(""));
    let arn = found.resource_tag_mapping_list()[0].resource_arn().unwrap();
    assert!(arn.ends_with(&id), "{arn}");
    client.untag_resource().resource_id(&id).tag_keys("landlord:tenant").send().await.unwrap();
    client
        .tag_resource()
        .resource_id(&id)
        .tags(tag("landlord:tier", "standard"))
        .send()
        .await
        .unwrap();
    assert_eq!(find("acme").await.unwrap().resource_tag_mapping_list().len(), 1, "it lags");
    aws.sleep(Duration::from_secs(31)).await;
    assert!(find("acme").await.unwrap().resource_tag_mapping_list().is_empty());
    let other = create(&aws, &client, "bolt").await;
    aws.sleep(Duration::from_secs(31)).await;
    let all = index.get_resources().resource_type_filters("organizations:account");
    let first = all.clone().resources_per_page(1).send().await.unwrap();
    let token = first.pagination_token().unwrap();
    assert_ne!(token, "");
    let second = all.resources_per_page(1).pagination_token(token).send().await.unwrap();
    assert_eq!(second.pagination_token(), Some(""));
    assert_ne!(
        first.resource_tag_mapping_list()[0].resource_arn(),
        second.resource_tag_mapping_list()[0].resource_arn()
    );
    let _ = other;
    let elsewhere = tagging(&aws, admin(), "eu-central-1").get_resources().send().await.unwrap();
    assert!(elsewhere.resource_tag_mapping_list().is_empty(), "accounts are in us-east-1");
}

#[tokio::test(start_paused = true)]
async fn the_quota_of_closings_is_a_rolling_window_of_thirty_days() {
    let (aws, client) = world(settings());
    let fleet = (0..252).map(|number| Settled {
        name: format!("seed-{number}"),
        email: format!("seed+{number}@example.com"),
        parent: "r-root".to_owned(),
        ..Settled::default()
    });
    let ids = aws.settle_accounts(&fleet.collect::<Vec<_>>()).unwrap();
    let close = |id: &str| client.close_account().account_id(id).send();
    close(&ids[0]).await.unwrap();
    aws.sleep(Duration::from_secs(10 * 24 * 3600)).await;
    for id in &ids[1..250] {
        close(id).await.unwrap();
        aws.sleep(Duration::from_secs(601)).await;
    }
    let refused = close(&ids[250]).await.unwrap_err().into_service_error();
    assert!(format!("{refused:?}").contains("CloseAccountQuotaExceeded"), "{refused:?}");
    // The first of them falls out of the window, the others stay in it.
    aws.sleep(Duration::from_secs(20 * 24 * 3600)).await;
    close(&ids[250]).await.unwrap();
    let refused = close(&ids[251]).await.unwrap_err().into_service_error();
    assert!(format!("{refused:?}").contains("CloseAccountQuotaExceeded"), "{refused:?}");
    assert_eq!(aws.most_closings_in_progress(), 1);
}
