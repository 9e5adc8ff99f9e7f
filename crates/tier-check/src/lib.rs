//! What is wrong with a tier in AWS's eyes: by what AWS says of its OUs, stack sets and quotas,
//! before any tenant is admitted that would fail of it.
//!
//! Pure: nothing here talks to AWS. `admit-tenant` asks it of every version of the tiers, and
//! `landlord check` before a deploy, so that both say the same.

use lifecycle::{BaselineStackSet, Fault, Faults, Tier, TierName, WantedQuota};
use serde::{Deserialize, Serialize};

/// What AWS says of a stack set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StackSetSeen {
    /// There is none of this name.
    Missing,
    /// It was deleted.
    Deleted,
    /// Self-managed, with these roles as far as AWS says.
    SelfManaged(Roles),
    /// Service-managed, and deployed automatically or not.
    ServiceManaged {
        /// Whether accounts get and lose an instance by entering and leaving an OU.
        automatic: bool,
    },
    /// A permission model that is not known here.
    Unknown(String),
}

/// The roles of self-managed stack sets: those of a stack set, or those that Landlord may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// The ARN of the administration role.
    pub administration: Option<String>,
    /// The name of the execution role.
    pub execution: Option<String>,
}

/// What AWS says of all that a tier names, in the tier's order.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// For each of its OUs, its id when there is none of it.
    pub missing_units: Vec<Option<String>>,
    /// Its stack sets.
    pub stack_sets: Vec<StackSetSeen>,
    /// Its quotas.
    pub quotas: Vec<QuotaSeen>,
}

/// What AWS says of a quota.
#[derive(Debug, Clone, PartialEq)]
pub enum QuotaSeen {
    /// There is none of this code in this Region.
    Missing,
    /// It is there.
    Known {
        /// Whether it holds in all Regions at once.
        global: bool,
        /// Whether AWS raises it.
        adjustable: bool,
        /// AWS's default; nothing where AWS does not say.
        default: Option<f64>,
    },
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Verdict {
    /// What would fail every tenant of the tier: they wait until it is mended.
    pub faults: Vec<String>,
    /// Wishes that cannot come true, and hold nobody back.
    pub warnings: Vec<String>,
}

impl Verdict {
    /// The faults that the document itself has.
    pub fn of_faults(faults: &Faults) -> Self {
        Self { faults: faults.bounded_reasons(), warnings: Vec::new() }
    }

    /// Whether there is nothing to tell anybody.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty() && self.warnings.is_empty()
    }
}

/// The verdict about a tier, by what AWS says of it and the roles that Landlord may use.
pub fn verdict(name: &TierName, tier: &Tier, seen: &Seen, roles: &Roles) -> Verdict {
    let mut faults = Faults::new();
    let mut warnings = Faults::new();
    for (index, (unit, missing)) in
        tier.organizational_units.iter().zip(&seen.missing_units).enumerate()
    {
        if let Some(id) = missing {
            let at = format!("tiers.{name}.organizationalUnits[{index}].name");
            let rule =
                format!("must be an OU of the organization: AWS knows none with the id {id}");
            faults.push(Fault::new(at, unit.name.as_str(), rule));
        }
    }
    for (index, (wanted, seen)) in tier.baseline.iter().zip(&seen.stack_sets).enumerate() {
        if let Some(rule) = stack_set_fault(wanted, seen, roles) {
            let at = format!("tiers.{name}.baseline[{index}].stackSet");
            faults.push(Fault::new(at, wanted.name.as_str(), rule));
        }
    }
    for (index, (wanted, seen)) in tier.quotas.iter().zip(&seen.quotas).enumerate() {
        if let Some(rule) = quota_fault(wanted, seen) {
            let at = format!("tiers.{name}.quotas[{index}].quotaCode");
            let fault = Fault::new(at, wanted.quota_code.as_str(), rule);
            // Only what is required holds a tenant back.
            match wanted.required {
                Some(_) => faults.push(fault),
                None => warnings.push(fault),
            }
        }
    }
    Verdict { faults: faults.bounded_reasons(), warnings: warnings.bounded_reasons() }
}

/// What is wrong with a stack set for a tier that names it: the rule that it breaks, to be read after
/// its name.
pub fn stack_set_fault(
    wanted: &BaselineStackSet,
    seen: &StackSetSeen,
    may: &Roles,
) -> Option<String> {
    match seen {
        StackSetSeen::SelfManaged(has) => role_fault(wanted, has, may),
        StackSetSeen::ServiceManaged { automatic: false } => None,
        StackSetSeen::Missing => Some(
            "must be a stack set of this account and Region: AWS knows none of this name (one that \
             belongs to a delegated administrator is not seen from here)"
                .into(),
        ),
        StackSetSeen::Deleted => Some("must be a stack set that is not deleted".into()),
        StackSetSeen::ServiceManaged { automatic: true } => Some(
            "must not be deployed automatically (AutoDeployment): AWS would take the account's \
             instance away when it moves from Onboarding to its home"
                .into(),
        ),
        StackSetSeen::Unknown(model) => {
            Some(format!("has the permission model {model}, which is not supported"))
        }
    }
}

/// Landlord may lend one administration role, and a new account has one execution role, which AWS makes;
/// any other has to be made by a stack set that comes before.
fn role_fault(wanted: &BaselineStackSet, has: &Roles, may: &Roles) -> Option<String> {
    if let (Some(has), Some(may)) = (&has.administration, &may.administration)
        && has != may
    {
        return Some(format!(
            "has the administration role {has}, and Landlord may lend {may} only \
             (AdministrationRoleArn)"
        ));
    }
    match (&has.execution, &may.execution) {
        (Some(has), Some(may)) if has != may && wanted.after.is_empty() => Some(format!(
            "has the execution role {has}, which a new account does not have: AWS makes {may} \
             (ExecutionRoleName)"
        )),
        _ => None,
    }
}

