//! What a stop says of the failures behind it: account, Region, failed resource, AWS's words. What
//! StackSets tells of a stack often names no resource; the stack's own events do, where the
//! execution role lets Landlord read them.

use std::collections::BTreeSet;

use lambda_kit::client;
use lambda_kit::sdk::is_transient;
use lifecycle::{AccountId, RegionName};
use rollout::{Reason, ReasonCode, Row, Standing, Stop};
use serde_json::json;

use crate::accounts::assume;
use crate::run::Run;

/// How many failures a stop names.
const NAMED: usize = 3;
/// How much of AWS's words it repeats, in characters.
const WORDS: usize = 300;

impl Run<'_> {
    /// The reason with the first failures behind it.
    pub(crate) async fn with_failures(
        &self,
        reason: &Reason,
        standing: &Standing,
    ) -> Result<Reason, Stop> {
        let mut text = reason.text.clone();
        for row in blamed(reason.code, standing) {
            let told = row.reason.clone().unwrap_or_default();
            let words = match names_a_resource(&told) {
                true => told,
                false => match self.failed_resource(&row.account, &row.region).await? {
                    Some(event) => event,
                    None if told.is_empty() => "AWS gives no reason".to_owned(),
                    None => told,
                },
            };
            let words: String = words.chars().take(WORDS).collect();
            text.push_str(&format!("; {} in {}: {words}", row.account, row.region));
        }
        Ok(Reason { code: reason.code, text })
    }

    /// The first resource that failed in the stack's last change, with AWS's words; nothing where
    /// it is not to be had.
    async fn failed_resource(
        &self,
        account: &AccountId,
        region: &RegionName,
    ) -> Result<Option<String>, Stop> {
        let Some(stack) = self.set.stack_of(account, region).await? else { return Ok(None) };
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Action": ["cloudformation:DescribeStackEvents"],
            "Resource": stack,
        }]});
        let partition = region.partition();
        let session = assume(self.app, account, partition, &policy.to_string()).await?;
        let Some(credentials) = session else { return Ok(None) };
        let wire = self.app.wire.assumed(credentials, region.as_str());
        let cloudformation = client!(aws_sdk_cloudformation, wire);
        let answer = match cloudformation.describe_stack_events().stack_name(&stack).send().await {
            Ok(answer) => answer,
            Err(error) if is_transient(&error) => {
                let about = format!("account {account}");
                return Err(Stop::of("cloudformation", "DescribeStackEvents", about, &error));
            }
            Err(error) => {
                let call = "DescribeStackEvents";
                let refusal = lambda_kit::sdk::Refusal::of("cloudformation", call, &error);
                tracing::warn!(account.id = %account, "its stack is not to be read: {refusal}");
                return Ok(None);
            }
        };
        // Newest first: the change began where the stack itself went into progress.
        let mut first = None;
        for event in answer.stack_events() {
            let status = event.resource_status().map(|one| one.as_str()).unwrap_or_default();
            let is_stack = event.logical_resource_id() == event.stack_name();
            if is_stack && matches!(status, "UPDATE_IN_PROGRESS" | "CREATE_IN_PROGRESS") {
                break;
            }
            let why = event.resource_status_reason().unwrap_or_default();
            if !is_stack && status.ends_with("_FAILED") && !is_consequence(why) {
                let (id, kind) = (event.logical_resource_id(), event.resource_type());
                let (id, kind) = (id.unwrap_or("a resource"), kind.unwrap_or("no type"));
                first = Some(format!("{id} ({kind}): {why}"));
            }
        }
        Ok(first)
    }
}

/// The failures that a stop is about, each account once.
fn blamed(code: ReasonCode, standing: &Standing) -> Vec<&Row> {
    let wanted = |row: &Row| match code {
        ReasonCode::TooManyFailures | ReasonCode::NoAccountChanged => row.fails_in_the_end(),
        ReasonCode::SameError => row.is_failure(),
        ReasonCode::RollbackIncomplete => true,
        ReasonCode::TooManyVetoes
        | ReasonCode::TooManyExcused
        | ReasonCode::Unhealthy
        | ReasonCode::StopRequested
        | ReasonCode::DefinitionChanged
        | ReasonCode::OperationStopped
        | ReasonCode::GateDoesNotAnswer
        | ReasonCode::GateDoesNotWork
        | ReasonCode::StepFailed
        | ReasonCode::Rehearsed => false,
    };
    let mut rows: Vec<&Row> = standing.open.iter().filter(|row| wanted(row)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.class));
    let mut accounts = BTreeSet::new();
    rows.retain(|row| accounts.insert(&row.account));
    rows.truncate(NAMED);
    rows
}

/// Whether StackSets' own words name the resource.
fn names_a_resource(reason: &str) -> bool {
    reason.contains("ResourceLogicalId:")
}

/// Whether a resource failed because another one did.
fn is_consequence(why: &str) -> bool {
    let why = why.to_lowercase();
    why.contains("cancelled") || why.contains("canceled")
}

#[cfg(test)]
mod tests {
    use rollout::Class;

    use super::*;

    #[test]
    fn three_accounts_at_most_are_blamed_the_clearest_failures_first() {
        let row = |n: usize, class| {
            let account = format!("{n:012}").parse().unwrap();
            Row::new(account, "eu-central-1".parse().unwrap(), class, "why")
        };
        let mut other = row(1, Class::Failed);
        other.region = "us-east-1".parse().unwrap();
        let rows = [
            row(1, Class::Failed),
            other,
            row(2, Class::Transient),
            row(3, Class::Unclassified),
            row(4, Class::Failed),
            row(5, Class::Failed),
            row(6, Class::Vetoed),
        ];
        let standing = Standing::default().with(&rows);
        let named = |code| -> Vec<String> {
            blamed(code, &standing).iter().map(|row| row.account.to_string()).collect()
        };
        let ids = |some: [usize; 3]| some.map(|n| format!("{n:012}")).to_vec();
        assert_eq!(named(ReasonCode::TooManyFailures), ids([3, 1, 4]));
        assert_eq!(named(ReasonCode::Unhealthy), Vec::<String>::new());
    }
}
