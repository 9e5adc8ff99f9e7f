//! StackSets' errors, with AWS's status codes.

use super::model::StackSet;
use crate::AwsError;

pub(super) fn validation(message: impl Into<String>) -> AwsError {
    AwsError::validation(message)
}

pub(super) fn set_not_found(name: &str) -> AwsError {
    AwsError::new("StackSetNotFoundException", format!("StackSet {name} not found")).status(404)
}

pub(super) fn operation_not_found(id: &str, name: &str) -> AwsError {
    let message = format!("Operation {id} of StackSet {name} not found");
    AwsError::new("OperationNotFoundException", message).status(404)
}

pub(super) fn instance_not_found(places: &[(String, String)]) -> AwsError {
    let first: Vec<String> = places
        .iter()
        .take(10)
        .map(|(account, region)| format!("account {account}, region {region}"))
        .collect();
    let more = places.len().saturating_sub(first.len());
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!("Stack instances not found for: {}{rest}", first.join("; "));
    AwsError::new("StackInstanceNotFoundException", message).status(404)
}

pub(super) fn in_progress(set: &StackSet, operation: &str) -> AwsError {
    let message =
        format!("Another Operation on StackSet {} is in progress: {operation}", set.arn());
    AwsError::new("OperationInProgressException", message).status(409)
}

pub(super) fn repeated_id(id: &str) -> AwsError {
    let message = format!("Operation ID {id} already exists");
    AwsError::new("OperationIdAlreadyExistsException", message).status(409)
}

pub(super) fn stale(id: &str) -> AwsError {
    let message = format!(
        "Another operation has been performed on this StackSet since operation {id} was performed"
    );
    AwsError::new("StaleRequestException", message).status(409)
}

pub(super) fn limit(message: impl Into<String>) -> AwsError {
    AwsError::new("LimitExceededException", message)
}

pub(super) fn invalid_operation(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidOperationException", message)
}
