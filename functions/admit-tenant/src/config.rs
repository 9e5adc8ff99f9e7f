//! The function's environment.

use lambda_kit::Lookup;
use lambda_kit::config::{Error, optional, parsed, parsed_or, required};
use lifecycle::{Naming, OrganizationalUnits, RoleName};

use crate::decide::checks::Roles;

const STATE_MACHINE_ARN: &str = "STATE_MACHINE_ARN";

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How accounts are named: `ACCOUNT_NAME_PREFIX` (`tenant-` unless given),
    /// `EMAIL_LOCAL_PART`, `EMAIL_DOMAIN`; and the domains of which signups may give addresses:
    /// `ROOT_EMAIL_DOMAINS`, separated by commas, none unless given.
    pub naming: Naming,
    /// The SSM parameter that holds the tiers: `TIERS_PARAMETER`.
    pub tiers_parameter: String,
    /// Where live tenants stand: `TENANT_OUS`, as `Name=ou-…,Name=ou-…`.
    pub units: OrganizationalUnits,
    /// The roles that stack sets of a baseline may have: `ADMINISTRATION_ROLE_ARN`, and
    /// `ACCOUNT_ROLE_NAME`, which AWS makes in a new account.
    pub roles: Roles,
    /// The machine `onboard-tenant`: `STATE_MACHINE_ARN`.
    pub state_machine_arn: String,
    /// Where answers go: `EVENT_BUS_NAME`.
    pub event_bus: String,
    /// The signups as they come in: `QUEUE_URL`.
    pub queue_url: String,
    /// The signups that wait, for room or for an operator: `WAITING_QUEUE_URL`.
    pub waiting_queue_url: String,
    /// Where messages go that are no signups: `DEAD_LETTER_QUEUE_URL`.
    pub dead_letter_queue_url: String,
    /// Where the records of tenants are: `RUNS_BUCKET`.
    pub runs_bucket: String,
    /// Where operators are told: `TOPIC_ARN`.
    pub topic_arn: String,
    /// How many tenants may be admitted and have no account yet: `ADMISSION_WINDOW`, 1 or more,
    /// 10 unless given.
    pub admission_window: usize,
    /// How long onboarding may take: `DEADLINE_SECONDS`, a day unless given.
    pub deadline_seconds: u32,
    /// How many accounts may be begun within 24 hours: `SIGNUPS_A_DAY`, 1,000 unless given.
    pub signups_a_day: u32,
    /// Whether events that EventBridge replays from an archive are signups: `ADMIT_REPLAYS`.
    pub admit_replays: bool,
}

impl Config {
    /// Reads and checks the variables.
    ///
    /// # Errors
    /// Names the variable, its value and the rule.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        let prefix = optional(lookup, "ACCOUNT_NAME_PREFIX").unwrap_or_else(|| "tenant-".into());
        let local_part = required(lookup, "EMAIL_LOCAL_PART")?;
        let domain = required(lookup, "EMAIL_DOMAIN")?;
        let given = format!("{prefix}, {local_part}, {domain}");
        let naming = Naming::new(prefix, local_part, domain).map_err(|faults| {
            Error::invalid("ACCOUNT_NAME_PREFIX, EMAIL_LOCAL_PART or EMAIL_DOMAIN", given, faults)
        })?;
        let domains = optional(lookup, "ROOT_EMAIL_DOMAINS").unwrap_or_default();
        let named = domains.split(',').map(str::trim).filter(|domain| !domain.is_empty());
        let naming = naming
            .with_given_domains(named)
            .map_err(|faults| Error::invalid("ROOT_EMAIL_DOMAINS", domains.clone(), faults))?;
        let state_machine_arn = required(lookup, STATE_MACHINE_ARN)?;
        if !state_machine_arn.contains(":stateMachine:") {
            let rule = "must be the ARN of a state machine";
            return Err(Error::invalid(STATE_MACHINE_ARN, state_machine_arn, rule));
        }
        Ok(Self {
            naming,
            tiers_parameter: required(lookup, "TIERS_PARAMETER")?,
            units: parsed(lookup, "TENANT_OUS")?,
            roles: Roles {
                administration: Some(required(lookup, "ADMINISTRATION_ROLE_ARN")?),
                execution: Some(parsed::<RoleName>(lookup, "ACCOUNT_ROLE_NAME")?.to_string()),
            },
            state_machine_arn,
            event_bus: required(lookup, "EVENT_BUS_NAME")?,
            queue_url: required(lookup, "QUEUE_URL")?,
            waiting_queue_url: required(lookup, "WAITING_QUEUE_URL")?,
            dead_letter_queue_url: required(lookup, "DEAD_LETTER_QUEUE_URL")?,
            runs_bucket: required(lookup, "RUNS_BUCKET")?,
            topic_arn: required(lookup, "TOPIC_ARN")?,
            admission_window: positive(lookup, "ADMISSION_WINDOW", 10_usize)?,
            deadline_seconds: positive(lookup, "DEADLINE_SECONDS", 86_400_u32)?,
            signups_a_day: positive(lookup, "SIGNUPS_A_DAY", 1_000_u32)?,
            admit_replays: parsed_or(lookup, "ADMIT_REPLAYS", false)?,
        })
    }

    /// The ARN of the machine's execution of this name.
    pub fn execution_arn(&self, name: &str) -> String {
        let machine = self.state_machine_arn.replacen(":stateMachine:", ":execution:", 1);
        format!("{machine}:{name}")
    }
}

