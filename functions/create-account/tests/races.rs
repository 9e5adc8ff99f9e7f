//! Two executions for one tenant, in an organization that lags, loses answers, refuses and fails:
//! however they interleave, there is one account in the end, and both have found it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use create_account::{App, Config, handle};
use jiff::{SignedDuration, Timestamp};
use lambda_kit::Clock;
use scripted_wire::{Answer, Model, Seen, assume_role_answer};
use serde_json::{Value, json};

const FIRST_CALL: &str = include_str!("../events/first-call.json");
/// How many worlds are tried; a hundred take about eight seconds in a plain build.
const WORLDS: u64 = 100;

/// An organization, as far as one tenant's account sees it; times in seconds since the start.
struct World {
    random: fastrand::Rng,
    now: i64,
    tag_lag: i64,
    list_lag: i64,
    creations: Vec<Creation>,
    accounts: Vec<Account>,
    orders: usize,
    /// The tenant's record. S3 is of one mind with itself: what is written is read.
    record: Option<String>,
}

struct Creation {
    ordered: i64,
    ends: i64,
    /// The account that it makes, or why it makes none.
    outcome: Result<usize, &'static str>,
}

struct Account {
    created: i64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let (tag_lag, list_lag) = (random.i64(0..800), random.i64(0..90));
        Self {
            random,
            now: 0,
            tag_lag,
            list_lag,
            creations: vec![],
            accounts: vec![],
            orders: 0,
            record: None,
        }
    }

    fn answer(&mut self, seen: &Seen) -> Answer {
        if self.random.u8(..100) < 6 {
            let busy = seen.call != "AssumeRole" && self.random.bool();
            let throttle = || match seen.call.as_str() {
                "GetObject" | "PutObject" => Answer::Body(
                    503,
                    "<Error><Code>SlowDown</Code><Message>busy</Message></Error>".into(),
                ),
                _ => Answer::refusal("TooManyRequestsException", &json!({})),
            };
            return if busy { throttle() } else { Answer::Unreachable };
        }
        let request = &seen.request;
        match seen.call.as_str() {
            "CreateAccount" => self.order(),
            "DescribeCreateAccountStatus" => {
                let id = request["CreateAccountRequestId"].as_str().unwrap();
                let index: usize = id.rsplit('-').next().unwrap().parse().unwrap();
                ok(&json!({"CreateAccountStatus": self.status(index)}))
            }
            "ListCreateAccountStatus" => {
                let wanted = &request["States"][0];
                let visible = |creation: &Creation| creation.ordered + self.list_lag <= self.now;
                let statuses: Vec<Value> = (0..self.creations.len())
                    .filter(|index| visible(&self.creations[*index]))
                    .map(|index| self.status(index))
                    .filter(|status| status["State"] == *wanted)
                    .collect();
                ok(&json!({"CreateAccountStatuses": statuses}))
            }
            "GetResources" => {
                let arn = |id| format!("arn:aws:organizations::111122223333:account/o-a/{id}");
                let found = self.visible_accounts().map(|id| json!({"ResourceARN": arn(id)}));
                ok(&json!({"ResourceTagMappingList": found.collect::<Vec<_>>()}))
            }
            "ListAccounts" => {
                let account = |id| json!({"Id": id, "Email": "aws+acme@example.com"});
                let accounts: Vec<Value> = self.visible_accounts().map(account).collect();
                ok(&json!({"Accounts": accounts}))
            }
            "DescribeAccount" => ok(&json!({"Account": {"Id": request["AccountId"],
                "Email": "aws+acme@example.com", "State": "ACTIVE"}})),
            "ListTagsForResource" => {
                ok(&json!({"Tags": [{"Key": "landlord:tenant", "Value": "acme"}]}))
            }
            "GetObject" => match &self.record {
                Some(record) => Answer::Body(200, record.clone()),
                None => Answer::Body(
                    404,
                    "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>".into(),
                ),
            },
            "PutObject" => {
                self.record = request["body"].as_str().map(str::to_owned);
                Answer::Body(200, String::new())
            }
            "ListParents" => ok(&json!({"Parents": [{"Id": "r-root", "Type": "ROOT"}]})),
            "AssumeRole" if self.accounts[0].created + 60 > self.now => {
                Answer::refusal_in_xml(403, "AccessDenied")
            }
            "AssumeRole" => Answer::Body(200, assume_role_answer("ASIATENANT")),
            other => panic!("{other} is not a call of create-account"),
        }
    }

    /// Takes an order as AWS does: the email is the only thing that makes it refuse a second one.
    fn order(&mut self) -> Answer {
        self.orders += 1;
        let running = self.creations.iter().any(|creation| {
            creation.outcome.is_ok() && creation.ordered <= self.now && self.now < creation.ends
        });
        let outcome = if running {
            let reasons = ["CONCURRENT_ACCOUNT_MODIFICATION", "EMAIL_ALREADY_EXISTS"];
            Err(reasons[self.random.usize(..2)])
        } else if !self.accounts.is_empty() {
            Err("EMAIL_ALREADY_EXISTS")
        } else if self.random.u8(..100) < 20 {
            Err("INTERNAL_FAILURE")
        } else {
            Ok(self.accounts.len())
        };
        let ends = self.now + self.random.i64(10..600);
        if outcome.is_ok() {
            self.accounts.push(Account { created: ends });
        }
        self.creations.push(Creation { ordered: self.now, ends, outcome });
        if self.random.u8(..100) < 30 {
            return Answer::Lost;
        }
        ok(&json!({"CreateAccountStatus": self.status(self.creations.len() - 1)}))
    }

    fn status(&self, index: usize) -> Value {
        let creation = &self.creations[index];
        let id = format!("car-0000{index:04}");
        let mut status = json!({"Id": id, "AccountName": "tenant-acme", "State": "IN_PROGRESS",
            "RequestedTimestamp": start().as_second() + creation.ordered});
        if creation.ends <= self.now {
            status["CompletedTimestamp"] = (start().as_second() + creation.ends).into();
            match creation.outcome {
                Ok(account) => {
                    status["State"] = "SUCCEEDED".into();
                    status["AccountId"] = account_id(account).into();
                }
                Err(reason) => {
                    status["State"] = "FAILED".into();
                    status["FailureReason"] = reason.into();
                }
            }
        }
        status
    }

    fn visible_accounts(&self) -> impl Iterator<Item = String> + '_ {
        let shows = |account: &Account| account.created + self.tag_lag <= self.now;
        (0..self.accounts.len()).filter(move |n| shows(&self.accounts[*n])).map(account_id)
    }
}

