//! `landlord demo rehearse`: the way of a change to the canaries and back, with one that means
//! nothing.
//!
//! One canary's gate says no on the way forth, the other one's on the way back. The rehearsal
//! tells of both, and leaves nothing behind; while another rollout runs it is refused.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::fleet::Tenants;
use super::watch::{Ended, Watcher};
use super::{Error, start};
use crate::place::{self, Place};
use simulation::rollout::fleet::set_alarm;

/// The canary whose gate says no on the way forth.
const VETOES_FORTH: &str = "acacia";
/// The one whose gate says no on the way back.
const VETOES_BACK: &str = "teak";

/// Rehearse a rollout and its way back on this machine, through gates that say no
#[derive(Debug, Args)]
pub(crate) struct RehearsalDemo {
    /// Print the outcome as one JSON document on standard output
    #[arg(long)]
    json: bool,
    /// How long all of it may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    #[command(flatten)]
    place: place::Options,
}

impl RehearsalDemo {
    /// Runs the demo. Exit status: 0 all came out as it should, 1 something did not.
    pub(crate) async fn run(self) -> ExitCode {
        let place = match place::start(&self.place, 0).await {
            Ok(place) => place,
            Err(error) => return crate::failed(&error),
        };
        let limit = Duration::from_secs(self.timeout);
        let result = match tokio::time::timeout(limit, self.perform(&place)).await {
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

    async fn perform(&self, place: &Place) -> Result<bool, Error> {
        let workspace = place::workspace(self.place.workspace.as_deref())?;
        let read = |name: &'static str| {
            std::fs::read_to_string(workspace.join(name)).map_err(|error| Error::File(name, error))
        };
        let template = read("stacksets/tenant-baseline.yaml")?;
        let tenants = Tenants::settle(place, &read("tiers.json")?).await?;
        let mut watcher = Watcher::new(&place.deployment, &tenants.fleet.stack_set).await?;
        watcher.tell("fleet", &tenants.summary());
        let before = self.template(&watcher).await?;

        alarm(place, &tenants, VETOES_FORTH).await?;
        watcher.tell("", &format!("{VETOES_FORTH} has an incident: its gate says no"));
        rehearse(&mut watcher, "rehearsal-1").await?;
        let rehearsed = watcher.follow(|event| close_on_the_way(place, &tenants, event)).await?;
        let after = self.template(&watcher).await?;

        start(&mut watcher, "change-2", &template.replace(r#""version":"1""#, r#""version":"2""#))
            .await?;
        until_it_works(&watcher).await?;
        rehearse(&mut watcher, "rehearsal-2").await?;
        let refused = watcher.follow(|_| async { Ok(None) }).await?;
        let told = &rehearsed.rehearsal;
        let outcome = json!({
            "rehearsal": told, "status": rehearsed.status,
            "besideAnother": refused.status, "setIsAsBefore": before == after,
        });
        crate::say(&if self.json { outcome.to_string() } else { page(told, &tenants) });
        let differences = differences(&tenants, &rehearsed, &refused, before == after);
        for difference in &differences {
            eprintln!("not as it should be: {difference}");
        }
        if differences.is_empty() {
            eprintln!("the way back works, and the set is what it was");
        }
        Ok(differences.is_empty())
    }

    async fn template(&self, watcher: &Watcher) -> Result<Value, Error> {
        let input = json!({ "StackSetName": watcher.stack_set() });
        let set = watcher.deployment().ask("cloudformation", "DescribeStackSet", input).await?;
        Ok(set["StackSet"]["TemplateBody"].clone())
    }
}

/// Waits for the first operation of the rollout that a rehearsal has to respect.
async fn until_it_works(watcher: &Watcher) -> Result<(), Error> {
    let input = json!({ "StackSetName": watcher.stack_set(), "MaxResults": 10 });
    loop {
        let call = ("cloudformation", "ListStackSetOperations");
        let listed = watcher.deployment().ask(call.0, call.1, input.clone()).await?;
        let rows = listed["Summaries"].as_array().cloned().unwrap_or_default();
        let ids = rows.iter().filter_map(|row| row["OperationId"].as_str());
        if ids.into_iter().any(|id| id.contains("-w01of03")) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn alarm(place: &Place, tenants: &Tenants, tenant: &str) -> Result<(), Error> {
    if let Some(member) = tenants.member(tenant) {
        set_alarm(place.deployment.aws(), member, "ALARM").await?;
    }
    Ok(())
}

/// Once the mark has reached the canaries, the gate of the one that took it closes.
async fn close_on_the_way(
    place: &Place,
    tenants: &Tenants,
    event: super::watch::Event,
) -> Result<Option<String>, simulation::deployment::Error> {
    if event.name != "RolloutWaveFinished" || event.wave != "canaries" {
        return Ok(None);
    }
    if let Some(member) = tenants.member(VETOES_BACK) {
        set_alarm(place.deployment.aws(), member, "ALARM").await?;
    }
    Ok(Some(format!("{VETOES_BACK} has an incident, too: its gate says no to the way back")))
}

/// Starts a rehearsal, as the schedule does.
async fn rehearse(watcher: &mut Watcher, name: &str) -> Result<(), Error> {
    let deployment = watcher.deployment().clone();
    let set = watcher.stack_set().to_owned();
    let name = format!("{set}_{name}");
    let input = json!({ "version": 1, "stackSet": set, "rehearse": true });
    let request = json!({
        "stateMachineArn": deployment.output("RollOutStateMachineArn")?,
        "name": name, "input": input.to_string(),
    });
    let started = deployment.ask("states", "StartExecution", request).await?;
    watcher.begin(&name, started["executionArn"].as_str().unwrap_or_default());
    Ok(())
}

fn page(told: &Value, tenants: &Tenants) -> String {
    let works = if told["works"] == true { "works" } else { "does not work" };
    let mut text = format!(
        "the way of a change {works}: {} instances went forth in {} s, {} came back in {} s",
        told["wentForth"], told["forthSeconds"], told["cameBack"], told["backSeconds"],
    );
    for row in told["inTheWay"].as_array().into_iter().flatten() {
        let account = row["account"].as_str().unwrap_or_default();
        let tenant = tenants.tenant(account).unwrap_or(account);
        let (class, why) = (&row["class"], row["reason"].as_str().unwrap_or_default());
        text.push_str(&format!("\nin the way: {tenant} {class}: {why}"));
    }
    text
}

/// Where it is not what it must be.
fn differences(
    tenants: &Tenants,
    rehearsed: &Ended,
    refused: &Ended,
    as_before: bool,
) -> Vec<String> {
    let mut differences = Vec::new();
    let mut must = |holds: bool, what: String| {
        if !holds {
            differences.push(what);
        }
    };
    let told = &rehearsed.rehearsal;
    must(rehearsed.status == "SUCCEEDED", format!("the rehearsal {}", rehearsed.status));
    must(told["works"] == true, format!("it does not work: {}", told["reason"]));
    must(told["wentForth"] == 1 && told["cameBack"] == 1, format!("it reached others: {told}"));
    let first = told["inTheWay"][0]["account"].as_str().and_then(|id| tenants.tenant(id));
    must(first == Some(VETOES_FORTH), format!("{first:?} was in the way"));
    must(as_before, "the set is not what it was".to_owned());
    must(refused.status == "FAILED", format!("beside another rollout: {}", refused.status));
    differences
}
