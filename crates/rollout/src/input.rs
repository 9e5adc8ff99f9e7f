//! The input of a roll-out: everything that people write, read with all its faults.

use std::collections::BTreeMap;

use lifecycle::{Fault, Faults, StackSetName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fields::Fields;
use crate::plan::{OnStop, Plan, Selection, WavePlan};
use crate::read_plan;

/// The plans that are there by name.
pub const DEFAULT_PLANS: [(&str, &str); 6] = [
    ("careful", include_str!("plans/careful.json")),
    ("routine", include_str!("plans/routine.json")),
    ("urgent", include_str!("plans/urgent.json")),
    ("new-template", include_str!("plans/new-template.json")),
    ("gate", include_str!("plans/gate.json")),
    (REHEARSE, include_str!("plans/rehearse.json")),
];

/// The plan of a rehearsal that names none.
const REHEARSE: &str = "rehearse";

/// What a roll-out is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The stack set.
    pub stack_set: StackSetName,
    /// The template.
    pub template: Template,
    /// New values of parameters; the others keep theirs.
    pub parameters: BTreeMap<String, Wanted>,
    /// References to the old values of parameters whose values nobody can see, for the way back.
    pub previous_parameters: BTreeMap<String, String>,
    /// What the template may do; nothing: what the set's template may do now.
    pub capabilities: Option<Vec<String>>,
    /// The plan.
    pub plan: Plan,
    /// Whether to end after the plan is made.
    pub dry_run: bool,
    /// Whether it only tries the way to the first accounts and back: with the set's own template,
    /// which is marked and means the same.
    pub rehearse: bool,
    /// The name of the execution of the roll-out that left the set unproven, if this one is to
    /// go on in its place: what was before that one is then what this one goes back to.
    pub take_over: Option<String>,
}

/// What a parameter is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// This.
    Value(String),
    /// What the template says.
    Default,
}

/// Whether a value is a reference to a secret, and not the secret.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>
pub fn is_secret_reference(value: &str) -> bool {
    let inner = value.strip_prefix("{{resolve:").and_then(|rest| rest.strip_suffix("}}"));
    inner.is_some_and(|inner| {
        let known = inner.strip_prefix("secretsmanager:").or(inner.strip_prefix("ssm-secure:"));
        known.is_some_and(|name| !name.is_empty() && !name.contains(['{', '}']))
    })
}

/// Where the template comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Template {
    /// From S3, by `https`.
    Url(String),
    /// The one that the set has.
    Previous,
}

impl Input {
    /// Reads an execution's input.
    ///
    /// # Errors
    /// All faults.
    pub fn read(input: &Value) -> Result<Self, Faults> {
        let mut faults = Faults::new();
        let Some(mut fields) = Fields::of("", input, &mut faults) else { return Err(faults) };
        if let Some(version) = fields.value("version").filter(|version| version.as_u64() != Some(1))
        {
            fields.fault("version", version, "must be 1");
        }
        let stack_set = stack_set(&mut fields);
        let rehearse = fields.flag("rehearse");
        let template = if rehearse { Some(Template::Previous) } else { template(&mut fields) };
        // A rehearsal changes nothing: what would is not known there, and so a fault.
        let parameters = if rehearse { BTreeMap::new() } else { parameters(&mut fields) };
        let previous_parameters =
            if rehearse { BTreeMap::new() } else { previous_parameters(&mut fields) };
        if let Some(managed) = fields.value("managedExecution") {
            let rule = "must not be changed by a rollout: AWS refuses ManagedExecution together \
                        with a template or parameters; UpdateStackSet changes it alone";
            fields.fault("managedExecution", managed, rule);
        }
        let capabilities = fields.value("capabilities").is_some().then(|| {
            fields.texts("capabilities").into_iter().map(str::to_owned).collect::<Vec<_>>()
        });
        let dry_run = fields.flag("dryRun");
        let take_over = fields.text("takeOver").map(str::to_owned);
        // For the name of the execution only.
        fields.value("changeId");
        let plan = match (fields.value("plan"), rehearse) {
            (Some(plan), _) => resolve(plan, fields.faults())
                .and_then(|plan| read_plan::plan("plan", &plan, fields.faults())),
            (None, true) => resolve(&Value::from(REHEARSE), fields.faults())
                .and_then(|plan| read_plan::plan("plan", &plan, fields.faults())),
            (None, false) => {
                fields.missing("plan");
                None
            }
        };
        if let Some(plan) = plan.as_ref().filter(|_| rehearse) {
            of_a_rehearsal(plan, fields.faults());
        }
        fields.end();
        let all = (|| {
            Some(Self {
                stack_set: stack_set?,
                template: template?,
                parameters,
                previous_parameters,
                capabilities,
                plan: plan?,
                dry_run,
                rehearse,
                take_over,
            })
        })();
        faults.none_or(all)
    }
}

