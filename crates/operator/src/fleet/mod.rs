//! `landlord fleet`: who there is, where, whether it is ready, and what is wrong; nothing is changed.

mod read;
mod rows;
mod say;

pub(crate) use read::{of_several, stack_sets};

use clap::Args;
use fleet_audit::Class;
use lambda_kit::Clock;
use lambda_kit::sdk::Wire;

use crate::Answer;
use crate::connection::{Connection, Surroundings};
use crate::deployment::Which;
use crate::failure::Failure;

/// All accounts of tenants: how many in which state, who is not ready, what is wrong and what mends it
#[derive(Debug, Args)]
pub struct Fleet {
    /// Only who is not ready, and why: being onboarded, worked on, or with a finding
    #[arg(long)]
    pub not_ready: bool,
    /// Only what is wrong in this way, such as instance-missing; several times
    #[arg(long, value_name = "CLASS", value_parser = class)]
    pub finding: Vec<Class>,
    /// Only in this state: onboarding, live, retiring, suspended, elsewhere
    #[arg(long, value_name = "STATE")]
    pub state: Option<String>,
    /// Only of this tier
    #[arg(long, value_name = "TIER")]
    pub tier: Option<String>,
    /// Answer one line of CSV for each account
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
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

fn class(text: &str) -> Result<Class, String> {
    Class::of(text).ok_or_else(|| {
        let all: Vec<String> =
            Class::ALL.iter().map(|it| it.as_str().to_lowercase().replace('_', "-")).collect();
        format!("must be one of {}", all.join(", "))
    })
}

impl Fleet {
    /// Performs it against AWS.
    pub(crate) async fn perform(self) -> Result<Answer, Failure> {
        let wire = self.connection.wire(&Surroundings::real()).await?;
        Box::pin(self.on(&wire, &Clock::system())).await
    }

    /// Performs it on a wire, and answers what is to be printed.
    ///
    /// # Errors
    /// When there is no stack. A list that cannot be read is said in the answer.
    pub async fn on(self, wire: &Wire, clock: &Clock) -> Result<Answer, Failure> {
        let seen = Box::pin(read::read(wire, &self.which.stack, clock)).await?;
        let rows = rows::rows(&seen);
        let shown: Vec<&rows::Row> = rows.iter().filter(|row| self.shows(row)).collect();
        let text = match (self.json, self.csv) {
            (true, _) => say::document(&self, &seen, &rows, &shown).to_string(),
            (false, true) => say::csv(&shown),
            (false, false) => say::page(&self, &seen, &rows, &shown),
        };
        let has_findings = shown.iter().any(|row| !self.of(row).is_empty());
        Ok(Answer { text, has_findings })
    }

    /// Whether it names some of the accounts, not all.
    fn is_filtered(&self) -> bool {
        self.not_ready || !self.finding.is_empty() || self.state.is_some() || self.tier.is_some()
    }

    fn shows(&self, row: &rows::Row) -> bool {
        let same = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(found))
        };
        (!self.not_ready || row.is_to_be_ready())
            && (self.finding.is_empty() || !self.of(row).is_empty())
            && same(&self.state, row.state)
            && same(&self.tier, row.tier.as_deref().unwrap_or("-"))
    }

    /// The findings of the account that were asked for.
    fn of<'a>(&self, row: &'a rows::Row) -> Vec<&'a fleet_audit::Finding> {
        let all = row.findings.iter();
        all.filter(|it| self.finding.is_empty() || self.finding.contains(&it.class)).collect()
    }
}
