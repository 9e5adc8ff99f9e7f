//! What happens from outside, done to a world.

use std::collections::{BTreeMap, BTreeSet};

use local_aws::cloudformation::ResourceRule;
use serde_json::{Value, json};

use super::acts::Acts;
use super::schedule::{Destination, What, tenant_id};
use super::standing::Standing;
use crate::deployment::{Deployment, Error, SIGNUP_SOURCE};
use crate::rollout::{BAD_WORDS, bad_resource};

/// A unit that Landlord does not know.
const ELSEWHERE: &str = "Sandbox";
/// What the schedule gives a sweep.
const SWEEP: &str = r#"{"dryRun":false}"#;

/// The outside of a world.
#[derive(Debug)]
pub(super) struct Outside {
    pub(super) deployment: Deployment,
    /// By what resources fail, all of it.
    pub(super) rules: Vec<ResourceRule>,
    /// What is remembered of what crosses.
    pub(super) acts: Acts,
    /// The first signup of each tenant, as the queue got it.
    events: BTreeMap<usize, Value>,
    sent: u64,
    /// Those who were there, in worlds where anybody was.
    pub(super) standing: Option<Standing>,
    /// What had an effect.
    pub(super) done: BTreeSet<&'static str>,
}

impl Outside {
    pub(super) fn new(deployment: &Deployment, standing: Option<Standing>) -> Self {
        let deployment = deployment.clone();
        let (acts, events, done) = (Acts::default(), BTreeMap::new(), BTreeSet::new());
        Self { deployment, rules: Vec::new(), acts, events, sent: 0, standing, done }
    }

    /// Does it; says whether there was anything to do it to. What AWS refuses people has no effect.
    pub(super) async fn perform(&mut self, what: &What) -> Result<bool, Error> {
        let has_effect = match self.attempt(what).await {
            Err(Error::Call { .. }) => false,
            attempted => attempted?,
        };
        if has_effect {
            self.done.insert(what.name());
        }
        Ok(has_effect)
    }

