//! A fleet that has stood for long, what people have done to it, and an audit that looks at it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lifecycle::{Baseline, TiersConfig};
use local_aws::organizations::Settled;
use local_aws::{AwsError, Settings};
use serde_json::{Value, json};

use crate::deployment::Error;
use crate::rollout::fleet::{Fleet, Member, Wanted};
use crate::world::{World, settings};

/// Two tiers of which one does not have every unit.
const TIERS: &str = r#"{"tiers": {
  "standard": {"organizationalUnits": [{"name": "Canary", "weight": 5}, {"name": "Early", "weight": 20}, {"name": "General", "weight": 75}],
    "baseline": [{"stackSet": "landlord-tenant-baseline", "regions": ["eu-central-1"]}]},
  "premium": {"organizationalUnits": [{"name": "Early", "weight": 20}, {"name": "General", "weight": 80}],
    "baseline": [{"stackSet": "landlord-tenant-baseline", "regions": ["eu-central-1", "eu-west-1"]}]}}}"#;
const BASELINE: &str = "landlord-tenant-baseline";
const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// A world with a fleet in it.
#[derive(Debug)]
pub struct Audited {
    /// The world.
    pub world: World,
    /// Its fleet.
    pub fleet: Fleet,
}

/// What an audit said, and what it took.
#[derive(Debug, Clone)]
pub struct Report {
    /// The detail of its `FleetAuditFinished`.
    pub detail: Value,
    /// All its findings, from its report.
    pub findings: Vec<Value>,
    /// How often the function made which call.
    pub calls: BTreeMap<String, u64>,
    /// How long it took, by AWS's rates.
    pub took: Duration,
    /// How often the function was called, and for how many seconds it ran.
    pub invocations: (u64, f64),
}

impl Report {
    /// `CLASS account` of each finding.
    #[must_use]
    pub fn found(&self) -> BTreeSet<(String, String)> {
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        self.findings.iter().map(|it| (text(&it["class"]), text(&it["accountId"]))).collect()
    }
}

impl Audited {
    /// A fleet of this size in which nothing is wrong.
    ///
    /// # Errors
    /// What the world refuses.
    pub async fn settle(accounts: usize, seed: u64) -> Result<Self, Error> {
        let settings = Settings {
            // An empty page with a next one is AWS's whim, and no call of Landlord's to save.
            empty_pages: 0.0,
            account_limit: usize::MAX,
            lean: true,
            ..settings(seed)
        };
        let parameters = [("Audits", "true"), ("Tiers", TIERS)];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let world = World::found(settings, parameters.into()).await?;
        let wanted = Wanted { accounts, premium: 0.2, in_alarm: 0.0, gates: false, seed };
        let tiers: TiersConfig = TIERS.parse().map_err(|_| Error::Output("the tiers"))?;
        let tenants = wanted.tenants();
        let fleet = Fleet::settle(&world.deployment, &tiers, &tenants, false).await?;
        let all = Self { world, fleet };
        for (member, tenant) in all.fleet.members.iter().zip(&tenants) {
            let tier = tenant.tier.parse().ok().and_then(|name| tiers.get(&name));
            let hash = tier.map(|tier| Baseline::new(tier.baseline.clone()).hash);
            let aws = all.world.aws();
            aws.tag_account_by_hand(&member.account, "landlord:name", Some(&member.tenant));
            aws.tag_account_by_hand(&member.account, "landlord:baseline", hash.as_deref());
            all.record(&member.tenant, &member.account).await?;
        }
        all.world.aws().sleep(HOUR).await;
        Ok(all)
    }

    async fn record(&self, tenant: &str, account: &str) -> Result<(), Error> {
        let record = json!({ "version": 1, "tenantId": tenant, "accountId": account });
        let input = json!({
            "Bucket": self.world.deployment.output("RunsBucketName")?,
            "Key": format!("tenants/{tenant}.json"),
            "$body": STANDARD.encode(record.to_string()),
        });
        self.world.deployment.ask("s3", "PutObject", input).await.map(drop)
    }

