//! The organization as it is: accounts, units, policies, and how far readers lag behind.

use super::policies::PolicyKind;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use indexmap::IndexMap;
use jiff::Timestamp;
use tokio::sync::broadcast;

use super::tags::Tags;

/// The root's id.
pub(super) const ROOT: &str = "r-root";

/// The policy that allows everything, attached everywhere at first.
pub(super) const FULL_ACCESS: &str = "p-FullAWSAccess";

/// The most accounts on a page of a list.
const MOST_ON_A_PAGE: usize = 20;

/// Something that happened to an account's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The account.
    pub(crate) account: String,
    /// The parent it left; none for a new account.
    pub(crate) from: Option<String>,
    /// The parent it stands in now.
    pub(crate) to: String,
}

/// An account's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccountState {
    Active,
    /// Suspended by AWS, not by closing.
    Suspended,
    PendingClosure {
        since: Timestamp,
    },
    Closed {
        since: Timestamp,
    },
}

/// An account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) parent: String,
    pub(crate) state: AccountState,
    pub(crate) joined: Timestamp,
    pub(crate) joined_method: &'static str,
    pub(crate) sequence: u64,
    /// When its role can be assumed.
    pub(crate) role_ready: Timestamp,
    /// When its services answer.
    pub(crate) services_ready: Timestamp,
}

impl Account {
    /// Whether calls in it are answered at all.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.state, AccountState::Active)
    }
}

/// An organizational unit.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) parent: String,
    pub(super) sequence: u64,
}

/// How a creation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    InProgress,
    Succeeded { account: String, at: Timestamp },
    Failed { reason: String, at: Timestamp },
}

/// A request to create an account.
#[derive(Debug, Clone)]
pub(super) struct Creation {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) role: String,
    pub(super) tags: IndexMap<String, String>,
    pub(super) requested: Timestamp,
    pub(super) outcome: Outcome,
}

/// A service control policy.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub(super) id: String,
    pub(super) kind: PolicyKind,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) content: String,
    pub(super) document: std::sync::Arc<crate::iam::Document>,
    pub(super) aws_managed: bool,
    pub(super) sequence: u64,
    /// Targets, in the order of their attachment.
    pub(super) targets: IndexMap<String, u64>,
}

/// A move that some readers have not seen yet.
#[derive(Debug, Clone)]
struct Move {
    account: String,
    sequence: u64,
    from: String,
    at: Timestamp,
}

/// The service's state.
#[derive(Debug)]
pub(crate) struct Organizations {
    pub(super) management: String,
    pub(super) organization: String,
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) by_sequence: BTreeMap<u64, String>,
    pub(super) by_email: BTreeMap<String, String>,
    children: BTreeMap<String, BTreeMap<u64, String>>,
    moves: Vec<Move>,
    pub(super) units: IndexMap<String, Unit>,
    pub(super) creations: BTreeMap<u64, Creation>,
    pub(super) creation_ids: BTreeMap<String, u64>,
    pub(super) creating: BTreeSet<u64>,
    pub(super) most_creating: usize,
    pub(super) policies: IndexMap<String, Policy>,
    pub(super) attachments: BTreeMap<String, IndexMap<String, ()>>,
    /// Whether there is an organization; without one there is the account alone.
    pub(super) exists: bool,
    /// Whether it has all features, and not consolidated billing alone.
    pub(super) all_features: bool,
    /// The policy types that are enabled in the root.
    pub(super) enabled: Vec<PolicyKind>,
    pub(super) services: IndexMap<String, (u64, Timestamp)>,
    pub(super) delegates: BTreeMap<String, BTreeMap<String, Timestamp>>,
    pub(crate) tags: Tags,
    pub(super) emails_outside: BTreeSet<String>,
    /// How many accounts it may have, when that is not what the settings say any more.
    pub(super) account_limit: Option<usize>,
    pub(super) failures: Vec<(String, String)>,
    /// When the closings of the rolling window were asked for.
    pub(super) closings: VecDeque<Timestamp>,
    /// The accounts that are being closed.
    pub(super) closing: BTreeSet<String>,
    pub(super) most_closing: usize,
    pub(super) closed: BTreeMap<Timestamp, Vec<String>>,
    changes: broadcast::Sender<Change>,
    sequence: u64,
}

impl Default for Organizations {
    fn default() -> Self {
        Self::new("", "")
    }
}

