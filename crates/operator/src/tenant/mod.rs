//! `landlord tenant`: all that is known of one; nothing is changed. What is wrong, and what to do
//! about it, comes first.

mod executions;
mod read;
mod say;

use clap::Args;
use lambda_kit::Clock;
use lambda_kit::sdk::Wire;

use crate::Answer;
use crate::connection::{Connection, Surroundings};
use crate::deployment::Which;
use crate::failure::Failure;

/// All that is known of one tenant, or of the tenant of an account
#[derive(Debug, Args)]
pub struct Tenant {
    /// A tenant's id, or an account's
    #[arg(value_name = "TENANT|ACCOUNT")]
    pub id: String,
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

impl Tenant {
    /// Performs it against AWS.
    pub(crate) async fn perform(self) -> Result<Answer, Failure> {
        let wire = self.connection.wire(&Surroundings::real()).await?;
        Box::pin(self.on(&wire, &Clock::system())).await
    }

    /// Performs it on a wire, and answers what is to be printed.
    ///
    /// # Errors
    /// When there is no stack, or nothing is known of the tenant. A read that is refused is said in
    /// the answer.
    pub async fn on(self, wire: &Wire, clock: &Clock) -> Result<Answer, Failure> {
        let seen = Box::pin(read::read(&self.id, wire, &self.which.stack, clock)).await?;
        let text = if self.json { say::document(&seen).to_string() } else { say::page(&seen) };
        Ok(Answer { text, has_findings: !seen.findings.is_empty() })
    }
}
