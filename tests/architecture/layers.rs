//! Which crate may use which: cargo's own metadata, held against the table in this file.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use crate::workspace::{assert_no_faults, folders, functions, root};

/// What the vocabulary may use: values and pure functions, no AWS, no runtime, no logs.
const OF_LIFECYCLE: [&str; 7] = [
    "serde",
    "thiserror",
    "jiff",
    "serde_json",
    // The home unit and the baseline's hash are functions of text.
    "sha2",
    // AWS's tag alphabet is made of Unicode's general categories.
    "unicode-general-category",
    // Names are composed before they are reduced to it.
    "unicode-normalization",
];

/// Crates of values and pure functions that several layers share, and what they may use.
const PURE: [(&str, &[&str]); 7] = [
    ("adoption", &["lifecycle", "csv", "jiff", "serde", "serde_json", "sha2"]),
    ("aws-cron", &["jiff", "thiserror"]),
    ("convergence", &["lifecycle", "jiff", "serde", "serde_json"]),
    ("fleet-audit", &["lifecycle", "convergence", "jiff", "serde", "serde_json"]),
    ("stack-set-reasons", &["serde"]),
    ("tier-check", &["lifecycle", "serde"]),
    ("gate-rules", &["lifecycle", "aws-cron", "jiff", "serde", "serde_json"]),
];

/// The services that a function calls. The design's table, and S3 for the notes of announcements.
const SERVICES: [(&str, &[&str]); 21] = [
    ("account-gate", &["cloudwatch", "ssm"]),
    (
        "admit-tenant",
        &[
            "organizations",
            "resourcegroupstagging",
            "ssm",
            "sfn",
            "eventbridge",
            "sqs",
            "cloudformation",
            "servicequotas",
            "sns",
        ],
    ),
    ("announce-outcome", &["sfn", "eventbridge", "sns", "s3"]),
    ("assess-wave", &["cloudwatch", "s3"]),
    ("audit-fleet", &["eventbridge"]),
    ("close-account", &["organizations", "eventbridge"]),
    ("create-account", &["organizations", "resourcegroupstagging", "sts"]),
    ("deploy-wave", &["cloudformation", "cloudwatch", "lambda", "organizations", "s3", "ssm"]),
    ("enroll-baseline", &["cloudformation"]),
    ("equip-account", &["iam", "sns", "sts"]),
    ("find-tenant", &["resourcegroupstagging", "sns", "ssm"]),
    ("finish-rollout", &["cloudformation", "s3"]),
    ("label-account", &["ssm"]),
    ("place-account", &["organizations"]),
    ("plan-change", &["cloudformation", "sfn", "ssm"]),
    ("plan-retirements", &["organizations", "resourcegroupstagging", "sfn", "eventbridge"]),
    (
        "plan-rollout",
        &[
            "organizations",
            "cloudformation",
            "cloudwatch",
            "resourcegroupstagging",
            "s3",
            "sfn",
            "ssm",
        ],
    ),
    ("request-quotas", &["servicequotas", "lambda", "eventbridge"]),
    ("retire-tenant", &[]),
    ("stop-rollout", &["cloudformation", "s3"]),
    ("withdraw-stacks", &["cloudformation", "ssm"]),
];

/// What the functions of a roll-out have in common may call, so that each of them does not.
const OF_ROLLOUT: [&str; 5] = ["cloudformation", "cloudwatch", "organizations", "s3", "ssm"];

/// What the binary `landlord` links in any case.
const OF_OPERATORS: [&str; 2] = ["operator", "clap"];

/// A dependency, as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Use {
    package: String,
    name: String,
    kind: DependencyKind,
    optional: bool,
}

impl Use {
    fn ships(&self) -> bool {
        self.kind != DependencyKind::Development
    }
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned(), "--locked".to_owned()])
        .exec()
        .expect("cargo metadata")
}

fn uses() -> Vec<Use> {
    let of = |package: &Package| -> Vec<Use> {
        let uses = package.dependencies.iter().map(|dependency| Use {
            package: package.name.to_string(),
            name: dependency.name.clone(),
            kind: dependency.kind,
            optional: dependency.optional,
        });
        uses.collect()
    };
    metadata().packages.iter().flat_map(of).collect()
}

/// The packages of the stand-in.
fn of_local() -> BTreeSet<String> {
    BTreeSet::from(
        ["local-aws", "local-states", "local-lambda", "simulation", "landlord"].map(Into::into),
    )
}