    /// What people do to a fleet: forty faults, of each class that an audit finds and that people can
    /// make here. Answers class and account of each.
    ///
    /// # Errors
    /// What the world refuses.
    pub async fn spoil(&self) -> Result<BTreeSet<(String, String)>, Error> {
        let (standard, premium): (Vec<&Member>, Vec<&Member>) =
            self.fleet.members.iter().partition(|member| member.regions.len() == 1);
        let mut standard = standard.into_iter();
        let mut faults = BTreeSet::new();
        let mut take = |class: &str, count: usize| -> Vec<Member> {
            let taken: Vec<Member> = standard.by_ref().take(count).cloned().collect();
            let of = taken.iter().map(|it| (class.to_owned(), it.account.clone()));
            faults.extend(of);
            taken
        };
        let aws = self.world.aws();
        let units = self.world.deployment.units().await?;
        let root = self.world.deployment.root().await?;
        let unit = |name: &str| units.get(name).map(String::as_str).unwrap_or_default();
        for it in take("CLOSED_BY_HAND", 2) {
            aws.close_account_by_hand(&it.account);
        }
        for (number, it) in take("WRONG_PLACE", 4).into_iter().enumerate() {
            let to = if number % 2 == 0 { &root } else { unit("Retiring") };
            aws.move_account_by_hand(&it.account, to);
        }
        for it in take("LOST_TAG", 3) {
            aws.tag_account_by_hand(&it.account, "landlord:tenant", None);
        }
        for it in take("ONBOARDING_STOPPED", 2) {
            aws.move_account_by_hand(&it.account, unit("Onboarding"));
        }
        for it in take("RETIREMENT_TAGS", 2) {
            let detail = json!({ "tenantId": it.tenant, "occurredAt": aws.now().to_string() });
            self.world.deployment.put("TenantOffboarded", &detail).await?;
            aws.sleep(HOUR).await;
            aws.tag_account_by_hand(&it.account, "landlord:retire-after", None);
        }
        for it in take("TIER_UNKNOWN", 2) {
            aws.tag_account_by_hand(&it.account, "landlord:tier", Some("gold"));
        }
        for it in take("TAG_DIFFERS", 2) {
            aws.tag_account_by_hand(&it.account, "landlord:tier", None);
        }
        for it in take("BEHIND_CONFIGURATION", 4) {
            aws.tag_account_by_hand(&it.account, "landlord:baseline", Some("x"));
        }
        for it in take("RECORD_MISSING", 3) {
            let bucket = self.world.deployment.output("RunsBucketName")?;
            let input = json!({ "Bucket": bucket, "Key": format!("tenants/{}.json", it.tenant) });
            self.world.deployment.ask("s3", "DeleteObject", input).await?;
        }
        for it in take("RECORD_CONTRADICTS", 2) {
            self.record(&it.tenant, "999999999999").await?;
        }
        let missing = take("INSTANCE_MISSING", 5);
        let away = json!({ "Regions": ["eu-central-1"], "RetainStacks": false });
        self.instances("DeleteStackInstances", &missing, away).await?;
        let beyond = take("INSTANCE_BEYOND", 3);
        self.instances("CreateStackInstances", &beyond, json!({ "Regions": ["eu-west-1"] }))
            .await?;
        let twins: Vec<Member> = standard.by_ref().take(2).cloned().collect();
        faults.extend(self.strangers(unit("General"), &twins)?);
        for it in premium.into_iter().take(2) {
            aws.move_account_by_hand(&it.account, unit("Canary"));
            faults.insert(("WRONG_UNIT".to_owned(), it.account.clone()));
        }
        aws.sleep(HOUR).await;
        Ok(faults)
    }

    /// Two accounts that carry another's mark, and two that are nobody's.
    fn strangers(
        &self,
        general: &str,
        twins: &[Member],
    ) -> Result<BTreeSet<(String, String)>, Error> {
        let settled = |name: String, tags: Vec<(String, String)>| Settled {
            email: format!("{name}@corp.example"),
            name,
            parent: general.to_owned(),
            role: None,
            tags,
        };
        let seconds = twins.iter().map(|twin| {
            let mark = ("landlord:tenant".to_owned(), twin.tenant.clone());
            settled(format!("second-{}", twin.tenant), vec![mark])
        });
        let nobodys = (1..=2).map(|number| settled(format!("sandbox-{number}"), Vec::new()));
        let all: Vec<Settled> = seconds.chain(nobodys).collect();
        let made = self.world.aws().settle_accounts(&all).map_err(|why| Error::Call {
            call: "settling accounts".to_owned(),
            source: AwsError::validation(why),
        })?;
        let classes = ["TWO_ACCOUNTS", "TWO_ACCOUNTS", "LOST_TAG", "LOST_TAG"];
        Ok(classes.map(str::to_owned).into_iter().zip(made).collect())
    }

