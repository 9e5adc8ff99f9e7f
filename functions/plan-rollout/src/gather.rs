//! Reads what is too much for one call, page by page, into files: the stack set's instances, and
//! where the organization's accounts stand.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_organizations::types::AccountState;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use lifecycle::{AccountId, OuId, tags};
use rollout::cut::Members;
use rollout::house::{Seen, unit_of};
use rollout::manifest::listed_before;
use rollout::stack_set::Listed;
use rollout::{Files, Instance, Known, Plan, StackSet, Stop};
use serde::{Deserialize, Serialize};

use crate::checks::Busy;
use crate::error::Halt;
use crate::handler::App;
use crate::overrides::Reading;

/// The most pages of a list that are read in a call: half a minute of a slow day.
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

/// How far a list is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Pages {
    /// Files that are written.
    files: usize,
    /// The next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// Whether these are all.
    read: bool,
}

/// One page of a list, and where the next one begins.
type Page<T> = (Vec<T>, Option<String>);

impl Pages {
    /// Some more of the list, and how far it is read then. A throttle ends the part: what was read
    /// before it counts.
    async fn some<'a, T>(
        &self,
        page: impl Fn(Option<String>) -> BoxFuture<'a, Result<Page<T>, Stop>>,
    ) -> Result<(Vec<T>, Self), Stop> {
        let mut found = Vec::new();
        let mut then = Self { files: self.files + 1, ..self.clone() };
        for number in 0..PAGES {
            match page(then.token.clone()).await {
                Ok((some, next)) => {
                    found.extend(some);
                    then.read = next.is_none();
                    then.token = next;
                }
                Err(Stop::Later(_)) if number > 0 => break,
                Err(stop) => return Err(stop),
            }
            if then.read {
                break;
            }
        }
        Ok((found, then))
    }
}

/// How far the reading is: three lists of three services, at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Gathering {
    /// The stack set's instances.
    instances: Pages,
    /// The organization's accounts, and where each stands.
    accounts: Pages,
    /// Who carries the mark of a tenant.
    marks: Pages,
    /// How far the overrides are read.
    #[serde(skip_serializing_if = "Reading::is_default")]
    pub(crate) overrides: Reading,
}

fn marks_file(number: usize) -> String {
    format!("planning/marks-{number:03}.json")
}

/// An account of the organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stands {
    pub(crate) id: AccountId,
    /// The tenant's id or, without a tenant, the account's own.
    tenant: String,
    /// Closed: it stands there, and no wave takes it by its unit.
    closed: bool,
    /// The unit in which it stands; nothing for the root, and where the list does not say it.
    unit: Option<OuId>,
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
    /// In which of Landlord's units an account stands.
    pub(crate) units: BTreeMap<AccountId, OuId>,
    /// Accounts that stand in none of them, as the list says.
    pub(crate) elsewhere: BTreeMap<AccountId, Stands>,
    /// Those that carry the mark of a tenant, by the index of tags, and whether they are protected.
    pub(crate) marked: BTreeMap<AccountId, bool>,
}

fn accounts_file(number: usize) -> String {
    format!("planning/accounts-{number:03}.json")
}

impl All {
    /// Puts an account where it stands.
    pub(crate) fn place(&mut self, app: &App, account: Stands) {
        let units = &app.config.units;
        match units.iter().find(|(_, unit)| account.unit.as_ref() == Some(unit)) {
            Some((name, unit)) => {
                self.units.insert(account.id.clone(), unit.clone());
                let here = self.members.entry(name.clone()).or_default();
                here.extend((!account.closed).then_some((account.id, account.tenant)));
            }
            None => {
                self.elsewhere.insert(account.id.clone(), account);
            }
        }
    }

    /// Puts an account where it is seen to stand, which the list did not know.
    pub(crate) fn place_seen(&mut self, app: &App, account: &AccountId, seen: &Seen) {
        if seen.unit.is_some()
            && let Some(known) = self.elsewhere.remove(account)
        {
            self.place(app, Stands { unit: seen.unit.clone(), ..known });
        }
    }
}

impl Gathering {
    /// Reads on. What one list may not tell now does not hold up the others.
    pub(crate) async fn go_on(
        &mut self,
        app: &App,
        files: &Files,
        set: &StackSet,
    ) -> Result<(), Stop> {
        let Self { instances, accounts, marks, .. } = self;
        let (instances, accounts, marks) = futures::join!(
            read_instances(instances, files, set),
            read_accounts(accounts, app, files),
            read_marks(marks, app, files),
        );
        instances.and(accounts).and(marks)
    }

