//! What happens to the tenant, and what Landlord has to say of it.

use std::time::Duration;

use serde_json::{Value, json};
use simulation::deployment::Deployment;

use super::Error;
use super::answers::{Chapter, ENDS, text};
use super::world::{self, write_tiers};
use crate::retire::Watcher;

/// The tenant.
pub(super) const TENANT: &str = "acme";
/// Its tier.
pub(super) const TIER: &str = "premium";
/// The override of the tier that is wrong at first.
pub(super) const OVERRIDE: &str = "LogRetentionDays";
/// Its wrong value; the template allows it.
pub(super) const MISTAKE: &str = "30";
/// The address with which the tenant signs up again.
pub(super) const OTHER_ADDRESS: &str = "acme-again@accounts.example.com";
/// The switch that stops everything irreversible.
const STOP: &str = "/landlord/stop";
/// Why it is thrown.
const WHY_STOPPED: &str = "the tenant may come back";

/// The tenant's story.
pub(super) struct Story<'a> {
    pub(super) deployment: &'a Deployment,
    pub(super) watcher: Watcher,
    right_tiers: String,
    pub(super) chapters: Vec<Chapter>,
}

impl<'a> Story<'a> {
    pub(super) fn new(deployment: &'a Deployment, watcher: Watcher, right_tiers: String) -> Self {
        Self { deployment, watcher, right_tiers, chapters: Vec::new() }
    }

    /// Lets all of it happen.
    pub(super) async fn tell(&mut self) -> Result<(), Error> {
        let first = self.signs_up("signs up", "TenantReady", None).await?;
        let account = text(&first, "accountId");
        self.returns_while_cooling_off(&account).await?;
        self.returns_after_emptying(&account).await?;
        self.returns_after_closing(&account).await?;
        let second = self.signs_up_elsewhere(&account).await?;
        self.override_is_mended(&text(&second, "accountId")).await
    }

    async fn returns_while_cooling_off(&mut self, account: &str) -> Result<(), Error> {
        self.turns("leaves", "TenantOffboarded", "TenantRetiring").await?;
        let what = "comes back while it cools off";
        let back = self.turns(what, "TenantReinstated", "TenantRestored").await?;
        self.last(|chapter| {
            chapter.must(back["emptied"] == false, "it is said to have been emptied");
            chapter.must(back["accountId"] == account, "it is another account");
        });
        Ok(())
    }

    async fn returns_after_emptying(&mut self, account: &str) -> Result<(), Error> {
        self.turns("leaves again", "TenantOffboarded", "TenantRetiring").await?;
        self.sweep_that_is_stopped(account).await?;
        let since = self.watcher.heard().len();
        let what = "comes back after its stacks were withdrawn";
        let back = self.turns(what, "TenantReinstated", "TenantRestored").await?;
        self.last(|chapter| {
            chapter.must(back["emptied"] == true, "it is not said to have been emptied");
            chapter.must(back["accountId"] == account, "it is another account");
        });
        let of_tenant =
            |name: &str, detail: &Value| ENDS.contains(&name) && detail["tenantId"] == TENANT;
        let doing = "the emptied account is equipped again";
        let ready = self.watcher.first_of(doing, since, of_tenant).await?;
        self.record("is equipped again", "TenantReady", ready, account).await?;
        self.last(|chapter| {
            chapter.must(chapter.detail["accountId"] == account, "it is another account");
        });
        Ok(())
    }

    async fn returns_after_closing(&mut self, account: &str) -> Result<(), Error> {
        self.turns("leaves for good", "TenantOffboarded", "TenantRetiring").await?;
        let since = self.watcher.heard().len();
        self.weeks_pass().await;
        let sweep = self.watcher.start_sweep("closing", json!({ "dryRun": false })).await?;
        self.watcher.end_of_sweep("closing", &sweep).await?;
        let closed =
            |name: &str, _: &Value| ["TenantRetired", "RetirementSweepFinished"].contains(&name);
        let retired = self.watcher.first_of("the account is closed", since, closed).await?;
        self.record("is closed by the sweep", "TenantRetired", retired, account).await?;

        let what = "comes back after the closing";
        let refused = self.turns(what, "TenantReinstated", "TenantUnchanged").await?;
        self.last(|chapter| {
            let because = &refused["because"];
            chapter.must(because == "ACCOUNT_CLOSED", format!("because {because}"));
        });
        let what = "signs up with the address of before";
        self.signs_up(what, "TenantOnboardingFailed", None).await?;
        self.last(|chapter| {
            let error = chapter.detail["error"].clone();
            chapter.must(error == "AccountClosed", format!("the error is {error}"));
            let accounts = chapter.seen.accounts.len();
            chapter.must(accounts == 1, format!("the tenant has {accounts} accounts"));
        });
        Ok(())
    }

