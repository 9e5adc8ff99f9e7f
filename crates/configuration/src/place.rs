//! On which line of a file a field stands.
//!
//! The JSON parser itself says so: a visitor follows the field's path and refuses the value at its
//! end, and the parser puts the line into the error.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The member of this name: the first, or of several the one of this number, from 0.
    Key(String, usize),
    /// The item of this number, from 0.
    Index(usize),
}

/// The steps of a field such as `tiers.standard.baseline[0].stackSet`.
pub(crate) fn steps(field: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for part in field.split('.') {
        let (name, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        if !name.is_empty() {
            steps.push(Step::Key(name.to_owned(), 0));
        }
        while let Some((index, after)) =
            rest.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        {
            let Ok(index) = index.parse() else { break };
            steps.push(Step::Index(index));
            rest = after;
        }
    }
    steps
}

/// The line of a field, or of the nearest thing around it that is there; from 1.
pub(crate) fn line_of(text: &str, field: &str) -> Option<usize> {
    let steps = steps(field);
    (1..=steps.len()).rev().find_map(|length| line_at(text, &steps[..length]))
}

/// The line of what these steps lead to.
pub(crate) fn line_at(text: &str, steps: &[Step]) -> Option<usize> {
    let arrived = Cell::new(false);
    let mut parser = serde_json::Deserializer::from_str(text);
    let error = Follow { steps, arrived: &arrived }.deserialize(&mut parser).err()?;
    arrived.get().then(|| error.line())
}

#[derive(Clone, Copy)]
struct Follow<'a> {
    steps: &'a [Step],
    arrived: &'a Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Follow<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        if self.steps.is_empty() {
            self.arrived.set(true);
            return Err(D::Error::custom("it is here"));
        }
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Follow<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("something that contains something")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut before = 0;
        while let Some(key) = map.next_key::<String>()? {
            match self.steps {
                [Step::Key(name, number), rest @ ..] if *name == key => {
                    if before == *number {
                        return map.next_value_seed(Follow { steps: rest, ..self });
                    }
                    before += 1;
                    map.next_value::<IgnoredAny>()?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let [Step::Index(index), rest @ ..] = self.steps else {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        for _ in 0..*index {
            if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        items.next_element_seed(Follow { steps: rest, ..self }).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{\n  \"a\": 1,\n  \"tiers\": {\n    \"gold\": {\n      \"list\": [\n        {\"x\": 1},\n        \
        {\"x\":\n 2}\n      ]\n    }\n  },\n  \"a\": 2\n}";

    #[test]
    fn a_field_is_found_on_its_line() {
        assert_eq!(line_of(TEXT, "a"), Some(2));
        assert_eq!(line_of(TEXT, "tiers.gold"), Some(4));
        assert_eq!(line_of(TEXT, "tiers.gold.list[0].x"), Some(6));
        assert_eq!(line_of(TEXT, "tiers.gold.list[1]"), Some(7));
        assert_eq!(line_at(TEXT, &[Step::Key("a".into(), 1)]), Some(12));
    }

    #[test]
    fn what_is_not_there_is_where_it_would_be() {
        assert_eq!(line_of(TEXT, "tiers.gold.list[5].x"), Some(5));
        assert_eq!(line_of(TEXT, "tiers.gold.missing"), Some(4));
        // Inside of a text.
        assert_eq!(line_of(TEXT, "tiers.gold.list[0].x[3].y"), Some(6));
        assert_eq!(line_of(TEXT, "b"), None);
    }
}
