//! Draws faults as calls and invocations come.
//!
//! Whether something happens to the n-th call at a call site is drawn from the seed, the site and
//! n alone. So a fault can be left out and the others stay, which is how a failing seed shrinks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use local_aws::{Aws, AwsError, Call, Fault, Faults, Invocation, InvocationOutcome, Principal};
use serde_json::Value;

use super::aim::Aim;
use super::kinds::{self, CallFault, InvocationFault};
use super::schedule::Storm;
use crate::library::{FunctionFault, FunctionFaults};

/// How old an answer can be that a stale read gives.
const STALE_SECONDS: i64 = 60;
/// How often a function may be cut off: a machine tries its task seven times, and Lambda an event
/// three times, before they give it up, as they should. A call that AWS refuses costs an event's
/// attempt too, so one of the three is left for that.
fn most_attempts_lost(function: &str) -> usize {
    match function {
        // The second also hears of closings by hand.
        "announce-outcome" | "close-account" => 1,
        _ => 5,
    }
}

/// At how many of the first times at its sites a fault can be aimed.
const AIMED: u64 = 4;

/// A place in Landlord where something can happen: who calls what, or which function runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// The function or the machine.
    pub caller: String,
    /// The action, such as `organizations:CreateAccount`; empty for the invocation itself.
    pub action: String,
}

impl Site {
    /// Whether a state machine calls, and not a function: by its role it has a logical id's name.
    pub(super) fn is_of_machine(&self) -> bool {
        self.caller.starts_with(|first: char| first.is_ascii_uppercase())
    }
}

/// A fault among those of a seed: the n-th time (from 0) at its site.
pub type FaultKey = (Site, u64);

/// A fault that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// Which one.
    pub key: FaultKey,
    /// Its kind's name.
    pub kind: &'static str,
    /// When.
    pub at: Timestamp,
}

/// How often what was seen, and what happened.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// How often each site was reached.
    pub sites: BTreeMap<Site, u64>,
    /// How often each kind came at each site.
    pub hits: BTreeMap<(Site, &'static str), u64>,
    /// The faults in their order.
    pub happened: Vec<Happened>,
}

#[derive(Default)]
struct Weather {
    /// Function names to what is called by that name in the repository.
    codes: BTreeMap<String, String>,
    record: Record,
    seen: u64,
    attempts_lost: BTreeMap<String, usize>,
    bursts: BTreeMap<String, Timestamp>,
    answers: BTreeMap<(String, String), (Timestamp, Result<Value, AwsError>)>,
    /// What was aimed at has come.
    has_come: bool,
    is_over: bool,
}

/// Looks at the world while things happen to it.
pub trait Observer: Send + Sync {
    /// A step is over: an invocation of this function.
    fn ended(&self, step: &str);

    /// A call was carried out that this function or machine made.
    fn performed(&self, caller: &str, call: &Call, result: &Result<Value, AwsError>);

    /// A call was carried out that somebody else made: people, or the systems around Landlord.
    fn performed_outside(&self, call: &Call, result: &Result<Value, AwsError>);
}

/// Draws faults as calls and invocations come.
pub struct Injector {
    aws: Aws,
    seed: u64,
    storm: Storm,
    /// The faults that may come; all of them when it says nothing.
    only: Option<BTreeSet<FaultKey>>,
    /// A fault that comes besides.
    aim: Option<Aim>,
    observer: Arc<dyn Observer>,
    /// Every call with its moment, one a line, when somebody wants it.
    trace: Option<Mutex<String>>,
    weather: Mutex<Weather>,
}

impl Injector {
    /// The faults of a seed in a world; all of them when `only` says nothing.
    pub fn new(
        aws: &Aws,
        seed: u64,
        storm: Storm,
        only: Option<BTreeSet<FaultKey>>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let (aws, aim, trace, weather) = (aws.clone(), None, None, Mutex::default());
        Self { aws, seed, storm, only, aim, observer, trace, weather }
    }

    /// The same, and this fault comes besides, once, as soon as it can.
    #[must_use]
    pub fn aimed(self, aim: Option<Aim>) -> Self {
        Self { aim, ..self }
    }

    /// The same, and it keeps a trace.
    #[must_use]
    pub fn traced(self) -> Self {
        Self { trace: Some(Mutex::default()), ..self }
    }

    /// Every call and invocation so far with its moment, one a line; empty unless it is traced.
    pub fn trace(&self) -> String {
        let trace = self
            .trace
            .as_ref()
            .map(|trace| trace.lock().unwrap_or_else(PoisonError::into_inner).clone());
        trace.unwrap_or_default()
    }

