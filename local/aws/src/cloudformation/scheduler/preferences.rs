//! Operation preferences: what a caller may ask for, checked, with AWS's defaults and rounding.
//!
//! Every number counts accounts of one Region, never of the whole operation.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetOperationPreferences.html>

use std::fmt;
use std::str::FromStr;

/// Why an operation cannot be scheduled as asked: the field as AWS spells it, the value, the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOperation {
    /// A number outside its range.
    #[error("{field} is {value}: must be {rule}")]
    OutOfRange {
        /// The field, as AWS spells it.
        field: &'static str,
        /// What was given.
        value: i64,
        /// The range.
        rule: &'static str,
    },
    /// A count and a percentage for the same thing.
    #[error("{count} is {count_value} and {percentage} is {percentage_value}: give one of the two")]
    CountAndPercentage {
        /// The count's field.
        count: &'static str,
        /// The count.
        count_value: i64,
        /// The percentage's field.
        percentage: &'static str,
        /// The percentage.
        percentage_value: i64,
    },
    /// A word that is not one of the field's values.
    #[error("{field} is {value:?}: must be {rule}")]
    UnknownValue {
        /// The field, as AWS spells it.
        field: &'static str,
        /// What was given.
        value: String,
        /// The values that exist.
        rule: &'static str,
    },
    /// A Region in the order that the operation does not touch.
    #[error("RegionOrder names {region:?}: must be one of the operation's Regions ({regions})")]
    RegionNotInOperation {
        /// The stranger.
        region: String,
        /// The operation's Regions, joined with commas.
        regions: String,
    },
    /// A Region more than once.
    #[error("{field} names {region:?} twice: each Region may stand there once")]
    RegionTwice {
        /// `RegionOrder` or `Regions`.
        field: &'static str,
        /// The Region.
        region: String,
    },
}

/// A number of accounts, or a share of a Region's accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Amount {
    Count(u32),
    Percent(u8),
}

impl Amount {
    /// The share of `instances`, rounded down, as AWS rounds.
    fn of(self, instances: usize) -> usize {
        match self {
            Self::Count(count) => count as usize,
            Self::Percent(percent) => instances * usize::from(percent) / 100,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// How many accounts of a Region may fail before the operation stops there.
///
/// A percentage is rounded down, to 0 if need be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailureTolerance(Amount);

impl FailureTolerance {
    const COUNT: &'static str = "FailureToleranceCount";
    const PERCENTAGE: &'static str = "FailureTolerancePercentage";

    /// A number of accounts, 0 or more (AWS's integers end at 2,147,483,647).
    ///
    /// # Errors
    /// [`InvalidOperation::OutOfRange`].
    pub fn count(count: i64) -> Result<Self, InvalidOperation> {
        in_range(Self::COUNT, count, 0, i64::from(i32::MAX), "0 or more, up to 2147483647")
            .map(|count| Self(Amount::Count(count)))
    }

    /// A share of the Region's accounts, 0 to 100.
    ///
    /// # Errors
    /// [`InvalidOperation::OutOfRange`].
    pub fn percentage(percentage: i64) -> Result<Self, InvalidOperation> {
        in_percent(Self::PERCENTAGE, percentage, 0, "from 0 to 100")
            .map(|percentage| Self(Amount::Percent(percentage)))
    }

    /// How many of a Region's `instances` may fail; one more stops the Region.
    #[must_use]
    pub fn of(self, instances: usize) -> usize {
        self.0.of(instances)
    }
}

impl Default for FailureTolerance {
    fn default() -> Self {
        Self(Amount::Count(0))
    }
}

impl fmt::Display for FailureTolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for FailureTolerance {
    type Err = InvalidOperation;

    /// `5` is a count, `5%` a percentage.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match number_or_percent("failure tolerance", text)? {
            (number, true) => Self::percentage(number),
            (number, false) => Self::count(number),
        }
    }
}

/// In how many accounts of a Region the operation may run at once, at most.
///
/// A percentage is rounded down, but never to 0: one account is always allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxConcurrent(Amount);

impl MaxConcurrent {
    const COUNT: &'static str = "MaxConcurrentCount";
    const PERCENTAGE: &'static str = "MaxConcurrentPercentage";

