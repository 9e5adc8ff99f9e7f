//! Bucket policies: what they deny nobody may, and who is of another account needs their leave.

use serde_json::Value;

use super::{Bucket, access};
use crate::iam::{Asker, Document, Verdict, caller_context};
use crate::wire::body;
use crate::{Aws, AwsError, Call, Principal, State};

/// Refuses a call that the bucket's policy, or the lack of one, does not let pass. Identity
/// policies have been asked before.
pub(super) fn check(
    aws: &Aws,
    state: &State,
    bucket: &Bucket,
    call: &Call,
) -> Result<(), AwsError> {
    if let Some(owner) = call.opt_text("ExpectedBucketOwner")
        && owner != bucket.account
    {
        return Err(AwsError::new("AccessDenied", "Access Denied").status(403));
    }
    if matches!(call.caller.principal, Principal::Service(_)) {
        return Ok(());
    }
    let document = bucket
        .settings
        .get("BucketPolicy")
        .map(body)
        .and_then(|text| Document::resource(std::str::from_utf8(&text).ok()?).ok());
    let arns = crate::iam::arns_of(state, &call.caller);
    let asker = Asker { account: &call.caller.account, arns: &arns, service: None };
    let own = call.caller.account == bucket.account;
    for access in access(state, call) {
        let mut context = caller_context(aws, state, &call.caller);
        for (key, values) in &access.context {
            values.iter().for_each(|value| context.add(key, value.clone()));
        }
        let verdict = document.as_ref().map_or(Verdict::Silent, |document| {
            document.verdict_for(&asker, &access.action, &access.resource, &context)
        });
        let why = match verdict {
            Verdict::Allows => continue,
            Verdict::Silent if own => continue,
            Verdict::Silent => "because no resource-based policy allows the action",
            Verdict::Denies => "with an explicit deny in a resource-based policy",
        };
        let refusal =
            AwsError::access_denied(&call.caller.arn, &access.action, &access.resource, why);
        return Err(AwsError::new("AccessDenied", refusal.message).status(403));
    }
    Ok(())
}

/// A policy that S3 would not keep is refused when it is put.
pub(super) fn checked(value: &Value) -> Result<(), AwsError> {
    let text = body(value);
    let text = std::str::from_utf8(&text).unwrap_or_default();
    match Document::resource(text) {
        Ok(_) => Ok(()),
        Err(fault) => Err(AwsError::new("MalformedPolicy", fault.to_string())),
    }
}
