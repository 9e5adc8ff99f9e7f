//! Every event has a schema in `docs/events`, and what the functions say fits it.

use std::collections::BTreeSet;

use admit_tenant::{TenantAdmitted, TenantRejected};
use announce_outcome::TenantOnboardingFailed;
use lifecycle::{TenantChanged, TenantLeft, TenantReady, TenantSignedUp, TenantSignupContradicted};
use regex::Regex;
use request_quotas::TenantWaiting;
use serde_json::{Value, json};

use crate::workspace::{entries, files_below, functions, json as file, name, text};

const ARN: &str = "arn:aws:states:eu-central-1:111122223333:execution:landlord-onboard-tenant:acme";

fn schema(event: &str) -> jsonschema::Validator {
    jsonschema::validator_for(&file(format!("docs/events/{event}.json"))).expect("a schema")
}

/// What is wrong with a detail, by the event's schema.
fn faults(event: &str, detail: &Value) -> Vec<String> {
    schema(event).iter_errors(detail).map(|error| error.to_string()).collect()
}

/// The events that have a schema.
fn described() -> BTreeSet<String> {
    entries("docs/events")
        .iter()
        .map(|path| name(path))
        .filter_map(|file| file.strip_suffix(".json").map(str::to_owned))
        .collect()
}

/// What goes through the function's own type and out again.
pub(super) fn written<T: serde::de::DeserializeOwned + serde::Serialize>(detail: Value) -> Value {
    let typed: T = serde_json::from_value(detail).expect("the type reads it");
    serde_json::to_value(typed).expect("the type writes it")
}

