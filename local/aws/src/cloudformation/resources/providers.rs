//! What CloudFormation's own resource providers do when a service says: not so fast.
//!
//! A provider tries most calls again, and the handler decides which. What it does not try again
//! fails its resource, and with it the stack.

use std::time::Duration;

use crate::{Aws, AwsError, Call};

/// Service, operation and where it is to be read that the provider does not try it again.
const NOT_RETRIED: [(&str, &str, &str); 1] = [(
    "organizations",
    "CreateOrganizationalUnit",
    // Its create handler: the one call without a retry around it.
    "https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-organizations",
)];
/// A handler's own attempts, and the first pause between them; it doubles.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);

/// Performs a provider's call, with its attempts.
pub(super) async fn perform(aws: &Aws, call: &Call) -> Result<serde_json::Value, AwsError> {
    let once = NOT_RETRIED
        .iter()
        .any(|(service, operation, _)| *service == call.service && *operation == call.operation);
    let mut pause = PAUSE;
    for _ in 1..if once { 1 } else { ATTEMPTS } {
        match aws.perform(call).await {
            Err(error) if is_busy(&error) => aws.sleep(pause).await,
            answer => return answer,
        }
        pause *= 2;
    }
    aws.perform(call).await
}

fn is_busy(error: &AwsError) -> bool {
    ["TooManyRequestsException", "ThrottlingException", "ConcurrentModificationException"]
        .contains(&error.code.as_str())
}