/// The rule that a dependency breaks, if any.
fn fault(one: &Use) -> Option<String> {
    let functions: BTreeSet<String> = functions().into_iter().collect();
    let local = of_local();
    let Use { package, name, .. } = one;
    let breaks = |rule: &str| Some(format!("{package} uses {name}: {rule}"));
    let is_sdk = name.starts_with("aws-sdk-");
    if name == "scripted-wire" && one.ships() {
        return breaks("scripted-wire is for tests");
    }
    if package == "lifecycle" && one.ships() && !OF_LIFECYCLE.contains(&name.as_str()) {
        return breaks("the vocabulary holds values and pure functions");
    }
    if let Some((_, allowed)) = PURE.iter().find(|(pure, _)| pure == package)
        && one.ships()
        && !allowed.contains(&name.as_str())
    {
        return breaks("it holds values and pure functions");
    }
    if ["gate-console", "configuration"].contains(&package.as_str())
        && (is_sdk || functions.contains(name) || local.contains(name))
    {
        return breaks("what is read offline asks nobody, and needs no stand-in");
    }
    if package == "operator" && (functions.contains(name) || local.contains(name)) {
        return breaks("an operator's command runs no function, and needs no stand-in");
    }
    if package == "landlord" && one.ships() && !one.optional && !OF_OPERATORS.contains(&&**name) {
        return breaks("without its features it is the operators' command alone");
    }
    if package == "lambda-kit" {
        if is_sdk || functions.contains(name) || local.contains(name) {
            return breaks("lambda-kit knows no service, no function and no stand-in");
        }
        if one.ships() && name.starts_with("aws-") && !one.optional {
            return breaks("the SDK's parts stand behind a feature");
        }
    }
    if package == "rollout" {
        if functions.contains(name) || local.contains(name) {
            return breaks("what functions have in common knows none of them");
        }
        if let Some(service) = name.strip_prefix("aws-sdk-")
            && !OF_ROLLOUT.contains(&service)
        {
            return breaks("a roll-out's functions have no other service in common");
        }
    }
    if functions.contains(package) {
        if functions.contains(name) {
            return breaks("functions do not know each other");
        }
        if local.contains(name) {
            return breaks("functions do not know the stand-in, in their tests neither");
        }
        let services = SERVICES.iter().find(|(function, _)| function == package);
        let allowed = services.map(|(_, services)| *services).unwrap_or_default();
        if let (true, Some(service)) = (one.ships(), name.strip_prefix("aws-sdk-"))
            && !allowed.contains(&service)
        {
            return breaks("the service is not in the function's row");
        }
        if ["aws-config", "aws-smithy-mocks"].contains(&name.as_str()) && one.ships() {
            return breaks("lambda-kit configures the SDK");
        }
    }
    if ["local-aws", "local-states", "local-lambda"].contains(&package.as_str()) {
        if functions.contains(name) || ["simulation", "landlord"].contains(&name.as_str()) {
            return breaks("the stand-in knows AWS, and no Landlord");
        }
        if is_sdk && one.ships() {
            return breaks("the stand-in is asked through the SDK, in its tests only");
        }
    }
    None
}

#[test]
fn every_crate_uses_only_what_its_layer_may() {
    let faults: Vec<String> = uses().iter().filter_map(fault).collect();
    assert_no_faults(&faults);
}

#[test]
fn every_rule_of_the_layers_finds_its_breach() {
    let made = |package: &str, name: &str, kind| {
        let (package, name) = (package.to_owned(), name.to_owned());
        fault(&Use { package, name, kind, optional: false })
    };
    let (normal, development) = (DependencyKind::Normal, DependencyKind::Development);
    for (package, name, kind) in [
        ("lifecycle", "tokio", normal),
        ("stack-set-reasons", "aws-sdk-cloudformation", normal),
        ("aws-cron", "lifecycle", normal),
        ("gate-rules", "lambda-kit", normal),
        ("gate-console", "local-aws", normal),
        ("configuration", "aws-sdk-s3", normal),
        ("operator", "local-aws", development),
        ("operator", "admit-tenant", normal),
        ("landlord", "local-aws", normal),
        ("lambda-kit", "aws-sdk-sts", normal),
        ("lambda-kit", "aws-types", normal),
        ("lambda-kit", "place-account", development),
        ("rollout", "deploy-wave", development),
        ("rollout", "aws-sdk-sts", normal),
        ("create-account", "place-account", normal),
        ("create-account", "local-aws", development),
        ("create-account", "aws-sdk-cloudformation", normal),
        ("create-account", "scripted-wire", normal),
        ("local-aws", "create-account", development),
        ("local-aws", "aws-sdk-sts", normal),
        ("local-states", "simulation", normal),
    ] {
        assert!(made(package, name, kind).is_some(), "{package} may use {name}");
    }
    assert_eq!(made("lifecycle", "proptest", development), None);
    assert_eq!(made("create-account", "scripted-wire", development), None);
    assert_eq!(made("local-aws", "aws-sdk-sts", development), None);
}

#[test]
fn every_function_has_a_row_and_uses_every_service_in_it() {
    let rows: Vec<&str> = SERVICES.iter().map(|(function, _)| *function).collect();
    assert_eq!(functions(), rows);
    let uses = uses();
    for (function, services) in SERVICES {
        for service in services {
            let name = format!("aws-sdk-{service}");
            let used = uses.iter().any(|one| one.package == function && one.name == name);
            assert!(used, "{function} does not use {name} any more");
        }
    }
}

#[test]
fn every_member_is_in_its_folder_under_its_name() {
    let metadata = metadata();
    let names: BTreeSet<String> =
        metadata.packages.iter().map(|package| package.name.to_string()).collect();
    for folder in ["functions", "crates", "local"] {
        for name in folders(folder) {
            let known = names.contains(&name) || names.contains(&format!("local-{name}"));
            assert!(known, "{folder}/{name} is no package");
        }
    }
    for package in &metadata.packages {
        assert_eq!(
            package.publish.as_deref(),
            Some(&[][..]),
            "{}: not for a registry",
            package.name
        );
    }
}

/// Versions are written in one place.
#[test]
fn members_take_their_dependencies_from_the_workspace() {
    let mut faults = Vec::new();
    for package in metadata().packages {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("a manifest");
        let dependencies = manifest.split("dependencies]").skip(1);
        for line in
            dependencies.flat_map(|section| section.split("\n[").next().unwrap_or("").lines())
        {
            let names_one = line.contains('=') && !line.trim_start().starts_with('#');
            if names_one && !line.contains("workspace = true") {
                faults.push(format!("{}: `{line}`", package.name));
            }
        }
    }
    assert_no_faults(&faults);
}
