//! What is made of an operation's results, and of its being stopped.

use std::collections::BTreeSet;

use rollout::{Batch, Class, Reason, ReasonCode, Row};

/// The rows, and one for each instance of which AWS gave no result.
pub(crate) fn complete(mut rows: Vec<Row>, batch: Option<&Batch>) -> Vec<Row> {
    let known: BTreeSet<_> =
        rows.iter().map(|row| (row.account.clone(), row.region.clone())).collect();
    let Some(batch) = batch else { return rows };
    for account in &batch.accounts {
        for region in &batch.regions {
            if !known.contains(&(account.clone(), region.clone())) {
                let why = "AWS gave no result";
                rows.push(Row::new(account.clone(), region.clone(), Class::Cancelled, why));
            }
        }
    }
    rows
}

/// An operator stopped the roll-out.
pub(crate) fn stop_requested() -> Reason {
    Reason { code: ReasonCode::StopRequested, text: "an operator asked for it".to_owned() }
}

/// Somebody stopped an operation of the roll-out.
pub(crate) fn stopped_by_others(id: &str) -> Reason {
    Reason { code: ReasonCode::OperationStopped, text: format!("somebody stopped {id}") }
}