/// Faults of a plan by which a rehearsal would leave something behind, or hold anybody up.
fn of_a_rehearsal(plan: &Plan, faults: &mut Faults) {
    if plan.on_stop == OnStop::Leave {
        faults.push(Fault::new("plan.onStop", "LEAVE", "must be ROLL_BACK in a rehearsal"));
    }
    if plan.new_tenants_wait() > 0 {
        faults.push(Fault::new("plan.newTenants", "WAIT", "must be ALLOW in a rehearsal"));
    }
    let takes_all = |wave: &WavePlan| wave.accounts == Selection::Rest;
    if let Some(wave) = plan.waves.iter().find(|wave| takes_all(wave)) {
        let rule = "must not take the rest in a rehearsal";
        faults.push(Fault::new("plan.waves", &wave.name, rule));
    }
}

fn stack_set(fields: &mut Fields<'_>) -> Option<StackSetName> {
    let Some(name) = fields.text("stackSet") else {
        fields.missing("stackSet");
        return None;
    };
    let parsed = name.parse::<StackSetName>();
    fields.faults().keep("stackSet", parsed)
}

fn template(fields: &mut Fields<'_>) -> Option<Template> {
    let url = fields.text("templateUrl");
    let previous = fields.flag("usePreviousTemplate");
    match (url, previous) {
        (Some(url), false) if url.starts_with("https://") && url.len() <= 5_120 => {
            Some(Template::Url(url.to_owned()))
        }
        (Some(url), false) => {
            let rule = "must be an https address in S3, of 5,120 characters at most";
            fields.fault("templateUrl", &Value::from(url), rule);
            None
        }
        (None, true) => Some(Template::Previous),
        (Some(url), true) => {
            let rule = "must not be given with usePreviousTemplate";
            fields.fault("templateUrl", &Value::from(url), rule);
            None
        }
        (None, false) => {
            fields.missing("templateUrl or usePreviousTemplate");
            None
        }
    }
}

/// Values are never repeated in a fault: one of them may be a secret.
fn parameters(fields: &mut Fields<'_>) -> BTreeMap<String, Wanted> {
    let mut parameters = BTreeMap::new();
    let Some(value) = fields.value("parameters") else { return parameters };
    let Some(map) = value.as_object() else {
        fields.hidden_fault("parameters", "must be an object");
        return parameters;
    };
    for (key, value) in map {
        let default = value.as_object().is_some_and(|members| {
            members.len() == 1 && members.get("useDefault") == Some(&Value::Bool(true))
        });
        match value.as_str() {
            Some(text) => {
                parameters.insert(key.clone(), Wanted::Value(text.to_owned()));
            }
            None if default => {
                parameters.insert(key.clone(), Wanted::Default);
            }
            None => {
                let rule = "must be text, or {\"useDefault\": true}";
                fields.hidden_fault(&format!("parameters.{key}"), rule);
            }
        }
    }
    parameters
}

