//! Configurations in which nothing is wrong.

use std::path::Path;

use configuration::Configuration;
use lifecycle::TiersConfig;
use serde_json::{Value, json};

use crate::folder::{Folder, service, tiers};

#[test]
fn what_is_shipped_is_in_order_and_names_its_schemas() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let configuration = Configuration::load(&root).unwrap_or_else(|findings| panic!("{findings}"));
    let names: Vec<&str> = configuration.services.iter().map(|one| &*one.name).collect();
    assert!(names.contains(&"tenant-baseline") && names.contains(&"account-gate"), "{names:?}");
    for file in ["tiers.json", "services/tenant-baseline.json", "services/account-gate.json"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let schema = value["$schema"].as_str().unwrap();
        assert!(root.join(file).parent().unwrap().join(schema).is_file(), "{file}: {schema}");
    }
}

#[test]
fn the_schemas_are_schemas() {
    for text in [
        include_str!("../../../schemas/tiers.schema.json"),
        include_str!("../../../schemas/service.schema.json"),
    ] {
        jsonschema::meta::validate(&serde_json::from_str(text).unwrap()).unwrap();
    }
}

#[test]
fn the_same_content_has_the_same_hash_however_it_is_written() {
    let folder = Folder::new();
    let first = folder.load().unwrap().compiled();
    // Compact, and with its members the other way round.
    let mut reversed: Vec<_> =
        tiers()["tiers"]["standard"].as_object().unwrap().clone().into_iter().collect();
    reversed.reverse();
    let reversed = json!({ "$schema": "x", "tiers": { "standard": reversed.into_iter().collect::<serde_json::Map<_, _>>() } });
    folder.write("tiers.json", reversed.to_string());
    assert_eq!(folder.load().unwrap().compiled(), first);
    folder.write(
        "templates.yaml",
        std::fs::read_to_string(folder.path().join("templates.yaml")).unwrap() + "# changed\n",
    );
    assert_ne!(folder.load().unwrap().compiled().sha256, first.sha256);
    assert_eq!(first.sha256.len(), 64);
}

#[test]
fn a_tier_waits_for_what_its_services_wait_for_where_it_has_it() {
    let folder = Folder::new();
    folder.write("services/last.json", service("landlord-last", &["landlord-billing"]).to_string());
    let mut all = tiers();
    let baseline = all["tiers"]["standard"]["baseline"].as_array_mut().unwrap();
    baseline.push(json!({ "stackSet": "landlord-last", "regions": ["eu-central-1"] }));
    all["tiers"]["small"] = all["tiers"]["standard"].clone();
    all["tiers"]["small"]["baseline"].as_array_mut().unwrap().remove(0);
    folder.write("tiers.json", all.to_string());
    let configuration = folder.load().unwrap();
    let after = |tier: &str, index: usize| -> Vec<String> {
        let tier = configuration.tiers.get(&tier.parse().unwrap()).unwrap();
        tier.baseline[index].after.iter().map(ToString::to_string).collect()
    };
    assert_eq!(after("standard", 1), ["landlord-base"]);
    assert_eq!(after("small", 0), [] as [&str; 0]);
    assert_eq!(after("small", 1), ["landlord-billing"]);
}

/// The fleet of the article: forty services and the baseline, in six Regions.
#[test]
fn forty_one_services_in_six_regions_fit_and_the_functions_read_them() {
    let folder = Folder::new();
    let regions =
        ["eu-central-1", "eu-west-1", "eu-west-2", "us-east-1", "us-west-2", "ap-south-1"];
    let names: Vec<String> = (0..41).map(|number| format!("landlord-service-{number}")).collect();
    for file in ["base", "billing"] {
        std::fs::remove_file(folder.path().join(format!("services/{file}.json"))).unwrap();
    }
    for name in &names {
        folder.write(&format!("services/{name}.json"), service(name, &[]).to_string());
    }
    let tier = |days: &str| {
        let baseline = names.iter().map(|name| {
            json!({ "stackSet": name, "regions": regions, "parameterOverrides": { "Days": days } })
        });
        json!({
            "organizationalUnits": [{ "name": "General", "weight": 1 }],
            "baseline": baseline.collect::<Vec<_>>(),
        })
    };
    let all = json!({ "tiers": { "standard": tier("7"), "premium": tier("30") } });
    assert!(all.to_string().len() > 12_000, "{}", all.to_string().len());
    folder.write("tiers.json", all.to_string());
    let compiled = folder.load().unwrap().compiled();
    assert!(compiled.text.len() > 4_096 && compiled.text.len() < configuration::LARGEST / 10);
    let document: Value = serde_json::from_str(&compiled.text).unwrap();
    let tiers = json!({ "tiers": document["tiers"] }).to_string();
    let tiers: TiersConfig = tiers.parse().unwrap();
    assert_eq!(tiers.iter().map(|(_, tier)| tier.baseline.len()).collect::<Vec<_>>(), [41, 41]);
}
