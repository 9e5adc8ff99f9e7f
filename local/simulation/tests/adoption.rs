//! A fleet that Landlord did not make is adopted: planned, applied, rolled out to, given back; and its
//! workloads notice nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Parser as _;
use operator::{Exit, Failure};
use serde_json::{Value, json};
use simulation::adoption::{Fleet, Probe, operator, roll_out};
use simulation::world::{World, settings};

const HOUR: Duration = Duration::from_secs(3600);

#[derive(clap::Parser)]
struct Line {
    #[command(subcommand)]
    adopt: operator::adopt::Command,
}

/// Runs `landlord adopt …` as an operator in the management account.
async fn adopt(world: &World, arguments: &[&str]) -> Result<String, Failure> {
    let line = Line::parse_from([&["landlord"], arguments].concat());
    let (wire, clock) = operator(world.aws());
    line.adopt.on(&wire, &clock).await
}

/// The list as a file, which is gone with its folder.
struct List(tempfile::TempDir);

impl List {
    fn of(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("list.csv"), text).unwrap();
        Self(folder)
    }

    fn path(&self) -> String {
        self.0.path().join("list.csv").to_str().unwrap().to_owned()
    }
}

async fn world(seed: u64) -> (World, Fleet) {
    let world = World::found(settings(seed), BTreeMap::new()).await.unwrap();
    let fleet = Fleet::settle(&world.deployment).await.unwrap();
    world.aws().sleep(HOUR).await;
    (world, fleet)
}

async fn planned(world: &World, fleet: &Fleet, list: &List) -> Value {
    let path = list.path();
    let arguments = ["plan", &path, "--from", &fleet.workloads, "--json"];
    serde_json::from_str(&adopt(world, &arguments).await.unwrap()).unwrap()
}

