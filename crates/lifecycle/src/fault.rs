//! What is wrong with a value from outside: which field, which value, which rule.

use std::fmt;

/// How many characters of a refused value are repeated in a message. Signups come from other
/// systems, and a message has to stay readable whatever they send.
const SHOWN: usize = 120;

/// How many sentences an answer to somebody outside has at most.
const MOST_REASONS: usize = 20;
/// The longest of them, in characters.
const LONGEST_REASON: usize = 500;

fn cut(text: String) -> String {
    if text.chars().count() <= LONGEST_REASON {
        return text;
    }
    let mut shown: String = text.chars().take(LONGEST_REASON - 1).collect();
    shown.push('…');
    shown
}

/// One value that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {value} {rule}")]
pub struct Fault {
    /// Where the value stands, as a path: `tags.owner`, `tiers.standard.quotas[0].region`.
    pub field: String,
    /// The refused value in quotes, cut when it is long; or words such as `nothing`.
    pub value: String,
    /// The rule that it breaks, to be read after the value: `must be …`.
    pub rule: String,
}

impl Fault {
    /// A fault of a text value.
    pub fn new(field: impl Into<String>, value: &str, rule: impl Into<String>) -> Self {
        let mut shown: String = value.chars().take(SHOWN).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        Self { field: field.into(), value: format!("{shown:?}"), rule: rule.into() }
    }

    /// A field that is required and not there.
    pub fn missing(field: impl Into<String>) -> Self {
        Self { field: field.into(), value: "nothing".into(), rule: "where it is required".into() }
    }

    /// A fault of a value that is not text; `value` is shown as it is.
    pub fn of(field: impl Into<String>, value: impl fmt::Display, rule: impl Into<String>) -> Self {
        let text = value.to_string();
        let mut shown: String = text.chars().take(SHOWN).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        Self { field: field.into(), value: shown, rule: rule.into() }
    }

    /// The same fault, said of another field.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = field.into();
        self
    }
}

/// All the faults of one input, in the order in which they were found; never empty when it is
/// an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// No fault yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers a fault.
    pub fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// The value, or `None` and its fault remembered under `field`.
    pub fn keep<T>(&mut self, field: &str, parsed: Result<T, Fault>) -> Option<T> {
        parsed.map_err(|fault| self.push(fault.at(field))).ok()
    }

    /// Whether everything was in order.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The faults.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// One sentence for each fault.
    pub fn reasons(&self) -> Vec<String> {
        self.0.iter().map(Fault::to_string).collect()
    }

    /// The sentences, as far as somebody reads them: at most 20, the last of which
    /// then says how many there are more, each cut to 500 characters. What comes from
    /// outside chooses neither the number of its faults' sentences nor their length.
    pub fn bounded_reasons(&self) -> Vec<String> {
        let shown = if self.0.len() > MOST_REASONS { MOST_REASONS - 1 } else { self.0.len() };
        let mut reasons: Vec<String> =
            self.0.iter().take(shown).map(|fault| cut(fault.to_string())).collect();
        let more = self.0.len() - shown;
        if more > 0 {
            reasons.push(format!("and {more} more"));
        }
        reasons
    }

    /// `value` if there is no fault.
    ///
    /// # Errors
    /// The faults.
    pub fn none_or<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            _ => Err(self),
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reasons().join("; "))
    }
}

impl std::error::Error for Faults {}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_field_value_and_rule() {
        let fault = Fault::new("tenantId", "No!", "must be lower case");
        assert_eq!(fault.to_string(), r#"tenantId: "No!" must be lower case"#);
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let fault = Fault::new("x", &"ö".repeat(500), "is too long");
        assert!(fault.value.chars().count() < 130, "{}", fault.value);
        assert!(fault.value.contains('…'));
    }

    #[test]
    fn reasons_for_outsiders_are_cut_in_number_and_length() {
        let faults = |count: usize| {
            let mut faults = Faults::new();
            (0..count)
                .for_each(|n| faults.push(Fault::missing(format!("{n}{}", "ö".repeat(2_000)))));
            faults.bounded_reasons()
        };
        assert_eq!(faults(20).len(), 20);
        let reasons = faults(20_000);
        assert_eq!(reasons.len(), MOST_REASONS);
        assert_eq!(reasons.last().unwrap(), "and 19981 more");
        assert!(reasons.iter().all(|reason| reason.chars().count() <= LONGEST_REASON));
        assert_eq!(
            Faults::from(Fault::missing("a")).bounded_reasons(),
            ["a: nothing where it is required"]
        );
    }

    #[test]
    fn the_faults_of_an_input_stay_in_order() {
        let mut faults = Faults::new();
        faults.push(Fault::missing("a"));
        assert_eq!(faults.keep("b", Ok(1)), Some(1));
        assert_eq!(faults.keep::<()>("c", Err(Fault::missing("x"))), None);
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["a", "c"]);
        assert!(faults.none_or(Some(1)).is_err());
    }
}
