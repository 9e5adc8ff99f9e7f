//! Landlord with tenants in every stage, accounts that are nobody's, and what they have.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use local_aws::organizations::Settled;
use local_aws::{Call, Caller, Principal};
use serde_json::{Value, json};
use simulation::deployment::STACK;
use simulation::world::{World, settings};

use super::harms::{Attempt, Harm, One};

/// The management account.
pub(crate) const MANAGEMENT: &str = "111122223333";
/// Where Landlord stands.
pub(crate) const REGION: &str = "eu-central-1";
/// The role by which StackSets acts in an account.
pub(crate) const EXECUTION: &str = "AWSCloudFormationStackSetExecutionRole";
/// Landlord's own role in an account, below /landlord/.
const OPERATOR: &str = "landlord-operator";
const ADMINISTRATION: &str = "AWSCloudFormationStackSetAdministrationRole";
/// Said of a call that went through and led nowhere.
pub(crate) const NOTHING_CAME_OF_IT: &str = "nothing came of it";
/// What a tenant's own role is called in the table.
pub(crate) const TENANT_ROLE: &str = "a tenant's own role";

/// Whoever holds credentials.
#[derive(Debug, Clone)]
pub(crate) struct Thief {
    account: String,
    principal: Principal,
}

impl Thief {
    /// Somebody whom no identity policy binds.
    pub(crate) fn administrator() -> Self {
        Self { account: MANAGEMENT.to_owned(), principal: Principal::Administrator }
    }

    fn caller(&self) -> Caller {
        let arn = match &self.principal {
            Principal::Role { role, .. } => {
                format!("arn:aws:sts::{}:assumed-role/{role}/thief", self.account)
            }
            _ => format!("arn:aws:iam::{}:user/administrator", self.account),
        };
        Caller { account: self.account.clone(), arn, principal: self.principal.clone() }
    }
}

/// A world, and what is in it.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) accounts: BTreeMap<&'static str, String>,
    pub(crate) units: BTreeMap<String, String>,
    /// Execution, function, queue, machine, … by a word of the harms.
    pub(crate) things: BTreeMap<&'static str, String>,
}

impl Scene {
    pub(crate) async fn found() -> Self {
        let mut settings = settings(19);
        settings.throttles = false;
        settings.durations.call = Duration::ZERO;
        settings.empty_pages = 0.0;
        let pipeline = format!("arn:aws:iam::{MANAGEMENT}:role/pipeline");
        let parameters =
            [("GateRegions", REGION), ("DeliveryRoleArns", &pipeline), ("Audits", "true")];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let world = World::found(settings, parameters.into()).await.unwrap();
        let units = world.deployment.units().await.unwrap();
        let mut scene = Self { world, accounts: BTreeMap::new(), units, things: BTreeMap::new() };
        scene.people().await;
        scene.belongings().await;
        scene
    }

    /// The same, with nothing between the administrator and a harm: for those who assume the
    /// execution role, and for StackSets.
    pub(crate) async fn without_walls() -> Self {
        let scene = Self::found().await;
        let ask = |operation: &'static str, input| scene.ask("organizations", operation, input);
        let kind = json!({ "Filter": "RESOURCE_CONTROL_POLICY" });
        let listed = ask("ListPolicies", kind).await;
        for policy in listed["Policies"].as_array().unwrap() {
            let id = &policy["Id"];
            if policy["AwsManaged"] == true {
                continue;
            }
            let targets = ask("ListTargetsForPolicy", json!({ "PolicyId": id })).await;
            for target in targets["Targets"].as_array().unwrap() {
                let input = json!({ "PolicyId": id, "TargetId": target["TargetId"] });
                ask("DetachPolicy", input).await;
            }
        }
        scene.reach_everywhere().await;
        scene
    }

