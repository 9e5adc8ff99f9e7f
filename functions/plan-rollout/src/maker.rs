//! Puts the plan together, or says everything that is in its way at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lambda_kit::sdk::{code, is_transient};
use lifecycle::rollout::{OperationName, RolloutHash, under_way};
use lifecycle::{Fault, Faults};
use rollout::cut::{Cut, Members, cut};
use rollout::input::Wanted;
use rollout::known::known_key;
use rollout::manifest::{MANIFEST, NOT_CURRENT, Overriding, PREVIOUS_TEMPLATE};
use rollout::stack_set::{Described, Logged, Summary};
use rollout::{
    Files, Header, Input, Instance, Known, KnownFile, Manifest, StackSet, Stop, Template, alarms,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::change::{self, Change, Parts};
use crate::constraints::{self, Constraints};
use crate::error::{Error, Halt};
use crate::gather::{Aside, Gathering, tagged};
use crate::handler::{App, Request};
use crate::{checks, decide};

/// The folder that names the newest rollout of each stack set; no execution is called so.
const NEWEST: &str = "newest-of-stack-sets";
/// The file with a rehearsal's template.
const REHEARSAL_TEMPLATE: &str = "rehearsal-template";

/// The newest rollout of a stack set.
#[derive(Debug, Serialize, Deserialize)]
struct Newest {
    /// The name of its execution.
    execution: String,
}

/// What a plan is made of.
pub(crate) struct Maker<'a> {
    pub(crate) app: &'a App,
    pub(crate) request: &'a Request,
    pub(crate) input: &'a Input,
    pub(crate) files: Files,
    pub(crate) set: StackSet,
}

/// A plan.
pub(crate) struct Made {
    pub(crate) manifest: Manifest,
    /// The template that the set goes back to.
    pub(crate) previous_template: String,
    pub(crate) cut: Cut,
    /// Instances in waves that failed before.
    pub(crate) known: Vec<Known>,
    /// Instances in waves that override what changes.
    pub(crate) overriding: Vec<Overriding>,
}

