//! A fleet that has stood for long: accounts of tenants in their home units, with the baseline of
//! their tier, a gate in each, and alarms in some.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lifecycle::{TenantId, TierName, TiersConfig, home_unit};
use local_aws::organizations::Settled;
use local_aws::{Aws, AwsError, Call};
use serde_json::{Value, json};

use crate::deployment::{Deployment, Error};

/// The role that AWS makes in new accounts, and by which StackSets acts there.
pub const EXECUTION_ROLE: &str = "AWSCloudFormationStackSetExecutionRole";

/// The literal name that StackSets asks for.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-account-gating.html>
pub const GATE: &str = "AWSCloudFormationStackSetAccountGate";

/// The alarm that an account in trouble has.
pub const ALARM: &str = "checkout-errors";

/// What a fleet is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Accounts.
    pub accounts: usize,
    /// The share of them, 0 to 1, whose tenants have the tier `premium`, in two Regions.
    pub premium: f64,
    /// The share of them, 0 to 1, in which an alarm is red.
    pub in_alarm: f64,
    /// Whether there is a gate in each account and Region.
    pub gates: bool,
    /// Same seed, same fleet.
    pub seed: u64,
}

/// A tenant whose account has stood for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: String,
    /// Its tier.
    pub tier: &'static str,
    /// Whether an alarm is red in its account.
    pub in_alarm: bool,
}

impl Wanted {
    /// The tenants of such a fleet.
    #[must_use]
    pub fn tenants(&self) -> Vec<Tenant> {
        let mut dice = fastrand::Rng::with_seed(self.seed);
        (1..=self.accounts)
            .map(|number| {
                let premium = dice.f64() < self.premium;
                let in_alarm = dice.f64() < self.in_alarm;
                let tier = if premium { "premium" } else { "standard" };
                Tenant { id: format!("tenant-{number:05}"), tier, in_alarm }
            })
            .collect()
    }
}

/// An account of the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The account's id.
    pub account: String,
    /// The tenant's id.
    pub tenant: String,
    /// The unit in which it stands.
    pub unit: String,
    /// The Regions in which it has the baseline.
    pub regions: Vec<String>,
    /// Whether its alarm was red from the beginning.
    pub in_alarm: bool,
}

/// A fleet.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// Its accounts.
    pub members: Vec<Member>,
    /// The stack set that all of them have.
    pub stack_set: String,
}

impl Fleet {
    /// Settles a fleet in a world where Landlord is deployed, and deploys its baseline.
    ///
    /// # Errors
    /// What the world refuses.
    pub async fn settle(
        deployment: &Deployment,
        tiers: &TiersConfig,
        tenants: &[Tenant],
        gates: bool,
    ) -> Result<Self, Error> {
        let stack_set = deployment.output("TenantBaselineStackSetName")?.to_owned();
        let members = accounts(deployment, tiers, tenants).await?;
        let fleet = Self { members, stack_set };
        if gates {
            for member in &fleet.members {
                for region in &member.regions {
                    put_gate(deployment.aws(), &member.account, region).await?;
                }
            }
        }
        fleet.deploy(deployment).await?;
        for member in fleet.members.iter().filter(|member| member.in_alarm) {
            set_alarm(deployment.aws(), member, "ALARM").await?;
        }
        Ok(fleet)
    }

    /// Gives every account its baseline: one operation for each set of Regions.
    pub(crate) async fn deploy(&self, deployment: &Deployment) -> Result<(), Error> {
        let mut groups: BTreeMap<&[String], Vec<&str>> = BTreeMap::new();
        for member in &self.members {
            groups.entry(&member.regions).or_default().push(&member.account);
        }
        for (number, (regions, accounts)) in groups.into_iter().enumerate() {
            let id = format!("settle-{number}");
            let input = json!({
                "StackSetName": self.stack_set, "OperationId": id,
                "Accounts": accounts, "Regions": regions,
                "OperationPreferences": {
                    "RegionConcurrencyType": "PARALLEL", "MaxConcurrentPercentage": 100,
                    "FailureTolerancePercentage": 0, "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE",
                },
            });
            deployment.ask("cloudformation", "CreateStackInstances", input).await?;
            let ended = ended(deployment, &self.stack_set, &id).await?;
            if ended != "SUCCEEDED" {
                let source = AwsError::new("SettlingFailed", format!("operation {id}: {ended}"));
                return Err(Error::Call { call: "the fleet's baseline".to_owned(), source });
            }
        }
        Ok(())
    }

