//! Everything that can go wrong on the way of a change, at every task of `roll-out` and
//! `roll-out-wave`: it ends in a state that has a name, and nothing is left running.
//!
//! The shipped machines, the shipped functions, the template's wiring, in virtual time. Two stories
//! are told again and again: a change that reaches everybody, and one that fails in its second wave
//! and is rolled back, through a gate that has closed meanwhile.

mod calls;
mod functions;
mod rehearsal;
mod surroundings;

use std::collections::BTreeSet;
use std::time::Duration;

use local_aws::cloudformation::InstanceRule;
use local_aws::{Durations, Settings};
use serde_json::{Value, json};
use simulation::rollout::fleet::{Member, Tenant, set_alarm};
use simulation::rollout::{Change, Scene};
use simulation::world::settings;

/// Two that live in Canary, two in Early, two in General: a home is a hash of the tenant's id.
const TENANTS: [&str; 6] = ["acacia", "teak", "hudson", "juniper", "acme", "globex"];
/// Has an incident once it has got the change that is taken back.
const VETOES: &str = "acacia";
/// Where that change fails.
const FAILS: &str = "hudson";

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// The functions of a roll-out: the machine's task, the crate, and a part of the role's name.
const FUNCTIONS: [(&str, &str); 5] = [
    ("PlanRollout", "plan-rollout"),
    ("DeployWave", "deploy-wave"),
    ("AssessWave", "assess-wave"),
    ("StopRollout", "stop-rollout"),
    ("FinishRollout", "finish-rollout"),
];

/// What happens to the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    /// It reaches everybody.
    Forth,
    /// It fails in the second wave, and is taken back from the first.
    Back,
}

/// How a roll-out ended.
#[derive(Debug, PartialEq, Eq)]
struct End {
    /// The execution's status.
    status: String,
    /// Its error.
    error: String,
    /// What was told of it.
    outcome: String,
    /// Why it stopped.
    reason: String,
}

impl End {
    fn is(&self, status: &str, outcome: &str) -> bool {
        self.status == status && self.outcome == outcome
    }
}

fn plan() -> Value {
    let wave = |name: &str, accounts: Value| {
        json!({
            "name": name, "accounts": accounts, "dwellSeconds": 60,
            "preferences": {
                "maxConcurrentCount": 1, "failureToleranceCount": 0,
                "concurrencyMode": "SOFT_FAILURE_TOLERANCE", "regionConcurrencyType": "PARALLEL",
            },
        })
    };
    json!({
        "waves": [
            wave("canary", json!({ "organizationalUnit": "Canary" })),
            wave("early", json!({ "organizationalUnit": "Early" })),
            wave("rest", json!({ "rest": true })),
        ],
        "retry": { "transientAttempts": 3, "backoffSeconds": 30, "vetoedEverySeconds": 300 },
        "onStop": "ROLL_BACK", "newTenants": "WAIT", "deadlineSeconds": 21_600,
    })
}

async fn found(seed: u64) -> Scene {
    let settings = settings(seed);
    let durations = Durations { stack_instance: MINUTE, ..settings.durations };
    let tenants = TENANTS.map(|id| Tenant { id: id.to_owned(), tier: "standard", in_alarm: false });
    Scene::of(Settings { durations, ..settings }, &tenants, true).await.unwrap()
}

fn member<'a>(scene: &'a Scene, tenant: &str) -> &'a Member {
    scene.fleet.members.iter().find(|member| member.tenant == tenant).unwrap()
}

/// Makes an account fail with the change, and starts it.
async fn begin(scene: &mut Scene, story: Story) {
    if story == Story::Back {
        let rule = InstanceRule {
            stack_set: Some(scene.fleet.stack_set.clone()),
            account: Some(member(scene, FAILS).account.clone()),
            failure: Some("Resource handler returned message: no such thing".to_owned()),
            ..InstanceRule::default()
        };
        scene.world.aws().set_instance_rules(vec![rule]);
    }
    scene.start(&plan(), Change::Good).await.unwrap();
}

