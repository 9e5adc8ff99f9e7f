//! What a rollout may touch, by the owner's marks and never by its input: the stack sets that the
//! configuration names, and in them accounts of tenants that stand in Landlord's units. A stack set
//! may have instances in accounts of others, and the role by which StackSets works may do anything
//! there.

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_organizations::Client;
use lambda_kit::sdk::code;
use lifecycle::{AccountId, OuId, StackSetName, tags};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Stop;

/// Whose accounts a rollout may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct House {
    /// Landlord's units: where tenants' accounts stand, whatever their state.
    pub units: BTreeSet<OuId>,
    /// The management account.
    pub management: AccountId,
    /// Accounts that the operator protects by their ids.
    pub protected: BTreeSet<AccountId>,
}

/// What is seen of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Whether it carries the mark of a tenant.
    pub tenant: bool,
    /// Whether somebody protects it.
    pub protected: bool,
    /// The unit in which it stands; nothing for the root, and for one that is not in the
    /// organization.
    pub unit: Option<OuId>,
}

/// Why a rollout does not touch an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Objection {
    /// It is the organization's management account.
    Management,
    /// It administers a service for the organization.
    DelegatedAdministrator,
    /// It is protected, by a tag or by a parameter.
    Protected,
    /// It carries no mark of a tenant.
    NoTenant,
    /// It stands in none of Landlord's units.
    Elsewhere,
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Management => "it is the management account",
            Self::DelegatedAdministrator => "it is a delegated administrator of the organization",
            Self::Protected => "it is protected",
            Self::NoTenant => "it carries no tag landlord:tenant",
            Self::Elsewhere => "it stands in none of Landlord's organizational units",
        })
    }
}

impl House {
    /// Why a rollout does not touch this account; nothing for a tenant's own.
    pub fn objection(
        &self,
        account: &AccountId,
        seen: &Seen,
        delegates: &BTreeSet<AccountId>,
    ) -> Option<Objection> {
        if *account == self.management {
            Some(Objection::Management)
        } else if delegates.contains(account) {
            Some(Objection::DelegatedAdministrator)
        } else if seen.protected || self.protected.contains(account) {
            Some(Objection::Protected)
        } else if !seen.tenant {
            Some(Objection::NoTenant)
        } else if !seen.unit.as_ref().is_some_and(|unit| self.units.contains(unit)) {
            Some(Objection::Elsewhere)
        } else {
            None
        }
    }
}

/// Looks at an account now.
///
/// # Errors
/// Whatever Organizations answers but that there is no such account.
pub async fn see(client: &Client, account: &AccountId) -> Result<Seen, Stop> {
    const SERVICE: &str = "organizations";
    let about = || format!("account {account}");
    let described = client.describe_account().account_id(account.as_str()).send().await;
    let described = match described {
        Ok(described) => described,
        Err(error) if code(&error) == Some("AccountNotFoundException") => {
            return Ok(Seen { tenant: false, protected: false, unit: None });
        }
        Err(error) => return Err(Stop::of(SERVICE, "DescribeAccount", about(), &error)),
    };
    let paths = described.account.and_then(|it| it.paths).unwrap_or_default();
    let mut seen = Seen { tenant: false, protected: false, unit: unit_of(&paths) };
    let mut token: Option<String> = None;
    loop {
        let page = client
            .list_tags_for_resource()
            .resource_id(account.as_str())
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| Stop::of(SERVICE, "ListTagsForResource", about(), &error))?;
        seen.tenant |= page.tags().iter().any(|tag| tag.key() == tags::TENANT);
        seen.protected |= page.tags().iter().any(|tag| tag.key() == tags::PROTECTED);
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(seen);
        }
    }
}

/// The unit at the end of an account's path, `o-…/r-…/ou-…/ou-…/`.
#[must_use]
pub fn unit_of(paths: &[String]) -> Option<OuId> {
    let [path] = paths else { return None };
    path.split('/').rev().find(|part| part.starts_with("ou-"))?.parse().ok()
}