    fn write(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            let mut trace = trace.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = writeln!(trace, "{} {}", self.aws.now(), line());
        }
    }

    /// No more faults from now on.
    pub fn stop(&self) {
        self.weather().is_over = true;
    }

    /// What was seen and what happened so far.
    pub fn record(&self) -> Record {
        self.weather().record.clone()
    }

    fn weather(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The generator of this time at this site, when something may happen.
    fn chance(&self, weather: &mut Weather, site: &Site) -> Option<(u64, fastrand::Rng)> {
        let count = weather.record.sites.entry(site.clone()).or_default();
        let number = *count;
        *count += 1;
        weather.seen += 1;
        if weather.is_over {
            return None;
        }
        let mut random = fastrand::Rng::with_seed(mix(self.seed, site, number));
        let draw = random.f64();
        if let Some(only) = &self.only {
            return only.contains(&(site.clone(), number)).then_some((number, random));
        }
        if self.storm.aims && is_aimed_at(self.seed, site, number) {
            return Some((number, random));
        }
        if weather.record.happened.len() >= self.storm.faults || weather.seen <= self.storm.calm {
            return None;
        }
        // What is rare comes early and seldom: the first times count for more.
        let often = if number < 2 { 4.0 } else { 1.0 };
        (draw < self.storm.density * often).then_some((number, random))
    }

    /// What comes this time at this site: what is aimed at as soon as it can come, else what chance
    /// has.
    fn pick<Kind: Copy>(
        &self,
        weather: &mut Weather,
        site: &Site,
        all: &[(Kind, &'static str)],
        can_come: impl Fn(&Weather, Kind) -> bool,
    ) -> Option<(u64, fastrand::Rng, Kind)> {
        let chance = self.chance(weather, site);
        if let Some(aim) = self.pending(weather).filter(|aim| aim.site == *site)
            && let Some((kind, _)) = all.iter().find(|(_, name)| *name == aim.kind)
            && can_come(weather, *kind)
        {
            let number = weather.record.sites.get(site)?.checked_sub(1)?;
            weather.has_come = true;
            return Some((number, fastrand::Rng::with_seed(mix(!self.seed, site, number)), *kind));
        }
        let (number, mut random) = chance?;
        let (kind, _) = all[random.usize(..all.len())];
        can_come(weather, kind).then_some((number, random, kind))
    }

    /// What is aimed at and has not come.
    fn pending(&self, weather: &Weather) -> Option<&Aim> {
        self.aim.as_ref().filter(|_| !weather.is_over && !weather.has_come)
    }

    /// A stale answer is an older one: somebody has to have asked before. A function that comes
    /// twice asks itself: one after the other, or, for what is not asked again once it is done,
    /// beside each other.
    fn has_to_ask_twice(&self, weather: &Weather, function: &str) -> Option<InvocationFault> {
        self.pending(weather)
            .filter(|aim| aim.kind == CallFault::Stale.name() && aim.site.caller == function)
            .map(|_| {
                if self.seed.is_multiple_of(2) {
                    InvocationFault::DeliveredTwice
                } else {
                    InvocationFault::Overlapping
                }
            })
    }

    fn note(&self, weather: &mut Weather, site: Site, number: u64, kind: &'static str) {
        *weather.record.hits.entry((site.clone(), kind)).or_default() += 1;
        let happened = Happened { key: (site, number), kind, at: self.aws.now() };
        weather.record.happened.push(happened);
    }
}

/// Who calls: the function by its folder's name, also in an account whose role it assumed; the
/// machine by the name of its role;
/// and EventBridge, which delivers.
fn caller(weather: &Weather, call: &Call) -> Option<String> {
    let role = match &call.caller.principal {
        Principal::Role { role, .. } => role,
        Principal::Service(name) if name == "events.amazonaws.com" => {
            return Some("EventBridge".to_owned());
        }
        _ => return None,
    };
    let session = call.caller.arn.rsplit('/').next().unwrap_or_default();
    if let Some(code) = weather.codes.get(session) {
        return Some(code.clone());
    }
    if let Some(code) = session.strip_prefix("landlord-")
        && weather.codes.values().any(|known| known == code)
    {
        return Some(code.to_owned());
    }
    // `landlord-OnboardTenantStateMachineRole-…`, cut off where it is too long.
    let role = role.strip_prefix("landlord-").unwrap_or(role);
    let role = role.rsplit_once('-').map_or(role, |(role, _)| role);
    Some(role.split("StateMachin").next().unwrap_or(role).to_owned())
}

impl Faults for Injector {
    fn fault(&self, call: &Call) -> Option<Fault> {
        let mut weather = self.weather();
        let action = format!("{}:{}", call.service, call.operation);
        let caller = caller(&weather, call)?;
        let site = Site { caller, action };
        let now = self.aws.now();
        if weather.bursts.get(&site.action).is_some_and(|until| now < *until) {
            self.chance(&mut weather, &site);
            return Some(Fault::Refuse(kinds::throttled(call)));
        }
        let question = question(call);
        let before = weather
            .answers
            .get(&question)
            .filter(|(at, _)| now.duration_since(*at).as_secs() <= STALE_SECONDS);
        let before = before.map(|(_, answer)| answer.clone());
        let all = CallFault::ALL.map(|kind| (kind, kind.name()));
        let (number, mut random, kind) = self.pick(&mut weather, &site, &all, |_, kind| {
            kind.fits(&site) && (kind != CallFault::Stale || before.is_some())
        })?;
        let fault = kinds::of_call(kind, call, before, &mut random)?;
        if kind == CallFault::ThrottledBurst {
            let until = self.aws.after(Duration::from_secs(random.u64(5..120)));
            weather.bursts.insert(site.action.clone(), until);
        }
        self.note(&mut weather, site, number, kind.name());
        Some(fault)
    }

    fn answered(&self, call: &Call, result: &Result<Value, AwsError>) {
        if !kinds::lags(call.service, &call.operation) || !kinds::says_what_is(result) {
            return;
        }
        let now = self.aws.now();
        // The first answer stays for its minute, so that a stale read is really an old one.
        let mut weather = self.weather();
        let kept = weather
            .answers
            .get(&question(call))
            .is_some_and(|(at, _)| now.duration_since(*at).as_secs() <= STALE_SECONDS);
        if !kept {
            weather.answers.insert(question(call), (now, result.clone()));
        }
    }

    fn performed(&self, call: &Call, result: &Result<Value, AwsError>) {
        self.write(|| {
            let outcome = result.as_ref().map_or_else(|error| error.code.as_str(), |_| "OK");
            let Call { service, operation, account, region, input, .. } = call;
            format!(
                "{} {service}:{operation} {account} {region} {input} {outcome}",
                call.caller.arn
            )
        });
        let caller = caller(&self.weather(), call);
        match caller {
            Some(caller) => self.observer.performed(&caller, call, result),
            None => self.observer.performed_outside(call, result),
        }
    }
}

fn question(call: &Call) -> (String, String) {
    let place = format!("{}:{}:{}:{}", call.service, call.operation, call.account, call.region);
    (place, call.input.to_string())
}

impl FunctionFaults for Injector {
    fn fault(&self, invocation: &Invocation) -> Option<FunctionFault> {
        let mut weather = self.weather();
        weather.codes.insert(invocation.function_name.clone(), invocation.code.clone());
        let site = Site { caller: invocation.code.clone(), action: String::new() };
        let code = &invocation.code;
        let all = InvocationFault::ALL.map(|kind| (kind, kind.name()));
        let picked = self.pick(&mut weather, &site, &all, |weather, kind| {
            let lost = weather.attempts_lost.get(code).copied().unwrap_or(0);
            !kind.costs_an_attempt() || lost < most_attempts_lost(code)
        });
        if let Some(twice) = self.has_to_ask_twice(&weather, code) {
            let number = weather.record.sites.get(&site).map_or(0, |count| count - 1);
            let mut random = fastrand::Rng::with_seed(mix(!self.seed, &site, number));
            self.note(&mut weather, site, number, twice.name());
            return Some(twice.draw(&mut random));
        }
        let (number, mut random, kind) = picked?;
        if kind.costs_an_attempt() {
            *weather.attempts_lost.entry(code.clone()).or_default() += 1;
        }
        let fault = kind.draw(&mut random);
        self.note(&mut weather, site, number, kind.name());
        Some(fault)
    }

    fn ended(&self, invocation: &Invocation, outcome: &InvocationOutcome) {
        self.write(|| match outcome {
            InvocationOutcome::Answered(answer) => {
                format!("{} answered {}", invocation.code, String::from_utf8_lossy(answer))
            }
            InvocationOutcome::Failed { error, .. } => format!("{} {error}", invocation.code),
        });
        self.observer.ended(&invocation.code);
    }
}

/// Whether a fault is aimed at this time at this site: at one site in six, half of the first times.
fn is_aimed_at(seed: u64, site: &Site, number: u64) -> bool {
    let of_site = mix(!seed, site, u64::MAX);
    number < AIMED && of_site.is_multiple_of(6) && of_site >> (8 + number) & 1 == 1
}

/// A seed of its own for each time at each site (FNV-1a, then the finaliser of splitmix64).
fn mix(seed: u64, site: &Site, number: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for byte in site.caller.bytes().chain([0]).chain(site.action.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let mut z = hash.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
