//! A tenant comes back while, or after, a sweep withdraws its stacks: at every moment of the sweep,
//! with lists that lag by much or little, and with its events in each order. It is equipped again,
//! always, and is never called ready without its instances.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use local_aws::organizations::AccountView;
use serde_json::{Value, json};
use simulation::deployment::Announcement;
use simulation::world::{World, settings};

const HOUR: Duration = Duration::from_secs(3600);
const BASELINE: &str = "landlord-tenant-baseline";
const HOMES: [&str; 3] = ["Canary", "Early", "General"];

/// How far the index of tags and the lists of units are behind, in seconds.
const LAGS: [(u64, u64); 3] = [(5, 1), (30, 3), (900, 120)];

struct Scene {
    world: World,
    account: String,
    /// When it left, for its event that comes once more.
    left_at: Timestamp,
    /// The ends that were looked at.
    seen: BTreeSet<String>,
}

impl Scene {
    /// Acme signs up, is ready, leaves, and has cooled off.
    async fn cooled_off(seed: u64, (tag_lag, list_lag): (u64, u64)) -> Self {
        let mut settings = settings(seed);
        settings.durations.tag_lag = Duration::from_secs(tag_lag);
        settings.durations.list_lag = Duration::from_secs(list_lag);
        let least = [("LeastRetireAfterDays".to_owned(), "1".to_owned())].into();
        let mut world = World::found(settings, least).await.unwrap();
        world.deployment.sign_up(&signup()).await.unwrap();
        let ready = world.until(12 * HOUR, |heard| heard.name == "TenantReady").await.unwrap();
        let ready = ready.expect("it is ready").detail;
        let account = ready["accountId"].as_str().unwrap().to_owned();
        world.aws().sleep(HOUR).await;
        let left_at = world.aws().now();
        world.deployment.put("TenantOffboarded", &left(left_at)).await.unwrap();
        world.aws().sleep(50 * HOUR).await;
        let seen = [ready["eventId"].as_str().unwrap().to_owned()].into();
        Self { world, account, left_at, seen }
    }

    fn view(&self) -> AccountView {
        self.world.aws().account(&self.account).unwrap()
    }

    async fn sweep(&self) {
        let input = json!({
            "stateMachineArn":
                self.world.deployment.output("SweepRetirementsStateMachineArn").unwrap(),
            "name": "sweep", "input": r#"{"dryRun":false}"#,
        });
        self.world.deployment.ask("states", "StartExecution", input).await.unwrap();
    }

    /// What the tenant's instance is now.
    async fn instance(&self) -> Value {
        let input = json!({
            "StackSetName": BASELINE, "StackInstanceAccount": self.account,
            "StackInstanceRegion": "eu-central-1",
        });
        let ask = self.world.deployment.ask("cloudformation", "DescribeStackInstance", input);
        ask.await.map_or(Value::Null, |shown| shown["StackInstance"]["Status"].clone())
    }

    async fn send(&self, what: char) {
        let now = self.world.aws().now();
        let deployment = &self.world.deployment;
        match what {
            'l' => deployment.put("TenantOffboarded", &left(self.left_at)).await.unwrap(),
            's' => deployment.sign_up(&signup()).await.unwrap(),
            _ => {
                let detail = json!({ "tenantId": "acme", "occurredAt": now });
                deployment.put("TenantReinstated", &detail).await.unwrap()
            }
        };
    }

    /// Follows it for as long as it takes, and looks at the world whenever it is called ready.
    async fn follow(&mut self, case: &str) {
        let end = self.world.aws().after(6 * HOUR);
        while self.world.aws().now() < end {
            let all = self.world.hear_within(20).await.unwrap();
            for heard in all {
                let id = heard.detail["eventId"].as_str().unwrap_or_default().to_owned();
                if heard.name != "TenantReady" || !self.seen.insert(id) {
                    continue;
                }
                let (instance, account) = (self.instance().await, self.view());
                assert_eq!(instance, "CURRENT", "{case}: called ready without its stack");
                assert_eq!(account.state, "ACTIVE", "{case}");
                assert!(HOMES.contains(&account.parent_name.as_str()), "{case}: {account:?}");
            }
        }
    }
}

fn signup() -> Value {
    json!({ "tenantId": "acme", "tenantName": "Acme", "tier": "standard" })
}

