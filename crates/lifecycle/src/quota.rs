//! Quotas that a tier asks for in every tenant's account.

use crate::Fault;
use crate::names::{QuotaCode, ServiceCode};
use crate::regions::RegionName;

/// The value of a quota: 0 to 10,000,000,000, as in `RequestServiceQuotaIncrease`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, serde::Deserialize)]
#[serde(try_from = "f64")]
pub struct QuotaValue(f64);

impl QuotaValue {
    const LARGEST: f64 = 1e10;

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for QuotaValue {
    type Error = Fault;
    fn try_from(value: f64) -> Result<Self, Fault> {
        if (0.0..=Self::LARGEST).contains(&value) {
            Ok(Self(value))
        } else {
            Err(Fault::of("quota", value, "must be a number from 0 to 10000000000"))
        }
    }
}

impl serde::Serialize for QuotaValue {
    /// Whole numbers without a fraction, so that a document reads as its author wrote it.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 {
            #[expect(clippy::cast_possible_truncation, reason = "whole, and at most 1e10")]
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

/// One quota of a tenant's account.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WantedQuota {
    /// The service.
    pub service_code: ServiceCode,
    /// The quota.
    pub quota_code: QuotaCode,
    /// The Region in which it counts; `us-east-1` for a global quota.
    pub region: RegionName,
    /// The value to ask for.
    pub desired: QuotaValue,
    /// The value without which the tenant can not become ready, if there is one.
    pub required: Option<QuotaValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_values_are_written_without_a_fraction() {
        let json =
            |value: f64| serde_json::to_string(&QuotaValue::try_from(value).unwrap()).unwrap();
        assert_eq!(json(2000.0), "2000");
        assert_eq!(json(0.5), "0.5");
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for bad in [-1.0, 1e11, f64::NAN, f64::INFINITY] {
            assert!(QuotaValue::try_from(bad).is_err(), "{bad}");
        }
    }
}
