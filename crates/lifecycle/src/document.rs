//! The execution document: everything that onboarding needs to know, settled at admission. A
//! pure function of the event, the tiers, the naming and the units, so that admitting an event
//! twice gives the same document, and Step Functions recognises it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::names::{DisplayName, StackSetName, TierName};
use crate::quota::WantedQuota;
use crate::signup::Draft;
use crate::tags::{self, TagKey, TagValue};
use crate::units::home_unit;
use crate::{
    AccountName, Difference, Email, Fault, Faults, Naming, OrganizationalUnits, OuId, OuName,
    RegionName, Tags, TenantId, TenantSignedUp, Tier, TiersConfig,
};

/// The input of `onboard-tenant`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantDocument {
    version: Version,
    /// The id of the signup event.
    pub event_id: String,
    /// When the event was sent.
    pub signed_up_at: Timestamp,
    /// The tenant.
    pub tenant_id: TenantId,
    /// What people call it.
    pub tenant_name: DisplayName,
    /// The tier that it bought.
    pub tier: TierName,
    /// The email of its account.
    pub email: Email,
    /// Whether the signup gave the email; else it follows from the tenant's id, and the signup
    /// says nothing of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub email_is_given: bool,
    /// The name of its account.
    pub account_name: AccountName,
    /// All tags with which its account is created.
    pub tags: Tags,
    /// Where its account stands once it is ready.
    pub home_organizational_unit: HomeUnit,
    /// All Regions of its baseline, each once.
    pub regions: Vec<RegionName>,
    /// Its baseline.
    pub baseline: Baseline,
    /// The quotas to ask for.
    pub quotas: Vec<WantedQuota>,
    /// How long onboarding may take, from the execution's start, before it is given up.
    pub deadline_seconds: u32,
    /// What the signup wants to be told again, in every answer.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// The tenant's id as the signup system writes it, when that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_tenant_id: Option<String>,
}

/// The organizational unit of a ready tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeUnit {
    /// Its id.
    pub id: OuId,
    /// Its name.
    pub name: OuName,
}

/// The stack sets that an account gets, and the hash by which accounts that get the same are
/// known (the tag `landlord:baseline`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Baseline {
    /// The hash of all the rest.
    pub hash: String,
    /// In the order in which they are enrolled.
    pub stack_sets: Vec<BaselineStackSet>,
}

/// One stack set of a baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BaselineStackSet {
    /// Its name.
    pub name: StackSetName,
    /// The Regions in which it gets an instance.
    pub regions: Vec<RegionName>,
    /// Parameters that differ from those of the stack set.
    pub parameter_overrides: BTreeMap<String, String>,
    /// The stack sets of the baseline that have to be current before it is enrolled. Not a part of
    /// the hash: what is deployed is the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<StackSetName>,
}

impl Baseline {
    /// A baseline and its hash: the first 32 hexadecimal digits of the SHA-256 over the stack
    /// sets in their order, each with its Regions and overrides. The order of the Regions does
    /// not count.
    pub fn new(stack_sets: Vec<BaselineStackSet>) -> Self {
        let mut digest = Sha256::new();
        let mut part = |text: &str| {
            // The length before each part: no two lists of parts are the same bytes.
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        };
        for stack_set in &stack_sets {
            part("stackSet");
            part(stack_set.name.as_str());
            let mut regions: Vec<_> = stack_set.regions.iter().map(RegionName::as_str).collect();
            regions.sort_unstable();
            regions.into_iter().for_each(&mut part);
            part("parameterOverrides");
            for (key, value) in &stack_set.parameter_overrides {
                part(key);
                part(value);
            }
        }
        let hash = digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { hash, stack_sets }
    }
}

/// The signup event of EventBridge, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub struct SignupEvent<'a> {
    /// The event's id.
    pub id: &'a str,
    /// The event's time.
    pub time: Timestamp,
    /// The event's detail, unread.
    pub detail: &'a Value,
}

/// What a signup is resolved against.
#[derive(Debug, Clone, Copy)]
pub struct Admission<'a> {
    /// What tenants get.
    pub tiers: &'a TiersConfig,
    /// How accounts are named.
    pub naming: &'a Naming,
    /// Where live tenants stand.
    pub units: &'a OrganizationalUnits,
    /// How long onboarding may take, in seconds.
    pub deadline_seconds: u32,
}

