//! One field of an expression: its values, its names, and what is wrong with it.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based>

/// What is wrong with an expression: the field in AWS's words, its text, and AWS's rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is `{value}`: {rule}")]
pub struct InvalidCron {
    /// The field by AWS's name, or `the expression`.
    pub field: &'static str,
    /// Its text.
    pub value: String,
    /// What it has to be.
    pub rule: String,
}

impl InvalidCron {
    pub(crate) fn new(field: &'static str, value: &str, rule: impl Into<String>) -> Self {
        Self { field, value: value.to_owned(), rule: rule.into() }
    }
}

/// A field: what AWS calls it, and which values it has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    first: u16,
    last: u16,
    names: &'static [&'static str],
    /// AWS's own words for the values.
    values: &'static str,
    /// Whether a range may go over the end: from Friday to Monday. Years do not come back.
    wraps: bool,
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const fn numbers(name: &'static str, first: u16, last: u16, values: &'static str) -> Field {
    Field { name, first, last, names: &[], values, wraps: true }
}

/// Systems Manager's seventh field, in front of the others.
pub(crate) const SECONDS: Field = numbers("Seconds", 0, 59, "0-59");
pub(crate) const MINUTES: Field = numbers("Minutes", 0, 59, "0-59");
pub(crate) const HOURS: Field = numbers("Hours", 0, 23, "0-23");
pub(crate) const DAY_OF_MONTH: Field = numbers("Day-of-month", 1, 31, "1-31");
pub(crate) const MONTH: Field =
    Field { names: &MONTHS, ..numbers("Month", 1, 12, "1-12 or JAN-DEC") };
pub(crate) const DAY_OF_WEEK: Field =
    Field { names: &WEEKDAYS, ..numbers("Day-of-week", 1, 7, "1-7 or SUN-SAT") };
pub(crate) const YEAR: Field =
    Field { wraps: false, ..numbers("Year", FIRST_YEAR, LAST_YEAR, "1970-2199") };

/// The years that AWS's expressions know.
pub(crate) const FIRST_YEAR: u16 = 1970;
pub(crate) const LAST_YEAR: u16 = 2199;

/// Values of a field, as bits from its first value on: 230 years need four words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Values {
    words: [u64; 4],
    first: u16,
}

impl Values {
    pub(crate) fn of(field: Field) -> Self {
        Self { words: [0; 4], first: field.first }
    }

    fn add(&mut self, value: u16) {
        let bit = usize::from(value.saturating_sub(self.first));
        if let Some(word) = self.words.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    pub(crate) fn has(&self, value: u16) -> bool {
        let Some(bit) = value.checked_sub(self.first).map(usize::from) else { return false };
        self.words.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }
}

impl Field {
    pub(crate) fn fault(self, text: &str, rule: impl Into<String>) -> InvalidCron {
        InvalidCron::new(self.name, text, rule)
    }

    /// A single value: a number, or a name in any case.
    pub(crate) fn value(self, text: &str) -> Option<u16> {
        let named = self.names.iter().zip(self.first..);
        let by_name = named
            .filter(|(name, _)| name.eq_ignore_ascii_case(text))
            .map(|(_, value)| value)
            .next();
        let number = || {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|value| digits && (self.first..=self.last).contains(value))
        };
        by_name.or_else(number)
    }

    /// A list of values, ranges and steps.
    pub(crate) fn list(self, text: &str) -> Result<Values, InvalidCron> {
        let mut values = Values::of(self);
        for item in text.split(',') {
            self.item(text, item, &mut values)?;
        }
        Ok(values)
    }

