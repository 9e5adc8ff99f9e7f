//! From a signup and `tiers.json` to the execution document, through the public API.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lifecycle::{
    Admission, Faults, Naming, OrganizationalUnits, SignupEvent, TenantDocument, TiersConfig,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const UNITS: &str = "Canary=ou-root-11111111,Early=ou-root-22222222,General=ou-root-33333333";

fn tiers_json() -> Value {
    json!({"tiers": {"standard": {
        "organizationalUnits": [{"name": "Canary", "weight": 5}, {"name": "Early", "weight": 20},
                                {"name": "General", "weight": 75}],
        "baseline": [
            {"stackSet": "landlord-tenant-baseline", "regions": ["eu-central-1", "eu-west-1"],
             "parameterOverrides": {"Key": "Value"}},
            {"stackSet": "account-gate", "regions": ["us-east-1", "eu-central-1"]}],
        "quotas": [
            {"serviceCode": "lambda", "quotaCode": "L-B99A9384", "region": "eu-central-1",
             "desired": 2000, "required": 1000},
            {"serviceCode": "iam", "quotaCode": "L-FE177D64", "global": true, "desired": 2000}],
    }}})
}

fn resolve(tiers: &Value, units: &str, detail: &Value) -> Result<TenantDocument, Faults> {
    let tiers: TiersConfig = tiers.to_string().parse()?;
    let naming = Naming::new("tenant-", "aws", "example.com")?;
    let naming = naming.with_given_domains(["acme.example"])?;
    let units: OrganizationalUnits = units.parse()?;
    let event =
        SignupEvent { id: "event-1", time: "2026-11-21T10:00:00Z".parse().unwrap(), detail };
    let admission =
        Admission { tiers: &tiers, naming: &naming, units: &units, deadline_seconds: 86_400 };
    TenantDocument::resolve(event, admission)
}

fn acme() -> Value {
    json!({"tenantId": "acme", "tenantName": "Acme & Co", "tier": "standard",
           "tags": {"cost-center": "42"}})
}

fn fields(faults: &Faults) -> Vec<&str> {
    faults.iter().map(|fault| fault.field.as_str()).collect()
}

#[test]
fn a_signup_becomes_the_document_of_the_contract() {
    let document = resolve(&tiers_json(), UNITS, &acme()).unwrap();
    let hash = document.baseline.hash.clone();
    assert_eq!(hash.len(), 32);
    let expected = json!({
        "version": 1, "eventId": "event-1", "signedUpAt": "2026-11-21T10:00:00Z",
        "tenantId": "acme", "tenantName": "Acme & Co", "tier": "standard",
        "email": "aws+acme@example.com", "accountName": "tenant-acme",
        "tags": {"cost-center": "42", "landlord:baseline": hash, "landlord:name": "Acme Co",
                 "landlord:tenant": "acme", "landlord:tier": "standard"},
        "homeOrganizationalUnit": {"id": "ou-root-33333333", "name": "General"},
        "regions": ["eu-central-1", "eu-west-1", "us-east-1"],
        "baseline": {"hash": hash, "stackSets": [
            {"name": "landlord-tenant-baseline", "regions": ["eu-central-1", "eu-west-1"],
             "parameterOverrides": {"Key": "Value"}},
            {"name": "account-gate", "regions": ["us-east-1", "eu-central-1"],
             "parameterOverrides": {}}]},
        "quotas": [
            {"serviceCode": "lambda", "quotaCode": "L-B99A9384", "region": "eu-central-1",
             "desired": 2000, "required": 1000},
            {"serviceCode": "iam", "quotaCode": "L-FE177D64", "region": "us-east-1",
             "desired": 2000, "required": null}],
        "deadlineSeconds": 86400,
    });
    assert_eq!(serde_json::to_value(&document).unwrap(), expected);
    assert_eq!(serde_json::from_value::<TenantDocument>(expected).unwrap(), document);
}

