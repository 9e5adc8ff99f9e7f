//! Reads what is too much for one call, page by page, into files: the stack set's instances, and
//! who stands in the units of the plan.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_organizations::types::AccountState;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use lifecycle::{AccountId, OuId, OuName, tags};
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
    /// Files of marks that are written.
    #[serde(skip_serializing_if = "is_none_yet")]
    mark_files: usize,
    /// Whether these are all.
    marks_read: bool,
    /// How far the overrides are read.
    #[serde(skip_serializing_if = "Reading::is_default")]
    pub(crate) overrides: Reading,
}

/// A unit that has to be listed.
pub(crate) struct Unit {
    pub(crate) name: OuName,
    pub(crate) id: OuId,
}

/// Landlord's units: whoever stands elsewhere is none of a rollout's business.
pub(crate) fn units(app: &App) -> Vec<Unit> {
    let units = app.config.units.iter();
    units.map(|(name, id)| Unit { name: name.clone(), id: id.clone() }).collect()
}

fn marks_file(number: usize) -> String {
    format!("planning/marks-{number:03}.json")
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none_yet(number: &usize) -> bool {
    *number == 0
}

/// An account that stands in a unit.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stands {
    id: AccountId,
    /// The tenant's id or, without a tenant, the account's own.
    tenant: String,
    /// Closed: it stands there, and no wave takes it by its unit.
    closed: bool,
}

/// An account that carries the mark of a tenant, by the index of tags.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Marked {
    id: AccountId,
    protected: bool,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(crate) struct All {
    pub(crate) instances: Vec<Instance>,
    /// Open accounts by unit.
    pub(crate) members: Members,
    pub(crate) aside: Aside,
    /// In which unit an account stands.
    pub(crate) units: BTreeMap<AccountId, OuId>,
    /// Those that carry the mark of a tenant, by the index of tags, and whether they are protected.
    pub(crate) marked: BTreeMap<AccountId, bool>,
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
        if self.unit_files.len() == units.len() && (self.token.is_none() || self.mark_files > 0) {
            return self.read_marks(app, files).await;
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

    async fn read_marks(&mut self, app: &App, files: &Files) -> Result<(), Stop> {
        let filter = TagFilter::builder().key(tags::TENANT).build();
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let page = app
                .tagging
                .get_resources()
                .resource_type_filters("organizations:account")
                .tag_filters(filter.clone())
                .resources_per_page(100)
                .set_pagination_token(self.token.take())
                .send()
                .await
                .map_err(|error| Stop::of("tag", "GetResources", tags::TENANT, &error))?;
            found.extend(page.resource_tag_mapping_list().iter().filter_map(|one| {
                let id = one.resource_arn()?.rsplit('/').next()?.parse().ok()?;
                let protected = one.tags().iter().any(|tag| tag.key() == tags::PROTECTED);
                Some(Marked { id, protected })
            }));
            self.token = page.pagination_token.filter(|token| !token.is_empty());
            if self.token.is_none() {
                self.marks_read = true;
                break;
            }
        }
        files.write(&marks_file(self.mark_files), &found).await?;
        self.mark_files += 1;
        Ok(())
    }

    /// Whether all is read.
    pub(crate) fn is_read(&self) -> bool {
        self.instances_read && self.marks_read
    }

    /// All that was read.
    pub(crate) async fn all(&self, files: &Files, units: &[Unit]) -> Result<All, Halt> {
        let mut all = All::default();
        for number in 0..self.instance_files {
            let part: Aside = files.read(&aside(number)).await?;
            all.aside.known.extend(part.known);
            all.aside.busy.extend(part.busy);
            all.instances.extend(files.read::<Vec<Instance>>(&listed_before(number)).await?);
        }
        for (unit, count) in units.iter().zip(&self.unit_files) {
            let here = all.members.entry(unit.name.clone()).or_default();
            for number in 0..*count {
                let part: Vec<Stands> = files.read(&unit_file(&unit.id, number)).await?;
                for one in part {
                    all.units.insert(one.id.clone(), unit.id.clone());
                    here.extend((!one.closed).then_some((one.id, one.tenant)));
                }
            }
        }
        for number in 0..self.mark_files {
            let part: Vec<Marked> = files.read(&marks_file(number)).await?;
            all.marked.extend(part.into_iter().map(|one| (one.id, one.protected)));
        }
        Ok(all)
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

/// One page of the accounts that stand in a unit.
async fn accounts(
    app: &App,
    unit: &OuId,
    token: Option<String>,
) -> Result<(Vec<Stands>, Option<String>), Stop> {
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
    let accounts = page.accounts().iter().filter_map(|account| {
        let id: AccountId = account.id()?.parse().ok()?;
        let tenant = account.name().and_then(|name| name.strip_prefix(prefix));
        let tenant = tenant.unwrap_or(id.as_str()).to_owned();
        let closed =
            matches!(account.state(), Some(AccountState::Suspended | AccountState::Closed));
        Some(Stands { id, tenant, closed })
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
