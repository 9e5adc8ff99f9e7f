//! Puts the plan together, or says everything that is in its way at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lambda_kit::sdk::{code, is_transient};
use lifecycle::rollout::OperationName;
use lifecycle::{Fault, Faults};
use rollout::cut::{Cut, Members, cut};
use rollout::input::Wanted;
use rollout::known::{change_of, known_key};
use rollout::manifest::{Overriding, PREVIOUS_TEMPLATE, WaveSize};
use rollout::stack_set::{Described, Summary};
use rollout::{
    Files, Header, Input, Instance, Known, KnownFile, Manifest, StackSet, Stop, Template, alarms,
};

use crate::change::{self, Change, Parts};
use crate::constraints::{self, Constraints};
use crate::error::Halt;
use crate::gather::{All, Aside, Gathering, tagged};
use crate::handler::{App, Request};
use crate::house::Outside;
use crate::overrides::Asked;
use crate::{checks, decide};

/// The file with a rehearsal's template.
const REHEARSAL_TEMPLATE: &str = "rehearsal-template";

/// How many accounts a fault names.
const NAMED: usize = 5;

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
    /// What could not be understood in the list of those.
    pub(crate) known_faults: Vec<String>,
    /// Instances in waves that override what changes.
    pub(crate) overriding: Vec<Overriding>,
}

impl Maker<'_> {
    /// The plan; nothing while something has to be read on.
    pub(crate) async fn make(
        &self,
        all: &All,
        outside: &[Outside],
        gathering: &mut Gathering,
        now: Timestamp,
    ) -> Result<Option<Made>, Halt> {
        let (instances, aside) = (&all.instances, &all.aside);
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
        let cut = self.cut(instances, &all.members, outside, &mut faults).await?;
        let first = cut.waves.iter().position(|accounts| !accounts.is_empty());
        let waves = (1..).zip(&cut.waves).zip(&self.input.plan.waves);
        let sizes: Vec<WaveSize> = waves
            .enumerate()
            .map(|(index, ((number, accounts), plan))| {
                decide::wave(number, plan, accounts.clone(), first == Some(index)).1
            })
            .collect();
        let reached: BTreeSet<_> = instances.iter().map(|one| &one.account).collect();
        self.app.config.floor.check(&self.input.plan, &sizes, reached.len(), &mut faults);
        let (was, previous_template) = match before {
            Some((manifest, template)) => (manifest.previous_values, template),
            None => (set.parameters.clone(), set.template.clone()),
        };
        let marked = self.marked(&set).await?;
        let change = self.with(&marked).change(&set, &was, &mut faults).await?;
        let keeps = decide::keeps(&set, instances, &mut faults);
        let red = alarms::red(&self.app.cloudwatch, &self.input.plan.health, &[]).await?;
        let red_before = decide::red_before(&self.input.plan, &red, &mut faults);
        let (change, text) = faults.none_or(change)?;
        let values = change.values(&set);
        let asked = Asked {
            changed: change.changed(&set),
            gate: checks::is_of_the_gate(self.input, &set, text.as_deref()).then(|| values.clone()),
        };
        let reading = &mut gathering.overrides;
        let found = reading.go_on(&self.files, &self.set, &cut.waves, &asked).await?;
        let Some(found) = found else { return Ok(None) };
        let mut faults = Faults::new();
        found.refuse(&mut faults);
        let Change { next, previous } = faults.none_or(Some(change))?;
        let id = text.map(|text| change_of(&text, &values));
        let (known, known_faults) = self.known(aside, &cut, id.as_deref()).await?;
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
            change: id,
            next,
            previous,
            previous_values: was,
            keeps,
            plan: self.input.plan.clone(),
            waves: sizes,
            red_before,
        };
        let overriding = found.overriding;
        Ok(Some(Made { manifest, previous_template, cut, known, known_faults, overriding }))
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

    async fn cut(
        &self,
        instances: &[Instance],
        members: &Members,
        outside: &[Outside],
        faults: &mut Faults,
    ) -> Result<Cut, Stop> {
        let plan = &self.input.plan;
        let tagged = tagged(self.app, plan).await?;
        match cut(plan, instances, members, &tagged, &self.app.config.canary_salt.0) {
            Ok(cut) => {
                if cut.waves.iter().all(BTreeMap::is_empty) {
                    let named: Vec<String> = outside
                        .iter()
                        .take(NAMED)
                        .map(|one| format!("; account {}: {}", one.account_id, one.because))
                        .collect();
                    let rule = format!(
                        "must have an instance that a wave takes, in an account that is a tenant's \
                         own{}",
                        named.concat()
                    );
                    faults.push(Fault::new("stackSet", self.input.stack_set.as_str(), rule));
                }
                Ok(cut)
            }
            Err(found) => {
                for fault in found {
                    let is_it =
                        |one: &&Outside| fault.value == format!("{:?}", one.account_id.as_str());
                    let rule = outside
                        .iter()
                        .find(is_it)
                        .map(|one| format!("must be left to others: {}", one.because));
                    faults.push(match rule {
                        Some(rule) => Fault { rule, ..fault },
                        None => fault,
                    });
                }
                Ok(Cut::default())
            }
        }
    }

    /// The change, and the new template's text where it can be read; nothing when CloudFormation
    /// refuses the template.
    async fn change(
        &self,
        set: &Described,
        was: &BTreeMap<String, String>,
        faults: &mut Faults,
    ) -> Result<Option<(Change, Option<String>)>, Stop> {
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
        let text = match url {
            None => Ok(set.template.clone()),
            Some(url) => self.text_at(url).await?,
        };
        let constraints = match self.constraints(text.as_deref(), &summary) {
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
        let text = text.ok();
        checks::capabilities(&change.next, &summary, set, faults);
        if checks::is_of_the_gate(self.input, set, text.as_deref()) {
            checks::gate_settings(&change.values(set), faults);
        }
        Ok(Some((change, text)))
    }

    /// The rules for values, where values are given. The error: the text cannot be read.
    fn constraints(
        &self,
        text: Result<&str, &String>,
        summary: &Summary,
    ) -> Result<BTreeMap<String, Constraints>, String> {
        let given = self.input.parameters.iter();
        let checked = given.into_iter().any(|(key, value)| {
            matches!(value, Wanted::Value(_)) && summary.parameters.contains_key(key)
        });
        if !checked {
            return Ok(BTreeMap::new());
        }
        let read = constraints::read(text.map_err(String::clone)?);
        read.ok_or_else(|| "it has values for parameters, and cannot be read as text".to_owned())
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
    /// last operation says; and what of the list could not be understood.
    async fn known(
        &self,
        aside: &Aside,
        cut: &Cut,
        change: Option<&str>,
    ) -> Result<(Vec<Known>, Vec<String>), Stop> {
        let key = known_key(&self.input.stack_set);
        let text = self.files.find_shared_text(&key).await?;
        let file = text.as_deref().map(KnownFile::read).unwrap_or_default();
        let faults: Vec<String> =
            file.faults().iter().map(|fault| format!("{key}: {fault}")).collect();
        for fault in &faults {
            tracing::warn!("known offenders are left out: {fault}");
        }
        let in_waves = |one: &Known| {
            cut.waves.iter().any(|wave| {
                wave.get(&one.account).is_some_and(|regions| regions.contains(&one.region))
            })
        };
        let listed = file.offenders.into_iter().filter(|one| one.excuses_from(change));
        let all = listed.chain(aside.known.iter().cloned());
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
        Ok((known, faults))
    }
}
