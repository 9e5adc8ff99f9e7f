//! Who lives there, and what is under way.

use std::collections::BTreeMap;

use aws_sdk_organizations::types::Account;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use aws_sdk_sfn::types::ExecutionStatus;
use aws_sdk_sqs::types::QueueAttributeName;
use lambda_kit::client;
use lambda_kit::sdk::{Trouble, Wire};
use lifecycle::tags;

use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::patience::{failed, patiently};

/// The units, as the stack's outputs call them.
const UNITS: [&str; 6] = ["Onboarding", "Canary", "Early", "General", "Retiring", "Suspended"];
/// So many tenants are named.
const NAMED: usize = 3;
/// An account in one of these states needs nobody any more.
const GONE: [&str; 3] = ["CLOSED", "SUSPENDED", "PENDING_CLOSURE"];

/// An account that lives.
#[derive(Debug, Clone)]
pub(super) struct Living {
    pub(super) account: String,
    /// Its tenant, when it has the mark of one.
    pub(super) tenant: Option<String>,
}

/// Who lives there, and what is under way.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) tenants: Vec<Living>,
    /// Onboardings that run.
    pub(super) at_work: usize,
    /// Signups that wait.
    pub(super) waiting: usize,
    /// Rules on the bus that are not the stack's own. A bus that has rules cannot be deleted.
    pub(super) rules: Vec<String>,
}

impl Standing {
    /// The first tenants, by name.
    pub(super) fn first(&self) -> String {
        let named = self.tenants.iter().take(NAMED).map(|living| match &living.tenant {
            Some(tenant) => format!("{tenant} ({})", living.account),
            None => format!("account {}", living.account),
        });
        let more = self.tenants.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", named.collect::<Vec<_>>().join(", "))
    }
}

/// Reads it.
pub(super) async fn read(wire: &Wire, deployment: &Deployment) -> Result<Standing, Failure> {
    let marked = Box::pin(marked(wire)).await?;
    let mut living = BTreeMap::new();
    for unit in UNITS {
        let id = deployment.output(&format!("{unit}OuIdInUse"))?;
        for account in Box::pin(accounts_in(wire, id)).await? {
            let id = account.id().unwrap_or_default();
            if is_alive(&account) {
                living.insert(id.to_owned(), marked.get(id).cloned());
            }
        }
    }
    // One that was marked and stands elsewhere is a tenant's, too.
    for (id, tenant) in &marked {
        if !living.contains_key(id) && Box::pin(lives(wire, id)).await? {
            living.insert(id.clone(), Some(tenant.clone()));
        }
    }
    let mut tenants: Vec<Living> =
        living.into_iter().map(|(account, tenant)| Living { account, tenant }).collect();
    tenants.sort_by(|a, b| (&a.tenant, &a.account).cmp(&(&b.tenant, &b.account)));
    let at_work = Box::pin(at_work(wire, deployment)).await?;
    let waiting = Box::pin(waiting(wire, deployment)).await?;
    let rules = Box::pin(others_rules(wire, deployment)).await?;
    Ok(Standing { tenants, at_work, waiting, rules })
}

fn is_alive(account: &Account) -> bool {
    let state = account.state().map(|state| state.as_str());
    let status = account.status().map(|status| status.as_str());
    state.or(status).is_none_or(|state| !GONE.contains(&state))
}

async fn marked(wire: &Wire) -> Result<BTreeMap<String, String>, Failure> {
    let client = client!(aws_sdk_resourcegroupstagging, wire.global());
    let filter = TagFilter::builder().key(tags::TENANT).build();
    let request = client.get_resources().resource_type_filters("organizations:account");
    let pages = request.tag_filters(filter).into_paginator().items().send().try_collect().await;
    let found = pages.map_err(|error| Trouble::of("tag", "GetResources", &error));
    let found: Vec<_> = found.map_err(failed("list the accounts of tenants"))?;
    let of = found.iter().filter_map(|it| {
        let tenant = it.tags().iter().find(|tag| tag.key() == tags::TENANT)?.value();
        Some((it.resource_arn()?.rsplit('/').next()?.to_owned(), tenant.to_owned()))
    });
    Ok(of.collect())
}

