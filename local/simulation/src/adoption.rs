//! A fleet that Landlord did not make: accounts with workloads, in a unit of their team's own, and
//! beside them all that a list of accounts gets wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use lambda_kit::client;
use lambda_kit::sdk::{Credentials, Parts, Wire, temporary_credentials};
use lambda_kit::{Clock, chain};
use local_aws::Aws;
use local_aws::iam::{ADMIN_ACCESS_KEY, ADMIN_SECRET};
use local_aws::organizations::Settled;
use serde_json::{Value, json};

use crate::deployment::{Deployment, Error};
use crate::rollout::fleet::inside;

const EXECUTION_ROLE: &str = "AWSCloudFormationStackSetExecutionRole";
const ACCESS_ROLE: &str = "OrganizationAccountAccessRole";
/// The role by which a workload works.
const WORKLOAD: &str = "Workload";
const REGION: &str = "eu-central-1";

/// The fleet, and the list that somebody made of it.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// The unit of the team's own accounts.
    pub workloads: String,
    /// The list as CSV.
    pub list: String,
    /// Accounts with a workload, which a probe watches.
    pub live: Vec<String>,
    /// Accounts that lack the execution role, and can be entered.
    pub without_role: Vec<String>,
    /// One that nobody gets into.
    pub sealed: String,
    /// One with the baseline's stack by hand.
    pub by_hand: String,
    /// Two that are closed.
    pub closed: Vec<String>,
    /// Five that are not tenants'.
    pub internal: Vec<String>,
    /// Two lines of the list name this tenant.
    pub duplicate: Vec<String>,
}

impl Fleet {
    /// Thirty accounts, which have stood there for long.
    ///
    /// # Errors
    /// What the world refuses.
    pub async fn settle(deployment: &Deployment) -> Result<Self, Error> {
        let root = deployment.root().await?;
        let workloads = unit(deployment, &root, "Workloads").await?;
        let platform = unit(deployment, &root, "Platform").await?;
        let of = |count: usize, kind: &str, parent: &str, role: Option<&str>| -> Vec<Settled> {
            let one = |number| Settled {
                name: format!("{kind}-{number:02}"),
                email: format!("{kind}-{number:02}@corp.example"),
                parent: parent.to_owned(),
                role: role.map(str::to_owned),
                tags: vec![("owner".to_owned(), "product".to_owned())],
            };
            (1..=count).map(one).collect()
        };
        let groups = [
            of(14, "live", &workloads, Some(EXECUTION_ROLE)),
            of(4, "norole", &workloads, Some(ACCESS_ROLE)),
            of(1, "sealed", &workloads, None),
            of(1, "byhand", &workloads, Some(EXECUTION_ROLE)),
            of(2, "closed", &workloads, Some(EXECUTION_ROLE)),
            of(5, "internal", &platform, Some(EXECUTION_ROLE)),
            of(3, "twin", &workloads, Some(EXECUTION_ROLE)),
        ];
        let mut ids = Vec::new();
        for group in &groups {
            let made = deployment.aws().settle_accounts(group);
            ids.push(made.map_err(|_| Error::Output("the fleet"))?);
        }
        let [live, without_role, sealed, by_hand, closed, internal, twins] = ids.as_slice() else {
            return Err(Error::Output("the fleet"));
        };
        for id in live {
            employ(deployment.aws(), id).await?;
        }
        for id in closed {
            deployment.aws().close_account_by_hand(id);
        }
        build_by_hand(deployment, &by_hand[0]).await?;
        let mut list = "accountId,tenantId,tier,tenantName\n".to_owned();
        for (group, ids) in groups.iter().zip(&ids) {
            for (account, id) in group.iter().zip(ids) {
                let name = &account.name;
                // Two accounts that somebody took for the same tenant's.
                let tenant = if name == "twin-02" { "twin-01" } else { name };
                let tier = if name.ends_with("-03") { "premium" } else { "standard" };
                list.push_str(&format!("{id},{tenant},{tier},The {name}\n"));
            }
        }
        Ok(Self {
            workloads,
            list,
            live: live.clone(),
            without_role: without_role.clone(),
            sealed: sealed[0].clone(),
            by_hand: by_hand[0].clone(),
            closed: closed.clone(),
            internal: internal.clone(),
            duplicate: twins[..2].to_vec(),
        })
    }
}

async fn unit(deployment: &Deployment, parent: &str, name: &str) -> Result<String, Error> {
    let input = json!({ "ParentId": parent, "Name": name });
    let made = deployment.ask("organizations", "CreateOrganizationalUnit", input).await?;
    Ok(made["OrganizationalUnit"]["Id"].as_str().unwrap_or_default().to_owned())
}

/// Gives an account a role that its workload works by.
async fn employ(aws: &Aws, account: &str) -> Result<(), Error> {
    let management = &aws.settings().management_account;
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": format!("arn:aws:iam::{management}:root")},
    }]});
    let role = json!({ "RoleName": WORKLOAD, "AssumeRolePolicyDocument": trust.to_string() });
    inside(aws, (account, "us-east-1"), ("iam", "CreateRole"), role).await?;
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": ["ssm:*", "s3:*"], "Resource": "*",
    }]});
    let input = json!({ "RoleName": WORKLOAD, "PolicyName": "work",
                        "PolicyDocument": policy.to_string() });
    inside(aws, (account, "us-east-1"), ("iam", "PutRolePolicy"), input).await.map(drop)
}

