//! The proof: random faults, drawn from a seed, at every call of every function and machine, and
//! what must hold all the same.
//!
//! A seed is a world: how slow AWS is in it, who signs up when, what people do meanwhile, and
//! which calls and invocations something happens to. [`run()`] plays one and watches it;
//! [`prove()`] plays thousands; [`shrink()`] leaves out of a failing one all that it fails without,
//! and [`story`] tells what is left.
//!
//! Call sites are not listed anywhere: they are what the functions and the machines of the
//! deployed template are seen to call.

mod acts;
mod aim;
mod answers;
mod asked;
mod audit;
mod crossed;
mod draw;
mod ends;
mod harm;
mod injector;
mod kinds;
mod moments;
mod promises;
mod prove;
mod run;
mod schedule;
mod script;
mod shrink;
mod standing;
mod watch;
mod words;

pub use aim::{Aim, Unclear};
pub use injector::{FaultKey, Happened, Injector, Observer, Record, Site};
pub use kinds::{CallFault, InvocationFault};
pub use prove::{Played, Proof, Summary, kinds_of, prove};
pub use run::{Outcome, Part, run};
pub use schedule::{
    Answers, Destination, Excuse, Kind, Other, Schedule, Slowness, Step, Storm, What, tenant_id,
};
pub use shrink::{run_part, shrink, story};
