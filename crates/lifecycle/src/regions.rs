//! Region names, and which of them an account has from its first second.
//!
//! An account starts with the Regions that AWS had before 20 March 2019; every later one is
//! opt-in and has to be enabled in the account first:
//! <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html>.
//! So the list of what is enabled by default is closed, and an unknown Region is opt-in.

use crate::Fault;
use crate::text::{require, text_type};

text_type! {
    /// The name of an AWS Region, such as `eu-central-1`. Well-formed, not necessarily known:
    /// AWS opens new ones.
    RegionName, field "region", check region_name
}

/// The Regions that every new account of a partition has, without opting in.
const ENABLED_BY_DEFAULT: [&str; 21] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

fn region_name(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split('-').collect();
    let holds = match parts.as_slice() {
        [area, directions @ .., number] if !directions.is_empty() => {
            area.len() == 2
                && std::iter::once(area)
                    .chain(directions)
                    .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()))
                && (1..=2).contains(&number.len())
                && number.bytes().all(|b| b.is_ascii_digit())
                && text.len() <= 32
        }
        _ => false,
    };
    require(holds, "must be the name of an AWS Region, such as eu-central-1")
}

impl RegionName {
    /// Where AWS keeps what is global in the commercial partition: Organizations, the tagging of
    /// accounts, global quotas.
    pub fn us_east_1() -> Self {
        Self("us-east-1".into())
    }

    /// Whether a new account can use the Region without opting in.
    pub fn is_enabled_by_default(&self) -> bool {
        ENABLED_BY_DEFAULT.contains(&self.as_str())
    }

    /// The partition that the Region belongs to, as ARNs spell it.
    pub fn partition(&self) -> &'static str {
        if self.0.starts_with("cn-") {
            "aws-cn"
        } else if self.0.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }

    /// The Region of a tenant's account, where Landlord deploys without enabling it first.
    ///
    /// # Errors
    /// When the text names no Region, or an opt-in Region: there is no step yet that enables one.
    pub fn of_tenants(text: &str) -> Result<Self, Fault> {
        let region: Self = text.parse()?;
        if region.is_enabled_by_default() {
            return Ok(region);
        }
        Err(Fault::new(
            Self::FIELD,
            text,
            "must be enabled by default in new accounts: opt-in Regions are not supported yet",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_well_formed() {
        for good in ["us-east-1", "us-gov-west-1", "ap-southeast-7", "xx-new-10"] {
            assert!(good.parse::<RegionName>().is_ok(), "{good}");
        }
        for bad in ["", "us-east", "useast1", "us--1", "US-EAST-1", "eu-central-1a", "global"] {
            assert!(bad.parse::<RegionName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_region_knows_its_partition() {
        for (name, partition) in
            [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
        {
            assert_eq!(name.parse::<RegionName>().unwrap().partition(), partition);
        }
    }

    #[test]
    fn opt_in_regions_are_refused_and_named() {
        assert!(RegionName::of_tenants("eu-central-1").is_ok());
        for opt_in in ["eu-central-2", "af-south-1", "ap-east-1", "me-south-1", "xx-new-1"] {
            let fault = RegionName::of_tenants(opt_in).unwrap_err();
            assert!(fault.value.contains(opt_in) && fault.rule.contains("opt-in"), "{fault}");
        }
    }

    #[test]
    fn every_default_region_is_a_well_formed_name() {
        assert!(ENABLED_BY_DEFAULT.iter().all(|name| name.parse::<RegionName>().is_ok()));
    }
}
