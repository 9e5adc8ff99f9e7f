//! Reads what is too much for one call, page by page, into files: the stack set's instances, and
//! who stands in the units of the plan.

use std::collections::BTreeSet;

use aws_sdk_organizations::types::AccountState;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use lifecycle::{AccountId, OuId, OuName};
use rollout::cut::Members;
use rollout::manifest::listed_before;
use rollout::stack_set::Listed;
use rollout::{Files, Instance, Known, Plan, StackSet, Stop};
use serde::{Deserialize, Serialize};

use crate::checks::Busy;
use crate::error::Halt;
use crate::handler::App;
use crate::overrides::Reading;

/// The most pages that are read in a call: half a minute of a slow day.
const PAGES: usize = 80;
/// What Organizations lists in a page.
const ACCOUNTS_IN_PAGE: i32 = 20;

/// The name of one of the files with what a part of the list of instances tells beside them.
fn aside(number: usize) -> String {
    format!("planning/aside-{number:03}.json")
}

/// What the list of instances tells beside them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Aside {
    /// Those whose last operation failed.
    pub(crate) known: Vec<Known>,
    /// Those that an operation is at work on, or has in its list.
    pub(crate) busy: Vec<Busy>,
}

impl Aside {
    fn add(&mut self, listed: &Listed) {
        self.known.extend(Known::of_listed(listed));
        if matches!(listed.detailed.as_str(), "PENDING" | "RUNNING") {
            self.busy.push(Busy {
                account: listed.instance.account.clone(),
                region: listed.instance.region.clone(),
                operation: listed.last_operation.clone(),
            });
        }
    }
}

/// How far the reading is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Gathering {
    /// Files of instances that are written.
    instance_files: usize,
    /// Whether these are all.
    instances_read: bool,
    /// Files of units that are written, in the order of the plan's units.
    unit_files: Vec<usize>,
    /// The next page of what is being read.
    token: Option<String>,
    /// How far the overrides are read.
    #[serde(skip_serializing_if = "Reading::is_default")]
    pub(crate) overrides: Reading,
}

/// A unit that has to be listed.
pub(crate) struct Unit {
    pub(crate) name: OuName,
    pub(crate) id: OuId,
}

/// The units of a plan, each once.
pub(crate) fn units(app: &App, plan: &Plan) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let of_waves = plan.waves.iter().filter_map(|wave| wave.accounts.unit());
    for name in of_waves.chain(&plan.except.units) {
        let known = units.iter().any(|unit| unit.name == *name);
        if let Some(id) = app.config.tenant_units.id_of(name).filter(|_| !known) {
            units.push(Unit { name: name.clone(), id: id.clone() });
        }
    }
    units
}

fn unit_file(unit: &OuId, number: usize) -> String {
    format!("planning/{unit}-{number:03}.json")
}