/// Details as the functions write them, with everything that may be there and with what may not.
fn examples() -> Vec<(&'static str, Value)> {
    let ready = json!({
        "tenantId": "acme", "accountId": "222222222222",
        "organizationalUnitId": "ou-root-general0", "organizationalUnit": "General",
        "tier": "standard",
        "baseline": [
            {"stackSet": "landlord-tenant-baseline", "region": "eu-central-1", "status": "CURRENT"}
        ],
        "quotas": [
            {"serviceCode": "lambda", "quotaCode": "L-B99A9384", "region": "eu-central-1",
             "status": "REQUESTED", "value": 1000.0, "desired": 2000.0},
            {"serviceCode": "iam", "quotaCode": "L-FE177D64", "region": "us-east-1",
             "status": "WAITING", "value": null, "desired": 2000.0},
            {"serviceCode": "iam", "quotaCode": "L-0", "region": "us-east-1", "status": "REFUSED",
             "value": null, "desired": 2000.0, "reason": "No such quota."},
        ],
        "eventId": "7bf73129", "executionArn": ARN,
        "startedAt": "2026-11-21T10:00:01Z", "readyAt": "2026-11-21T10:09:00Z",
    });
    let mut live = ready.clone();
    live["organizationalUnit"] = Value::Null;
    live["metadata"] = json!({"orderId": "o-7"});
    live["originalTenantId"] = json!("Acme");
    let left = json!({
        "tenantId": "acme", "accountId": "222222222222", "eventId": "7bf73129",
        "executionArn": ARN, "endedAt": "2026-11-21T10:09:00Z", "metadata": {"orderId": "o-7"},
    });
    let mut left_before = left.clone();
    left_before["accountId"] = Value::Null;
    left_before["executionArn"] = Value::Null;
    let contradicted = json!({
        "tenantId": "acme", "accountId": "222222222222", "eventId": "7bf73129",
        "differences": [{"field": "tier", "signup": "gold", "tenant": "standard"}],
        "changeWith": "TenantChanged", "executionArn": ARN, "endedAt": "2026-11-21T10:09:00Z",
        "metadata": {"orderId": "o-7"}, "originalTenantId": "Acme",
    });
    let because = "lambda L-B99A9384 in eu-central-1 is 10, 1000 is required, Requested";
    let waiting = json!({
        "tenantId": "acme", "originalTenantId": "Acme", "accountId": "222222222222",
        "eventId": "7bf73129", "waitingFor": [because], "because": because,
        "since": "2026-11-21T10:00:00Z", "deadline": "2026-12-21T10:00:00Z",
        "metadata": {"orderId": "o-7"},
    });
    let failed = json!({
        "tenantId": "acme", "accountId": "222222222222", "eventId": "7bf73129",
        "executionArn": ARN, "status": "FAILED", "step": "EnrollBaseline",
        "error": "BaselineFailed", "cause": "stack set landlord-tenant-baseline …",
    });
    let mut stopped = failed.clone();
    for unknown in ["accountId", "eventId", "step", "error", "cause"] {
        stopped[unknown] = Value::Null;
    }
    stopped["status"] = json!("ABORTED");
    let row = json!({"account": "222222222222", "region": "eu-central-1", "class": "vetoed",
                     "reason": "AccountGate check failed"});
    let started = json!({
        "stackSet": "landlord-tenant-baseline", "execution": "landlord-tenant-baseline_7",
        "plan": {
            "stackSet": "landlord-tenant-baseline", "accounts": 6000, "instances": 6600,
            "regions": ["eu-central-1"], "leftOut": 1, "inoperable": 0, "redBefore": [],
            "planKey": "rollouts/landlord-tenant-baseline_7/plan.json", "excepted": 2,
            "knownOffenders": 1, "knownOffenderAccounts": ["222222222222"], "overriding": 1,
            "overridingAccounts": ["333333333333"], "outside": 1,
            "outsideAccounts": [{ "accountId": "444444444444", "because": "NO_TENANT" }],
        },
        "waves": [{
            "number": 1, "name": "canary", "accounts": 300, "instances": 330, "operations": 2,
            "rounds": 12, "dwellSeconds": 1800, "approval": false,
        }],
        "startedAt": "2026-11-21T10:00:00Z",
    });
    let wave = json!({
        "stackSet": "landlord-tenant-baseline", "execution": "landlord-tenant-baseline_7",
        "wave": 1, "name": "canary", "stage": "WAVE", "verdict": "STOP",
        "reason": {"code": "UNHEALTHY", "text": "checkout is red"},
        "counts": {"succeeded": 299, "vetoed": 1}, "notCurrent": [row],
        "resultKey": "rollouts/landlord-tenant-baseline_7/waves/01/result.json",
        "startedAt": "2026-11-21T10:00:20Z", "finishedAt": "2026-11-21T10:36:00Z",
        "expectedEnd": null,
    });
    let mut good = wave.clone();
    good["reason"] = Value::Null;
    good["verdict"] = json!("GO");
    let over = json!({
        "stackSet": "landlord-tenant-baseline", "execution": "landlord-tenant-baseline_7",
        "outcome": "INCOMPLETE", "reason": null, "counts": {"succeeded": 6599, "vetoed": 1},
        "accounts": {"planned": 6000, "notCurrent": 1},
        "joined": {"succeeded": 60},
        "notCurrent": [{"account": "222222222222", "region": "eu-central-1", "class": "vetoed",
                        "reason": "AccountGate check failed", "template": "OLD"}],
        "longVetoes": [{"account": "222222222222", "region": "eu-central-1",
                        "since": "2026-10-01T10:00:00Z", "reason": "AccountGate check failed"}],
        "overriding": [{"account": "333333333333", "region": "eu-central-1",
                        "parameters": ["LogRetentionDays"]}],
        "notCurrentKey": "rollouts/landlord-tenant-baseline_7/not-current.json",
        "startedAt": "2026-11-21T10:00:00Z", "finishedAt": "2026-11-23T10:00:00Z",
        "seconds": 172800, "operations": 21,
    });
    let rehearsed = json!({
        "stackSet": "landlord-tenant-baseline", "execution": "rehearsal-7",
        "works": true, "reason": null, "forthSeconds": 580, "backSeconds": 640,
        "wentForth": 2, "cameBack": 2, "inTheWay": [row],
        "startedAt": "2026-11-21T10:00:00Z", "finishedAt": "2026-11-21T10:24:00Z",
    });
    let admitted = json!({
        "tenantId": "acme", "eventId": "7bf73129", "executionArn": ARN, "duplicate": false,
        "ignored": ["email"], "metadata": {"a": 1}, "originalTenantId": "ACME"
    });
    let behind = json!({
        "tenantId": "acme", "eventId": "7bf73129", "executionArn": ARN, "duplicate": true,
        "behindEventId": "0d1f", "changeWith": "TenantChanged",
        "differences": [{"field": "tier", "signup": "premium", "tenant": "standard"}],
    });
    let rejected = json!({
        "tenantId": "acme", "eventId": "7bf73129", "reasons": ["tier: `gold` must be one of …"]
    });
    let mut nameless = rejected.clone();
    nameless["tenantId"] = Value::Null;
    let mut all = vec![
        // The machines say these; a roll-out over a fleet is held against the schemas, too.
        ("RolloutStarted", started),
        ("RolloutWaveFinished", wave),
        ("RolloutWaveFinished", good),
        ("RolloutFinished", written::<finish_rollout::decide::RolloutFinished>(over)),
        ("RolloutRehearsed", written::<finish_rollout::decide::RolloutRehearsed>(rehearsed)),
        ("TenantReady", written::<TenantReady>(ready)),
        ("TenantReady", written::<TenantReady>(live)),
        ("TenantLeft", written::<TenantLeft>(left)),
        ("TenantLeft", written::<TenantLeft>(left_before)),
        (TenantSignupContradicted::DETAIL_TYPE, written::<TenantSignupContradicted>(contradicted)),
        ("TenantOnboardingFailed", written::<TenantOnboardingFailed>(failed)),
        ("TenantOnboardingFailed", written::<TenantOnboardingFailed>(stopped)),
        (TenantWaiting::DETAIL_TYPE, written::<TenantWaiting>(waiting)),
        ("TenantAdmitted", written::<TenantAdmitted>(admitted)),
        ("TenantAdmitted", written::<TenantAdmitted>(behind)),
        ("TenantRejected", written::<TenantRejected>(rejected)),
        ("TenantRejected", written::<TenantRejected>(nameless)),
        ("TenantSignedUp", file("functions/admit-tenant/events/signup.json")["detail"].clone()),
    ];
    all.extend(super::retirement_events::examples());
    all.extend(super::change_events::examples());
    all.extend(super::audit_events::examples());
    all
}