    /// A number of accounts, 1 or more (AWS's integers end at 2,147,483,647).
    ///
    /// # Errors
    /// [`InvalidOperation::OutOfRange`].
    pub fn count(count: i64) -> Result<Self, InvalidOperation> {
        in_range(Self::COUNT, count, 1, i64::from(i32::MAX), "1 or more, up to 2147483647")
            .map(|count| Self(Amount::Count(count)))
    }

    /// A share of the Region's accounts, 1 to 100.
    ///
    /// # Errors
    /// [`InvalidOperation::OutOfRange`].
    pub fn percentage(percentage: i64) -> Result<Self, InvalidOperation> {
        in_percent(Self::PERCENTAGE, percentage, 1, "from 1 to 100")
            .map(|percentage| Self(Amount::Percent(percentage)))
    }

    /// How many of a Region's `instances` may be in flight; at least 1.
    #[must_use]
    pub fn of(self, instances: usize) -> usize {
        self.0.of(instances).max(1)
    }
}

impl Default for MaxConcurrent {
    fn default() -> Self {
        Self(Amount::Count(1))
    }
}

impl fmt::Display for MaxConcurrent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MaxConcurrent {
    type Err = InvalidOperation;

    /// `10` is a count, `10%` a percentage.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match number_or_percent("max concurrent", text)? {
            (number, true) => Self::percentage(number),
            (number, false) => Self::count(number),
        }
    }
}

/// What failures do to the concurrency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConcurrencyMode {
    /// Never more in flight than failures are left: a Region ends with at most tolerance + 1.
    #[default]
    Strict,
    /// Full concurrency until the tolerance is exceeded; what is in flight then still runs.
    Soft,
}

impl ConcurrencyMode {
    /// As AWS spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "STRICT_FAILURE_TOLERANCE",
            Self::Soft => "SOFT_FAILURE_TOLERANCE",
        }
    }

    fn parse(value: &str) -> Result<Self, InvalidOperation> {
        [Self::Strict, Self::Soft].into_iter().find(|mode| mode.as_str() == value).ok_or_else(
            || InvalidOperation::UnknownValue {
                field: "ConcurrencyMode",
                value: value.to_owned(),
                rule: "STRICT_FAILURE_TOLERANCE or SOFT_FAILURE_TOLERANCE",
            },
        )
    }
}

/// One Region after the other, or all at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RegionConcurrency {
    /// The next Region starts when the one before has ended within its tolerance.
    #[default]
    Sequential,
    /// All Regions start at once, each with its own concurrency and tolerance.
    Parallel,
}

impl RegionConcurrency {
    /// As AWS spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sequential => "SEQUENTIAL",
            Self::Parallel => "PARALLEL",
        }
    }

    fn parse(value: &str) -> Result<Self, InvalidOperation> {
        [Self::Sequential, Self::Parallel]
            .into_iter()
            .find(|kind| kind.as_str() == value)
            .ok_or_else(|| InvalidOperation::UnknownValue {
                field: "RegionConcurrencyType",
                value: value.to_owned(),
                rule: "SEQUENTIAL or PARALLEL",
            })
    }
}

/// Checked preferences. The default is AWS's: one account at a time, no failure tolerated,
/// strict, one Region after the other in the order of the request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preferences {
    /// Failures that a Region may have.
    pub failure_tolerance: FailureTolerance,
    /// Ceiling of what is in flight in a Region.
    pub max_concurrent: MaxConcurrent,
    /// What failures do to the concurrency.
    pub mode: ConcurrencyMode,
    /// One Region after the other, or all at once.
    pub region_concurrency: RegionConcurrency,
    /// Regions that go first, in this order; the others follow as the request has them.
    pub region_order: Vec<String>,
}

