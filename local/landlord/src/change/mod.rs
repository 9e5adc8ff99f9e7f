//! `landlord demo change`: a live tenant goes to premium, gets another name, and goes back; late and
//! faulty events beside it. Each event has its answer, and nothing is taken away.

use std::process::ExitCode;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::place::{self, Place};
use crate::retire::{Error, Watcher};

const TENANT: &str = "acme";
const ANSWERS: [&str; 4] =
    ["TenantUpdated", "TenantUnchanged", "TenantChangeRejected", "TenantChangeFailed"];

/// Change a live tenant: another tier, another name, and back
#[derive(Debug, Args)]
pub(crate) struct ChangeDemo {
    /// Print the answers as one JSON document on standard output
    #[arg(long)]
    json: bool,
    /// How long all of it may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    #[command(flatten)]
    options: place::Options,
}

/// One event of the demo: what it says, how long ago that occurred, and how it is answered.
struct Act {
    says: &'static str,
    change: Value,
    ago: SignedDuration,
    answer: &'static str,
    /// What the answer has to name.
    part: &'static str,
}

fn acts() -> Vec<Act> {
    let minutes = SignedDuration::from_mins;
    let now = SignedDuration::ZERO;
    let act = |says, change, ago, answer, part| Act { says, change, ago, answer, part };
    vec![
        act("to premium", json!({ "tier": "premium" }), now, "TenantUpdated", "ENROL"),
        act(
            "a name, ten minutes late",
            json!({ "tenantName": "Acme & Sons" }),
            minutes(10),
            "TenantUpdated",
            "landlord:name",
        ),
        act(
            "a tier, ten minutes late",
            json!({ "tier": "standard" }),
            minutes(10),
            "TenantUnchanged",
            "STALE",
        ),
        act(
            "a tier that there is not",
            json!({ "tier": "gold" }),
            now,
            "TenantChangeRejected",
            "must be one of the tiers",
        ),
        act("back to standard", json!({ "tier": "standard" }), now, "TenantUpdated", "eu-west-1"),
    ]
}

impl ChangeDemo {
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
        let signup = json!({ "tenantId": TENANT, "tenantName": "Acme", "tier": "standard" });
        watcher.put("TenantSignedUp", signup).await?;
        watcher.until("the tenant is onboarded", "TenantReady", 1).await?;
        let mut differences = Vec::new();
        let mut answers = Vec::new();
        for act in acts() {
            let (name, detail) = answered(&mut watcher, &act).await?;
            let text = detail.to_string();
            if name != act.answer || !text.contains(act.part) {
                differences.push(format!("{}: answered by {name} {text}", act.says));
            }
            answers.push(json!({ "change": act.says, "answer": name, "detail": detail }));
        }
        differences.extend(wrong(place, &answers));
        crate::say(&if self.json {
            json!({ "answers": answers }).to_string()
        } else {
            page(&answers)
        });
        for difference in &differences {
            eprintln!("not as it should be: {difference}");
        }
        if differences.is_empty() {
            watcher.tell("", "all came out as it should");
        }
        Ok(differences.is_empty())
    }
}

/// Sends the event of an act, and waits for its answer.
async fn answered(watcher: &mut Watcher, act: &Act) -> Result<(String, Value), Error> {
    watcher.tell("", act.says);
    let since = watcher.heard().len();
    let occurred = Timestamp::now().checked_sub(act.ago).unwrap_or_else(|_| Timestamp::now());
    let mut detail = json!({ "tenantId": TENANT, "occurredAt": occurred.to_string() });
    if let (Some(detail), Some(change)) = (detail.as_object_mut(), act.change.as_object()) {
        detail.extend(change.clone());
    }
    let event = watcher.put("TenantChanged", detail).await?;
    let answers = |name: &str, it: &Value| ANSWERS.contains(&name) && it["eventId"] == *event;
    watcher.first_of("a change is carried out", since, answers).await
}

/// What is not as the last change wants it: the account stands with the tenants, and what premium had
/// given it is still there.
fn wrong(place: &Place, answers: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    let last = answers.last().map(|answer| &answer["detail"]);
    let kept = last.and_then(|it| it["kept"].as_array()).map_or(0, Vec::len);
    if kept == 0 {
        wrong.push("going back to standard did not say what stays".to_owned());
    }
    let accounts = place.deployment.aws().accounts();
    let account =
        accounts.iter().find(|it| it.tags.get("landlord:tenant").is_some_and(|t| t == TENANT));
    match account {
        Some(it) if ["Canary", "Early", "General"].contains(&it.parent_name.as_str()) => {
            if it.tags.get("landlord:tier").is_none_or(|tier| tier != "standard") {
                wrong.push("the account's tag does not say standard".to_owned());
            }
        }
        Some(it) => wrong.push(format!("the account stands in {}", it.parent_name)),
        None => wrong.push("the account is gone".to_owned()),
    }
    wrong
}

/// The answers as people read them.
fn page(answers: &[Value]) -> String {
    let mut lines = Vec::new();
    for answer in answers {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        lines.push(format!("{}: {}", text(&answer["change"]), text(&answer["answer"])));
        let detail = &answer["detail"];
        for step in detail["steps"].as_array().into_iter().flatten() {
            let (kind, effect) = (text(&step["kind"]), text(&step["effect"]));
            let (subject, because) = (text(&step["subject"]), text(&step["because"]));
            lines.push(format!("  {kind:<9}{effect:<11}{subject}: {because}"));
        }
        for kept in detail["kept"].as_array().into_iter().flatten() {
            let (stack_set, region) = (text(&kept["stackSet"]), text(&kept["region"]));
            lines.push(format!("  stays    {stack_set} in {region}: {}", text(&kept["because"])));
        }
        for reason in detail["reasons"].as_array().into_iter().flatten() {
            lines.push(format!("  {}", text(reason)));
        }
        if let Some(because) = detail["because"].as_str() {
            lines.push(format!("  {because}"));
        }
    }
    lines.join("\n")
}
