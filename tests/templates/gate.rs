//! The account gate as it is deployed: its code's buckets, its stack set, its settings and the
//! permissions of its role, in a world of its own.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use lifecycle::gate::GATE_FUNCTION;
use local_aws::cloudformation::StackRequest;
use local_aws::{Aws, AwsError, Call, Principal, Settings};
use serde_json::{Value, json};
use simulation::world::World;

use crate::workspace::{root, template, text};

const REGIONS: [&str; 2] = ["eu-central-1", "eu-west-1"];
const CODEC: base64::engine::GeneralPurpose = base64::prelude::BASE64_STANDARD;

fn key() -> String {
    format!("account-gate/{}.zip", "5".repeat(64))
}

async fn world(parameters: &[(&str, &str)]) -> World {
    let own = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    World::found(Settings { empty_pages: 0.0, ..Settings::default() }, own.collect())
        .await
        .unwrap_or_else(|error| panic!("{}", lambda_kit::chain(&error)))
}

/// A call by the administrator of the management account, for whom no policy makes an exception.
async fn ask(
    aws: &Aws,
    service: &'static str,
    call: &str,
    input: Value,
) -> Result<Value, AwsError> {
    let settings = aws.settings();
    let place = (settings.management_account.as_str(), settings.home_region.as_str());
    let mut call = Call::by_service("administrator", service, call, place, input);
    call.caller.principal = Principal::Administrator;
    call.caller.arn = format!("arn:aws:iam::{}:root", place.0);
    aws.perform(&call).await
}

/// `landlord-artifacts-<account>-<Region>`, as the output says.
fn buckets(world: &World) -> Vec<String> {
    let prefix = world.deployment.output("ArtifactBucketPrefix").unwrap().to_owned();
    let regions = world.deployment.output("ArtifactRegions").unwrap();
    regions.split(',').map(|region| format!("{prefix}-{region}")).collect()
}

#[tokio::test(start_paused = true)]
async fn the_first_deployment_has_buckets_and_the_next_one_the_gate() {
    let none = world(&[]).await;
    assert!(none.deployment.output("ArtifactBucketPrefix").is_err());
    let regions = REGIONS.join(",");
    let first = world(&[("GateRegions", &regions)]).await;
    assert_eq!(buckets(&first).len(), 2);
    assert!(first.deployment.output("AccountGateStackSetName").is_err());
    for (bucket, region) in buckets(&first).iter().zip(REGIONS) {
        let found =
            ask(first.aws(), "s3", "HeadBucket", json!({ "Bucket": bucket })).await.unwrap();
        assert_eq!(found["$headers"]["x-amz-bucket-region"], region);
    }
    let second = world(&[("GateRegions", &regions), ("GateArtifactKey", &key())]).await;
    let set = second.deployment.output("AccountGateStackSetName").unwrap();
    assert_eq!(set, "landlord-account-gate");
    let set = json!({ "StackSetName": set });
    let set = ask(second.aws(), "cloudformation", "DescribeStackSet", set).await.unwrap();
    let given = set["StackSet"]["Parameters"].as_array().unwrap();
    let value = |name: &str| {
        let found = given.iter().find(|given| given["ParameterKey"] == name);
        found.unwrap_or_else(|| panic!("no {name}"))["ParameterValue"].clone()
    };
    assert_eq!(value("ArtifactKey"), key());
    assert_eq!(
        format!("{}-eu-west-1", value("ArtifactBucketPrefix").as_str().unwrap()),
        buckets(&second)[1]
    );
}

/// Deploys the same stack once more.
async fn redeploy(world: &mut World, regions: &str) {
    let parameters = BTreeMap::from([("GateRegions".to_owned(), regions.to_owned())]);
    world.deployment = simulation::deployment::deploy(&world.aws().clone(), root(), parameters)
        .await
        .unwrap_or_else(|error| panic!("{}", lambda_kit::chain(&error)));
}