    async fn signs_up_elsewhere(&mut self, closed: &str) -> Result<Value, Error> {
        let what = "signs up with another address";
        let ready = self.signs_up(what, "TenantReady", Some(OTHER_ADDRESS)).await?;
        self.last(|chapter| {
            chapter.must(ready["accountId"] != closed, "it is the account of before");
            let email = chapter.seen.email.clone();
            chapter.must(email == OTHER_ADDRESS, format!("its address is {email}"));
            let before = chapter.seen.accounts.get(closed).cloned().unwrap_or_default();
            chapter.must(before == "CLOSED", format!("the account of before is {before:?}"));
            let accounts = chapter.seen.accounts.len();
            chapter.must(accounts == 2, format!("the tenant has {accounts} accounts"));
        });
        Ok(ready)
    }

    /// The tier had a wrong override from the beginning, and the tenant was equipped with it.
    async fn override_is_mended(&mut self, account: &str) -> Result<(), Error> {
        let before = self.overrides(account).await?;
        self.watcher.tell("operator", &format!("mends {OVERRIDE} of the tier {TIER}"));
        write_tiers(self.deployment, &self.right_tiers).await?;
        let what = "signs up after the tier was mended";
        self.signs_up(what, "TenantReady", Some(OTHER_ADDRESS)).await?;
        let after = self.overrides(account).await?;
        self.watcher.tell("world", &format!("{OVERRIDE}: {before:?}, then {after:?}"));
        self.last(|chapter| {
            let wrong = !before.is_empty() && before.iter().all(|it| it == MISTAKE);
            chapter.must(wrong, format!("{OVERRIDE} was {before:?} before"));
            let mended = before.len() == after.len() && after.iter().all(|it| it != MISTAKE);
            chapter.must(mended, format!("{OVERRIDE} is {after:?}"));
            chapter.must(chapter.detail["accountId"] == account, "it is another account");
        });
        Ok(())
    }

    /// Empties the account, and is stopped before it closes it.
    async fn sweep_that_is_stopped(&mut self, account: &str) -> Result<(), Error> {
        self.weeks_pass().await;
        let since = self.watcher.heard().len();
        let sweep = self.watcher.start_sweep("emptying", json!({ "dryRun": false })).await?;
        let aws = self.deployment.aws();
        while !self.deletion_runs().await? {
            self.watcher.is_over("a sweep withdraws stacks")?;
            aws.sleep(Duration::from_secs(2)).await;
        }
        self.watcher.tell("operator", &format!("throws the switch: {WHY_STOPPED}"));
        let stop = json!({
            "stopped": true, "reason": WHY_STOPPED, "by": "operator",
            "since": aws.now(),
        });
        let put = json!({ "Name": STOP, "Type": "String", "Value": stop.to_string() });
        self.deployment.ask("ssm", "PutParameter", put).await?;
        self.watcher.end_of_sweep("emptying", &sweep).await?;
        let finished =
            |name: &str, _: &Value| ["TenantRetired", "RetirementSweepFinished"].contains(&name);
        let finished = self.watcher.first_of("the sweep is reported", since, finished).await?;
        let what = "is emptied; then the sweep is stopped";
        self.record(what, "RetirementSweepFinished", finished, account).await?;
        self.last(|chapter| {
            let left = chapter.seen.instances.len();
            chapter.must(left == 0, format!("{left} instances are left"));
            // By whom, since when and why stands at the account that keeps its turn.
            let lists = ["deferred", "stuck"].map(|list| chapter.detail[list].clone());
            let mut rows = lists.iter().flat_map(|list| list.as_array().into_iter().flatten());
            let said = rows.any(|row| {
                row["accountId"] == account
                    && row["code"] == "Stopped"
                    && row["reason"].as_str().is_some_and(|it| it.contains(WHY_STOPPED))
            });
            chapter.must(said, format!("the switch is not named: {}", chapter.detail));
        });
        self.watcher.tell("operator", "takes the switch back");
        self.deployment.ask("ssm", "DeleteParameter", json!({ "Name": STOP })).await?;
        Ok(())
    }

    async fn deletion_runs(&self) -> Result<bool, Error> {
        let set = self.deployment.output("TenantBaselineStackSetName")?;
        let input = json!({ "StackSetName": set });
        let listed = self.deployment.ask("cloudformation", "ListStackSetOperations", input).await?;
        let mut operations = listed["Summaries"].as_array().into_iter().flatten();
        Ok(operations.any(|it| it["Action"] == "DELETE" && it["Status"] != "QUEUED"))
    }

    async fn weeks_pass(&self) {
        self.watcher.weeks_pass();
        // A plan reads the index of tags, which lags.
        let aws = self.deployment.aws();
        aws.sleep(2 * aws.settings().durations.tag_lag).await;
    }

    /// The override's value in each Region of the account.
    async fn overrides(&self, account: &str) -> Result<Vec<String>, Error> {
        let instances = world::instances(self.deployment, account).await?;
        let value = |it: &world::Instance| it.overrides.get(OVERRIDE).cloned().unwrap_or_default();
        Ok(instances.iter().map(value).collect())
    }
}
