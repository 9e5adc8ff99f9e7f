//! Twelve accounts, a service in all of them, gates, and reasons to keep them shut.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lifecycle::gate::{GATE_FUNCTION, GateAction, GateOverride, OVERRIDE_PARAMETER};
use local_aws::organizations::Settled;
use local_aws::{Call, Principal};
use serde_json::{Value, json};
use simulation::deployment::{self, Deployment};

use super::Error;

pub(super) const REGIONS: [&str; 2] = ["eu-central-1", "eu-west-1"];
const ACCOUNTS: usize = 12;
const SERVICE: &str = "checkout";
const GATE: &str = "account-gate";
/// A role as IAM Identity Center makes it for the permission set that `BreakGlassRoles` names.
const BREAK_GLASS: &str =
    "aws-reserved/sso.amazonaws.com/AWSReservedSSO_BreakGlass_d0e1f2a3b4c5d6e7";
/// Longer than any operation here takes, in the world's time.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A stack that does not cost anything: one parameter that says which version this is.
const SERVICE_TEMPLATE: &str = r#"{"Parameters": {"Version": {"Type": "String"}},
  "Resources": {"Setting": {"Type": "AWS::SSM::Parameter", "Properties": {
    "Name": "/checkout/version", "Type": "String", "Value": {"Ref": "Version"}}}}}"#;

/// The fleet, and the console of the management account.
pub(super) struct Fleet {
    deployment: Deployment,
    pub(super) accounts: Vec<String>,
}

impl Fleet {
    /// Lets the accounts stand in General, with version 1 of the service.
    pub(super) async fn stand(deployment: &Deployment) -> Result<Self, Error> {
        let roots = deployment.ask("organizations", "ListRoots", json!({})).await?;
        let units = json!({ "ParentId": roots["Roots"][0]["Id"] });
        let units =
            deployment.ask("organizations", "ListOrganizationalUnitsForParent", units).await?;
        let general = units["OrganizationalUnits"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|unit| unit["Name"] == "General")
            .and_then(|unit| unit["Id"].as_str())
            .ok_or_else(|| Error::Fleet("there is no unit General".to_owned()))?;
        let settled: Vec<Settled> = (1..=ACCOUNTS)
            .map(|number| Settled {
                name: format!("tenant-{number:02}"),
                email: format!("tenant-{number:02}@accounts.example.com"),
                parent: general.to_owned(),
                role: Some("AWSCloudFormationStackSetExecutionRole".to_owned()),
                tags: vec![("landlord:tenant".to_owned(), format!("tenant-{number:02}"))],
            })
            .collect();
        let accounts = deployment.aws().settle_accounts(&settled).map_err(Error::Fleet)?;
        let fleet = Self { deployment: deployment.clone(), accounts };
        let parameter = json!([{ "ParameterKey": "Version", "ParameterValue": "1" }]);
        fleet.create_set(SERVICE, SERVICE_TEMPLATE, parameter).await?;
        fleet.create_instances(SERVICE, "service", &fleet.accounts, json!([])).await?;
        Ok(fleet)
    }

    /// The account with an alarm, in the first Region only.
    pub(super) fn in_alarm(&self) -> &str {
        &self.accounts[0]
    }

    /// The account whose window is closed.
    pub(super) fn out_of_hours(&self) -> &str {
        &self.accounts[1]
    }

    /// The account that is held.
    pub(super) fn held(&self) -> &str {
        &self.accounts[2]
    }

    /// The account without a gate.
    pub(super) fn without_gate(&self) -> &str {
        &self.accounts[3]
    }

    /// Deploys the gate by a stack set, one account with a window of its own that is closed now.
    pub(super) async fn deploy_gates(&self, template: &str) -> Result<(), Error> {
        let parameters = json!([
            { "ParameterKey": "ArtifactBucketPrefix", "ParameterValue": "landlord-artifacts" },
            {
                "ParameterKey": "ArtifactKey",
                "ParameterValue": format!("account-gate/{}.zip", "0".repeat(64)),
            },
        ]);
        self.create_set(GATE, template, parameters).await?;
        let gated: Vec<String> =
            self.accounts.iter().filter(|account| !self.special(account)).cloned().collect();
        self.create_instances(GATE, "gates", &gated, json!([])).await?;
        let closed = json!([{
            "ParameterKey": "MaintenanceWindows",
            "ParameterValue": closed_window(self.deployment.aws().now()),
        }]);
        let one = [self.out_of_hours().to_owned()];
        self.create_instances(GATE, "gate-out-of-hours", &one, closed).await
    }