    /// Lets StackSets into every account, by the role that Landlord made for its own.
    async fn reach_everywhere(&self) {
        let everything = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "*", "Resource": "*" },
        ] });
        let input = json!({
            "RoleName": ADMINISTRATION, "PolicyName": "wide",
            "PolicyDocument": everything.to_string(),
        });
        self.ask("iam", "PutRolePolicy", input).await;
    }

    /// Makes a call as nobody whom policies bind.
    pub(crate) async fn ask(&self, service: &'static str, operation: &str, input: Value) -> Value {
        self.world.deployment.ask(service, operation, input).await.unwrap()
    }

    async fn inside(&self, account: &str, service: &'static str, operation: &str, input: Value) {
        let call =
            Call::by_service("test.amazonaws.com", service, operation, (account, REGION), input);
        self.world.aws().perform(&call).await.unwrap();
    }

    async fn people(&mut self) {
        let unit = json!({ "ParentId": "r-root", "Name": "Internal" });
        let made = self.ask("organizations", "CreateOrganizationalUnit", unit).await;
        let internal = made["OrganizationalUnit"]["Id"].as_str().unwrap().to_owned();
        let (past, future) = ("2025-12-01T00:00:00Z", "2030-01-01T00:00:00Z");
        let tenant = |id: &str, more: &[(&str, &str)]| {
            let own = [("landlord:tenant", id), ("landlord:tier", "standard")];
            own.iter().chain(more).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        let leaving = |until| {
            [
                ("landlord:lifecycle", "RETIRING"),
                ("landlord:lifecycle-at", past),
                ("landlord:retiring-at", past),
                ("landlord:retire-after", until),
            ]
        };
        let emptied = [leaving(past).as_slice(), &[("landlord:withdrawn-at", past)]].concat();
        type Person<'a> = (&'static str, &'a str, Vec<(String, String)>);
        let people: [Person<'_>; 7] = [
            ("live", &self.units["General"], tenant("live", &[])),
            ("cooling", &self.units["Retiring"], tenant("cooling", &leaving(future))),
            ("due", &self.units["Retiring"], tenant("due", &leaving(past))),
            ("emptied", &self.units["Suspended"], tenant("emptied", &emptied)),
            ("waiting", &self.units["Onboarding"], tenant("waiting", &[])),
            ("internal", &internal, Vec::new()),
            ("new", "r-root", Vec::new()),
        ];
        let settled = people.iter().map(|(name, parent, tags)| Settled {
            name: (*name).to_owned(),
            email: format!("{name}@example.com"),
            parent: (*parent).to_owned(),
            role: Some(EXECUTION.to_owned()),
            tags: tags.clone(),
        });
        let ids = self.world.aws().settle_accounts(&settled.collect::<Vec<_>>()).unwrap();
        self.accounts = people.iter().map(|(name, ..)| *name).zip(ids).collect();
        self.accounts.insert("management", MANAGEMENT.to_owned());
        self.units.insert("Internal".to_owned(), internal);
    }

    async fn belongings(&mut self) {
        for account in ["live", "due", "internal", "new"] {
            let secret = json!({ "Name": "/product/secret", "Value": "s", "Type": "String" });
            self.inside(&self.accounts[account], "ssm", "PutParameter", secret).await;
        }
        for account in ["live", "due"] {
            let request = json!({ "accountId": self.accounts[account] }).to_string();
            let function =
                format!("arn:aws:lambda:{REGION}:{MANAGEMENT}:function:landlord-equip-account");
            let body = BASE64_STANDARD.encode(request);
            let input = json!({ "FunctionName": function, "$body": body });
            let invoke = One::new("lambda", "Invoke", input);
            self.perform(invoke, Thief::administrator().caller()).await.unwrap();
            let role = json!({ "RoleName": OPERATOR });
            self.inside(&self.accounts[account], "iam", "GetRole", role).await;
        }
        let input = json!({ "RoleName": "own", "AssumeRolePolicyDocument": json!({
            "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": { "Service": "ec2.amazonaws.com" },
                "Action": "sts:AssumeRole",
            }],
        }).to_string() });
        self.inside(&self.accounts["live"], "iam", "CreateRole", input).await;
        let everything = json!({ "RoleName": "own", "PolicyName": "all", "PolicyDocument": json!({
            "Version": "2012-10-17", "Statement": [
                { "Effect": "Allow", "Action": "*", "Resource": "*" },
            ],
        }).to_string() });
        self.inside(&self.accounts["live"], "iam", "PutRolePolicy", everything).await;
        let stop = json!({ "Name": "/landlord/stop", "Value": "{}", "Type": "String" });
        self.ask("ssm", "PutParameter", stop).await;
        // Another team's, by the same administration role; and the baseline of a live tenant.
        let template = "Resources: {Q: {Type: AWS::SQS::Queue}}";
        let role = format!("arn:aws:iam::{MANAGEMENT}:role/{ADMINISTRATION}");
        let theirs = json!({
            "StackSetName": "theirs", "TemplateBody": template, "AdministrationRoleARN": role,
        });
        self.ask("cloudformation", "CreateStackSet", theirs).await;
        self.reach_everywhere().await;
        let shared = json!({
            "StackSetName": "shared", "TemplateBody": template, "AdministrationRoleARN": role,
        });
        self.ask("cloudformation", "CreateStackSet", shared).await;
        let instances = json!({
            "StackSetName": "shared", "Accounts": [self.accounts["internal"]], "Regions": [REGION],
        });
        self.ask("cloudformation", "CreateStackInstances", instances).await;
        let instances = json!({
            "StackSetName": "landlord-tenant-baseline", "Accounts": [self.accounts["live"]],
            "Regions": [REGION],
        });
        self.ask("cloudformation", "CreateStackInstances", instances).await;
        self.world.aws().sleep(Duration::from_secs(3600)).await;
        let wide = json!({ "RoleName": ADMINISTRATION, "PolicyName": "wide" });
        self.ask("iam", "DeleteRolePolicy", wide).await;
        let bucket = self.output("RunsBucketName").to_owned();
        for key in [
            "tenants/live.json",
            "sweeps/s/report.json",
            "sweeps/s/closing.jsonl",
            "sweeps/s/outcomes/x.json",
            "rollouts/r/plan.json",
            "announced/onboard/0-SUCCEEDED",
            "templates/t.yaml",
            "retirements/lock.json",
        ] {
            self.ask("s3", "PutObject", json!({ "Bucket": bucket, "Key": key, "$body": "" })).await;
        }
        self.things.insert("bucket", bucket);
        let kind = json!({ "Filter": "SERVICE_CONTROL_POLICY" });
        let listed = self.ask("organizations", "ListPolicies", kind).await;
        let policies = listed["Policies"].as_array().unwrap().iter();
        let mut quarantine = policies.filter(|policy| policy["Name"] == "landlord-quarantine");
        let id = quarantine.next().unwrap()["Id"].as_str().unwrap().to_owned();
        self.things.insert("policy", id);
        let role = &self.made_roles().await["CloseAccountFunction"];
        let role = format!("arn:aws:iam::{MANAGEMENT}:role/landlord/{role}");
        self.things.insert("role", role);
        for (word, output) in [
            ("bus", "EventBusName"),
            ("signups", "SignupsQueueUrl"),
            ("waiting", "WaitingQueueUrl"),
            ("dead-letters", "SignupsDeadLettersQueueUrl"),
            ("undelivered", "UndeliveredEventsQueueUrl"),
            ("topic", "FailuresTopicArn"),
            ("onboard", "OnboardTenantStateMachineArn"),
            ("offboard", "OffboardTenantStateMachineArn"),
            ("converge", "ConvergeTenantStateMachineArn"),
            ("sweep", "SweepRetirementsStateMachineArn"),
            ("quotas", "RaiseQuotasStateMachineArn"),
            ("roll-out", "RollOutStateMachineArn"),
        ] {
            self.things.insert(word, self.output(output).to_owned());
        }
    }

    fn output(&self, name: &'static str) -> &str {
        self.world.deployment.output(name).unwrap()
    }

    /// The roles that the template makes, as it calls them, and a tenant's own.
    pub(crate) async fn roles(&self) -> Vec<String> {
        let mut names: Vec<String> = self.made_roles().await.into_keys().collect();
        names.push(TENANT_ROLE.to_owned());
        names
    }

    /// The roles of Landlord's stack: what the template calls them, and IAM.
    async fn made_roles(&self) -> BTreeMap<String, String> {
        let stack = json!({ "StackName": STACK });
        let listed = self.ask("cloudformation", "DescribeStackResources", stack).await;
        let resources = listed["StackResources"].as_array().unwrap().iter();
        let roles = resources.filter(|resource| resource["ResourceType"] == "AWS::IAM::Role");
        roles
            .map(|role| {
                let name = text(&role["LogicalResourceId"]);
                // SAM makes the roles of functions and machines, and calls them so.
                let whose = name.strip_suffix("Role").unwrap_or(name);
                let whose = if whose.ends_with("Function") || whose.ends_with("StateMachine") {
                    whose
                } else {
                    name
                };
                (whose.to_owned(), text(&role["PhysicalResourceId"]).to_owned())
            })
            .collect()
    }

    /// Somebody who has stolen a role's credentials.
    pub(crate) async fn thief(&self, name: &str) -> Thief {
        if name == TENANT_ROLE {
            let principal = Principal::Role { role: "own".to_owned(), session_policy: None };
            return Thief { account: self.accounts["live"].clone(), principal };
        }
        let role = self.made_roles().await.remove(name);
        let role = role.unwrap_or_else(|| panic!("no role {name}"));
        let principal = Principal::Role { role, session_policy: None };
        Thief { account: MANAGEMENT.to_owned(), principal }
    }

    /// Tries a harm; says why it came to nothing.
    pub(crate) async fn attempt(&self, harm: &Harm, thief: &Thief) -> Result<(), String> {
        let caller = thief.caller();
        match (harm.attempt)(self) {
            Attempt::Calls(calls) => {
                for one in calls {
                    self.perform(one, caller.clone()).await?;
                }
                Ok(())
            }
            Attempt::Enter { account, then } => {
                let mut refusal = String::new();
                for (path, role) in [("", EXECUTION), ("landlord/", OPERATOR)] {
                    match self.enter(&caller, &account, (path, role), &then).await {
                        Ok(()) => return Ok(()),
                        Err(words) => refusal = words,
                    }
                }
                Err(refusal)
            }
            Attempt::Deploy { call, set, account } => {
                self.perform(call, caller).await?;
                self.world.aws().sleep(Duration::from_secs(2 * 3600)).await;
                let input = json!({ "StackSetName": set, "StackInstanceAccount": account });
                let listed = self.ask("cloudformation", "ListStackInstances", input).await;
                let current = listed.pointer("/Summaries/0/Status") == Some(&json!("CURRENT"));
                current.then_some(()).ok_or_else(|| format!("{NOTHING_CAME_OF_IT}: {listed}"))
            }
        }
    }

    async fn enter(
        &self,
        caller: &Caller,
        account: &str,
        (path, role): (&str, &str),
        then: &One,
    ) -> Result<(), String> {
        let arn = format!("arn:aws:iam::{account}:role/{path}{role}");
        let input = json!({ "RoleArn": arn, "RoleSessionName": "thief" });
        self.perform(One::new("sts", "AssumeRole", input), caller.clone()).await?;
        let principal = Principal::Role { role: role.to_owned(), session_policy: None };
        let inside = Thief { account: account.to_owned(), principal }.caller();
        let then = One::new(then.service, then.operation, then.input.clone());
        self.perform(then, inside).await.map(drop)
    }

    async fn perform(&self, one: One, caller: Caller) -> Result<Value, String> {
        let One { service, operation, input } = one;
        let global = ["organizations", "iam"].contains(&service);
        let region = if global { "us-east-1" } else { REGION };
        let account = caller.account.clone();
        // What is named without an account is the caller's own.
        if account == self.accounts["live"] && ["cloudformation", "iam"].contains(&service) {
            return Err(format!("{NOTHING_CAME_OF_IT}: it is of its own account"));
        }
        let call = Call {
            service,
            operation: operation.to_owned(),
            input,
            caller,
            account,
            region: region.to_owned(),
        };
        let answer = self.world.aws().perform(&call).await.map_err(|error| error.to_string())?;
        match answer["FailedEntryCount"].as_u64() {
            Some(1..) => Err(answer.to_string()),
            _ => Ok(answer),
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
