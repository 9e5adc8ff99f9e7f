//! Distributed Map states: each item, or batch of items, is a child execution of its own.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::{Value, json};

use super::Ended;
use super::branches::Tolerance;
use super::leave::Seen;
use super::visit::Visit;
use crate::checkpoint::{ChildOutcome, ChildRecord, MapRun};
use crate::context::{Execution, MapItem};
use crate::data::{Data, MAX_DATA_BYTES};
use crate::definition::{Batcher, Distributed, Map};
use crate::errors::Fault;
use crate::expression::functions::uuid;
use crate::history::EventKind;
use crate::host::ChildRequest;

/// The most child executions at a time.
const MAX_DISTRIBUTED: usize = 10_000;

impl Visit<'_> {
    pub(super) async fn distribute(
        &self,
        map: &Map,
        distributed: &Distributed,
        retry_count: u64,
        is_resumed: bool,
    ) -> Result<Data, Fault> {
        let earlier = if is_resumed { self.slot.lock().map_run.clone() } else { None };
        let result = match earlier {
            Some(mut run) => {
                run.redrives += 1;
                let (map_run_arn, redrive_count) = (run.arn.clone(), run.redrives);
                self.emit(EventKind::MapRunRedriven { map_run_arn, redrive_count })?;
                self.slot.lock().map_run = Some(run);
                let tolerance = self.tolerance(map, retry_count)?;
                self.children(map, distributed, &tolerance, retry_count).await
            }
            None => {
                // Items of the state itself are known before it starts, a reader's are not.
                let items = match &distributed.reader {
                    Some(_) => None,
                    None => Some(self.items(map, retry_count)?),
                };
                let length = items.as_ref().map_or(0, Vec::len) as u64;
                self.emit(EventKind::MapStateStarted { length })?;
                let tolerance = self.tolerance(map, retry_count)?;
                let arn = self.map_run_arn(distributed);
                self.emit(EventKind::MapRunStarted { map_run_arn: arn.clone() })?;
                match self.prepare(map, distributed, items, arn, retry_count).await {
                    Ok(()) => self.children(map, distributed, &tolerance, retry_count).await,
                    Err(fault) => Err(fault),
                }
            }
        };
        match result {
            Ok(result) => {
                // The state's exit follows the start of the run, so AWS since November 2024.
                let run = self.emit_aside(EventKind::MapRunSucceeded)?;
                self.engine.journal.emit_after(
                    self.slot,
                    EventKind::MapStateSucceeded,
                    Some(run),
                    false,
                )?;
                Ok(result)
            }
            Err(fault) => {
                self.emit(EventKind::MapRunFailed(Self::failure(&fault)))?;
                Err(fault)
            }
        }
    }

    /// Reads the items and makes the inputs of the child executions.
    async fn prepare(
        &self,
        map: &Map,
        distributed: &Distributed,
        items: Option<Vec<Value>>,
        arn: String,
        retry_count: u64,
    ) -> Result<(), Fault> {
        let items = match (&distributed.reader, items) {
            (Some(reader), _) => self.read_items(reader, retry_count).await?,
            (None, items) => items.unwrap_or_default(),
        };
        let count = items.len();
        let mut inputs = Vec::with_capacity(count);
        for (index, value) in items.into_iter().enumerate() {
            let item = MapItem { index, value };
            inputs.push(self.select(map, &item, retry_count)?.into_value());
        }
        let inputs = match &distributed.batcher {
            Some(batcher) => self.batch(batcher, inputs, retry_count)?,
            None => inputs,
        };
        self.slot.lock().map_run = Some(MapRun {
            arn,
            redrives: 0,
            inputs: Arc::new(inputs),
            items: count,
            children: BTreeMap::new(),
        });
        Ok(())
    }

    fn batch(
        &self,
        batcher: &Batcher,
        items: Vec<Value>,
        retry_count: u64,
    ) -> Result<Vec<Value>, Fault> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 1e8")]
        let limit = |number: Option<f64>| number.map_or(usize::MAX, |number| number as usize);
        let most_items = limit(self.count(batcher.max_items.as_ref(), (1.0, 1e8), retry_count)?);
        let most_bytes =
            limit(self.count(batcher.max_bytes.as_ref(), (1.0, 262_144.0), retry_count)?)
                .min(MAX_DATA_BYTES);
        let common = match &batcher.input {
            Some(program) => Some(self.evaluate(program, Seen { retry_count, ..Seen::default() })?),
            None => None,
        };
        let frame = |items: Vec<Value>| {
            let mut batch = json!({"Items": items});
            if let Some(common) = &common {
                batch["BatchInput"] = common.clone();
            }
            batch
        };
        let empty = frame(Vec::new()).to_string().len();
        let (mut batches, mut open, mut bytes) = (Vec::new(), Vec::new(), empty);
        for item in items {
            let size = item.to_string().len() + 1;
            if !open.is_empty() && (open.len() >= most_items || bytes + size > most_bytes) {
                batches.push(frame(std::mem::take(&mut open)));
                bytes = empty;
            }
            bytes += size;
            open.push(item);
        }
        if !open.is_empty() {
            batches.push(frame(open));
        }
        Ok(batches)
    }

    async fn children(
        &self,
        map: &Map,
        distributed: &Distributed,
        tolerance: &Tolerance,
        retry_count: u64,
    ) -> Result<Data, Fault> {
        let Some(run) = self.slot.lock().map_run.clone() else {
            return Err(Tolerance::fault());
        };
        let most = self.concurrency(map, MAX_DISTRIBUTED, retry_count)?;
        let is_batched = distributed.batcher.is_some();
        let is_done = |index: &usize| {
            let record = run.children.get(index);
            record.is_some_and(|record| matches!(record.outcome, ChildOutcome::Succeeded(_)))
        };
        let mut waiting = (0..run.inputs.len()).filter(|index| !is_done(index));
        let mut running = FuturesUnordered::new();
        let mut failed = 0;
        loop {
            while running.len() < most {
                let Some(index) = waiting.next() else { break };
                running.push(self.child(index, &run, distributed));
            }
            let Some((index, record)) = running.next().await else { break };
            if matches!(record.outcome, ChildOutcome::Failed { .. }) {
                failed += if is_batched { batch_size(&run.inputs[index]) } else { 1 };
            }
            if let Some(run) = &mut self.slot.lock().map_run {
                run.children.insert(index, record);
            }
            if tolerance.is_exceeded(failed, run.items) {
                return Err(Tolerance::fault());
            }
        }
        drop(running);
        let Some(run) = self.slot.lock().map_run.clone() else {
            return Err(Tolerance::fault());
        };
        self.write_results(distributed.writer.as_ref(), &run, retry_count).await
    }

    /// Runs one child execution, or goes on with one that failed before a redrive.
    async fn child(
        &self,
        index: usize,
        run: &MapRun,
        distributed: &Distributed,
    ) -> (usize, ChildRecord) {
        let host = &self.engine.host;
        let parent = &self.engine.execution;
        let earlier = run.children.get(&index);
        let name = earlier.map_or_else(|| uuid(host.as_ref()), |earlier| earlier.name.clone());
        let started = earlier.map_or_else(|| host.now(), |earlier| earlier.started);
        let redrives = earlier.map_or(0, |earlier| earlier.redrives + 1);
        let resume = earlier.and_then(|earlier| match &earlier.outcome {
            ChildOutcome::Failed { resume, .. } => Some((**resume).clone()),
            ChildOutcome::Succeeded(_) => None,
        });
        let machine_arn = format!("{}/{}", parent.machine_arn, distributed.label);
        let arn = format!("{}:{name}", machine_arn.replacen(":stateMachine:", ":execution:", 1));
        let execution = Execution {
            arn: arn.clone(),
            name: name.clone(),
            input: run.inputs[index].clone(),
            role_arn: parent.role_arn.clone(),
            start_time: started,
            redrive_count: redrives,
            redrive_time: resume.as_ref().map(|_| host.now()),
            machine_arn,
            machine_name: format!("{}/{}", parent.machine_name, distributed.label),
        };
        let ended = host
            .start_child(ChildRequest {
                machine: Arc::clone(&distributed.machine),
                execution,
                map_run_arn: run.arn.clone(),
                resume,
            })
            .await;
        let outcome = match ended {
            Ended::Succeeded { output } => ChildOutcome::Succeeded(Data::new(output)),
            Ended::Failed { error, cause, checkpoint } => ChildOutcome::Failed {
                status: "FAILED",
                error,
                cause,
                resume: Box::new(checkpoint),
            },
            Ended::TimedOut { checkpoint } => ChildOutcome::Failed {
                status: "TIMED_OUT",
                error: Some(crate::errors::TIMEOUT.to_owned()),
                cause: None,
                resume: Box::new(checkpoint),
            },
        };
        (index, ChildRecord { arn, name, started, stopped: host.now(), redrives, outcome })
    }

    fn map_run_arn(&self, distributed: &Distributed) -> String {
        let machine = &self.engine.execution.machine_arn;
        let id = uuid(self.engine.host.as_ref());
        format!("{}/{}:{id}", machine.replacen(":stateMachine:", ":mapRun:", 1), distributed.label)
    }
}

fn batch_size(batch: &Value) -> usize {
    batch.get("Items").and_then(Value::as_array).map_or(1, Vec::len)
}