#[test]
fn resolving_twice_gives_the_same_bytes() {
    let bytes = || serde_json::to_string(&resolve(&tiers_json(), UNITS, &acme()).unwrap()).unwrap();
    assert_eq!(bytes(), bytes());
}

#[test]
fn an_email_that_is_given_is_taken() {
    let mut detail = acme();
    detail["rootEmail"] = "root@acme.example".into();
    let document = resolve(&tiers_json(), UNITS, &detail).unwrap();
    assert_eq!(document.email.as_str(), "root@acme.example");
    for (taken, word) in
        [("aws+victim@example.com", "leave rootEmail out"), ("a@b.example", "RootEmailDomains")]
    {
        detail["rootEmail"] = taken.into();
        detail["tier"] = "none".into();
        let faults = resolve(&tiers_json(), UNITS, &detail).unwrap_err();
        assert_eq!(fields(&faults), ["tier", "rootEmail"], "all at once");
        assert!(faults.to_string().contains(word), "{faults}");
    }
}

#[test]
fn faults_of_the_event_and_of_its_resolution_come_together() {
    let detail = json!({"tenantId": "x".repeat(40), "tenantName": "", "tier": "gold", "tags": []});
    let naming = Naming::new("a-very-long-prefix-", "landlord-accounts", "example.com").unwrap();
    let tiers: TiersConfig = tiers_json().to_string().parse().unwrap();
    let units: OrganizationalUnits = UNITS.parse().unwrap();
    let faults = TenantDocument::resolve(
        SignupEvent { id: "e", time: "2026-11-21T10:00:00Z".parse().unwrap(), detail: &detail },
        Admission { tiers: &tiers, naming: &naming, units: &units, deadline_seconds: 1 },
    )
    .unwrap_err();
    assert_eq!(fields(&faults), ["tenantName", "tags", "tier", "accountName", "tenantId"]);
    assert!(faults.to_string().contains("must be one of the tiers: standard"), "{faults}");
}

#[test]
fn an_original_id_is_kept_in_the_document_and_in_a_tag() {
    let mut detail = acme();
    detail["tenantId"] = "org_01HZX".into();
    detail["metadata"] = json!({"registration": 7});
    let document = resolve(&tiers_json(), UNITS, &detail).unwrap();
    assert_eq!(document.tenant_id.as_str(), "org-01hzx");
    assert_eq!(document.original_tenant_id.as_deref(), Some("org_01HZX"));
    assert_eq!(document.tags.get("landlord:original-id"), Some("org_01HZX"));
    assert_eq!(document.metadata["registration"], 7);
    assert_eq!(resolve(&tiers_json(), UNITS, &acme()).unwrap().original_tenant_id, None);
    detail["tags"] = (0..35).map(|n| (format!("k{n}"), json!("v"))).collect();
    let faults = resolve(&tiers_json(), UNITS, &detail).unwrap_err();
    assert!(faults.to_string().contains("at most 34 fit"), "{faults}");
}

#[test]
fn a_tier_with_faults_is_known_by_them_and_no_other_is_touched() {
    let mut tiers = tiers_json();
    tiers["tiers"]["gold"] = json!({"organizationalUnits": [], "baseline": [], "quotas": []});
    tiers["tiers"]["odd"] = json!(7);
    let units: OrganizationalUnits = UNITS.parse().unwrap();
    let tiers = TiersConfig::tolerant(&tiers.to_string(), &units).unwrap();
    assert!(tiers.get(&"standard".parse().unwrap()).is_some());
    for held in ["gold", "odd"] {
        let held = held.parse().unwrap();
        assert!(tiers.get(&held).is_none() && tiers.faults_of(&held).is_some(), "{held}");
    }
    assert!(TiersConfig::tolerant("{}", &units).is_err());
    let elsewhere = TiersConfig::tolerant(
        &tiers_json().to_string(),
        &"Elsewhere=ou-root-33333333".parse().unwrap(),
    );
    assert!(elsewhere.unwrap().faults_of(&"standard".parse().unwrap()).is_some());
}

