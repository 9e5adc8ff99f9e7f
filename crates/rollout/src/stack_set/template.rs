//! What CloudFormation says of a template: its parameters, and what it wants to be allowed.

use std::collections::BTreeMap;

use lambda_kit::sdk::{Refusal, code, is_transient};
use lifecycle::{AccountId, RegionName};

use super::StackSet;
use crate::error::Stop;

/// A template, as `GetTemplateSummary` tells it.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplateSummary.html>
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Its parameters.
    pub parameters: BTreeMap<String, Declared>,
    /// The capabilities that it needs, and of what it has to be created; empty: none.
    pub capabilities: Vec<String>,
    /// Its transforms.
    pub transforms: Vec<String>,
}

/// A parameter of a template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// Its default value.
    pub default: Option<String>,
    /// Whether its value must not be seen.
    pub no_echo: bool,
}

impl StackSet {
    /// The parameters that an instance overrides, with their values; none when it is not there any
    /// more.
    ///
    /// # Errors
    /// A wait, or what AWS refuses.
    pub async fn overrides_of(
        &self,
        account: &AccountId,
        region: &RegionName,
    ) -> Result<BTreeMap<String, String>, Stop> {
        let request = self.client.describe_stack_instance().stack_set_name(self.name.as_str());
        let request =
            request.stack_instance_account(account.as_str()).stack_instance_region(region.as_str());
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if code(&error) == Some("StackInstanceNotFoundException") => {
                return Ok(BTreeMap::new());
            }
            Err(error) => {
                let about = format!("the instance of account {account} in {region}");
                return Err(Stop::of("cloudformation", "DescribeStackInstance", about, &error));
            }
        };
        let overrides = answer.stack_instance().map(|one| one.parameter_overrides());
        let pairs = overrides.into_iter().flatten().filter_map(|one| {
            let value = one.parameter_value().unwrap_or_default();
            Some((one.parameter_key()?.to_owned(), value.to_owned()))
        });
        Ok(pairs.collect())
    }

    /// The id of an instance's stack; nothing where there is none.
    ///
    /// # Errors
    /// A wait. What AWS refuses is nothing here: whoever asks can do without.
    pub async fn stack_of(
        &self,
        account: &AccountId,
        region: &RegionName,
    ) -> Result<Option<String>, Stop> {
        let request = self.client.describe_stack_instance().stack_set_name(self.name.as_str());
        let request =
            request.stack_instance_account(account.as_str()).stack_instance_region(region.as_str());
        match request.send().await {
            Ok(answer) => {
                Ok(answer.stack_instance().and_then(|one| one.stack_id()).map(str::to_owned))
            }
            Err(error) if is_transient(&error) => {
                let about = format!("the instance of account {account} in {region}");
                Err(Stop::of("cloudformation", "DescribeStackInstance", about, &error))
            }
            Err(error) => {
                let refusal = Refusal::of("cloudformation", "DescribeStackInstance", &error);
                tracing::warn!(account.id = %account, "its stack is not to be found: {refusal}");
                Ok(None)
            }
        }
    }

    /// What CloudFormation says of a template. `None` asks for the set's own.
    ///
    /// # Errors
    /// The inner error is what CloudFormation says is wrong with the template, or that it cannot
    /// be read; the outer one is a wait, or what AWS refuses.
    pub async fn summary_of(&self, url: Option<&str>) -> Result<Result<Summary, String>, Stop> {
        let request = self.client.get_template_summary();
        let request = match url {
            Some(url) => request.template_url(url),
            None => request.stack_set_name(self.name.as_str()),
        };
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let call = "GetTemplateSummary";
                let refusal = Refusal::of("cloudformation", call, &error);
                if &*refusal.code == "ValidationError" {
                    return Ok(Err(refusal.message.into()));
                }
                return Err(Stop::of("cloudformation", call, self.about(), &error));
            }
        };
        let parameters = answer.parameters().iter().filter_map(|one| {
            let default = one.default_value().map(str::to_owned);
            let declared = Declared { default, no_echo: one.no_echo() == Some(true) };
            Some((one.parameter_key()?.to_owned(), declared))
        });
        Ok(Ok(Summary {
            parameters: parameters.collect(),
            capabilities: answer.capabilities().iter().map(|one| one.as_str().to_owned()).collect(),
            transforms: answer.declared_transforms().to_vec(),
        }))
    }
}
