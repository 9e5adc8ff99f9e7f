//! Which stack sets are the sweep's business, and in which order they are withdrawn: what another one
//! depends on goes after it.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use lifecycle::Fault;
use serde::Deserialize;

/// Names of stack sets: one name, or with `*` at its end all that begin so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl FromStr for Pattern {
    type Err = Fault;
    fn from_str(text: &str) -> Result<Self, Fault> {
        let beginning = text.strip_suffix('*').unwrap_or(text);
        if text.is_empty() || beginning.contains('*') {
            let rule = "must be a name, or the beginning of one with * at its end";
            return Err(Fault::new("stackSets", text, rule));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Pattern {
    /// Whether it names this stack set.
    pub(crate) fn holds(&self, stack_set: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => stack_set.starts_with(beginning),
            None => self.0 == stack_set,
        }
    }
}

/// Whether a stack set is the sweep's business: named by what is withdrawn, where that is given, and
/// not by what is left.
pub(crate) fn is_withdrawn(stack_set: &str, withdraw: &[Pattern], leave: &[Pattern]) -> bool {
    let names = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.holds(stack_set));
    (withdraw.is_empty() || names(withdraw)) && !names(leave)
}

/// What each stack set depends on.
pub(crate) type Dependences = BTreeMap<String, BTreeSet<String>>;

/// What the tiers say of the order. Only that is read of them: a fault elsewhere in them is no reason
/// to keep an account.
///
/// # Errors
/// When the text is no tiers at all.
pub(crate) fn dependences(tiers: &str) -> Result<Dependences, serde_json::Error> {
    #[derive(Deserialize)]
    struct Tiers {
        tiers: BTreeMap<String, Tier>,
    }
    #[derive(Deserialize)]
    struct Tier {
        #[serde(default)]
        baseline: Vec<StackSet>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct StackSet {
        stack_set: String,
        #[serde(default)]
        after: Vec<String>,
    }
    let read: Tiers = serde_json::from_str(tiers)?;
    let mut all = Dependences::new();
    for one in read.tiers.into_values().flat_map(|tier| tier.baseline) {
        all.entry(one.stack_set).or_default().extend(one.after);
    }
    Ok(all)
}

/// The level at which each stack set is withdrawn: 0 when nothing depends on it, otherwise one more
/// than the highest of those that do. A circle, which no tier may have, ends by itself.
pub(crate) fn level(stack_set: &str, dependences: &Dependences) -> u32 {
    fn of(stack_set: &str, dependences: &Dependences, path: &mut Vec<String>) -> u32 {
        if path.iter().any(|known| known == stack_set) {
            return 0;
        }
        path.push(stack_set.to_owned());
        let dependents = dependences.iter().filter(|(_, after)| after.contains(stack_set));
        let highest = dependents.map(|(name, _)| of(name, dependences, path) + 1).max();
        path.pop();
        highest.unwrap_or(0)
    }
    of(stack_set, dependences, &mut Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_a_beginning() {
        let holds = |pattern: &str, name| pattern.parse::<Pattern>().unwrap().holds(name);
        assert!(holds("AWSControlTower*", "AWSControlTowerBP-BASELINE-ROLES"));
        assert!(holds("baseline", "baseline") && !holds("baseline", "baseline-2"));
        for wrong in ["", "*a", "a*b*"] {
            assert!(wrong.parse::<Pattern>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_left_is_left_even_where_it_is_named_to_be_withdrawn() {
        let patterns = |texts: &[&str]| -> Vec<Pattern> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        for (withdraw, leave, stack_set, expected) in [
            (&[][..], &[][..], "any", true),
            (&["*"], &[], "any", true),
            (&["landlord-*", "shop"], &[], "landlord-tenant-baseline", true),
            (&["landlord-*", "shop"], &[], "shop-2", false),
            (&["*"], &["AWSControlTower*"], "AWSControlTowerBP-VPC", false),
            (&["shop"], &["shop"], "shop", false),
        ] {
            let found = is_withdrawn(stack_set, &patterns(withdraw), &patterns(leave));
            assert_eq!(found, expected, "{withdraw:?} {leave:?} {stack_set}");
        }
    }

    #[test]
    fn what_another_depends_on_goes_after_it() {
        let tiers = r#"{"tiers": {
            "standard": {"baseline": [
                {"stackSet": "network"}, {"stackSet": "database", "after": ["network"]},
                {"stackSet": "service", "after": ["database", "network"]}, {"stackSet": "alone"}]},
            "premium": {"baseline": [{"stackSet": "network", "after": ["keys"]}], "quotas": 7}}}"#;
        let dependences = dependences(tiers).unwrap();
        let levels = ["service", "alone", "database", "network", "keys", "unknown"]
            .map(|name| level(name, &dependences));
        assert_eq!(levels, [0, 0, 1, 2, 3, 0]);
    }

    #[test]
    fn a_circle_ends() {
        let circle = r#"{"tiers": {"t": {"baseline": [
            {"stackSet": "a", "after": ["b"]}, {"stackSet": "b", "after": ["a"]}]}}}"#;
        let dependences = dependences(circle).unwrap();
        assert!(level("a", &dependences) <= 2 && level("b", &dependences) <= 2);
        assert!(super::dependences("[]").is_err());
    }
}
