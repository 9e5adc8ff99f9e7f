//! What is true of all accounts, for those who look at the fleet. A read that is refused is said, and
//! the rest goes on without it.

use fleet_audit::{Account, Events, Ground};
use fleet_reads::{FleetReads, Machines, Page};
use lambda_kit::Clock;
use lambda_kit::sdk::{Trouble, Wire};
use lifecycle::{AccountId, Fault, Naming, ParentId};
use organization_accounts::Accounts;
use serde::Serialize;
use tenant_records::TenantRecords;

use crate::deployment::Deployment;
use crate::failure::{Exit, Failure};
use crate::patience::patiently;

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Unread {
    /// What.
    pub(crate) what: String,
    /// What was said.
    pub(crate) said: String,
    /// What to do about it.
    pub(crate) advice: String,
}

/// The ways to read, and what they have shown so far.
pub(crate) struct Reading {
    pub(crate) reads: FleetReads,
    pub(crate) accounts: Accounts,
    pub(crate) records: TenantRecords,
    pub(crate) machines: Machines,
    pub(crate) ground: Ground,
    pub(crate) unread: Vec<Unread>,
}

impl Reading {
    /// Reads the stack, the tiers, and who is worked on.
    ///
    /// # Errors
    /// When there is no stack, or it does not say where its tenants stand.
    pub(crate) async fn begin(wire: &Wire, stack: &str, clock: &Clock) -> Result<Self, Failure> {
        let deployment = Deployment::read(wire, stack).await?;
        let machines = Machines {
            onboarding: deployment.output("OnboardTenantStateMachineArn")?.to_owned(),
            changes: deployment.output("ConvergeTenantStateMachineArn")?.to_owned(),
            offboarding: deployment.output("OffboardTenantStateMachineArn")?.to_owned(),
            rollouts: deployment.output("RollOutStateMachineArn")?.to_owned(),
        };
        let records = TenantRecords::new(wire, deployment.output("RunsBucketName")?);
        let ground = ground(&deployment, clock)?;
        let mut reading = Self {
            reads: FleetReads::new(wire),
            accounts: Accounts::new(wire),
            records,
            machines,
            ground,
            unread: Vec::new(),
        };
        reading.tiers(stack).await;
        reading.under_way().await;
        Ok(reading)
    }

    /// What was read, or nothing; then it is said.
    pub(crate) fn said<T>(&mut self, what: &str, read: Result<T, Failure>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(Failure { said, advice, .. }) => {
                self.unread.push(Unread { what: what.to_owned(), said, advice });
                None
            }
        }
    }

    /// All pages of a list; nothing when one of them could not be read.
    pub(crate) async fn pages<T, F>(
        &mut self,
        what: &str,
        read: impl Fn(Option<String>) -> F,
    ) -> Option<Vec<T>>
    where
        F: Future<Output = Result<Page<T>, Trouble>>,
    {
        let (mut rows, mut token) = (Vec::new(), None);
        loop {
            let page = patiently(format!("read {what}"), || read(token.clone())).await;
            let page = self.said(what, page)?;
            rows.extend(page.rows);
            token = page.next;
            if token.is_none() {
                return Some(rows);
            }
        }
    }

    async fn tiers(&mut self, stack: &str) {
        let name = format!("/{stack}/tiers");
        let read = patiently("read the tiers", || self.reads.read_tiers(&name, &self.ground.units));
        let read = read.await;
        self.ground.tiers = self.said("the tiers", read);
    }

    /// Who is worked on; asked again at the end, for an execution may begin or end meanwhile.
    pub(crate) async fn under_way(&mut self) {
        let what = "the executions that run";
        let read = patiently(format!("read {what}"), || self.reads.read_under_way(&self.machines));
        let read = read.await;
        let Some((found, unasked)) = self.said(what, read) else {
            self.ground.under_way = None;
            return;
        };
        if unasked > 0 {
            self.unread.push(Unread {
                what: format!("what {unasked} more executions are about"),
                said: "so many run that not all were asked".to_owned(),
                advice: "what is found of their tenants may be under way: look again later"
                    .to_owned(),
            });
        }
        let known = self.ground.under_way.get_or_insert_default();
        known.tenants.extend(found.tenants);
        known.rollouts.extend(found.rollouts);
    }

    /// The account by itself, wherever it stands, with its tags; nothing when there is none.
    pub(crate) async fn account(&mut self, id: &AccountId) -> Option<Account> {
        let what = format!("account {id}");
        let read = patiently(format!("read {what}"), || self.reads.read_account(id)).await;
        let shown = self.said(&what, read)??;
        let read = patiently(format!("read where {what} stands"), || self.accounts.parent(id));
        let read = read.await;
        let parent = self.said(&format!("where {what} stands"), read).flatten();
        let read = patiently(format!("read the tags of {what}"), || self.accounts.tags(id)).await;
        let tags = self.said(&format!("the tags of {what}"), read).flatten();
        Some(Account {
            name: shown.name,
            joined: shown.joined,
            parent,
            tags,
            ..Account::new(shown.id, shown.state)
        })
    }
}

fn ground(deployment: &Deployment, clock: &Clock) -> Result<Ground, Failure> {
    let unit = |output: &str| {
        deployment.output(output).and_then(|id| id.parse().map_err(at_fault(output)))
    };
    let parameter = |name: &str| deployment.parameter(name).map(str::to_owned);
    let naming = Naming::new(
        parameter("AccountNamePrefix")?,
        parameter("EmailLocalPart")?,
        parameter("EmailDomain")?,
    );
    let naming = naming.map_err(|faults| {
        let advice = "deploy this version: make deploy";
        Failure::new("read how accounts are named", faults.to_string(), advice)
    })?;
    let signups = parameter("SignupEventSource")?;
    let offboardings = parameter("OffboardingEventSource")?;
    let outside = parameter("ParentId")?;
    Ok(Ground {
        onboarding: unit("OnboardingOuIdInUse")?,
        units: deployment.tenant_units()?,
        retiring: unit("RetiringOuIdInUse")?,
        suspended: unit("SuspendedOuIdInUse")?,
        outside: outside.parse::<ParentId>().map_err(at_fault("ParentId"))?,
        tiers: None,
        naming,
        under_way: None,
        missing_sets: Default::default(),
        unread_sets: Default::default(),
        events: Events {
            bus: deployment.output("EventBusName")?.to_owned(),
            offboardings: if offboardings.is_empty() { signups.clone() } else { offboardings },
            signups,
        },
        now: clock.now(),
    })
}

fn at_fault(what: &str) -> impl FnOnce(Fault) -> Failure {
    let tried = format!("read {what}");
    move |fault| {
        let advice = "deploy this version: make deploy";
        Failure::new(tried, fault.to_string(), advice).exits(Exit::Failed)
    }
}
