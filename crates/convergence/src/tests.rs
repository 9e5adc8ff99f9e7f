//! The difference as a table.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lifecycle::{Baseline, TiersConfig};

use super::*;

const UNITS: &str = "Canary=ou-root-canary00,General=ou-root-general0,Vip=ou-root-vip00000";
const TIERS: &str = r#"{"tiers": {
  "standard": {"organizationalUnits": [{"name": "Canary", "weight": 1}, {"name": "General", "weight": 99}],
    "baseline": [{"stackSet": "base", "regions": ["eu-central-1"], "tenantParameters": ["Size"]}],
    "quotas": [{"serviceCode": "lambda", "quotaCode": "L-1", "region": "eu-central-1", "desired": 10}]},
  "premium": {"organizationalUnits": [{"name": "General", "weight": 1}],
    "baseline": [{"stackSet": "base", "regions": ["eu-central-1", "eu-west-1"],
                  "parameterOverrides": {"Days": "365"}},
                 {"stackSet": "search", "regions": ["eu-west-1"]}]},
  "vip": {"organizationalUnits": [{"name": "Vip", "weight": 1}],
    "baseline": [{"stackSet": "base", "regions": ["eu-central-1"]}]}}}"#;

type Instances = &'static [(&'static str, &'static str, &'static [(&'static str, &'static str)])];

fn has(tier: &str, unit: &str, instances: Instances) -> Has {
    let instance = |(name, region, overrides): &(&str, &str, &[(&str, &str)])| {
        let overrides = overrides.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        ((name.parse().unwrap(), region.parse().unwrap()), overrides.collect())
    };
    Has {
        unit: Some(unit.parse().unwrap()),
        tags: BTreeMap::from([(tags::TIER.to_owned(), tier.to_owned())]),
        instances: instances.iter().map(instance).collect(),
    }
}

/// `KIND subject` for each step to this tier, with these parameters of the tenant's own.
fn steps(tier: &str, own: &[(&str, &str)], has: &Has) -> Vec<String> {
    let (tiers, units): (TiersConfig, OrganizationalUnits) =
        (TIERS.parse().unwrap(), UNITS.parse().unwrap());
    let name: TierName = tier.parse().unwrap();
    let tier = tiers.get(&name).unwrap();
    let own = own.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let stack_sets = Baseline::new(tier.baseline_with(&own)).stack_sets;
    let home = units.id_of(&tier.organizational_units[0].name).unwrap();
    let mut tags = Tags::new();
    tags.insert(tags::TIER.parse().unwrap(), name.as_str().parse().unwrap()).unwrap();
    let should = Should {
        tier: &name,
        unit: unit_of(tier, &units, has.unit.as_ref(), home),
        tags: &tags,
        stack_sets: &stack_sets,
        quotas: &tier.quotas,
    };
    let word = |kind| format!("{kind:?}").to_uppercase();
    let found = difference(&should, has);
    assert!(found.iter().all(|step| step.is_taken() == (step.kind != Kind::Withdraw)));
    assert!(found.iter().all(|step| !step.because.is_empty()));
    found.iter().map(|step| format!("{} {}", word(step.kind), step.subject)).collect()
}

#[test]
fn what_differs_is_a_step_and_what_does_not_is_none() {
    let general = "ou-root-general0";
    let base: Instances = &[("base", "eu-central-1", &[])];
    let sized: Instances = &[("base", "eu-central-1", &[("Size", "large")])];
    let masked: Instances = &[("base", "eu-central-1", &[("Size", "****")])];
    let grown: Instances = &[
        ("base", "eu-central-1", &[("Days", "365")]),
        ("base", "eu-west-1", &[("Days", "365")]),
        ("search", "eu-west-1", &[]),
    ];
    let own: &[(&str, &str)] = &[("Size", "large")];
    let none: &[(&str, &str)] = &[];
    /// The case, the tags that should be, what there is, and the steps.
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Has, &'a [&'a str]);
    let table: [Row<'_>; 12] = [
        ("standard", none, has("standard", general, base), &[]),
        ("standard", none, has("standard", "ou-root-canary00", base), &[]),
        ("premium", none, has("premium", general, grown), &[]),
        ("standard", own, has("standard", general, sized), &[]),
        ("standard", own, has("standard", general, masked), &[]),
        ("standard", own, has("standard", general, base), &["OVERRIDE base in eu-central-1"]),
        ("standard", none, has("standard", general, sized), &["OVERRIDE base in eu-central-1"]),
        (
            "standard",
            none,
            has("standard", general, &[]),
            &["LABEL /landlord/tenant", "ENROL base in eu-central-1"],
        ),
        (
            "premium",
            own,
            has("standard", general, base),
            &[
                "TAG landlord:tier",
                "LABEL /landlord/tenant",
                "OVERRIDE base in eu-central-1",
                "ENROL base in eu-west-1",
                "ENROL search in eu-west-1",
            ],
        ),
        (
            "standard",
            none,
            has("premium", general, grown),
            &[
                "TAG landlord:tier",
                "LABEL /landlord/tenant",
                "OVERRIDE base in eu-central-1",
                "QUOTA lambda L-1 in eu-central-1",
                "WITHDRAW base in eu-west-1",
                "WITHDRAW search in eu-west-1",
            ],
        ),
        (
            "vip",
            none,
            has("standard", general, base),
            &["TAG landlord:tier", "MOVE ou-root-vip00000", "LABEL /landlord/tenant"],
        ),
        (
            "standard",
            none,
            Has { unit: None, ..has("standard", general, base) },
            &["MOVE ou-root-canary00"],
        ),
    ];
    for (tier, own, has, expected) in table {
        assert_eq!(steps(tier, own, &has), expected, "{tier} {own:?} {has:?}");
    }
}

#[test]
fn a_kind_has_one_effect() {
    use Effect::{Destructive, Disruptive, Safe};
    for (kind, effect) in [
        (Kind::Tag, Safe),
        (Kind::Label, Safe),
        (Kind::Enrol, Safe),
        (Kind::Quota, Safe),
        (Kind::Move, Disruptive),
        (Kind::Override, Disruptive),
        (Kind::Withdraw, Destructive),
    ] {
        assert_eq!(kind.effect(), effect);
    }
}