impl TenantDocument {
    /// Resolves a signup.
    ///
    /// # Errors
    /// All faults of the event, and all that only show when it is resolved: an unknown tier, an
    /// account name or email that became too long, a tier with a unit that does not exist.
    pub fn resolve(event: SignupEvent<'_>, admission: Admission<'_>) -> Result<Self, Faults> {
        let mut draft = Draft::read(event.detail);
        let mut faults = std::mem::take(&mut draft.faults);
        let tier = draft.tier.as_ref().and_then(|name| {
            let tier = admission.tiers.get(name);
            if tier.is_none() {
                let rule = match admission.tiers.faults_of(name) {
                    None => format!("must be one of the tiers: {}", admission.tiers.names()),
                    Some(_) => "is held until its own faults are mended".to_owned(),
                };
                faults.push(Fault::new(TierName::FIELD, name.as_str(), rule));
            }
            tier
        });
        if let (Some(tier), Some(name)) = (tier, &draft.tier) {
            tier.check_units(name, admission.units, &mut faults);
        }
        let tenant = draft.tenant_id.as_ref().map(|(tenant, _)| tenant);
        if let Some(Err(fault)) =
            draft.root_email.as_ref().map(|it| admission.naming.check_given(tenant, it))
        {
            faults.push(fault);
        }
        let names = draft.tenant_id.as_ref().map(|(tenant, _)| {
            let name = faults.keep(AccountName::FIELD, admission.naming.account_name(tenant));
            let email = match (draft.root_email_is_given, draft.root_email.clone()) {
                (true, given) => given,
                (false, _) => faults.keep(TenantId::FIELD, admission.naming.email(tenant)),
            };
            (name, email)
        });
        if event.id.is_empty() {
            faults.push(Fault::missing("id"));
        }
        let whole = (|| {
            let (tier, (account_name, email)) = (tier?, names?);
            let ((tenant_id, original_tenant_id), tenant_name) =
                (draft.tenant_id?, draft.tenant_name?);
            let home = &home_unit(&tenant_id, &tier.organizational_units)?.name;
            let mut regions: Vec<RegionName> = Vec::new();
            for region in tier.baseline.iter().flat_map(|stack_set| &stack_set.regions) {
                if !regions.contains(region) {
                    regions.push(region.clone());
                }
            }
            let baseline = Baseline::new(tier.baseline.clone());
            let tier_name = draft.tier?;
            let original = original_tenant_id.as_deref();
            let tags = draft.tags?.beside(original).and_then(|own| {
                all_tags((&tenant_id, original), &tier_name, &tenant_name, &baseline, own)
            });
            Some(Self {
                version: Version,
                event_id: event.id.to_owned(),
                signed_up_at: event.time,
                home_organizational_unit: HomeUnit {
                    id: admission.units.id_of(home)?.clone(),
                    name: home.clone(),
                },
                account_name: account_name?,
                email: email?,
                email_is_given: draft.root_email_is_given,
                metadata: draft.metadata?,
                original_tenant_id,
                tags: tags.map_err(|fault| faults.push(fault)).ok()?,
                tenant_id,
                tenant_name,
                tier: tier_name,
                regions,
                baseline,
                quotas: tier.quotas.clone(),
                deadline_seconds: tier.deadline_seconds.unwrap_or(admission.deadline_seconds),
            })
        })();
        faults.none_or(whole)
    }
}

impl TenantDocument {
    /// The same, with the parameters that the tenant has set for itself, as far as its tier lets
    /// tenants set them.
    #[must_use]
    pub fn with_parameters(mut self, tier: &Tier, own: &BTreeMap<String, String>) -> Self {
        self.baseline = Baseline::new(tier.baseline_with(own));
        let hash = self.baseline.hash.parse::<TagValue>();
        // The hash is one tag in place of another: there is room for it, and it is a value.
        if let (Ok(key), Ok(hash)) = (tags::BASELINE.parse::<TagKey>(), hash) {
            let _ = self.tags.insert(key, hash);
        }
        self
    }

    /// In what another signup for the tenant says otherwise than this document. An address that it
    /// does not give, and a tag that only one of them has, contradict nothing.
    pub fn differences(&self, signup: &TenantSignedUp) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut compare = |field: String, signup: &str, tenant: &str, same: bool| {
            if !same {
                let (signup, tenant) = (signup.to_owned(), tenant.to_owned());
                differences.push(Difference { field, signup, tenant });
            }
        };
        let same = signup.tier == self.tier;
        compare("tier".to_owned(), signup.tier.as_str(), self.tier.as_str(), same);
        let (said, has) = (signup.tenant_name.as_str(), self.tenant_name.as_str());
        compare("tenantName".to_owned(), said, has, said == has);
        if let Some(email) = &signup.root_email {
            let (said, has) = (email.as_str(), self.email.as_str());
            compare("rootEmail".to_owned(), said, has, self.email.is_same_as(said));
        }
        for (key, said) in signup.tags.iter() {
            if let Some(has) = self.tags.get(key) {
                compare(format!("tags.{key}"), said, has, said == has);
            }
        }
        differences
    }
}

fn all_tags(
    (tenant, original): (&TenantId, Option<&str>),
    tier: &TierName,
    name: &DisplayName,
    baseline: &Baseline,
    mut tags: Tags,
) -> Result<Tags, Fault> {
    for (key, value) in [
        (tags::TENANT, tenant.as_str().parse()?),
        (tags::TIER, tier.as_str().parse()?),
        (tags::NAME, TagValue::reduced(name)),
        (tags::BASELINE, baseline.hash.parse()?),
    ] {
        tags.insert(key.parse::<TagKey>()?, value)?;
    }
    if let Some(original) = original {
        tags.insert(tags::ORIGINAL_ID.parse::<TagKey>()?, original.parse()?)?;
    }
    Ok(tags)
}

/// The document's version, always 1: a machine never starts on a document that it can not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
struct Version;

impl TryFrom<u32> for Version {
    type Error = Fault;
    fn try_from(version: u32) -> Result<Self, Fault> {
        if version == 1 {
            Ok(Self)
        } else {
            Err(Fault::of("version", version, "must be 1, the only version of the document"))
        }
    }
}

impl From<Version> for u32 {
    fn from(_: Version) -> Self {
        1
    }
}
