//! The fleet that an operation meets: how many accounts, where, how slow, how unlucky.

use std::fmt;
use std::str::FromStr;

use local_aws::cloudformation::scheduler::{InstanceKey, Outcome};
use serde::{Serialize, Serializer};

/// Why a fleet cannot be simulated: what it was about, the value, the rule.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidFleet {
    /// Not a rate.
    #[error("{0:?} is no rate: must be a number from 0 to 1 such as 0.05, or from 0% to 100%")]
    Rate(String),
    /// Not a duration.
    #[error("{0:?} is no duration: must be a number of minutes from 0.001 to 1000000")]
    Minutes(String),
    /// No accounts, or too many instances for one run.
    #[error(
        "accounts is {accounts}: must be 1 or more, and accounts times Regions \
         ({regions}) at most {}",
        Fleet::MOST_INSTANCES
    )]
    Size {
        /// Accounts that were asked for.
        accounts: usize,
        /// In so many Regions.
        regions: usize,
    },
    /// No Region, or one twice.
    #[error("regions is {0:?}: must name one Region or more, separated by commas, each once")]
    Regions(String),
    /// A batch of which none fails is a rate of 0.
    #[error("fail-every-batch is 0: must be 1 or more")]
    EmptyBatch,
}

/// A share of instances, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Rate(f64);

impl Rate {
    /// The share as a number from 0 to 1.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = InvalidFleet;

    /// `0.05` and `5%` are the same.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, scale) = match text.strip_suffix('%') {
            Some(percent) => (percent, 100.0),
            None => (text, 1.0),
        };
        match number.parse::<f64>() {
            Ok(value) if (0.0..=scale).contains(&value) => Ok(Self(value / scale)),
            _ => Err(InvalidFleet::Rate(text.to_owned())),
        }
    }
}

/// A time, kept in whole milliseconds so that runs never depend on rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Minutes {
    milliseconds: u64,
}

impl Minutes {
    const MILLISECONDS: f64 = 60_000.0;

    pub(super) fn from_milliseconds(milliseconds: u64) -> Self {
        Self { milliseconds }
    }

    pub(super) fn milliseconds(self) -> u64 {
        self.milliseconds
    }

    /// The time in minutes.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "exact up to 285,000 years")]
    pub fn get(self) -> f64 {
        self.milliseconds as f64 / Self::MILLISECONDS
    }
}

impl FromStr for Minutes {
    type Err = InvalidFleet;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked before"
    )]
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<f64>() {
            Ok(value) if (0.001..=1_000_000.0).contains(&value) => {
                Ok(Self::from_milliseconds((value * Self::MILLISECONDS).round() as u64))
            }
            _ => Err(InvalidFleet::Minutes(text.to_owned())),
        }
    }
}

impl fmt::Display for Minutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2}", self.get());
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Minutes {
    /// A whole number where it is one.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.milliseconds.is_multiple_of(60_000) {
            serializer.serialize_u64(self.milliseconds / 60_000)
        } else {
            serializer.serialize_f64(self.get())
        }
    }
}

/// Which instances fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Failures {
    /// Each by chance: first its gate refuses with `vetoes`, and if it does not, its stack fails
    /// with `failures`.
    ByChance {
        /// Share of instances that pass their gate and whose stack fails.
        failures: Rate,
        /// Share of instances that are refused by their gate.
        vetoes: Rate,
    },
    /// Of the instances of a Region that start at the same moment, the first so many fail.
    FirstOfEveryBatch(usize),
}

/// What an operation meets.
#[derive(Debug, Clone, PartialEq)]
pub struct Fleet {
    /// Accounts, each with one instance in every Region.
    pub accounts: usize,
    /// Regions, in the order of the request.
    pub regions: Vec<String>,
    /// Which instances fail.
    pub failures: Failures,
    /// How long an instance holds its place, however it ends.
    pub minutes: Minutes,
    /// How long a refused instance holds its place.
    pub veto_minutes: Minutes,
    /// How far durations stray, each way, as a share of themselves.
    pub jitter: Rate,
    /// Same seed, same fleet.
    pub seed: u64,
}

/// How an instance will end, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) outcome: Outcome,
    pub(super) vetoed: bool,
    pub(super) duration: Minutes,
}

impl Fleet {
    /// Instances that one run may have. AWS's own limit is 100,000 a stack set.
    pub const MOST_INSTANCES: usize = 5_000_000;

    /// AWS's quota of instances in one stack set.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
    pub const INSTANCES_PER_STACK_SET: usize = 100_000;

    /// How many instances the operation has.
    #[must_use]
    pub fn instances(&self) -> usize {
        self.accounts.saturating_mul(self.regions.len())
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`InvalidFleet`].
    pub fn check(&self) -> Result<(), InvalidFleet> {
        let twice = |(place, region)| self.regions[..place].contains(region);
        let blank = self.regions.iter().any(|region| region.trim().is_empty());
        if self.regions.is_empty() || blank || self.regions.iter().enumerate().any(twice) {
            return Err(InvalidFleet::Regions(self.regions.join(",")));
        }
        if self.accounts == 0 || self.instances() > Self::MOST_INSTANCES {
            let (accounts, regions) = (self.accounts, self.regions.len());
            return Err(InvalidFleet::Size { accounts, regions });
        }
        if self.failures == Failures::FirstOfEveryBatch(0) {
            return Err(InvalidFleet::EmptyBatch);
        }
        Ok(())
    }

    /// The fate of an instance that starts as number `in_batch` (from 0) of those that start in
    /// its Region at the same moment. All dice are thrown in any case and in the same order, so a
    /// change of one rate moves nothing else.
    pub(super) fn fate(&self, key: InstanceKey, in_batch: usize) -> Fate {
        let mut dice = fastrand::Rng::with_seed(mix(self.seed, key));
        let (veto, failure, stray) = (dice.f64(), dice.f64(), dice.f64());
        let (vetoed, failed) = match self.failures {
            Failures::ByChance { failures, vetoes } => {
                (veto < vetoes.get(), failure < failures.get())
            }
            Failures::FirstOfEveryBatch(first) => (false, in_batch < first),
        };
        let duration = if vetoed { self.veto_minutes } else { self.minutes };
        Fate {
            outcome: if vetoed || failed { Outcome::Failed } else { Outcome::Succeeded },
            vetoed,
            duration: scaled(duration, 1.0 + self.jitter.get() * (2.0 * stray - 1.0)),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "durations are below 2^36 milliseconds and factors from 0 to 2"
)]
fn scaled(duration: Minutes, factor: f64) -> Minutes {
    let milliseconds = (duration.milliseconds() as f64 * factor).round() as u64;
    Minutes::from_milliseconds(milliseconds.max(1))
}

/// A seed of its own for each instance (the finaliser of splitmix64, twice).
fn mix(seed: u64, key: InstanceKey) -> u64 {
    let region = finish(seed ^ finish(key.region as u64));
    finish(region ^ (key.instance as u64))
}

fn finish(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
