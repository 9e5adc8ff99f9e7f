//! An organization that Landlord is about to be deployed into, and the folder that it is deployed from.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use clap::Parser as _;
use lambda_kit::sdk::{Credentials, Wire};
use local_aws::organizations::Settled;
use local_aws::{Aws, Call};
use operator::Answer;
use operator::check::Check;
use serde_json::{Value, json};
use simulation::adoption::operator;
use simulation::world::settings;

pub(crate) const MANAGEMENT: &str = "111122223333";
pub(crate) const HOME: &str = "eu-central-1";
pub(crate) const ROOT: &str = "r-root";
pub(crate) const US_EAST_1: &str = "us-east-1";
const NEEDED: &str =
    "EmailDomain: accounts.example.com\nParentId: r-root\nHomeRegion: eu-central-1\n";

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    check: Check,
}

/// An organization in which everything is as README asks for it.
pub(crate) struct Ground {
    pub(crate) aws: Aws,
    folder: tempfile::TempDir,
    /// Whose eyes look: the administrator's, unless a test says otherwise.
    pub(crate) wire: Wire,
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.aws.shut_down();
    }
}

impl Ground {
    pub(crate) async fn prepared(seed: u64) -> Self {
        let start = Some(simulation::world::BEGINNING);
        let aws = Aws::new(local_aws::Settings { start, ..settings(seed) });
        let (wire, _) = operator(&aws);
        let ground = Self { wire, folder: folder(), aws };
        ground.aws.apply_quota((MANAGEMENT, HOME), "lambda", "L-B99A9384", 1000.0);
        ground.write("deployment.yaml", NEEDED);
        ground.trail(true).await;
        ground
    }

    /// A trail in us-east-1, of all Regions or of its own, that logs.
    pub(crate) async fn trail(&self, all_regions: bool) {
        self.bucket("our-trail", US_EAST_1).await;
        self.trail_in(US_EAST_1, all_regions).await;
    }

