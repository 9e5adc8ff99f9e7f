//! What watches every call, and makes some of them fail: the oracle, crashes, lost answers, and
//! people who change something right before a call is made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use lifecycle::tags;
use local_aws::organizations::AccountView;
use local_aws::{Aws, AwsError, Call, Fault, Faults, Invocation};
use serde_json::Value;

use super::changes::Change;
use super::fleet::one_in;
use super::guards::{denied_by_policy, objection};
use super::{FailedSweep, Summary, Violation};
use crate::library::{FunctionFault, FunctionFaults};

/// What a function read longer ago than this is no fresh read.
const FRESH: SignedDuration = SignedDuration::from_secs(60);

/// How far a list may lag behind.
const LAG: SignedDuration = SignedDuration::from_secs(3);

/// A step that had read the switch before it was thrown may be on its way for so long.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_secs(60);

/// The switch. Its parameter is thrown all the time; until somebody throws it, it is hidden.
pub(super) const SWITCH: &str = "/landlord/stop";

/// The functions that a sweep calls, by code and by name: `place-account` is called by another.
const FUNCTIONS: [&str; 5] =
    ["plan-retirements", "withdraw-stacks", "place-account", "suspend-account", "close-account"];

/// When somebody does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// Right before this call of a function of the sweep.
    Call(u32),
    /// Right before this call of `close-account`.
    ClosingCall(u32),
}

/// A fleet, and what happens to it during its sweep.
#[derive(Debug, Default)]
pub(super) struct Armed {
    pub(super) accounts: Vec<String>,
    pub(super) changes: Vec<(At, String, Change)>,
    /// When the switch is thrown.
    pub(super) stop_at: Option<At>,
    /// Those that AWS Support reopened before.
    pub(super) reopened: Vec<String>,
}

/// A closing that AWS was asked for a moment ago.
#[derive(Debug)]
struct Asked {
    account: String,
    /// What spoke against it, at that moment.
    because: Option<String>,
    overtaken: bool,
}

