//! What a failing branch or iteration ends with it: AWS says so of each state that waited.

use super::visit::Visit;
use crate::checkpoint::Slot;
use crate::definition::{Flow, Kind, Processor};
use crate::errors::Fault;
use crate::history::{EventKind, Iteration};

impl Visit<'_> {
    /// Ends the iterations under way when one has failed for good.
    pub(super) fn give_up(
        &self,
        flow: &Flow,
        failed: &Slot,
        under_way: impl IntoIterator<Item = usize>,
    ) -> Result<(), Fault> {
        self.abort(flow, failed, true)?;
        for index in under_way {
            self.emit_aside(EventKind::MapIterationAborted(self.iteration(index)))?;
            self.abort(flow, &self.slot.child(index), false)?;
        }
        Ok(())
    }

    /// Writes which states of a sequence that is given up end without an exit: those that wait for
    /// something. The one that failed is among them when it is a task.
    pub(super) fn abort(&self, flow: &Flow, slot: &Slot, has_failed: bool) -> Result<(), Fault> {
        let (at, is_done) = {
            let frame = slot.lock();
            (frame.at.as_ref().map(|at| at.state.clone()), frame.output.is_some())
        };
        let Some(state) = at.and_then(|at| flow.states.get(&at)).filter(|_| !is_done) else {
            return Ok(());
        };
        let children: Vec<(usize, Slot)> =
            slot.lock().children.iter().map(|(index, child)| (*index, child.clone())).collect();
        match &state.kind {
            Kind::Parallel(parallel) if !has_failed => {
                for (index, child) in &children {
                    if let Some(flow) = parallel.branches.get(*index) {
                        self.abort(flow, child, false)?;
                    }
                }
            }
            Kind::Map(map) if !has_failed => {
                if let Processor::Inline(flow) = &map.processor {
                    for (index, child) in &children {
                        if child.lock().output.is_none() {
                            let (name, index) = (state.name.clone(), *index as u64);
                            self.emit_aside(EventKind::MapIterationAborted(Iteration {
                                name,
                                index,
                            }))?;
                            self.abort(flow, child, false)?;
                        }
                    }
                }
            }
            Kind::Task(_) | Kind::Wait(_) => {}
            _ => return Ok(()),
        }
        self.emit_aside(EventKind::StateAborted { state: state.kind.state_type() }).map(|_| ())
    }
}