fn left(at: Timestamp) -> Value {
    json!({ "tenantId": "acme", "occurredAt": at, "reason": "they left", "retireAfterDays": 1 })
}

/// From before the sweep's first look to after the account is closed.
#[tokio::test(start_paused = true)]
async fn at_every_moment_of_a_sweep_it_is_equipped_again_or_was_closed_before() {
    let (mut equipped_again, mut untouched, mut closed) = (0, 0, 0);
    let moments = [0, 2, 4, 6, 8, 12, 20, 40, 90, 180, 240, 300, 420, 600, 1_500];
    for (number, seconds) in moments.into_iter().enumerate() {
        let lag = LAGS[number % LAGS.len()];
        let case = format!("lag {lag:?}, {seconds} s into the sweep");
        let mut scene = Scene::cooled_off(60 + number as u64, lag).await;
        scene.sweep().await;
        scene.world.aws().sleep(Duration::from_secs(seconds)).await;
        scene.send('b').await;
        let answers = ["TenantRestored", "TenantUnchanged"];
        let answer = |heard: &Announcement| answers.contains(&heard.name.as_str());
        let answer = scene.world.until(20 * HOUR, answer).await.unwrap().expect(&case);
        scene.follow(&case).await;
        let account = scene.view();
        if answer.name == "TenantUnchanged" {
            assert_eq!(answer.detail["because"], "ACCOUNT_CLOSED", "{case}");
            assert_eq!(account.state, "CLOSED", "{case}");
            closed += 1;
            continue;
        }
        assert_eq!(scene.instance().await, "CURRENT", "{case}");
        assert!(HOMES.contains(&account.parent_name.as_str()), "{case}: {account:?}");
        assert!(!account.tags.contains_key("landlord:withdrawn-at"), "{case}: {account:?}");
        let is_emptied = answer.detail["emptied"] == true;
        let is_ready_again = scene.seen.len() > 1;
        assert_eq!(is_ready_again, is_emptied, "{case}: emptied, and ready again");
        *(if is_emptied { &mut equipped_again } else { &mut untouched }) += 1;
    }
    assert!(
        equipped_again > 2 && untouched > 0 && closed > 0,
        "{equipped_again} {untouched} {closed}"
    );
}

/// The stacks are gone, the account is kept from its closing by the switch, and the events come in
/// each order: the return, the offboarding once more, a signup once more, the return twice.
#[tokio::test(start_paused = true)]
async fn in_each_order_of_its_events_an_emptied_tenant_is_equipped_again() {
    let orders = ["b", "lb", "bl", "bb", "bs", "sb", "lbs", "sbl"];
    for (number, order) in orders.into_iter().enumerate() {
        let (lag, seconds) = (LAGS[number % LAGS.len()], [0, 45][number / 4]);
        let case = format!("lag {lag:?}, {order} every {seconds} s");
        let mut scene = Scene::cooled_off(70 + number as u64, lag).await;
        scene.sweep().await;
        for _ in 0..7_200 {
            if scene.view().parent_name != "Retiring" {
                break;
            }
            scene.world.aws().sleep(Duration::from_secs(1)).await;
            let text = r#"{"stopped":true,"reason":"kept"}"#;
            if scene.instance().await == Value::Null {
                let put = json!({ "Name": "/landlord/stop", "Type": "String",
                            "Value": text, "Overwrite": true });
                scene.world.deployment.ask("ssm", "PutParameter", put).await.unwrap();
            }
        }
        scene.world.aws().sleep(HOUR).await;
        assert_eq!((scene.view().state, scene.instance().await), ("ACTIVE", Value::Null));
        for what in order.chars() {
            scene.send(what).await;
            scene.world.aws().sleep(Duration::from_secs(seconds)).await;
        }
        scene.follow(&case).await;
        let account = scene.view();
        assert_eq!(scene.instance().await, "CURRENT", "{case}");
        assert!(HOMES.contains(&account.parent_name.as_str()), "{case}: {account:?}");
        assert!(scene.seen.len() > 1, "{case}: it is said");
        assert!(!account.tags.contains_key("landlord:withdrawn-at"), "{case}");
        let since = scene.world.aws().now() - SignedDuration::from_hours(7);
        let begun = scene.world.aws().executions("landlord-onboard-tenant");
        let begun = begun.iter().filter(|it| it.started > since).count();
        assert!(begun <= order.len(), "{case}: {begun} onboardings");
    }
}
