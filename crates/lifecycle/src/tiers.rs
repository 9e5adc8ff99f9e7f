//! What a tenant of each tier gets: `tiers.json`, validated before it is used.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::document::BaselineStackSet;
use crate::names::{StackSetName, TierName};
use crate::quota::{QuotaValue, WantedQuota};
use crate::regions::RegionName;
use crate::units::WeightedUnit;
use crate::{Fault, Faults, OrganizationalUnits};

/// All tiers. A [`Tier`] keeps AWS's rules in every value; one that does not is known by its faults.
#[derive(Debug, Clone, PartialEq)]
pub struct TiersConfig {
    tiers: BTreeMap<TierName, Tier>,
    held: BTreeMap<TierName, Faults>,
}

/// What a tenant of this tier gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Tier {
    /// Where its tenants stand; at least one.
    pub organizational_units: Vec<WeightedUnit>,
    /// The stack sets of its baseline, in the order in which they are enrolled; at least one.
    pub baseline: Vec<BaselineStackSet>,
    /// The parameters that a tenant may set for itself, by stack set of the baseline.
    pub tenant_parameters: BTreeMap<StackSetName, BTreeSet<String>>,
    /// The quotas to ask for.
    pub quotas: Vec<WantedQuota>,
    /// How long onboarding may take, when that is another than the function's default: 60 seconds
    /// to 364 days, for an execution of AWS's ends after a year.
    pub deadline_seconds: Option<u32>,
}

/// The longest deadline: a day less than the machine's own time-out, which is AWS's year.
pub const LONGEST_DEADLINE_SECONDS: u32 = 364 * 86_400;

impl TiersConfig {
    /// Reads the document as far as it goes: a fault in one tier is that tier's alone, so that it
    /// holds nobody else. Units are checked as by [`TiersConfig::check_units`].
    ///
    /// # Errors
    /// When there is no document, or no tier in it.
    pub fn tolerant(text: &str, units: &OrganizationalUnits) -> Result<Self, Faults> {
        let mut config = Self { tiers: BTreeMap::new(), held: BTreeMap::new() };
        for ReadTier { name, tier, mut faults } in read(text)? {
            // A tier whose name is none is nobody's: a signup for it is refused for the name.
            let Some(name) = name else { continue };
            if let Some(tier) = &tier {
                tier.check_units(&name, units, &mut faults);
            }
            match tier {
                Some(tier) if faults.is_empty() => drop(config.tiers.insert(name, tier)),
                _ => drop(config.held.insert(name, faults)),
            }
        }
        Ok(config)
    }

    /// The tier of this name, when nothing is wrong with it.
    pub fn get(&self, name: &TierName) -> Option<&Tier> {
        self.tiers.get(name)
    }

    /// What is wrong with the tier of this name.
    pub fn faults_of(&self, name: &TierName) -> Option<&Faults> {
        self.held.get(name)
    }

    /// Holds a tier for faults that are not this document's to see: those of settings of a stack
    /// set that has a parser of its own.
    pub fn hold(&mut self, name: &TierName, faults: Faults) {
        self.tiers.remove(name);
        self.held.insert(name.clone(), faults);
    }

    /// Names and tiers of those with which nothing is wrong.
    pub fn iter(&self) -> impl Iterator<Item = (&TierName, &Tier)> {
        self.tiers.iter()
    }

    /// Checks that every unit that a tier names is one of `units`.
    ///
    /// # Errors
    /// Every unknown name, with its place.
    pub fn check_units(&self, units: &OrganizationalUnits) -> Result<(), Faults> {
        let mut faults = Faults::new();
        for (name, tier) in &self.tiers {
            tier.check_units(name, units, &mut faults);
        }
        faults.none_or(Some(()))
    }

    pub(crate) fn names(&self) -> String {
        let names: BTreeSet<&str> =
            self.tiers.keys().chain(self.held.keys()).map(TierName::as_str).collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    }
}

/// A tier of the document: its name, what could be read of it, and what is wrong with either.
struct ReadTier {
    name: Option<TierName>,
    tier: Option<Tier>,
    faults: Faults,
}