    async fn attempt(&mut self, what: &What) -> Result<bool, Error> {
        let aws = self.deployment.aws().clone();
        Ok(match what {
            What::SignUp { tenant, tier } => self.sign_up(*tenant, tier).await?,
            What::SignUpFaulty => {
                let faulty = json!({ "tenantId": "No--Id", "tenantName": "", "tier": "gold" });
                self.deployment.sign_up(&faulty).await?;
                true
            }
            What::Duplicate { tenant } => self.repeat(*tenant, None).await?,
            What::Replay { tenant } => self.repeat(*tenant, Some("replay-1")).await?,
            What::Late { tenant } => self.late(*tenant).await?,
            What::CreationFails { tenant } => {
                aws.fail_next_creation(&account_name(*tenant), "INTERNAL_FAILURE");
                true
            }
            What::BaselineFails => {
                aws.set_resource_rules(vec![ResourceRule {
                    rate: 1.0,
                    times: Some(1),
                    failure: Some("the service was out of order".to_owned()),
                    ..ResourceRule::default()
                }]);
                true
            }
            What::BaselineBreaks { tenant } => match self.account(*tenant) {
                Some(account) => {
                    aws.set_resource_rules(vec![ResourceRule {
                        account: Some(account),
                        rate: 1.0,
                        failure: Some("the service is out of order".to_owned()),
                        ..ResourceRule::default()
                    }]);
                    true
                }
                None => false,
            },
            What::BaselineMended => {
                aws.set_resource_rules(Vec::new());
                true
            }
            What::TakeEmailInside { tenant } => {
                let email = format!("aws+{}@accounts.example.com", tenant_id(*tenant));
                let input = json!({ "Email": email, "AccountName": "somebody else's" });
                self.deployment.ask("organizations", "CreateAccount", input).await?;
                true
            }
            What::TakeEmail { tenant } => {
                let email = format!("aws+{}@accounts.example.com", tenant_id(*tenant));
                aws.take_email_outside(&email);
                true
            }
            What::Move { tenant, to } => match self.account(*tenant) {
                Some(account) => {
                    let destination = self.unit(*to).await?;
                    aws.move_account_by_hand(&account, &destination)
                }
                None => false,
            },
            What::Untag { tenant } => {
                let input = json!({ "TagKeys": ["landlord:tenant"] });
                self.tag(*tenant, "UntagResource", input).await?
            }
            What::Retag { tenant } => {
                let tags = json!([{ "Key": "landlord:tenant", "Value": "stranger" }]);
                self.tag(*tenant, "TagResource", json!({ "Tags": tags })).await?
            }
            What::Close { tenant } => match self.account(*tenant) {
                Some(account) => aws.close_account_by_hand(&account),
                None => false,
            },
            What::Leave { tenant } => match &mut self.standing {
                Some(standing) => standing.leaves(*tenant, false).await?,
                None => false,
            },
            What::LeaveLate { tenant } => match &mut self.standing {
                Some(standing) => standing.leaves(*tenant, true).await?,
                None => false,
            },
            What::Return { tenant } => match &mut self.standing {
                Some(standing) => standing.returns(*tenant).await?,
                None => false,
            },
            What::SweepTwice => {
                let machine = self.deployment.output("SweepRetirementsStateMachineArn")?;
                for _ in 0..2 {
                    let input = json!({ "stateMachineArn": machine, "input": SWEEP });
                    self.deployment.ask("states", "StartExecution", input).await?;
                }
                true
            }
            What::RollOut { bad } => match &self.standing {
                Some(standing) => standing.roll_out(*bad).await?,
                None => false,
            },
            What::RollOutAmongHarm { bad, approval } => {
                if *bad {
                    self.rules.push(bad_resource(BAD_WORDS));
                    aws.set_resource_rules(self.rules.clone());
                }
                match &self.standing {
                    Some(standing) => standing.roll_out_among_harm(*bad, *approval).await?,
                    None => false,
                }
            }
            What::MeansHarm { tenant, how } => self.mean_harm(*tenant, *how),
            What::GateBreaks { tenant } => self.break_gate(*tenant).await?,
            What::SetTagged
            | What::SetRewritten
            | What::SetOfAnotherRole
            | What::SetOfItsOwnRole => self.change_set(what.clone()).await?,
            What::AlarmRings { tenant } | What::AlarmRests { tenant } => {
                let rings = matches!(what, What::AlarmRings { .. });
                match &self.standing {
                    Some(standing) => {
                        standing.alarm(*tenant, if rings { "ALARM" } else { "OK" }).await?
                    }
                    None => false,
                }
            }
            What::Hold { tenant } => {
                let tags = json!([{ "Key": "landlord:hold", "Value": "by hand" }]);
                self.tag(*tenant, "TagResource", json!({ "Tags": tags })).await?
            }
            What::Protect { tenant } => {
                let tags = json!([{ "Key": "landlord:protected", "Value": "by hand" }]);
                self.tag(*tenant, "TagResource", json!({ "Tags": tags })).await?
            }
            What::Life { tenant, leaves, age } => self.life(*tenant, *leaves, *age).await?,
            What::LifeAgain { tenant } => self.life_again(*tenant).await?,
            What::SignUpOther { tenant, other } => self.sign_up_other(*tenant, *other).await?,
            What::CloseByHand { tenant } => self.close_in_the_console(*tenant).await?,
            What::Reopen { tenant } => match self.account(*tenant) {
                Some(account) => aws.reopen_account(&account),
                None => false,
            },
            What::TiersChange => self.change_tiers().await?,
            What::TierBreaks => self.add_tier(true).await?,
            What::TierMended => self.add_tier(false).await?,
            What::Poison { misspelt } => self.poison(*misspelt).await?,
            What::StopThrown => self.switch(true).await?,
            What::StopTakenBack => self.switch(false).await?,
            What::UpdateStackSet => self.update_stack_set().await?,
            What::Stop { tenant } => self.execution(*tenant, "RUNNING", "StopExecution").await?,
            What::Redrive { tenant } => {
                self.execution(*tenant, "FAILED", "RedriveExecution").await?
            }
        })
    }

    async fn sign_up(&mut self, tenant: usize, tier: &str) -> Result<bool, Error> {
        let detail = json!({
            "tenantId": tenant_id(tenant), "tenantName": "A tenant", "tier": tier,
        });
        let id = self.deployment.sign_up(&detail).await?;
        let settings = self.deployment.aws().settings();
        let event = json!({
            "version": "0", "id": id, "detail-type": "TenantSignedUp", "source": SIGNUP_SOURCE,
            "account": settings.management_account, "region": settings.home_region,
            "time": format!("{:.0}", self.deployment.aws().now()), "resources": [],
            "detail": detail,
        });
        self.events.entry(tenant).or_insert(event);
        Ok(true)
    }

