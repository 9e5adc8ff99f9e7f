//! The tenants' organizational units: names in `tiers.json`, ids in AWS.

use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::{Fault, Faults, OuId, OuName, TenantId};

/// The organizational units in which live tenants stand, by name, in the order of configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationalUnits(Vec<(OuName, OuId)>);

impl OrganizationalUnits {
    /// The id of the unit with this name.
    pub fn id_of(&self, name: &OuName) -> Option<&OuId> {
        self.iter().find_map(|(known, id)| (known == name).then_some(id))
    }

    /// The name of the unit with this id.
    pub fn name_of(&self, id: &OuId) -> Option<&OuName> {
        self.iter().find_map(|(name, known)| (known == id).then_some(name))
    }

    /// Names and ids.
    pub fn iter(&self) -> impl Iterator<Item = (&OuName, &OuId)> {
        self.0.iter().map(|(name, id)| (name, id))
    }

    pub(crate) fn names(&self) -> String {
        self.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl FromStr for OrganizationalUnits {
    type Err = Faults;

    /// Reads `Canary=ou-ab12-11111111,Early=ou-ab12-22222222`.
    fn from_str(text: &str) -> Result<Self, Faults> {
        let mut faults = Faults::new();
        let mut units: Vec<(OuName, OuId)> = Vec::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let Some((name, id)) = pair.split_once('=') else {
                faults.push(Fault::new("organizationalUnits", pair, "must be name=id"));
                continue;
            };
            let name = faults.keep("organizationalUnits", name.trim().parse::<OuName>());
            let id = faults.keep("organizationalUnits", id.trim().parse::<OuId>());
            let (Some(name), Some(id)) = (name, id) else { continue };
            if units.iter().any(|(known, other)| *known == name || *other == id) {
                faults.push(Fault::new("organizationalUnits", pair, "must not be there twice"));
            }
            units.push((name, id));
        }
        if units.is_empty() && faults.is_empty() {
            faults.push(Fault::missing("organizationalUnits"));
        }
        faults.none_or(Some(Self(units)))
    }
}

/// One of a tier's units, and how many of the tier's tenants stand there in proportion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightedUnit {
    /// The unit's name.
    pub name: OuName,
    /// Its share, 1 to 1,000,000.
    pub weight: u32,
}

/// The tenant's home unit: a weighted pick by the hash of its id alone, so that it never
/// changes, and each unit holds a fair sample of all tenants. `None` when there are no weights.
pub fn home_unit<'a>(tenant: &TenantId, units: &'a [WeightedUnit]) -> Option<&'a WeightedUnit> {
    let total: u64 = units.iter().map(|unit| u64::from(unit.weight)).sum();
    let mut point = first_eight_bytes(tenant.as_str().as_bytes()).checked_rem(total)?;
    units.iter().find(|unit| {
        let weight = u64::from(unit.weight);
        let here = point < weight;
        point = point.saturating_sub(weight);
        here
    })
}

/// The first 8 bytes of the SHA-256, as a big-endian number.
pub(crate) fn first_eight_bytes(of: &[u8]) -> u64 {
    Sha256::digest(of).iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(weights: &[u32]) -> Vec<WeightedUnit> {
        let unit = |(n, weight): (usize, &u32)| WeightedUnit {
            name: format!("Unit{n}").parse().unwrap(),
            weight: *weight,
        };
        weights.iter().enumerate().map(unit).collect()
    }

    #[test]
    fn a_home_is_picked_by_the_hash_of_the_id() {
        // What `echo -n acme | sha256sum` begins with; modulo 100 it is 72.
        assert_eq!(first_eight_bytes(b"acme"), 0x822b_33ad_87c1_48a0);
        assert_eq!(0x822b_33ad_87c1_48a0_u64 % 100, 72);
        let units = units(&[5, 20, 75]);
        let home = home_unit(&"acme".parse().unwrap(), &units).unwrap();
        assert_eq!(home.name.as_str(), "Unit2");
    }

    #[test]
    fn homes_are_shared_out_by_weight() {
        let units = units(&[5, 20, 75]);
        let mut counts = [0_u32; 3];
        for n in 0..10_000 {
            let home = home_unit(&format!("tenant-{n}").parse().unwrap(), &units).unwrap();
            let index = units.iter().position(|unit| unit == home).unwrap();
            counts[index] += 1;
        }
        assert!(counts[0].abs_diff(500) < 100, "{counts:?}");
        assert!(counts[1].abs_diff(2_000) < 200, "{counts:?}");
        assert!(counts[2].abs_diff(7_500) < 250, "{counts:?}");
    }

    #[test]
    fn without_weights_there_is_no_home() {
        assert_eq!(home_unit(&"acme".parse().unwrap(), &[]), None);
        assert_eq!(home_unit(&"acme".parse().unwrap(), &units(&[0])), None);
    }

    #[test]
    fn the_units_are_read_with_all_their_faults() {
        let text = "Canary=ou-ab12-11111111, General=ou-ab12-22222222";
        let units: OrganizationalUnits = text.parse().unwrap();
        let canary = "Canary".parse().unwrap();
        assert_eq!(units.id_of(&canary).unwrap().as_str(), "ou-ab12-11111111");
        assert_eq!(units.name_of(&"ou-ab12-11111111".parse().unwrap()), Some(&canary));

        let faults = "Canary,A=ou-x,B=ou-ab12-11111111,C=ou-ab12-11111111"
            .parse::<OrganizationalUnits>()
            .unwrap_err();
        assert_eq!(faults.reasons().len(), 3, "{faults}");
        assert!("".parse::<OrganizationalUnits>().is_err());
    }
}