impl Maker<'_> {
    /// The plan; nothing while something has to be read on.
    pub(crate) async fn make(
        &self,
        instances: &[Instance],
        members: &Members,
        aside: &Aside,
        gathering: &mut Gathering,
        now: Timestamp,
    ) -> Result<Option<Made>, Halt> {
        let mut faults = Faults::new();
        // Enrolments go on meanwhile: the newest operation of a rollout may be far back.
        let is_of_a_rollout = |id: &str| OperationName::read(id).is_some();
        let log = self.set.log_back_to(|one| is_of_a_rollout(&one.id)).await?;
        let before = self.before(&log).await?;
        self.is_alone().await?;
        let set = self.set.describe().await?;
        checks::administration_role(&set, &self.app.config.administration_role, &mut faults);
        checks::automatic_deployment(&set, &mut faults);
        checks::others(self.input, &log, &aside.busy, &mut faults);
        let cut = self.cut(instances, members, &mut faults).await?;
        let (was, previous_template) = match before {
            Some((manifest, template)) => (manifest.previous_values, template),
            None => (set.parameters.clone(), set.template.clone()),
        };
        let marked = self.marked(&set).await?;
        let change = self.with(&marked).change(&set, &was, &mut faults).await?;
        let keeps = decide::keeps(&set, instances, &mut faults);
        let red = alarms::red(&self.app.cloudwatch, &self.input.plan.health, &[]).await?;
        let red_before = decide::red_before(&self.input.plan, &red, &mut faults);
        let Change { next, previous } = faults.none_or(change)?;
        let changed = next
            .parameters
            .iter()
            .filter(|(key, value)| value.is_some() && set.parameters.get(*key) != value.as_ref());
        let changed: BTreeSet<String> = changed.map(|(key, _)| key.clone()).collect();
        let reading = &mut gathering.overrides;
        let overriding = reading.go_on(&self.files, &self.set, &cut.waves, &changed).await?;
        let Some(overriding) = overriding else { return Ok(None) };
        let known = self.known(aside, &cut).await?;
        let first = cut.waves.iter().position(|accounts| !accounts.is_empty());
        let waves = (1..).zip(&cut.waves).zip(&self.input.plan.waves);
        let sizes = waves.enumerate().map(|(index, ((number, accounts), plan))| {
            decide::wave(number, plan, accounts.clone(), first == Some(index)).1
        });
        let manifest = Manifest {
            header: Header {
                execution: self.request.name.clone(),
                stack_set: self.input.stack_set.clone(),
                waves: u32::try_from(cut.waves.len()).unwrap_or(u32::MAX),
                deadline_seconds: self.input.plan.deadline_seconds,
                rehearsal: self.input.rehearse,
            },
            planned_at: now,
            found: set.fingerprint(),
            next,
            previous,
            previous_values: was,
            keeps,
            plan: self.input.plan.clone(),
            waves: sizes.collect(),
            red_before,
        };
        Ok(Some(Made { manifest, previous_template, cut, known, overriding }))
    }

    /// The same about another input.
    fn with<'b>(&'b self, input: &'b Input) -> Maker<'b> {
        let (files, set) = (self.files.clone(), self.set.clone());
        Maker { app: self.app, request: self.request, input, files, set }
    }

    /// The input; of a rehearsal with the set's own template, marked: it means the same, and to
    /// StackSets it is a change like any other.
    async fn marked(&self, set: &Described) -> Result<Input, Stop> {
        let mut input = self.input.clone();
        if input.rehearse {
            let marked = decide::marked(&set.template, &self.request.name);
            self.files.write_text(REHEARSAL_TEMPLATE, &marked).await?;
            input.template = Template::Url(self.files.url(REHEARSAL_TEMPLATE, &self.app.region));
        }
        Ok(input)
    }

    /// Refuses a rehearsal while another rollout of the set has not been told to be over: late
    /// comers of one whose waves have all passed would find the set changed.
    async fn is_alone(&self) -> Result<(), Halt> {
        let newest: Option<Newest> = self.newest().find(&self.newest_name()).await?;
        let Some(other) = newest.map(|newest| newest.execution) else { return Ok(()) };
        if !self.input.rehearse || other == self.request.name {
            return Ok(());
        }
        let files = Files::of(&self.app.objects, &self.app.config.runs_bucket, &other);
        if files.find::<Value>(NOT_CURRENT).await?.is_some() {
            return Ok(());
        }
        let stack_set = self.input.stack_set.clone();
        Err(Error::RolloutRuns { stack_set, execution: other }.into())
    }

    /// Writes down that this is the newest rollout of the set.
    pub(crate) async fn is_the_newest(&self) -> Result<(), Stop> {
        let newest = Newest { execution: self.request.name.clone() };
        self.newest().write(&self.newest_name(), &newest).await
    }

    fn newest(&self) -> Files {
        Files::of(&self.app.objects, &self.app.config.runs_bucket, NEWEST)
    }

    fn newest_name(&self) -> String {
        format!("{}.json", self.input.stack_set)
    }

    async fn cut(
        &self,
        instances: &[Instance],
        members: &Members,
        faults: &mut Faults,
    ) -> Result<Cut, Stop> {
        let plan = &self.input.plan;
        let tagged = tagged(self.app, plan).await?;
        match cut(plan, instances, members, &tagged, &self.app.config.canary_salt.0) {
            Ok(cut) => {
                if cut.waves.iter().all(BTreeMap::is_empty) {
                    let rule = "must have an instance that a wave takes";
                    faults.push(Fault::new("stackSet", self.input.stack_set.as_str(), rule));
                }
                Ok(cut)
            }
            Err(found) => {
                found.into_iter().for_each(|fault| faults.push(fault));
                Ok(Cut::default())
            }
        }
    }

    /// The change; nothing when CloudFormation refuses the template.
    async fn change(
        &self,
        set: &Described,
        was: &BTreeMap<String, String>,
        faults: &mut Faults,
    ) -> Result<Option<Change>, Stop> {
        let url = match &self.input.template {
            Template::Url(url) => Some(url.as_str()),
            Template::Previous => None,
        };
        let refused = |words: &str| {
            let shown = url.unwrap_or("the set's own");
            Fault::new("templateUrl", shown, format!("is refused: {words}"))
        };
        let summary = match self.set.summary_of(url).await? {
            Ok(summary) => summary,
            Err(words) => {
                faults.push(refused(&words));
                return Ok(None);
            }
        };
        let constraints = match self.constraints(url, set, &summary).await? {
            Ok(constraints) => constraints,
            Err(words) => {
                faults.push(refused(&words));
                BTreeMap::new()
            }
        };
        let parts =
            Parts { input: self.input, summary: &summary, constraints: &constraints, set, was };
        let address = Template::Url(self.files.url(PREVIOUS_TEMPLATE, &self.app.region));
        let change = change::change(parts, address, faults);
        checks::capabilities(&change.next, &summary, set, faults);
        checks::gate_settings(self.input, set, &change.next, faults);
        Ok(Some(change))
    }

    /// The rules for values, where values are given. The inner error: the text cannot be read.
    async fn constraints(
        &self,
        url: Option<&str>,
        set: &Described,
        summary: &Summary,
    ) -> Result<Result<BTreeMap<String, Constraints>, String>, Stop> {
        let given = self.input.parameters.iter();
        let checked = given.into_iter().any(|(key, value)| {
            matches!(value, Wanted::Value(_)) && summary.parameters.contains_key(key)
        });
        if !checked {
            return Ok(Ok(BTreeMap::new()));
        }
        let text = match url {
            None => set.template.clone(),
            Some(url) => match self.text_at(url).await? {
                Ok(text) => text,
                Err(words) => return Ok(Err(words)),
            },
        };
        let read = constraints::read(&text);
        Ok(read
            .ok_or_else(|| "it has values for parameters, and cannot be read as text".to_owned()))
    }

    /// A template's text. The inner error: why it cannot be read.
    async fn text_at(&self, url: &str) -> Result<Result<String, String>, Stop> {
        let Some((bucket, key)) = decide::object_at(url) else {
            return Ok(Err("it is not the address of an object in S3".to_owned()));
        };
        let got = self.app.objects.get_object().bucket(bucket).key(key).send().await;
        let object = match got {
            Ok(object) => object,
            Err(error) if is_transient(&error) => {
                return Err(Stop::of("s3", "GetObject", "the template", &error));
            }
            Err(error) => {
                let code = code(&error).unwrap_or("no code");
                return Ok(Err(format!("S3 says {code} of it")));
            }
        };
        let body = object.body.collect().await;
        let body = body.map_err(|error| Stop::Later(format!("the template: {error}")))?;
        Ok(String::from_utf8(body.to_vec()).map_err(|_| "it is not text".to_owned()))
    }

    /// Instances in waves that failed before: by the list of earlier rollouts, and by what their
    /// last operation says.
    async fn known(&self, aside: &Aside, cut: &Cut) -> Result<Vec<Known>, Stop> {
        let key = known_key(&self.input.stack_set);
        let file: KnownFile = self.files.find_shared(&key).await?.unwrap_or_default();
        let in_waves = |one: &Known| {
            cut.waves.iter().any(|wave| {
                wave.get(&one.account).is_some_and(|regions| regions.contains(&one.region))
            })
        };
        let all = file.offenders.into_iter().chain(aside.known.iter().cloned());
        let all = all.filter(|one| one.class.policy().is_failure() && in_waves(one));
        let mut known: Vec<Known> = Vec::new();
        for one in all {
            let is_there = known.iter().any(|other| {
                (&other.account, &other.region, &other.reason)
                    == (&one.account, &one.region, &one.reason)
            });
            if !is_there {
                known.push(one);
            }
        }
        Ok(known)
    }

    /// The roll-out in whose place this one goes on, and the template that it had found; nothing
    /// when the set is proven.
    async fn before(&self, log: &[Logged]) -> Result<Option<(Manifest, String)>, Halt> {
        let newest = under_way(log.iter().map(|one| one.id.as_str()));
        let mine = RolloutHash::of(&self.request.name);
        let Some(other) = newest.filter(|one| one.rollout != mine) else { return Ok(None) };
        let named = self.input.take_over.as_deref();
        let Some(name) = named.filter(|name| RolloutHash::of(name) == other.rollout) else {
            let stack_set = self.input.stack_set.clone();
            return Err(Error::AnotherRollout { stack_set, operation: other }.into());
        };
        let files = Files::of(&self.app.objects, &self.app.config.runs_bucket, name);
        let manifest = files.read(MANIFEST).await?;
        Ok(Some((manifest, files.read_text(PREVIOUS_TEMPLATE).await?)))
    }
}
