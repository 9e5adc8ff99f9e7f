//! `landlord fleet`, `landlord tenant`, `landlord converge`: faults are made by hand, and each is found,
//! named with the command that mends it, and gone after that.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clap::Parser as _;
use lambda_kit::sdk::{Wire, temporary_credentials};
use lambda_kit::{Clock, client};
use local_aws::organizations::Settled;
use operator::{Answer, Failure};
use serde_json::{Value, json};
use simulation::adoption::operator;
use simulation::paste::paste;
use simulation::world::{World, settings};

const HOUR: Duration = Duration::from_secs(3600);
const BASELINE: &str = "landlord-tenant-baseline";
const TENANTS: [&str; 11] = [
    "acme",
    "behind",
    "beyond",
    "closed",
    "left",
    "lost",
    "missing",
    "moved",
    "parked",
    "twin",
    "unrecorded",
];

#[derive(clap::Parser)]
struct Line {
    #[command(subcommand)]
    command: operator::Command,
}

async fn answer(world: &World, arguments: &[&str]) -> Result<Answer, Failure> {
    let (wire, clock) = operator(world.aws());
    answer_on(&wire, &clock, arguments).await
}

async fn answer_on(wire: &Wire, clock: &Clock, arguments: &[&str]) -> Result<Answer, Failure> {
    let line = Line::try_parse_from([&["landlord"], arguments].concat()).unwrap();
    match line.command {
        operator::Command::Fleet(fleet) => fleet.on(wire, clock).await,
        operator::Command::Tenant(tenant) => tenant.on(wire, clock).await,
        operator::Command::Converge(converge) => {
            let text = converge.on(wire, clock).await?;
            Ok(Answer { text, has_findings: false })
        }
        _ => panic!("another command"),
    }
}

async fn document(world: &World, arguments: &[&str]) -> Value {
    let answer = answer(world, &[arguments, &["--json"]].concat()).await.unwrap();
    let document: Value = serde_json::from_str(&answer.text).unwrap();
    let findings = document["findings"].as_array().unwrap();
    assert_eq!(answer.has_findings, !findings.is_empty(), "the exit status");
    assert_eq!(document["unread"], json!([]), "an administrator reads everything");
    document
}

/// `CLASS tenant` of each finding.
fn found(document: &Value) -> BTreeSet<String> {
    let findings = document["findings"].as_array().unwrap().iter();
    let text = |it: &Value| it.as_str().unwrap_or("-").to_owned();
    findings.map(|it| format!("{} {}", text(&it["class"]), text(&it["tenantId"]))).collect()
}

/// A world in which all of them are live, and their accounts.
async fn live(seed: u64) -> (World, BTreeMap<String, String>) {
    live_with(seed, BTreeMap::new()).await
}

async fn live_with(
    seed: u64,
    parameters: BTreeMap<String, String>,
) -> (World, BTreeMap<String, String>) {
    let mut world = World::found(settings(seed), parameters).await.unwrap();
    for tenant in TENANTS {
        let detail = json!({ "tenantId": tenant, "tenantName": tenant, "tier": "standard" });
        world.deployment.sign_up(&detail).await.unwrap();
    }
    let ready = world.gather(48 * HOUR, &["TenantReady"], TENANTS.len()).await.unwrap();
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let accounts: BTreeMap<String, String> = ready
        .iter()
        .map(|it| (text(&it.detail["tenantId"]), text(&it.detail["accountId"])))
        .collect();
    assert_eq!(accounts.len(), TENANTS.len());
    world.aws().sleep(HOUR).await;
    (world, accounts)
}

async fn instances(world: &World, operation: &str, account: &str, more: Value) {
    let mut input = json!({ "StackSetName": BASELINE, "Accounts": [account] });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.deployment.ask("cloudformation", operation, input).await.unwrap();
    world.aws().sleep(HOUR).await;
}