fn previous_parameters(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    let Some(value) = fields.value("previousParameters") else { return parameters };
    let Some(map) = value.as_object() else {
        fields.hidden_fault("previousParameters", "must be an object");
        return parameters;
    };
    for (key, value) in map {
        match value.as_str() {
            Some(text) => {
                parameters.insert(key.clone(), text.to_owned());
            }
            None => fields.hidden_fault(&format!("previousParameters.{key}"), "must be text"),
        }
    }
    parameters
}

/// The whole plan: by name, or on the base of one, or as it stands.
fn resolve(plan: &Value, faults: &mut Faults) -> Option<Value> {
    let named = |name: &str| -> Result<Value, Fault> {
        let names = || DEFAULT_PLANS.map(|(name, _)| name).join(", ");
        let (_, text) = DEFAULT_PLANS
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| Fault::new("plan", name, format!("must be one of {}", names())))?;
        serde_json::from_str(text).map_err(|error| Fault::new("plan", name, error.to_string()))
    };
    match plan {
        Value::String(name) => faults.keep("plan", named(name)),
        Value::Object(given) => {
            let Some(base) = given.get("base") else { return Some(plan.clone()) };
            let base = match base.as_str() {
                Some(name) => faults.keep("plan.base", named(name))?,
                None => {
                    faults.push(Fault::of("plan.base", base, "must be the name of a plan"));
                    return None;
                }
            };
            let mut whole = base;
            for (name, value) in given.iter().filter(|(name, _)| *name != "base") {
                merge(&mut whole[name], value);
            }
            Some(whole)
        }
        other => {
            faults.push(Fault::of("plan", other, "must be the name of a plan, or a plan"));
            None
        }
    }
}

/// A plan as it stands when its name or its base is resolved; nothing when that has faults.
#[must_use]
pub fn whole_plan(plan: &Value) -> Option<Value> {
    let mut faults = Faults::new();
    let whole = resolve(plan, &mut faults);
    whole.filter(|_| faults.is_empty())
}