async fn regions_of_the_artifacts(world: &World) -> Vec<String> {
    let set = json!({ "StackSetName": "landlord-artifacts" });
    let listed = ask(world.aws(), "cloudformation", "ListStackInstances", set).await.unwrap();
    let rows = listed["Summaries"].as_array().unwrap().iter();
    let mut regions: Vec<String> =
        rows.map(|row| row["Region"].as_str().unwrap().to_owned()).collect();
    regions.sort();
    regions
}

#[tokio::test(start_paused = true)]
async fn a_region_more_gets_a_bucket_and_a_region_less_keeps_it() {
    let mut world = world(&[("GateRegions", "eu-central-1")]).await;
    redeploy(&mut world, "eu-central-1,eu-west-1").await;
    assert_eq!(regions_of_the_artifacts(&world).await, REGIONS);
    let added = buckets(&world).remove(1);
    redeploy(&mut world, "eu-central-1").await;
    assert_eq!(regions_of_the_artifacts(&world).await, ["eu-central-1"]);
    ask(world.aws(), "s3", "HeadBucket", json!({ "Bucket": added })).await.unwrap();
    // A Region that AWS does not know fails the deployment, by name, and what was there stays.
    let wrong =
        BTreeMap::from([("GateRegions".to_owned(), "eu-central-1,eu-atlantis-1".to_owned())]);
    let error = simulation::deployment::deploy(world.aws(), root(), wrong).await.unwrap_err();
    assert!(lambda_kit::chain(&error).contains("eu-atlantis-1"), "{}", lambda_kit::chain(&error));
    assert_eq!(regions_of_the_artifacts(&world).await, ["eu-central-1"]);
}

#[tokio::test(start_paused = true)]
async fn an_artifact_is_written_once_and_stays() {
    let world = world(&[("GateRegions", "eu-central-1")]).await;
    let aws = world.aws();
    let bucket = buckets(&world).remove(0);
    let mut object = json!({ "Bucket": bucket, "Key": key(), "$body": CODEC.encode("code") });
    let refused = ask(aws, "s3", "PutObject", object.clone()).await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.status), ("AccessDenied", 403));
    object["IfNoneMatch"] = json!("*");
    ask(aws, "s3", "PutObject", object.clone()).await.unwrap();
    let again = ask(aws, "s3", "PutObject", object).await.unwrap_err();
    assert_eq!(again.code, "PreconditionFailed");
    let object = json!({ "Bucket": bucket, "Key": key() });
    let deleted = ask(aws, "s3", "DeleteObject", object.clone()).await.unwrap_err();
    assert_eq!(deleted.code, "AccessDenied");
    ask(aws, "s3", "GetObject", object).await.unwrap();
}

/// A gate with every check in use, as a stack in the management account.
async fn gate(world: &World, parameters: &[(&str, &str)]) {
    let settings = world.aws().settings().clone();
    let own = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let artifact = [("ArtifactBucketPrefix", "code".to_owned()), ("ArtifactKey", key())];
    let artifact = artifact.map(|(name, value)| (name.to_owned(), value));
    let request = StackRequest {
        name: "gate".to_owned(),
        template: text("stacksets/account-gate.yaml"),
        base_dir: None,
        parameters: artifact.into_iter().chain(own).collect(),
        tags: BTreeMap::new(),
        account: settings.management_account,
        region: settings.home_region,
    };
    world.aws().deploy_stack(request).await.unwrap();
}