impl Gathering {
    /// Reads on.
    pub(crate) async fn go_on(
        &mut self,
        app: &App,
        files: &Files,
        set: &StackSet,
        units: &[Unit],
    ) -> Result<(), Stop> {
        if !self.instances_read {
            let (mut found, mut told) = (Vec::new(), Aside::default());
            let mut more = true;
            for _ in 0..PAGES {
                let (page, token) = set.instances(self.token.take()).await?;
                page.iter().for_each(|listed| told.add(listed));
                found.extend(page.into_iter().map(|listed| listed.instance));
                self.token = token;
                more = self.token.is_some();
                if !more {
                    break;
                }
            }
            files.write(&aside(self.instance_files), &told).await?;
            files.write(&listed_before(self.instance_files), &found).await?;
            self.instance_files += 1;
            self.instances_read = !more;
            return Ok(());
        }
        // Each unit has a number of files; the last of them is the one being read.
        let index = self.unit_files.len().saturating_sub(usize::from(self.token.is_some()));
        let Some(unit) = units.get(index) else { return Ok(()) };
        let number = match self.token {
            Some(_) => self.unit_files.pop().unwrap_or(0),
            None => 0,
        };
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let (page, token) = accounts(app, &unit.id, self.token.take()).await?;
            found.extend(page);
            self.token = token;
            if self.token.is_none() {
                break;
            }
        }
        files.write(&unit_file(&unit.id, number), &found).await?;
        self.unit_files.push(number + 1);
        Ok(())
    }

    /// Whether all is read.
    pub(crate) fn is_read(&self, units: &[Unit]) -> bool {
        self.instances_read && self.token.is_none() && self.unit_files.len() == units.len()
    }

    /// All that was read.
    pub(crate) async fn all(
        &self,
        files: &Files,
        units: &[Unit],
    ) -> Result<(Vec<Instance>, Members, Aside), Halt> {
        let mut instances: Vec<Instance> = Vec::new();
        let mut told = Aside::default();
        for number in 0..self.instance_files {
            let part: Aside = files.read(&aside(number)).await?;
            told.known.extend(part.known);
            told.busy.extend(part.busy);
            instances.extend(files.read::<Vec<Instance>>(&listed_before(number)).await?);
        }
        let mut members = Members::new();
        for (unit, count) in units.iter().zip(&self.unit_files) {
            let here = members.entry(unit.name.clone()).or_default();
            for number in 0..*count {
                let part: Vec<(AccountId, String)> =
                    files.read(&unit_file(&unit.id, number)).await?;
                here.extend(part);
            }
        }
        Ok((instances, members, told))
    }

    /// How far it is, in words.
    pub(crate) fn progress(&self) -> String {
        format!(
            "reading the fleet: {} files of instances, {} units",
            self.instance_files,
            self.unit_files.len()
        )
    }
}

/// One page of the accounts that stand in a unit, each with its tenant's id or, without a tenant,
/// its own. Those that are closed are left out.
async fn accounts(
    app: &App,
    unit: &OuId,
    token: Option<String>,
) -> Result<(Vec<(AccountId, String)>, Option<String>), Stop> {
    let page = app
        .organizations
        .list_accounts_for_parent()
        .parent_id(unit.as_str())
        .max_results(ACCOUNTS_IN_PAGE)
        .set_next_token(token)
        .send()
        .await
        .map_err(|error| {
            Stop::of("organizations", "ListAccountsForParent", format!("unit {unit}"), &error)
        })?;
    let prefix = app.config.account_name_prefix.as_str();
    let accounts = page.accounts().iter().filter(|account| {
        !matches!(account.state(), Some(AccountState::Suspended | AccountState::Closed))
    });
    let accounts = accounts.filter_map(|account| {
        let id: AccountId = account.id()?.parse().ok()?;
        let tenant = account.name().and_then(|name| name.strip_prefix(prefix));
        let tenant = tenant.unwrap_or(id.as_str()).to_owned();
        Some((id, tenant))
    });
    let accounts = accounts.collect();
    Ok((accounts, page.next_token.filter(|token| !token.is_empty())))
}

/// The accounts that carry one of the tags. The index of tags may be minutes old.
pub(crate) async fn tagged(app: &App, plan: &Plan) -> Result<BTreeSet<AccountId>, Stop> {
    let mut found = BTreeSet::new();
    for (key, value) in &plan.except.tags {
        let filter = TagFilter::builder().key(key).values(value).build();
        let mut token: Option<String> = None;
        loop {
            let page = app
                .tagging
                .get_resources()
                .resource_type_filters("organizations:account")
                .tag_filters(filter.clone())
                .set_pagination_token(token)
                .send()
                .await
                .map_err(|error| Stop::of("tag", "GetResources", format!("tag {key}"), &error))?;
            let arns = page.resource_tag_mapping_list().iter().filter_map(|it| it.resource_arn());
            found.extend(arns.filter_map(|arn| arn.rsplit('/').next()?.parse::<AccountId>().ok()));
            token = page.pagination_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
    }
    Ok(found)
}
