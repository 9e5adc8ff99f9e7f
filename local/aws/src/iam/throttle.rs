//! Token buckets for the rates that AWS publishes. Only they are enforced: a call that is not
//! in the table is never throttled. A refused call consumes nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{Aws, AwsError, Call, Principal};

/// Service, operation (`*` for the service's others), calls in a second, burst.
///
/// Organizations: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>.
/// Service Quotas: <https://docs.aws.amazon.com/servicequotas/latest/userguide/reference.html>.
/// CloudWatch: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>.
const RATES: &[(&str, &str, f64, f64)] = &[
    ("cloudwatch", "DescribeAlarms", 9.0, 9.0),
    ("organizations", "AttachPolicy", 2.0, 3.0),
    ("organizations", "CloseAccount", 0.05, 1.0),
    ("organizations", "CreateAccount", 0.1, 3.0),
    ("organizations", "CreateOrganizationalUnit", 1.0, 2.0),
    ("organizations", "CreatePolicy", 2.0, 3.0),
    ("organizations", "DeleteOrganizationalUnit", 2.0, 3.0),
    ("organizations", "DeletePolicy", 2.0, 3.0),
    ("organizations", "DeregisterDelegatedAdministrator", 1.0, 2.0),
    ("organizations", "DescribeAccount", 20.0, 30.0),
    ("organizations", "DescribeCreateAccountStatus", 2.0, 2.0),
    ("organizations", "DescribeOrganization", 1.0, 2.0),
    ("organizations", "DescribeOrganizationalUnit", 2.0, 2.0),
    ("organizations", "DetachPolicy", 2.0, 3.0),
    ("organizations", "EnableAWSServiceAccess", 1.0, 2.0),
    ("organizations", "ListAccounts", 8.0, 12.0),
    ("organizations", "ListAccountsForParent", 5.0, 8.0),
    ("organizations", "ListChildren", 6.0, 10.0),
    ("organizations", "ListCreateAccountStatus", 5.0, 8.0),
    ("organizations", "ListOrganizationalUnitsForParent", 5.0, 8.0),
    ("organizations", "ListParents", 5.0, 8.0),
    ("organizations", "ListRoots", 1.0, 2.0),
    ("organizations", "ListTagsForResource", 10.0, 15.0),
    ("organizations", "MoveAccount", 2.0, 3.0),
    ("organizations", "RegisterDelegatedAdministrator", 1.0, 2.0),
    ("organizations", "TagResource", 4.0, 6.0),
    ("organizations", "UntagResource", 4.0, 6.0),
    ("organizations", "UpdateOrganizationalUnit", 2.0, 3.0),
    ("servicequotas", "ListAWSDefaultServiceQuotas", 10.0, 10.0),
    ("servicequotas", "ListRequestedServiceQuotaChangeHistory", 10.0, 10.0),
    ("servicequotas", "ListRequestedServiceQuotaChangeHistoryByQuota", 10.0, 10.0),
    ("servicequotas", "ListServiceQuotas", 10.0, 10.0),
    ("servicequotas", "ListServices", 10.0, 10.0),
    ("servicequotas", "*", 5.0, 5.0),
];

/// How full each bucket was, and when.
#[derive(Debug, Default)]
pub(crate) struct Buckets(BTreeMap<(String, String, &'static str, String), (f64, Timestamp)>);

/// Refuses a call that comes faster than AWS allows.
pub(crate) fn throttle(aws: &Aws, call: &Call) -> Result<(), AwsError> {
    if !aws.settings().throttles || matches!(call.caller.principal, Principal::Service(_)) {
        return Ok(());
    }
    let rate = RATES.iter().find(|(service, operation, ..)| {
        *service == call.service && (*operation == call.operation || *operation == "*")
    });
    let Some(&(_, _, rate, burst)) = rate else { return Ok(()) };
    let now = aws.now();
    let key = (call.account.clone(), call.region.clone(), call.service, call.operation.clone());
    let mut state = aws.lock();
    let (tokens, since) = state.iam.buckets.0.entry(key).or_insert((burst, now));
    let passed = now.duration_since(*since).as_secs_f64().max(0.0) * aws.settings().pace;
    let filled = (*tokens + passed * rate).min(burst);
    // A hair below one is a whole one: sums of fractions do not add up exactly.
    if filled < 1.0 - 1e-9 {
        return Err(refusal(call));
    }
    *tokens = filled - 1.0;
    *since = now;
    Ok(())
}

fn refusal(call: &Call) -> AwsError {
    match call.service {
        "organizations" | "servicequotas" => AwsError::new(
            "TooManyRequestsException",
            "You have sent too many requests in too short a period of time. The quota helps \
             protect against denial-of-service attacks. Try again later.",
        ),
        _ => AwsError::new("ThrottlingException", "Rate exceeded"),
    }
}
