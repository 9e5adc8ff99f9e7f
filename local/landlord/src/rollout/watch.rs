//! Follows a roll-out to its end, and shows what happens on standard error.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::{Value, json};
use simulation::deployment::{Deployment, Error, Listener};

/// How often it is asked for the last events, a second each time.
const LAST_LOOKS: usize = 10;

/// Something that happened.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// The announcement's name, or `operation` for one that was seen for the first time.
    pub(super) name: String,
    /// The wave: its name, or the part of the operation's id that stands for it.
    pub(super) wave: String,
}

/// How a roll-out ended.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    /// The detail of `RolloutFinished`, or null.
    pub(super) detail: Value,
    /// The execution's status.
    pub(super) status: String,
    /// The detail of `RolloutRehearsed`, or null.
    pub(super) rehearsal: Value,
}

/// A result that was not a success: account, whether a gate said no, why.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) account: String,
    pub(super) vetoed: bool,
    pub(super) reason: String,
}

/// Follows roll-outs.
pub(super) struct Watcher {
    deployment: Deployment,
    listener: Listener,
    set: String,
    started: Instant,
    execution: String,
    /// Operations of roll-outs by id, with the status that was shown last.
    operations: BTreeMap<String, String>,
    /// What went wrong, in the order in which it was seen.
    pub(super) troubles: Vec<Trouble>,
    /// Accounts that a way back has reached.
    pub(super) taken_back: BTreeSet<String>,
}

impl Watcher {
    pub(super) async fn new(deployment: &Deployment, set: &str) -> Result<Self, Error> {
        Ok(Self {
            deployment: deployment.clone(),
            listener: deployment.listen().await?,
            set: set.to_owned(),
            started: Instant::now(),
            execution: String::new(),
            operations: BTreeMap::new(),
            troubles: Vec::new(),
            taken_back: BTreeSet::new(),
        })
    }

    pub(super) fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    pub(super) fn stack_set(&self) -> &str {
        &self.set
    }

    /// How many operations the roll-outs had.
    pub(super) fn operations(&self) -> usize {
        self.operations.len()
    }

    pub(super) fn tell(&self, who: &str, what: &str) {
        eprintln!("{:7.1} s  {who:<10} {what}", self.started.elapsed().as_secs_f64());
    }

    /// A roll-out begins.
    pub(super) fn begin(&mut self, name: &str, execution: &str) {
        execution.clone_into(&mut self.execution);
        self.tell("roll-out", &format!("{name} starts"));
    }

    /// Follows it to its end; `act` hears of everything that happens, and says what it did.
    pub(super) async fn follow<F>(&mut self, act: impl Fn(Event) -> F) -> Result<Ended, Error>
    where
        F: Future<Output = Result<Option<String>, Error>>,
    {
        let (mut detail, mut rehearsal) = (Value::Null, Value::Null);
        loop {
            let mut events = Vec::new();
            for heard in self.listener.next().await? {
                self.show(&heard.name, &heard.detail);
                let wave = heard.detail["name"].as_str().unwrap_or_default().to_owned();
                events.push(Event { name: heard.name.clone(), wave });
                match heard.name.as_str() {
                    "RolloutFinished" => detail = heard.detail,
                    "RolloutRehearsed" => rehearsal = heard.detail,
                    _ => {}
                }
            }
            events.extend(self.look().await?);
            for event in events {
                if let Some(done) = act(event).await? {
                    self.tell("", &done);
                }
            }
            let input = json!({ "executionArn": self.execution });
            let shown = self.deployment.ask("states", "DescribeExecution", input).await?;
            let status = shown["status"].as_str().unwrap_or_default().to_owned();
            if status != "RUNNING" {
                // The last events come a moment after the execution has ended.
                for _ in 0..LAST_LOOKS {
                    for heard in self.listener.next().await? {
                        self.show(&heard.name, &heard.detail);
                        match heard.name.as_str() {
                            "RolloutFinished" => detail = heard.detail,
                            "RolloutRehearsed" => rehearsal = heard.detail,
                            _ => {}
                        }
                    }
                    let is_told = !detail.is_null()
                        && (detail["outcome"] != "REHEARSED" || !rehearsal.is_null());
                    if is_told || status != "SUCCEEDED" {
                        break;
                    }
                }
                self.look().await?;
                let cause = shown["cause"].as_str().unwrap_or_default();
                let error = shown["error"].as_str().unwrap_or_default();
                self.tell("roll-out", &format!("{status} {error} {cause}"));
                return Ok(Ended { detail, status, rehearsal });
            }
        }
    }