    /// Whether all is read.
    pub(crate) fn is_read(&self) -> bool {
        self.instances.read && self.marks.read && self.accounts.read
    }

    /// All that was read.
    pub(crate) async fn all(&self, app: &App, files: &Files) -> Result<All, Halt> {
        let mut all = All::default();
        for number in 0..self.instances.files {
            let part: Aside = files.read(&aside(number)).await?;
            all.aside.known.extend(part.known);
            all.aside.busy.extend(part.busy);
            all.instances.extend(files.read::<Vec<Instance>>(&listed_before(number)).await?);
        }
        for number in 0..self.accounts.files {
            for one in files.read::<Vec<Stands>>(&accounts_file(number)).await? {
                all.place(app, one);
            }
        }
        for number in 0..self.marks.files {
            let part: Vec<Marked> = files.read(&marks_file(number)).await?;
            all.marked.extend(part.into_iter().map(|one| (one.id, one.protected)));
        }
        Ok(all)
    }

    /// How far it is, in words.
    pub(crate) fn progress(&self) -> String {
        format!(
            "reading the fleet: {} files of instances, {} of accounts",
            self.instances.files, self.accounts.files
        )
    }
}

async fn read_instances(pages: &mut Pages, files: &Files, set: &StackSet) -> Result<(), Stop> {
    if pages.read {
        return Ok(());
    }
    let (listed, then) = pages.some(|token| set.instances(token).boxed()).await?;
    let mut told = Aside::default();
    listed.iter().for_each(|one| told.add(one));
    let found: Vec<Instance> = listed.into_iter().map(|listed| listed.instance).collect();
    files.write(&aside(pages.files), &told).await?;
    files.write(&listed_before(pages.files), &found).await?;
    *pages = then;
    Ok(())
}

async fn read_accounts(pages: &mut Pages, app: &App, files: &Files) -> Result<(), Stop> {
    if pages.read {
        return Ok(());
    }
    let (found, then) = pages.some(|token| accounts(app, token).boxed()).await?;
    files.write(&accounts_file(pages.files), &found).await?;
    *pages = then;
    Ok(())
}

async fn read_marks(pages: &mut Pages, app: &App, files: &Files) -> Result<(), Stop> {
    if pages.read {
        return Ok(());
    }
    let (found, then) = pages.some(|token| marked(app, token).boxed()).await?;
    files.write(&marks_file(pages.files), &found).await?;
    *pages = then;
    Ok(())
}

/// One page of the accounts that carry the mark of a tenant.
async fn marked(app: &App, token: Option<String>) -> Result<Page<Marked>, Stop> {
    let filter = TagFilter::builder().key(tags::TENANT).build();
    let page = app
        .tagging
        .get_resources()
        .resource_type_filters("organizations:account")
        .tag_filters(filter)
        .resources_per_page(100)
        .set_pagination_token(token)
        .send()
        .await
        .map_err(|error| Stop::of("tag", "GetResources", tags::TENANT, &error))?;
    let found = page.resource_tag_mapping_list().iter().filter_map(|one| {
        let id = one.resource_arn()?.rsplit('/').next()?.parse().ok()?;
        let protected = one.tags().iter().any(|tag| tag.key() == tags::PROTECTED);
        Some(Marked { id, protected })
    });
    let found = found.collect();
    Ok((found, page.pagination_token.filter(|token| !token.is_empty())))
}

/// One page of the organization's accounts. AWS lists those of all units faster than those of one,
/// and says where each stands.
async fn accounts(app: &App, token: Option<String>) -> Result<Page<Stands>, Stop> {
    let page = app
        .organizations
        .list_accounts()
        .max_results(ACCOUNTS_IN_PAGE)
        .set_next_token(token)
        .send()
        .await
        .map_err(|error| Stop::of("organizations", "ListAccounts", "the accounts", &error))?;
    let prefix = app.config.account_name_prefix.as_str();
    let accounts = page.accounts().iter().filter_map(|account| {
        let id: AccountId = account.id()?.parse().ok()?;
        let tenant = account.name().and_then(|name| name.strip_prefix(prefix));
        let tenant = tenant.unwrap_or(id.as_str()).to_owned();
        let closed =
            matches!(account.state(), Some(AccountState::Suspended | AccountState::Closed));
        Some(Stands { id, tenant, closed, unit: unit_of(account.paths()) })
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
