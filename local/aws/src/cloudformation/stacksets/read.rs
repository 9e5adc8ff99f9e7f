//! Instances as readers see them.

use serde_json::{Value, json};

use super::errors::{instance_not_found, validation};
use super::model::Instance;
use super::{find, page, show};
use crate::{Aws, AwsError, Call};

const DETAILED: [&str; 8] = [
    "PENDING",
    "RUNNING",
    "SUCCEEDED",
    "FAILED",
    "CANCELLED",
    "INOPERABLE",
    "SKIPPED_SUSPENDED_ACCOUNT",
    "FAILED_IMPORT",
];

/// `DescribeStackInstance`.
pub(super) fn describe_instance(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let (account, region) = (call.text("StackInstanceAccount")?, call.text("StackInstanceRegion")?);
    let state = aws.lock();
    let set = find(call, &state)?;
    let place = (account.into(), region.into());
    let instance = set
        .instances
        .get(&place)
        .ok_or_else(|| instance_not_found(&[(account.to_owned(), region.to_owned())]))?;
    Ok(json!({ "StackInstance": show::instance(set, &place, instance) }))
}

/// One of up to three filters.
struct Filter {
    name: String,
    values: String,
}

fn filters(call: &Call) -> Result<Vec<Filter>, AwsError> {
    let list = call.list("Filters");
    if list.len() > 3 {
        return Err(validation(format!("Filters: {} are more than 3", list.len())));
    }
    list.iter()
        .map(|filter| {
            let text = |name: &str| filter[name].as_str().unwrap_or_default().to_owned();
            let filter = Filter { name: text("Name"), values: text("Values") };
            match filter.name.as_str() {
                "DETAILED_STATUS" if !DETAILED.contains(&filter.values.as_str()) => {
                    Err(validation(format!(
                        "Filters: DETAILED_STATUS: \"{}\" is not one of {}",
                        filter.values,
                        DETAILED.join(", ")
                    )))
                }
                "DETAILED_STATUS" | "LAST_OPERATION_ID" | "DRIFT_STATUS" => Ok(filter),
                other => Err(validation(format!(
                    "Filters: \"{other}\" is not DETAILED_STATUS, LAST_OPERATION_ID or \
                     DRIFT_STATUS"
                ))),
            }
        })
        .collect()
}

impl Filter {
    fn fits(&self, instance: &Instance) -> bool {
        let is = match self.name.as_str() {
            "DETAILED_STATUS" => instance.detailed,
            "LAST_OPERATION_ID" => instance.last_operation.as_ref(),
            _ => "NOT_CHECKED",
        };
        is == self.values
    }
}

/// `ListStackInstances`.
pub(super) fn list_instances(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let filters = filters(call)?;
    let account = call.opt_text("StackInstanceAccount");
    let region = call.opt_text("StackInstanceRegion");
    let state = aws.lock();
    let set = find(call, &state)?;
    // An account's instances stand together: nobody looks through a hundred thousand for them.
    let range = match account {
        Some(account) => set.instances.range((account.into(), "".into())..),
        None => set.instances.range::<super::model::Place, _>(..),
    };
    let shown = range
        .take_while(|(place, _)| account.is_none_or(|account| *place.0 == *account))
        .filter(|(place, _)| region.is_none_or(|region| *place.1 == *region))
        .filter(|(_, instance)| filters.iter().all(|filter| filter.fits(instance)));
    page(call, "Summaries", shown, |(place, instance)| show::instance_summary(set, place, instance))
}

/// `ListStackSetAutoDeploymentTargets`.
pub(super) fn list_auto_targets(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let state = aws.lock();
    let set = find(call, &state)?;
    page(
        call,
        "Summaries",
        set.auto_targets.iter(),
        |(unit, regions)| json!({ "OrganizationalUnitId": unit, "Regions": regions }),
    )
}
