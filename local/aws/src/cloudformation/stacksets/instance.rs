//! One instance's turn in an operation: account, roles, gate, stack.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::gate;
use super::model::{Action, Definition, Gate, Place};
use super::{options, organization, template};
use crate::cloudformation::scheduler::{InstanceKey, Outcome};
use crate::cloudformation::stacks::{InstanceRequest, apply_instance, remove_instance};
use crate::iam::{self, Asker, Context};
use crate::{Access, Aws, Call, Caller};

const ADMINISTRATION_ROLE: &str = "AWSCloudFormationStackSetAdministrationRole";

/// What is to be done with one instance.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) key: InstanceKey,
    /// The stack set: ARN, unique part of its id, name, account and Region.
    pub(super) arn: String,
    pub(super) uuid: String,
    pub(super) set: String,
    pub(super) administrator: String,
    pub(super) home: String,
    pub(super) service_managed: bool,
    pub(super) action: Action,
    pub(super) retain: bool,
    pub(super) place: Place,
    pub(super) stack_name: String,
    pub(super) overrides: Arc<BTreeMap<String, String>>,
    pub(super) definition: Arc<Definition>,
}

/// How it ended.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) key: InstanceKey,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<Arc<str>>,
    pub(super) gate: Gate,
    pub(super) stack_id: Option<String>,
    /// Whether the stack was reached.
    pub(super) touched: bool,
}

fn skipped(reason: Option<&str>) -> Gate {
    Gate { status: "SKIPPED", reason: reason.map(Arc::from) }
}

/// Does it.
pub(super) async fn run(aws: Aws, work: Work) -> End {
    let end = |outcome, reason: Option<String>, gate| End {
        key: work.key,
        outcome,
        reason: reason.map(Arc::from),
        gate,
        stack_id: None,
        touched: false,
    };
    if work.action == Action::Delete && work.retain {
        let gate = skipped(Some("No action is necessary on a stack that is retained"));
        return end(Outcome::Succeeded, None, gate);
    }
    if is_suspended(&aws, &work.place.0) {
        let fails = aws.lock().cloudformation.stack_sets.options.suspended_accounts_fail;
        let outcome = match work.action {
            Action::Update | Action::Delete if fails => Outcome::Failed,
            _ => Outcome::Skipped,
        };
        let reason = format!("Account {} is suspended", work.place.0);
        let gate = skipped(Some(&reason));
        return end(outcome, Some(reason), gate);
    }
    let caller = match assume(&aws, &work).await {
        Ok(caller) => caller,
        Err(reason) => {
            let gate = skipped(Some(&reason));
            return end(Outcome::Failed, Some(reason), gate);
        }
    };
    let gate = gate::ask(&aws, &work, &caller).await;
    if gate.status == "FAILED" {
        return end(Outcome::Failed, Some("AccountGate check failed".to_owned()), gate);
    }
    let (account, region) = (&work.place.0, &work.place.1);
    let (duration, failure) = options::drawn(&aws, &work.set, account, region);
    let result = match failure {
        Some(reason) => {
            aws.sleep(duration).await;
            Err(reason)
        }
        None => change(&aws, &work, &caller, duration).await,
    };
    let (outcome, reason, stack_id) = match result {
        Ok(id) => (Outcome::Succeeded, None, id),
        Err(reason) => (Outcome::Failed, Some(reason), None),
    };
    End { stack_id, touched: true, ..end(outcome, reason, gate) }
}

/// Creates, updates or deletes the stack; answers the id of one that stands.
async fn change(
    aws: &Aws,
    work: &Work,
    caller: &Caller,
    duration: std::time::Duration,
) -> Result<Option<String>, String> {
    let (account, region) = (&work.place.0, &work.place.1);
    may_change(aws, work, caller)?;
    if work.action == Action::Delete {
        let name = &work.stack_name;
        return remove_instance(aws, account, region, name, caller, duration).await.map(|()| None);
    }
    let request = InstanceRequest {
        account: account.to_string(),
        region: region.to_string(),
        stack_name: work.stack_name.clone(),
        template: work.definition.template.clone(),
        parameters: template::effective(&work.definition, &work.overrides),
        tags: work.definition.tags.clone(),
        caller: caller.clone(),
        duration,
    };
    apply_instance(aws, request).await.map(Some)
}

/// Whether the execution role may change the stack: StackSets works as that role, so policies of
/// the account's organization that deny CloudFormation stop it, too.
fn may_change(aws: &Aws, work: &Work, caller: &Caller) -> Result<(), String> {
    let (account, region) = (work.place.0.as_ref(), work.place.1.as_ref());
    let operation = match work.action {
        Action::Delete => "DeleteStack",
        Action::Create => "CreateStack",
        Action::Update => "UpdateStack",
    };
    let resource = format!("arn:aws:cloudformation:{region}:{account}:stack/{}/*", work.stack_name);
    let call = Call {
        service: "cloudformation",
        operation: operation.to_owned(),
        input: json!({}),
        account: account.to_owned(),
        caller: caller.clone(),
        region: region.to_owned(),
    };
    let access = Access::to(format!("cloudformation:{operation}"), resource);
    iam::would_allow(aws, &aws.lock(), &call, &access).map_err(|error| error.message.clone())
}

/// Whether the account is of the organization and not active.
fn is_suspended(aws: &Aws, account: &str) -> bool {
    aws.lock().organizations.account(account).is_some_and(|account| !account.is_alive())
}

/// The execution role's session in the account, or why there is none.
async fn assume(aws: &Aws, work: &Work) -> Result<Caller, String> {
    let account = work.place.0.as_ref();
    if work.service_managed {
        return organization::execution_role(aws, account, &work.uuid).await;
    }
    let default = || format!("arn:aws:iam::{}:role/{ADMINISTRATION_ROLE}", work.administrator);
    let administration = work.definition.administration_role.clone().unwrap_or_else(default);
    let role = administration.rsplit('/').next().unwrap_or_default();
    if !trusts_stack_sets(aws, work, &administration) {
        return Err(format!(
            "Account {} should have '{role}' role with trust relationship to CloudFormation \
             service.",
            work.administrator
        ));
    }
    let execution = &work.definition.execution_role;
    let missing = || {
        format!(
            "Account {account} should have '{execution}' role with trust relationship to Role \
             '{role}'."
        )
    };
    let arn = format!("arn:aws:iam::{account}:role/{execution}");
    let administrator = iam::session_of(&administration, &work.uuid).map_err(|_| missing())?;
    let call = Call {
        service: "sts",
        operation: "AssumeRole".to_owned(),
        input: json!({ "RoleArn": arn, "RoleSessionName": work.uuid, "DurationSeconds": 900 }),
        account: administrator.account.clone(),
        caller: administrator,
        region: work.home.clone(),
    };
    aws.perform(&call).await.map_err(|_| missing())?;
    iam::session_of(&arn, &work.uuid).map_err(|_| missing())
}

/// Whether CloudFormation may act with the administration role, for this stack set.
fn trusts_stack_sets(aws: &Aws, work: &Work, role: &str) -> bool {
    let mut context = Context::default();
    context.add("aws:PrincipalIsAWSService", "true");
    context.add("aws:SourceAccount", &work.administrator);
    context.add("aws:SourceArn", &work.arn);
    let service = Some("cloudformation.amazonaws.com");
    let asker = Asker { account: &work.administrator, arns: &[], service };
    iam::trusts(&aws.lock(), role, &asker, &context)
}
