//! `landlord demo gate`: one change for a fleet of twelve accounts in two Regions, of which some
//! must not be touched now. The gate is the real binary, asked over the Lambda Runtime API.

mod fleet;
mod outcome;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use simulation::deployment;

use crate::place::{self, Options, Place};
use fleet::Fleet;
use outcome::{Outcome, differences};

/// The account gate at work in a fleet of 12 accounts and 2 Regions
#[derive(Debug, Args)]
pub(crate) struct GateDemo {
    /// Print the outcome as one JSON document on standard output
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

/// Why a demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Place(#[from] place::Error),
    #[error("the local AWS refused a call of the demo")]
    Console(#[from] deployment::Error),
    #[error("the fleet cannot stand: {0}")]
    Fleet(String),
    #[error("stacksets/account-gate.yaml cannot be read")]
    Template(#[source] std::io::Error),
    #[error("operation {operation} did not end within {} s", .after.as_secs())]
    Unending {
        /// The operation.
        operation: String,
        /// How long was waited.
        after: Duration,
    },
}

impl GateDemo {
    /// Runs the demo. Exit status: 0 all came out as it should, 1 something did not.
    pub(crate) async fn run(self) -> ExitCode {
        match self.perform().await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => crate::failed(&error),
        }
    }

    async fn perform(&self) -> Result<bool, Error> {
        let place = place::start(&self.options, 0).await?;
        let result = self.show(&place).await;
        place.host.shutdown().await;
        place.deployment.aws().shut_down();
        result
    }

    async fn show(&self, place: &Place) -> Result<bool, Error> {
        let template = place.root.join("stacksets/account-gate.yaml");
        let template = std::fs::read_to_string(template).map_err(Error::Template)?;
        let fleet = Fleet::stand(&place.deployment).await?;
        eprintln!("12 accounts in 2 Regions have the service in version 1");
        fleet.deploy_gates(&template).await?;
        eprintln!("the gate is deployed in all of them but {}", fleet.without_gate());
        fleet.disturb().await?;
        eprintln!("an alarm, a closed window and a hold; now version 2 goes out");
        let first = Outcome::of(&fleet, &fleet.roll_out("first", "2").await?).await?;
        if !self.json {
            crate::say(&first.table("Version 2, first operation"));
        }
        fleet.open().await?;
        eprintln!("the three gates are opened for half an hour; what is outdated is tried again");
        let second = Outcome::of(&fleet, &fleet.roll_out("second", "2").await?).await?;
        if self.json {
            crate::say(&serde_json::json!({ "first": first, "second": second }).to_string());
        } else {
            crate::say(&second.table("Version 2, second operation, with overrides"));
        }
        let differences = differences(&fleet, &first, &second);
        for difference in &differences {
            eprintln!("not as it should be: {difference}");
        }
        if differences.is_empty() {
            eprintln!("all came out as it should");
        }
        Ok(differences.is_empty())
    }
}
