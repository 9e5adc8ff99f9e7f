//! What was looked at, what is wrong with it, and what to set or run; in words and as a document.

use std::fmt::Write as _;

use lambda_kit::sdk::Trouble;
use serde_json::{Value, json};

use crate::Answer;
use crate::failure::Failure;

/// The columns of a terminal.
const WIDTH: usize = 80;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The kind, by which it can be accepted: `NoTrail`.
    pub name: &'static str,
    /// What was looked at.
    pub looked_at: String,
    /// What is wrong with it.
    pub wrong: String,
    /// What to set or run.
    pub what_to_do: String,
}

impl Finding {
    pub(super) fn new(
        name: &'static str,
        looked_at: impl Into<String>,
        wrong: impl Into<String>,
        what_to_do: impl Into<String>,
    ) -> Self {
        let (looked_at, wrong) = (looked_at.into(), wrong.into());
        Self { name, looked_at, wrong, what_to_do: what_to_do.into() }
    }

    /// What could not be looked at. Nothing is said of it: it may be in order or not.
    pub(super) fn not_seen(what: &str, trouble: &Trouble) -> Self {
        let Failure { said, advice, .. } = Failure::aws(what, trouble);
        let wrong = format!("it could not be looked at. {said}");
        Self::new(
            "NotSeen",
            what,
            wrong,
            format!("{advice}; `landlord check --policy` has all of them"),
        )
    }
}

/// Says what was found, in words or as a document.
pub(super) fn report(findings: &[Finding], accepted: &[String], as_document: bool) -> Answer {
    let is_accepted = |finding: &Finding| accepted.iter().any(|name| name == finding.name);
    let open = findings.iter().filter(|finding| !is_accepted(finding)).count();
    let text = if as_document {
        let each: Vec<Value> = findings
            .iter()
            .map(|finding| {
                json!({
                    "name": finding.name,
                    "lookedAt": finding.looked_at,
                    "wrong": finding.wrong,
                    "whatToDo": finding.what_to_do,
                    "accepted": is_accepted(finding),
                })
            })
            .collect();
        json!({ "fit": open == 0, "findings": each }).to_string()
    } else {
        let mut text = String::new();
        for finding in findings {
            let accepted = if is_accepted(finding) { " (accepted)" } else { "" };
            let _ = writeln!(text, "{}{accepted}: {}", finding.name, finding.looked_at);
            text.push_str(&wrapped("  ", "  ", &finding.wrong));
            text.push_str(&wrapped("  what to do: ", "    ", &finding.what_to_do));
            text.push('\n');
        }
        text.push_str(&summary(open, findings.len()));
        text
    };
    Answer { text, has_findings: open > 0 }
}

fn summary(open: usize, all: usize) -> String {
    match (open, all) {
        (0, 0) => "nothing stands in the way of a deploy".to_owned(),
        (0, all) => format!("nothing stands in the way of a deploy: {all} accepted"),
        (1, _) => "1 finding".to_owned(),
        (open, _) => format!("{open} findings"),
    }
}

/// A paragraph in the columns of a terminal; a word that is longer stays whole, so that commands can be
/// copied.
fn wrapped(first: &str, rest: &str, text: &str) -> String {
    let mut all = String::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(all, "{}", line.trim_end());
            rest.clone_into(&mut line);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    let _ = writeln!(all, "{}", line.trim_end());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_each_finding_and_counts_those_that_are_not_accepted() {
        let finding = |name| Finding::new(name, "the trails", "there is ".repeat(20), "make one");
        let found = [finding("NoTrail"), finding("StackState")];
        let said = report(&found, &["NoTrail".to_owned()], false);
        assert!(said.has_findings);
        assert!(
            said.text.starts_with("NoTrail (accepted): the trails\n  there is"),
            "{}",
            said.text
        );
        assert!(said.text.ends_with("\n1 finding"), "{}", said.text);
        assert!(said.text.lines().all(|line| line.chars().count() <= WIDTH), "{}", said.text);
        let all = ["NoTrail".to_owned(), "StackState".to_owned()];
        let said = report(&found, &all, true);
        assert!(!said.has_findings);
        let document: Value = serde_json::from_str(&said.text).unwrap();
        assert_eq!(document["findings"][1]["accepted"], true);
        assert_eq!(report(&[], &[], false).text, "nothing stands in the way of a deploy");
    }
}
