//! The gate's settings: environment variables, which `stacksets/account-gate.yaml` sets from its
//! parameters. All are optional: without any, the gate looks at alarms and at the override.

use std::fmt::Display;
use std::str::FromStr;

use lifecycle::{Fault, Faults};
use serde_json::Value;

use crate::freeze::Freeze;
use crate::verdict::FailMode;
use crate::window::Window;

/// The member in which `aws ssm describe-maintenance-windows` prints its windows.
const WINDOW_IDENTITIES: &str = "WindowIdentities";

/// What a gate looks at.
#[derive(Debug, Clone)]
pub struct Settings {
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
            _ if text.is_empty() => Err("must be a name, or the beginning of one and `*`"),
            Some(prefix) if prefix.contains('*') => Err("must have `*` at the end only"),
            Some(prefix) => Ok(Self::Prefix(prefix.to_owned())),
            None if text.contains('*') => Err("must have `*` at the end only"),
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
            return Err("must be the name of an SSM parameter, or `name=value`");
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

impl Settings {
    /// Reads the settings: variables by name, where an empty one counts as one that is not set.
    ///
    /// # Errors
    /// Every variable that breaks its rule, with its value and the rule. The gate answers with
    /// them, by its fail mode.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut reader = Reader { lookup, faults: Faults::new() };
        let filter = AlarmFilter {
            include: reader.list("ALARMS_INCLUDE"),
            ignore: reader.list("ALARMS_IGNORE"),
            with_actions_only: reader.yes("ALARMS_WITH_ACTIONS_ONLY", false),
            ignore_suppressed: !reader.yes("SUPPRESSED_ALARMS_COUNT", true),
        };
        let settings = Self {
            alarms: reader.yes("CHECK_ALARMS", true).then_some(filter),
            windows: reader.json_list("MAINTENANCE_WINDOWS", Window::read),
            freezes: reader.json_list("FREEZE_PERIODS", Freeze::read),
            calendars: reader.list("CHANGE_CALENDARS"),
            preconditions: reader.list("REQUIRED_PARAMETERS"),
            fail_mode: reader.one("FAIL_MODE").unwrap_or_default(),
        };
        reader.faults.none_or(Some(settings))
    }
}

/// The fail mode, which has to be known even when the other settings are wrong. One that cannot be
/// read is the safe one.
pub fn read_fail_mode(lookup: &dyn Fn(&str) -> Option<String>) -> FailMode {
    Reader { lookup, faults: Faults::new() }.one("FAIL_MODE").unwrap_or_default()
}

/// Reads variables, and remembers what is wrong with them.
struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    faults: Faults,
}

