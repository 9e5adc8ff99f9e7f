//! Landlord's stack, deployed from the repository's own `template.yaml` into a world.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use local_aws::cloudformation::{StackError, StackRequest};
use local_aws::{Aws, AwsError, Call};
use serde_json::{Value, json};

/// The name under which the stack is deployed; `tiers.json` counts on it.
pub const STACK: &str = "landlord";

const US_EAST_1: &str = "us-east-1";

/// The source that signups come from, as the template has it by default.
pub const SIGNUP_SOURCE: &str = "saas.signup";

/// Why Landlord could not be deployed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the repository could not be read.
    #[error("{path} cannot be read")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The template, or a resource of it, is at fault.
    #[error("template.yaml cannot be deployed")]
    Stack(#[from] StackError),
    /// An AWS call around the stack failed.
    #[error("{call} failed")]
    Call {
        /// The call.
        call: String,
        /// AWS's answer.
        source: AwsError,
    },
    /// The template does not answer an output that is needed here.
    #[error("template.yaml has no output {0}")]
    Output(&'static str),
}

/// Landlord as it stands in a world, and the console that looks at it.
#[derive(Debug, Clone)]
pub struct Deployment {
    aws: Aws,
    outputs: BTreeMap<String, String>,
}

/// Deploys Landlord from the repository at `root`. `parameters` go over the local defaults.
///
/// # Errors
/// A file that is missing, or a template that cannot be deployed: nothing is skipped.
pub async fn deploy(
    aws: &Aws,
    root: &Path,
    parameters: BTreeMap<String, String>,
) -> Result<Deployment, Error> {
    let read = |name: &str| {
        let path = root.join(name);
        std::fs::read_to_string(&path)
            .map_err(|source| Error::File { path: path.display().to_string(), source })
    };
    let template = read("template.yaml")?;
    let console = Deployment { aws: aws.clone(), outputs: BTreeMap::new() };
    let root_id = console.organization_root().await?;
    for kind in ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"] {
        let input = json!({ "RootId": root_id, "PolicyType": kind });
        match console.ask("organizations", "EnablePolicyType", input).await {
            Err(Error::Call { source, .. })
                if source.code.starts_with("PolicyTypeAlreadyEnabled") => {}
            answer => drop(answer?),
        }
    }
    let mut all: BTreeMap<String, String> = [
        ("EmailDomain", "accounts.example.com".to_owned()),
        ("ParentId", root_id),
        ("Tiers", read("tiers.json")?),
        ("HomeRegion", aws.settings().home_region.clone()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    all.extend(parameters);
    let stack = |name: &str, template: String, parameters, region: &str| StackRequest {
        name: name.to_owned(),
        template,
        base_dir: Some(root.to_owned()),
        parameters,
        tags: BTreeMap::new(),
        account: aws.settings().management_account.clone(),
        region: region.to_owned(),
    };
    let home = aws.settings().home_region.clone();
    let outputs = aws.deploy_stack(stack(STACK, template, all, &home)).await?;
    // Organizations tells of closings there, and nowhere else.
    if home != US_EAST_1 {
        let parameters = BTreeMap::from([("LandlordRegion".to_owned(), home)]);
        let request = stack(STACK, read("us-east-1.yaml")?, parameters, US_EAST_1);
        aws.deploy_stack(request).await?;
    }
    Ok(Deployment { outputs, ..console })
}

impl Deployment {
    /// The world in which it stands.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// An output of the stack.
    ///
    /// # Errors
    /// When the template has no such output.
    pub fn output(&self, name: &'static str) -> Result<&str, Error> {
        self.outputs.get(name).map(String::as_str).ok_or(Error::Output(name))
    }

    /// Makes a call as the management account's administrator would in the console.
    ///
    /// # Errors
    /// AWS's answer, with the call's name.
    pub async fn ask(
        &self,
        service: &'static str,
        operation: &str,
        input: Value,
    ) -> Result<Value, Error> {
        let settings = self.aws.settings();
        let global = ["organizations", "iam"].contains(&service);
        let region = if global { "us-east-1" } else { &settings.home_region };
        let place = (settings.management_account.as_str(), region);
        let call = Call::by_service("console.amazonaws.com", service, operation, place, input);
        let failed = |source| Error::Call { call: format!("{service}:{operation}"), source };
        self.aws.perform(&call).await.map_err(failed)
    }

    /// The units directly below the root, by name.
    ///
    /// # Errors
    /// When a list cannot be read.
    pub async fn units(&self) -> Result<BTreeMap<String, String>, Error> {
        let root = self.organization_root().await?;
        let units = self.units_below(&root).await?;
        Ok(units.into_iter().map(|(id, name)| (name, id)).collect())
    }

    /// The units directly in a parent: id and name.
    ///
    /// # Errors
    /// When a list cannot be read.
    pub async fn units_below(&self, parent: &str) -> Result<Vec<(String, String)>, Error> {
        let mut units = Vec::new();
        let mut input = json!({ "ParentId": parent });
        loop {
            let list = "ListOrganizationalUnitsForParent";
            let page = self.ask("organizations", list, input).await?;
            for unit in page["OrganizationalUnits"].as_array().into_iter().flatten() {
                let text = |name: &str| unit[name].as_str().unwrap_or_default().to_owned();
                units.push((text("Id"), text("Name")));
            }
            // Pages may be empty and have a next one.
            if !page["NextToken"].is_string() {
                return Ok(units);
            }
            input = json!({ "ParentId": parent, "NextToken": page["NextToken"] });
        }
    }

    /// The id of the organization's root.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub async fn root(&self) -> Result<String, Error> {
        self.organization_root().await
    }

    async fn organization_root(&self) -> Result<String, Error> {
        let mut input = json!({});
        loop {
            let page = self.ask("organizations", "ListRoots", input).await?;
            if let Some(id) = page.pointer("/Roots/0/Id").and_then(Value::as_str) {
                return Ok(id.to_owned());
            }
            // Pages may be empty and have a next one.
            if !page["NextToken"].is_string() {
                return Ok(String::new());
            }
            input = json!({ "NextToken": page["NextToken"] });
        }
    }

    /// Puts a signup on Landlord's bus; answers the event's id.
    ///
    /// # Errors
    /// The bus's refusal, for one a detail that is not a JSON object.
    pub async fn sign_up(&self, detail: &Value) -> Result<String, Error> {
        self.put("TenantSignedUp", detail).await
    }

    /// Puts an event of the signup system on Landlord's bus; answers its id.
    ///
    /// # Errors
    /// The bus's refusal, for one a detail that is not a JSON object.
    pub async fn put(&self, detail_type: &str, detail: &Value) -> Result<String, Error> {
        let entry = json!({
            "Source": SIGNUP_SOURCE,
            "DetailType": detail_type,
            "Detail": detail.to_string(),
            "EventBusName": self.output("EventBusName")?,
        });
        let answer = self.ask("events", "PutEvents", json!({ "Entries": [entry] })).await?;
        let text = |name: &str| {
            answer.pointer(&format!("/Entries/0/{name}")).and_then(Value::as_str).map(str::to_owned)
        };
        text("EventId").ok_or_else(|| Error::Call {
            call: "events:PutEvents".to_owned(),
            source: AwsError::new(
                text("ErrorCode").unwrap_or_default(),
                text("ErrorMessage").unwrap_or_default(),
            ),
        })
    }

    /// Listens to everything that Landlord announces on its bus, from now on.
    ///
    /// # Errors
    /// When the queue or the rule cannot be made.
    pub async fn listen(&self) -> Result<Listener, Error> {
        let bus = self.output("EventBusName")?.to_owned();
        let settings = self.aws.settings();
        let (account, region) = (&settings.management_account, &settings.home_region);
        let arn = format!("arn:aws:sqs:{region}:{account}:announcements");
        let rule = "announcements";
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
            "Action": "sqs:SendMessage", "Resource": arn,
        }] });
        let queue = json!({ "QueueName": rule, "Attributes": { "Policy": policy.to_string() } });
        let made = self.ask("sqs", "CreateQueue", queue).await?;
        let pattern = json!({ "source": ["landlord"] }).to_string();
        let put = json!({ "Name": rule, "EventBusName": bus, "EventPattern": pattern });
        self.ask("events", "PutRule", put).await?;
        let targets = json!({
            "Rule": rule, "EventBusName": bus, "Targets": [{ "Id": rule, "Arn": arn }],
        });
        self.ask("events", "PutTargets", targets).await?;
        let url = made["QueueUrl"].as_str().unwrap_or_default().to_owned();
        Ok(Listener { deployment: self.clone(), url })
    }
}