/// Makes a fault of each kind, and answers what is to be found.
async fn seed(world: &mut World, accounts: &BTreeMap<String, String>) -> BTreeSet<String> {
    let account = |tenant: &str| accounts[tenant].as_str();
    let units = world.deployment.units().await.unwrap();
    let root = world.deployment.root().await.unwrap();
    let aws = world.aws().clone();

    assert!(aws.tag_account_by_hand(account("lost"), "landlord:tenant", None));
    assert!(aws.tag_account_by_hand(account("behind"), "landlord:baseline", Some("x")));
    assert!(aws.move_account_by_hand(account("moved"), &root));
    assert!(aws.move_account_by_hand(account("parked"), &units["Onboarding"]));
    assert!(aws.close_account_by_hand(account("closed")));
    let general = units["General"].clone();
    let settled = |name: &str, tags: &[(&str, &str)]| Settled {
        name: name.to_owned(),
        email: format!("{name}@corp.example"),
        parent: general.clone(),
        role: None,
        tags: tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
    };
    let strangers = [settled("sandbox", &[]), settled("second", &[("landlord:tenant", "twin")])];
    aws.settle_accounts(&strangers).unwrap();

    let bucket = world.deployment.output("RunsBucketName").unwrap();
    let input = json!({ "Bucket": bucket, "Key": "tenants/unrecorded.json" });
    world.deployment.ask("s3", "DeleteObject", input).await.unwrap();
    let away = json!({ "Regions": ["eu-central-1"], "RetainStacks": false });
    instances(world, "DeleteStackInstances", account("missing"), away).await;
    let more = json!({ "Regions": ["eu-west-1"] });
    instances(world, "CreateStackInstances", account("beyond"), more).await;

    let detail = json!({ "tenantId": "left", "occurredAt": aws.now().to_string() });
    world.deployment.put("TenantOffboarded", &detail).await.unwrap();
    let retiring = world.gather(12 * HOUR, &["TenantRetiring"], 1).await.unwrap();
    assert_eq!(retiring[0].detail["tenantId"], "left");
    assert!(aws.tag_account_by_hand(account("left"), "landlord:retire-after", None));
    aws.sleep(HOUR).await;

    [
        "BEHIND_CONFIGURATION behind",
        "CLOSED_BY_HAND closed",
        "INSTANCE_BEYOND beyond",
        "INSTANCE_MISSING missing",
        "LOST_TAG -",
        "LOST_TAG lost",
        "ONBOARDING_STOPPED parked",
        "RECORD_MISSING unrecorded",
        "RETIREMENT_TAGS left",
        "TWO_ACCOUNTS twin",
        "WRONG_PLACE moved",
    ]
    .map(str::to_owned)
    .into()
}

