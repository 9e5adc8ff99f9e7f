//! What a gate says of itself when it is asked to explain, and whether that shows that it works.

use serde::Deserialize;

use crate::verdict::{Finding, Status, Verdict};

/// The request that a gate explains itself for.
const REQUEST: &str = r#"{"explain":true}"#;

/// The answer to [`Explanation::REQUEST`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Explanation {
    /// What StackSets would read.
    pub status: Status,
    /// Why, in one line.
    pub reason: String,
    /// Every check. A gate that lists none did not explain itself.
    #[serde(default)]
    pub checks: Vec<Finding>,
}

/// Whether a gate has shown that it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It made every check. Its answer may be a veto: an alarm or a closed window is what a gate is
    /// for.
    Works,
    /// It did not, whatever its `Status` says; with the reason.
    Fails(String),
}

impl Explanation {
    /// What a gate is asked with.
    pub const REQUEST: &'static str = REQUEST;

    /// What the answer of a gate shows. Unknown is never fine: a check that could not be made,
    /// settings that were not understood and an answer that is none all fail.
    pub fn proof(answer: &[u8]) -> Proof {
        let explanation: Self = match serde_json::from_slice(answer) {
            Ok(explanation) => explanation,
            Err(error) => {
                let shown: String = String::from_utf8_lossy(answer).chars().take(200).collect();
                return Proof::Fails(format!(
                    "it answered {shown:?}, which explains nothing: {error}"
                ));
            }
        };
        if explanation.checks.is_empty() {
            return Proof::Fails("it listed no check when it was asked to explain".to_owned());
        }
        let unknown: Vec<String> = explanation
            .checks
            .iter()
            .filter(|finding| match finding.verdict {
                Verdict::Unknown => true,
                Verdict::Pass | Verdict::Veto | Verdict::Open => false,
            })
            .map(|finding| format!("{} is UNKNOWN: {}", finding.check.name(), finding.reason))
            .collect();
        if unknown.is_empty() { Proof::Works } else { Proof::Fails(unknown.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(answer: &str) -> Proof {
        Explanation::proof(answer.as_bytes())
    }

    #[test]
    fn a_veto_is_an_answer_of_a_gate_that_works() {
        for answer in [
            r#"{"Status":"SUCCEEDED","Reason":"r","Checks":[{"Check":"Override","Verdict":"PASS","Reason":"r"}]}"#,
            r#"{"Status":"FAILED","Reason":"r","Checks":[{"Check":"Alarms","Verdict":"VETO","Reason":"r"}]}"#,
            r#"{"Status":"FAILED","Reason":"r","Checks":[{"Check":"Windows","Verdict":"VETO","Reason":"r"},
                {"Check":"Override","Verdict":"OPEN","Reason":"r"}]}"#,
        ] {
            assert_eq!(proof(answer), Proof::Works, "{answer}");
        }
    }

    #[test]
    fn what_is_unknown_or_no_explanation_fails_whatever_the_status_is() {
        for (answer, says) in [
            (
                r#"{"Status":"SUCCEEDED","Reason":"r","Checks":[{"Check":"Override","Verdict":"PASS","Reason":"r"},
                    {"Check":"Alarms","Verdict":"UNKNOWN","Reason":"AccessDenied"}]}"#,
                "Alarms is UNKNOWN: AccessDenied",
            ),
            (
                r#"{"Status":"FAILED","Reason":"r","Checks":[{"Check":"Settings","Verdict":"UNKNOWN","Reason":"a range"}]}"#,
                "Settings is UNKNOWN: a range",
            ),
            (r#"{"Status":"SUCCEEDED","Reason":"r"}"#, "no check"),
            (r#"{"Status":"SUCCEEDED","Reason":"r","Checks":[]}"#, "no check"),
            (
                r#"{"Status":"SUCCEEDED","Reason":"r","Checks":[{"Check":"Luck","Verdict":"PASS","Reason":"r"}]}"#,
                "unknown variant",
            ),
            (r#"{"errorMessage":"boom"}"#, "explains nothing"),
            ("", "explains nothing"),
        ] {
            match proof(answer) {
                Proof::Fails(reason) => assert!(reason.contains(says), "{reason}"),
                Proof::Works => panic!("{answer}"),
            }
        }
    }
}
