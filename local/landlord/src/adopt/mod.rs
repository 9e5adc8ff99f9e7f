//! `landlord demo adopt`: thirty accounts that Landlord did not make, a list of them with everything
//! that lists get wrong, the plan, its application, and a rollout that reaches them; while a probe works
//! in fourteen of them as their workloads do.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use lambda_kit::Clock;
use operator::Which;
use operator::adopt::{Apply, Command, Plan};
use serde_json::{Value, json};
use simulation::adoption::{Fleet, Probe, operator as wire_of, roll_out};

use crate::place::{self, Place};
use crate::retire::{Error, Watcher};

/// How many accounts have each verdict, by how the fleet is made.
const VERDICTS: [(&str, usize); 5] =
    [("ADOPT", 15), ("CONFLICT", 2), ("IMPORT", 1), ("NEEDS_ROLE", 5), ("REFUSE", 7)];
/// How many are adopted: those, and four of which the role can be made.
const ADOPTED: usize = 19;
/// How long the probe pauses, in AWS's time.
const PAUSE: Duration = Duration::from_secs(30);
/// How long the index of tags may lag, with some more.
const INDEXED: Duration = Duration::from_secs(40);

/// Adopt a fleet that is there: a plan, its application, a rollout; and its workloads go on
#[derive(Debug, Args)]
pub(crate) struct AdoptDemo {
    /// Print the outcome as one JSON document on standard output
    #[arg(long)]
    json: bool,
    /// How long all of it may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    #[command(flatten)]
    options: place::Options,
}

impl AdoptDemo {
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
        let mut watcher = Watcher::new(&place.deployment, self.timeout).await?;
        let fleet = Fleet::settle(&place.deployment).await?;
        let aws = place.deployment.aws();
        aws.sleep(INDEXED).await;
        watcher.tell("fleet", "thirty accounts that Landlord did not make");
        let probe = Probe::begin(aws, &fleet.live, PAUSE);

        let plan = planned(place, &fleet).await?;
        let hash = plan["hash"].as_str().unwrap_or_default().to_owned();
        watcher.tell("operator", &format!("landlord adopt apply {hash}"));
        let applied = Command::Apply(Apply {
            plan: hash,
            no_wait: false,
            json: true,
            which: stack(),
            connection: operator::Connection::default(),
        });
        let applied: Value = document(&performed(place, applied).await?);
        watcher.tell("operator", "a rollout of the baseline's next version");
        roll_out(&place.deployment, "after-adoption", json!("urgent")).await?;
        watcher.until("a rollout runs", "RolloutFinished", 1).await?;
        let (calls, refused) = probe.end().await;

        let heard = watcher.heard().iter().find(|(name, _)| name == "RolloutFinished");
        let rollout = heard.map(|(_, detail)| detail["outcome"].clone()).unwrap_or_default();
        let outcome = json!({
            "verdicts": counts(&plan), "adopted": applied["accounts"], "rollout": rollout,
            "newlyDenied": plan["moves"][0]["newlyDenied"],
            "probe": { "accounts": fleet.live.len(), "calls": calls, "refused": refused },
        });
        crate::say(&if self.json { outcome.to_string() } else { page(&plan, &outcome) });
        let differences = differences(&outcome);
        for difference in &differences {
            eprintln!("not as it should be: {difference}");
        }
        if differences.is_empty() {
            watcher.tell("", "all came out as it should");
        }
        Ok(differences.is_empty())
    }
}

fn stack() -> Which {
    Which { stack: operator::STACK.to_owned() }
}

/// The plan of the fleet's list.
async fn planned(place: &Place, fleet: &Fleet) -> Result<Value, Error> {
    let list = list_file();
    std::fs::write(&list, &fleet.list).map_err(Error::Tiers)?;
    let plan = Command::Plan(Plan {
        list: Some(list.clone()),
        ou: None,
        all: false,
        tier: None,
        tenant_tag: None,
        from: vec![fleet.workloads.clone()],
        access_role: "OrganizationAccountAccessRole".to_owned(),
        out: None,
        json: true,
        which: stack(),
        connection: operator::Connection::default(),
    });
    let planned = performed(place, plan).await;
    let _ = std::fs::remove_file(list);
    Ok(document(&planned?))
}

fn list_file() -> PathBuf {
    std::env::temp_dir().join(format!("landlord-demo-adopt-{}.csv", std::process::id()))
}

/// Runs the operator's command against the demo's AWS, with this machine's clock, which the functions
/// have, too.
async fn performed(place: &Place, command: Command) -> Result<String, Error> {
    let (wire, _) = wire_of(place.deployment.aws());
    Ok(command.on(&wire, &Clock::system()).await?)
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn counts(plan: &Value) -> Value {
    let mut counts = json!({});
    for row in plan["accounts"].as_array().into_iter().flatten() {
        let verdict = row["verdict"].as_str().unwrap_or_default();
        counts[verdict] = json!(counts[verdict].as_u64().unwrap_or(0) + 1);
    }
    counts
}

/// What is not as the fleet was made.
fn differences(outcome: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for (verdict, count) in VERDICTS {
        let found = &outcome["verdicts"][verdict];
        if *found != json!(count) {
            wrong.push(format!("{verdict}: {found} accounts instead of {count}"));
        }
    }
    let adopted = outcome["adopted"].as_array().cloned().unwrap_or_default();
    let live = adopted.iter().filter(|it| it["outcome"] == "LIVE").count();
    if (adopted.len(), live) != (ADOPTED, ADOPTED) {
        wrong.push(format!("{live} of {} accounts are live instead of {ADOPTED}", adopted.len()));
    }
    if outcome["rollout"] != "SUCCEEDED" {
        wrong.push(format!("the rollout ended as {}", outcome["rollout"]));
    }
    let probe = &outcome["probe"];
    if probe["calls"].as_u64().unwrap_or(0) == 0 || probe["refused"] != json!([]) {
        wrong.push(format!("the probe: {probe}"));
    }
    wrong
}

/// The outcome as people read it.
fn page(plan: &Value, outcome: &Value) -> String {
    let mut lines = Vec::new();
    for row in plan["accounts"].as_array().into_iter().flatten() {
        let text = |member: &str| row[member].as_str().unwrap_or("-");
        if row["verdict"] != "ADOPT" {
            let (verdict, account) = (text("verdict"), text("accountId"));
            lines.push(format!("{verdict:<11}{account} {}: {}", text("tenantId"), text("reason")));
        }
    }
    lines.push("the moves would newly deny:".to_owned());
    let denied = outcome["newlyDenied"].as_array().into_iter().flatten();
    lines.extend(denied.filter_map(Value::as_str).map(|line| format!("  {line}")));
    let adopted = outcome["adopted"].as_array().map_or(0, Vec::len);
    lines.push(format!(
        "verdicts {}; {adopted} adopted and live; the rollout {}",
        outcome["verdicts"], outcome["rollout"]
    ));
    let probe = &outcome["probe"];
    let refused = probe["refused"].as_array().map_or(0, Vec::len);
    lines.push(format!(
        "a probe worked {} times in {} accounts and was refused {refused} times",
        probe["calls"], probe["accounts"]
    ));
    lines.join("\n")
}