async fn accounts_in(wire: &Wire, unit: &str) -> Result<Vec<Account>, Failure> {
    let client = client!(aws_sdk_organizations, wire.global());
    let mut accounts = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let tried = format!("list the accounts in {unit}");
        let page = patiently(tried, || async {
            let request = client.list_accounts_for_parent().parent_id(unit);
            let page = request.set_next_token(token.clone()).send().await;
            page.map_err(|error| Trouble::of("organizations", "ListAccountsForParent", &error))
        });
        let page = page.await?;
        accounts.extend(page.accounts.unwrap_or_default());
        // A page may be empty and have a next one.
        token = page.next_token;
        if token.is_none() {
            return Ok(accounts);
        }
    }
}

async fn lives(wire: &Wire, account: &str) -> Result<bool, Failure> {
    let client = client!(aws_sdk_organizations, wire.global());
    let described = patiently(format!("look at account {account}"), || async {
        let answer = client.describe_account().account_id(account).send().await;
        match answer {
            Ok(answer) => Ok(answer.account),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|it| it.is_account_not_found_exception()) =>
            {
                Ok(None)
            }
            Err(error) => Err(Trouble::of("organizations", "DescribeAccount", &error)),
        }
    });
    Ok(described.await?.is_some_and(|account| is_alive(&account)))
}

async fn at_work(wire: &Wire, deployment: &Deployment) -> Result<usize, Failure> {
    let machine = deployment.output("OnboardTenantStateMachineArn")?;
    let client = client!(aws_sdk_sfn, wire);
    let running = client.list_executions().state_machine_arn(machine);
    let answer = running.status_filter(ExecutionStatus::Running).send().await;
    let answer = answer.map_err(|error| Trouble::of("states", "ListExecutions", &error));
    Ok(answer.map_err(failed("list the onboardings that run"))?.executions().len())
}

/// The rules by which others listen on the bus.
async fn others_rules(wire: &Wire, deployment: &Deployment) -> Result<Vec<String>, Failure> {
    let client = client!(aws_sdk_cloudformation, wire);
    let pages = client.list_stack_resources().stack_name(&deployment.id).into_paginator();
    let found = pages.items().send().try_collect().await;
    let found = found.map_err(|error| Trouble::of("cloudformation", "ListStackResources", &error));
    let found: Vec<_> = found.map_err(failed("list what the stack has"))?;
    let own: Vec<&str> = found.iter().filter_map(|it| it.physical_resource_id()).collect();
    // A rule's physical id is its bus and its name.
    let is_own = |name: &str| own.iter().any(|id| id.rsplit('|').next() == Some(name));
    let client = client!(aws_sdk_eventbridge, wire);
    let bus = deployment.output("EventBusName")?;
    let mut rules = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = client.list_rules().event_bus_name(bus).set_next_token(token).send().await;
        let page = page.map_err(|error| Trouble::of("events", "ListRules", &error));
        let page = page.map_err(failed(format!("list the rules of the bus {bus}")))?;
        for rule in page.rules.unwrap_or_default() {
            // Those that AWS manages, as an archive's, go with what they serve.
            let name = rule.name.unwrap_or_default();
            if rule.managed_by.is_none() && !is_own(&name) {
                rules.push(name);
            }
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(rules);
        }
    }
}

async fn waiting(wire: &Wire, deployment: &Deployment) -> Result<usize, Failure> {
    let client = client!(aws_sdk_sqs, wire);
    let mut count = 0;
    for output in ["SignupsQueueUrl", "WaitingQueueUrl"] {
        let asked = client.get_queue_attributes().queue_url(deployment.output(output)?);
        let visible = QueueAttributeName::ApproximateNumberOfMessages;
        let taken = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        let asked = asked.attribute_names(visible.clone()).attribute_names(taken.clone());
        let answer = asked.send().await;
        let answer = answer.map_err(|error| Trouble::of("sqs", "GetQueueAttributes", &error));
        let answer = answer.map_err(failed("count the signups that wait"))?;
        for name in [visible, taken] {
            let number = answer.attributes().and_then(|all| all.get(&name)?.parse::<usize>().ok());
            count += number.unwrap_or(0);
        }
    }
    Ok(count)
}
