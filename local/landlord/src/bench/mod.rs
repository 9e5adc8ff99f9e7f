//! `landlord bench sweep`: see [`sweep`].
//!
//! `landlord bench gate`: how long a cold gate takes, beside an empty function and beside the same
//! gate in Python, in one run. The candidates take turns, so that what else the machine does hits
//! all of them.

pub(crate) mod candidate;
mod quota;
mod report;
mod runtime;
mod sweep;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use local_aws::{Aws, Settings};
use tokio::net::TcpListener;

use candidate::Candidate;
use report::Report;

/// Measure
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Cold starts of the account gate
    Gate(Gate),
    /// Memory of the function that plans a sweep, by the size of the fleet
    Sweep(sweep::Sweep),
}

/// Cold starts of the account gate, beside an empty function and the same gate in Python
#[derive(Debug, Args)]
pub(crate) struct Gate {
    /// The gate's release binary
    #[arg(long, value_name = "FILE")]
    gate: PathBuf,
    /// The partitions.json that is packed with the gate
    #[arg(long, value_name = "FILE")]
    partitions: PathBuf,
    /// An empty function of the same runtime and profile
    #[arg(long, value_name = "FILE")]
    empty: PathBuf,
    /// A Python with boto3 and awslambdaric
    #[arg(long, value_name = "FILE", requires = "handler")]
    python: Option<PathBuf>,
    /// The folder with gate.py
    #[arg(long, value_name = "DIR")]
    handler: Option<PathBuf>,
    /// Cold starts of each candidate; of Python a tenth
    #[arg(long, value_name = "NUMBER", default_value_t = 200)]
    runs: usize,
    /// Also with the share of a processor that Lambda gives these sizes, in MB, where cgroups can
    /// be written
    #[arg(long, value_name = "MB", value_delimiter = ',', default_value = "128,256,512")]
    memory: Vec<u32>,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The endpoint could not be opened.
    #[error("no port of 127.0.0.1 can be opened")]
    Port(#[source] std::io::Error),
    /// A candidate did not start or did not answer.
    #[error("{candidate}: {because}")]
    Candidate {
        /// Which one.
        candidate: String,
        /// What happened.
        because: String,
    },
}

impl Bench {
    /// Runs it.
    pub(crate) async fn run(self) -> ExitCode {
        let gate = match self {
            Self::Gate(gate) => gate,
            Self::Sweep(sweep) => return sweep.run().await,
        };
        match gate.measure().await {
            Ok(report) if gate.json => {
                crate::say(&report.to_json());
                ExitCode::SUCCESS
            }
            Ok(report) => {
                crate::say(&report.to_string());
                ExitCode::SUCCESS
            }
            Err(error) => crate::failed(&error),
        }
    }
}

impl Gate {
    async fn measure(&self) -> Result<Report, Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(Error::Port)?;
        let address = listener.local_addr().map_err(Error::Port)?;
        // Without AWS's rates: a warm gate asks far more often than a real one.
        let aws = Aws::new(Settings { throttles: false, ..Settings::default() });
        tokio::spawn(async move {
            let Err(error) = local_aws::serve(aws, listener).await;
            eprintln!("the endpoint failed: {error}");
        });
        let endpoint = format!("http://{address}");
        let mut candidates = vec![
            Candidate::binary("empty", &self.empty, &endpoint, self.runs),
            Candidate::binary("gate", &self.gate, &endpoint, self.runs)
                .with_partitions(&self.partitions)
                .map_err(|because| Error::Candidate { candidate: "gate".to_owned(), because })?,
        ];
        if let (Some(python), Some(handler)) = (&self.python, &self.handler) {
            let runs = (self.runs / 10).max(5);
            candidates.push(Candidate::python(python, handler, &endpoint, runs));
        }
        let mut report = Report::default();
        report.add("whole processor", turns(&candidates, None, self.runs).await?);
        for memory in &self.memory {
            let quota = match quota::Quota::of_lambda(*memory) {
                Ok(quota) => quota,
                Err(error) => {
                    eprintln!("landlord: no quota for {memory} MB: {error}");
                    continue;
                }
            };
            let runs = (self.runs / 10).max(5);
            let name = format!("{memory} MB, {:.1} % of a processor", quota.percent());
            report.add(&name, turns(&candidates, Some(&quota), runs).await?);
        }
        report.size("gate", &self.gate);
        report.size("empty", &self.empty);
        Ok(report)
    }
}

/// Every candidate's samples, taken in turns.
async fn turns(
    candidates: &[Candidate],
    quota: Option<&quota::Quota>,
    runs: usize,
) -> Result<Vec<(String, Vec<candidate::Sample>)>, Error> {
    let mut samples: Vec<(String, Vec<candidate::Sample>)> =
        candidates.iter().map(|candidate| (candidate.name.clone(), Vec::new())).collect();
    for turn in 0..runs {
        for (candidate, (_, taken)) in candidates.iter().zip(&mut samples) {
            if turn >= candidate.runs {
                continue;
            }
            let sample = candidate.start(quota).await.map_err(|because| Error::Candidate {
                candidate: candidate.name.clone(),
                because,
            })?;
            taken.push(sample);
        }
    }
    Ok(samples)
}
