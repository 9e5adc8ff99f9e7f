//! What is wrong with one account: a pure function of what was seen of it and of all.

use jiff::SignedDuration;
use lifecycle::retirement::{AccountState, Code, Observed, Place, Rules, examine, left_at};
use lifecycle::{AccountId, OuId, ParentId, TenantId, home_unit, tags};

use crate::class::{Class, Finding};
use crate::live::{live, tier_of};
use crate::mend;
use crate::seen::{Account, Ground, Recorded, Standing};

/// A new account stands in the root until it is placed.
const IN_THE_ROOT: SignedDuration = SignedDuration::from_hours(1);

/// The tenant whose mark the account carries, if it is one.
pub fn tenant_of(account: &Account) -> Option<TenantId> {
    account.tag(tags::TENANT)?.parse().ok()
}

/// All that is wrong with the account by itself. Nothing, while somebody works on its tenant; and
/// nothing about what was not read.
pub fn findings(account: &Account, ground: &Ground) -> Vec<Finding> {
    let standing = ground.standing(account);
    let Some(tags) = &account.tags else { return by_state(account, &standing, ground) };
    let is_ours = !matches!(standing, Standing::Elsewhere | Standing::Unread);
    let Some(tenant) = tenant_of(account) else {
        let finding = (is_ours && !account.is_gone()).then(|| lost_tag(account, ground));
        return finding.flatten().into_iter().collect();
    };
    let of_state = by_state(account, &standing, ground);
    if account.is_gone() || !of_state.is_empty() || ground.is_under_way(&tenant) {
        return of_state;
    }
    match &standing {
        Standing::Unread => Vec::new(),
        Standing::Elsewhere => wrong_place(account, &tenant, ground).into_iter().collect(),
        Standing::Onboarding => stopped(account, &tenant, ground).into_iter().collect(),
        Standing::Retiring | Standing::Suspended => retiring(account, &tenant, &standing, ground),
        Standing::Live(name) => {
            let left = left_at(tags);
            let recorded = account.record.as_ref().and_then(Option::as_ref);
            let left = left.or(recorded.and_then(|record| record.left_at));
            match (left, ground.units.id_of(name)) {
                (Some(left), _) => vec![still_here(account, &tenant, left, ground)],
                (None, Some(unit)) => live(account, &tenant, (tags, unit), ground),
                (None, None) => Vec::new(),
            }
        }
    }
}

/// What its state alone says.
fn by_state(account: &Account, standing: &Standing, ground: &Ground) -> Vec<Finding> {
    let tenant = tenant_of(account);
    let is_open = matches!(standing, Standing::Onboarding | Standing::Live(_));
    if account.is_gone() {
        let Some(tenant) = tenant.filter(|_| is_open) else { return Vec::new() };
        let because = format!(
            "it is {} and stands in {}, where no sweep closes accounts: ask AWS Support to reopen \
             it within 90 days; or, if its tenant has left, say so by",
            account.state,
            place(account, ground)
        );
        let mend = vec![ground.events.offboarded(&tenant, ground.now)];
        return vec![finding(Class::ClosedByHand, account, Some(&tenant), None, because, mend)];
    }
    if account.state == AccountState::Active || !(is_open || tenant.is_some()) {
        return Vec::new();
    }
    let because = format!("AWS says that it is {}: ask AWS Support what that means", account.state);
    let id = &account.id;
    let mend = vec![format!("aws organizations describe-account --account-id {id}")];
    vec![finding(Class::NotActive, account, tenant.as_ref(), None, because, mend)]
}

fn lost_tag(account: &Account, ground: &Ground) -> Option<Finding> {
    let parent = account.parent.as_ref()?;
    let stands = format!("it stands in {}", place(account, ground));
    let has = match account.tag(tags::TENANT) {
        Some(other) => format!("its tag {} is {other:?}, which is no tenant's id", tags::TENANT),
        None => format!("has no tag {}", tags::TENANT),
    };
    let named = account.name.as_deref().and_then(|name| ground.naming.tenant_of(name));
    let out = || vec![mend::move_account(&account.id, parent, ground.outside.as_str())];
    let (because, mend) = match &named {
        Some(tenant) if account.is_named_after_another => {
            (format!("{stands} and {has}; another account is {tenant}'s: move it out"), out())
        }
        Some(tenant) => {
            let because = format!("{stands} and {has}; its name says that it is {tenant}'s");
            let tag = mend::tag(&account.id, tags::TENANT, tenant.as_str());
            (because, vec![tag, mend::converge(tenant)])
        }
        None => (format!("{stands} and {has}; its name is no tenant's: move it out"), out()),
    };
    let tenant = named.filter(|_| !account.is_named_after_another);
    Some(finding(Class::LostTag, account, tenant.as_ref(), None, because, mend))
}

