//! Signups that wait: for another signup of their tenant, and for an organization in which AWS makes
//! no accounts. None of them goes without an end, and none is failed for what is no fault of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use local_aws::Settings;
use serde_json::{Value, json};
use simulation::deployment::Announcement;
use simulation::world::{World, settings};

const HOUR: Duration = Duration::from_secs(3600);
const ENDS: [&str; 5] = [
    "TenantReady",
    "TenantLeft",
    "TenantSignupContradicted",
    "TenantOnboardingFailed",
    "TenantRejected",
];

fn signup(tenant: &str) -> Value {
    json!({ "tenantId": tenant, "tenantName": "Acme", "tier": "standard" })
}

/// The ends of these events, each of which has one.
fn ends_of<'a>(heard: &'a [Announcement], events: &[String]) -> Vec<&'a Announcement> {
    let end = |event: &String| {
        let mut of = heard
            .iter()
            .filter(|it| ENDS.contains(&it.name.as_str()) && it.detail["eventId"] == **event);
        let end = of.next().unwrap_or_else(|| panic!("{event} has no end: {heard:?}"));
        assert!(of.next().is_none(), "{event} has two ends");
        end
    };
    events.iter().map(end).collect()
}

#[tokio::test(start_paused = true)]
async fn each_signup_of_a_tenant_in_hand_is_told_so_at_once_and_has_an_end_of_its_own() {
    let mut world = World::found(settings(41), BTreeMap::new()).await.unwrap();
    let mut events = vec![world.deployment.sign_up(&signup("acme")).await.unwrap()];
    world.gather(HOUR, &["TenantAdmitted"], 1).await.unwrap();
    // One that agrees, and one that does not.
    events.push(world.deployment.sign_up(&signup("acme")).await.unwrap());
    let mut premium = signup("acme");
    premium["tier"] = json!("premium");
    premium["metadata"] = json!({ "order": 7 });
    events.push(world.deployment.sign_up(&premium).await.unwrap());
    let told = world.gather(HOUR, &["TenantAdmitted"], 3).await.unwrap();
    assert_eq!(world.aws().accounts().len(), 1, "long before the first has an account");
    for (told, event) in told[1..].iter().zip(&events[1..]) {
        assert_eq!(told.detail["eventId"], **event);
        assert_eq!(told.detail["behindEventId"], *events[0]);
        let arn = told.detail["executionArn"].as_str().unwrap();
        assert!(arn.ends_with(":acme"), "{arn}");
    }
    assert_eq!(told[1].detail.get("differences"), None);
    let differs = json!([{ "field": "tier", "signup": "premium", "tenant": "standard" }]);
    assert_eq!(told[2].detail["differences"], differs);
    assert_eq!(told[2].detail["changeWith"], "TenantChanged");

    let heard = world.gather(12 * HOUR, &ENDS, 3).await.unwrap();
    let ends = ends_of(&heard, &events);
    let names: Vec<&str> = ends.iter().map(|end| end.name.as_str()).collect();
    assert_eq!(names, ["TenantReady", "TenantReady", "TenantSignupContradicted"]);
    assert_eq!(ends[2].detail["differences"], differs);
    assert_eq!(ends[2].detail["metadata"]["order"], 7);
    assert_eq!(ends[0].detail["accountId"], ends[1].detail["accountId"]);
    assert_eq!(world.aws().accounts().len(), 2);
    assert_eq!(world.dead_letters().await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_signup_behind_one_that_fails_does_better_and_the_failure_is_told_again() {
    let domains = [("RootEmailDomains".to_owned(), "acme.example".to_owned())];
    let mut world = World::found(settings(42), domains.into()).await.unwrap();
    world.aws().take_email_outside("root@acme.example");
    let mut taken = signup("acme");
    taken["rootEmail"] = json!("root@acme.example");
    let mut events = vec![world.deployment.sign_up(&taken).await.unwrap()];
    world.gather(HOUR, &["TenantAdmitted"], 1).await.unwrap();
    events.push(world.deployment.sign_up(&signup("acme")).await.unwrap());
    let heard = world.gather(12 * HOUR, &ENDS, 2).await.unwrap();
    let ends = ends_of(&heard, &events);
    assert_eq!(ends[0].detail["error"], "EmailInUseElsewhere", "{:?}", ends[0]);
    assert_eq!(ends[1].name, "TenantReady", "{:?}", ends[1]);

    // The bus delivers the first one again: it is answered as it was.
    let event = json!({
        "version": "0", "id": events[0], "detail-type": "TenantSignedUp", "source": "saas.signup",
        "time": "2026-01-05T08:00:00Z", "detail": taken,
    });
    let message = json!({
        "QueueUrl": world.deployment.output("SignupsQueueUrl").unwrap(),
        "MessageBody": event.to_string(), "MessageGroupId": "signups",
        "MessageDeduplicationId": "again",
    });
    world.forget();
    world.deployment.ask("sqs", "SendMessage", message).await.unwrap();
    let again = world.gather(HOUR, &ENDS, 1).await.unwrap();
    assert_eq!((&again[0].name, &again[0].detail), (&ends[0].name, &ends[0].detail));
}

#[tokio::test(start_paused = true)]
async fn at_the_limit_of_accounts_nobody_fails_and_all_go_on_when_it_is_raised() {
    let limited = Settings { account_limit: 3, alarms: true, ..settings(43) };
    let mut world = World::found(limited, BTreeMap::new()).await.unwrap();
    for number in 0..10 {
        world.deployment.sign_up(&signup(&format!("tenant-{number}"))).await.unwrap();
    }
    world.aws().sleep(72 * HOUR).await;
    world.drain().await.unwrap();
    let early = world.gather(Duration::ZERO, &ENDS, 10).await.unwrap();
    assert!(early.iter().all(|end| end.name == "TenantReady"), "{early:?}");
    assert_eq!((early.len(), world.aws().accounts().len()), (2, 3));
    world.aws().set_account_limit(50);
    world.aws().sleep(4 * HOUR).await;
    world.drain().await.unwrap();
    let ended = world.gather(Duration::ZERO, &ENDS, 10).await.unwrap();
    assert!(ended.iter().all(|end| end.name == "TenantReady"), "{ended:?}");
    assert_eq!((ended.len(), world.aws().accounts().len()), (10, 11));
    assert_eq!(world.dead_letters().await.unwrap(), 0);
    let told: Vec<_> = world.aws().published().into_iter().map(|it| it.subject).collect();
    assert_eq!(told, [Some("ALARM: \"landlord-creations-held\" in eu-central-1".to_owned())]);
    assert_eq!(alarm(&world, "landlord-creations-held").await, "OK", "it has cleared");
}

/// The state of an alarm.
async fn alarm(world: &World, name: &str) -> String {
    let input = json!({ "AlarmNames": [name] });
    let found = world.deployment.ask("cloudwatch", "DescribeAlarms", input).await.unwrap();
    found["MetricAlarms"][0]["StateValue"].as_str().expect("the alarm").to_owned()
}