    /// How many accounts stand in each unit.
    #[must_use]
    pub fn by_unit(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for member in &self.members {
            *counts.entry(member.unit.as_str()).or_default() += 1;
        }
        counts
    }
}

/// Waits for an operation's end; answers its status.
async fn ended(deployment: &Deployment, set: &str, id: &str) -> Result<String, Error> {
    loop {
        let input = json!({ "StackSetName": set, "OperationId": id });
        let shown = deployment.ask("cloudformation", "DescribeStackSetOperation", input).await?;
        let status = shown["StackSetOperation"]["Status"].as_str().unwrap_or_default();
        if ["SUCCEEDED", "FAILED", "STOPPED"].contains(&status) {
            return Ok(status.to_owned());
        }
        deployment.aws().sleep(Duration::from_secs(10)).await;
    }
}

async fn accounts(
    deployment: &Deployment,
    tiers: &TiersConfig,
    tenants: &[Tenant],
) -> Result<Vec<Member>, Error> {
    let units = deployment.units().await?;
    let mut members = Vec::with_capacity(tenants.len());
    let mut settled = Vec::with_capacity(tenants.len());
    for Tenant { id, tier, in_alarm } in tenants {
        let (unit, regions) = place(tiers, id, tier);
        settled.push(Settled {
            name: format!("tenant-{id}"),
            email: format!("aws+{id}@accounts.example.com"),
            parent: units.get(&unit).cloned().unwrap_or_default(),
            role: Some(EXECUTION_ROLE.to_owned()),
            tags: vec![
                ("landlord:tenant".to_owned(), id.clone()),
                ("landlord:tier".to_owned(), (*tier).to_owned()),
            ],
        });
        let (account, tenant) = (String::new(), id.clone());
        members.push(Member { account, tenant, unit, regions, in_alarm: *in_alarm });
    }
    let ids = deployment.aws().settle_accounts(&settled).map_err(|why| Error::Call {
        call: "settling accounts".to_owned(),
        source: AwsError::validation(why),
    })?;
    for (member, id) in members.iter_mut().zip(ids) {
        member.account = id;
    }
    Ok(members)
}

/// A tenant's home and Regions, as the tier says.
fn place(tiers: &TiersConfig, tenant: &str, tier: &str) -> (String, Vec<String>) {
    let nowhere = (String::new(), Vec::new());
    let (Ok(tenant), Ok(name)) = (tenant.parse::<TenantId>(), tier.parse::<TierName>()) else {
        return nowhere;
    };
    let Some(tier) = tiers.get(&name) else { return nowhere };
    let unit = home_unit(&tenant, &tier.organizational_units);
    let regions: BTreeSet<String> =
        tier.baseline.iter().flat_map(|set| set.regions.iter().map(ToString::to_string)).collect();
    (unit.map(|unit| unit.name.to_string()).unwrap_or_default(), regions.into_iter().collect())
}

