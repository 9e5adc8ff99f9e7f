//! Whether an answer is true: what it claims, held against what is seen.

use std::collections::BTreeSet;

use lifecycle::tags;
use serde_json::{Value, json};

use super::world::{Instance, Seen};

/// What the tenant is to have, by the tiers as they are.
pub(super) struct Due<'a> {
    pub(super) tenant: &'a str,
    /// The tier's name.
    pub(super) tier: &'a str,
    /// The tier as the tiers' document says it.
    pub(super) document: &'a Value,
    /// The unit in which the tenant is at home.
    pub(super) home: &'a str,
}

impl Due<'_> {
    /// The instances that the tenant is to have.
    pub(super) fn instances(&self) -> Vec<Instance> {
        let mut instances = Vec::new();
        for set in self.document["baseline"].as_array().into_iter().flatten() {
            let overrides = set["parameterOverrides"].as_object().cloned().unwrap_or_default();
            for region in set["regions"].as_array().into_iter().flatten() {
                instances.push(Instance {
                    stack_set: set["stackSet"].as_str().unwrap_or_default().to_owned(),
                    region: region.as_str().unwrap_or_default().to_owned(),
                    status: "CURRENT".to_owned(),
                    overrides: overrides
                        .iter()
                        .map(|(key, value)| {
                            (key.clone(), value.as_str().unwrap_or_default().to_owned())
                        })
                        .collect(),
                });
            }
        }
        instances
    }

    /// The Regions of its instances.
    pub(super) fn regions(&self) -> Vec<String> {
        let regions: BTreeSet<String> = self.instances().into_iter().map(|it| it.region).collect();
        regions.into_iter().collect()
    }
}

/// What is not true of an answer; nothing when all of it is.
pub(super) fn untrue(name: &str, detail: &Value, seen: &Seen, due: &Due<'_>) -> Vec<String> {
    let mut found = Findings(Vec::new());
    found.must(detail["tenantId"] == due.tenant || name == "RetirementSweepFinished", || {
        format!("it names {}", detail["tenantId"])
    });
    match name {
        "TenantReady" => {
            found.equipped(seen, due);
            found.ready(detail, seen, due);
        }
        "TenantRetiring" => {
            found.stands(seen, "ACTIVE", "Retiring");
            found.tag(seen, tags::LIFECYCLE, Some("RETIRING"));
            found.tag(seen, tags::RETIRE_AFTER, detail["retireAfter"].as_str());
        }
        "TenantRestored" => {
            found.must(seen.state == "ACTIVE", || format!("the account is {}", seen.state));
            found.tag(seen, tags::LIFECYCLE, Some("REINSTATED"));
            found.tag(seen, tags::RETIRE_AFTER, None);
            if detail["emptied"] == false {
                found.equipped(seen, due);
                found.unit(detail, seen);
            }
        }
        "TenantRetired" => {
            found.stands(seen, "CLOSED", "Suspended");
            found.must(seen.instances.is_empty(), || format!("it has {:?}", seen.instances));
        }
        "TenantUnchanged" if detail["because"] == "ACCOUNT_CLOSED" => {
            found.stands(seen, "CLOSED", "Suspended");
            found.must(detail["state"] == seen.state.as_str(), || {
                format!("it says {}, and the account is {}", detail["state"], seen.state)
            });
        }
        "TenantOnboardingFailed" if detail["error"] == "AccountClosed" => {
            found.must(!seen.accounts.values().any(|state| state == "ACTIVE"), || {
                format!("the tenant has an account that is not closed: {:?}", seen.accounts)
            });
        }
        "RetirementSweepFinished" => {
            let closed = seen.state != "ACTIVE";
            found.must((detail["closedCount"] != 0) == closed, || {
                format!("{} closings, and the account is {}", detail["closedCount"], seen.state)
            });
        }
        other => found.0.push(format!("nothing is known of {other}: {detail}")),
    }
    found.0
}

struct Findings(Vec<String>);

