//! What a failure of one stack instance means. StackSets' reasons are free text, in this one API:
//! this table is the only place of Landlord that reads text. What it doesn't know is
//! `unclassified`: counted as a failure, and never tried again silently.

use serde::{Deserialize, Serialize};

/// How an instance stands after an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Class {
    /// Deployed.
    Succeeded,
    /// Its gate said no: no defect of the change.
    Vetoed,
    /// A throttle, or a fault of a service that passes by itself.
    Transient,
    /// Its account is suspended or closing: left out, not counted.
    Suspended,
    /// The operation ended before its turn.
    Cancelled,
    /// The change failed here.
    Failed,
    /// The change did not come to be here, for a reason that nobody foresaw.
    Unclassified,
}

impl Class {
    /// Whether it counts as a failure of the change.
    pub fn is_real_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Unclassified)
    }
}

/// What a result's reason is told by: the first row of which a part occurs in it, in small
/// letters, gives the class.
const PATTERNS: [(Class, &[&str]); 4] = [
    (
        Class::Cancelled,
        &["cancelled since", "canceled since", "cancelled as the operation", "was cancelled"],
    ),
    (
        Class::Suspended,
        &[
            "is suspended",
            "suspended account",
            "skipped_suspended_account",
            "account is closed",
            "pending_closure",
            "pending closure",
            "account is not active",
        ],
    ),
    (Class::Vetoed, &["accountgate check failed", "account gate check failed", "account gate"]),
    (
        Class::Transient,
        &[
            "rate exceeded",
            "throttl",
            "too many requests",
            "toomanyrequests",
            "requestlimitexceeded",
            "slowdown",
            "service unavailable",
            "serviceunavailable",
            "service is unavailable",
            "temporarily unavailable",
            "internal failure",
            "internalfailure",
            "internal error",
            "internalerror",
            "internal server error",
            "internal service",
            "try again later",
            "please retry",
            "please try again",
            "operationaborted",
            "conflicting conditional operation",
            "concurrentmodification",
            "_in_progress state",
            "in_progress state and can not be updated",
            "networking error",
            "connection reset",
        ],
    ),
];

/// Reasons of CloudFormation and its resource types that say that the change itself failed.
const DEFECTS: [&str; 16] = [
    "resource handler returned message",
    "the following resource(s) failed",
    "create_failed",
    "update_failed",
    "rollback_",
    "template error",
    "template format error",
    "validation error",
    "validationerror",
    "unresolved resource dependencies",
    "parameters: [",
    "requires capabilities",
    "accessdenied",
    "access denied",
    "not authorized to perform",
    "should have '",
];

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
}

/// The class of a result; nothing while it is not settled.
pub fn classify(told: Told<'_>) -> Option<Class> {
    match told.status {
        "SUCCEEDED" => return Some(Class::Succeeded),
        "PENDING" | "RUNNING" | "" => return None,
        _ => {}
    }
    let reason = told.reason.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| reason.contains(part));
    let [cancelled, suspended, vetoed, transient] = &PATTERNS;
    if has(suspended.1) {
        return Some(Class::Suspended);
    }
    if told.status == "CANCELLED" || has(cancelled.1) {
        return Some(Class::Cancelled);
    }
    if told.gate == "FAILED" || has(vetoed.1) {
        return Some(Class::Vetoed);
    }
    // A defect that speaks of a throttle is a throttle.
    if has(transient.1) {
        return Some(Class::Transient);
    }
    Some(if has(&DEFECTS) { Class::Failed } else { Class::Unclassified })
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

/// The reason without what differs between accounts (digits, ids in hexadecimal, Regions), so
/// that the same error in two accounts reads the same.
pub fn essence(reason: &str) -> String {
    let lower = reason.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric());
    let telling = words.filter(|word| {
        let differs = word.chars().any(|c| c.is_ascii_digit())
            || (word.len() >= 8 && word.chars().all(|c| c.is_ascii_hexdigit()));
        !word.is_empty() && !differs
    });
    telling.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(reason: &str) -> Class {
        classify(Told { status: "FAILED", reason, ..Told::default() }).unwrap()
    }

    #[test]
    fn reasons_that_aws_is_known_to_give_have_their_class() {
        for (reason, class) in [
            ("AccountGate check failed", Class::Vetoed),
            ("Account 222222222222 is suspended", Class::Suspended),
            ("SKIPPED_SUSPENDED_ACCOUNT", Class::Suspended),
            ("Cancelled since failure tolerance has exceeded", Class::Cancelled),
            ("Rate exceeded (Service: AWSLambda; Status Code: 429)", Class::Transient),
            ("Resource handler returned message: \"Rate exceeded\"", Class::Transient),
            ("ResourceLogicalId:Role, ResourceStatusReason:Internal Failure", Class::Transient),
            (
                "Stack:arn:aws:x is in UPDATE_IN_PROGRESS state and can not be updated.",
                Class::Transient,
            ),
            ("Resource handler returned message: \"Bucket name is taken\"", Class::Failed),
            ("The following resource(s) failed to update: [Key].", Class::Failed),
            ("ResourceStatusReason: UPDATE_FAILED", Class::Failed),
            (
                "Account 1 should have 'AWSCloudFormationStackSetExecutionRole' role with trust \
                 relationship to Role 'AWSCloudFormationStackSetAdministrationRole'.",
                Class::Failed,
            ),
            ("Something that nobody has seen before", Class::Unclassified),
            ("", Class::Unclassified),
        ] {
            assert_eq!(failed(reason), class, "{reason}");
        }
    }

    #[test]
    fn a_gate_that_said_no_is_a_veto_whatever_the_reason() {
        let told = Told { status: "FAILED", gate: "FAILED", reason: "?", gate_reason: "" };
        assert_eq!(classify(told), Some(Class::Vetoed));
    }

    #[test]
    fn what_is_not_settled_has_no_class() {
        for status in ["PENDING", "RUNNING", ""] {
            assert_eq!(classify(Told { status, ..Told::default() }), None);
        }
        let cancelled = Told { status: "CANCELLED", ..Told::default() };
        assert_eq!(classify(cancelled), Some(Class::Cancelled));
    }

    #[test]
    fn a_gate_that_is_missing_or_forbidden_is_a_hole_and_one_without_work_is_none() {
        let skipped = |gate_reason| {
            is_gate_hole(Told { status: "SUCCEEDED", gate: "SKIPPED", gate_reason, reason: "" })
        };
        assert!(skipped(
            "Function not found: arn:aws:lambda:eu-west-1:1:function:AWSCloudFormationStackSetAccountGate"
        ));
        assert!(skipped("AWSCloudFormationStackSetAccountGate function not found"));
        assert!(skipped("User: x is not authorized to perform: lambda:InvokeFunction"));
        assert!(!skipped("No action is necessary on the stack"));
        assert!(!skipped(""));
    }

    #[test]
    fn the_same_error_reads_the_same_in_every_account() {
        let one =
            essence("Role arn:aws:iam::111111111111:role/x already exists in eu-west-1 (a1b2c3d4)");
        let two =
            essence("Role arn:aws:iam::222222222222:role/x already exists in us-east-2 (deadbeef)");
        assert_eq!(one.replace("eu west", "us east"), two);
        assert_ne!(essence("Bucket exists"), essence("Role exists"));
    }
}
