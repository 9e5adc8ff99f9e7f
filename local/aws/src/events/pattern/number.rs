//! Numbers: compared by value, `300` and `3.0e2` are the same.

use serde_json::Number;

/// A range of numbers; an end that is not given is open.
#[derive(Debug, Clone, Default)]
pub(super) struct Range {
    pub(super) least: Option<Bound>,
    pub(super) most: Option<Bound>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    pub(super) value: f64,
    pub(super) is_included: bool,
}

impl Range {
    pub(super) fn holds(&self, number: f64) -> bool {
        self.least.is_none_or(|least| {
            number > least.value || (least.is_included && number == least.value)
        }) && self
            .most
            .is_none_or(|most| number < most.value || (most.is_included && number == most.value))
    }
}

/// The number as AWS compares it: none, when a double would not hold all of its digits, as with
/// most numbers of more than 15.
pub(super) fn comparable(number: &Number) -> Option<f64> {
    let value = number.as_f64()?;
    let is_whole = number.is_i64() || number.is_u64();
    // Display writes the shortest digits that name the double, and zeros after them.
    (!is_whole || format!("{value}") == number.to_string()).then_some(value)
}

/// Whether two numbers are equal: by value, and by their digits where a value can't be had.
pub(super) fn same(one: &Number, other: &Number) -> bool {
    match (comparable(one), comparable(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}