#[derive(Debug)]
struct State {
    /// The world; nothing once this is over.
    aws: Option<Aws>,
    dice: Rng,
    is_armed: bool,
    /// One call in so many goes wrong; none at 0.
    call_faults: u32,
    /// One invocation in so many goes wrong; none at 0.
    function_faults: u32,
    /// Before which call somebody does what to which account.
    changes: Vec<(At, String, Change)>,
    /// The calls of all functions of the sweep, and of those that close.
    calls: u32,
    closing_calls: u32,
    accounts: BTreeSet<String>,
    /// When close-account was last told of the account's place, and of its tags.
    read: BTreeMap<(String, &'static str), Timestamp>,
    /// When AWS carried out its last read of each, whose answer may still be on its way.
    looked: BTreeMap<(String, &'static str), Timestamp>,
    /// Accounts as they were until a moment.
    past: Vec<(Timestamp, AccountView)>,
    asked: Option<Asked>,
    /// When the switch is to be thrown, and since when it is.
    stop_at: Option<At>,
    thrown: Option<Timestamp>,
    /// Accounts that AWS Support reopened, as long as nobody decided on them anew.
    reopened: BTreeSet<String>,
    /// Accounts that somebody changed since the sweep began, by hand or by an event.
    touched: BTreeSet<String>,
    seed: u64,
    fleet: usize,
    summary: Summary,
}

/// The watch over one world.
#[derive(Debug)]
pub(super) struct Watch(Mutex<State>);

impl Watch {
    pub(super) fn new(aws: &Aws, seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            aws: Some(aws.clone()),
            dice: Rng::with_seed(!seed),
            is_armed: false,
            call_faults: 0,
            function_faults: 0,
            changes: Vec::new(),
            calls: 0,
            closing_calls: 0,
            accounts: BTreeSet::new(),
            read: BTreeMap::new(),
            looked: BTreeMap::new(),
            past: Vec::new(),
            asked: None,
            stop_at: None,
            thrown: None,
            reopened: BTreeSet::new(),
            touched: BTreeSet::new(),
            seed,
            fleet: 0,
            summary: Summary::default(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fleet's sweep begins.
    pub(super) fn arm(&self, armed: Armed) {
        let Armed { accounts, changes, stop_at, reopened } = armed;
        let mut state = self.lock();
        state.stop_at = stop_at;
        state.thrown = None;
        state.reopened = reopened.into_iter().collect();
        state.touched.clear();
        state.call_faults = [0, 20, 60][state.dice.usize(..3)];
        state.function_faults = [0, 12, 30][state.dice.usize(..3)];
        state.is_armed = true;
        state.calls = 0;
        state.closing_calls = 0;
        state.fleet += 1;
        state.changes = changes;
        state.accounts = accounts.into_iter().collect();
        state.read.clear();
        state.looked.clear();
        state.past.clear();
    }

    /// The sweep is over.
    pub(super) fn disarm(&self) {
        let mut state = self.lock();
        state.settle();
        state.is_armed = false;
        state.thrown = None;
    }

    /// The reopened accounts on which nobody decided anew, and that nobody touched.
    pub(super) fn untouched_and_reopened(&self) -> Vec<String> {
        let state = self.lock();
        state.reopened.difference(&state.touched).cloned().collect()
    }

    /// Something that must not be.
    pub(super) fn violated(&self, account: &str, because: &str) {
        self.lock().violated(account, because.to_owned());
    }

    /// Somebody does something by hand now.
    pub(super) fn change(&self, account: &str, change: &Change) {
        self.lock().change(account, change);
    }

    /// Counts.
    pub(super) fn count(&self, count: impl FnOnce(&mut Summary)) {
        count(&mut self.lock().summary);
    }

    /// A sweep failed.
    pub(super) fn failed(&self, error: &str, cause: &str) {
        let mut state = self.lock();
        let (seed, fleet) = (state.seed, state.fleet);
        let (error, cause) = (error.to_owned(), cause.to_owned());
        state.summary.sweeps += 1;
        state.summary.failed_sweeps.push(FailedSweep { seed, fleet, error, cause });
    }

    /// Ends it: the world and its watch hold each other.
    pub(super) fn end(&self) -> Summary {
        let mut state = self.lock();
        state.aws = None;
        std::mem::take(&mut state.summary)
    }
}

impl State {
    fn view(&self, account: &str) -> Option<AccountView> {
        self.aws.as_ref()?.account(account)
    }

    fn now(&self) -> Timestamp {
        self.aws.as_ref().map(Aws::now).unwrap_or_default()
    }

    /// Something about an account is about to change.
    fn remember(&mut self, account: &str) {
        if let Some(view) = self.view(account) {
            self.past.push((self.now(), view));
        }
    }

    fn violated(&mut self, account: &str, because: String) {
        let (seed, fleet, account) = (self.seed, self.fleet, account.to_owned());
        self.summary.violations.push(Violation { seed, fleet, account, because });
    }

    /// Throws the switch, when it is time.
    fn throw(&mut self, is_due: impl Fn(&At) -> bool) {
        if self.stop_at.take_if(|at| is_due(at)).is_some() {
            self.thrown = Some(self.now());
            *self.summary.changes.entry("the switch thrown").or_default() += 1;
        }
    }

    /// A step that cannot be undone begins: not after the switch.
    fn begins(&mut self, what: &str, account: &str) {
        let now = self.now();
        if let Some(thrown) = self.thrown
            && now.duration_since(thrown) > ON_ITS_WAY
        {
            self.violated(
                account,
                format!("{what} at {now}, and the switch was thrown at {thrown}"),
            );
        }
    }

    /// What a function of the sweep is about to do, held against the switch.
    fn look_at(&mut self, call: &Call) {
        let account = subject(call).unwrap_or_default().to_owned();
        let is_live = || self.view(&account).is_some_and(|view| view.state == "ACTIVE");
        match call.operation.as_str() {
            "DeleteStackInstances" => self.begins("its stacks were withdrawn", &account),
            "CloseAccount" if is_live() => self.begins("AWS was asked to close it", &account),
            "TagResource" if call.input["Tags"][0]["Key"] == tags::WITHDRAWN_AT && is_live() => {
                self.begins("it was marked for its withdrawal", &account);
            }
            _ => {}
        }
    }

    fn change(&mut self, account: &str, change: &Change) {
        self.settle();
        self.touched.insert(account.to_owned());
        if matches!(change, Change::Tag(tags::CLOSING_REQUESTED_AT, _)) {
            self.reopened.remove(account);
        }
        self.remember(account);
        if let Some(aws) = &self.aws {
            change.apply(aws, account);
        }
        *self.summary.changes.entry(change.name()).or_default() += 1;
    }

    /// Looks what came of the last closing that AWS was asked for.
    fn settle(&mut self) {
        let Some(asked) = self.asked.take() else { return };
        if self.view(&asked.account).is_none_or(|account| account.state == "ACTIVE") {
            self.summary.refused_calls += 1;
            return;
        }
        self.summary.closed += 1;
        self.summary.overtaken += usize::from(asked.overtaken);
        if let Some(because) = asked.because {
            self.violated(&asked.account, because);
        }
    }

    /// AWS is about to be asked to close an account: whether it may be.
    fn ask(&mut self, account: &str) {
        let Some(view) = self.view(account) else { return };
        // It is closing already: whatever AWS answers, nothing follows from it.
        if view.state != "ACTIVE" {
            return;
        }
        let now = self.now();
        let mut asked = Asked { account: account.to_owned(), because: None, overtaken: false };
        let is_reopened = self.reopened.contains(account);
        asked.because = match (denied_by_policy(&view), objection(&view, now)) {
            // AWS refuses it. If it does not, this is why it should have.
            (Some(because), _) => Some(because.to_owned()),
            (None, None) => None,
            (None, Some(because)) => {
                let read = |what| self.read.get(&(account.to_owned(), what)).copied();
                let since = read("ListParents").min(read("ListTagsForResource"));
                let fresh = since.filter(|since| now.duration_since(*since) <= FRESH);
                let seen = fresh.and_then(|since| since.checked_sub(LAG).ok());
                let was_good = seen.is_some_and(|seen| {
                    self.past.iter().any(|(until, past)| {
                        past.id == account && *until >= seen && objection(past, now).is_none()
                    })
                });
                asked.overtaken = was_good;
                (!was_good).then_some(because)
            }
        };
        if is_reopened {
            asked.because = Some("AWS Support had reopened it".to_owned());
        }
        self.asked = Some(asked);
    }

    fn roll(&mut self, call: &Call) -> Option<Fault> {
        if self.call_faults == 0 || !one_in(&mut self.dice, self.call_faults) {
            return None;
        }
        let (name, fault) = match self.dice.u8(..5) {
            0 => ("throttled", Fault::Refuse(throttle(call.service))),
            1 => ("5xx", Fault::Refuse(AwsError::new("ServiceException", "not now").status(500))),
            2 => ("answer lost", Fault::LoseAnswer),
            3 => ("late", Fault::DelayAfter(Duration::from_millis(self.dice.u64(1..9_000)))),
            _ if call.operation == "CloseAccount" => ("answer lost", Fault::LoseAnswer),
            _ => ("twice", Fault::Twice),
        };
        *self.summary.faults.entry(name).or_default() += 1;
        Some(fault)
    }
}

/// The switch, while nobody has thrown it.
fn hidden(call: &Call) -> Option<Fault> {
    let is_read = call.operation == "GetParameter" && call.input["Name"] == SWITCH;
    let gone = || AwsError::new("ParameterNotFound", "there is no such parameter").status(400);
    is_read.then(|| Fault::Refuse(gone()))
}

/// The word of a service for too many requests.
fn throttle(service: &str) -> AwsError {
    match service {
        "organizations" => AwsError::new("TooManyRequestsException", "too many").status(400),
        "s3" => AwsError::new("SlowDown", "Please reduce your request rate.").status(503),
        _ => AwsError::new("ThrottlingException", "Rate exceeded").status(400),
    }
}

/// The account that a call to Organizations is about.
fn subject(call: &Call) -> Option<&str> {
    ["AccountId", "ResourceId", "ChildId"].iter().find_map(|name| call.input[name].as_str())
}

impl Faults for Watch {
    fn fault(&self, call: &Call) -> Option<Fault> {
        let mut state = self.lock();
        state.settle();
        if !state.is_armed {
            return hidden(call);
        }
        // Not only the sweep changes accounts: tenants leave and come back meanwhile.
        if call.service == "organizations"
            && ["TagResource", "UntagResource", "MoveAccount"].contains(&call.operation.as_str())
            && let Some(account) = subject(call)
        {
            state.remember(account);
            let by_event = !FUNCTIONS.iter().any(|name| call.caller.arn.ends_with(name));
            if by_event {
                state.touched.insert(account.to_owned());
            }
            let keys = call.input["TagKeys"].as_array();
            let is_unmarked =
                keys.is_some_and(|keys| keys.iter().any(|key| key == tags::CLOSING_REQUESTED_AT));
            if by_event && is_unmarked {
                state.reopened.remove(account);
            }
        }
        if !FUNCTIONS.iter().any(|name| call.caller.arn.ends_with(name)) {
            return None;
        }
        state.calls += 1;
        state.closing_calls += u32::from(call.caller.arn.ends_with("close-account"));
        let (calls, closing) = (state.calls, state.closing_calls);
        let is_due = |at: &At| match *at {
            At::Call(number) => number <= calls,
            At::ClosingCall(number) => number <= closing,
        };
        let due: Vec<_> = state.changes.extract_if(.., |(at, ..)| is_due(at)).collect();
        for (_, account, change) in due {
            state.change(&account, &change);
        }
        state.throw(is_due);
        if state.thrown.is_none()
            && let Some(hidden) = hidden(call)
        {
            return Some(hidden);
        }
        state.look_at(call);
        if call.service == "organizations"
            && call.operation == "CloseAccount"
            && let Some(account) = subject(call)
        {
            state.ask(account);
        }
        state.roll(call)
    }

    /// An answer tells how things were when the call was carried out, however late it comes.
    fn performed(&self, call: &Call, result: &Result<Value, AwsError>) {
        if let Some(read) = read_of(call).filter(|_| result.is_ok()) {
            let mut state = self.lock();
            let now = state.now();
            state.looked.insert(read, now);
        }
    }

    fn answered(&self, call: &Call, result: &Result<Value, AwsError>) {
        if call.service != "organizations" || result.is_err() {
            return;
        }
        let mut state = self.lock();
        state.settle();
        if let Some(read) = read_of(call)
            && let Some(at) = state.looked.get(&read).copied()
        {
            state.read.insert(read, at);
        }
    }
}

/// What `close-account` reads by this call, if it does.
fn read_of(call: &Call) -> Option<(String, &'static str)> {
    let by_it = call.service == "organizations" && call.caller.arn.ends_with("close-account");
    let what = ["ListParents", "ListTagsForResource"];
    let what = what.into_iter().find(|what| by_it && call.operation == *what)?;
    Some((subject(call)?.to_owned(), what))
}

impl FunctionFaults for Watch {
    fn fault(&self, invocation: &Invocation) -> Option<FunctionFault> {
        let mut state = self.lock();
        let rate = state.function_faults;
        if !state.is_armed || rate == 0 || !FUNCTIONS.contains(&invocation.code.as_str()) {
            return None;
        }
        if !one_in(&mut state.dice, rate) {
            return None;
        }
        let short = Duration::from_millis(state.dice.u64(1..1_500));
        let (name, fault) = match state.dice.u8(..7) {
            0 => ("killed before", FunctionFault::KilledBefore),
            1 | 2 => ("killed in the middle", FunctionFault::KilledAfter(short)),
            3 => ("killed after", FunctionFault::AnswerLost),
            4 => ("run twice", FunctionFault::Twice),
            5 => ("run twice at once", FunctionFault::Overlapping(short)),
            _ => ("too late", FunctionFault::TooLate),
        };
        *state.summary.faults.entry(name).or_default() += 1;
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use local_aws::{Caller, Principal, Settings};
    use serde_json::json;

    use super::*;

    fn call(function: &str, operation: &str, account: &str) -> Call {
        let home = "111122223333";
        Call {
            service: "organizations",
            operation: operation.to_owned(),
            input: json!({ "ResourceId": account }),
            caller: Caller {
                account: home.to_owned(),
                arn: format!("arn:aws:sts::{home}:assumed-role/{function}/landlord-{function}"),
                principal: Principal::Service("lambda.amazonaws.com".to_owned()),
            },
            account: home.to_owned(),
            region: "us-east-1".to_owned(),
        }
    }

    /// A tenant that leaves once more cools off anew: `retire-tenant` writes that, and it is no
    /// function of the sweep.
    #[tokio::test]
    async fn what_any_function_changes_is_remembered_as_it_was_before() {
        let aws = Aws::new(Settings::default());
        let account = aws.accounts().first().unwrap().id.clone();
        let watch = Watch::new(&aws, 1);
        let accounts = vec![account.clone()];
        watch.arm(Armed { accounts, ..Armed::default() });
        for function in ["retire-tenant", "close-account"] {
            for operation in ["TagResource", "UntagResource", "MoveAccount"] {
                watch.lock().past.clear();
                let _ = Faults::fault(watch.as_ref(), &call(function, operation, &account));
                let kept: Vec<String> =
                    watch.lock().past.iter().map(|(_, past)| past.id.clone()).collect();
                assert_eq!(kept, std::slice::from_ref(&account), "{function} {operation}");
            }
        }
        watch.lock().past.clear();
        let _ = Faults::fault(watch.as_ref(), &call("close-account", "ListParents", &account));
        assert_eq!(watch.lock().past, []);
    }
}
