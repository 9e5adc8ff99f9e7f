//! `landlord check`: before a deploy, everything that would stand in its way, or harm somebody once it
//! was through. It reads, and changes nothing.
//!
//! `plan` is what the files say, `read` asks AWS, `judge` is a pure function of both.

mod finding;
mod judge;
mod plan;
mod policy;
mod read;
mod world;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use configuration::stack::Place;
use lambda_kit::sdk::Wire;

pub use finding::Finding;
use plan::{Files, Plan};
pub use policy::{READS, policy};

use crate::Answer;
use crate::connection::{Connection, Surroundings};
use crate::deployment::Which;
use crate::failure::Failure;

/// For how long a read is tried again that AWS throttles: an organization of 50,000 accounts is listed
/// in five minutes, page by page, and no page waits as long.
const PATIENCE: Duration = Duration::from_secs(120);

/// Say what stands in the way of a deploy, and what to set or run for it
#[derive(Debug, Args)]
pub struct Check {
    /// The folder with template.yaml, tiers.json and services/
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// The parameters' file, instead of the folder's deployment.yaml
    #[arg(long, value_name = "FILE")]
    pub deployment: Option<PathBuf>,
    /// A kind of finding that is known and does not count, by its name; several times
    #[arg(long, value_name = "NAME")]
    pub accept: Vec<String>,
    /// Print the policy that a check needs, and look at nothing
    #[arg(long)]
    pub policy: bool,
    /// Answer one JSON document
    #[arg(long)]
    pub json: bool,
    /// Landlord's stack.
    #[command(flatten)]
    pub which: Which,
    /// The way to AWS.
    #[command(flatten)]
    pub connection: Connection,
}

impl Check {
    /// Performs it against AWS.
    pub(crate) async fn perform(self) -> Result<Answer, Failure> {
        if self.policy {
            let text = serde_json::to_string_pretty(&policy(&self.which.stack)).unwrap_or_default();
            return Ok(Answer { text, has_findings: false });
        }
        let wire = self.connection.wire(&Surroundings::real()).await?;
        self.on(&wire).await
    }

    /// Performs it on a wire.
    ///
    /// # Errors
    /// That there are no files to check, or that AWS does not know the caller.
    pub async fn on(self, wire: &Wire) -> Result<Answer, Failure> {
        let files = Files::read(&self.folder, self.deployment)?;
        let entrance = Box::pin(read::entrance(wire)).await?;
        let place = Place {
            stack: self.which.stack.clone(),
            account: entrance.account.clone(),
            region: entrance.region.clone(),
            partition: entrance.partition.clone(),
        };
        let stack = files.template.stack(&files.values, place);
        let plan = Plan {
            files: &files,
            stack: &stack,
            name: &self.which.stack,
            account: &entrance.account,
            partition: &entrance.partition,
        };
        let mut findings = judge::files(plan);
        findings.extend(judge::entrance(&entrance));
        if judge::may_enter(&entrance) {
            let world = Box::pin(read::world(&wire.patient(PATIENCE), plan)).await;
            findings.extend(judge::world(plan, &world));
        }
        Ok(finding::report(&findings, &self.accept, self.json))
    }
}
