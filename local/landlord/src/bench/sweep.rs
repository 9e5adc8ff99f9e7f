//! `landlord bench sweep`: how much memory `plan-retirements` takes for fleets of several sizes.
//!
//! It is the real binary, over the Lambda Runtime API, in real time; and what is read is the most
//! memory that its process ever had, which is what Lambda reports and bills. The stand-in is another
//! process. Every size gets processes of its own.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use serde_json::json;
use simulation::deployment;
use simulation::retirement::{Fleet, seed_tenants};

use crate::place::{self, Options, Place};

/// Memory of the function that plans a sweep, by the size of the fleet
#[derive(Debug, Args)]
pub(crate) struct Sweep {
    /// Accounts of tenants; the first size is what the others are held against
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "5000,50000")]
    accounts: Vec<u32>,
    /// Those of them that stand in Retiring and are due
    #[arg(long, value_name = "N", default_value_t = 1_500)]
    due: u32,
    /// The result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Place(#[from] place::Error),
    #[error("the local AWS refused a call of the measurement")]
    Console(#[from] deployment::Error),
    #[error("the plan ended as {0}")]
    Ended(String),
    #[error("the system does not tell how much memory the process had")]
    Unknown,
}

/// What one size took.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    accounts: u32,
    due: u32,
    /// The most that the process ever had, in kilobytes.
    peak_kilobytes: u64,
    seconds: f64,
}

impl Sweep {
    pub(super) async fn run(self) -> ExitCode {
        match self.measure().await {
            Ok(all) => {
                crate::say(&if self.json { json!(all).to_string() } else { page(&all) });
                ExitCode::SUCCESS
            }
            Err(error) => crate::failed(&error),
        }
    }

    async fn measure(&self) -> Result<Vec<Measured>, Error> {
        let mut all = Vec::new();
        for accounts in &self.accounts {
            // So many are due because the question says so: it is nobody's mistake.
            let parameters = BTreeMap::from([("BreakerPercent".to_owned(), "100".to_owned())]);
            // At AWS's own pace: the function keeps to it by the machine's clock, and the time-outs
            // of a faster world would end it.
            let options = Options { pace: 1.0, ..self.options.clone() };
            let place = place::start_with(&options, 0, parameters).await?;
            let measured = self.plan(&place, *accounts).await;
            place.host.shutdown().await;
            place.deployment.aws().shut_down();
            all.push(measured?);
        }
        Ok(all)
    }

    async fn plan(&self, place: &Place, accounts: u32) -> Result<Measured, Error> {
        let due = self.due.min(accounts);
        let fleet = Fleet { accounts: accounts as usize, due: due as usize };
        seed_tenants(&place.deployment, fleet).await?;
        let began = Instant::now();
        let input = json!({
            "stateMachineArn": place.deployment.output("SweepRetirementsStateMachineArn")?,
            "name": "measured", "input": r#"{"dryRun":true}"#,
        });
        let made = place.deployment.ask("states", "StartExecution", input).await?;
        let execution = json!({ "executionArn": made["executionArn"] });
        let mut peak = None;
        loop {
            let ids = place.host.process_ids("landlord-plan-retirements");
            peak = peak.max(ids.into_iter().filter_map(peak_of).max());
            let ask = place.deployment.ask("states", "DescribeExecution", execution.clone());
            match ask.await?["status"].as_str().unwrap_or_default() {
                "RUNNING" => tokio::time::sleep(Duration::from_millis(200)).await,
                "SUCCEEDED" => break,
                status => return Err(Error::Ended(status.to_owned())),
            }
        }
        // It stays warm, and the system remembers its peak.
        let ids = place.host.process_ids("landlord-plan-retirements");
        let peak = peak.max(ids.into_iter().filter_map(peak_of).max());
        Ok(Measured {
            accounts,
            due,
            peak_kilobytes: peak.ok_or(Error::Unknown)?,
            seconds: began.elapsed().as_secs_f64(),
        })
    }
}

/// The most memory that a process had so far, in kilobytes.
fn peak_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn page(all: &[Measured]) -> String {
    let first = all.first().map_or(1, |first| first.peak_kilobytes.max(1));
    let lines = all.iter().map(|it| {
        format!(
            "{:>6} accounts, {} due: {} kB at most, {:.3} times the first; a plan and a report in {:.0} s",
            it.accounts,
            it.due,
            it.peak_kilobytes,
            it.peak_kilobytes as f64 / first as f64,
            it.seconds,
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}