fn positive<T>(lookup: Lookup<'_>, name: &str, default: T) -> Result<T, Error>
where
    T: std::str::FromStr<Err: std::fmt::Display> + Default + PartialEq,
{
    let value = parsed_or(lookup, name, default)?;
    if value == T::default() {
        return Err(Error::invalid(name, "0", "must be 1 or more"));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        let value = match name {
            "EMAIL_LOCAL_PART" => "aws",
            "EMAIL_DOMAIN" => "example.com",
            "TIERS_PARAMETER" => "/landlord/tiers",
            "TENANT_OUS" => "General=ou-root-general0",
            "ADMINISTRATION_ROLE_ARN" => "arn:aws:iam::111122223333:role/Administration",
            "ACCOUNT_ROLE_NAME" => "Execution",
            "STATE_MACHINE_ARN" => "arn:aws:states:eu-central-1:1:stateMachine:onboard-tenant",
            "EVENT_BUS_NAME" => "landlord",
            "QUEUE_URL" => "https://sqs/signups.fifo",
            "WAITING_QUEUE_URL" => "https://sqs/waiting.fifo",
            "RUNS_BUCKET" => "runs",
            "TOPIC_ARN" => "arn:aws:sns:eu-central-1:1:failures",
            "DEAD_LETTER_QUEUE_URL" => "https://sqs/dead.fifo",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn what_has_a_default_may_be_left_out() {
        let config = Config::load(&lookup).unwrap();
        assert_eq!(config.admission_window, 10);
        assert_eq!(config.deadline_seconds, 86_400);
        assert!(!config.admit_replays);
        assert_eq!(
            config.execution_arn("acme_2"),
            "arn:aws:states:eu-central-1:1:execution:onboard-tenant:acme_2"
        );
    }

    #[test]
    fn a_wrong_variable_is_named_with_its_rule() {
        for (wrong, value, part) in [
            ("ADMISSION_WINDOW", "0", "must be 1 or more"),
            ("DEADLINE_SECONDS", "soon", "soon"),
            ("EMAIL_DOMAIN", "localhost", "a dot in its domain"),
            ("STATE_MACHINE_ARN", "onboard-tenant", "state machine"),
            ("TENANT_OUS", "General", "name=id"),
            ("ADMIT_REPLAYS", "maybe", "maybe"),
            ("ROOT_EMAIL_DOMAINS", "corp.example, *", "letters, digits"),
            ("SIGNUPS_A_DAY", "0", "must be 1 or more"),
            ("QUEUE_URL", "", "not set"),
        ] {
            let error = Config::load(&|name| {
                if name == wrong { Some(value.to_owned()) } else { lookup(name) }
            });
            let error = error.unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains(part), "{error}");
        }
    }
}
