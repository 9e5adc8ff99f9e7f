//! Parallel states and inline Map states: sequences of states side by side in one future.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::Value;

use super::leave::Seen;
use super::visit::Visit;
use crate::context::MapItem;
use crate::data::Data;
use crate::definition::{Flow, Map, Parallel, Processor};
use crate::errors::{Fault, TOLERATED_FAILURES};
use crate::expression::Program;
use crate::history::{EventKind, Iteration};

/// The most iterations of an inline Map state at a time.
const MAX_INLINE: usize = 40;
const COUNT: (f64, f64) = (0.0, 1e15);

/// How many failures of items a Map state tolerates.
pub(super) struct Tolerance {
    count: Option<f64>,
    percentage: Option<f64>,
}

impl Tolerance {
    /// Whether the state tolerates any failure at all, by what it says.
    pub(super) fn is_given(&self) -> bool {
        self.count.is_some() || self.percentage.is_some()
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers of items")]
    pub(super) fn is_exceeded(&self, failed: usize, total: usize) -> bool {
        let (failed, total) = (failed as f64, total as f64);
        if !self.is_given() {
            return failed > 0.0;
        }
        self.count.is_some_and(|count| failed > count)
            || self.percentage.is_some_and(|most| failed * 100.0 > most * total)
    }

    pub(super) fn fault() -> Fault {
        Fault::new(TOLERATED_FAILURES, "The specified tolerated failure threshold was exceeded")
    }
}

impl Visit<'_> {
    pub(super) async fn branch(
        &self,
        parallel: &Parallel,
        retry_count: u64,
        is_resumed: bool,
    ) -> Result<Data, Fault> {
        let seen = Seen { retry_count, ..Seen::default() };
        let input = match &parallel.arguments {
            Some(program) => Data::new(self.evaluate(program, seen)?),
            None => self.at.input.clone(),
        };
        if input.is_too_large() {
            return Err(self.too_large(&self.state.name));
        }
        if !(is_resumed && self.has_begun()) {
            self.emit(EventKind::ParallelStateStarted)?;
        }
        let mut outputs: Vec<Option<Data>> = Vec::with_capacity(parallel.branches.len());
        let mut running = FuturesUnordered::new();
        for (index, flow) in parallel.branches.iter().enumerate() {
            let child = self.slot.child(index);
            let output = child.lock().output.clone();
            if output.is_none() {
                let work = self.engine.flow(
                    flow,
                    child.clone(),
                    input.clone(),
                    self.at.variables.clone(),
                    self.item.cloned(),
                );
                running.push(async move { (index, child, work.await) });
            }
            outputs.push(output);
        }
        while let Some((index, child, result)) = running.next().await {
            let last_event = child.lock().last_event;
            self.slot.lock().last_event = last_event;
            match result {
                Ok(output) => outputs[index] = Some(output),
                Err(fault) => {
                    // The other branches end here, wherever they are.
                    drop(running);
                    self.abort(&parallel.branches[index], &child, true)?;
                    let others = parallel.branches.iter().enumerate();
                    for (other, flow) in others.filter(|(other, _)| *other != index) {
                        self.abort(flow, &self.slot.child(other), false)?;
                    }
                    return Err(fault);
                }
            }
        }
        self.emit_aside(EventKind::ParallelStateSucceeded)?;
        Ok(collect(outputs))
    }

    pub(super) async fn map(
        &self,
        map: &Map,
        retry_count: u64,
        is_resumed: bool,
    ) -> Result<Data, Fault> {
        match &map.processor {
            Processor::Inline(flow) => self.inline(map, flow, retry_count, is_resumed).await,
            Processor::Distributed(distributed) => {
                self.distribute(map, distributed, retry_count, is_resumed).await
            }
        }
    }