    fn show(&self, name: &str, detail: &Value) {
        let text = |member: &str| detail[member].as_str().unwrap_or_default();
        match name {
            "RolloutStarted" => {
                let waves: Vec<String> = detail["waves"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|wave| {
                        format!("{} ({})", wave["name"].as_str().unwrap_or("?"), wave["accounts"])
                    })
                    .collect();
                self.tell("plan", &waves.join(", "));
            }
            "RolloutWaveFinished" => {
                let counts = detail["counts"].as_object();
                let counts: Vec<String> = counts
                    .into_iter()
                    .flatten()
                    .filter(|(_, count)| **count != json!(0))
                    .map(|(class, count)| format!("{count} {class}"))
                    .collect();
                let why = detail["reason"]["text"]
                    .as_str()
                    .map_or(String::new(), |why| format!(": {why}"));
                let (wave, verdict, stage) = (text("name"), text("verdict"), text("stage"));
                self.tell(
                    "wave",
                    &format!("{wave} [{stage}] {verdict}{why} ({})", counts.join(", ")),
                );
            }
            "RolloutFinished" => self.tell("finished", text("outcome")),
            _ => {}
        }
    }

    /// Looks at the stack set's operations.
    async fn look(&mut self) -> Result<Vec<Event>, Error> {
        let input = json!({ "StackSetName": self.set, "MaxResults": 10 });
        let listed = self.deployment.ask("cloudformation", "ListStackSetOperations", input).await?;
        let rows = listed["Summaries"].as_array().cloned().unwrap_or_default();
        let mut events = Vec::new();
        for row in rows.iter().rev() {
            let (Some(id), Some(status)) = (row["OperationId"].as_str(), row["Status"].as_str())
            else {
                continue;
            };
            if !id.starts_with("roll-") {
                continue;
            }
            let before = self.operations.insert(id.to_owned(), status.to_owned());
            if before.as_deref() == Some(status) {
                continue;
            }
            let wave = id.split('-').nth(2).unwrap_or_default().to_owned();
            if before.is_none() {
                events.push(Event { name: "operation".to_owned(), wave: wave.clone() });
            }
            let short = id.splitn(3, '-').nth(2).unwrap_or(id);
            self.tell("operation", &format!("{short} {status}"));
            if ["SUCCEEDED", "FAILED", "STOPPED"].contains(&status) {
                self.results_of(id, &wave).await?;
            }
        }
        Ok(events)
    }

    async fn results_of(&mut self, id: &str, wave: &str) -> Result<(), Error> {
        let input = json!({ "StackSetName": self.set, "OperationId": id });
        let listed =
            self.deployment.ask("cloudformation", "ListStackSetOperationResults", input).await?;
        for row in listed["Summaries"].as_array().into_iter().flatten() {
            let account = row["Account"].as_str().unwrap_or_default().to_owned();
            match row["Status"].as_str() {
                Some("SUCCEEDED") if wave.starts_with("back") => {
                    self.taken_back.insert(account);
                }
                Some("FAILED") => self.troubles.push(Trouble {
                    account,
                    vetoed: row["AccountGateResult"]["Status"] == "FAILED",
                    reason: row["StatusReason"].as_str().unwrap_or_default().to_owned(),
                }),
                _ => {}
            }
        }
        Ok(())
    }
}