fn verdicts(plan: &Value) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for row in plan["accounts"].as_array().unwrap() {
        *counts.entry(row["verdict"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

fn verdict<'a>(plan: &'a Value, account: &str) -> &'a str {
    let rows = plan["accounts"].as_array().unwrap();
    let row = rows.iter().find(|row| row["accountId"] == account).unwrap();
    row["verdict"].as_str().unwrap()
}

fn standing(world: &World, id: &str) -> (String, BTreeMap<String, String>) {
    let found = world.aws().accounts().into_iter().find(|one| one.id == id).unwrap();
    (found.parent_name, found.tags.into_iter().collect())
}

async fn version(world: &World, account: &str) -> String {
    let place = (account, "eu-central-1");
    let input = json!({ "Name": "/landlord/baseline" });
    let call =
        local_aws::Call::by_service("console.amazonaws.com", "ssm", "GetParameter", place, input);
    let shown = world.aws().perform(&call).await.unwrap();
    let value: Value = serde_json::from_str(shown["Parameter"]["Value"].as_str().unwrap()).unwrap();
    value["version"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_fleet_is_adopted_where_its_workloads_go_on_and_a_rollout_reaches_it() {
    let (mut world, fleet) = world(81).await;
    let probe = Probe::begin(world.aws(), &fleet.live, Duration::from_secs(60));
    let list = List::of(&fleet.list);
    let plan = planned(&world, &fleet, &list).await;
    let expected =
        [("ADOPT", 15), ("CONFLICT", 2), ("IMPORT", 1), ("NEEDS_ROLE", 5), ("REFUSE", 7)];
    let expected = expected.map(|(verdict, count)| (verdict.to_owned(), count));
    assert_eq!(verdicts(&plan), BTreeMap::from(expected), "{plan}");
    for (verdict_of, accounts) in [
        ("CONFLICT", &fleet.duplicate),
        ("REFUSE", &fleet.closed),
        ("REFUSE", &fleet.internal),
        ("NEEDS_ROLE", &fleet.without_role),
    ] {
        assert!(accounts.iter().all(|id| verdict(&plan, id) == verdict_of), "{verdict_of}");
    }
    assert_eq!(verdict(&plan, &fleet.by_hand), "IMPORT");
    assert_eq!(verdict(&plan, &fleet.sealed), "NEEDS_ROLE");
    let denied = plan["moves"][0]["newlyDenied"].to_string();
    assert!(denied.contains("organizations:LeaveOrganization"), "{denied}");
    assert_eq!(standing(&world, &fleet.live[0]).0, "Workloads", "a plan does nothing");

    let hash = plan["hash"].as_str().unwrap();
    let applied = adopt(&world, &["apply", hash, "--json"]).await.unwrap();
    let applied: Value = serde_json::from_str(&applied).unwrap();
    let adopted = applied["accounts"].as_array().unwrap();
    assert_eq!(adopted.len(), 19, "15 and the four whose role was made");
    assert!(adopted.iter().all(|one| one["outcome"] == "LIVE"), "{applied}");
    for id in fleet.live.iter().chain(&fleet.without_role) {
        let (place, tags) = standing(&world, id);
        assert!(["Canary", "Early", "General"].contains(&place.as_str()), "{place}");
        assert!(tags.contains_key("landlord:tenant") && tags.contains_key("landlord:baseline"));
        assert_eq!(tags["owner"], "product", "its own tags stay");
    }
    for id in fleet.closed.iter().chain(&fleet.internal).chain([&fleet.sealed, &fleet.by_hand]) {
        assert!(!standing(&world, id).1.contains_key("landlord:tenant"), "{id} was touched");
    }
    // Once more: all is as the plan wants it.
    let again = adopt(&world, &["apply", hash]).await.unwrap();
    assert!(again.contains("19 of them seen"), "{again}");

    let waves = json!("urgent");
    let execution = roll_out(&world.deployment, "after-adoption", waves).await.unwrap();
    let done = |it: &simulation::deployment::Announcement| it.name == "RolloutFinished";
    let finished = world.until(72 * HOUR, done).await.unwrap().expect("an end");
    assert_eq!(finished.detail["outcome"], "SUCCEEDED", "{execution}: {}", finished.detail);
    for one in adopted {
        assert_eq!(version(&world, one["accountId"].as_str().unwrap()).await, "2");
    }
    let (calls, refused) = probe.end().await;
    assert!(calls > 100, "{calls}");
    assert_eq!(refused, Vec::<String>::new());

    // A signup for one of them is answered as live.
    let signup = json!({ "tenantId": "live-01", "tenantName": "The live-01", "tier": "standard" });
    let event = world.deployment.sign_up(&signup).await.unwrap();
    let is_ready = |it: &simulation::deployment::Announcement| {
        it.name == "TenantReady" && it.detail["eventId"] == event
    };
    let ready = world.until(24 * HOUR, is_ready).await.unwrap().expect("ready");
    assert_eq!(ready.detail["accountId"], fleet.live[0]);

    // And it leaves as any other.
    let at = world.aws().now().to_string();
    let left = json!({ "tenantId": "live-02", "occurredAt": at, "reason": "cancelled" });
    world.deployment.put("TenantOffboarded", &left).await.unwrap();
    let retiring = |it: &simulation::deployment::Announcement| it.name == "TenantRetiring";
    world.until(24 * HOUR, retiring).await.unwrap().expect("retiring");
    assert_eq!(standing(&world, &fleet.live[1]).0, "Retiring");
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_applied_only_to_the_world_that_it_was_made_for() {
    let (world, fleet) = world(82).await;
    let list = List::of(&fleet.list);
    let plan = planned(&world, &fleet, &list).await;
    let hash = plan["hash"].as_str().unwrap();
    let by_hand = |key: &str, value: Option<&str>| {
        assert!(world.aws().tag_account_by_hand(&fleet.live[0], key, value));
    };
    by_hand("landlord:protected", Some("audit"));
    let refused = adopt(&world, &["apply", hash]).await.unwrap_err();
    assert_eq!(refused.exit, Exit::Refused);
    let expected = format!("account {} was ADOPT, and is REFUSE now", fleet.live[0]);
    assert!(refused.said.contains(&expected), "{refused}");
    assert_eq!(standing(&world, &fleet.live[1]).0, "Workloads", "nothing was done to any");
    by_hand("landlord:protected", None);

    let unknown = adopt(&world, &["apply", &"0".repeat(64)]).await.unwrap_err();
    assert_eq!((unknown.exit, &*unknown.said), (Exit::Refused, "there is no plan of this hash"));
    let faulty = List::of("accountId,tenantId,tier\n12,acme,standard\n222222222222,,standard\n");
    let faults = adopt(&world, &["plan", &faulty.path()]).await.unwrap_err();
    assert_eq!(faults.exit, Exit::Refused);
    assert!(faults.said.contains("line 2: ") && faults.said.contains("line 3: "), "{faults}");

    // A whole unit without a list: the twins are two tenants here, by their names.
    let arguments = ["plan", "--ou", &fleet.workloads, "--tier", "standard"];
    let whole = adopt(&world, &arguments).await.unwrap();
    assert!(whole.contains("to adopt 21"), "{whole}");
}

#[tokio::test(start_paused = true)]
async fn an_account_is_given_back_with_all_that_it_has() {
    let (world, fleet) = world(83).await;
    let one = &fleet.live[0];
    let list = List::of(&format!("accountId,tenantId,tier\n{one},acme,standard\n"));
    let plan = planned(&world, &fleet, &list).await;
    adopt(&world, &["apply", plan["hash"].as_str().unwrap()]).await.unwrap();
    let told = adopt(&world, &["release", one, "--dry-run"]).await.unwrap();
    assert!(told.contains("would be released") && told.contains("landlord-tenant-baseline in"));
    let told = adopt(&world, &["release", one]).await.unwrap();
    assert!(told.contains(&format!("released to {}", fleet.workloads)), "{told}");
    let (place, tags) = standing(&world, one);
    assert_eq!(place, "Workloads");
    assert_eq!(tags, BTreeMap::from([("owner".to_owned(), "product".to_owned())]));
    assert_eq!(version(&world, one).await, "1", "nothing was deleted");
    let refused = adopt(&world, &["release", one]).await.unwrap_err();
    assert_eq!((refused.exit, &*refused.said), (Exit::Refused, "it has no tenant's mark"));
    // And adopted again.
    world.aws().sleep(HOUR).await;
    let plan = planned(&world, &fleet, &list).await;
    assert_eq!(verdict(&plan, one), "ADOPT", "{plan}");
    let done = adopt(&world, &["apply", plan["hash"].as_str().unwrap()]).await.unwrap();
    assert!(done.starts_with("1 accounts adopted, 1 of them seen"), "{done}");
}