    fn special(&self, account: &str) -> bool {
        account == self.without_gate() || account == self.out_of_hours()
    }

    /// Sets the alarm and the hold.
    pub(super) async fn disturb(&self) -> Result<(), Error> {
        let place = (self.in_alarm(), REGIONS[0]);
        let alarm = json!({
            "AlarmName": "checkout-5xx", "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1, "Threshold": 10, "MetricName": "5xx", "Namespace": "checkout",
            "Period": 60, "Statistic": "Sum",
            // Nothing measures here: it stays as it is set.
            "TreatMissingData": "ignore",
        });
        self.ask_in(place, "cloudwatch", "PutMetricAlarm", alarm).await?;
        let red = json!({
            "AlarmName": "checkout-5xx", "StateValue": "ALARM", "StateReason": "too many errors",
        });
        self.ask_in(place, "cloudwatch", "SetAlarmState", red).await?;
        self.put_override(self.held(), GateAction::Hold, "an audit is under way").await
    }

    /// Opens the three gates that are shut, for half an hour.
    pub(super) async fn open(&self) -> Result<(), Error> {
        for account in [self.in_alarm(), self.out_of_hours(), self.held()] {
            self.put_override(account, GateAction::Open, "version 2 mends the alarm").await?;
        }
        Ok(())
    }

    async fn put_override(
        &self,
        account: &str,
        action: GateAction,
        reason: &str,
    ) -> Result<(), Error> {
        let until = self.deployment.aws().now() + SignedDuration::from_mins(30);
        let value =
            GateOverride { action, until, reason: reason.to_owned(), by: "the demo".to_owned() };
        for region in REGIONS {
            let input = json!({
                "Name": OVERRIDE_PARAMETER, "Type": "String", "Overwrite": true,
                "Value": json!(value).to_string(),
            });
            self.ask_in((account, region), "ssm", "PutParameter", input).await?;
        }
        Ok(())
    }

    /// Rolls the service out to everybody, and answers the operation's results.
    pub(super) async fn roll_out(&self, id: &str, version: &str) -> Result<Vec<Value>, Error> {
        let input = json!({
            "StackSetName": SERVICE, "OperationId": id, "UsePreviousTemplate": true,
            "Parameters": [{ "ParameterKey": "Version", "ParameterValue": version }],
            "OperationPreferences": preferences(),
            "Accounts": self.accounts, "Regions": REGIONS,
        });
        self.deployment.ask("cloudformation", "UpdateStackSet", input).await?;
        self.ended(SERVICE, id).await?;
        self.results(id).await
    }

    /// All results, once the list has settled: it lags behind the operation.
    async fn results(&self, operation: &str) -> Result<Vec<Value>, Error> {
        let aws = self.deployment.aws();
        let mut waited = Duration::ZERO;
        loop {
            let input = json!({ "StackSetName": SERVICE, "OperationId": operation });
            let page = self
                .deployment
                .ask("cloudformation", "ListStackSetOperationResults", input)
                .await?;
            let rows = page["Summaries"].as_array().cloned().unwrap_or_default();
            let settled = |row: &Value| !["RUNNING", "PENDING"].iter().any(|s| row["Status"] == *s);
            if rows.len() == ACCOUNTS * REGIONS.len() && rows.iter().all(settled) {
                return Ok(rows);
            }
            if waited > PATIENCE {
                let operation = operation.to_owned();
                return Err(Error::Unending { operation, after: PATIENCE });
            }
            aws.sleep(Duration::from_secs(2)).await;
            waited += Duration::from_secs(2);
        }
    }