async fn explained(world: &World) -> Value {
    let input =
        json!({ "FunctionName": GATE_FUNCTION, "$body": CODEC.encode(r#"{"explain":true}"#) });
    let answer = ask(world.aws(), "lambda", "Invoke", input).await.unwrap();
    serde_json::from_slice(&CODEC.decode(answer["$body"].as_str().unwrap()).unwrap()).unwrap()
}

fn ical(now: Timestamp) -> String {
    let moment = |time: Timestamp| time.strftime("%Y%m%dT%H%M%SZ").to_string();
    let (from, to) = (now - SignedDuration::from_hours(1), now + SignedDuration::from_hours(1));
    format!(
        "BEGIN:VCALENDAR\nX-CALENDAR-TYPE:DEFAULT_OPEN\nBEGIN:VEVENT\nDTSTART:{}\nDTEND:{}\n\
         END:VEVENT\nEND:VCALENDAR\n",
        moment(from),
        moment(to)
    )
}

/// Every parameter of the template reaches the gate, every action of its role is needed, and no
/// other is.
#[tokio::test(start_paused = true)]
async fn the_gate_uses_every_setting_and_every_permission_of_its_template() {
    let world = world(&[]).await;
    let aws = world.aws();
    let now = aws.now();
    let calendar =
        json!({ "Name": "change", "DocumentType": "ChangeCalendar", "Content": ical(now) });
    ask(aws, "ssm", "CreateDocument", calendar).await.unwrap();
    for name in ["muted", "ignored", "red"] {
        let alarm = json!({ "AlarmName": name, "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Threshold": 10 });
        ask(aws, "cloudwatch", "PutMetricAlarm", alarm).await.unwrap();
        let red = json!({ "AlarmName": name, "StateValue": "ALARM", "StateReason": "test" });
        ask(aws, "cloudwatch", "SetAlarmState", red).await.unwrap();
    }
    let begin = now.strftime("at(%Y-%m-%dT%H:%M)").to_string();
    let mute = json!({ "Name": "m", "MuteTargets": { "AlarmNames": ["muted"] },
        "Rule": { "Schedule": { "Expression": begin, "Duration": "PT1H" } } });
    ask(aws, "cloudwatch", "PutAlarmMuteRule", mute).await.unwrap();

    let freeze =
        json!([{ "From": "2026-01-01T00:00", "To": "2027-01-01T00:00", "Reason": "sale" }]);
    gate(
        &world,
        &[
            ("SuppressedAlarmsCount", "false"),
            ("AlarmsIgnore", "ign*"),
            ("FreezePeriods", &freeze.to_string()),
            ("ChangeCalendars", "change"),
            ("RequiredParameters", "/landlord/tenant"),
        ],
    )
    .await;
    let answer = explained(&world).await;
    assert_eq!(answer["Status"], "FAILED");
    let reasons: Vec<(&str, &str)> = answer["Checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| (check["Check"].as_str().unwrap(), check["Reason"].as_str().unwrap()))
        .collect();
    let starts = [
        ("Override", "no override in /landlord/gate/override"),
        ("Windows", "frozen until 2027-01-01T00:00:00Z: sale"),
        ("Alarms", "1 alarms in ALARM: \"red\""),
        ("Calendars", "closed until "),
        ("Parameters", "not there: \"/landlord/tenant\""),
    ];
    assert_eq!(reasons.len(), starts.len(), "{reasons:?}");
    for ((check, reason), (wanted, start)) in reasons.iter().zip(starts) {
        assert!(*check == wanted && reason.starts_with(start), "{check}: {reason}");
    }

    let used: BTreeSet<String> = aws
        .used_actions()
        .into_iter()
        .filter(|(role, _)| role.contains(":role/landlord/gate-AccountGateRole"))
        .map(|(_, action)| action)
        .collect();
    let role = &template("stacksets/account-gate.yaml")["Resources"]["AccountGateRole"];
    let allowed: BTreeSet<String> =
        role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|statement| match &statement["Action"] {
                Value::Array(actions) => actions.clone(),
                one => vec![one.clone()],
            })
            .map(|action| action.as_str().unwrap().to_owned())
            // Lambda itself writes the log, and here nobody does.
            .filter(|action| !action.starts_with("logs:"))
            .collect();
    assert_eq!(used, allowed);
}

/// What the template sets is what the gate can read, for every parameter's default.
#[tokio::test(start_paused = true)]
async fn the_gate_of_the_defaults_looks_at_alarms_and_the_override() {
    let world = world(&[]).await;
    gate(&world, &[]).await;
    let answer = explained(&world).await;
    assert_eq!(answer["Status"], "SUCCEEDED", "{answer}");
    let checks = answer["Checks"].as_array().unwrap();
    let names: Vec<&str> = checks.iter().map(|check| check["Check"].as_str().unwrap()).collect();
    assert_eq!(names, ["Override", "Windows", "Alarms"]);
}