/// Objects are merged, everything else is replaced.
fn merge(base: &mut Value, given: &Value) {
    match (base, given) {
        (Value::Object(base), Value::Object(given)) => {
            for (name, value) in given {
                merge(base.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (base, given) => *base = given.clone(),
    }
}

#[cfg(test)]
mod tests {
    use lifecycle::rollout::NEW_TENANTS_WAIT;
    use serde_json::json;

    use super::*;
    use crate::plan::{Amount, NewTenants};

    fn input(plan: Value) -> Value {
        json!({"version": 1, "stackSet": "landlord-tenant-baseline", "changeId": "c1",
               "usePreviousTemplate": true, "plan": plan})
    }

    fn faults(input: &Value) -> Vec<String> {
        Input::read(input).unwrap_err().reasons()
    }

    #[test]
    fn every_default_plan_is_a_plan() {
        for (name, _) in DEFAULT_PLANS.into_iter().filter(|(name, _)| *name != REHEARSE) {
            let read = Input::read(&input(json!(name))).unwrap();
            assert_eq!(read.plan.on_stop, OnStop::RollBack, "{name}");
            assert_eq!(read.plan.new_tenants, NewTenants::Wait, "{name}");
            assert_eq!(read.plan.new_tenants_wait(), NEW_TENANTS_WAIT, "{name}");
            assert_eq!(read.plan.waves.last().unwrap().accounts, Selection::Rest, "{name}");
        }
    }

    #[test]
    fn new_tenants_wait_as_long_as_the_plan_says_within_limits() {
        let wait = |more: Value| {
            let mut plan = json!({"base": "routine"});
            plan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Input::read(&input(plan)).map(|read| read.plan.new_tenants_wait())
        };
        assert_eq!(wait(json!({"newTenantsWaitSeconds": 3_600})).unwrap(), 3_600);
        assert_eq!(wait(json!({"newTenantsWaitSeconds": 0})).unwrap(), 0);
        let allowed = json!({"newTenantsWaitSeconds": 3_600, "newTenants": "ALLOW"});
        assert_eq!(wait(allowed).unwrap(), 0);
        let faults = wait(json!({"newTenantsWaitSeconds": 21_601})).unwrap_err().reasons();
        assert!(faults[0].contains("plan.newTenantsWaitSeconds: 21601"), "{faults:?}");
    }

    #[test]
    fn a_rehearsal_changes_nothing_leaves_nothing_and_holds_nobody_up() {
        let rehearsal = json!({"version": 1, "stackSet": "base", "rehearse": true});
        let read = Input::read(&rehearsal).unwrap();
        assert!(read.rehearse);
        assert_eq!(read.plan.new_tenants_wait(), 0);
        assert_eq!(read.plan.waves[0].accounts, Selection::Count("Canary".parse().unwrap(), 3));
        for (more, part) in [
            (json!({"templateUrl": "https://b.s3.amazonaws.com/t"}), "templateUrl"),
            (json!({"parameters": {"A": "1"}}), "parameters"),
            (json!({"plan": {"base": "rehearse", "onStop": "LEAVE"}}), "plan.onStop"),
            (json!({"plan": {"base": "rehearse", "newTenants": "WAIT"}}), "plan.newTenants"),
            (json!({"plan": {"base": "urgent", "newTenants": "ALLOW"}}), "plan.waves"),
        ] {
            let mut wrong = rehearsal.clone();
            wrong.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let faults = faults(&wrong);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].contains(part), "{part}: {faults:?}");
        }
    }

    #[test]
    fn a_plan_may_stand_on_the_base_of_another() {
        let plan = json!({"base": "routine", "onStop": "LEAVE",
                          "health": {"alarms": ["api-errors"]}});
        let read = Input::read(&input(plan)).unwrap().plan;
        assert_eq!(read.on_stop, OnStop::Leave);
        assert_eq!(read.health.alarms, ["api-errors"]);
        assert_eq!(read.waves.len(), 3);
        assert_eq!(read.waves[1].preferences.max_concurrent, Amount::Percent(10));
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let wrong = json!({"version": 2, "stackSet": "no name!", "parameters": {"A": 1},
            "speed": "high", "plan": {"base": "routine", "deadlineSeconds": 0, "colour": "red",
            "waves": [{"name": "a", "accounts": {"organizationalUnit": "Canary", "percent": 0},
                       "preferences": {"maxConcurrentCount": 1, "maxConcurrentPercentage": 2}}]}});
        let faults = faults(&wrong);
        for part in [
            "version: 2 must be 1",
            "stackSet: \"no name!\"",
            "templateUrl or usePreviousTemplate: nothing",
            "parameters.A: a value must be text",
            "speed: \"high\" is not known",
            "plan.colour",
            "plan.deadlineSeconds: 0",
            "plan.waves[0].accounts.percent: 0",
            "plan.waves[0].preferences.maxConcurrentPercentage",
        ] {
            assert!(faults.iter().any(|fault| fault.contains(part)), "{part}: {faults:#?}");
        }
    }

    #[test]
    fn an_unknown_plan_is_named_beside_the_known_ones() {
        let faults = faults(&input(json!("reckless")));
        assert_eq!(faults.len(), 1);
        assert!(faults[0].contains("\"reckless\" must be one of careful, routine"), "{faults:?}");
    }

    #[test]
    fn the_template_comes_from_one_place() {
        let mut both = input(json!("routine"));
        both["templateUrl"] = json!("https://bucket.s3.amazonaws.com/t.yaml");
        assert_eq!(faults(&both).len(), 1);
        both["usePreviousTemplate"] = json!(false);
        let read = Input::read(&both).unwrap();
        assert!(matches!(read.template, Template::Url(_)));
        both["templateUrl"] = json!("http://bucket/t.yaml");
        assert!(faults(&both)[0].contains("https"));
    }
}