fn read(text: &str) -> Result<Vec<ReadTier>, Faults> {
    let raw: RawConfig = serde_json::from_str(text).map_err(|error| {
        Fault::of("tiers", "the document", format!("is not a tiers configuration: {error}"))
    })?;
    if raw.tiers.is_empty() {
        return Err(Fault::missing("tiers").into());
    }
    let each = raw.tiers.into_iter().map(|(name, tier)| {
        let at = format!("tiers.{name}");
        let mut faults = Faults::new();
        let name = faults.keep(&at, name.parse::<TierName>());
        let tier = match serde_json::from_value::<RawTier>(tier) {
            Ok(tier) => Some(tier.check(&at, &mut faults)),
            Err(error) => {
                faults.push(Fault::of(&at, "the tier", format!("is not a tier: {error}")));
                None
            }
        };
        ReadTier { name, tier, faults }
    });
    Ok(each.collect())
}

impl Tier {
    /// The baseline with a tenant's own parameters, as far as the tier lets tenants set them. One
    /// name reaches every stack set that lists it.
    pub fn baseline_with(&self, own: &BTreeMap<String, String>) -> Vec<BaselineStackSet> {
        let mut baseline = self.baseline.clone();
        for stack_set in &mut baseline {
            let Some(settable) = self.tenant_parameters.get(&stack_set.name) else { continue };
            let own = own.iter().filter(|(name, _)| settable.contains(*name));
            let own = own.map(|(name, value)| (name.clone(), value.clone()));
            stack_set.parameter_overrides.extend(own);
        }
        baseline
    }

    /// Whether a tenant of the tier may set this parameter.
    pub fn lets_tenants_set(&self, parameter: &str) -> bool {
        self.tenant_parameters.values().any(|settable| settable.contains(parameter))
    }

    pub(crate) fn check_units(
        &self,
        name: &TierName,
        units: &OrganizationalUnits,
        faults: &mut Faults,
    ) {
        for (index, unit) in self.organizational_units.iter().enumerate() {
            if units.id_of(&unit.name).is_none() {
                let field = format!("tiers.{name}.organizationalUnits[{index}].name");
                let rule = format!("must be one of the tenants' units: {}", units.names());
                faults.push(Fault::new(field, unit.name.as_str(), rule));
            }
        }
    }
}

impl FromStr for TiersConfig {
    type Err = Faults;

