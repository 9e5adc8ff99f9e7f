//! The gate's settings: environment variables, which `stacksets/account-gate.yaml` sets from its
//! parameters. All are optional: without any, the gate looks at alarms and at the override.

use std::str::FromStr;

use lambda_kit::config::{self, Error, optional, parsed_or};
use lambda_kit::{Lookup, chain};
use lifecycle::gate::OVERRIDE_PARAMETER;
use serde::de::DeserializeOwned;

use crate::decide::FailMode;
use crate::windows::{Freeze, Window};

/// What a gate looks at.
#[derive(Debug, Clone)]
pub struct Config {
    /// The SSM parameter that holds the override.
    pub override_parameter: String,
    /// Which alarms count; nothing when none does.
    pub alarms: Option<AlarmFilter>,
    /// When operations may run. None means always.
    pub windows: Vec<Window>,
    /// When none may run.
    pub freezes: Vec<Freeze>,
    /// Names or ARNs of Systems Manager change calendars, which all have to be open.
    pub calendars: Vec<String>,
    /// SSM parameters that have to be there.
    pub preconditions: Vec<Precondition>,
    /// What a check that could not be made counts as.
    pub fail_mode: FailMode,
}

/// Which alarms count.
#[derive(Debug, Clone, Default)]
pub struct AlarmFilter {
    /// Only these; empty means all.
    pub include: Vec<AlarmPattern>,
    /// Never these.
    pub ignore: Vec<AlarmPattern>,
    /// Only alarms whose actions are enabled.
    pub with_actions_only: bool,
    /// Alarms that a mute rule mutes, and composite alarms whose actions are suppressed, do not
    /// count. Their state is `ALARM` all the same, so by default they do.
    pub ignore_suppressed: bool,
}

impl AlarmFilter {
    /// True when an alarm of this name may count.
    pub fn admits(&self, name: &str) -> bool {
        let any = |patterns: &[AlarmPattern]| patterns.iter().any(|pattern| pattern.matches(name));
        (self.include.is_empty() || any(&self.include)) && !any(&self.ignore)
    }
}

/// An alarm's name, or with `*` at its end the beginning of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlarmPattern {
    /// This name.
    Name(String),
    /// Every name that begins so.
    Prefix(String),
}

impl AlarmPattern {
    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(exact) => exact == name,
            Self::Prefix(prefix) => name.starts_with(prefix),
        }
    }
}

impl FromStr for AlarmPattern {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_suffix('*') {
            _ if text.is_empty() => Err("a name, or the beginning of one and `*`"),
            Some(prefix) if prefix.contains('*') => Err("`*` stands at the end only"),
            Some(prefix) => Ok(Self::Prefix(prefix.to_owned())),
            None if text.contains('*') => Err("`*` stands at the end only"),
            None => Ok(Self::Name(text.to_owned())),
        }
    }
}

/// An SSM parameter that has to be there, or to have a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precondition {
    /// The parameter's name.
    pub name: String,
    /// Its value, if a certain one is wanted.
    pub value: Option<String>,
}

impl FromStr for Precondition {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let legal = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
        if name.is_empty() || !name.chars().all(legal) {
            return Err("the name of an SSM parameter, or `name=value`");
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// The first variable that breaks its rule, with its value and the rule. The gate answers
    /// with it, by its fail mode.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        Ok(Self {
            override_parameter: override_parameter(lookup),
            alarms: alarms(lookup)?,
            windows: json_list(lookup, "MAINTENANCE_WINDOWS")?,
            freezes: json_list(lookup, "FREEZE_PERIODS")?,
            calendars: config::list(lookup, "CHANGE_CALENDARS")?,
            preconditions: config::list(lookup, "REQUIRED_PARAMETERS")?,
            fail_mode: fail_mode(lookup)?,
        })
    }
}

/// The override's name, which has to be known even when the settings are wrong.
pub(crate) fn override_parameter(lookup: Lookup<'_>) -> String {
    optional(lookup, "OVERRIDE_PARAMETER").unwrap_or_else(|| OVERRIDE_PARAMETER.to_owned())
}

/// The fail mode, which has to be known even when the other settings are wrong.
pub(crate) fn fail_mode(lookup: Lookup<'_>) -> Result<FailMode, Error> {
    parsed_or(lookup, "FAIL_MODE", FailMode::Closed)
}