/// Hears what Landlord announces.
#[derive(Debug)]
pub struct Listener {
    deployment: Deployment,
    url: String,
}

/// One announcement.
#[derive(Debug, Clone)]
pub struct Announcement {
    /// The event's name: `TenantReady`.
    pub name: String,
    /// Its detail.
    pub detail: Value,
    /// When it was put on the bus, to the second.
    pub at: Timestamp,
}

impl Listener {
    /// What was announced since the last time; waits for some, a second at most.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn next(&self) -> Result<Vec<Announcement>, Error> {
        self.within(1).await
    }

    /// What was announced since the last time; waits for some, at most so many seconds (20).
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn within(&self, seconds: u8) -> Result<Vec<Announcement>, Error> {
        let input =
            json!({ "QueueUrl": self.url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": seconds });
        let got = self.deployment.ask("sqs", "ReceiveMessage", input).await?;
        let mut heard = Vec::new();
        for message in got["Messages"].as_array().into_iter().flatten() {
            let body = message["Body"].as_str().unwrap_or_default();
            let event: Value = serde_json::from_str(body).unwrap_or_default();
            heard.push(Announcement {
                name: event["detail-type"].as_str().unwrap_or_default().to_owned(),
                detail: event["detail"].clone(),
                at: event["time"].as_str().and_then(|at| at.parse().ok()).unwrap_or_default(),
            });
            let done = json!({ "QueueUrl": self.url, "ReceiptHandle": message["ReceiptHandle"] });
            self.deployment.ask("sqs", "DeleteMessage", done).await?;
        }
        Ok(heard)
    }
}