fn wrong_place(account: &Account, tenant: &TenantId, ground: &Ground) -> Option<Finding> {
    let parent = account.parent.as_ref()?;
    let age = account.joined.map(|joined| ground.now.duration_since(joined));
    if matches!(parent, ParentId::Root(_)) && age.is_some_and(|age| age < IN_THE_ROOT) {
        return None;
    }
    let tags = account.tags.as_ref()?;
    let recorded = account.record.as_ref().and_then(Option::as_ref);
    let left = left_at(tags).or(recorded.and_then(|record| record.left_at));
    let is_empty = account.instances.as_ref().is_some_and(Vec::is_empty);
    let (word, to) = match (left, is_empty) {
        (Some(_), _) => ("Retiring, for its tenant has left", Some(ground.retiring.as_str())),
        (None, true) => ("Onboarding, for it has no stacks", Some(ground.onboarding.as_str())),
        (None, false) => ("its home unit", home(account, tenant, ground).map(OuId::as_str)),
    };
    let because =
        format!("it is {tenant}'s and stands in {}; it belongs in {word}", place(account, ground));
    let mut mend = match to {
        Some(to) => vec![mend::move_account(&account.id, parent, to)],
        None => vec![mend::look(tenant)],
    };
    if is_empty && left.is_none() {
        mend.push(sign_up(account, tenant, ground));
    }
    Some(finding(Class::WrongPlace, account, Some(tenant), None, because, mend))
}

fn home<'a>(account: &Account, tenant: &TenantId, ground: &'a Ground) -> Option<&'a OuId> {
    let name = tier_of(account, ground)?;
    let tier = ground.tiers.as_ref()?.get(&name)?;
    ground.units.id_of(&home_unit(tenant, &tier.organizational_units)?.name)
}

fn stopped(account: &Account, tenant: &TenantId, ground: &Ground) -> Option<Finding> {
    ground.under_way.as_ref()?;
    let because = "it stands in Onboarding, and no execution of its onboarding runs".to_owned();
    let mend = vec![sign_up(account, tenant, ground)];
    Some(finding(Class::OnboardingStopped, account, Some(tenant), None, because, mend))
}

/// A new signup goes on where the last one ended.
fn sign_up(account: &Account, tenant: &TenantId, ground: &Ground) -> String {
    let id = account.tag(tags::ORIGINAL_ID).unwrap_or(tenant.as_str());
    let name = account.tag(tags::NAME).filter(|name| !name.is_empty()).unwrap_or(id);
    let tier = tier_of(account, ground).map_or("TIER".to_owned(), |tier| tier.to_string());
    ground.events.signed_up(id, name, &tier)
}

fn retiring(
    account: &Account,
    tenant: &TenantId,
    standing: &Standing,
    ground: &Ground,
) -> Vec<Finding> {
    let Some(tags) = &account.tags else { return Vec::new() };
    let recorded = account.record.as_ref().and_then(Option::as_ref);
    if let Some(back) = recorded.and_then(|record| record.back_at) {
        let because =
            format!("its tenant came back at {back}, and it stands in {}", place(account, ground));
        let mend = vec![ground.events.reinstated(tenant, back)];
        let class = Class::RecordContradicts;
        return vec![finding(class, account, Some(tenant), None, because, mend)];
    }
    if !tags.contains_key(tags::LIFECYCLE) {
        return moved_by_hand(account, tenant, ground).into_iter().collect();
    }
    let place = if *standing == Standing::Suspended { Place::Suspended } else { Place::Retiring };
    let seen = Observed {
        account: &account.id,
        place,
        state: account.state,
        tags,
        delegated: false,
        closing_since: None,
    };
    // Who is protected is the sweeps' to say; here it is only asked whether the tags can be read.
    let rules = Rules {
        management: nobody(account),
        protected: Default::default(),
        settle: SignedDuration::ZERO,
    };
    use lifecycle::retirement::Finding as Verdict;
    let Verdict::Refuse(code @ (Code::TagsMissing | Code::TagsMalformed | Code::Reopened), reason) =
        examine(&seen, &rules, ground.now)
    else {
        return Vec::new();
    };
    // An event of the same moment was applied already, and writes nothing: the tenant leaves anew, and
    // its cooling-off begins again.
    let mend = vec![ground.events.offboarded(tenant, ground.now)];
    let because = format!("{code}: {reason}");
    vec![finding(Class::RetirementTags, account, Some(tenant), None, because, mend)]
}

