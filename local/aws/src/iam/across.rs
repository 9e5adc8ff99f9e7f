//! Calls on what another account owns: its resource policy has to allow them as well.
//!
//! A queue, a topic, a bucket, a bus and a function have such a policy; buckets, buses and
//! functions ask it themselves. Machines, parameters, stack sets, schedules and roles that are
//! passed have none, so nobody of another account reaches them. Resource control policies bind the
//! resources of member accounts, whoever asks.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>

use super::document::{Asker, Document, Verdict};
use super::pattern::Keys;
use crate::{Access, AwsError, Caller, State};

/// The services whose resources resource control policies bind; STS asks them with the trust.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html>
const BOUND: [&str; 2] = ["s3", "sqs"];

/// What has a document that other accounts share, and is asked elsewhere or not at all.
const SHARED: [&str; 4] = [
    "events:PutEvents",
    // Change calendars are shared by their owner.
    "ssm:GetCalendarState",
    "sts:AssumeRole",
    "lambda:InvokeFunction",
];

/// Who owns the resource, if its ARN or its bucket says so.
pub(super) fn owner<'a>(state: &'a State, resource: &'a str) -> Option<&'a str> {
    if let Some(rest) = resource.strip_prefix("arn:aws:s3:::") {
        return state.s3.owner(rest.split('/').next().unwrap_or(rest));
    }
    let account = resource.split(':').nth(4)?;
    (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then_some(account)
}

/// Refuses what the owner's policies do not let pass. The caller's own have been asked.
pub(super) fn check(
    state: &State,
    caller: &Caller,
    access: &Access,
    context: &dyn Keys,
) -> Result<(), AwsError> {
    let Access { action, resource, .. } = access;
    let Some(owner) = owner(state, resource) else { return Ok(()) };
    let refuse = |why: &str| Err(AwsError::access_denied(&caller.arn, action, resource, why));
    let service = action.split(':').next().unwrap_or_default();
    let arns = super::arns_of(state, caller);
    let asker = Asker { account: &caller.account, arns: &arns, service: None };
    if BOUND.contains(&service) {
        for (id, document) in state.organizations.resource_control(owner) {
            if document.verdict_for(&asker, action, resource, context) == Verdict::Denies {
                let arn = state.organizations.arn("policy", id);
                return refuse(&format!(
                    "with an explicit deny in a resource control policy: {arn}"
                ));
            }
        }
    }
    let policy = match service {
        "sqs" => state.sqs.policy(resource),
        "sns" => state.sns.policy(resource),
        "states" | "ssm" | "scheduler" | "cloudformation" | "events" | "iam" | "lambda"
            if !SHARED.contains(&action.as_str()) =>
        {
            None
        }
        _ => return Ok(()),
    };
    let verdict = policy
        .and_then(|text| Document::resource(&text).ok())
        .map_or(Verdict::Silent, |document| {
            document.verdict_for(&asker, action, resource, context)
        });
    match verdict {
        Verdict::Denies => refuse("with an explicit deny in a resource-based policy"),
        Verdict::Silent if owner != caller.account => {
            refuse(&format!("because no resource-based policy allows the {action} action"))
        }
        Verdict::Silent | Verdict::Allows => Ok(()),
    }
}
