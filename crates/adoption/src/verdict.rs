//! Whether an account may become a tenant's: one verdict with its reason, from what was seen.

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::retirement::{AccountState, left_at};
use lifecycle::{
    AccountId, Fault, OrganizationalUnits, OuId, ParentId, RegionName, StackSetName, TagKey,
    TagValue, Tags, TenantId, TierName, TiersConfig, home_unit, tags,
};
use serde::{Deserialize, Serialize};

use crate::list::Entry;

/// What an account is for the one that adopts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// It is marked, moved, and converges.
    Adopt,
    /// It is this tenant's already.
    Adopted,
    /// It lacks the role by which StackSets enters.
    NeedsRole,
    /// It has a stack by hand that belongs into a stack set.
    Import,
    /// Something or somebody else stands in the way.
    Conflict,
    /// It is not to be touched.
    Refuse,
}

impl Verdict {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Adopt => "ADOPT",
            Self::Adopted => "ADOPTED",
            Self::NeedsRole => "NEEDS_ROLE",
            Self::Import => "IMPORT",
            Self::Conflict => "CONFLICT",
            Self::Refuse => "REFUSE",
        }
    }
}

/// Whether StackSets and Landlord get into an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "by", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// The execution role is there and can be assumed.
    Present,
    /// It is not, and this role of the organization's gets in, to make it.
    CanBeMade(String),
    /// Nobody gets in, for this reason.
    Missing(String),
    /// It was not looked at: where the account stands, nobody but Landlord enters.
    Unseen,
}

/// A stack that somebody made, beside the stack sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandMade {
    /// The stack set whose place it takes.
    pub stack_set: StackSetName,
    /// Where.
    pub region: RegionName,
    /// The stack.
    pub stack_id: String,
    /// Whether its template is the stack set's own.
    pub same_template: bool,
}

/// What was seen of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its state.
    pub state: AccountState,
    /// Where it stands.
    pub parent: ParentId,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether StackSets gets in. Only looked at where the rest allows.
    pub role: Role,
    /// Stacks by hand that stand in the way of the tier's stack sets.
    pub stacks: Vec<HandMade>,
}

/// What all accounts are judged against.
#[derive(Debug, Clone)]
pub struct Ground {
    /// What tenants get.
    pub tiers: TiersConfig,
    /// Where live tenants stand.
    pub units: OrganizationalUnits,
    /// Landlord's other units: nothing in them is adopted.
    pub closed_units: BTreeSet<OuId>,
    /// From where accounts may be taken: roots and units whose owners have consented.
    pub from: BTreeSet<ParentId>,
    /// The organization's management account.
    pub management: AccountId,
    /// Accounts that administer a service for the organization.
    pub administrators: BTreeSet<AccountId>,
    /// Accounts that are never touched.
    pub protected: BTreeSet<AccountId>,
    /// The accounts that carry a tenant's mark already.
    pub marked: BTreeMap<TenantId, BTreeSet<AccountId>>,
}

/// One line of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The account.
    pub account_id: AccountId,
    /// Whose it is to be.
    pub tenant_id: TenantId,
    /// Under which tier.
    pub tier: TierName,
    /// What it is.
    pub verdict: Verdict,
    /// Why, in words, and what helps.
    pub reason: String,
    /// Where it stands; nothing when it is not in the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ParentId>,
    /// Where it is to stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<OuId>,
    /// Its marks, if it is adopted.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub marks: Tags,
    /// The role by which the execution role is made, if it has to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub make_role_by: Option<String>,
    /// Stacks by hand that stand in the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<HandMade>,
}

impl Row {
    /// Whether applying the plan adopts it.
    pub fn is_applied(&self) -> bool {
        match self.verdict {
            Verdict::Adopt => true,
            Verdict::NeedsRole => self.make_role_by.is_some(),
            Verdict::Adopted | Verdict::Import | Verdict::Conflict | Verdict::Refuse => false,
        }
    }
}