    /// The queue gets a tenant's first signup once more.
    async fn repeat(&mut self, tenant: usize, replay: Option<&str>) -> Result<bool, Error> {
        let Some(mut event) = self.events.get(&tenant).cloned() else { return Ok(false) };
        if let Some(name) = replay {
            event["replay-name"] = json!(name);
        }
        self.send(&event).await
    }

    /// A signup that was sent before all others arrives now.
    async fn late(&mut self, tenant: usize) -> Result<bool, Error> {
        let Some(mut event) = self.events.get(&tenant).cloned() else { return Ok(false) };
        event["id"] = json!(format!("late-{}", self.sent));
        event["time"] = json!("2026-01-05T07:00:00Z");
        self.send(&event).await
    }

    /// Puts an event into the signups queue.
    async fn send(&mut self, event: &Value) -> Result<bool, Error> {
        self.sent += 1;
        let input = json!({
            "QueueUrl": self.deployment.output("SignupsQueueUrl")?,
            "MessageBody": event.to_string(),
            "MessageGroupId": "signups",
            "MessageDeduplicationId": format!("repeated-{}", self.sent),
        });
        self.deployment.ask("sqs", "SendMessage", input).await?;
        Ok(true)
    }

    /// The account that was made for a tenant, by its name.
    pub(super) fn account(&self, tenant: usize) -> Option<String> {
        let accounts = self.deployment.aws().accounts();
        accounts.into_iter().find(|it| it.name == account_name(tenant)).map(|it| it.id)
    }

    async fn tag(&self, tenant: usize, operation: &str, mut input: Value) -> Result<bool, Error> {
        let Some(account) = self.account(tenant) else { return Ok(false) };
        input["ResourceId"] = json!(account);
        self.deployment.ask("organizations", operation, input).await?;
        Ok(true)
    }

    async fn unit(&self, to: Destination) -> Result<String, Error> {
        let name = match to {
            Destination::Root => return Ok("r-root".to_owned()),
            Destination::Retiring => "Retiring",
            Destination::Onboarding => "Onboarding",
            Destination::Elsewhere => ELSEWHERE,
        };
        let units = self.deployment.units_below("r-root").await?;
        if let Some((id, _)) = units.into_iter().find(|(_, its)| its == name) {
            return Ok(id);
        }
        let input = json!({ "ParentId": "r-root", "Name": name });
        let made = self.deployment.ask("organizations", "CreateOrganizationalUnit", input).await?;
        let id = made.pointer("/OrganizationalUnit/Id").and_then(Value::as_str);
        Ok(id.unwrap_or_default().to_owned())
    }

    /// Somebody changes the baseline's description, which goes through an operation as every
    /// update does. AWS refuses it while another one runs that it cannot wait behind.
    async fn update_stack_set(&self) -> Result<bool, Error> {
        let name = self.deployment.output("TenantBaselineStackSetName")?;
        let input = json!({
            "StackSetName": name, "UsePreviousTemplate": "true", "Description": "by hand",
            "Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_IAM"],
        });
        self.deployment.ask("cloudformation", "UpdateStackSet", input).await?;
        Ok(true)
    }

    /// Stops or redrives the newest execution of a tenant that stands so.
    async fn execution(&self, tenant: usize, status: &str, operation: &str) -> Result<bool, Error> {
        let machine = self.deployment.output("OnboardTenantStateMachineArn")?;
        let input = json!({ "stateMachineArn": machine, "statusFilter": status });
        let listed = self.deployment.ask("states", "ListExecutions", input).await?;
        let newest = listed["executions"].as_array().into_iter().flatten().find(|execution| {
            let name = execution["name"].as_str().unwrap_or_default();
            name.split('_').next() == Some(tenant_id(tenant))
        });
        let Some(newest) = newest else { return Ok(false) };
        let input = json!({ "executionArn": newest["executionArn"] });
        self.deployment.ask("states", operation, input).await?;
        Ok(true)
    }
}

/// What Landlord calls the tenant's account.
pub(super) fn account_name(tenant: usize) -> String {
    format!("tenant-{}", tenant_id(tenant))
}