impl Organizations {
    /// An organization with nothing in it but its root and the policy that allows everything.
    pub(super) fn new(management: &str, organization: &str) -> Self {
        let mut organizations = Self {
            management: management.to_owned(),
            organization: organization.to_owned(),
            accounts: BTreeMap::new(),
            by_sequence: BTreeMap::new(),
            by_email: BTreeMap::new(),
            children: BTreeMap::new(),
            moves: Vec::new(),
            units: IndexMap::new(),
            creations: BTreeMap::new(),
            creation_ids: BTreeMap::new(),
            creating: BTreeSet::new(),
            most_creating: 0,
            policies: IndexMap::new(),
            attachments: BTreeMap::new(),
            exists: true,
            all_features: true,
            enabled: PolicyKind::ALL.to_vec(),
            services: IndexMap::new(),
            delegates: BTreeMap::new(),
            tags: Tags::default(),
            emails_outside: BTreeSet::new(),
            account_limit: None,
            failures: Vec::new(),
            closings: VecDeque::new(),
            closing: BTreeSet::new(),
            most_closing: 0,
            closed: BTreeMap::new(),
            changes: broadcast::channel(1024).0,
            sequence: 0,
        };
        let content = "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\
                       \"Action\":\"*\",\"Resource\":\"*\"}}";
        if let Ok(document) = crate::iam::Document::service_control(content) {
            let sequence = organizations.next();
            organizations.policies.insert(
                FULL_ACCESS.to_owned(),
                Policy {
                    id: FULL_ACCESS.to_owned(),
                    kind: PolicyKind::ServiceControl,
                    name: "FullAWSAccess".to_owned(),
                    description: "Allows access to every operation".to_owned(),
                    content: content.to_owned(),
                    document: std::sync::Arc::new(document),
                    aws_managed: true,
                    sequence,
                    targets: IndexMap::new(),
                },
            );
        }
        organizations.attach(FULL_ACCESS, ROOT);
        organizations
    }

    /// How many accounts it may have.
    pub(crate) fn account_limit(&self, aws: &crate::Aws) -> usize {
        self.account_limit.unwrap_or(aws.settings().account_limit)
    }

    /// The next number in the order of things.
    pub(super) fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Lets an account in where it says it stands.
    pub(super) fn admit(&mut self, mut account: Account) {
        account.sequence = self.next();
        self.by_sequence.insert(account.sequence, account.id.clone());
        self.by_email.insert(account.email.to_lowercase(), account.id.clone());
        self.children
            .entry(account.parent.clone())
            .or_default()
            .insert(account.sequence, account.id.clone());
        self.attach(FULL_ACCESS, &account.id);
        self.tags.know(&account.id);
        let change = Change { account: account.id.clone(), from: None, to: account.parent.clone() };
        self.accounts.insert(account.id.clone(), account);
        let _ = self.changes.send(change);
    }

    /// Takes an account out for good.
    pub(super) fn dismiss(&mut self, id: &str) {
        let Some(account) = self.accounts.remove(id) else { return };
        self.by_sequence.remove(&account.sequence);
        if let Some(children) = self.children.get_mut(&account.parent) {
            children.remove(&account.sequence);
        }
        for policy in self.attachments.remove(id).into_iter().flatten().map(|(policy, ())| policy) {
            if let Some(policy) = self.policies.get_mut(&policy) {
                policy.targets.shift_remove(id);
            }
        }
        self.tags.forget(id);
    }

    /// Moves an account.
    pub(super) fn place(&mut self, id: &str, to: &str, now: Timestamp) {
        let Some(account) = self.accounts.get_mut(id) else { return };
        let from = std::mem::replace(&mut account.parent, to.to_owned());
        let sequence = account.sequence;
        if let Some(children) = self.children.get_mut(&from) {
            children.remove(&sequence);
        }
        self.children.entry(to.to_owned()).or_default().insert(sequence, id.to_owned());
        self.moves.push(Move { account: id.to_owned(), sequence, from: from.clone(), at: now });
        let _ = self.changes.send(Change {
            account: id.to_owned(),
            from: Some(from),
            to: to.to_owned(),
        });
    }

    /// Hears of every account that enters, moves or is made, from now on.
    #[allow(dead_code, reason = "for services that follow or target units")]
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    pub(super) fn attach(&mut self, policy: &str, target: &str) {
        let sequence = self.next();
        if let Some(policy) = self.policies.get_mut(policy) {
            policy.targets.insert(target.to_owned(), sequence);
        }
        self.attachments.entry(target.to_owned()).or_default().insert(policy.to_owned(), ());
    }

    /// The accounts that a reader who sees `seen` finds directly under a parent, after one.
    pub(super) fn accounts_under(
        &mut self,
        parent: &str,
        after: u64,
        seen: Timestamp,
    ) -> BTreeMap<u64, String> {
        self.moves.retain(|moved| moved.at > seen);
        // The earliest unseen move of an account says where it is still seen.
        let mut still_at: BTreeMap<u64, (&str, &str)> = BTreeMap::new();
        for moved in &self.moves {
            still_at.entry(moved.sequence).or_insert((&moved.from, &moved.account));
        }
        let settled = |(sequence, id): (&u64, &String)| {
            let is_seen = self.accounts.get(id).is_some_and(|account| account.joined <= seen);
            (is_seen && !still_at.contains_key(sequence)).then(|| (*sequence, id.clone()))
        };
        let mut visible: BTreeMap<u64, String> = self
            .children
            .get(parent)
            .into_iter()
            .flat_map(|children| children.range(after + 1..))
            .filter_map(settled)
            .take(MOST_ON_A_PAGE + 1)
            .collect();
        for (sequence, (from, id)) in still_at {
            let is_seen = self.accounts.get(id).is_some_and(|account| account.joined <= seen);
            if is_seen && from == parent && sequence > after {
                visible.insert(sequence, id.to_owned());
            }
        }
        visible
    }

