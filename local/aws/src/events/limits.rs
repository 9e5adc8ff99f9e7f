//! How long and of which characters the members of a request may be, by AWS's service model, and
//! AWS's words for one that is not.

use serde_json::Value;

use crate::{AwsError, Call};

/// A member's rule: the operation, the member, how the words name it, the least and the most
/// characters, and which characters beside letters and digits.
struct Rule {
    operation: &'static str,
    member: &'static str,
    shown: &'static str,
    length: (usize, usize),
    others: Option<&'static str>,
}

const fn rule(
    operation: &'static str,
    member: &'static str,
    shown: &'static str,
    length: (usize, usize),
    others: Option<&'static str>,
) -> Rule {
    Rule { operation, member, shown, length, others }
}

const NAME: Option<&str> = Some(".-_");

const RULES: [Rule; 9] = [
    rule("PutRule", "Name", "name", (1, 64), NAME),
    rule("PutRule", "EventPattern", "eventPattern", (0, 2048), None),
    rule("PutRule", "ScheduleExpression", "scheduleExpression", (0, 256), None),
    rule("PutRule", "Description", "description", (0, 512), None),
    rule("CreateEventBus", "Name", "name", (1, 256), Some("/.-_")),
    rule("CreateEventBus", "Description", "description", (0, 512), None),
    rule("CreateArchive", "ArchiveName", "archiveName", (1, 48), NAME),
    rule("CreateArchive", "Description", "description", (0, 512), None),
    rule("CreateArchive", "EventPattern", "eventPattern", (0, 2048), None),
];

/// The rule of a target's id.
const TARGET_ID: Rule = rule("PutTargets", "Id", "id", (1, 64), NAME);

/// Refuses a request with a member that is too short, too long, or of other characters.
pub(super) fn check(call: &Call) -> Result<(), AwsError> {
    let mut problems = Vec::new();
    for rule in RULES.iter().filter(|rule| rule.operation == call.operation) {
        if let Some(text) = call.opt_text(rule.member) {
            rule.check(text, rule.shown, &mut problems);
        }
    }
    if call.operation == TARGET_ID.operation {
        for (index, target) in call.list("Targets").iter().enumerate() {
            if let Some(id) = target.get(TARGET_ID.member).and_then(Value::as_str) {
                let shown = format!("targets.{}.member.{}", index + 1, TARGET_ID.shown);
                TARGET_ID.check(id, &shown, &mut problems);
            }
        }
    }
    let count = problems.len();
    match count {
        0 => Ok(()),
        _ => Err(AwsError::validation(format!(
            "{count} validation error{} detected: {}",
            if count == 1 { "" } else { "s" },
            problems.join("; ")
        ))),
    }
}

impl Rule {
    fn check(&self, text: &str, shown: &str, problems: &mut Vec<String>) {
        let mut problem = |must: String| {
            problems.push(format!(
                "Value '{text}' at '{shown}' failed to satisfy constraint: Member must {must}"
            ));
        };
        if let Some(others) = self.others
            && !text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
        {
            let pattern: String = others
                .chars()
                .map(|c| if matches!(c, '.' | '-') { format!("\\{c}") } else { c.to_string() })
                .collect();
            problem(format!("satisfy regular expression pattern: [{pattern}A-Za-z0-9]+"));
        }
        let length = text.encode_utf16().count();
        if length < self.length.0 {
            problem(format!("have length greater than or equal to {}", self.length.0));
        }
        if length > self.length.1 {
            problem(format!("have length less than or equal to {}", self.length.1));
        }
    }
}