/// The organization's delegated administrators.
///
/// # Errors
/// Whatever Organizations answers.
pub async fn delegates(client: &Client) -> Result<BTreeSet<AccountId>, Stop> {
    let mut found = BTreeSet::new();
    let mut token: Option<String> = None;
    loop {
        let page =
            client.list_delegated_administrators().set_next_token(token).send().await.map_err(
                |error| {
                    let about = "the delegated administrators";
                    Stop::of("organizations", "ListDelegatedAdministrators", about, &error)
                },
            )?;
        let ids = page.delegated_administrators().iter().filter_map(|it| it.id());
        found.extend(ids.filter_map(|id| id.parse::<AccountId>().ok()));
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// The stack sets that may be rolled out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSets {
    /// Those that the operator names.
    pub named: BTreeSet<String>,
    /// The SSM parameter with the tiers, whose baselines name the others.
    pub tiers_parameter: String,
}

impl StackSets {
    /// Whether the operator or a tier names this one.
    ///
    /// # Errors
    /// Whatever SSM answers.
    pub async fn name(
        &self,
        client: &aws_sdk_ssm::Client,
        set: &StackSetName,
    ) -> Result<bool, Stop> {
        if self.named.contains(set.as_str()) {
            return Ok(true);
        }
        let name = &self.tiers_parameter;
        let read = client.get_parameter().name(name).send().await;
        let read = read.map_err(|error| Stop::of("ssm", "GetParameter", "the tiers", &error))?;
        let text = read.parameter.and_then(|it| it.value).unwrap_or_default();
        Ok(of_tiers(&text).contains(set.as_str()))
    }

    /// The rule that any other stack set breaks.
    pub const RULE: &'static str =
        "must be named by the baseline of a tier or by the parameter RolloutStackSets";
}

/// The stack sets in the baselines of all tiers, one with faults as well.
fn of_tiers(text: &str) -> BTreeSet<String> {
    let tiers: Value = serde_json::from_str(text).unwrap_or_default();
    let tiers = tiers.get("tiers").and_then(Value::as_object).into_iter().flatten();
    let baselines = tiers.filter_map(|(_, tier)| tier.get("baseline")?.as_array());
    let names = baselines.flatten().filter_map(|it| it.get("stackSet")?.as_str());
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_tenants_own_account_in_landlords_units_is_touched() {
        let id = |digit: char| -> AccountId { digit.to_string().repeat(12).parse().unwrap() };
        let unit: OuId = "ou-root-general0".parse().unwrap();
        let house = House {
            units: BTreeSet::from([unit.clone()]),
            management: id('9'),
            protected: BTreeSet::from([id('8')]),
        };
        let delegates = BTreeSet::from([id('7')]);
        let tenant = Seen { tenant: true, protected: false, unit: Some(unit) };
        let objection = |digit, seen: &Seen| house.objection(&id(digit), seen, &delegates);
        assert_eq!(objection('1', &tenant), None);
        // The marks of a tenant help none of these.
        assert_eq!(objection('9', &tenant), Some(Objection::Management));
        assert_eq!(objection('8', &tenant), Some(Objection::Protected));
        assert_eq!(objection('7', &tenant), Some(Objection::DelegatedAdministrator));
        let protected = Seen { protected: true, ..tenant.clone() };
        assert_eq!(objection('1', &protected), Some(Objection::Protected));
        let internal = Seen { tenant: false, ..tenant.clone() };
        assert_eq!(objection('1', &internal), Some(Objection::NoTenant));
        let moved = Seen { unit: Some("ou-root-internal".parse().unwrap()), ..tenant.clone() };
        assert_eq!(objection('1', &moved), Some(Objection::Elsewhere));
        assert_eq!(objection('1', &Seen { unit: None, ..tenant }), Some(Objection::Elsewhere));
    }

    #[test]
    fn the_unit_is_the_last_of_the_path() {
        let of = |path: &str| unit_of(&[path.to_owned()]).map(|it| it.to_string());
        let (outer, inner) = ("ou-root-11111111", "ou-root-22222222");
        assert_eq!(of(&format!("o-1/r-root/{outer}/{inner}/")).as_deref(), Some(inner));
        assert_eq!(of(&format!("o-1/r-root/{outer}/111122223333/")).as_deref(), Some(outer));
        assert_eq!(of("o-1/r-root/"), None);
        assert_eq!(unit_of(&[]), None);
    }

    #[test]
    fn tiers_name_stack_sets_and_what_is_no_tier_names_none() {
        let text = r#"{"tiers": {"a": {"baseline": [{"stackSet": "x"}, {"stackSet": "y"}]},
            "b": {"baseline": [{"stackSet": "z"}, 7]}, "c": 1}}"#;
        assert_eq!(of_tiers(text).into_iter().collect::<Vec<_>>(), ["x", "y", "z"]);
        assert!(of_tiers("no tiers").is_empty());
    }
}
