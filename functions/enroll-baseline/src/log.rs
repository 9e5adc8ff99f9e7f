//! The log of a stack set's operations: whether an enrolment is on its way, and what the next one
//! has to be called.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::decide::OPERATION_PREFIX;

/// An operation of a stack set, as AWS listed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its id.
    pub id: String,
    /// `RUNNING`, `QUEUED`, `STOPPING`, or one of the ends.
    pub status: String,
    /// When it was asked for.
    pub created: Option<Timestamp>,
}

/// What the log of operations allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Log {
    /// An enrolment is on its way: its end is worth waiting for, a second one is not.
    Busy {
        /// Its id.
        operation_id: String,
    },
    /// Nothing of ours is on its way.
    Free {
        /// The id that the next enrolment has to carry.
        operation_id: String,
    },
}

/// Reads the log of operations, newest first.
///
/// The next id is a hash of the newest enrolment's: a compare-and-swap on the log. All who look at
/// the same log choose the same id and one of them wins; who looks at an older log chooses an id
/// that is taken. Operations of others do not count, for one that comes between two looks would
/// give them two ids.
pub fn read_log(operations: &[Operation]) -> Log {
    let busy = operations.iter().find(|operation| {
        operation.id.starts_with(OPERATION_PREFIX)
            && matches!(operation.status.as_str(), "RUNNING" | "QUEUED" | "STOPPING")
    });
    if let Some(operation) = busy {
        return Log::Busy { operation_id: operation.id.clone() };
    }
    Log::Free { operation_id: next_id(operations) }
}

/// Operations of a log that are read at most, to find the newest enrolment among them: five pages.
const LONGEST: usize = 500;

/// Whether what was read of a log, newest first, is enough to give the next enrolment its id.
pub(crate) fn reaches_an_enrolment(operations: &[Operation]) -> bool {
    operations.len() >= LONGEST || newest_enrolment(operations).is_some()
}

fn newest_enrolment(operations: &[Operation]) -> Option<&Operation> {
    operations.iter().find(|operation| operation.id.starts_with(OPERATION_PREFIX))
}

/// The id of the enrolment that follows the newest one of a log, newest first. Where the log was
/// cut off before one was found, it follows the newest operation.
pub fn next_id(operations: &[Operation]) -> String {
    let cut_off = operations.first().filter(|_| operations.len() >= LONGEST);
    let newest = newest_enrolment(operations).or(cut_off);
    operation_id(newest.map(|newest| newest.id.as_str()))
}

/// The id of the enrolment that follows `newest`, within AWS's `[a-zA-Z0-9][-a-zA-Z0-9]*`.
pub fn operation_id(newest: Option<&str>) -> String {
    let digest = Sha256::digest(newest.unwrap_or("none").as_bytes());
    let mut id = String::from(OPERATION_PREFIX);
    for byte in digest.iter().take(16) {
        id.push_str(&format!("{byte:02x}"));
    }
    id
}
