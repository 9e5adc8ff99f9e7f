//! Landlord's stack as it stands in AWS: what its outputs say.

use std::collections::BTreeMap;

use clap::Args;
use lambda_kit::client;
use lambda_kit::sdk::{Trouble, Wire, code};
use lifecycle::OrganizationalUnits;

use crate::failure::{Exit, Failure};

/// The name of Landlord's stack, unless the command line says otherwise.
pub const STACK: &str = "landlord";

/// The units of tenants, as the template calls them.
const TENANT_UNITS: [&str; 3] = ["Canary", "Early", "General"];

/// Which of the stacks
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// The name of Landlord's stack
    #[arg(long, value_name = "NAME", default_value = STACK)]
    pub stack: String,
}

/// The stack, and what it says of itself.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Its name.
    pub stack: String,
    /// Its ARN.
    pub id: String,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// Its parameters, as AWS has them.
    pub parameters: BTreeMap<String, String>,
}

impl Deployment {
    /// Reads the stack.
    ///
    /// # Errors
    /// When there is none of this name, or AWS does not answer.
    pub async fn read(wire: &Wire, stack: &str) -> Result<Self, Failure> {
        let tried = format!("read the stack {stack} in {}", wire.region());
        let client = client!(aws_sdk_cloudformation, wire);
        let answer = client.describe_stacks().stack_name(stack).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            // The only way in which CloudFormation says that there is no such stack.
            Err(error) if code(&error) == Some("ValidationError") => {
                return Err(missing(&tried));
            }
            Err(error) => {
                let trouble = Trouble::of("cloudformation", "DescribeStacks", &error);
                return Err(Failure::aws(tried, &trouble));
            }
        };
        let Some(found) = answer.stacks().first() else { return Err(missing(&tried)) };
        let outputs = found.outputs().iter().filter_map(|output| {
            Some((output.output_key()?.to_owned(), output.output_value()?.to_owned()))
        });
        let parameters = found.parameters().iter().filter_map(|parameter| {
            let value = parameter.parameter_value()?;
            Some((parameter.parameter_key()?.to_owned(), value.to_owned()))
        });
        Ok(Self {
            stack: stack.to_owned(),
            id: found.stack_id().unwrap_or_default().to_owned(),
            outputs: outputs.collect(),
            parameters: parameters.collect(),
        })
    }

    /// AWS's partition in which it stands.
    pub fn partition(&self) -> &str {
        self.id.split(':').nth(1).unwrap_or("aws")
    }

    /// An output.
    ///
    /// # Errors
    /// When the stack does not have it, as one of an older version.
    pub fn output(&self, name: &str) -> Result<&str, Failure> {
        self.outputs.get(name).map(String::as_str).ok_or_else(|| {
            let tried = format!("find the output {name} of the stack {}", self.stack);
            Failure::new(tried, "the stack has no such output", "deploy this version: make deploy")
        })
    }

    /// A parameter.
    ///
    /// # Errors
    /// When the stack does not have it, as one of an older version.
    pub fn parameter(&self, name: &str) -> Result<&str, Failure> {
        self.parameters.get(name).map(String::as_str).ok_or_else(|| {
            let tried = format!("find the parameter {name} of the stack {}", self.stack);
            Failure::new(
                tried,
                "the stack has no such parameter",
                "deploy this version: make deploy",
            )
        })
    }

    /// The units in which live tenants stand.
    ///
    /// # Errors
    /// When the stack does not say them.
    pub fn tenant_units(&self) -> Result<OrganizationalUnits, Failure> {
        let mut units = Vec::new();
        for unit in TENANT_UNITS {
            units.push(format!("{unit}={}", self.output(&format!("{unit}OuIdInUse"))?));
        }
        units.join(",").parse().map_err(|faults: lifecycle::Faults| {
            let advice = "deploy this version: make deploy";
            Failure::new("read the units of tenants", faults.to_string(), advice)
        })
    }
}

fn missing(tried: &str) -> Failure {
    let advice = "name it by --stack and its Region by --region, or deploy it: make deploy";
    Failure::new(tried, "there is no stack of this name", advice).exits(Exit::Usage)
}