#[test]
fn a_tier_with_an_unknown_unit_is_refused_for_every_tenant() {
    let faults = resolve(&tiers_json(), "General=ou-root-33333333", &acme()).unwrap_err();
    assert_eq!(
        fields(&faults),
        [
            "tiers.standard.organizationalUnits[0].name",
            "tiers.standard.organizationalUnits[1].name"
        ]
    );
    let tiers: TiersConfig = tiers_json().to_string().parse().unwrap();
    assert!(tiers.check_units(&"General=ou-root-33333333".parse().unwrap()).is_err());
    assert!(tiers.check_units(&UNITS.parse().unwrap()).is_ok());
}

#[test]
fn all_faults_of_the_tiers_are_reported_at_once() {
    let tiers = json!({"tiers": {
        "Gold": {"organizationalUnits": [], "baseline": []},
        "silver": {
            "organizationalUnits": [{"name": "General", "weight": 0}, {"name": "a,b", "weight": 1}],
            "baseline": [
                {"stackSet": "1x", "regions": []},
                {"stackSet": "gate", "regions": ["eu-central-1", "eu-central-1", "eu-south-1"],
                 "parameterOverrides": {"not-a-name": "x"}},
                {"stackSet": "gate", "regions": ["eu-central-1"]}],
            "quotas": [
                {"serviceCode": "lambda", "quotaCode": "L-1", "desired": 1},
                {"serviceCode": "lambda", "quotaCode": "L-2", "region": "eu-west-1", "global": true,
                 "desired": 1},
                {"serviceCode": "lambda", "quotaCode": "L-3", "global": true, "desired": 1,
                 "required": 2},
                {"serviceCode": "lambda", "quotaCode": "L-3", "global": true, "desired": -1},
                {"serviceCode": "lambda", "quotaCode": "L-3", "region": "us-east-1", "desired": 9}],
        },
    }});
    let faults = tiers.to_string().parse::<TiersConfig>().unwrap_err();
    assert_eq!(
        fields(&faults),
        [
            "tiers.Gold",
            "tiers.Gold.organizationalUnits",
            "tiers.Gold.baseline",
            "tiers.silver.organizationalUnits[0].weight",
            "tiers.silver.organizationalUnits[1].name",
            "tiers.silver.baseline[0].stackSet",
            "tiers.silver.baseline[0].regions",
            "tiers.silver.baseline[1].regions[1]",
            "tiers.silver.baseline[1].regions[2]",
            "tiers.silver.baseline[1].parameterOverrides.not-a-name",
            "tiers.silver.baseline[2].stackSet",
            "tiers.silver.quotas[0].region",
            "tiers.silver.quotas[1].region",
            "tiers.silver.quotas[2].required",
            "tiers.silver.quotas[3].desired",
            "tiers.silver.quotas[4]",
        ]
    );
}

#[test]
fn an_order_of_dependence_is_checked_and_kept() {
    let tiers = |orders: [(&str, &[&str]); 3]| {
        let baseline: Vec<Value> = orders
            .iter()
            .map(|(name, after)| {
                json!({"stackSet": name, "regions": ["eu-central-1"], "after": after})
            })
            .collect();
        let units = json!([{"name": "General", "weight": 1}]);
        let tiers = json!({"tiers": {"standard": {
            "organizationalUnits": units, "baseline": baseline, "deadlineSeconds": 31_449_600}}});
        tiers.to_string().parse::<TiersConfig>()
    };
    let good = tiers([("b", &["a"]), ("a", &[]), ("gate", &["a", "b"])]).unwrap();
    let standard = good.get(&"standard".parse().unwrap()).unwrap();
    assert_eq!(standard.baseline[0].after, ["a".parse().unwrap()]);
    assert_eq!(standard.deadline_seconds, Some(31_449_600));
    for (orders, field) in [
        ([("a", &["c"][..]), ("b", &[]), ("gate", &[])], "tiers.standard.baseline[0].after[0]"),
        ([("a", &["b"]), ("b", &["a"]), ("gate", &[])], "tiers.standard.baseline[0].after"),
        ([("a", &["a"]), ("b", &[]), ("gate", &[])], "tiers.standard.baseline[0].after"),
        ([("a", &["gate"]), ("b", &[]), ("gate", &[])], "tiers.standard.baseline[0].after[0]"),
        (
            [("a", &["not a name"]), ("b", &[]), ("gate", &[])],
            "tiers.standard.baseline[0].after[0]",
        ),
    ] {
        let faults = tiers(orders).unwrap_err();
        assert_eq!(fields(&faults)[0], field, "{orders:?}: {faults}");
    }
}

