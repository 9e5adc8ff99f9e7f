//! The plan: a file that people read, and a hash by which they approve it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lifecycle::{Fault, OuId, ParentId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::verdict::{Row, Verdict};

/// What accounts from one place to another would newly be denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Move {
    /// From there.
    pub from: ParentId,
    /// To there.
    pub to: OuId,
    /// How many of them are adopted.
    pub accounts: usize,
    /// What the policies deny that they do not inherit yet, a line each.
    pub newly_denied: Vec<String>,
}

/// A plan of adoption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The version of the file: 1.
    pub version: u32,
    /// Whose stack it is for.
    pub stack: String,
    /// When the world was looked at.
    pub made_at: Timestamp,
    /// From where accounts may be taken.
    pub from: Vec<ParentId>,
    /// What moves would newly deny.
    pub moves: Vec<Move>,
    /// One for each account of the list, in its order.
    pub accounts: Vec<Row>,
    /// The hash of all the rest.
    pub hash: String,
}

impl Plan {
    /// A plan with its hash.
    ///
    /// # Errors
    /// When it can not be written, which no plan is.
    pub fn new(
        stack: impl Into<String>,
        made_at: Timestamp,
        from: Vec<ParentId>,
        moves: Vec<Move>,
        accounts: Vec<Row>,
    ) -> Result<Self, Fault> {
        let stack = stack.into();
        let mut plan =
            Self { version: 1, stack, made_at, from, moves, accounts, hash: String::new() };
        plan.hash = plan.digest()?;
        Ok(plan)
    }

    /// Reads a plan, and checks that it is the one that its hash says.
    ///
    /// # Errors
    /// No plan, one of another version, or one that somebody changed.
    pub fn read(text: &str) -> Result<Self, Fault> {
        let plan: Self = serde_json::from_str(text)
            .map_err(|error| Fault::of("the plan", "it", format!("is none: {error}")))?;
        if plan.version != 1 {
            return Err(Fault::of("version", plan.version, "must be 1, the only one"));
        }
        let hash = plan.digest()?;
        if hash != plan.hash {
            let rule = format!("must be {hash}, for that is what the plan says: it was changed");
            return Err(Fault::new("hash", &plan.hash, rule));
        }
        Ok(plan)
    }

    /// How many accounts have each verdict.
    pub fn counts(&self) -> BTreeMap<Verdict, usize> {
        let mut counts = BTreeMap::new();
        for row in &self.accounts {
            *counts.entry(row.verdict).or_default() += 1;
        }
        counts
    }

    fn digest(&self) -> Result<String, Fault> {
        let bare = Self { hash: String::new(), ..self.clone() };
        let text = serde_json::to_vec(&bare)
            .map_err(|error| Fault::of("the plan", "it", format!("is not written: {error}")))?;
        let digest = Sha256::digest(&text);
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// In what an account is other than it was when the plan was made; nothing when it is the same, or
/// when the plan was applied to it meanwhile.
pub fn changed(planned: &Row, now: &Row) -> Option<String> {
    if planned == now || now.verdict == Verdict::Adopted {
        return None;
    }
    let account = &planned.account_id;
    if planned.verdict != now.verdict {
        let (was, is) = (planned.verdict.as_str(), now.verdict.as_str());
        return Some(format!("account {account} was {was}, and is {is} now: {}", now.reason));
    }
    let place = |row: &Row| row.from.as_ref().map_or("nowhere".to_owned(), ParentId::to_string);
    // Half of it was done: it is marked, and stands where it stood.
    if planned.from == now.from && planned.to == now.to && planned.make_role_by == now.make_role_by
    {
        return Some(format!("account {account}: {}, and now: {}", planned.reason, now.reason));
    }
    Some(format!("account {account} stood in {}, and stands in {} now", place(planned), place(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(verdict: &str, from: &str) -> Row {
        let row = serde_json::json!({
            "accountId": "222222222222", "tenantId": "acme", "tier": "standard",
            "verdict": verdict, "reason": "so", "from": from, "to": "ou-root-general0",
        });
        serde_json::from_value(row).unwrap()
    }

    fn plan() -> Plan {
        let rows = vec![row("ADOPT", "r-root"), row("REFUSE", "r-root")];
        Plan::new("landlord", Timestamp::UNIX_EPOCH, vec![], vec![], rows).unwrap()
    }

    #[test]
    fn a_plan_is_what_its_hash_says_or_none() {
        let plan = plan();
        let text = serde_json::to_string_pretty(&plan).unwrap();
        assert_eq!(Plan::read(&text).unwrap(), plan);
        assert_eq!(plan.counts(), BTreeMap::from([(Verdict::Adopt, 1), (Verdict::Refuse, 1)]));
        let other = text.replacen("REFUSE", "ADOPT", 1);
        assert!(Plan::read(&other).unwrap_err().to_string().contains("it was changed"));
        assert!(Plan::read("[]").is_err());
        assert!(Plan::read(&text.replacen("\"version\": 1", "\"version\": 2", 1)).is_err());
    }

    #[test]
    fn a_world_that_changed_is_told_and_what_was_applied_is_not() {
        let planned = row("ADOPT", "r-root");
        for (now, expected) in [
            (row("ADOPT", "r-root"), None),
            (row("ADOPTED", "ou-root-general0"), None),
            (row("CONFLICT", "r-root"), Some("was ADOPT, and is CONFLICT now: so")),
            (
                row("ADOPT", "ou-root-elsewher"),
                Some("stood in r-root, and stands in ou-root-elsewher"),
            ),
        ] {
            let told = changed(&planned, &now);
            match expected {
                None => assert_eq!(told, None),
                Some(part) => assert!(told.unwrap().contains(part)),
            }
        }
    }
}