    async fn inline(
        &self,
        map: &Map,
        flow: &Flow,
        retry_count: u64,
        is_resumed: bool,
    ) -> Result<Data, Fault> {
        let items = self.items(map, retry_count)?;
        let most = self.concurrency(map, MAX_INLINE, retry_count)?;
        let tolerance = self.tolerance(map, retry_count)?;
        if !(is_resumed && self.has_begun()) {
            self.emit(EventKind::MapStateStarted { length: items.len() as u64 })?;
        }
        let total = items.len();
        let mut outputs: Vec<Option<Data>> = vec![None; total];
        let mut waiting = items.into_iter().enumerate();
        let mut running = FuturesUnordered::new();
        let mut under_way = std::collections::BTreeSet::new();
        let (mut failed, mut newest) = (0, 0);
        loop {
            while running.len() < most {
                let Some((index, value)) = waiting.next() else { break };
                let child = self.slot.child(index);
                let output = child.lock().output.clone();
                if output.is_some() {
                    outputs[index] = output;
                    continue;
                }
                let item = MapItem { index, value };
                let input = self.select(map, &item, retry_count)?;
                self.engine
                    .journal
                    .emit(&child, EventKind::MapIterationStarted(self.iteration(index)))?;
                let variables = self.at.variables.clone();
                let work = self.engine.flow(flow, child.clone(), input, variables, Some(item));
                under_way.insert(index);
                running.push(async move { (index, child, work.await) });
            }
            let Some((index, child, result)) = running.next().await else { break };
            under_way.remove(&index);
            let last_event = child.lock().last_event;
            self.slot.lock().last_event = last_event;
            match result {
                Ok(output) => {
                    let succeeded = EventKind::MapIterationSucceeded(self.iteration(index));
                    newest = self.emit_aside(succeeded)?;
                    outputs[index] = Some(output);
                }
                Err(fault) => {
                    newest =
                        self.emit_aside(EventKind::MapIterationFailed(self.iteration(index)))?;
                    failed += 1;
                    if tolerance.is_exceeded(failed, total) {
                        drop(running);
                        self.give_up(flow, &child, under_way)?;
                        return Err(if tolerance.is_given() { Tolerance::fault() } else { fault });
                    }
                }
            }
        }
        // The state's success follows the end of its last iteration.
        if newest > 0 {
            self.slot.lock().last_event = newest;
        }
        self.emit_aside(EventKind::MapStateSucceeded)?;
        Ok(collect(outputs))
    }

    /// Whether branches or iterations had been started before the redrive.
    fn has_begun(&self) -> bool {
        !self.slot.lock().children.is_empty()
    }

    pub(super) fn items(&self, map: &Map, retry_count: u64) -> Result<Vec<Value>, Fault> {
        let seen = Seen { retry_count, ..Seen::default() };
        let (value, program) = match &map.items {
            Some(program) => (self.evaluate(program, seen)?, Some(program)),
            None => (self.at.input.value().clone(), None),
        };
        match (value, program) {
            (Value::Array(items), _) => Ok(items),
            (other, Some(program)) => Err(self.misfit(program, &other, "array")),
            (other, None) => {
                let problem = format!("Map state input must be an array but was: {other}");
                Err(self.unfit(None, &problem, false))
            }
        }
    }

    /// The input of an iteration or child execution.
    pub(super) fn select(
        &self,
        map: &Map,
        item: &MapItem,
        retry_count: u64,
    ) -> Result<Data, Fault> {
        let input = match &map.selector {
            Some(program) => {
                let seen = Seen { item: Some(item), retry_count, ..Seen::default() };
                Data::new(self.evaluate(program, seen)?)
            }
            None => Data::new(item.value.clone()),
        };
        if input.is_too_large() { Err(self.too_large(&self.state.name)) } else { Ok(input) }
    }

    /// How many at a time: 0 means as many as the mode allows.
    pub(super) fn concurrency(
        &self,
        map: &Map,
        most: usize,
        retry_count: u64,
    ) -> Result<usize, Fault> {
        let wanted = self.count(map.max_concurrency.as_ref(), COUNT, retry_count)?.unwrap_or(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1e15")]
        let wanted = wanted as usize;
        Ok(if wanted == 0 { most } else { wanted.min(most) })
    }

    pub(super) fn tolerance(&self, map: &Map, retry_count: u64) -> Result<Tolerance, Fault> {
        let seen = Seen { retry_count, ..Seen::default() };
        let percentage = map.tolerated_percentage.as_ref();
        Ok(Tolerance {
            count: self.count(map.tolerated_count.as_ref(), COUNT, retry_count)?,
            percentage: percentage
                .map(|program| self.any_number(program, (0.0, 100.0), false, seen))
                .transpose()?,
        })
    }

    pub(super) fn count(
        &self,
        program: Option<&Program>,
        limits: (f64, f64),
        retry_count: u64,
    ) -> Result<Option<f64>, Fault> {
        let seen = Seen { retry_count, ..Seen::default() };
        program.map(|program| self.number(program, limits, seen)).transpose()
    }

    pub(super) fn iteration(&self, index: usize) -> Iteration {
        Iteration { name: self.state.name.clone(), index: index as u64 }
    }
}

/// The outputs in order; items whose failure was tolerated have none.
fn collect(outputs: Vec<Option<Data>>) -> Data {
    Data::new(Value::Array(outputs.into_iter().flatten().map(Data::into_value).collect()))
}