    fn item(self, text: &str, item: &str, values: &mut Values) -> Result<(), InvalidCron> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(text, step)?)),
            None => (item, None),
        };
        let one = |part: &str| {
            self.value(part).ok_or_else(|| {
                let shown = if part.is_empty() { "nothing" } else { part };
                self.fault(text, format!("a value is {}, not {shown}", self.values))
            })
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (self.first, self.last),
            // As the dialect's own implementation has it: `/15` is `0/15`.
            _ if range.is_empty() && step.is_some() => (self.first, self.last),
            Some((from, to)) => (one(from)?, one(to)?),
            None if step.is_some() => (one(range)?, self.last),
            None => {
                let value = one(range)?;
                (value, value)
            }
        };
        if to < from && !self.wraps {
            return Err(self.fault(text, "a range of years goes forward"));
        }
        let size = self.last - self.first + 1;
        let end = if to < from { to + size } else { to };
        for value in (from..=end).step_by(usize::from(step.unwrap_or(1))) {
            values.add(if value > self.last { value - size } else { value });
        }
        Ok(())
    }

    fn step(self, text: &str, step: &str) -> Result<u16, InvalidCron> {
        let most = self.last - self.first;
        let digits = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
        step.parse().ok().filter(|step| digits && (1..=most.max(1)).contains(step)).ok_or_else(
            || self.fault(text, format!("an increment is a number from 1 to {most}, not {step}")),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(field: Field, text: &str) -> Vec<u16> {
        let values = field.list(text).unwrap();
        (field.first..=field.last).filter(|value| values.has(*value)).collect()
    }

    #[test]
    fn lists_ranges_and_steps_are_what_aws_calls_them() {
        assert_eq!(all(MINUTES, "1/10"), [1, 11, 21, 31, 41, 51]);
        assert_eq!(all(MINUTES, "0-15/5,59"), [0, 5, 10, 15, 59]);
        assert_eq!(all(MINUTES, "/20"), [0, 20, 40]);
        assert_eq!(all(MONTH, "jan,MAR-may,12"), [1, 3, 4, 5, 12]);
        assert_eq!(all(DAY_OF_WEEK, "MON-FRI"), [2, 3, 4, 5, 6]);
        assert_eq!(all(HOURS, "*").len(), 24);
        assert_eq!(all(YEAR, "2026/50"), [2026, 2076, 2126, 2176]);
    }

    #[test]
    fn a_range_goes_over_the_end_except_for_years() {
        assert_eq!(all(DAY_OF_WEEK, "SAT-SUN"), [1, 7]);
        assert_eq!(all(DAY_OF_WEEK, "FRI-MON"), [1, 2, 6, 7]);
        assert_eq!(all(HOURS, "22-2"), [0, 1, 2, 22, 23]);
        assert_eq!(all(HOURS, "22-4/3"), [1, 4, 22]);
        assert_eq!(all(MONTH, "NOV-FEB"), [1, 2, 11, 12]);
        assert_eq!(all(DAY_OF_MONTH, "30-2"), [1, 2, 30, 31]);
        let fault = YEAR.list("2030-2026").unwrap_err().to_string();
        assert_eq!(fault, "Year is `2030-2026`: a range of years goes forward");
    }

    #[test]
    fn a_value_outside_of_the_field_is_refused_in_the_words_of_aws() {
        for (field, text, says) in [
            (HOURS, "25", "Hours is `25`: a value is 0-23, not 25"),
            (MINUTES, "60", "Minutes is `60`: a value is 0-59, not 60"),
            (MINUTES, "+5", "Minutes is `+5`: a value is 0-59, not +5"),
            (DAY_OF_WEEK, "0", "Day-of-week is `0`: a value is 1-7 or SUN-SAT, not 0"),
            (DAY_OF_WEEK, "MONDAY", "1-7 or SUN-SAT, not MONDAY"),
            (MONTH, "1,,3", "Month is `1,,3`: a value is 1-12 or JAN-DEC, not nothing"),
            (YEAR, "1969", "a value is 1970-2199, not 1969"),
            (MINUTES, "0/0", "an increment is a number from 1 to 59, not 0"),
            (HOURS, "0/24", "an increment is a number from 1 to 23, not 24"),
            (HOURS, "?", "a value is 0-23, not ?"),
        ] {
            let fault = field.list(text).unwrap_err().to_string();
            assert!(fault.contains(says), "{fault}");
        }
    }
}