    pub(crate) async fn trail_in(&self, region: &str, all_regions: bool) {
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": ["s3:GetBucketAcl", "s3:PutObject"],
            "Resource": ["arn:aws:s3:::our-trail", "arn:aws:s3:::our-trail/*"],
        }]});
        let put = json!({ "Bucket": "our-trail", "$body": base64(policy.to_string().as_bytes()) });
        self.ask(("s3", US_EAST_1), "PutBucketPolicy", put).await;
        let trail = json!({ "Name": "our-trail", "S3BucketName": "our-trail",
                            "IsMultiRegionTrail": all_regions });
        self.ask(("cloudtrail", region), "CreateTrail", trail).await;
        self.ask(("cloudtrail", region), "StartLogging", json!({ "Name": "our-trail" })).await;
    }

    pub(crate) async fn bucket(&self, name: &str, region: &str) {
        let place = json!({ "LocationConstraint": region });
        let input = match region {
            US_EAST_1 => json!({ "Bucket": name }),
            _ => json!({ "Bucket": name, "CreateBucketConfiguration": place }),
        };
        self.ask(("s3", region), "CreateBucket", input).await;
    }

    /// A call in the management account's console.
    pub(crate) async fn ask(&self, at: (&'static str, &str), call: &str, input: Value) -> Value {
        let place = (MANAGEMENT, at.1);
        let call = Call::by_service("console.amazonaws.com", at.0, call, place, input);
        self.aws.perform(&call).await.unwrap_or_else(|error| panic!("{call:?}: {error:?}"))
    }

    pub(crate) async fn organizations(&self, call: &str, input: Value) -> Value {
        self.ask(("organizations", US_EAST_1), call, input).await
    }

    pub(crate) async fn unit(&self, parent: &str, name: &str) -> String {
        let input = json!({ "ParentId": parent, "Name": name });
        let made = self.organizations("CreateOrganizationalUnit", input).await;
        made["OrganizationalUnit"]["Id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn policy(&self, kind: &str, name: &str) -> String {
        let input = json!({ "Name": name, "Type": kind, "Description": "Ours.", "Content": json!({
            "Version": "2012-10-17", "Statement": [{
                "Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*",
            }],
        }).to_string() });
        let made = self.organizations("CreatePolicy", input).await;
        made["Policy"]["PolicySummary"]["Id"].as_str().unwrap().to_owned()
    }

    /// An account that stands somewhere, a tenant's or not.
    pub(crate) fn account(&self, parent: &str, tenant: Option<&str>) -> String {
        let name = format!("account-{}", self.aws.accounts().len());
        let tags = tenant.map(|id| ("landlord:tenant".to_owned(), id.to_owned()));
        let account = Settled {
            email: format!("{name}@example.com"),
            name,
            parent: parent.to_owned(),
            role: Some("OrganizationAccountAccessRole".to_owned()),
            tags: tags.into_iter().collect(),
        };
        self.aws.settle_accounts(&[account]).unwrap().remove(0)
    }

    pub(crate) async fn role(&self, name: &str, service: &str) {
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service},
        }]});
        let role = json!({ "RoleName": name, "AssumeRolePolicyDocument": trust.to_string() });
        self.ask(("iam", US_EAST_1), "CreateRole", role).await;
    }

    /// A stack set of the name, made as the members say.
    pub(crate) async fn stack_set(&self, name: &str, members: Value) {
        let template = std::fs::read_to_string(repository().join("stacksets/tenant-baseline.yaml"));
        let parameter =
            |key: &str, value: &str| json!({"ParameterKey": key, "ParameterValue": value});
        let mut input = json!({
            "StackSetName": name,
            "TemplateBody": template.unwrap(),
            "Capabilities": ["CAPABILITY_IAM"],
            "Parameters": [parameter("ExecutionRoleName", "AWSCloudFormationStackSetExecutionRole"),
                           parameter("HomeRegion", HOME)],
            "ManagedExecution": {"Active": "true"},
        });
        input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        self.ask(("cloudformation", HOME), "CreateStackSet", input).await;
    }

    /// A stack of the name whose creation fails and is rolled back.
    pub(crate) async fn failed_stack(&self, region: &str) {
        // Nobody may make a queue of this name.
        let template =
            "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: 'not allowed'}}}";
        let input = json!({ "StackName": "landlord", "TemplateBody": template });
        self.ask(("cloudformation", region), "CreateStack", input).await;
        self.aws.sleep(Duration::from_secs(60)).await;
    }

    /// Writes a file of the folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Writes more lines into deployment.yaml.
    pub(crate) fn set(&self, lines: &str) {
        self.write("deployment.yaml", &format!("{NEEDED}{lines}\n"));
    }

    /// Writes the parameters' file as it is.
    pub(crate) fn set_all(&self, text: &str) {
        self.write("deployment.yaml", text);
    }

    /// Changes tiers.json.
    pub(crate) fn tiers(&self, change: impl FnOnce(&mut Value)) {
        let mut tiers: Value = serde_json::from_str(&shipped("tiers.json")).unwrap();
        change(&mut tiers);
        self.write("tiers.json", &tiers.to_string());
    }

    /// Puts a further service into the catalogue, and its stack set into the tier "standard".
    pub(crate) fn service(&self, name: &str) {
        let service = json!({
            "stackSet": name, "template": "../stacksets/tenant-baseline.yaml", "removal": "DELETE",
            "capabilities": ["CAPABILITY_IAM"],
            "parameters": {"ExecutionRoleName": "x", "HomeRegion": HOME},
        });
        self.write(&format!("services/{name}.json"), &service.to_string());
        self.tiers(|tiers| {
            let baseline = tiers["tiers"]["standard"]["baseline"].as_array_mut().unwrap();
            baseline.push(json!({ "stackSet": name, "regions": [HOME] }));
        });
    }

    /// Puts the gate's stack set into the tier "standard".
    pub(crate) fn gate(&self, regions: &[&str]) {
        self.tiers(|tiers| {
            let baseline = tiers["tiers"]["standard"]["baseline"].as_array_mut().unwrap();
            baseline[0]["regions"] = json!(regions);
            baseline.push(json!({ "stackSet": "landlord-account-gate", "regions": regions }));
        });
    }

    /// Deploys what the folder says.
    pub(crate) async fn deploy(&self, parameters: &[(&str, &str)]) {
        let own = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let own: BTreeMap<String, String> = own.collect();
        simulation::deployment::deploy(&self.aws, &repository(), own).await.unwrap();
        self.aws.sleep(Duration::from_secs(60)).await;
    }

    /// Runs `landlord check`.
    pub(crate) async fn check(&self, arguments: &[&str]) -> Answer {
        let folder = self.folder.path().to_str().unwrap();
        let line = Line::parse_from([&["landlord", folder], arguments].concat());
        line.check.on(&self.wire).await.unwrap()
    }

    /// The names of what it finds, and all that it says.
    pub(crate) async fn found(&self) -> (Vec<String>, String) {
        let said: Value = serde_json::from_str(&self.check(&["--json"]).await.text).unwrap();
        let findings = said["findings"].as_array().unwrap();
        let names = findings.iter().map(|it| it["name"].as_str().unwrap().to_owned());
        (names.collect(), said.to_string())
    }

    /// Looks by a role of the management account that may do this.
    pub(crate) async fn look_as(&mut self, name: &str, policy: &Value) {
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"AWS": format!("arn:aws:iam::{MANAGEMENT}:root")},
        }]});
        let role = json!({ "RoleName": name, "AssumeRolePolicyDocument": trust.to_string() });
        self.ask(("iam", US_EAST_1), "CreateRole", role).await;
        let put =
            json!({ "RoleName": name, "PolicyName": "look", "PolicyDocument": policy.to_string() });
        self.ask(("iam", US_EAST_1), "PutRolePolicy", put).await;
        self.assume(&format!("arn:aws:iam::{MANAGEMENT}:role/{name}"));
    }

    /// Looks with the credentials of a role.
    pub(crate) fn assume(&mut self, role: &str) {
        let hour = Duration::from_secs(3600);
        let got =
            local_aws::iam::credentials_for_role(&self.aws, role, "look", None, hour).unwrap();
        let token = Some(got.token);
        let credentials = Credentials::new(got.access_key, got.secret, token, None, "role");
        self.wire = operator(&self.aws).0.assumed(credentials, HOME);
    }
}

/// A folder like the repository's, whose files may be written over.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path();
    for name in ["template.yaml", "stacksets"] {
        std::os::unix::fs::symlink(repository().join(name), into.join(name)).unwrap();
    }
    std::fs::create_dir(into.join("services")).unwrap();
    for name in ["tiers.json", "services/account-gate.json", "services/tenant-baseline.json"] {
        std::fs::write(into.join(name), shipped(name)).unwrap();
    }
    folder
}

fn shipped(name: &str) -> String {
    std::fs::read_to_string(repository().join(name)).unwrap()
}

pub(crate) fn repository() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}
