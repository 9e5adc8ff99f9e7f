//! The examples of `docs/signup-systems.md`: what signup systems say, and what it becomes.

use lifecycle::{
    Admission, Naming, OrganizationalUnits, SignupEvent, TenantDocument, TenantSignedUp,
    TiersConfig,
};
use serde_json::{Value, json};

use crate::workspace::text;

/// The JSON blocks of the page, in order.
fn blocks() -> Vec<Value> {
    let page = text("docs/signup-systems.md");
    page.split("```json\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .map(|block| serde_json::from_str(block).unwrap_or_else(|error| panic!("{block}: {error}")))
        .collect()
}

fn becomes(detail: &Value) -> Value {
    let tiers: TiersConfig = text("tiers.json").parse().expect("the shipped tiers");
    let naming = Naming::new("tenant-", "aws", "example.com").expect("a naming");
    let units: OrganizationalUnits =
        "Canary=ou-root-11111111,Early=ou-root-22222222,General=ou-root-33333333"
            .parse()
            .expect("the units");
    let admission =
        Admission { tiers: &tiers, naming: &naming, units: &units, deadline_seconds: 86_400 };
    let time = "2026-11-21T10:00:00Z".parse().expect("a time");
    match TenantDocument::resolve(SignupEvent { id: "e-1", time, detail }, admission) {
        Ok(document) => {
            let whole = serde_json::to_value(document).expect("JSON");
            let mut told = json!({});
            for field in ["tenantId", "originalTenantId", "tenantName", "tier", "email", "metadata"]
            {
                told[field] = whole[field].clone();
            }
            assert_eq!(whole["tags"]["landlord:original-id"], whole["originalTenantId"]);
            told["ignored"] = json!(TenantSignedUp::ignored_in(detail));
            told
        }
        Err(faults) => {
            json!({ "rejected": faults.iter().map(|fault| &fault.field).collect::<Vec<_>>() })
        }
    }
}

#[test]
fn what_signup_systems_say_becomes_what_this_page_says() {
    let blocks = blocks();
    assert_eq!(blocks.len(), 8, "three systems and a refusal, each with what it becomes");
    for pair in blocks.chunks(2) {
        assert_eq!(becomes(&pair[0]), pair[1], "{}", pair[0]);
    }
}
