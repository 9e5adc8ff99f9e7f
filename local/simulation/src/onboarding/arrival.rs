//! When signups come.

use std::str::FromStr;
use std::time::Duration;

/// How signups arrive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrival {
    /// All at the first moment.
    Burst,
    /// One after the other, so many in a second.
    PerSecond(f64),
}

/// Why an arrival cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no arrival: must be burst, or signups in a time, such as 0.05/s, 3/min, 180/h or 4000/day"
)]
pub struct InvalidArrival(String);

impl FromStr for Arrival {
    type Err = InvalidArrival;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "burst" {
            return Ok(Self::Burst);
        }
        let invalid = || InvalidArrival(text.to_owned());
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit {
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3_600.0,
            "day" => 86_400.0,
            _ => return Err(invalid()),
        };
        match number.parse::<f64>() {
            Ok(value) if value > 0.0 && value <= 1e6 => Ok(Self::PerSecond(value / seconds)),
            _ => Err(invalid()),
        }
    }
}

impl Arrival {
    /// How long after the first signup this one comes, counted from 0.
    #[expect(clippy::cast_precision_loss, reason = "tenants are far fewer than 2^52")]
    pub(super) fn after(self, index: usize) -> Duration {
        match self {
            Self::Burst => Duration::ZERO,
            Self::PerSecond(rate) => Duration::from_secs_f64(index as f64 / rate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_a_burst_or_a_rate_in_a_unit_of_time() {
        assert_eq!("burst".parse(), Ok(Arrival::Burst));
        assert_eq!("0.05".parse(), Ok(Arrival::PerSecond(0.05)));
        assert_eq!("180/h".parse(), Ok(Arrival::PerSecond(0.05)));
        for text in ["", "0", "-1/s", "3/fortnight", "many"] {
            let error = text.parse::<Arrival>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn a_rate_spreads_signups_evenly() {
        let rate = Arrival::PerSecond(0.5);
        assert_eq!(rate.after(0), Duration::ZERO);
        assert_eq!(rate.after(3), Duration::from_secs(6));
    }
}
