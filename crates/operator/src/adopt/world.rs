//! What accounts are judged against, and what is seen of each.

use std::collections::{BTreeMap, BTreeSet};

use adoption::{Entry, Ground, Role, Seen};
use aws_sdk_resourcegroupstagging::types::TagFilter;
use lambda_kit::client;
use lambda_kit::sdk::{Trouble, Wire};
use lifecycle::retirement::AccountState;
use lifecycle::{AccountId, Fault, OuId, ParentId, TenantId, TiersConfig, tags};
use organization_accounts::Accounts;

use super::enter::Doors;
use super::{failed, patiently};
use crate::deployment::Deployment;
use crate::failure::{Exit, Failure};

/// The organization, and Landlord in it.
pub(super) struct World {
    pub(super) wire: Wire,
    pub(super) deployment: Deployment,
    pub(super) accounts: Accounts,
    pub(super) organizations: aws_sdk_organizations::Client,
    pub(super) ground: Ground,
}

impl World {
    /// Reads what is true of all accounts.
    pub(super) async fn read(
        wire: &Wire,
        stack: &str,
        from: BTreeSet<ParentId>,
    ) -> Result<Self, Failure> {
        let deployment = Deployment::read(wire, stack).await?;
        let organizations = client!(aws_sdk_organizations, wire.global());
        let accounts = Accounts::new(wire);
        let identity = client!(aws_sdk_sts, wire).get_caller_identity().send().await;
        let identity = identity.map_err(|error| Trouble::of("sts", "GetCallerIdentity", &error));
        let identity = identity.map_err(failed("ask who you are"))?;
        let management = identity.account().unwrap_or_default();
        let management = parsed("the caller's account", management.parse::<AccountId>())?;
        let administrators =
            patiently("list delegated administrators", || accounts.delegated_administrators());
        let administrators = administrators.await?;
        let units = deployment.tenant_units()?;
        let mut closed_units = BTreeSet::new();
        for output in ["OnboardingOuIdInUse", "RetiringOuIdInUse", "SuspendedOuIdInUse"] {
            closed_units.insert(parsed(output, deployment.output(output)?.parse::<OuId>())?);
        }
        let protected = deployment.parameters.get("ProtectedAccountIds");
        let protected = protected.map_or("", String::as_str).split(',');
        let ground = Ground {
            tiers: tiers(wire, stack, &units).await?,
            units,
            closed_units,
            from,
            management,
            administrators,
            protected: protected.filter_map(|id| id.trim().parse().ok()).collect(),
            marked: marked(wire).await?,
        };
        Ok(Self { wire: wire.clone(), deployment, accounts, organizations, ground })
    }

    /// What is seen of the accounts of these entries. What can be refused by its place alone is not
    /// entered.
    pub(super) async fn see(
        &self,
        entries: &[Entry],
        access_role: &str,
    ) -> Result<BTreeMap<AccountId, Seen>, Failure> {
        let mut doors = Doors::new(self, access_role);
        let mut all = BTreeMap::new();
        for entry in entries {
            let id = &entry.account_id;
            let tried = format!("look at account {id}");
            let facts = patiently(tried, || self.accounts.read(id)).await?;
            let Some(facts) = facts else { continue };
            let mut seen = Seen {
                state: facts.state,
                parent: facts.parent,
                tags: facts.tags.into_iter().collect(),
                role: Role::Unseen,
                stacks: Vec::new(),
            };
            if self.may_be_entered(id, &seen) {
                let (role, stacks) = Box::pin(doors.enter(id, &entry.tier)).await?;
                (seen.role, seen.stacks) = (role, stacks);
            }
            all.insert(id.clone(), seen);
        }
        Ok(all)
    }

    /// Nobody looks into an account that is not to be touched; among the tenants, the organization's
    /// policies let nobody but Landlord in.
    fn may_be_entered(&self, id: &AccountId, seen: &Seen) -> bool {
        let ground = &self.ground;
        let is_apart = *id == ground.management
            || ground.administrators.contains(id)
            || ground.protected.contains(id);
        seen.state == AccountState::Active && ground.from.contains(&seen.parent) && !is_apart
    }

    /// The stack's parameter.
    pub(super) fn parameter(&self, name: &str) -> Result<&str, Failure> {
        self.deployment.parameters.get(name).map(String::as_str).ok_or_else(|| {
            let advice = "deploy this version: make deploy";
            Failure::new(format!("read the parameter {name}"), "the stack has none", advice)
        })
    }
}

pub(super) fn parsed<T>(what: &str, parsed: Result<T, Fault>) -> Result<T, Failure> {
    parsed.map_err(|fault| {
        let advice = "give a value that keeps the rule";
        Failure::new(format!("read {what}"), fault.to_string(), advice).exits(Exit::Usage)
    })
}

async fn tiers(
    wire: &Wire,
    stack: &str,
    units: &lifecycle::OrganizationalUnits,
) -> Result<TiersConfig, Failure> {
    let name = format!("/{stack}/tiers");
    let answer = client!(aws_sdk_ssm, wire).get_parameter().name(&name).send().await;
    let answer = answer.map_err(|error| Trouble::of("ssm", "GetParameter", &error));
    let answer = answer.map_err(failed(format!("read the tiers ({name})")))?;
    let text = answer.parameter().and_then(|found| found.value()).unwrap_or_default();
    TiersConfig::tolerant(text, units).map_err(|faults| {
        let advice = "mend them: `landlord config check`, then deploy";
        Failure::new("read the tiers", faults.to_string(), advice).exits(Exit::Refused)
    })
}

/// The accounts of tenants, as the index of tags has them.
async fn marked(wire: &Wire) -> Result<BTreeMap<TenantId, BTreeSet<AccountId>>, Failure> {
    let client = client!(aws_sdk_resourcegroupstagging, wire.global());
    let filter = TagFilter::builder().key(tags::TENANT).build();
    let mut marked: BTreeMap<TenantId, BTreeSet<AccountId>> = BTreeMap::new();
    let mut token: Option<String> = None;
    loop {
        let page = client
            .get_resources()
            .resource_type_filters("organizations:account")
            .tag_filters(filter.clone())
            .set_pagination_token(token)
            .send()
            .await;
        let page = page.map_err(|error| Trouble::of("tag", "GetResources", &error));
        let page = page.map_err(failed("list the accounts of tenants"))?;
        for found in page.resource_tag_mapping_list() {
            let id = found.resource_arn().and_then(|arn| arn.rsplit('/').next()?.parse().ok());
            let tenant = found.tags().iter().find(|tag| tag.key() == tags::TENANT);
            let tenant = tenant.and_then(|tag| tag.value().parse::<TenantId>().ok());
            if let (Some(id), Some(tenant)) = (id, tenant) {
                marked.entry(tenant).or_default().insert(id);
            }
        }
        token = page.pagination_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(marked);
        }
    }
}