impl Reader<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str, text: &str) -> Option<T> {
        let parsed = text.parse::<T>();
        parsed.map_err(|rule| self.faults.push(Fault::new(name, text, rule.to_string()))).ok()
    }

    fn one<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        self.parsed(name, &text)
    }

    /// Values between commas, without the spaces around them.
    fn list<T: FromStr<Err: Display>>(&mut self, name: &str) -> Vec<T> {
        let text = self.text(name).unwrap_or_default();
        let values = text.split(',').map(str::trim).filter(|value| !value.is_empty());
        values.filter_map(|value| self.parsed(name, value)).collect()
    }

    fn yes(&mut self, name: &str, default: bool) -> bool {
        match self.text(name).as_deref() {
            None => default,
            Some("true") => true,
            Some("false") => false,
            Some(other) => {
                self.faults.push(Fault::new(name, other, "must be true or false"));
                default
            }
        }
    }

    /// A JSON list, or one member of it alone, or what the AWS CLI prints of several windows; what a
    /// single member breaks is told with its place.
    fn json_list<T>(&mut self, name: &str, read: fn(&Value) -> Result<T, Fault>) -> Vec<T> {
        let Some(text) = self.text(name) else { return Vec::new() };
        let list = match serde_json::from_str(&text) {
            Ok(Value::Array(list)) => list,
            Ok(Value::Object(mut members)) => match members.remove(WINDOW_IDENTITIES) {
                Some(Value::Array(list)) => list,
                _ => vec![Value::Object(members)],
            },
            Ok(_) => {
                let rule = "must be a JSON list, or one member of it";
                self.faults.push(Fault::new(name, &text, rule));
                return Vec::new();
            }
            Err(error) => {
                self.faults.push(Fault::new(name, &text, format!("must be a JSON list: {error}")));
                return Vec::new();
            }
        };
        let mut found = Vec::new();
        for (index, value) in list.iter().enumerate() {
            match read(value) {
                Ok(one) => found.push(one),
                Err(fault) => {
                    let dot = if fault.field.is_empty() { "" } else { "." };
                    let place = format!("{name}[{index}]{dot}{}", fault.field);
                    self.faults.push(fault.at(place));
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let lookup = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::read(&lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn without_settings_the_gate_looks_at_alarms_and_the_override() {
        let config = load(&[]).unwrap();
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
            ("FAIL_MODE", "ajar", "FAIL_MODE: \"ajar\" must be closed or open"),
            ("CHECK_ALARMS", "yes", "CHECK_ALARMS: \"yes\" must be true or false"),
            ("ALARMS_INCLUDE", "a*b", "ALARMS_INCLUDE: \"a*b\" must have `*` at the end only"),
            ("REQUIRED_PARAMETERS", "=on", "\"=on\" must be the name of an SSM parameter"),
            ("MAINTENANCE_WINDOWS", "nightly", "\"nightly\" must be a JSON list: expected ident"),
            (
                "MAINTENANCE_WINDOWS",
                "[7]",
                "MAINTENANCE_WINDOWS[0]: 7 must be a maintenance window",
            ),
            (
                "MAINTENANCE_WINDOWS",
                r#"[{"Schedule":"cron(0 2 ? * SUN *)","Duration":25}]"#,
                "MAINTENANCE_WINDOWS[0].Duration: 25 must be 1 to 24 hours",
            ),
            (
                "MAINTENANCE_WINDOWS",
                r#"[{"Schedule":"cron(0 2 ? * SUN *)","Duration":2,"Timezone":"UTC"}]"#,
                "unknown field `Timezone`",
            ),
            (
                "FREEZE_PERIODS",
                r#"[{"From":"2026-12-20T18:00","To":"2026-12-20T17:00"}]"#,
                "FREEZE_PERIODS[0].To: \"2026-12-20T17:00\" must be later than From, 2026-12-20T18:00",
            ),
        ];
        for (name, value, says) in table {
            let error = load(&[(name, value)]).unwrap_err();
            assert!(error.contains(says), "{error} does not say {says}");
        }
    }

    #[test]
    fn a_window_or_a_freeze_may_stand_alone_as_it_is_printed() {
        let window = r#"{"WindowId":"mw-1","Schedule":"cron(0 2 ? * SUN *)","Duration":2}"#;
        let printed = format!(r#"{{"WindowIdentities":[{window},{window}]}}"#);
        for (text, windows) in [(window, 1), (&format!("[{window}]"), 1), (&printed, 2), ("[]", 0)]
        {
            assert_eq!(load(&[("MAINTENANCE_WINDOWS", text)]).unwrap().windows.len(), windows);
        }
        let freeze = r#"{"From":"2026-12-20T18:00Z","To":"2027-01-02T06:00Z"}"#;
        assert_eq!(load(&[("FREEZE_PERIODS", freeze)]).unwrap().freezes.len(), 1);
        for (text, says) in [
            ("7", "must be a JSON list, or one member of it"),
            ("{}", "MAINTENANCE_WINDOWS[0]: {} must be a maintenance window"),
            (r#"{"WindowIdentities":7}"#, "MAINTENANCE_WINDOWS[0]"),
        ] {
            let error = load(&[("MAINTENANCE_WINDOWS", text)]).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once_and_the_fail_mode_is_known_all_the_same() {
        let wrong = [("CHECK_ALARMS", "yes"), ("FAIL_MODE", "open"), ("FREEZE_PERIODS", "{}")];
        let error = load(&wrong).unwrap_err();
        assert!(error.contains("CHECK_ALARMS") && error.contains("FREEZE_PERIODS"), "{error}");
        let lookup = |name: &str| (name == "FAIL_MODE").then(|| "open".to_owned());
        assert_eq!(read_fail_mode(&lookup), FailMode::Open);
        assert_eq!(read_fail_mode(&|_| Some("ajar".to_owned())), FailMode::Closed);
    }
}
