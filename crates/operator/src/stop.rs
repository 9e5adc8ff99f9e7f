//! `landlord stop`: the switch that stops everything irreversible, without a deploy.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use lambda_kit::sdk::{Trouble, Wire};
use lambda_kit::{Clock, client};
use serde_json::{Value, json};
use stop_switch::{STOP_PARAMETER, Stop, StopSwitch};

use crate::connection::{Connection, Surroundings};
use crate::failure::{Exit, Failure};

/// The switch that stops everything irreversible: emptying and closing accounts
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say whether it is thrown, by whom, since when and why
    Status(Status),
    /// Throw it: what empties or closes accounts stops before its next step
    Throw(Throw),
    /// Lift it: what it stopped goes on by itself, the next sweep included
    Lift(Lift),
}

/// Say whether it is thrown
#[derive(Debug, Args)]
pub struct Status {
    /// Answer one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Throw the switch
#[derive(Debug, Args)]
pub struct Throw {
    /// Why, for everybody who meets what is stopped
    #[arg(long, value_name = "TEXT", value_parser = some_text)]
    reason: String,
    /// At whose word; without it, the ARN of the caller
    #[arg(long, value_name = "NAME", value_parser = some_text)]
    by: Option<String>,
    #[command(flatten)]
    change: Change,
}

/// Lift the switch
#[derive(Debug, Args)]
pub struct Lift {
    #[command(flatten)]
    change: Change,
}

/// What changes something
#[derive(Debug, Args)]
struct Change {
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Answer one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

fn some_text(text: &str) -> Result<String, String> {
    let length = text.trim().chars().count();
    // A parameter holds 4,096 bytes.
    if (1..=500).contains(&length) {
        Ok(text.trim().to_owned())
    } else {
        Err("must have from 1 to 500 characters".to_owned())
    }
}

impl Command {
    /// Performs it against AWS.
    pub(crate) async fn perform(self) -> Result<String, Failure> {
        let connection = match &self {
            Self::Status(status) => &status.connection,
            Self::Throw(throw) => &throw.change.connection,
            Self::Lift(lift) => &lift.change.connection,
        };
        let wire = connection.wire(&Surroundings::real()).await?;
        self.on(&wire, &Clock::system()).await
    }

    /// Performs it on a wire, and answers what is to be printed.
    ///
    /// # Errors
    /// What AWS refused.
    pub async fn on(self, wire: &Wire, clock: &Clock) -> Result<String, Failure> {
        let switch = StopSwitch::new(wire, STOP_PARAMETER);
        let before = switch.see().await.map_err(|trouble| failed("read the switch", &trouble))?;
        let (json, text, now) = match self {
            Self::Status(Status { json, .. }) => (json, String::new(), before),
            Self::Throw(Throw { reason, by, change }) => {
                let by = match by {
                    Some(by) => by,
                    None => caller(wire).await?,
                };
                let stop = Stop { reason, by: Some(by), since: Some(second(clock.now())) };
                if change.dry_run {
                    (change.json, "would be thrown; now: ".to_owned(), before)
                } else {
                    let thrown = switch.throw(&stop).await;
                    thrown.map_err(|trouble| failed("throw the switch", &trouble))?;
                    (change.json, "thrown: ".to_owned(), Some(stop))
                }
            }
            Self::Lift(Lift { change }) => match before {
                None => (change.json, "nothing to lift: ".to_owned(), None),
                Some(stop) if change.dry_run => {
                    (change.json, "would be lifted; now: ".to_owned(), Some(stop))
                }
                Some(_) => {
                    let lifted = switch.lift().await;
                    lifted.map_err(|trouble| failed("lift the switch", &trouble))?;
                    (change.json, "lifted: ".to_owned(), None)
                }
            },
        };
        Ok(if json { document(now.as_ref()).to_string() } else { said(&text, now.as_ref()) })
    }
}

fn failed(tried: &str, trouble: &Trouble) -> Failure {
    Failure::aws(format!("{tried} (the parameter {STOP_PARAMETER})"), trouble)
}

/// Whole seconds: nobody throws it twice within one.
fn second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn document(stop: Option<&Stop>) -> Value {
    match stop {
        None => json!({ "stopped": false }),
        Some(Stop { reason, by, since }) => {
            json!({ "stopped": true, "reason": reason, "by": by, "since": since })
        }
    }
}

fn said(text: &str, stop: Option<&Stop>) -> String {
    let mut all = text.to_owned();
    match stop {
        None => all.push_str("nothing is stopped"),
        Some(stop) => drop(write!(all, "{stop}")),
    }
    all
}

async fn caller(wire: &Wire) -> Result<String, Failure> {
    let identity = client!(aws_sdk_sts, wire).get_caller_identity().send().await;
    let identity = identity.map_err(|error| {
        Failure::aws("ask who you are", &Trouble::of("sts", "GetCallerIdentity", &error))
    })?;
    identity.arn.ok_or_else(|| {
        Failure::new("ask who you are", "AWS does not say it", "say it by --by NAME")
            .exits(Exit::Usage)
    })
}
