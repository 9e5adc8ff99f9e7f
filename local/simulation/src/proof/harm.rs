//! Rollouts among tenants that mean harm, with gates that are broken, approvals that nobody gives,
//! and people who change the stack set meanwhile: what is done to them, and what must hold.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use local_aws::cloudformation::ResourceRule;
use serde_json::{Value, json};

use super::ends::End;
use super::schedule::{Excuse, SIGN_UP, What, tenant_id};
use super::script::{Outside, account_name};
use crate::deployment::Error;
use crate::rollout::fleet::inside;

/// How long a rollout of these worlds may take, in seconds.
pub(super) const DEADLINE: u64 = 21_600;
/// From the deadline of a plan to the end: the way back, and what is told.
const AFTER_THE_DEADLINE: SignedDuration = SignedDuration::from_hours(5);
/// How long a new tenant may wait for a rollout: the bound that a plan has of itself, an operation
/// that is on its way, faults, and what its onboarding takes without one.
const NEW_TENANTS_WAIT: SignedDuration = SignedDuration::from_hours(4);

/// The text by which a tenant's stacks fail, as if it were somebody else's doing.
fn imitation(how: Excuse, account: &str) -> String {
    match how {
        Excuse::Suspension => format!("Account {account} is suspended"),
        Excuse::Veto => "AccountGate check failed".to_owned(),
        Excuse::Throttle => "Rate exceeded".to_owned(),
        Excuse::None => "the parameter /landlord/baseline is mine".to_owned(),
    }
}

impl Outside {
    /// The tenant's stacks fail from now on, in words that are made to be excused.
    pub(super) fn mean_harm(&mut self, tenant: usize, how: Excuse) -> bool {
        let Some(account) = self.account(tenant) else { return false };
        let failure = Some(imitation(how, &account));
        self.rules.push(ResourceRule {
            account: Some(account),
            failure,
            ..ResourceRule::default()
        });
        self.deployment.aws().set_resource_rules(self.rules.clone());
        true
    }

    /// Somebody gives the gate in the tenant's account a setting that nobody can read.
    pub(super) async fn break_gate(&self, tenant: usize) -> Result<bool, Error> {
        let Some(account) = self.account(tenant) else { return Ok(false) };
        let window = json!([{ "schedule": "cron(every sunday)", "timeZone": "Europe/Berlin" }]);
        let input = json!({
            "FunctionName": "AWSCloudFormationStackSetAccountGate",
            "Environment": { "Variables": { "MAINTENANCE_WINDOWS": window.to_string() } },
        });
        let place = (account.as_str(), "eu-central-1");
        let update = ("lambda", "UpdateFunctionConfiguration");
        inside(self.deployment.aws(), place, update, input).await?;
        Ok(true)
    }

    /// Somebody changes the stack set by hand.
    pub(super) async fn change_set(&self, what: What) -> Result<bool, Error> {
        let name = self.deployment.output("TenantBaselineStackSetName")?;
        let mut input = json!({
            "StackSetName": name, "UsePreviousTemplate": "true",
            "Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_IAM"],
        });
        match what {
            What::SetTagged => {
                input["Tags"] = json!([{ "Key": "owner", "Value": "somebody" }]);
            }
            What::SetRewritten => {
                let shown = json!({ "StackSetName": name });
                let shown =
                    self.deployment.ask("cloudformation", "DescribeStackSet", shown).await?;
                let text = shown.pointer("/StackSet/TemplateBody").and_then(Value::as_str);
                input["UsePreviousTemplate"] = json!("false");
                input["TemplateBody"] = json!(format!("{}\n# by hand\n", text.unwrap_or_default()));
            }
            what => {
                let account = &self.deployment.aws().settings().management_account;
                let role = match what {
                    What::SetOfItsOwnRole => "AWSCloudFormationStackSetAdministrationRole",
                    _ => "SomebodyElses",
                };
                let role = format!("arn:aws:iam::{account}:role/{role}");
                input["AdministrationRoleARN"] = json!(role);
            }
        }
        self.deployment.ask("cloudformation", "UpdateStackSet", input).await?;
        Ok(true)
    }
}

