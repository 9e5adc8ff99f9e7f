//! An organization with accounts in a unit, the roles of self-managed stack sets, and a
//! CloudFormation client of the management account.

use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::retry::RetryConfig;
use aws_sdk_cloudformation::config::{BehaviorVersion, Region};
use aws_sdk_cloudformation::types::{
    StackInstance, StackSetOperation, StackSetOperationPreferences, StackSetOperationResultSummary,
    StackSetOperationStatus,
};
use local_aws::{Aws, Call, Settings};
use serde_json::{Value, json};

use crate::wire_clients::admin;
use crate::world::{ACCOUNT, REGION, World};

pub const OTHER_REGION: &str = "eu-west-1";
pub const EXECUTION_ROLE: &str = "AWSCloudFormationStackSetExecutionRole";
pub const GATE: &str = "AWSCloudFormationStackSetAccountGate";

/// A template with one SSM parameter whose value is a parameter.
pub const TEMPLATE: &str = r#"{"Parameters": {"Value": {"Type": "String", "Default": "one"}},
  "Resources": {"Setting": {"Type": "AWS::SSM::Parameter",
    "Properties": {"Name": "/baseline/setting", "Type": "String", "Value": {"Ref": "Value"}}}}}"#;

pub struct Fleet {
    pub world: World,
    pub aws: Aws,
    pub client: Client,
    pub accounts: Vec<String>,
    /// The unit in which the accounts stand, and an empty one beside it.
    pub unit: String,
    pub other_unit: String,
}

