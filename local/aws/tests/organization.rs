//! The organization itself: founded, with its features and types of policies, and given up.

use aws_sdk_organizations::Client;
use aws_sdk_organizations::error::ProvideErrorMetadata as _;
use aws_sdk_organizations::types::{OrganizationFeatureSet, PolicyType};
use local_aws::organizations::Settled;
use local_aws::{Aws, Settings};

use crate::wire_clients::{admin, organizations, settings};

const DENY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*",
    "Action":"s3:DeleteBucket","Resource":"*"}]}"#;

fn world() -> (Aws, Client) {
    let aws = Aws::new(Settings { empty_pages: 0.0, ..settings() });
    let client = organizations(&aws, admin(), "us-east-1");
    (aws, client)
}

async fn types(client: &Client) -> Vec<String> {
    let roots = client.list_roots().send().await.unwrap();
    let types = roots.roots()[0].policy_types().iter();
    types.map(|it| it.r#type().unwrap().as_str().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_new_organization_has_service_control_policies_enabled_and_nothing_else() {
    let (_, client) = world();
    let taken = client.create_organization().send().await.unwrap_err();
    assert_eq!(taken.code(), Some("AlreadyInOrganizationException"));
    client.delete_organization().send().await.unwrap();
    let none = client.describe_organization().send().await.unwrap_err();
    assert_eq!(none.code(), Some("AWSOrganizationsNotInUseException"));
    let made = client.create_organization().send().await.unwrap().organization.unwrap();
    assert_eq!(made.feature_set(), Some(&OrganizationFeatureSet::All));
    assert_eq!(types(&client).await, ["SERVICE_CONTROL_POLICY"]);
    let enable = client.enable_policy_type().root_id("r-root");
    enable.policy_type(PolicyType::ResourceControlPolicy).send().await.unwrap();
    assert_eq!(types(&client).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn consolidated_billing_alone_has_no_policies_and_closes_nobody() {
    let (aws, client) = world();
    client.delete_organization().send().await.unwrap();
    let billing = OrganizationFeatureSet::ConsolidatedBilling;
    client.create_organization().feature_set(billing).send().await.unwrap();
    assert!(types(&client).await.is_empty());
    let enable = client.enable_policy_type().root_id("r-root");
    let refused = enable.policy_type(PolicyType::ServiceControlPolicy).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("PolicyTypeNotAvailableForOrganizationException"));
    let member = Settled {
        name: "member".to_owned(),
        email: "member@example.com".to_owned(),
        parent: "r-root".to_owned(),
        ..Settled::default()
    };
    let member = aws.settle_accounts(&[member]).unwrap().remove(0);
    let refused = client.close_account().account_id(member).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ConstraintViolationException"));
    let refused = client.delete_organization().send().await.unwrap_err();
    assert_eq!(refused.code(), Some("OrganizationNotEmptyException"));
}

#[tokio::test(start_paused = true)]
async fn a_type_that_is_disabled_takes_its_policies_off_and_keeps_them() {
    let (_, client) = world();
    let policy = client.create_policy().name("ours").description("Ours.").content(DENY);
    let policy = policy.r#type(PolicyType::ResourceControlPolicy).send().await.unwrap();
    let id = policy.policy().unwrap().policy_summary().unwrap().id().unwrap().to_owned();
    let attach = || client.attach_policy().policy_id(&id).target_id("r-root").send();
    attach().await.unwrap();
    let kind = PolicyType::ResourceControlPolicy;
    let disable = client.disable_policy_type().root_id("r-root").policy_type(kind.clone());
    disable.clone().send().await.unwrap();
    assert_eq!(types(&client).await, ["SERVICE_CONTROL_POLICY"]);
    let targets = client.list_targets_for_policy().policy_id(&id).send().await.unwrap();
    assert!(targets.targets().is_empty());
    let refused = attach().await.unwrap_err();
    assert_eq!(refused.code(), Some("PolicyTypeNotEnabledException"));
    let again = disable.send().await.unwrap_err();
    assert_eq!(again.code(), Some("PolicyTypeNotEnabledException"));
    let enable = client.enable_policy_type().root_id("r-root").policy_type(kind);
    enable.send().await.unwrap();
    attach().await.unwrap();
}