impl Findings {
    fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }

    fn tag(&mut self, seen: &Seen, key: &str, wanted: Option<&str>) {
        let found = seen.tags.get(key).map(String::as_str);
        self.must(found == wanted, || format!("{key} is {found:?}, not {wanted:?}"));
    }

    fn stands(&mut self, seen: &Seen, state: &str, unit: &str) {
        self.must((seen.state.as_str(), seen.unit.0.as_str()) == (state, unit), || {
            format!("the account is {} in {}, not {state} in {unit}", seen.state, seen.unit.0)
        });
    }

    fn unit(&mut self, detail: &Value, seen: &Seen) {
        let said = &detail["organizationalUnitId"];
        self.must(*said == seen.unit.1.as_str(), || {
            format!("it says {said}, and the account stands in {}", seen.unit.1)
        });
    }

    /// Live, at home, with its tags, its label, and its instances with the tiers' parameters.
    fn equipped(&mut self, seen: &Seen, due: &Due<'_>) {
        self.stands(seen, "ACTIVE", due.home);
        self.tag(seen, tags::TENANT, Some(due.tenant));
        self.tag(seen, tags::TIER, Some(due.tier));
        self.tag(seen, tags::RETIRE_AFTER, None);
        self.tag(seen, tags::WITHDRAWN_AT, None);
        let ordered = |mut instances: Vec<Instance>| {
            instances.sort_by(|a, b| (&a.stack_set, &a.region).cmp(&(&b.stack_set, &b.region)));
            instances
        };
        let (found, wanted) = (ordered(seen.instances.clone()), ordered(due.instances()));
        self.must(found == wanted, || format!("it has {found:?}, not {wanted:?}"));
        let label = json!({ "tenantId": due.tenant, "tier": due.tier });
        for region in due.regions() {
            let found = seen.labels.get(&region);
            self.must(found == Some(&label), || format!("its label in {region} is {found:?}"));
        }
    }

    /// What the event itself says of the account.
    fn ready(&mut self, detail: &Value, seen: &Seen, due: &Due<'_>) {
        self.unit(detail, seen);
        self.must(detail["tier"] == due.tier, || format!("it says tier {}", detail["tier"]));
        let text = |row: &Value, member: &str| row[member].as_str().unwrap_or_default().to_owned();
        let rows = detail["baseline"].as_array().into_iter().flatten();
        let said: BTreeSet<_> =
            rows.map(|row| (text(row, "stackSet"), text(row, "region"))).collect();
        let instances = seen.instances.iter();
        let found: BTreeSet<_> =
            instances.map(|it| (it.stack_set.clone(), it.region.clone())).collect();
        self.must(said == found, || format!("it says {said:?}, and there is {found:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn document(days: &str) -> Value {
        json!({ "baseline": [{
            "stackSet": "base", "regions": ["eu-central-1"],
            "parameterOverrides": { "LogRetentionDays": days },
        }] })
    }

    fn due(document: &Value) -> Due<'_> {
        Due { tenant: "acme", tier: "premium", document, home: "General" }
    }

    fn seen() -> Seen {
        let document = document("365");
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let label = json!({ "tenantId": "acme", "tier": "premium" });
        Seen {
            account: "111122223333".to_owned(),
            email: "aws+acme@accounts.example.com".to_owned(),
            state: "ACTIVE".to_owned(),
            unit: pair("General", "ou-1"),
            tags: BTreeMap::from([pair(tags::TENANT, "acme"), pair(tags::TIER, "premium")]),
            instances: due(&document).instances(),
            labels: BTreeMap::from([("eu-central-1".to_owned(), label)]),
            accounts: BTreeMap::from([pair("111122223333", "ACTIVE")]),
        }
    }

    fn ready() -> Value {
        json!({
            "tenantId": "acme", "tier": "premium", "organizationalUnitId": "ou-1",
            "baseline": [{ "stackSet": "base", "region": "eu-central-1", "status": "CURRENT" }],
        })
    }

    #[test]
    fn ready_is_true_of_an_account_with_everything_and_of_no_other() {
        type Spoil = fn(&mut Seen);
        let document = document("365");
        let judge = |seen: &Seen| untrue("TenantReady", &ready(), seen, &due(&document));
        assert_eq!(judge(&seen()), Vec::<String>::new());
        let faults: [(&str, Spoil); 7] = [
            ("CLOSED", |seen| seen.state = "CLOSED".to_owned()),
            ("Onboarding", |seen| seen.unit.0 = "Onboarding".to_owned()),
            ("ou-2", |seen| seen.unit.1 = "ou-2".to_owned()),
            (tags::TIER, |seen| drop(seen.tags.insert(tags::TIER.to_owned(), "x".to_owned()))),
            ("label", |seen| seen.labels.clear()),
            ("there is {}", |seen| seen.instances.clear()),
            ("OUTDATED", |seen| seen.instances[0].status = "OUTDATED".to_owned()),
        ];
        for (expected, spoil) in faults {
            let mut spoilt = seen();
            spoil(&mut spoilt);
            let found = judge(&spoilt).join("; ");
            assert!(found.contains(expected), "{expected}: {found}");
        }
    }

    #[test]
    fn ready_with_the_override_of_before_is_not_true() {
        let mended = document("731");
        let found = untrue("TenantReady", &ready(), &seen(), &due(&mended)).join("; ");
        assert!(found.contains("365") && found.contains("731"), "{found}");
    }

    #[test]
    fn closed_is_said_of_closed_accounts_only() {
        let document = document("365");
        let judge = |name, detail: Value, seen: &Seen| {
            untrue(name, &detail, seen, &due(&document)).is_empty()
        };
        let unchanged =
            |state| json!({ "tenantId": "acme", "because": "ACCOUNT_CLOSED", "state": state });
        let failed = json!({ "tenantId": "acme", "error": "AccountClosed" });
        let mut closed = seen();
        closed.state = "CLOSED".to_owned();
        closed.unit.0 = "Suspended".to_owned();
        closed.accounts = BTreeMap::from([("111122223333".to_owned(), "CLOSED".to_owned())]);
        assert!(judge("TenantUnchanged", unchanged("CLOSED"), &closed));
        assert!(!judge("TenantUnchanged", unchanged("ACTIVE"), &closed));
        assert!(!judge("TenantUnchanged", unchanged("CLOSED"), &seen()));
        assert!(judge("TenantOnboardingFailed", failed.clone(), &closed));
        assert!(!judge("TenantOnboardingFailed", failed, &seen()));
        let other = json!({ "tenantId": "acme", "error": "BaselineFailed" });
        assert!(!judge("TenantOnboardingFailed", other, &closed));
        assert!(!judge("TenantReady", json!({ "tenantId": "globex" }), &seen()));
    }
}
