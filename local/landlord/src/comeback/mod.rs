//! `landlord demo return`: a tenant that leaves and comes back, again and again, and each answer held
//! against what is seen in its account at that moment, with the real function binaries.

mod answers;
mod judge;
mod outcome;
mod story;
mod world;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use simulation::deployment;

use crate::place::{self, Place};
use crate::retire::{self, Watcher};
use story::Story;

/// Let a tenant come back: while it cools off, emptied, closed, elsewhere; and mend an override
#[derive(Debug, Args)]
pub(crate) struct ReturnDemo {
    /// Print the outcome as one JSON document on standard output
    #[arg(long)]
    json: bool,
    /// How long all of it may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    #[command(flatten)]
    options: place::Options,
}

/// Why the demo did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Place(#[from] place::Error),
    #[error(transparent)]
    Watch(Box<retire::Error>),
    #[error("the local AWS refused a call of the demo")]
    Console(#[from] deployment::Error),
    #[error("the story does not go on after the tenant {0}: {1}")]
    Surprise(&'static str, String),
    #[error("{0} cannot be read")]
    Tiers(&'static str),
}

impl From<retire::Error> for Error {
    fn from(error: retire::Error) -> Self {
        Self::Watch(Box::new(error))
    }
}

impl ReturnDemo {
    /// Runs the demo. Exit status: 0 all answers were true, 1 one was not.
    pub(crate) async fn run(self) -> ExitCode {
        match self.perform().await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => crate::failed(&error),
        }
    }

    async fn perform(&self) -> Result<bool, Error> {
        let root = place::workspace(self.options.workspace.as_deref())?;
        let right = std::fs::read_to_string(root.join("tiers.json"));
        let right = right.map_err(|_| Error::Tiers("tiers.json"))?;
        let domain = story::OTHER_ADDRESS.rsplit('@').next().unwrap_or_default();
        let parameters = BTreeMap::from([
            ("Tiers".to_owned(), mistaken(&right)?),
            ("RootEmailDomains".to_owned(), domain.to_owned()),
        ]);
        let place = place::start_with(&self.options, 0, parameters).await?;
        let result = self.show(&place, right).await;
        place.host.shutdown().await;
        place.deployment.aws().shut_down();
        result
    }

    async fn show(&self, place: &Place, right: String) -> Result<bool, Error> {
        let watcher = Watcher::new(&place.deployment, self.timeout).await?;
        let mut story = Story::new(&place.deployment, watcher, right);
        let told = story.tell().await;
        // What was said and seen until then is shown in any case.
        crate::say(&if self.json { story.json().to_string() } else { story.page() });
        let differences = story.differences();
        for difference in &differences {
            eprintln!("not as it should be: {difference}");
        }
        told?;
        if differences.is_empty() {
            eprintln!("all answers were true");
        }
        Ok(differences.is_empty())
    }
}

/// The tiers with a mistake, as an operator makes one: logs are kept for a month, not for a year.
fn mistaken(right: &str) -> Result<String, Error> {
    let mut tiers: Value = serde_json::from_str(right).map_err(|_| Error::Tiers("tiers.json"))?;
    let place = format!("/tiers/{}/baseline/0/parameterOverrides", story::TIER);
    let overrides = tiers.pointer_mut(&place).and_then(Value::as_object_mut);
    let overrides = overrides.ok_or(Error::Tiers("the baseline of the tier in tiers.json"))?;
    overrides.insert(story::OVERRIDE.to_owned(), json!(story::MISTAKE));
    Ok(tiers.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mistake_is_one_override_of_one_tier() {
        let right = include_str!("../../../../tiers.json");
        let mut wrong: Value = serde_json::from_str(&mistaken(right).unwrap()).unwrap();
        let right: Value = serde_json::from_str(right).unwrap();
        assert_ne!(wrong, right);
        let place = "/tiers/premium/baseline/0/parameterOverrides";
        *wrong.pointer_mut(place).unwrap() = right.pointer(place).unwrap().clone();
        assert_eq!(wrong, right);
        assert!(mistaken("{}").is_err());
    }
}
