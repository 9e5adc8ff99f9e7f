//! Reads what is too much for one call, page by page, into files: the stack set's instances, and
//! who stands in the units of the plan.

use aws_sdk_organizations::types::AccountState;
use lifecycle::{AccountId, OuId, OuName};
use rollout::cut::Members;
use rollout::manifest::listed_before;
use rollout::{Files, Instance, Plan, StackSet, Stop};
use serde::{Deserialize, Serialize};

use crate::error::Halt;
use crate::handler::App;

/// The most pages that are read in a call: half a minute of a slow day.
const PAGES: usize = 80;
/// What Organizations lists in a page.
const ACCOUNTS_IN_PAGE: i32 = 20;

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
}

/// A unit that has to be listed.
pub(crate) struct Unit {
    pub(crate) name: OuName,
    pub(crate) id: OuId,
}

/// The units of a plan, each once.
pub(crate) fn units(app: &App, plan: &Plan) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for name in plan.waves.iter().filter_map(|wave| wave.accounts.unit()) {
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
    /// Reads on. True when everything is read.
    pub(crate) async fn go_on(
        &mut self,
        app: &App,
        files: &Files,
        set: &StackSet,
        units: &[Unit],
    ) -> Result<bool, Stop> {
        if !self.instances_read {
            let mut found = Vec::new();
            let mut more = true;
            for _ in 0..PAGES {
                let (page, token) = set.instances(self.token.take()).await?;
                found.extend(page.into_iter().map(|listed| listed.instance));
                self.token = token;
                more = self.token.is_some();
                if !more {
                    break;
                }
            }
            files.write(&listed_before(self.instance_files), &found).await?;
            self.instance_files += 1;
            self.instances_read = !more;
            return Ok(self.instances_read && units.is_empty());
        }
        // Each unit has a number of files; the last of them is the one being read.
        let index = self.unit_files.len().saturating_sub(usize::from(self.token.is_some()));
        let Some(unit) = units.get(index) else { return Ok(true) };
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
        Ok(self.token.is_none() && self.unit_files.len() == units.len())
    }

    /// All that was read.
    pub(crate) async fn all(
        &self,
        files: &Files,
        units: &[Unit],
    ) -> Result<(Vec<Instance>, Members), Halt> {
        let mut instances: Vec<Instance> = Vec::new();
        for number in 0..self.instance_files {
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
        Ok((instances, members))
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