/// Does what each finding says.
async fn mend(world: &World, document: &Value) {
    for finding in document["findings"].as_array().unwrap() {
        for command in finding["mend"].as_array().unwrap() {
            let command = command.as_str().unwrap();
            match command.strip_prefix("landlord ") {
                Some(rest) => {
                    let words: Vec<&str> = rest.split(' ').collect();
                    answer(world, &words).await.unwrap();
                }
                None => drop(paste(&world.deployment, command).await.unwrap()),
            }
            // The index of tags lags behind what the last command did.
            world.aws().sleep(Duration::from_secs(120)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn faults_of_each_kind_are_found_and_nothing_else_and_are_gone_after_the_commands() {
    let (mut world, accounts) = live(61).await;
    let before = document(&world, &["fleet"]).await;
    assert_eq!(found(&before), BTreeSet::new(), "{before:#}");
    assert_eq!(before["counts"]["ready"], TENANTS.len());

    let expected = seed(&mut world, &accounts).await;
    let seen = document(&world, &["fleet"]).await;
    assert_eq!(found(&seen), expected, "{seen:#}");
    assert_eq!(seen["counts"]["byFinding"]["LOST_TAG"], 2);
    assert_eq!(seen["counts"]["ready"], 2, "acme, and the one of the twins");

    let text = answer(&world, &["fleet"]).await.unwrap().text;
    assert!(text.contains("LIVE"), "{text}");
    let too_wide = |line: &&str| {
        line.chars().count() > 80 && !line.contains("put-events") && !line.contains("'[{")
    };
    assert_eq!(text.lines().find(too_wide), None, "{text}");
    let csv = answer(&world, &["fleet", "--csv", "--finding", "lost-tag"]).await.unwrap().text;
    assert_eq!(csv.lines().count(), 3, "{csv}");
    let not_ready = document(&world, &["fleet", "--not-ready"]).await;
    let rows = not_ready["accounts"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["ready"] == false && row["because"].is_string()));
    assert!(!rows.iter().any(|row| row["state"] == "RETIRING"), "it is not to be ready");

    mend(&world, &seen).await;
    world.aws().sleep(6 * HOUR).await;
    let after = document(&world, &["fleet"]).await;
    assert_eq!(found(&after), BTreeSet::new(), "{after:#}");
    // The parked one signed up anew, and the closed one's tenant has left by what was said.
    assert_eq!(after["counts"]["byState"]["RETIRING"]["accounts"], 1);
    assert_eq!(after["counts"]["byState"]["LIVE"]["accounts"], 9);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_says_first_what_is_wrong_and_what_mends_it() {
    let (world, accounts) = live(62).await;
    let page = answer(&world, &["tenant", "acme"]).await.unwrap();
    assert!(!page.has_findings);
    assert!(page.text.contains("acme: LIVE in General, tier standard"), "{}", page.text);
    assert!(page.text.contains("\nnothing is wrong\n"), "{}", page.text);
    assert!(page.text.contains("onboard-tenant acme: SUCCEEDED"), "{}", page.text);
    let by_account = answer(&world, &["tenant", &accounts["acme"]]).await.unwrap();
    assert_eq!(by_account.text, page.text, "an account is its tenant");

    let other = json!([{ "ParameterKey": "LogRetentionDays", "ParameterValue": "7" }]);
    let more = json!({ "Regions": ["eu-central-1"], "ParameterOverrides": other });
    instances(&world, "UpdateStackInstances", &accounts["acme"], more).await;
    let seen = document(&world, &["tenant", "acme"]).await;
    assert_eq!(found(&seen), BTreeSet::from(["OVERRIDES_DIFFER acme".to_owned()]), "{seen:#}");
    let page = answer(&world, &["tenant", "acme"]).await.unwrap().text;
    let first: Vec<&str> = page.lines().take(6).collect();
    assert!(first.iter().any(|line| line.starts_with("OVERRIDES_DIFFER")), "{page}");
    assert!(first.iter().any(|line| line.trim() == "landlord converge acme"), "{page}");
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");

    answer(&world, &["converge", "acme"]).await.unwrap();
    // The list of executions lags.
    world.aws().sleep(Duration::from_secs(20)).await;
    let page = answer(&world, &["tenant", "acme"]).await.unwrap().text;
    assert!(page.contains("converge-tenant works on it"), "{page}");
    assert!(page.contains(": RUNNING in "), "{page}");
    world.aws().sleep(2 * HOUR).await;
    assert_eq!(found(&document(&world, &["tenant", "acme"]).await), BTreeSet::new());

    let nobody = answer(&world, &["tenant", "nobody"]).await.unwrap_err();
    assert!(nobody.advice.contains("landlord fleet"), "{nobody}");
}

/// The wire of somebody who may do everything but this.
async fn without(world: &World, denied: &[&str]) -> (Wire, Clock) {
    let (wire, clock) = operator(world.aws());
    let management = &world.aws().settings().management_account;
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "AWS": format!("arn:aws:iam::{management}:root") },
    }] });
    let role = json!({ "RoleName": "on-call", "AssumeRolePolicyDocument": trust.to_string() });
    world.deployment.ask("iam", "CreateRole", role).await.unwrap();
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": denied, "Resource": "*" },
    ] });
    let input = json!({ "RoleName": "on-call", "PolicyName": "most",
                        "PolicyDocument": policy.to_string() });
    world.deployment.ask("iam", "PutRolePolicy", input).await.unwrap();
    world.aws().sleep(HOUR).await;
    let assumed = client!(aws_sdk_sts, wire)
        .assume_role()
        .role_arn(format!("arn:aws:iam::{management}:role/on-call"))
        .role_session_name("me")
        .send()
        .await
        .unwrap();
    let given = assumed.credentials().unwrap();
    let credentials = temporary_credentials(
        given.access_key_id(),
        given.secret_access_key(),
        given.session_token(),
        given.expiration(),
    );
    (wire.assumed(credentials.unwrap(), "eu-central-1"), clock)
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_read_is_said_and_the_rest_works() {
    let mut world = World::found(settings(63), BTreeMap::new()).await.unwrap();
    let detail = json!({ "tenantId": "acme", "tenantName": "Acme", "tier": "standard" });
    world.deployment.sign_up(&detail).await.unwrap();
    world.gather(12 * HOUR, &["TenantReady"], 1).await.unwrap();
    let denied =
        ["s3:GetObject", "cloudformation:ListStackInstances", "states:GetExecutionHistory"];
    let (wire, clock) = without(&world, &denied).await;
    let page = answer_on(&wire, &clock, &["fleet"]).await.unwrap();
    assert!(
        page.text.starts_with("NOT READ: the instances of landlord-tenant-baseline."),
        "{}",
        page.text
    );
    assert!(page.text.contains("s3:GetObject"), "{}", page.text);
    assert!(page.text.contains("1 accounts, 0 ready"), "unknown is never ready: {}", page.text);
    assert!(page.text.contains("nothing is wrong, as far as was read"), "{}", page.text);
    assert!(!page.has_findings, "what was not read is never found missing");
    let page = answer_on(&wire, &clock, &["tenant", "acme"]).await.unwrap();
    assert!(page.text.contains("NOT READ: the record of acme"), "{}", page.text);
    assert!(page.text.contains("acme: LIVE in General"), "{}", page.text);
    assert!(page.text.contains("nothing is wrong, as far as could be read"), "{}", page.text);
}

