//! `CreateStackInstances`, `UpdateStackInstances`, `DeleteStackInstances`, and what all
//! requests for operations have in common.

use std::sync::Arc;

use serde_json::{Value, json};

use super::errors::validation;
use super::model::{Action, Override, Request};
use super::targets::{self, Targets};
use super::{find, key_of, queue, template};
use crate::cloudformation::scheduler::{Preferences, PreferencesRequest};
use crate::cloudformation::stacks::TemplateParameter;
use crate::{Aws, AwsError, Call};

/// A request without overrides, retention or change.
pub(super) fn of(call: &Call, action: Action, targets: Targets) -> Result<Request, AwsError> {
    let (preferences, shown_preferences) = preferences(call)?;
    Ok(Request {
        action,
        targets: targets.regions,
        units: Arc::new(targets.units),
        preferences,
        shown_preferences,
        deployment_targets: targets.shown,
        overrides: None,
        retain: None,
        change: None,
    })
}

fn preferences(call: &Call) -> Result<(Preferences, Option<Value>), AwsError> {
    let Some(given) = call.input.get("OperationPreferences").filter(|given| given.is_object())
    else {
        return Ok((Preferences::default(), None));
    };
    let inner = Call { input: given.clone(), ..call.clone() };
    let request = PreferencesRequest {
        failure_tolerance_count: inner.opt_int("FailureToleranceCount")?,
        failure_tolerance_percentage: inner.opt_int("FailureTolerancePercentage")?,
        max_concurrent_count: inner.opt_int("MaxConcurrentCount")?,
        max_concurrent_percentage: inner.opt_int("MaxConcurrentPercentage")?,
        concurrency_mode: inner.opt_text("ConcurrencyMode").map(str::to_owned),
        region_concurrency_type: inner.opt_text("RegionConcurrencyType").map(str::to_owned),
        region_order: inner.texts("RegionOrder"),
    };
    let preferences =
        Preferences::try_from(&request).map_err(|error| validation(error.to_string()))?;
    Ok((preferences, Some(given.clone())))
}

/// The overrides that a call gives, checked against the template.
fn overrides(
    call: &Call,
    declared: &[TemplateParameter],
) -> Result<Option<Arc<Vec<Override>>>, AwsError> {
    let given = template::parameters(call, "ParameterOverrides")?;
    if let Some(given) = &given {
        template::known(declared, given.iter().map(|(key, _)| key.as_str()))?;
    }
    Ok(given.map(Arc::new))
}

/// `CreateStackInstances`.
pub(super) fn create(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let regions = aws.settings().regions.clone();
    operate(aws, call, Action::Create, |state| targets::of_create(state, call, &regions))
}

/// `UpdateStackInstances`.
pub(super) fn update(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    operate(aws, call, Action::Update, |state| targets::of_existing(state, call))
}

/// `DeleteStackInstances`.
pub(super) fn delete(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    if call.opt_bool("RetainStacks")?.is_none() {
        call.text("RetainStacks")?;
    }
    operate(aws, call, Action::Delete, |state| targets::of_existing(state, call))
}

fn operate(
    aws: &Aws,
    call: &Call,
    action: Action,
    targets: impl FnOnce(&crate::State) -> Result<Targets, AwsError>,
) -> Result<Value, AwsError> {
    let (id, key) = {
        let mut state = aws.lock();
        let declared = find(call, &state)?.definition.clone();
        if let Some(known) = queue::repeated(&state, call)? {
            return Ok(json!({ "OperationId": known }));
        }
        let mut request = of(call, action, targets(&state)?)?;
        match action {
            Action::Delete => request.retain = call.opt_bool("RetainStacks")?,
            _ => request.overrides = overrides(call, &declared.declared)?,
        }
        (queue::accept(aws, &mut state, call, request)?, key_of(call, &state)?)
    };
    queue::advance(aws, &key);
    Ok(json!({ "OperationId": id }))
}
