#![doc = include_str!("../README.md")]

mod list;
mod plan;
mod policies;
mod verdict;

pub use list::{Entry, Format, LineFault, read};
pub use plan::{Move, Plan, changed};
pub use policies::{Kind, Policy, newly_denied};
pub use verdict::{Ground, HandMade, Role, Row, Seen, Verdict, judge, marks};
