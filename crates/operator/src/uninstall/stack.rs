//! The stack itself: its protection from deletion is lifted, it is deleted, and its end is waited for.

use std::time::Duration;

use aws_sdk_cloudformation::types::StackStatus;
use lambda_kit::client;
use lambda_kit::sdk::{Trouble, Wire, code};

use crate::failure::Failure;
use crate::patience::pause;

const BETWEEN_LOOKS: Duration = Duration::from_secs(10);
/// How often is looked: for an hour.
const LOOKS: u32 = 360;

/// The id of a stack, when there is one of the name.
pub(super) async fn find(wire: &Wire, name: &str) -> Result<Option<String>, Failure> {
    let state = Box::pin(state(wire, name)).await?;
    Ok(state.map(|(id, _)| id))
}

async fn state(wire: &Wire, name: &str) -> Result<Option<(String, StackStatus)>, Failure> {
    let client = client!(aws_sdk_cloudformation, wire);
    let answer = match client.describe_stacks().stack_name(name).send().await {
        Ok(answer) => answer,
        // The only way in which CloudFormation says that there is no such stack.
        Err(error) if code(&error) == Some("ValidationError") => return Ok(None),
        Err(error) => {
            let trouble = Trouble::of("cloudformation", "DescribeStacks", &error);
            return Err(Failure::aws(
                format!("read the stack {name} in {}", wire.region()),
                &trouble,
            ));
        }
    };
    let stack = answer.stacks.unwrap_or_default().into_iter().next();
    Ok(stack.and_then(|stack| Some((stack.stack_id?, stack.stack_status?))))
}

/// Deletes a stack, and waits for its end.
pub(super) async fn delete(wire: &Wire, name: &str, id: &str) -> Result<(), Failure> {
    let tried = format!("delete the stack {name} in {}", wire.region());
    let client = client!(aws_sdk_cloudformation, wire);
    let lifted = client.update_termination_protection().stack_name(id);
    let lifted = lifted.enable_termination_protection(false).send().await;
    lifted.map_err(|error| {
        let trouble = Trouble::of("cloudformation", "UpdateTerminationProtection", &error);
        Failure::aws(tried.clone(), &trouble)
    })?;
    let deleted = client.delete_stack().stack_name(id).send().await;
    deleted.map_err(|error| {
        Failure::aws(tried.clone(), &Trouble::of("cloudformation", "DeleteStack", &error))
    })?;
    for _ in 0..LOOKS {
        match Box::pin(state(wire, id)).await? {
            None | Some((_, StackStatus::DeleteComplete)) => return Ok(()),
            Some((_, StackStatus::DeleteFailed)) => {
                let advice = format!(
                    "see why: aws cloudformation describe-stack-events --region {} --stack-name {name}; mend \
                     it, and uninstall again",
                    wire.region()
                );
                return Err(Failure::new(tried, "the stack is in DELETE_FAILED", advice));
            }
            Some(_) => pause(BETWEEN_LOOKS).await,
        }
    }
    Err(Failure::new(
        tried,
        "it is not gone after an hour",
        "look at its events, and uninstall again",
    ))
}