/// Performs a call in a tenant's account, as somebody who may do everything there.
///
/// # Errors
/// AWS's answer, with the call's name.
pub async fn inside(
    aws: &Aws,
    (account, region): (&str, &str),
    (service, operation): (&'static str, &str),
    input: Value,
) -> Result<Value, Error> {
    let call =
        Call::by_service("console.amazonaws.com", service, operation, (account, region), input);
    let failed = |source| Error::Call { call: format!("{service}:{operation}"), source };
    aws.perform(&call).await.map_err(failed)
}

/// Sets the alarm of an account in all of its Regions; makes it first where it is not there.
///
/// # Errors
/// What the world refuses.
pub async fn set_alarm(aws: &Aws, member: &Member, state: &str) -> Result<(), Error> {
    for region in &member.regions {
        red_or_green(aws, (&member.account, region), ALARM, state).await?;
    }
    Ok(())
}

/// Sets an alarm in an account and Region; makes it first.
///
/// # Errors
/// What the world refuses.
pub async fn red_or_green(
    aws: &Aws,
    place: (&str, &str),
    name: &str,
    state: &str,
) -> Result<(), Error> {
    let put = json!({
        "AlarmName": name, "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1,
        "MetricName": "Errors", "Namespace": "Checkout", "Period": 60, "Statistic": "Sum",
        "Threshold": 1.0,
        // Nothing measures here: it stays as it is set.
        "TreatMissingData": "ignore",
    });
    inside(aws, place, ("cloudwatch", "PutMetricAlarm"), put).await?;
    let set = json!({ "AlarmName": name, "StateValue": state, "StateReason": "said so" });
    inside(aws, place, ("cloudwatch", "SetAlarmState"), set).await.map(drop)
}

/// Puts the gate into an account and Region, with a role that may do what its checks need.
async fn put_gate(aws: &Aws, account: &str, region: &str) -> Result<(), Error> {
    // As a stack instance of the gate's stack set would name it: quarantine lets such a role work.
    let name = format!("StackSet-gate-AccountGateRole-{region}");
    let role = json!({
        "RoleName": name, "Path": "/landlord/",
        "AssumeRolePolicyDocument": json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" },
                "Action": "sts:AssumeRole",
            }],
        }).to_string(),
    });
    inside(aws, (account, "us-east-1"), ("iam", "CreateRole"), role).await?;
    let policy = json!({
        "RoleName": name, "PolicyName": "checks",
        "PolicyDocument": json!({
            "Version": "2012-10-17",
            "Statement": [
                { "Effect": "Allow", "Action": "cloudwatch:DescribeAlarms", "Resource": "*" },
                {
                    "Effect": "Allow", "Action": ["ssm:GetParameter", "ssm:GetParameters"],
                    "Resource": format!("arn:aws:ssm:{region}:{account}:parameter/landlord/*"),
                },
            ],
        }).to_string(),
    });
    inside(aws, (account, "us-east-1"), ("iam", "PutRolePolicy"), policy).await?;
    let function = json!({
        "FunctionName": GATE, "Timeout": 10, "MemorySize": 128,
        "Role": format!("arn:aws:iam::{account}:role/landlord/{name}"),
        "Code": { "S3Bucket": "artifacts", "S3Key": "account-gate.zip" },
    });
    inside(aws, (account, region), ("lambda", "CreateFunction"), function).await.map(drop)
}

/// Puts a file into the runs bucket; answers the URL by which StackSets reads it.
///
/// # Errors
/// What the world refuses.
pub async fn upload(deployment: &Deployment, key: &str, text: &str) -> Result<String, Error> {
    let bucket = deployment.output("RunsBucketName")?;
    let input = json!({ "Bucket": bucket, "Key": key, "$body": STANDARD.encode(text) });
    deployment.ask("s3", "PutObject", input).await?;
    let region = &deployment.aws().settings().home_region;
    Ok(format!("https://{bucket}.s3.{region}.amazonaws.com/{key}"))
}

/// Reads a file of the runs bucket; nothing if it is not there.
pub async fn download(deployment: &Deployment, key: &str) -> Option<String> {
    let bucket = deployment.output("RunsBucketName").ok()?;
    let input = json!({ "Bucket": bucket, "Key": key });
    let got = deployment.ask("s3", "GetObject", input).await.ok()?;
    let body = STANDARD.decode(got["$body"].as_str()?).ok()?;
    String::from_utf8(body).ok()
}