/// The baseline, as a stack that somebody made before there were stack sets.
async fn build_by_hand(deployment: &Deployment, account: &str) -> Result<(), Error> {
    let input = json!({ "StackSetName": "landlord-tenant-baseline" });
    let shown = deployment.ask("cloudformation", "DescribeStackSet", input).await?;
    let stack = json!({
        "StackName": "our-baseline", "TemplateBody": shown["StackSet"]["TemplateBody"],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    });
    let place = (account, REGION);
    inside(deployment.aws(), place, ("cloudformation", "CreateStack"), stack).await.map(drop)
}

/// The way to AWS of an operator in the management account.
pub fn operator(aws: &Aws) -> (Wire, Clock) {
    let clock = {
        let aws = aws.clone();
        Clock::from_fn(Arc::new(move || aws.now()))
    };
    let wire = Wire::from_parts(Parts {
        http_client: aws.http_client(),
        credentials: Credentials::new(ADMIN_ACCESS_KEY, ADMIN_SECRET, None, None, "operator"),
        region: aws.settings().home_region.clone(),
        endpoint_url: None,
        clock: clock.clone(),
        retry_partition: None,
    });
    (wire, clock)
}

/// Works in accounts as their workloads do, the whole time, and counts what is denied.
#[derive(Debug)]
pub struct Probe {
    counts: Arc<Counts>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counts {
    ends: AtomicBool,
    calls: AtomicUsize,
    refused: std::sync::Mutex<Vec<String>>,
}

impl Probe {
    /// Begins to work in these accounts, one after another, with pauses of this length.
    pub fn begin(aws: &Aws, accounts: &[String], pause: Duration) -> Self {
        let counts = Arc::new(Counts::default());
        let (wire, _) = operator(aws);
        let (aws, accounts, shared) = (aws.clone(), accounts.to_vec(), counts.clone());
        let task = tokio::spawn(async move {
            while !shared.ends.load(Ordering::Relaxed) {
                for account in &accounts {
                    let worked = Box::pin(work(&wire, account)).await;
                    shared.calls.fetch_add(1, Ordering::Relaxed);
                    if let (Err(refusal), Ok(mut refused)) = (worked, shared.refused.lock()) {
                        refused.push(format!("{account}: {refusal}"));
                    }
                }
                aws.sleep(pause).await;
            }
        });
        Self { counts, task }
    }

    /// Ends, and answers how often it worked, and what was refused.
    pub async fn end(self) -> (usize, Vec<String>) {
        self.counts.ends.store(true, Ordering::Relaxed);
        // A probe that panicked would have been refused everything.
        if self.task.await.is_err() {
            return (0, vec!["the probe broke off".to_owned()]);
        }
        let refused = self.counts.refused.lock().map(|it| it.clone()).unwrap_or_default();
        (self.counts.calls.load(Ordering::Relaxed), refused)
    }
}

/// One call of a workload: into its account by its role, and a write there.
async fn work(wire: &Wire, account: &str) -> Result<(), String> {
    let assumed = client!(aws_sdk_sts, wire)
        .assume_role()
        .role_arn(format!("arn:aws:iam::{account}:role/{WORKLOAD}"))
        .role_session_name("workload")
        .send()
        .await
        .map_err(|error| chain(&error))?;
    let Some(given) = assumed.credentials() else { return Err("no credentials".to_owned()) };
    let credentials = temporary_credentials(
        given.access_key_id(),
        given.secret_access_key(),
        given.session_token(),
        given.expiration(),
    )?;
    let inside = wire.assumed(credentials, REGION);
    client!(aws_sdk_ssm, inside)
        .put_parameter()
        .name("/app/heartbeat")
        .value("alive")
        .r#type("String".into())
        .overwrite(true)
        .send()
        .await
        .map(drop)
        .map_err(|error| chain(&error))
}

/// Starts a rollout of the baseline's next version to all tenants; answers its execution.
///
/// # Errors
/// What the world refuses.
pub async fn roll_out(deployment: &Deployment, name: &str, plan: Value) -> Result<String, Error> {
    let template = crate::rollout::changed(
        &crate::rollout::file("stacksets/tenant-baseline.yaml")?,
        crate::rollout::Change::Good,
    );
    let url =
        crate::rollout::fleet::upload(deployment, &format!("templates/{name}.yaml"), &template)
            .await?;
    let input = json!({
        "version": 1, "stackSet": "landlord-tenant-baseline", "templateUrl": url, "plan": plan,
    });
    let start = json!({
        "stateMachineArn": deployment.output("RollOutStateMachineArn")?,
        "name": name, "input": input.to_string(),
    });
    let answer = deployment.ask("states", "StartExecution", start).await?;
    Ok(answer["executionArn"].as_str().unwrap_or_default().to_owned())
}
