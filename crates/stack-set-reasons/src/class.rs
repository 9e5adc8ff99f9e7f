//! The class of a result: its own status and its gate's answer first, then a second witness, and
//! only then its words.

use serde::{Deserialize, Serialize};

use crate::patterns::{self, Words};

/// How a stack instance stands after an operation. Ordered: what people should see first is
/// greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Class {
    /// Deployed.
    Succeeded,
    /// Its gate said no: no defect of the change.
    Vetoed,
    /// A throttle, or a fault of a service that passes by itself.
    Transient,
    /// The account may not use a service yet: it is not subscribed, or is being verified, or the
    /// Region is not enabled.
    NotYet,
    /// Organizations says that its account is not active: left out, not counted.
    Suspended,
    /// The operation ended before its turn.
    Cancelled,
    /// StackSets could not take the execution role in the account.
    RoleMissing,
    /// It imports, or reads, what is not there: another stack has to come first.
    MissingDependency,
    /// The change failed here.
    Failed,
    /// The change did not come to be here, for a reason that the table does not know, or that
    /// claims an excuse without a witness.
    Unclassified,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Succeeded,
        Self::Vetoed,
        Self::Transient,
        Self::NotYet,
        Self::Suspended,
        Self::Cancelled,
        Self::RoleMissing,
        Self::MissingDependency,
        Self::Failed,
        Self::Unclassified,
    ];
}

/// What Organizations said about the account, on a read that is newer than the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Account {
    /// It was not asked: a claim of suspension stays a claim.
    #[default]
    NotAsked,
    /// `ACTIVE`.
    Active,
    /// Suspended, closing, closed, or not in the organization any more.
    NotActive,
}

/// What one row of an operation's results says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told<'a> {
    /// `Status`: `SUCCEEDED`, `FAILED`, `CANCELLED`, ….
    pub status: &'a str,
    /// `StatusReason`.
    pub reason: &'a str,
    /// `AccountGateResult.Status`.
    pub gate: &'a str,
    /// `AccountGateResult.StatusReason`.
    pub gate_reason: &'a str,
    /// What Organizations says about the account.
    pub account: Account,
}

/// The class of a result; nothing while it is not settled.
pub fn classify(told: Told<'_>) -> Option<Class> {
    match told.status {
        "SUCCEEDED" => return Some(Class::Succeeded),
        "PENDING" | "RUNNING" | "" => return None,
        _ => {}
    }
    if told.account == Account::NotActive {
        return Some(Class::Suspended);
    }
    if told.status == "CANCELLED" {
        return Some(Class::Cancelled);
    }
    if told.gate == "FAILED" {
        return Some(Class::Vetoed);
    }
    Some(match patterns::words_of(told.reason) {
        // The witness is missing, or says otherwise.
        Words::ClaimsSuspension | Words::ClaimsVeto | Words::Unknown => Class::Unclassified,
        Words::RoleMissing => Class::RoleMissing,
        Words::NotYet => Class::NotYet,
        Words::MissingDependency => Class::MissingDependency,
        Words::Transient => Class::Transient,
        Words::Defect => Class::Failed,
    })
}

/// Whether Organizations has to be asked about the account before the class is final: a result
/// that claims that the account is suspended, or in which its role could not be taken.
pub fn needs_witness(told: Told<'_>) -> bool {
    matches!(told.status, "FAILED" | "CANCELLED")
        && told.account == Account::NotAsked
        && told.gate != "FAILED"
        && matches!(patterns::words_of(told.reason), Words::ClaimsSuspension | Words::RoleMissing)
}

/// Whether the account has a hole where its gate should be: the gate was skipped because it is
/// missing or may not be invoked, and not because nothing had to be done.
pub fn is_gate_hole(told: Told<'_>) -> bool {
    let reason = told.gate_reason.to_lowercase();
    told.gate == "SKIPPED"
        && ["not found", "not authorized", "accessdenied", "access denied", "is not allowed"]
            .iter()
            .any(|part| reason.contains(part))
}

#[cfg(test)]
mod tests;