#[test]
fn every_schema_is_a_schema_and_is_called_as_its_event() {
    for event in described() {
        let schema = file(format!("docs/events/{event}.json"));
        jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{event}: {error}"));
        assert_eq!(schema["title"], event.as_str());
        // The readers of signups and of changes are tolerant, and know a misspelt field by its likeness.
        let open =
            [TenantSignedUp::DETAIL_TYPE, TenantChanged::DETAIL_TYPE].contains(&event.as_str());
        assert_eq!(schema["additionalProperties"], open, "{event}: a misspelt field is a fault");
    }
}

#[test]
fn what_the_functions_write_fits_the_schemas_and_each_schema_has_an_example() {
    let mut seen = BTreeSet::new();
    for (event, detail) in examples() {
        assert_eq!(faults(event, &detail), Vec::<String>::new(), "{event}: {detail}");
        seen.insert(event.to_owned());
    }
    assert_eq!(seen, described());
}

const MAY_BE_LEFT_OUT: [&str; 6] =
    ["rootEmail", "tags", "retireAfterDays", "metadata", "originalTenantId", "ignored"];

/// And of which event alone: a tenant without an account, a sweep that was not stopped, a signup that
/// is nobody else's business, a cooling-off time that was not raised.
const MAY_BE_LEFT_OUT_OF: [(&str, &str); 11] = [
    ("TenantChanged", "tier"),
    ("TenantChanged", "tenantName"),
    ("TenantChanged", "parameters"),
    ("TenantChanged", "whatever"),
    ("TenantAdmitted", "behindEventId"),
    ("TenantAdmitted", "differences"),
    ("TenantAdmitted", "changeWith"),
    ("TenantRetiring", "raisedToDays"),
    ("TenantUnchanged", "accountId"),
    ("TenantUnchanged", "state"),
    ("RetirementSweepFinished", "stopped"),
];