impl End<'_> {
    /// What a rollout must keep to whoever stands in its way.
    pub(super) fn harmed(&self, found: &mut Vec<String>) {
        self.ends_in_time(found);
        let finished = self.ends.heard.values().flatten();
        let finished = finished.filter(|heard| heard.name == "RolloutFinished");
        for heard in finished {
            let outcome = heard.detail["outcome"].as_str().unwrap_or_default();
            self.succeeds_with_somebody(outcome, found);
            self.names_who_harms(&heard.detail, outcome, found);
            self.is_taken_back(outcome, found);
        }
        self.new_tenants_are_in_time(found);
    }

    /// Whatever anybody does, a rollout has an end by its deadline.
    fn ends_in_time(&self, found: &mut Vec<String>) {
        let now = self.watch.now();
        for it in self.world.aws().executions("landlord-roll-out").iter().filter(|it| !it.is_child)
        {
            let most = SignedDuration::try_from(Duration::from_secs(DEADLINE)).unwrap_or_default();
            let took = it.stopped.unwrap_or(now).duration_since(it.started);
            if took > most + AFTER_THE_DEADLINE {
                found.push(format!("the rollout takes {} h", took.as_hours()));
            }
        }
    }

    /// The version of the baseline in each account and Region that has one: name, account, version.
    fn versions(&self) -> Vec<(String, String, bool)> {
        let aws = self.world.aws();
        let accounts = aws.accounts();
        let mut found = Vec::new();
        for instance in aws.stack_instances() {
            let Some(account) = accounts.iter().find(|it| it.id == instance.account) else {
                continue;
            };
            let place = (account.id.as_str(), instance.region.as_str());
            let Some(text) = aws.parameter_value(place, "/landlord/baseline") else { continue };
            found.push((
                account.name.clone(),
                account.id.clone(),
                text.contains(r#""version":"2""#),
            ));
        }
        found
    }

    /// A rollout in which nobody took the change is none that succeeded.
    fn succeeds_with_somebody(&self, outcome: &str, found: &mut Vec<String>) {
        let taken = self.versions().iter().filter(|(.., is_new)| *is_new).count();
        if outcome == "SUCCEEDED" && taken == 0 {
            found.push("the rollout succeeded, and nobody has the change".to_owned());
        }
    }

    /// One that means harm stops nobody else, and is named.
    fn names_who_harms(&self, detail: &Value, outcome: &str, found: &mut Vec<String>) {
        let harms = |tenant: &usize| {
            self.applied.iter().any(|what| match what {
                What::MeansHarm { tenant: its, .. } | What::GateBreaks { tenant: its } => {
                    its == tenant
                }
                _ => false,
            })
        };
        let versions = self.versions();
        let named = detail["notCurrent"].as_array().cloned().unwrap_or_default();
        if !["SUCCEEDED", "INCOMPLETE"].contains(&outcome) {
            return;
        }
        for tenant in (0..8).filter(harms) {
            let name = account_name(tenant);
            let old = versions.iter().find(|(its, _, is_new)| *its == name && !is_new);
            if let Some((_, account, _)) = old
                && !named.iter().any(|it| it["account"] == account.as_str())
            {
                let id = tenant_id(tenant);
                found.push(format!(
                    "the rollout is {outcome}, and does not name {id}, which lacks it"
                ));
            }
        }
        let people = self.applied.iter().any(What::changes_the_set);
        for (name, _, is_new) in &versions {
            let is_harmful = (0..8).filter(harms).any(|tenant| account_name(tenant) == *name);
            if !is_new && !is_harmful && !people && outcome == "SUCCEEDED" {
                found.push(format!("the rollout succeeded, and {name} does not have the change"));
            }
        }
    }

    /// After a rollback nobody who is no hindrance has the new template, new tenants neither.
    fn is_taken_back(&self, outcome: &str, found: &mut Vec<String>) {
        let people = self.applied.iter().any(What::changes_the_set);
        if outcome != "ROLLED_BACK" || people {
            return;
        }
        for (name, _, is_new) in self.versions() {
            if is_new {
                found.push(format!("the rollout was taken back, and {name} has its template"));
            }
        }
    }

    /// No rollout holds a new tenant up for longer than the bound.
    fn new_tenants_are_in_time(&self, found: &mut Vec<String>) {
        if self.schedule.durations.never_decides_a_quota() {
            return;
        }
        for tenant in 0..SIGN_UP {
            // While the stack set has a role that Landlord may not pass, its tier waits at the door.
            let hands = self
                .applied
                .iter()
                .any(|what| what.tampers_with() == Some(tenant) || *what == What::SetOfAnotherRole);
            let id = tenant_id(tenant);
            let heard = self.ends.heard.get(id).into_iter().flatten();
            let Some(ready) = heard.filter(|it| it.name == "TenantReady").map(|it| it.at).min()
            else {
                continue;
            };
            let asked = self.watch.asked_of(id);
            let first = asked.iter().filter(|it| it.is_signup()).map(|it| it.put).min();
            let waited = first.map(|at: Timestamp| ready.duration_since(at)).unwrap_or_default();
            if waited > NEW_TENANTS_WAIT && !hands {
                found.push(format!("{id} waited {} min for its account", waited.as_mins()));
            }
        }
    }
}