fn account_id(index: usize) -> String {
    format!("{:012}", 1 + index)
}

fn ok(body: &Value) -> Answer {
    Answer::Body(200, body.to_string())
}

fn start() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "ACCOUNT_ROLE_NAME" => "Role",
        "ONBOARDING_OU_ID" => "ou-root-onboard1",
        "RETIRING_OU_ID" => "ou-root-retiring",
        "SUSPENDED_OU_ID" => "ou-root-suspende",
        "RUNS_BUCKET" => "runs",
        "TENANT_OUS" => "General=ou-root-general1",
        _ => return None,
    };
    Some(value.to_owned())
}

/// One execution: when it asks next, and what it tells again.
struct Execution {
    due: i64,
    resume: Value,
    done: Option<Value>,
}

/// Runs one world to its end; how often AWS refused an order for the email.
async fn run(seed: u64) -> usize {
    let world = Arc::new(Mutex::new(World::new(seed)));
    let (answering, telling) = (Arc::clone(&world), Arc::clone(&world));
    let model = Model::new(move |seen| answering.lock().unwrap().answer(&seen));
    let clock = Clock::from_fn(Arc::new(move || {
        start() + SignedDuration::from_secs(telling.lock().unwrap().now)
    }));
    let config = Config::load(&environment).unwrap();
    let app = App::new(&model.wire("eu-central-1"), config, clock);
    let mut chance = fastrand::Rng::with_seed(seed ^ 0x5eed);
    let first = || Execution { due: 0, resume: json!({}), done: None };
    let mut executions = [first(), Execution { due: chance.i64(0..900), ..first() }];

    for _ in 0..400 {
        let waiting = executions.iter_mut().filter(|execution| execution.done.is_none());
        let Some(next) = waiting.min_by_key(|execution| execution.due) else { break };
        world.lock().unwrap().now = next.due;
        let mut request: Value = serde_json::from_str(FIRST_CALL).unwrap();
        request["resume"] = next.resume.clone();
        let answer = lambda_kit::call(&app, &handle, request).await;
        let answer = answer.unwrap_or_else(|error| panic!("world {seed}: {error:?}"));
        if chance.u8(..100) < 15 {
            // The function dies after its calls took effect: the machine asks the same again.
            next.due += 5;
        } else if answer["status"] == "PENDING" {
            next.due += answer["retryAfterSeconds"].as_i64().unwrap();
            next.resume = answer["resume"].clone();
        } else {
            next.done = Some(answer["accountId"].clone());
        }
    }

    let world = world.lock().unwrap();
    assert_eq!(world.accounts.len(), 1, "world {seed}: accounts");
    for execution in &executions {
        assert_eq!(
            execution.done,
            Some(account_id(0).into()),
            "world {seed}: {}",
            execution.resume
        );
    }
    assert!(world.orders < 20, "world {seed}: {} orders", world.orders);
    let taken = ["EMAIL_ALREADY_EXISTS", "CONCURRENT_ACCOUNT_MODIFICATION"];
    let refused = |creation: &&Creation| creation.outcome.is_err_and(|why| taken.contains(&why));
    world.creations.iter().filter(refused).count()
}

#[tokio::test(start_paused = true)]
async fn two_executions_end_in_one_account_whatever_aws_does() {
    let mut refused_for_the_email = 0;
    for seed in 0..WORLDS {
        refused_for_the_email += run(seed).await;
    }
    assert!(refused_for_the_email > 20, "these worlds are too kind: {refused_for_the_email}");
}