fn alarms(lookup: Lookup<'_>) -> Result<Option<AlarmFilter>, Error> {
    let filter = AlarmFilter {
        include: config::list(lookup, "ALARMS_INCLUDE")?,
        ignore: config::list(lookup, "ALARMS_IGNORE")?,
        with_actions_only: yes(lookup, "ALARMS_WITH_ACTIONS_ONLY", false)?,
        ignore_suppressed: !yes(lookup, "SUPPRESSED_ALARMS_COUNT", true)?,
    };
    Ok(yes(lookup, "CHECK_ALARMS", true)?.then_some(filter))
}

fn yes(lookup: Lookup<'_>, name: &str, default: bool) -> Result<bool, Error> {
    match optional(lookup, name).as_deref() {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(other) => Err(Error::invalid(name, other, "it is `true` or `false`")),
    }
}

fn json_list<T: DeserializeOwned>(lookup: Lookup<'_>, name: &str) -> Result<Vec<T>, Error> {
    match optional(lookup, name) {
        None => Ok(Vec::new()),
        Some(text) => serde_json::from_str(&text)
            .map_err(|error| Error::invalid(name, text, format!("a JSON list: {}", chain(&error)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Result<Config, String> {
        let lookup = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        Config::load(&lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn without_settings_the_gate_looks_at_alarms_and_the_override() {
        let config = load(&[]).unwrap();
        assert_eq!(config.override_parameter, "/landlord/gate/override");
        assert_eq!(config.fail_mode, FailMode::Closed);
        let alarms = config.alarms.unwrap();
        assert!(alarms.admits("anything") && !alarms.ignore_suppressed);
        assert!(config.windows.is_empty() && config.freezes.is_empty());
        assert!(config.calendars.is_empty() && config.preconditions.is_empty());
    }

    #[test]
    fn alarms_count_by_name_and_by_prefix() {
        let config =
            load(&[("ALARMS_INCLUDE", "tenant-*, checkout"), ("ALARMS_IGNORE", "tenant-batch-*")])
                .unwrap();
        let alarms = config.alarms.unwrap();
        let counted = ["tenant-api", "tenant-batch-nightly", "checkout", "checkout-2", "other"]
            .map(|name| alarms.admits(name));
        assert_eq!(counted, [true, false, true, false, false]);
        assert!(load(&[("CHECK_ALARMS", "false")]).unwrap().alarms.is_none());
    }

    #[test]
    fn preconditions_are_a_name_or_a_name_and_a_value() {
        let config =
            load(&[("REQUIRED_PARAMETERS", "/landlord/tenant,/flags/deploy=on=yes")]).unwrap();
        let expected = [
            Precondition { name: "/landlord/tenant".into(), value: None },
            Precondition { name: "/flags/deploy".into(), value: Some("on=yes".into()) },
        ];
        assert_eq!(config.preconditions, expected);
    }

    #[test]
    fn a_fault_names_the_variable_the_value_and_the_rule() {
        let table: &[(&str, &str, &str)] = &[
            ("FAIL_MODE", "ajar", "it is `closed` or `open`"),
            ("CHECK_ALARMS", "yes", "it is `true` or `false`"),
            ("ALARMS_INCLUDE", "a*b", "`*` stands at the end only"),
            ("REQUIRED_PARAMETERS", "=on", "the name of an SSM parameter"),
            ("MAINTENANCE_WINDOWS", "nightly", "a JSON list: expected ident at line 1 column 2"),
            (
                "MAINTENANCE_WINDOWS",
                r#"[{"Schedule":"cron(0 2 ? * SUN *)","Duration":25}]"#,
                "Duration is `25`: 1 to 24 hours",
            ),
            (
                "MAINTENANCE_WINDOWS",
                r#"[{"Schedule":"cron(0 2 ? * SUN *)","Duration":2,"Timezone":"UTC"}]"#,
                "unknown field `Timezone`",
            ),
            (
                "FREEZE_PERIODS",
                r#"[{"From":"2026-12-20T18:00","To":"2026-12-20T17:00"}]"#,
                "To is `2026-12-20T17:00`: later than From, 2026-12-20T18:00",
            ),
        ];
        for (name, value, rule) in table {
            let error = load(&[(name, value)]).unwrap_err();
            assert!(error.contains(&format!("{name} is `{value}`")), "{error}");
            assert!(error.contains(rule), "{error} does not say {rule}");
        }
    }
}