/// Preferences as a request carries them: nothing checked, nothing defaulted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PreferencesRequest {
    /// `FailureToleranceCount`.
    pub failure_tolerance_count: Option<i64>,
    /// `FailureTolerancePercentage`.
    pub failure_tolerance_percentage: Option<i64>,
    /// `MaxConcurrentCount`.
    pub max_concurrent_count: Option<i64>,
    /// `MaxConcurrentPercentage`.
    pub max_concurrent_percentage: Option<i64>,
    /// `ConcurrencyMode`.
    pub concurrency_mode: Option<String>,
    /// `RegionConcurrencyType`.
    pub region_concurrency_type: Option<String>,
    /// `RegionOrder`.
    pub region_order: Vec<String>,
}

impl TryFrom<&PreferencesRequest> for Preferences {
    type Error = InvalidOperation;

    /// Checks each field by itself. That `RegionOrder` fits the operation is checked when the
    /// scheduler is made, which knows the Regions.
    fn try_from(request: &PreferencesRequest) -> Result<Self, Self::Error> {
        let failure_tolerance = one_of(
            (FailureTolerance::COUNT, request.failure_tolerance_count, FailureTolerance::count),
            (
                FailureTolerance::PERCENTAGE,
                request.failure_tolerance_percentage,
                FailureTolerance::percentage,
            ),
        )?;
        let max_concurrent = one_of(
            (MaxConcurrent::COUNT, request.max_concurrent_count, MaxConcurrent::count),
            (
                MaxConcurrent::PERCENTAGE,
                request.max_concurrent_percentage,
                MaxConcurrent::percentage,
            ),
        )?;
        let mode = request.concurrency_mode.as_deref().map(ConcurrencyMode::parse).transpose()?;
        let region_concurrency =
            request.region_concurrency_type.as_deref().map(RegionConcurrency::parse).transpose()?;
        Ok(Self {
            failure_tolerance,
            max_concurrent,
            mode: mode.unwrap_or_default(),
            region_concurrency: region_concurrency.unwrap_or_default(),
            region_order: request.region_order.clone(),
        })
    }
}

type Field<T> = (&'static str, Option<i64>, fn(i64) -> Result<T, InvalidOperation>);

fn one_of<T: Default>(count: Field<T>, percentage: Field<T>) -> Result<T, InvalidOperation> {
    match (count.1, percentage.1) {
        (Some(count_value), Some(percentage_value)) => Err(InvalidOperation::CountAndPercentage {
            count: count.0,
            count_value,
            percentage: percentage.0,
            percentage_value,
        }),
        (Some(value), None) => count.2(value),
        (None, Some(value)) => percentage.2(value),
        (None, None) => Ok(T::default()),
    }
}

fn in_range(
    field: &'static str,
    value: i64,
    least: i64,
    most: i64,
    rule: &'static str,
) -> Result<u32, InvalidOperation> {
    let error = InvalidOperation::OutOfRange { field, value, rule };
    if (least..=most).contains(&value) {
        u32::try_from(value).map_err(|_| error)
    } else {
        Err(error)
    }
}

fn in_percent(
    field: &'static str,
    value: i64,
    least: i64,
    rule: &'static str,
) -> Result<u8, InvalidOperation> {
    let error = InvalidOperation::OutOfRange { field, value, rule };
    if (least..=100).contains(&value) { u8::try_from(value).map_err(|_| error) } else { Err(error) }
}

/// The number in `text`, and whether a percent sign follows it.
fn number_or_percent(field: &'static str, text: &str) -> Result<(i64, bool), InvalidOperation> {
    let (digits, percent) = match text.strip_suffix('%') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    digits.parse().map(|number| (number, percent)).map_err(|_| InvalidOperation::UnknownValue {
        field,
        value: text.to_owned(),
        rule: "a whole number of accounts such as 10, or a percentage such as 10%",
    })
}