    /// Reads and checks the whole document.
    fn from_str(text: &str) -> Result<Self, Faults> {
        let mut all = Faults::new();
        let mut tiers = BTreeMap::new();
        for ReadTier { name, tier, faults } in read(text)? {
            faults.into_iter().for_each(|fault| all.push(fault));
            if let (Some(name), Some(tier)) = (name, tier) {
                tiers.insert(name, tier);
            }
        }
        all.none_or(Some(Self { tiers, held: BTreeMap::new() }))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawConfig {
    /// What editors complete by; nothing is read from there.
    #[serde(rename = "$schema", default)]
    _schema: IgnoredAny,
    tiers: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawTier {
    organizational_units: Vec<RawUnit>,
    baseline: Vec<RawStackSet>,
    #[serde(default)]
    quotas: Vec<RawQuota>,
    deadline_seconds: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawUnit {
    name: String,
    weight: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawStackSet {
    stack_set: String,
    regions: Vec<String>,
    #[serde(default)]
    parameter_overrides: BTreeMap<String, String>,
    #[serde(default)]
    tenant_parameters: Vec<String>,
    #[serde(default)]
    after: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawQuota {
    service_code: String,
    quota_code: String,
    region: Option<String>,
    #[serde(default)]
    global: bool,
    desired: f64,
    required: Option<f64>,
}

impl RawTier {
    /// What is in order of the tier; the rest is in `faults`.
    fn check(self, at: &str, faults: &mut Faults) -> Tier {
        let organizational_units = check_units(&format!("{at}.organizationalUnits"), &self, faults);
        let at_baseline = format!("{at}.baseline");
        if self.baseline.is_empty() {
            faults.push(Fault::missing(&at_baseline));
        }
        let mut names = BTreeSet::new();
        let mut baseline = Vec::new();
        let mut tenant_parameters = BTreeMap::new();
        for (index, raw) in self.baseline.into_iter().enumerate() {
            let at = format!("{at_baseline}[{index}]");
            if !names.insert(raw.stack_set.clone()) {
                let rule = "must not be in the baseline twice";
                faults.push(Fault::new(format!("{at}.stackSet"), &raw.stack_set, rule));
            }
            let settable = check_tenant_parameters(&at, &raw.tenant_parameters, faults);
            if let Some(stack_set) = raw.check(&at, faults) {
                tenant_parameters.insert(stack_set.name.clone(), settable);
                baseline.push(stack_set);
            }
        }
        tenant_parameters.retain(|_, settable: &mut BTreeSet<String>| !settable.is_empty());
        check_order(&at_baseline, &baseline, faults);
        let deadline_seconds = self.deadline_seconds.and_then(|given| {
            let seconds = u32::try_from(given).ok();
            let seconds = seconds.filter(|it| (60..=LONGEST_DEADLINE_SECONDS).contains(it));
            if seconds.is_none() {
                let rule = format!("must be a whole number from 60 to {LONGEST_DEADLINE_SECONDS}");
                faults.push(Fault::of(format!("{at}.deadlineSeconds"), given, rule));
            }
            seconds
        });
        let at_quotas = format!("{at}.quotas");
        let mut keys = BTreeSet::new();
        let mut quotas: Vec<WantedQuota> = Vec::new();
        for (index, raw) in self.quotas.into_iter().enumerate() {
            let at = format!("{at_quotas}[{index}]");
            let Some(quota) = raw.check(&at, faults) else { continue };
            let key = (quota.service_code.clone(), quota.quota_code.clone(), quota.region.clone());
            if !keys.insert(key) {
                let rule = "must not be asked for twice in one Region";
                faults.push(Fault::new(at, quota.quota_code.as_str(), rule));
            }
            quotas.push(quota);
        }
        Tier { organizational_units, baseline, tenant_parameters, quotas, deadline_seconds }
    }
}

fn check_units(at: &str, tier: &RawTier, faults: &mut Faults) -> Vec<WeightedUnit> {
    if tier.organizational_units.is_empty() {
        faults.push(Fault::missing(at));
    }
    let mut units: Vec<WeightedUnit> = Vec::new();
    for (index, raw) in tier.organizational_units.iter().enumerate() {
        let at = format!("{at}[{index}]");
        let name = faults.keep(&format!("{at}.name"), raw.name.parse());
        let weight = u32::try_from(raw.weight).ok().filter(|w| (1..=1_000_000).contains(w));
        if weight.is_none() {
            let rule = "must be a whole number from 1 to 1000000";
            faults.push(Fault::of(format!("{at}.weight"), raw.weight, rule));
        }
        let (Some(name), Some(weight)) = (name, weight) else { continue };
        if units.iter().any(|unit| unit.name == name) {
            let rule = "must not be there twice";
            faults.push(Fault::new(format!("{at}.name"), raw.name.as_str(), rule));
        }
        units.push(WeightedUnit { name, weight });
    }
    units
}

const PARAMETER_RULE: &str = "must be the name of a CloudFormation parameter: letters and digits";

/// Whether this may be the name of a parameter: 1 to 255 letters and digits.
pub(crate) fn is_parameter(name: &str) -> bool {
    (1..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn check_tenant_parameters(at: &str, given: &[String], faults: &mut Faults) -> BTreeSet<String> {
    for (index, name) in given.iter().enumerate().filter(|(_, name)| !is_parameter(name)) {
        faults.push(Fault::new(format!("{at}.tenantParameters[{index}]"), name, PARAMETER_RULE));
    }
    given.iter().cloned().collect()
}

/// Checks that each `after` names another stack set of the baseline, that no stack set waits for
/// itself in the end, and that the last one, which comes after all others anyway, is not waited for.
fn check_order(at: &str, baseline: &[BaselineStackSet], faults: &mut Faults) {
    let last = baseline.last().map(|stack_set| &stack_set.name);
    let mut ready: BTreeSet<&StackSetName> = BTreeSet::new();
    for (index, stack_set) in baseline.iter().enumerate() {
        for (number, name) in stack_set.after.iter().enumerate() {
            let at = format!("{at}[{index}].after[{number}]");
            if !baseline.iter().any(|other| other.name == *name) {
                faults.push(Fault::new(at, name.as_str(), "must be in the baseline"));
            } else if Some(name) == last && *name != stack_set.name {
                let rule = "must not be the last of the baseline, which follows all others";
                faults.push(Fault::new(at, name.as_str(), rule));
            }
        }
    }
    // Whatever waits for nothing is taken away, until nothing is left, or all that is left waits.
    while let Some(next) = baseline.iter().find(|it| {
        !ready.contains(&it.name)
            && it.after.iter().all(|name| {
                ready.contains(name) || !baseline.iter().any(|other| other.name == *name)
            })
    }) {
        ready.insert(&next.name);
    }
    for (index, stack_set) in baseline.iter().enumerate() {
        if !ready.contains(&stack_set.name) {
            let rule = "must not wait for itself, by itself or by what it waits for";
            let at = format!("{at}[{index}].after");
            faults.push(Fault::new(at, stack_set.name.as_str(), rule));
        }
    }
}

impl RawStackSet {
    fn check(self, at: &str, faults: &mut Faults) -> Option<BaselineStackSet> {
        let name = faults.keep(&format!("{at}.stackSet"), self.stack_set.parse::<StackSetName>());
        let at_regions = format!("{at}.regions");
        if self.regions.is_empty() {
            faults.push(Fault::missing(&at_regions));
        }
        let mut regions: Vec<RegionName> = Vec::new();
        for (index, text) in self.regions.iter().enumerate() {
            let at = format!("{at_regions}[{index}]");
            let Some(region) = faults.keep(&at, RegionName::of_tenants(text)) else { continue };
            if regions.contains(&region) {
                faults.push(Fault::new(at, text, "must not be there twice"));
            }
            regions.push(region);
        }
        for (key, value) in &self.parameter_overrides {
            let at = format!("{at}.parameterOverrides.{key}");
            if !is_parameter(key) {
                faults.push(Fault::new(&at, key, PARAMETER_RULE));
            }
            if value.len() > 4096 {
                faults.push(Fault::new(&at, value, "must be at most 4096 bytes"));
            }
        }
        let mut after = Vec::new();
        for (index, text) in self.after.iter().enumerate() {
            let at = format!("{at}.after[{index}]");
            after.extend(faults.keep(&at, text.parse::<StackSetName>()));
        }
        Some(BaselineStackSet {
            name: name?,
            regions,
            parameter_overrides: self.parameter_overrides,
            after,
        })
    }
}

impl RawQuota {
    fn check(self, at: &str, faults: &mut Faults) -> Option<WantedQuota> {
        let service_code = faults.keep(&format!("{at}.serviceCode"), self.service_code.parse());
        let quota_code = faults.keep(&format!("{at}.quotaCode"), self.quota_code.parse());
        let desired = faults.keep(&format!("{at}.desired"), QuotaValue::try_from(self.desired));
        let required = match self.required.map(QuotaValue::try_from).transpose() {
            Ok(required) => required,
            Err(fault) => {
                faults.push(fault.at(format!("{at}.required")));
                None
            }
        };
        let at_region = format!("{at}.region");
        let region = match (&self.region, self.global) {
            (Some(region), false) => faults.keep(&at_region, RegionName::of_tenants(region)),
            (None, true) => Some(RegionName::us_east_1()),
            (Some(region), true) => {
                faults.push(Fault::new(at_region, region, "must not stand beside global: true"));
                None
            }
            (None, false) => {
                let rule = "where either a region or global: true is required";
                faults.push(Fault::of(at_region, "nothing", rule));
                None
            }
        };
        if let (Some(required), Some(desired)) = (required, desired)
            && required > desired
        {
            let rule = format!("must not be above desired, {}", desired.get());
            faults.push(Fault::of(format!("{at}.required"), required.get(), rule));
        }
        Some(WantedQuota {
            service_code: service_code?,
            quota_code: quota_code?,
            region: region?,
            desired: desired?,
            required,
        })
    }
}