pub async fn call_in(
    aws: &Aws,
    account: &str,
    region: &str,
    name: (&'static str, &str),
    input: Value,
) -> Value {
    let call = Call::by_service("test.amazonaws.com", name.0, name.1, (account, region), input);
    aws.perform(&call).await.unwrap_or_else(|error| panic!("{name:?}: {error}"))
}

impl Fleet {
    pub async fn of(accounts: usize) -> Self {
        Self::with(accounts, Settings::default()).await
    }

    pub async fn with(accounts: usize, settings: Settings) -> Self {
        let settings =
            Settings { throttles: false, empty_pages: 0.0, full_journal: true, ..settings };
        let world = World::with(settings).await;
        let aws = world.aws.clone();
        let config = aws_sdk_cloudformation::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(admin())
            .retry_config(RetryConfig::disabled())
            .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
            .http_client(aws.http_client())
            .build();
        let client = Client::from_conf(config);
        let mut fleet = Self {
            world,
            aws,
            client,
            accounts: Vec::new(),
            unit: String::new(),
            other_unit: String::new(),
        };
        fleet.administration_role().await;
        fleet.unit = fleet.new_unit("General").await;
        fleet.other_unit = fleet.new_unit("Early").await;
        for number in 0..accounts {
            let account = fleet.account(&format!("tenant-{number}")).await;
            fleet.move_to(&account, &fleet.unit.clone()).await;
            fleet.accounts.push(account);
        }
        // The order in which an operation on all instances starts them.
        fleet.accounts.sort();
        fleet
    }

    async fn administration_role(&self) {
        let name = "AWSCloudFormationStackSetAdministrationRole";
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "cloudformation.amazonaws.com" },
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": { "aws:SourceAccount": ACCOUNT },
                    "ArnLike": {
                        "aws:SourceArn": format!("arn:aws:cloudformation:*:{ACCOUNT}:stackset/*"),
                    },
                },
            }],
        });
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Resource": format!("arn:aws:iam::*:role/{EXECUTION_ROLE}"),
            }],
        });
        let role = json!({ "RoleName": name, "AssumeRolePolicyDocument": trust.to_string() });
        self.world.admin("iam", "CreateRole", role).await.unwrap();
        let policy =
            json!({ "RoleName": name, "PolicyName": "p", "PolicyDocument": policy.to_string() });
        self.world.admin("iam", "PutRolePolicy", policy).await.unwrap();
    }

    pub async fn new_unit(&self, name: &str) -> String {
        let input = json!({ "ParentId": "r-root", "Name": name });
        let made =
            self.world.admin("organizations", "CreateOrganizationalUnit", input).await.unwrap();
        made["OrganizationalUnit"]["Id"].as_str().unwrap().to_owned()
    }

    /// A new account in the root, whose services answer.
    pub async fn account(&self, name: &str) -> String {
        let input = json!({
            "AccountName": name,
            "Email": format!("{name}@example.com"),
            "RoleName": EXECUTION_ROLE,
        });
        let begun = self.world.admin("organizations", "CreateAccount", input).await.unwrap();
        self.aws.sleep(Duration::from_secs(200)).await;
        let id = begun["CreateAccountStatus"]["Id"].clone();
        let input = json!({ "CreateAccountRequestId": id });
        let done = self.world.admin("organizations", "DescribeCreateAccountStatus", input).await;
        done.unwrap()["CreateAccountStatus"]["AccountId"].as_str().unwrap().to_owned()
    }

    pub async fn move_to(&self, account: &str, unit: &str) {
        let input = json!({ "ChildId": account });
        let parents = self.world.admin("organizations", "ListParents", input).await.unwrap();
        let input = json!({
            "AccountId": account,
            "SourceParentId": parents["Parents"][0]["Id"],
            "DestinationParentId": unit,
        });
        self.world.admin("organizations", "MoveAccount", input).await.unwrap();
    }

    pub async fn stack_set(&self, name: &str) {
        self.client
            .create_stack_set()
            .stack_set_name(name)
            .template_body(TEMPLATE)
            .send()
            .await
            .unwrap();
    }

    /// Creates instances in all accounts and these Regions, one after the other, and waits.
    pub async fn deployed(&self, name: &str, regions: &[&str]) -> StackSetOperation {
        self.stack_set(name).await;
        let id = self
            .client
            .create_stack_instances()
            .stack_set_name(name)
            .set_accounts(Some(self.accounts.clone()))
            .set_regions(Some(regions.iter().map(ToString::to_string).collect()))
            .operation_preferences(all_at_once())
            .send()
            .await
            .unwrap()
            .operation_id
            .unwrap();
        self.ended(name, &id).await
    }

    pub async fn operation(&self, name: &str, id: &str) -> StackSetOperation {
        let described =
            self.client.describe_stack_set_operation().stack_set_name(name).operation_id(id).send();
        described.await.unwrap().stack_set_operation.unwrap()
    }

    /// Waits for an operation's end.
    pub async fn ended(&self, name: &str, id: &str) -> StackSetOperation {
        loop {
            let operation = self.operation(name, id).await;
            let status = operation.status.clone().unwrap();
            let ended = [
                StackSetOperationStatus::Succeeded,
                StackSetOperationStatus::Failed,
                StackSetOperationStatus::Stopped,
            ];
            if ended.contains(&status) {
                return operation;
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }

    /// All results of an operation, once the list has caught up.
    pub async fn results(&self, name: &str, id: &str) -> Vec<StackSetOperationResultSummary> {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let list =
            self.client.list_stack_set_operation_results().stack_set_name(name).operation_id(id);
        list.send().await.unwrap().summaries.unwrap_or_default()
    }

    pub async fn instance(&self, name: &str, account: &str, region: &str) -> StackInstance {
        let described = self
            .client
            .describe_stack_instance()
            .stack_set_name(name)
            .stack_instance_account(account)
            .stack_instance_region(region);
        described.send().await.unwrap().stack_instance.unwrap()
    }

    /// The value of the template's SSM parameter in an account; none if it is not there.
    pub async fn setting(&self, account: &str, region: &str) -> Option<String> {
        let input = json!({ "Name": "/baseline/setting" });
        let call =
            Call::by_service("test.amazonaws.com", "ssm", "GetParameter", (account, region), input);
        let answer = self.aws.perform(&call).await.ok()?;
        Some(answer["Parameter"]["Value"].as_str().unwrap().to_owned())
    }

    /// Puts a gate into an account and Region, with this code.
    pub async fn gate(&self, account: &str, region: &str, code: &str) {
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "lambda.amazonaws.com" },
                "Action": "sts:AssumeRole",
            }],
        });
        let role = json!({ "RoleName": "gate", "AssumeRolePolicyDocument": trust.to_string() });
        call_in(&self.aws, account, "us-east-1", ("iam", "CreateRole"), role).await;
        let function = json!({
            "FunctionName": GATE,
            "Role": format!("arn:aws:iam::{account}:role/gate"),
            "Code": { "S3Bucket": "b", "S3Key": format!("{code}.zip") },
        });
        call_in(&self.aws, account, region, ("lambda", "CreateFunction"), function).await;
    }
}

/// Any number may fail, all at once, in all Regions at once.
pub fn all_at_once() -> StackSetOperationPreferences {
    StackSetOperationPreferences::builder()
        .failure_tolerance_percentage(100)
        .max_concurrent_percentage(100)
        .concurrency_mode(aws_sdk_cloudformation::types::ConcurrencyMode::SoftFailureTolerance)
        .region_concurrency_type(aws_sdk_cloudformation::types::RegionConcurrencyType::Parallel)
        .build()
}

pub fn status(result: &StackSetOperationResultSummary) -> &str {
    result.status.as_ref().unwrap().as_str()
}
