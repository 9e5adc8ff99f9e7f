//! Archives keep a bus's events; replays put them on it again, marked with `replay-name`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::pattern::Pattern;
use super::{deliver, no_such};
use crate::wire::{moment, timestamp};
use crate::{Aws, AwsError, Call};

/// An archive of a bus.
#[derive(Debug)]
pub(super) struct Archive {
    pub(super) bus: String,
    pub(super) pattern: Option<Pattern>,
    pub(super) events: Vec<(Timestamp, Value)>,
    description: Option<String>,
    retention_days: i64,
    created: Timestamp,
}

/// A replay of an archive.
#[derive(Debug, Clone)]
pub(super) struct Replay {
    archive: String,
    destination: String,
    replayed: usize,
    started: Timestamp,
}

fn archive_arn(call: &Call, name: &str) -> String {
    format!("arn:aws:events:{}:{}:archive/{name}", call.region, call.account)
}

/// Performs a call about archives and replays.
pub(super) fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    match call.operation.as_str() {
        "CreateArchive" => create(aws, call),
        "StartReplay" => start_replay(aws, call),
        "DescribeReplay" | "ListReplays" => replays(aws, call),
        "ListArchives" => {
            let state = aws.lock();
            let rows: Vec<Value> =
                state.events.archives.iter().map(|(arn, archive)| shown(arn, archive)).collect();
            Ok(json!({ "Archives": rows }))
        }
        operation => {
            let name = call.text("ArchiveName")?;
            let arn = archive_arn(call, name);
            let mut state = aws.lock();
            let archive =
                state.events.archives.get(&arn).ok_or_else(|| no_such("Archive", name))?;
            let answer = shown(&arn, archive);
            if operation == "DeleteArchive" {
                state.events.archives.remove(&arn);
                return Ok(json!({}));
            }
            Ok(answer)
        }
    }
}

fn shown(arn: &str, archive: &Archive) -> Value {
    json!({
        "ArchiveArn": arn,
        "ArchiveName": arn.rsplit('/').next(),
        "Description": archive.description,
        "EventSourceArn": archive.bus,
        "State": "ENABLED",
        "RetentionDays": archive.retention_days,
        "EventCount": archive.events.len(),
        "CreationTime": timestamp(archive.created),
    })
}

fn create(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("ArchiveName")?;
    let bus = call.text("EventSourceArn")?.to_owned();
    let pattern = call.opt_text("EventPattern").map(super::rules::read_pattern).transpose()?;
    let arn = archive_arn(call, name);
    let now = aws.now();
    let mut state = aws.lock();
    state.events.bus(&bus)?;
    if state.events.archives.contains_key(&arn) {
        return Err(AwsError::new(
            "ResourceAlreadyExistsException",
            format!("Archive {name} already exists."),
        ));
    }
    let archive = Archive {
        bus,
        pattern,
        events: Vec::new(),
        description: call.opt_text("Description").map(str::to_owned),
        retention_days: call.opt_int("RetentionDays")?.unwrap_or(0),
        created: now,
    };
    state.events.archives.insert(arn.clone(), archive);
    Ok(json!({ "ArchiveArn": arn, "State": "ENABLED", "CreationTime": timestamp(now) }))
}

fn start_replay(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("ReplayName")?.to_owned();
    let source = call.text("EventSourceArn")?.to_owned();
    let destination = call
        .input
        .pointer("/Destination/Arn")
        .and_then(Value::as_str)
        .ok_or_else(|| AwsError::validation("Destination.Arn: is required"))?
        .to_owned();
    let (from, to) = (call.input.get("EventStartTime"), call.input.get("EventEndTime"));
    let (Some(from), Some(to)) = (from.and_then(moment), to.and_then(moment)) else {
        return Err(AwsError::validation("EventStartTime and EventEndTime are required"));
    };
    let arn = format!("arn:aws:events:{}:{}:replay/{name}", call.region, call.account);
    let now = aws.now();
    let events = {
        let mut state = aws.lock();
        let archive =
            state.events.archives.get(&source).ok_or_else(|| no_such("Archive", &source))?;
        let events: Vec<Value> = archive
            .events
            .iter()
            .filter(|(when, _)| (from..=to).contains(when))
            .map(|(_, event)| event.clone())
            .collect();
        let replay = Replay {
            archive: source,
            destination: destination.clone(),
            replayed: events.len(),
            started: now,
        };
        state.events.replays.insert(arn.clone(), replay);
        events
    };
    for mut event in events {
        event["replay-name"] = json!(name);
        deliver::publish(aws, &destination, &event, Some(&name))?;
    }
    Ok(json!({ "ReplayArn": arn, "State": "COMPLETED", "ReplayStartTime": timestamp(now) }))
}

fn replays(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let state = aws.lock();
    let mut rows = state.events.replays.iter().map(|(arn, replay)| {
        json!({
            "ReplayArn": arn,
            "ReplayName": arn.rsplit('/').next(),
            "EventSourceArn": replay.archive,
            "Destination": { "Arn": replay.destination },
            "State": "COMPLETED",
            "StateReason": format!("{} events replayed", replay.replayed),
            "ReplayStartTime": timestamp(replay.started),
        })
    });
    if call.operation == "ListReplays" {
        return Ok(json!({ "Replays": rows.collect::<Vec<_>>() }));
    }
    let name = call.text("ReplayName")?;
    rows.find(|row| row["ReplayName"] == name).ok_or_else(|| no_such("Replay", name))
}