/// No event has moved it where it stands, for each leaves its mark first; and none that comes now
/// is applied to an account that stands there without one.
fn moved_by_hand(account: &Account, tenant: &TenantId, ground: &Ground) -> Option<Finding> {
    let parent = account.parent.as_ref()?;
    let recorded = account.record.as_ref().and_then(Option::as_ref);
    let stands = place(account, ground);
    let because = format!("it stands in {stands}, and no event has moved it there");
    let mut mend = match home(account, tenant, ground) {
        Some(to) => vec![mend::move_account(&account.id, parent, to.as_str())],
        None => vec![mend::look(tenant)],
    };
    let left = recorded.and_then(|record| record.left_at);
    mend.extend(left.map(|left| ground.events.offboarded(tenant, left)));
    Some(finding(Class::WrongPlace, account, Some(tenant), None, because, mend))
}

/// An id that is not the account's own.
fn nobody(account: &Account) -> AccountId {
    let other = if account.id.as_str() == "000000000000" { "000000000001" } else { "000000000000" };
    other.parse().unwrap_or_else(|_| account.id.clone())
}

/// Its tenant has left, and it is live.
fn still_here(
    account: &Account,
    tenant: &TenantId,
    left: jiff::Timestamp,
    ground: &Ground,
) -> Finding {
    let because = format!("its tenant left at {left}, and it stands in {}", place(account, ground));
    let mend = vec![ground.events.offboarded(tenant, left)];
    finding(Class::RecordContradicts, account, Some(tenant), None, because, mend)
}

/// What is wrong when these accounts carry the mark of the tenant, and none is closed: each but the
/// one that its record names, or all when it names none of them.
pub fn two_accounts(
    tenant: &TenantId,
    accounts: &[(AccountId, Option<ParentId>)],
    recorded: Option<&Recorded>,
    ground: &Ground,
) -> Vec<Finding> {
    if accounts.len() < 2 {
        return Vec::new();
    }
    let own = recorded.and_then(|record| record.account.as_ref());
    let own = own.filter(|own| accounts.iter().any(|(id, _)| id == *own));
    let others = accounts.iter().filter(|(id, _)| Some(id) != own);
    let found = others.map(|(id, parent)| {
        let (because, mend) = match own {
            Some(own) => {
                let mut mend = vec![mend::untag(id, tags::TENANT)];
                if let Some(parent) = parent.as_ref().filter(|parent| **parent != ground.outside) {
                    mend.push(mend::move_account(id, parent, ground.outside.as_str()));
                }
                (format!("{tenant}'s account is {own}, and this one carries its mark"), mend)
            }
            None => {
                let all: Vec<&str> = accounts.iter().map(|(id, _)| id.as_str()).collect();
                let because = format!(
                    "{} carry the mark of {tenant}, and its record names none of them: look which \
                     is its own, and take the tag from the others",
                    all.join(" and ")
                );
                (because, vec![mend::look(tenant)])
            }
        };
        Finding {
            class: Class::TwoAccounts,
            account_id: id.clone(),
            tenant_id: Some(tenant.to_string()),
            subject: None,
            because,
            mend,
        }
    });
    found.collect()
}

/// Where it stands, in a person's words.
pub(crate) fn place(account: &Account, ground: &Ground) -> String {
    match (ground.standing(account), &account.parent) {
        (Standing::Live(name), _) => name.to_string(),
        (Standing::Onboarding, _) => "Onboarding".to_owned(),
        (Standing::Retiring, _) => "Retiring".to_owned(),
        (Standing::Suspended, _) => "Suspended".to_owned(),
        (Standing::Elsewhere | Standing::Unread, Some(ParentId::Root(_))) => "the root".to_owned(),
        (Standing::Elsewhere | Standing::Unread, Some(ParentId::Ou(unit))) => {
            format!("{unit}, which is none of Landlord's units")
        }
        (Standing::Elsewhere | Standing::Unread, None) => "a place that was not read".to_owned(),
    }
}

pub(crate) fn finding(
    class: Class,
    account: &Account,
    tenant: Option<&TenantId>,
    subject: Option<String>,
    because: impl Into<String>,
    mend: Vec<String>,
) -> Finding {
    Finding {
        class,
        account_id: account.id.clone(),
        tenant_id: tenant.map(TenantId::to_string),
        subject,
        because: because.into(),
        mend,
    }
}
