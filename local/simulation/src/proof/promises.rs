//! What each tier was promised, as it is deployed, and where accounts live.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::deployment::{Deployment, Error};

/// A tier: what its tenants get.
#[derive(Debug, Clone, Default)]
pub(super) struct Promise {
    /// Its stack sets.
    pub(super) baseline: Vec<PromisedSet>,
    /// Quotas that a tenant cannot start without.
    pub(super) required: Vec<RequiredQuota>,
}

/// A stack set of a tier.
#[derive(Debug, Clone, Default)]
pub(super) struct PromisedSet {
    /// Its name.
    pub(super) name: String,
    /// The Regions in which it is deployed.
    pub(super) regions: Vec<String>,
    /// The parameters that differ from the stack set's.
    pub(super) overrides: BTreeMap<String, String>,
}

/// A quota that a tenant cannot start without.
#[derive(Debug, Clone, Default)]
pub(super) struct RequiredQuota {
    /// The code of its service.
    pub(super) service: String,
    /// Its own code.
    pub(super) code: String,
    /// Its Region; none for a global one.
    pub(super) region: Option<String>,
    /// The value.
    pub(super) value: f64,
}

impl Promise {
    /// The Regions of all its stack sets.
    pub(super) fn regions(&self) -> Vec<&str> {
        let mut regions: Vec<&str> =
            self.baseline.iter().flat_map(|set| &set.regions).map(String::as_str).collect();
        regions.sort_unstable();
        regions.dedup();
        regions
    }
}

type Tiers = BTreeMap<String, Arc<Promise>>;

/// What a deployment promises, and its units.
#[derive(Debug, Default)]
pub(super) struct Promises {
    /// The tiers as they were configured one after the other, and since when.
    versions: Mutex<Vec<(Timestamp, Tiers)>>,
    /// Ids of units, and of the root, to their names.
    units: BTreeMap<String, String>,
    /// Names of the units in which tenants live.
    homes: Vec<String>,
}

impl Promises {
    /// Reads them as an administrator would.
    ///
    /// # Errors
    /// When a read fails.
    pub(super) async fn of(deployment: &Deployment) -> Result<Self, Error> {
        let name = json!({ "Name": "/landlord/tiers" });
        let parameter = deployment.ask("ssm", "GetParameter", name).await?;
        let text = parameter.pointer("/Parameter/Value").and_then(Value::as_str);
        let document: Value = serde_json::from_str(text.unwrap_or("{}")).unwrap_or_default();
        let mut found = Self::default();
        for (_, value) in document["tiers"].as_object().into_iter().flatten() {
            for unit in texts(&value["organizationalUnits"], "name") {
                if !found.homes.contains(&unit) {
                    found.homes.push(unit);
                }
            }
        }
        found.configured(Timestamp::MIN, &document);
        let mut parents = vec!["r-root".to_owned()];
        found.units.insert("r-root".to_owned(), "Root".to_owned());
        while let Some(parent) = parents.pop() {
            for (id, name) in deployment.units_below(&parent).await? {
                parents.push(id.clone());
                found.units.insert(id, name);
            }
        }
        Ok(found)
    }

    fn versions(&self) -> MutexGuard<'_, Vec<(Timestamp, Tiers)>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tiers are these from now on.
    pub(super) fn configured(&self, now: Timestamp, document: &Value) {
        let tiers = document["tiers"].as_object().into_iter().flatten();
        let tiers = tiers.map(|(name, value)| (name.clone(), Arc::new(promise(value))));
        self.versions().push((now, tiers.collect()));
    }

    /// What a tier gets, by the newest configuration that has it; nothing when none has.
    pub(super) fn tier(&self, name: &str) -> Option<Arc<Promise>> {
        self.versions().iter().rev().find_map(|(_, tiers)| tiers.get(name).cloned())
    }

    /// What a tier gets by each configuration, by the number of the configuration.
    pub(super) fn each(&self, name: &str) -> Vec<(usize, Arc<Promise>)> {
        let versions = self.versions();
        let each = versions.iter().enumerate();
        each.filter_map(|(number, (_, tiers))| Some((number, tiers.get(name)?.clone()))).collect()
    }

    /// The numbers of the configurations that held at any moment between the two.
    pub(super) fn between(&self, from: Timestamp, to: Timestamp) -> Vec<usize> {
        let versions = self.versions();
        let until = |number: usize| versions.get(number + 1).map_or(Timestamp::MAX, |next| next.0);
        (0..versions.len()).filter(|it| versions[*it].0 <= to && until(*it) >= from).collect()
    }

    /// Whether there is or was such a tier.
    pub(super) fn has_tier(&self, name: &str) -> bool {
        self.tier(name).is_some()
    }

    /// Whether tenants live in a unit of this name.
    pub(super) fn is_home(&self, unit: &str) -> bool {
        self.homes.iter().any(|home| home == unit)
    }

    /// The name of a unit or of the root; one that people made later has none.
    pub(super) fn name_of(&self, unit: &str) -> &str {
        self.units.get(unit).map_or("a unit of somebody else's", String::as_str)
    }
}

fn texts(list: &Value, member: &str) -> Vec<String> {
    let entries = list.as_array().into_iter().flatten();
    entries.filter_map(|entry| entry[member].as_str()).map(str::to_owned).collect()
}

fn promise(tier: &Value) -> Promise {
    let each = |name: &str| tier[name].as_array().cloned().unwrap_or_default();
    let regions = |set: &Value| -> Vec<String> {
        let regions = set["regions"].as_array().into_iter().flatten();
        regions.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let baseline = each("baseline");
    let baseline = baseline.iter().map(|set| {
        let overrides = set["parameterOverrides"].as_object().into_iter().flatten();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        PromisedSet {
            name: set["stackSet"].as_str().unwrap_or_default().to_owned(),
            regions: regions(set),
            overrides: overrides.map(|(key, value)| (key.clone(), text(value))).collect(),
        }
    });
    let quotas = each("quotas");
    let required = quotas.iter().filter_map(|quota| {
        Some(RequiredQuota {
            service: quota["serviceCode"].as_str()?.to_owned(),
            code: quota["quotaCode"].as_str()?.to_owned(),
            region: quota["region"].as_str().map(str::to_owned),
            value: quota["required"].as_f64()?,
        })
    });
    Promise { baseline: baseline.collect(), required: required.collect() }
}