    /// What the gate of an account and Region says for itself.
    pub(super) async fn explained(&self, account: &str, region: &str) -> Result<String, Error> {
        use base64::Engine as _;
        let codec = base64::engine::general_purpose::STANDARD;
        let input = json!({
            "FunctionName": GATE_FUNCTION, "$body": codec.encode(r#"{"explain":true}"#),
        });
        let answer = match self.ask_in((account, region), "lambda", "Invoke", input).await {
            Ok(answer) => answer,
            Err(_) => return Ok("there is no gate".to_owned()),
        };
        let bytes = codec.decode(answer["$body"].as_str().unwrap_or_default()).unwrap_or_default();
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(answer["Reason"].as_str().unwrap_or("it gave no reason").to_owned())
    }

    /// Whether the instance is `CURRENT`, and the version that the account really has.
    pub(super) async fn stands(
        &self,
        account: &str,
        region: &str,
    ) -> Result<(String, String), Error> {
        let input = json!({
            "StackSetName": SERVICE, "StackInstanceAccount": account, "StackInstanceRegion": region,
        });
        let instance =
            self.deployment.ask("cloudformation", "DescribeStackInstance", input).await?;
        let name = json!({ "Name": "/checkout/version" });
        let parameter = self.ask_in((account, region), "ssm", "GetParameter", name).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok((text(&instance["StackInstance"]["Status"]), text(&parameter["Parameter"]["Value"])))
    }

    async fn create_set(&self, name: &str, body: &str, parameters: Value) -> Result<(), Error> {
        let input = json!({
            "StackSetName": name, "TemplateBody": body, "Parameters": parameters,
            "Capabilities": ["CAPABILITY_IAM"], "ManagedExecution": { "Active": true },
        });
        self.deployment.ask("cloudformation", "CreateStackSet", input).await?;
        Ok(())
    }

    async fn create_instances(
        &self,
        set: &str,
        operation: &str,
        accounts: &[String],
        overrides: Value,
    ) -> Result<(), Error> {
        let mut input = json!({
            "StackSetName": set, "OperationId": operation, "Accounts": accounts,
            "Regions": REGIONS, "OperationPreferences": preferences(),
        });
        if overrides.as_array().is_some_and(|list| !list.is_empty()) {
            input["ParameterOverrides"] = overrides;
        }
        self.deployment.ask("cloudformation", "CreateStackInstances", input).await?;
        self.ended(set, operation).await
    }

    async fn ended(&self, set: &str, operation: &str) -> Result<(), Error> {
        let mut waited = Duration::ZERO;
        while waited < PATIENCE {
            let input = json!({ "StackSetName": set, "OperationId": operation });
            let found =
                self.deployment.ask("cloudformation", "DescribeStackSetOperation", input).await?;
            let status = found["StackSetOperation"]["Status"].as_str().unwrap_or_default();
            if !["RUNNING", "QUEUED"].contains(&status) {
                return Ok(());
            }
            self.deployment.aws().sleep(Duration::from_secs(2)).await;
            waited += Duration::from_secs(2);
        }
        Err(Error::Unending { operation: operation.to_owned(), after: PATIENCE })
    }

    /// A call by an operator who came into a tenant's account as a break-glass role: nobody else
    /// may open or hold a gate there.
    async fn ask_in(
        &self,
        place: (&str, &str),
        service: &'static str,
        operation: &str,
        input: Value,
    ) -> Result<Value, Error> {
        let mut call = Call::by_service("administrator", service, operation, place, input);
        call.caller.principal = Principal::Administrator;
        call.caller.arn = format!("arn:aws:iam::{}:role/{BREAK_GLASS}", place.0);
        self.deployment.aws().perform(&call).await.map_err(|source| {
            let call = format!("{service}:{operation} in {} {}", place.0, place.1);
            Error::Console(deployment::Error::Call { call, source })
        })
    }
}

/// Everybody at once, and nobody stops anybody.
fn preferences() -> Value {
    json!({
        "RegionConcurrencyType": "PARALLEL", "MaxConcurrentPercentage": 100,
        "FailureTolerancePercentage": 100, "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE",
    })
}

/// A window of an hour, every day, twelve hours from now.
fn closed_window(now: Timestamp) -> String {
    let hour = (now + SignedDuration::from_hours(12)).to_zoned(jiff::tz::TimeZone::UTC).hour();
    json!([{ "Schedule": format!("cron(0 {hour} * * ? *)"), "Duration": 1 }]).to_string()
}
