//! Event patterns: which events a rule is about.
//!
//! The whole published language. A pattern is taken apart into alternatives (one, without `$or`),
//! each a list of fields with what may stand in them; an event into its fields, where arrays
//! disappear but not their elements: two fields that a pattern names together must not come from
//! two elements of one array. Names are joined with dots on both sides, so a dot in a name is the
//! same as one more level.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>,
//! and for what that page leaves open the matcher that AWS publishes,
//! <https://github.com/aws/event-ruler>.

mod address;
mod event;
mod matcher;
mod number;
mod read;
mod wildcard;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

use event::{Fields, Places};
use matcher::Matcher;

/// What a pattern asks of each field, by the field's path.
type Alternative = BTreeMap<String, Vec<Matcher>>;

/// A pattern that was read and understood.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Vec<Alternative>);

impl Pattern {
    /// Reads a pattern; says what is wrong with it in AWS's words, and on a second line where.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        read::pattern(&value).map(Self)
    }

    /// Whether an event matches.
    pub(super) fn matches(&self, event: &Value) -> bool {
        self.0.iter().any(|alternative| {
            let fields = Fields::of(event, alternative.keys().map(String::as_str));
            let wanted: Vec<_> = alternative.iter().collect();
            found(&wanted, &fields, &mut Places::default())
        })
    }
}

/// Whether the fields that are still wanted can be had from the elements chosen so far.
///
/// Paths are taken in their order: an absent field is one that the elements chosen before it do
/// not have.
fn found(wanted: &[(&String, &Vec<Matcher>)], fields: &Fields<'_>, chosen: &mut Places) -> bool {
    let Some(((path, matchers), rest)) = wanted.split_first() else { return true };
    let candidates = fields.at(path);
    let is_present = candidates.iter().any(|field| chosen.agrees(&field.places));
    if !is_present && matchers.iter().any(Matcher::wants_absence) && found(rest, fields, chosen) {
        return true;
    }
    // Scalars of one array stand in the same places: what failed for one fails for all of them.
    let mut tried: Vec<&Places> = Vec::new();
    candidates.iter().any(|field| {
        if !chosen.agrees(&field.places)
            || !matchers.iter().any(|matcher| matcher.matches(field.value))
            || tried.contains(&&field.places)
        {
            return false;
        }
        tried.push(&field.places);
        let mut next = chosen.clone();
        next.add(&field.places);
        found(rest, fields, &mut next)
    })
}