#[test]
fn a_detail_that_lacks_a_field_or_has_another_does_not_fit() {
    for (event, detail) in examples() {
        let fields: Vec<String> = detail.as_object().expect("an object").keys().cloned().collect();
        let may_be_left_out = |field: &str| {
            MAY_BE_LEFT_OUT.contains(&field) || MAY_BE_LEFT_OUT_OF.contains(&(event, field))
        };
        for field in fields.iter().filter(|field| !may_be_left_out(field)) {
            let mut less = detail.clone();
            less.as_object_mut().expect("an object").remove(field);
            assert!(!faults(event, &less).is_empty(), "{event} without {field}");
        }
        let mut more = detail.clone();
        more["surprise"] = json!(1);
        let open = [TenantSignedUp::DETAIL_TYPE, TenantChanged::DETAIL_TYPE].contains(&event);
        assert_eq!(faults(event, &more).is_empty(), open, "{event} with a field more");
    }
}

/// The detail types in the functions' code: names that start with `Tenant` and are told to a bus.
fn detail_types() -> BTreeSet<String> {
    let told = Regex::new(
        r#"(?:DETAIL_TYPE: &'static str = |detail_type\(|send\(app, |detail-type["']?: ?\[?)"?(Tenant[A-Za-z]+)"?"#,
    )
    .expect("a pattern");
    let mut files = files_below("crates/lifecycle/src", "rs");
    for function in functions() {
        files.extend(files_below(&format!("functions/{function}/src"), "rs"));
    }
    let mut found: BTreeSet<String> = BTreeSet::new();
    for source in files.iter().map(text).chain([text("template.yaml")]) {
        found.extend(told.captures_iter(&source).map(|name| name[1].to_owned()));
    }
    found
}

#[test]
fn every_event_in_the_code_has_a_schema() {
    let told = detail_types();
    assert!(told.is_subset(&described()), "{told:?}, described: {:?}", described());
    for known in [
        TenantReady::DETAIL_TYPE,
        TenantSignedUp::DETAIL_TYPE,
        TenantOnboardingFailed::DETAIL_TYPE,
        "TenantAdmitted",
        "TenantRejected",
    ] {
        assert!(told.contains(known), "{known} was not found in the code: the pattern has rotted");
    }
}

/// Signups that the parser takes and refuses, held against the schema that senders test with.
#[test]
fn the_schema_of_a_signup_and_the_parser_agree() {
    let signup = json!({"tenantId": "acme", "tenantName": "Acme & Söhne", "tier": "standard"});
    let changed = |field: &str, value: Value| {
        let mut signup = signup.clone();
        signup[field] = value;
        signup
    };
    let long = "a".repeat(40);
    for (signup, valid) in [
        (signup.clone(), true),
        (changed("tenantId", json!(long)), true),
        (changed("tenantId", json!("a".repeat(41))), false),
        (changed("tenantId", json!("-acme")), true),
        (changed("tenantId", json!("a--b")), true),
        (changed("tenantId", json!("Acme")), true),
        (changed("tenantId", json!("org_01HZX3V9P7")), true),
        (changed("tenantId", json!("Acme!")), false),
        (changed("tenantId", json!("__")), false),
        (changed("tenantId", json!(7)), false),
        (changed("tenantName", json!("")), false),
        (changed("tenantName", json!("two\nlines")), false),
        (changed("tier", json!("Gold")), false),
        (changed("rootEmail", json!("owner@example.com")), true),
        (changed("rootEmail", json!("owner@localhost")), false),
        (changed("rootEmail", Value::Null), true),
        (changed("tags", json!({"cost-center": "42"})), true),
        (changed("tags", json!({"aws:x": "42"})), false),
        (changed("tags", json!({"landlord:tenant": "other"})), false),
        (changed("tags", json!({"a": 1})), false),
        (changed("tags", json!({"a": "x;y"})), false),
        (changed("plan", json!("gold")), true),
        (changed("email", json!("owner of a customer")), true),
        (changed("metadata", json!({"registration": {"id": 7}})), true),
        (changed("metadata", json!("text")), false),
        (changed("tenant_id", json!("acme")), false),
        (changed("RootEmail", json!("owner@example.com")), false),
    ] {
        let parsed = TenantSignedUp::parse(&signup);
        assert_eq!(parsed.is_ok(), valid, "{signup}: {parsed:?}");
        let faults = faults("TenantSignedUp", &signup);
        assert_eq!(faults.is_empty(), valid, "{signup}: {faults:?}");
    }
}