#[test]
fn a_tier_has_a_deadline_of_its_own_within_awss_year() {
    for (seconds, good) in [(60, true), (31_449_600, true), (59, false), (31_449_601, false)] {
        let mut tiers = tiers_json();
        tiers["tiers"]["standard"]["deadlineSeconds"] = json!(seconds);
        match resolve(&tiers, UNITS, &acme()) {
            Ok(document) => assert!(good && document.deadline_seconds == seconds, "{seconds}"),
            Err(faults) => {
                assert!(!good, "{seconds}: {faults}");
                assert!(faults.to_string().contains("deadlineSeconds"), "{faults}");
            }
        }
    }
}

#[test]
fn a_misspelt_key_in_the_tiers_is_named() {
    let mut tiers = tiers_json();
    tiers["tiers"]["standard"]["quotes"] = json!([]);
    let faults = tiers.to_string().parse::<TiersConfig>().unwrap_err();
    assert!(faults.to_string().contains("quotes"), "{faults}");
    assert!("".parse::<TiersConfig>().is_err());
    assert!(r#"{"tiers":{}}"#.parse::<TiersConfig>().is_err());
}

#[test]
fn the_baseline_hash_follows_what_is_deployed_and_nothing_else() {
    let hash = |change: &dyn Fn(&mut Value)| {
        let mut tiers = tiers_json();
        change(&mut tiers["tiers"]["standard"]);
        resolve(&tiers, UNITS, &acme()).unwrap().baseline.hash
    };
    let same = hash(&|_| ());
    assert_eq!(same, hash(&|tier| tier["quotas"] = json!([])));
    assert_eq!(
        same,
        hash(&|tier| tier["baseline"][0]["regions"] = json!(["eu-west-1", "eu-central-1"]))
    );
    assert_ne!(same, hash(&|tier| tier["baseline"][0]["regions"] = json!(["eu-west-1"])));
    assert_ne!(
        same,
        hash(&|tier| tier["baseline"][0]["parameterOverrides"]["Key"] = "other".into())
    );
    assert_ne!(same, hash(&|tier| tier["baseline"].as_array_mut().unwrap().swap(0, 1)));
}

#[test]
fn a_document_of_another_version_is_refused() {
    let mut json = serde_json::to_value(resolve(&tiers_json(), UNITS, &acme()).unwrap()).unwrap();
    json["version"] = 2.into();
    let error = serde_json::from_value::<TenantDocument>(json).unwrap_err();
    assert!(error.to_string().contains("version: 2 must be 1"), "{error}");
}

proptest! {
    #[test]
    fn every_valid_tenant_gets_a_document_that_survives_json(
        id in "[a-z0-9](-?[a-z0-9]){0,18}", name in "\\PC{1,80}",
    ) {
        let detail = json!({"tenantId": id, "tenantName": format!("x{name}"), "tier": "standard"});
        let document = resolve(&tiers_json(), UNITS, &detail).unwrap();
        prop_assert_eq!(document.tags.get("landlord:tenant"), Some(id.as_str()));
        let json = serde_json::to_string(&document).unwrap();
        prop_assert_eq!(serde_json::from_str::<TenantDocument>(&json).unwrap(), document);
    }
}