    /// Whether any account stands directly under a parent.
    pub(super) fn has_accounts(&self, parent: &str) -> bool {
        self.children.get(parent).is_some_and(|children| !children.is_empty())
    }

    /// An account, if it exists.
    pub(crate) fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.get(id)
    }

    /// All accounts' ids directly under a parent, in the order in which they joined, fresh.
    #[allow(dead_code, reason = "for services that follow or target units")]
    pub(crate) fn accounts_in(&self, parent: &str) -> Vec<String> {
        self.children.get(parent).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    /// All accounts' ids under a root or unit at any depth, fresh.
    #[allow(dead_code, reason = "for services that follow or target units")]
    pub(crate) fn accounts_below(&self, parent: &str) -> Vec<String> {
        let mut found = self.accounts_in(parent);
        for unit in self.units.values().filter(|unit| unit.parent == parent) {
            found.extend(self.accounts_below(&unit.id));
        }
        found
    }

    /// Whether it is the root or a unit.
    pub(crate) fn is_parent(&self, id: &str) -> bool {
        id == ROOT || self.units.contains_key(id)
    }

    /// Where an account or unit stands: its parent, that one's parent, …, the root.
    pub(crate) fn path(&self, id: &str) -> Vec<String> {
        let mut path = Vec::new();
        let mut parent = self
            .accounts
            .get(id)
            .map(|account| &account.parent)
            .or_else(|| self.units.get(id).map(|unit| &unit.parent));
        while let Some(id) = parent {
            path.push(id.clone());
            parent = self.units.get(id).map(|unit| &unit.parent);
        }
        path
    }

    /// The ARN of something of this organization: `account/o-…/ID`.
    pub(crate) fn arn(&self, kind: &str, id: &str) -> String {
        let Self { management, organization, .. } = self;
        let owner = if id == FULL_ACCESS { "aws" } else { management };
        let kind = if kind == "policy" {
            return if owner == "aws" {
                format!("arn:aws:organizations::aws:policy/service_control_policy/{id}")
            } else {
                let kind = self.policies.get(id).map_or(PolicyKind::ServiceControl, |p| p.kind);
                let kind = kind.name().to_lowercase();
                format!("arn:aws:organizations::{owner}:policy/{organization}/{kind}/{id}")
            };
        } else {
            kind
        };
        format!("arn:aws:organizations::{owner}:{kind}/{organization}/{id}")
    }

    /// The ARN of an id, by its form.
    pub(crate) fn arn_of(&self, id: &str) -> String {
        let kind = match id {
            id if id.starts_with("ou-") => "ou",
            id if id.starts_with("r-") => "root",
            id if id.starts_with("p-") => "policy",
            _ => "account",
        };
        self.arn(kind, id)
    }

    /// The service control policies that decide about an account: for the account and each of
    /// its parents, the policies attached there. None for the management account.
    pub(crate) fn control(&self, account: &str) -> Vec<Vec<(&str, &crate::iam::Document)>> {
        if account == self.management
            || !self.enabled.contains(&PolicyKind::ServiceControl)
            || !self.accounts.contains_key(account)
        {
            return Vec::new();
        }
        self.levels(account, PolicyKind::ServiceControl)
    }

    /// The resource control policies on an account's path that bind its resources; the one of
    /// AWS that allows everything is not among them.
    pub(crate) fn resource_control(&self, account: &str) -> Vec<(&str, &crate::iam::Document)> {
        if account == self.management
            || !self.enabled.contains(&PolicyKind::ResourceControl)
            || !self.accounts.contains_key(account)
        {
            return Vec::new();
        }
        self.levels(account, PolicyKind::ResourceControl).into_iter().flatten().collect()
    }

    fn levels(&self, account: &str, kind: PolicyKind) -> Vec<Vec<(&str, &crate::iam::Document)>> {
        let mut levels = vec![account.to_owned()];
        levels.extend(self.path(account));
        levels
            .iter()
            .map(|target| {
                self.attached(target, kind)
                    .map(|policy| (policy.id.as_str(), policy.document.as_ref()))
                    .collect()
            })
            .collect()
    }

    /// The policies of a kind that are attached to a target.
    pub(super) fn attached(&self, target: &str, kind: PolicyKind) -> impl Iterator<Item = &Policy> {
        self.attachments
            .get(target)
            .into_iter()
            .flatten()
            .filter_map(|(id, ())| self.policies.get(id))
            .filter(move |policy| policy.kind == kind)
    }

    /// Whether the account's services refuse because it is too new.
    pub(crate) fn is_too_new(&self, account: &str, now: Timestamp) -> bool {
        self.accounts.get(account).is_some_and(|account| now < account.services_ready)
    }
}