/// The tags that make an account a tenant's: whose it is, under which tier, and whence it came.
///
/// # Errors
/// A value that no tag may have.
pub fn marks(entry: &Entry, from: &ParentId) -> Result<Tags, Fault> {
    let mut marks = Tags::new();
    let mut put = |key: &str, value: TagValue| marks.insert(key.parse::<TagKey>()?, value);
    put(tags::TENANT, entry.tenant_id.as_str().parse()?)?;
    put(tags::TIER, entry.tier.as_str().parse()?)?;
    put(tags::ADOPTED_FROM, from.as_str().parse()?)?;
    if let Some(name) = &entry.tenant_name {
        put(tags::NAME, TagValue::reduced(name))?;
    }
    if let Some(original) = &entry.original_tenant_id {
        put(tags::ORIGINAL_ID, original.parse()?)?;
    }
    Ok(marks)
}

/// One verdict for each entry, in their order. An account that is not in the organization was not
/// seen.
pub fn judge(entries: &[Entry], seen: &BTreeMap<AccountId, Seen>, ground: &Ground) -> Vec<Row> {
    let mut accounts: BTreeMap<&AccountId, usize> = BTreeMap::new();
    let mut tenants: BTreeMap<&TenantId, usize> = BTreeMap::new();
    for entry in entries {
        *accounts.entry(&entry.account_id).or_default() += 1;
        *tenants.entry(&entry.tenant_id).or_default() += 1;
    }
    let twice = |entry: &Entry| {
        if accounts.get(&entry.account_id).is_some_and(|times| *times > 1) {
            return Some(format!("account {} is in the list twice", entry.account_id));
        }
        let times = tenants.get(&entry.tenant_id).filter(|times| **times > 1)?;
        Some(format!("tenant {} has {times} accounts in the list: one is its own", entry.tenant_id))
    };
    let row = |entry: &Entry| one(entry, seen.get(&entry.account_id), twice(entry), ground);
    entries.iter().map(row).collect()
}

fn one(entry: &Entry, seen: Option<&Seen>, twice: Option<String>, ground: &Ground) -> Row {
    let mut row = Row {
        account_id: entry.account_id.clone(),
        tenant_id: entry.tenant_id.clone(),
        tier: entry.tier.clone(),
        verdict: Verdict::Refuse,
        reason: String::new(),
        from: seen.map(|seen| seen.parent.clone()),
        to: None,
        marks: Tags::new(),
        make_role_by: None,
        stacks: seen.map(|seen| seen.stacks.clone()).unwrap_or_default(),
    };
    let (verdict, reason) = match (refused(entry, seen, ground), seen) {
        (Some(reason), _) => (Verdict::Refuse, reason),
        (None, None) => (Verdict::Refuse, "it is not in the organization".to_owned()),
        (None, Some(seen)) => weigh(entry, seen, twice, ground, &mut row),
    };
    Row { verdict, reason, ..row }
}

/// Why an account is not to be touched.
fn refused(entry: &Entry, seen: Option<&Seen>, ground: &Ground) -> Option<String> {
    if entry.account_id == ground.management {
        return Some("it is the management account".to_owned());
    }
    if ground.administrators.contains(&entry.account_id) {
        return Some("it administers a service for the organization".to_owned());
    }
    if ground.protected.contains(&entry.account_id) {
        return Some("ProtectedAccountIds names it".to_owned());
    }
    if let Some(faults) = ground.tiers.faults_of(&entry.tier) {
        return Some(format!("tier {} has faults: {faults}", entry.tier));
    }
    if ground.tiers.get(&entry.tier).is_none() {
        return Some(format!("there is no tier {}", entry.tier));
    }
    let seen = seen?;
    if seen.state != AccountState::Active {
        return Some(format!("its state is {}, not ACTIVE", seen.state));
    }
    for tag in [tags::PROTECTED, tags::HOLD] {
        if seen.tags.contains_key(tag) {
            return Some(format!("it has the tag {tag}"));
        }
    }
    if let Some(left_at) = left_at(&seen.tags) {
        return Some(format!("its tenant left at {left_at}"));
    }
    match &seen.parent {
        ParentId::Ou(unit) if ground.closed_units.contains(unit) => {
            return Some(format!("it stands in {unit}, where Landlord onboards or retires"));
        }
        ParentId::Ou(unit) if ground.units.name_of(unit).is_some() => {}
        place if ground.from.contains(place) => {}
        place => {
            return Some(format!(
                "it stands in {place}, and nobody consented to take accounts from there: --from {place}"
            ));
        }
    }
    let own = seen.tags.keys().filter(|key| !key.starts_with(tags::RESERVED_PREFIX)).count();
    // One for the unit that it came from, besides those of every tenant.
    let room = tags::MOST_TAGS - tags::OWN_TAGS - tags::RETIREMENT_TAGS - 2;
    (own > room).then(|| {
        format!("it has {own} tags; {room} leave room for Landlord's until the end of its life")
    })
}

