//! The gate's override in an account: a gate that vetoes would veto the deletion of its own stack.

use std::collections::BTreeSet;

use aws_sdk_ssm::types::ParameterType;
use lambda_kit::client;
use lambda_kit::sdk::{Credentials, Trouble};
use lifecycle::gate::{GateAction, GateOverride, OVERRIDE_PARAMETER};
use lifecycle::{AccountId, RegionName};
use serde_json::json;

use crate::error::Halt;
use crate::handler::Withdrawal;

impl Withdrawal<'_> {
    /// Opens the account's gates, where it has instances. What is refused is logged: the deletion
    /// is tried all the same, and says what is wrong.
    pub(crate) async fn open(
        &self,
        account: &AccountId,
        regions: &BTreeSet<String>,
    ) -> Result<(), Halt> {
        match Box::pin(self.write_overrides(account, regions)).await {
            Ok(()) => Ok(()),
            Err(Trouble::Passing(refusal)) => {
                Err(Halt::Wait(format!("account {account}: {refusal}")))
            }
            Err(Trouble::Refused(refusal)) => {
                tracing::warn!(account.id = %account, "its gates are not opened: {refusal}");
                Ok(())
            }
        }
    }

    async fn write_overrides(
        &self,
        account: &AccountId,
        regions: &BTreeSet<String>,
    ) -> Result<(), Trouble> {
        let known = regions.iter().filter_map(|region| region.parse::<RegionName>().ok());
        let Some(partition) = known.map(|region| region.partition()).next() else { return Ok(()) };
        let credentials = self.assume(account, partition).await?;
        let now = self.app.clock.now();
        let open = GateOverride {
            action: GateAction::Open,
            until: now.checked_add(self.app.config.open_for).unwrap_or(now),
            reason: "its tenant has left, and its stacks are withdrawn".to_owned(),
            by: self.request.sweep.name.clone(),
        };
        for region in regions {
            let wire = self.app.wire.assumed(credentials.clone(), region.as_str());
            client!(aws_sdk_ssm, wire)
                .put_parameter()
                .name(OVERRIDE_PARAMETER)
                .description("What the account's gate answers for a while, written by Landlord")
                .value(open.text())
                .r#type(ParameterType::String)
                .overwrite(true)
                .send()
                .await
                .map_err(|error| Trouble::of("ssm", "PutParameter", &error))?;
        }
        Ok(())
    }

    /// Credentials of the account that reach the override and nothing else.
    async fn assume(&self, account: &AccountId, partition: &str) -> Result<Credentials, Trouble> {
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Action": "ssm:PutParameter",
                "Resource": format!("arn:{partition}:ssm:*:{account}:parameter{OVERRIDE_PARAMETER}"),
            }],
        });
        let operator = &self.app.operator;
        // The last look at the account: what was made beside Landlord's role is told.
        operator.equip(account).await?;
        operator.assume(account, partition, "landlord-withdraw-stacks", &policy.to_string()).await
    }
}