/// Follows it to its end; the account that vetoes has its incident when it got the change.
async fn follow(scene: &mut Scene, story: Story) -> End {
    let mut calm = story == Story::Back;
    while scene.runs().await.unwrap() {
        assert!(scene.elapsed() < 40 * HOUR, "it does not end");
        let canary = member(scene, VETOES).clone();
        if calm && version(scene, &canary).await == "2" {
            set_alarm(scene.world.aws(), &canary, "ALARM").await.unwrap();
            calm = false;
        }
        scene.world.aws().sleep(Duration::from_secs(10)).await;
    }
    end(scene).await
}

async fn end(scene: &mut Scene) -> End {
    let described = scene.described().await.unwrap();
    let heard =
        scene.world.gather(Duration::from_secs(5), &["RolloutFinished"], 100).await.unwrap();
    let told: Vec<&Value> = heard.iter().map(|heard| &heard.detail).collect();
    let told = told.last().copied().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    End {
        status: text(&described["status"]),
        error: text(&described["error"]),
        outcome: text(&told["outcome"]),
        reason: text(&told["reason"]["code"]),
    }
}

async fn version(scene: &Scene, member: &Member) -> String {
    scene.version(&member.account, &member.regions[0]).await.unwrap_or_default()
}

/// The versions that the fleet's own stacks have.
async fn versions(scene: &Scene) -> BTreeSet<String> {
    let mut versions = BTreeSet::new();
    for member in &scene.fleet.members {
        versions.insert(version(scene, member).await);
    }
    versions
}

fn all(version: &str) -> BTreeSet<String> {
    BTreeSet::from([version.to_owned()])
}

/// No operation of the set works or waits, and no machine of a roll-out runs. What somebody else
/// started is waited for.
async fn nothing_runs(scene: &Scene) {
    scene.world.aws().sleep(10 * MINUTE).await;
    let set = json!({ "StackSetName": scene.fleet.stack_set });
    let listed = scene.world.deployment.ask("cloudformation", "ListStackSetOperations", set).await;
    for row in listed.unwrap()["Summaries"].as_array().into_iter().flatten() {
        let status = row["Status"].as_str().unwrap_or_default();
        assert!(["SUCCEEDED", "FAILED", "STOPPED"].contains(&status), "{row}");
    }
    let machine = scene.world.deployment.output("RollOutStateMachineArn").unwrap();
    for machine in [machine.to_owned(), format!("{machine}-wave")] {
        let input = json!({ "stateMachineArn": machine, "statusFilter": "RUNNING" });
        let listed = scene.world.deployment.ask("states", "ListExecutions", input).await.unwrap();
        assert_eq!(listed["executions"], json!([]), "still running");
    }
}

/// It came out as if nothing had happened.
async fn assert_as_ever(scene: &mut Scene, story: Story, end: &End, what: &str) {
    match story {
        Story::Forth => {
            assert!(end.is("SUCCEEDED", "SUCCEEDED"), "{what}: {end:?}");
            assert_eq!(versions(scene).await, all("2"), "{what}");
        }
        Story::Back => {
            assert!(end.is("FAILED", "ROLLED_BACK"), "{what}: {end:?}");
            assert_eq!(end.error, "RolloutStopped", "{what}");
            assert_eq!(versions(scene).await, all("1"), "{what}");
        }
    }
    nothing_runs(scene).await;
}

#[tokio::test(start_paused = true)]
async fn undisturbed_the_one_story_reaches_all_and_the_other_is_rolled_back() {
    for story in [Story::Forth, Story::Back] {
        let mut scene = found(1).await;
        begin(&mut scene, story).await;
        let end = follow(&mut scene, story).await;
        assert_as_ever(&mut scene, story, &end, "undisturbed").await;
    }
}