fn weigh(
    entry: &Entry,
    seen: &Seen,
    twice: Option<String>,
    ground: &Ground,
    row: &mut Row,
) -> (Verdict, String) {
    if let Some(reason) = twice {
        return (Verdict::Conflict, reason);
    }
    let mark = seen.tags.get(tags::TENANT).map(String::as_str);
    if let Some(other) = mark.filter(|mark| *mark != entry.tenant_id.as_str()) {
        return (Verdict::Conflict, format!("it is the account of tenant {other}"));
    }
    let others = ground.marked.get(&entry.tenant_id).into_iter().flatten();
    if let Some(other) = others.filter(|other| **other != entry.account_id).min() {
        let reason = format!("tenant {} has the account {other} already", entry.tenant_id);
        return (Verdict::Conflict, reason);
    }
    let stands_in = match &seen.parent {
        ParentId::Ou(unit) => ground.units.name_of(unit).map(|_| unit),
        ParentId::Root(_) => None,
    };
    if mark.is_some() {
        let tier = seen.tags.get(tags::TIER).map_or("none", String::as_str);
        if tier != entry.tier.as_str() && stands_in.is_some() {
            let reason = format!("its tier is {tier} already: TenantChanged changes it");
            return (Verdict::Conflict, reason);
        }
        if stands_in.is_some() {
            return (Verdict::Adopted, "it is this tenant's already".to_owned());
        }
    }
    if let Some(stack) = seen.stacks.iter().find(|stack| !stack.same_template) {
        let HandMade { stack_set, region, stack_id, .. } = stack;
        let reason = format!(
            "a stack by hand is in the way of {stack_set} in {region}, with another template: \
             {stack_id}"
        );
        return (Verdict::Conflict, reason);
    }
    if let Some(HandMade { stack_set, region, stack_id, .. }) = seen.stacks.first() {
        let reason = format!(
            "it has {stack_set} in {region} by hand: aws cloudformation import-stacks-to-stack-set \
             --stack-set-name {stack_set} --stack-ids {stack_id}, then plan again"
        );
        return (Verdict::Import, reason);
    }
    let Some(home) = home(entry, ground) else {
        return (Verdict::Refuse, format!("tier {} has no unit that there is", entry.tier));
    };
    row.to = Some(stands_in.unwrap_or(home).clone());
    match marks(entry, &seen.parent) {
        Ok(marks) => row.marks = marks,
        Err(fault) => return (Verdict::Refuse, fault.to_string()),
    }
    match &seen.role {
        Role::Present => (Verdict::Adopt, "nothing is in the way".to_owned()),
        Role::CanBeMade(by) => {
            row.make_role_by = Some(by.clone());
            (Verdict::NeedsRole, format!("its execution role is made by way of {by}"))
        }
        Role::Unseen => {
            let reason = "it stands among the tenants already, where only Landlord enters: whether \
                          its role is there shows as it converges";
            (Verdict::Adopt, reason.to_owned())
        }
        Role::Missing(why) => {
            let reason = format!("somebody in the account has to make its execution role: {why}");
            (Verdict::NeedsRole, reason)
        }
    }
}

fn home<'a>(entry: &Entry, ground: &'a Ground) -> Option<&'a OuId> {
    let tier = ground.tiers.get(&entry.tier)?;
    let home = home_unit(&entry.tenant_id, &tier.organizational_units)?;
    ground.units.id_of(&home.name)
}

#[cfg(test)]
mod tests;
