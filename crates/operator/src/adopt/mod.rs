//! `landlord adopt`: the tenants who are already there. A plan that people read, applied by its hash
//! to a world that is still as it was, and the way back.

mod apply;
mod enter;
mod plan;
mod policies;
mod release;
mod say;
mod world;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use lambda_kit::Clock;
use lambda_kit::sdk::Wire;

use crate::connection::{Connection, Surroundings};
use crate::deployment::Which;
use crate::failure::Failure;
use crate::patience::{failed, patiently};

/// Accounts that are there become tenants', by a plan first; and the way back
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say of each account whether it may be adopted and why, and what its move would newly deny;
    /// nothing is done
    Plan(Plan),
    /// Do what a plan says, if the world is still as it was: mark, move, converge
    Apply(Apply),
    /// Give accounts back: their marks come off, they move out, and nothing is deleted
    Release(Release),
}

/// Plan an adoption
#[derive(Debug, Args)]
pub struct Plan {
    /// A list of accounts: CSV, JSON or JSON Lines with accountId, tenantId, tier and, if you like,
    /// tenantName
    #[arg(value_name = "FILE", required_unless_present_any = ["ou", "all"])]
    pub list: Option<PathBuf>,
    /// All accounts directly in this unit instead, each a tenant of the --tier
    #[arg(long, value_name = "OU", conflicts_with_all = ["list", "all"], requires = "tier")]
    pub ou: Option<String>,
    /// All accounts of the organization instead, as far as --from consents
    #[arg(long, conflicts_with = "list", requires = "tier")]
    pub all: bool,
    /// The tier of accounts that no list names
    #[arg(long, value_name = "TIER")]
    pub tier: Option<String>,
    /// The tag whose value is the tenant's id, for accounts that no list names; without it, the
    /// account's name
    #[arg(long, value_name = "KEY")]
    pub tenant_tag: Option<String>,
    /// A unit, or the root's id, whose owners consent that accounts are taken from it; several times
    #[arg(long, value_name = "OU")]
    pub from: Vec<String>,
    /// The organization's own role in the accounts, by which a missing execution role is made
    #[arg(long, value_name = "NAME", default_value = "OrganizationAccountAccessRole")]
    pub access_role: String,
    /// Write the plan to this file, too
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Answer the plan as one JSON document
    #[arg(long)]
    pub json: bool,
    /// Landlord's stack.
    #[command(flatten)]
    pub which: Which,
    /// The way to AWS.
    #[command(flatten)]
    pub connection: Connection,
}

/// Apply a plan
#[derive(Debug, Args)]
pub struct Apply {
    /// The plan's hash, or its file
    #[arg(value_name = "HASH|FILE")]
    pub plan: String,
    /// Do not wait until the accounts have converged
    #[arg(long)]
    pub no_wait: bool,
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

/// Give accounts back
#[derive(Debug, Args)]
pub struct Release {
    /// The accounts
    #[arg(value_name = "ACCOUNT", required = true)]
    pub accounts: Vec<String>,
    /// Where they go, if that is not where they were adopted from
    #[arg(long, value_name = "OU")]
    pub to: Option<String>,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Landlord's stack.
    #[command(flatten)]
    pub which: Which,
    /// The way to AWS.
    #[command(flatten)]
    pub connection: Connection,
}

impl Command {
    /// Performs it against AWS.
    pub(crate) async fn perform(self) -> Result<String, Failure> {
        let connection = match &self {
            Self::Plan(plan) => &plan.connection,
            Self::Apply(apply) => &apply.connection,
            Self::Release(release) => &release.connection,
        };
        let wire = connection.wire(&Surroundings::real()).await?;
        self.on(&wire, &Clock::system()).await
    }

    /// Performs it on a wire, and answers what is to be printed.
    ///
    /// # Errors
    /// What is wrong with a list or a plan, and what AWS refused.
    pub async fn on(self, wire: &Wire, clock: &Clock) -> Result<String, Failure> {
        match self {
            Self::Plan(plan) => Box::pin(plan::plan(plan, wire, clock)).await,
            Self::Apply(apply) => Box::pin(apply::apply(apply, wire)).await,
            Self::Release(release) => Box::pin(release::release(release, wire)).await,
        }
    }
}

/// Where plans are, in the runs bucket.
fn key(hash: &str) -> String {
    format!("adoptions/{hash}.json")
}