/// What is wrong with a quota that a tier wants: the rule that it breaks, to be read after its code.
pub fn quota_fault(wanted: &WantedQuota, seen: &QuotaSeen) -> Option<String> {
    let (service, region) = (&wanted.service_code, &wanted.region);
    match seen {
        QuotaSeen::Missing => {
            Some(format!("must be a quota of {service}: AWS knows none in {region}"))
        }
        QuotaSeen::Known { global: true, .. } if region.as_str() != "us-east-1" => {
            Some(format!("is a global quota, and must have global: true instead of {region}"))
        }
        QuotaSeen::Known { adjustable: false, default: Some(default), .. } => {
            let most = wanted.required.map_or(wanted.desired.get(), |required| required.get());
            (most > *default).then(|| {
                format!(
                    "must not ask for {most}: AWS does not raise it above its default, {default}"
                )
            })
        }
        QuotaSeen::Known { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use lifecycle::{OrganizationalUnits, TiersConfig};
    use serde_json::json;

    use super::*;

    fn tier(required: bool) -> Tier {
        let mut quota = json!({"serviceCode": "lambda", "quotaCode": "L-B99A9384",
                               "region": "eu-central-1", "desired": 2000});
        if required {
            quota["required"] = json!(1500);
        }
        let tiers = json!({"tiers": {"gold": {
            "organizationalUnits": [{"name": "General", "weight": 1}],
            "baseline": [{"stackSet": "base", "regions": ["eu-central-1"]}],
            "quotas": [quota],
        }}});
        let units: OrganizationalUnits = "General=ou-root-33333333".parse().unwrap();
        let tiers = TiersConfig::tolerant(&tiers.to_string(), &units).unwrap();
        tiers.get(&"gold".parse().unwrap()).unwrap().clone()
    }

    fn roles(administration: &str, execution: &str) -> Roles {
        Roles {
            administration: Some(administration.to_owned()),
            execution: Some(execution.to_owned()),
        }
    }

    #[test]
    fn an_ou_that_is_not_there_holds_the_tier_with_its_id() {
        let seen =
            Seen { missing_units: vec![Some("ou-root-33333333".to_owned())], ..Seen::default() };
        let found = verdict(&"gold".parse().unwrap(), &tier(true), &seen, &Roles::default());
        assert_eq!(
            found.faults,
            ["tiers.gold.organizationalUnits[0].name: \"General\" must be an OU of the \
              organization: AWS knows none with the id ou-root-33333333"]
        );
    }

    fn known(global: bool, adjustable: bool, default: f64) -> QuotaSeen {
        QuotaSeen::Known { global, adjustable, default: Some(default) }
    }

    #[test]
    fn a_stack_set_has_to_be_there_and_to_stay_with_the_account() {
        let of = |seen: StackSetSeen| {
            let quotas = vec![known(false, true, 1000.0)];
            let seen = Seen { missing_units: vec![None], stack_sets: vec![seen], quotas };
            verdict(&"gold".parse().unwrap(), &tier(true), &seen, &roles("admin", "exec")).faults
        };
        let self_managed =
            |administration, execution| StackSetSeen::SelfManaged(roles(administration, execution));
        for fine in [
            StackSetSeen::SelfManaged(Roles::default()),
            self_managed("admin", "exec"),
            StackSetSeen::ServiceManaged { automatic: false },
        ] {
            assert_eq!(of(fine), Vec::<String>::new());
        }
        for (wrong, word) in [
            (self_managed("another", "exec"), "may lend admin only"),
            (self_managed("admin", "another"), "AWS makes exec"),
            (StackSetSeen::Missing, "delegated administrator"),
            (StackSetSeen::Missing, "knows none"),
            (StackSetSeen::Deleted, "not deleted"),
            (StackSetSeen::ServiceManaged { automatic: true }, "AutoDeployment"),
            (StackSetSeen::Unknown("NEW".to_owned()), "NEW"),
        ] {
            let faults = of(wrong);
            assert_eq!(faults.len(), 1);
            assert!(
                faults[0].starts_with("tiers.gold.baseline[0].stackSet: \"base\""),
                "{faults:?}"
            );
            assert!(faults[0].contains(word), "{faults:?}");
        }
    }

    #[test]
    fn a_quota_that_cannot_be_holds_a_tier_only_where_it_is_required() {
        for (seen, word) in [
            (QuotaSeen::Missing, Some("knows none in eu-central-1")),
            (known(true, true, 1000.0), Some("global: true")),
            (known(false, false, 1000.0), Some("does not raise it above its default, 1000")),
            (known(false, false, 5000.0), None),
            (known(false, true, 10.0), None),
            (QuotaSeen::Known { global: false, adjustable: false, default: None }, None),
        ] {
            for required in [true, false] {
                let name = "gold".parse().unwrap();
                let stack_sets = vec![StackSetSeen::SelfManaged(Roles::default())];
                let quotas = vec![seen.clone()];
                let all = Seen { missing_units: vec![None], stack_sets, quotas };
                let found = verdict(&name, &tier(required), &all, &Roles::default());
                let (told, other) = match required {
                    true => (found.faults, found.warnings),
                    false => (found.warnings, found.faults),
                };
                assert!(other.is_empty(), "{seen:?}");
                assert_eq!(told.len(), usize::from(word.is_some()), "{seen:?}");
                assert!(told.iter().all(|it| it.contains(word.unwrap_or_default())), "{told:?}");
            }
        }
    }
}