/// An audit that is started by hand, and what it says.
async fn audit(world: &mut World, name: &str) -> Value {
    let machine = world.deployment.output("InspectFleetStateMachineArn").unwrap();
    let input = json!({ "stateMachineArn": machine, "name": name, "input": "{}" });
    world.deployment.ask("states", "StartExecution", input).await.unwrap();
    let is_it = |heard: &simulation::deployment::Announcement| {
        heard.name == "FleetAuditFinished" && heard.detail["audit"] == name
    };
    let finished = world.until(6 * HOUR, is_it).await.unwrap().expect("an end");
    assert_eq!(finished.detail["unread"], json!([]), "{}", finished.detail);
    finished.detail
}

#[tokio::test(start_paused = true)]
async fn the_nightly_audit_finds_what_the_command_finds_and_says_what_is_new_and_what_is_gone() {
    let parameters = BTreeMap::from([("Audits".to_owned(), "true".to_owned())]);
    let (mut world, accounts) = live_with(64, parameters).await;
    // Nobody starts it: it is on by default, and comes by its schedule.
    let is_finished =
        |heard: &simulation::deployment::Announcement| heard.name == "FleetAuditFinished";
    let night = world.until(24 * HOUR, is_finished).await.unwrap().expect("an audit");
    assert_eq!(night.detail["findings"], 0, "{}", night.detail);
    assert_eq!(night.detail["states"], json!({ "LIVE": TENANTS.len() }));
    let at = night.detail["startedAt"].as_str().unwrap().to_owned();
    assert!(at.contains("T01:30:"), "{at}");

    let expected = seed(&mut world, &accounts).await;
    let seen = document(&world, &["fleet"]).await;
    let second = audit(&mut world, "second").await;
    let news = json!({ "findings": second["new"] });
    assert_eq!(found(&news), expected, "{second:#}");
    assert_eq!(second["newCount"], expected.len());
    assert_eq!(second["goneCount"], 0);
    let mends = |document: &Value| -> BTreeSet<String> {
        let findings = document["findings"].as_array().unwrap().iter();
        // An event says when it is sent.
        let lines = findings.map(|it| format!("{} {}", it["class"], it["mend"]));
        lines.filter(|line| !line.contains("occurredAt")).collect()
    };
    assert_eq!(mends(&news), mends(&seen), "the same commands");

    mend(&world, &news).await;
    world.aws().sleep(6 * HOUR).await;
    let third = audit(&mut world, "third").await;
    assert_eq!(third["findings"], 0, "{third:#}");
    assert_eq!((&third["newCount"], &third["goneCount"]), (&json!(0), &json!(expected.len())));
}