    async fn instances(
        &self,
        operation: &str,
        members: &[Member],
        more: Value,
    ) -> Result<(), Error> {
        let accounts: Vec<&str> = members.iter().map(|it| it.account.as_str()).collect();
        let mut input = json!({ "StackSetName": BASELINE, "Accounts": accounts });
        for (key, value) in more.as_object().into_iter().flatten() {
            input[key] = value.clone();
        }
        self.world.deployment.ask("cloudformation", operation, input).await?;
        // Operations of one set run one after another.
        self.world.aws().sleep(HOUR).await;
        Ok(())
    }

    /// Audits now; the schedule would at night.
    ///
    /// # Errors
    /// What the world refuses, and an audit that does not come to its end within a day.
    pub async fn audit(&mut self, name: &str) -> Result<Report, Error> {
        let machine = self.world.deployment.output("InspectFleetStateMachineArn")?;
        let before = self.calls();
        self.world.library.forget_usage();
        let began = self.world.aws().now();
        let input = json!({ "stateMachineArn": machine, "name": name, "input": "{}" });
        self.world.deployment.ask("states", "StartExecution", input).await?;
        let is_it = |heard: &crate::deployment::Announcement| {
            heard.name == "FleetAuditFinished" && heard.detail["audit"] == name
        };
        let heard = self.world.until(24 * HOUR, is_it).await?;
        let Some(heard) = heard else { return Err(Error::Output("FleetAuditFinished")) };
        let took = self.world.aws().now().duration_since(began);
        // It is said before the call that says it has ended.
        self.pass(2).await;
        let mut calls = self.calls();
        for (action, count) in before {
            if let Some(now) = calls.get_mut(&action) {
                *now -= count;
            }
        }
        calls.retain(|_, count| *count > 0);
        let usage = self.world.library.usage().get("audit-fleet").copied().unwrap_or_default();
        let key = heard.detail["reportKey"].as_str().unwrap_or_default();
        let bucket = self.world.deployment.output("RunsBucketName")?;
        let input = json!({ "Bucket": bucket, "Key": key });
        let got = self.world.deployment.ask("s3", "GetObject", input).await?;
        let bytes = STANDARD.decode(got["$body"].as_str().unwrap_or_default()).unwrap_or_default();
        let report: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Report {
            findings: report["findings"].as_array().cloned().unwrap_or_default(),
            detail: heard.detail,
            calls,
            took: Duration::try_from(took).unwrap_or_default(),
            invocations: (usage.invocations, usage.duration.as_secs_f64()),
        })
    }

    /// What the function has called so far.
    fn calls(&self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for ((caller, action, _), count) in self.world.aws().counts() {
            if caller.ends_with("/landlord-audit-fleet") {
                *all.entry(action).or_default() += count;
            }
        }
        all
    }

    /// The pages that have to be read to see the fleet once, by call: 20 accounts, 100 instances, 100
    /// tagged accounts a page; a list that is empty has a page, too.
    #[must_use]
    pub fn least_pages(&self) -> BTreeMap<&'static str, u64> {
        let pages =
            |rows: usize, page: usize| u64::try_from(rows.div_ceil(page).max(1)).unwrap_or(0);
        let mut units: BTreeMap<String, usize> = BTreeMap::new();
        for account in self.world.aws().accounts() {
            *units.entry(account.parent_name).or_default() += 1;
        }
        let listed = ["Onboarding", "Canary", "Early", "General", "Retiring", "Suspended"];
        let rows = |unit: &str| units.get(unit).copied().unwrap_or_default();
        let instances: usize = self.fleet.members.iter().map(|it| it.regions.len()).sum();
        BTreeMap::from([
            (
                "organizations:ListAccountsForParent",
                listed.iter().map(|it| pages(rows(it), 20)).sum(),
            ),
            ("cloudformation:ListStackInstances", pages(instances, 100)),
            ("tag:GetResources", pages(self.fleet.members.len(), 100)),
        ])
    }

    /// Lets so many minutes go by.
    pub async fn pass(&self, minutes: u32) {
        self.world.aws().sleep(minutes * MINUTE).await;
    }
}
