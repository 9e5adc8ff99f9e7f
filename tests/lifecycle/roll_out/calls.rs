//! Calls to AWS that are throttled, refused, lost, repeated or late: the first few of every kind
//! that a function makes, and any at random.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use local_aws::{AwsError, Call, Fault, Faults};

use super::*;

/// The function that makes a call, by its role; in tenants' accounts, by its session.
fn caller(call: &Call) -> Option<&'static str> {
    let arn = &call.caller.arn;
    if arn.contains("landlord-deploy-wave") {
        return Some("DeployWave");
    }
    FUNCTIONS.iter().map(|(task, _)| *task).find(|task| arn.contains(task))
}

/// A kind of fault, and how many calls of each kind have it.
type Kind = (&'static str, u32, fn(&Call) -> Fault);

const KINDS: [Kind; 6] = [
    ("throttled", 5, |_| Fault::Refuse(AwsError::new("ThrottlingException", "Rate exceeded"))),
    ("out of order", 5, |_| Fault::Refuse(AwsError::new("InternalFailure", "sorry").status(500))),
    ("lost", 4, |_| Fault::LoseAnswer),
    ("repeated", u32::MAX, |_| Fault::Twice),
    ("late", 2, |_| Fault::DelayBefore(Duration::from_secs(20))),
    ("answered late", 2, |_| Fault::DelayAfter(Duration::from_secs(20))),
];

/// The first calls of each function to each action have the fault.
struct First {
    most: u32,
    fault: fn(&Call) -> Fault,
    seen: Mutex<BTreeMap<(&'static str, String), u32>>,
}

impl Faults for First {
    fn fault(&self, call: &Call) -> Option<Fault> {
        let key = (caller(call)?, format!("{}:{}", call.service, call.operation));
        let mut seen = self.seen.lock().ok()?;
        let count = seen.entry(key).or_default();
        *count += 1;
        (*count <= self.most).then(|| (self.fault)(call))
    }
}

/// Calls that must have been hit, or the matrix would be toothless.
const HIT: [(&str, &str); 14] = [
    ("PlanRollout", "cloudformation:ListStackInstances"),
    ("PlanRollout", "organizations:ListAccounts"),
    ("PlanRollout", "cloudformation:DescribeStackSet"),
    ("PlanRollout", "s3:PutObject"),
    ("DeployWave", "cloudformation:UpdateStackSet"),
    ("DeployWave", "cloudformation:DescribeStackSetOperation"),
    ("DeployWave", "cloudformation:ListStackSetOperationResults"),
    ("DeployWave", "cloudformation:UpdateStackInstances"),
    ("DeployWave", "sts:AssumeRole"),
    ("DeployWave", "ssm:PutParameter"),
    ("AssessWave", "s3:GetObject"),
    ("StopRollout", "cloudformation:ListStackSetOperations"),
    ("StopRollout", "cloudformation:ListStackInstances"),
    ("FinishRollout", "s3:PutObject"),
];

async fn each_kind_in(story: Story) {
    for (name, most, fault) in KINDS {
        let mut scene = found(5).await;
        let first = Arc::new(First { most, fault, seen: Mutex::default() });
        scene.world.aws().set_faults(first.clone());
        begin(&mut scene, story).await;
        let end = follow(&mut scene, story).await;
        assert_as_ever(&mut scene, story, &end, &format!("{name}, {story:?}")).await;
        if story == Story::Back {
            let seen = first.seen.lock().unwrap();
            for (task, action) in HIT {
                let hit = seen.contains_key(&(task, action.to_owned()));
                assert!(hit, "{name}: {task} never called {action}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_reaches_all_whatever_the_first_calls_of_every_kind_meet() {
    each_kind_in(Story::Forth).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_goes_back_whatever_the_first_calls_of_every_kind_meet() {
    each_kind_in(Story::Back).await;
}

/// One call in eight meets something.
struct Weather(Mutex<fastrand::Rng>);

impl Faults for Weather {
    fn fault(&self, call: &Call) -> Option<Fault> {
        caller(call)?;
        let mut random = self.0.lock().ok()?;
        if random.u8(..8) > 0 {
            return None;
        }
        let (_, _, fault) = KINDS[random.usize(..KINDS.len())];
        Some(fault(call))
    }
}

#[tokio::test(start_paused = true)]
async fn bad_weather_changes_nothing_about_the_end() {
    for seed in 0..8 {
        for story in [Story::Forth, Story::Back] {
            let mut scene = found(6).await;
            let weather = Weather(Mutex::new(fastrand::Rng::with_seed(seed)));
            scene.world.aws().set_faults(Arc::new(weather));
            begin(&mut scene, story).await;
            let end = follow(&mut scene, story).await;
            assert_as_ever(&mut scene, story, &end, &format!("seed {seed}, {story:?}")).await;
        }
    }
}
