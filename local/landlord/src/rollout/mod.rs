//! `landlord demo rollout`: two changes go through a fleet in three waves, and one can watch.
//!
//! The first meets an account that vetoes it, one that fails for a moment, and one that means harm:
//! it fails on purpose, with words that imitate a suspension. The change reaches everybody else,
//! and the report names it. The second makes health go red in its second wave, stops by itself and
//! is rolled back.

mod fleet;
mod outcome;
mod rehearsal;
mod watch;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use simulation::rollout::fleet::upload;

use crate::place::{self, Place};
use fleet::Tenants;
use outcome::Outcome;
pub(crate) use rehearsal::RehearsalDemo;
use watch::Watcher;

/// The alarm of the management account that both plans watch.
pub(super) const HEALTH_ALARM: &str = "checkout-health";

/// Roll two changes out to a fleet on this machine: one reaches all but a tenant that means harm,
/// one is stopped and rolled back
#[derive(Debug, Args)]
pub(crate) struct RolloutDemo {
    /// Print the outcome as one JSON document on standard output
    #[arg(long)]
    json: bool,
    /// How long all of it may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    #[command(flatten)]
    place: place::Options,
}

/// Why the demo did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Place(#[from] place::Error),
    #[error("the local AWS refused a call of the demo")]
    Console(#[from] simulation::deployment::Error),
    #[error("{0} cannot be read")]
    File(&'static str, #[source] std::io::Error),
    #[error("the time of the demo was over; --timeout gives it more")]
    TimeOver,
}

/// Runs the demo. Exit status: 0 all came out as it should, 1 something did not.
pub(crate) async fn run(options: RolloutDemo) -> ExitCode {
    let place = match place::start(&options.place, 0).await {
        Ok(place) => place,
        Err(error) => return crate::failed(&error),
    };
    let limit = Duration::from_secs(options.timeout);
    let result = match tokio::time::timeout(limit, perform(&options, &place)).await {
        Ok(result) => result,
        Err(_) => Err(Error::TimeOver),
    };
    place.host.shutdown().await;
    place.deployment.aws().shut_down();
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => crate::failed(&error),
    }
}

async fn perform(options: &RolloutDemo, place: &Place) -> Result<bool, Error> {
    let workspace = place::workspace(options.place.workspace.as_deref())?;
    let read = |name: &'static str| {
        std::fs::read_to_string(workspace.join(name)).map_err(|error| Error::File(name, error))
    };
    let template = read("stacksets/tenant-baseline.yaml")?;
    let tenants = Tenants::settle(place, &read("tiers.json")?).await?;
    let mut watcher = Watcher::new(&place.deployment, &tenants.fleet.stack_set).await?;
    watcher.tell("fleet", &tenants.summary());

    let second = template.replace(r#""version":"1""#, r#""version":"2""#);
    tenants.disturb(place).await?;
    start(&mut watcher, "change-2", &second).await?;
    let passed = watcher.follow(|event| tenants.calm(place, event)).await?;
    let after_first = tenants.versions(place).await;

    let third = template.replace(r#""version":"1""#, r#""version":"3""#);
    start(&mut watcher, "change-3", &third).await?;
    let stopped = watcher.follow(|event| tenants.redden(place, event)).await?;
    let after_second = tenants.versions(place).await;

    let outcome = Outcome::of(&tenants, &watcher, [passed, stopped], [after_first, after_second]);
    crate::say(&if options.json { outcome.json().to_string() } else { outcome.page() });
    let differences = outcome.differences(&tenants);
    for difference in &differences {
        eprintln!("not as it should be: {difference}");
    }
    if differences.is_empty() {
        eprintln!("both came out as they should");
    }
    Ok(differences.is_empty())
}

/// Brings a template and starts its roll-out, as a delivery pipeline does.
async fn start(watcher: &mut Watcher, change: &str, template: &str) -> Result<(), Error> {
    let deployment = watcher.deployment().clone();
    let url = upload(&deployment, &format!("templates/{change}.yaml"), template).await?;
    let set = watcher.stack_set().to_owned();
    let name = format!("{set}_{change}");
    let input = json!({ "version": 1, "stackSet": set, "templateUrl": url, "plan": plan() });
    let request = json!({
        "stateMachineArn": deployment.output("RollOutStateMachineArn")?,
        "name": name, "input": input.to_string(),
    });
    let started = deployment.ask("states", "StartExecution", request).await?;
    watcher.begin(&name, started["executionArn"].as_str().unwrap_or_default());
    Ok(())
}

/// Three waves, each watched for a minute of AWS's time.
fn plan() -> Value {
    let wave = |name: &str, accounts: Value, at_once: u32| {
        json!({
            "name": name, "accounts": accounts, "dwellSeconds": 60,
            "preferences": {
                "maxConcurrentCount": at_once, "failureToleranceCount": 1,
                "concurrencyMode": "SOFT_FAILURE_TOLERANCE", "regionConcurrencyType": "PARALLEL",
            },
        })
    };
    json!({
        "waves": [
            wave("canary", json!({ "organizationalUnit": "Canary" }), 2),
            wave("early", json!({ "organizationalUnit": "Early" }), 2),
            wave("rest", json!({ "rest": true }), 3),
        ],
        "health": { "alarms": [HEALTH_ALARM] },
        "retry": { "transientAttempts": 3, "backoffSeconds": 60, "vetoedEverySeconds": 900 },
        "onStop": "ROLL_BACK", "newTenants": "WAIT", "deadlineSeconds": 3600,
    })
}
