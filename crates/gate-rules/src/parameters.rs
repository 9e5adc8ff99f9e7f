//! The gate's settings before they reach an account: as parameters of its template, as overrides of
//! a tier. They are read by the gate's own parser.

use std::collections::BTreeMap;

use lifecycle::{Fault, Faults, TierName, TiersConfig};

use crate::settings::Settings;

/// The parameters of `stacksets/account-gate.yaml` that are settings, each with its variable.
pub const PARAMETERS: [(&str, &str); 10] = [
    ("FailMode", "FAIL_MODE"),
    ("CheckAlarms", "CHECK_ALARMS"),
    ("AlarmsInclude", "ALARMS_INCLUDE"),
    ("AlarmsIgnore", "ALARMS_IGNORE"),
    ("AlarmsWithActionsOnly", "ALARMS_WITH_ACTIONS_ONLY"),
    ("SuppressedAlarmsCount", "SUPPRESSED_ALARMS_COUNT"),
    ("MaintenanceWindows", "MAINTENANCE_WINDOWS"),
    ("FreezePeriods", "FREEZE_PERIODS"),
    ("ChangeCalendars", "CHANGE_CALENDARS"),
    ("RequiredParameters", "REQUIRED_PARAMETERS"),
];

/// What Lambda allows for all variables of a function together.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MOST_BYTES: usize = 4_096;

/// Whether a stack set is the account gate's, by its name: the template calls it
/// `<stack>-account-gate`.
pub fn is_gate_set(name: &str) -> bool {
    name == "account-gate" || name.ends_with("-account-gate")
}

/// Reads the settings that these parameters make; others are passed over.
///
/// # Errors
/// Every parameter that the gate could not read, by the parameter's name, with its value and rule.
pub fn check_parameters(parameters: &BTreeMap<String, String>) -> Result<Settings, Faults> {
    let lookup = |variable: &str| {
        let (name, _) = PARAMETERS.iter().find(|(_, known)| *known == variable)?;
        parameters.get(*name).cloned()
    };
    let settings = Settings::read(&lookup);
    let mut faults = Faults::new();
    for fault in settings.as_ref().err().into_iter().flat_map(Faults::iter) {
        faults.push(by_parameter(fault.clone()));
    }
    let given = |(name, variable): &(&str, &str)| {
        parameters.get(*name).map_or(0, |value| variable.len() + value.len())
    };
    let bytes: usize = PARAMETERS.iter().map(given).sum();
    if bytes > MOST_BYTES {
        let rule = format!("must not be above {MOST_BYTES}, Lambda's limit for all variables");
        faults.push(Fault::of("the settings' bytes", bytes, rule));
    }
    faults.none_or(settings.ok())
}

/// The same fault, said of the parameter instead of its variable.
fn by_parameter(fault: Fault) -> Fault {
    for (name, variable) in PARAMETERS {
        let rest = fault.field.strip_prefix(variable);
        if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with(['[', '.'])) {
            let field = format!("{name}{rest}");
            return fault.at(field);
        }
    }
    fault
}

/// Reads every override that a tier has for a setting of the gate.
///
/// # Errors
/// Every override that the gate could not read, with its place in the tiers.
pub fn check_tiers(tiers: &TiersConfig) -> Result<(), Faults> {
    let mut all = Faults::new();
    for (_, faults) in faults_of_tiers(tiers) {
        faults.into_iter().for_each(|fault| all.push(fault));
    }
    all.none_or(Some(()))
}

/// The tiers whose overrides the gate could not read, each with its faults.
pub fn faults_of_tiers(tiers: &TiersConfig) -> Vec<(TierName, Faults)> {
    let mut wrong = Vec::new();
    for (name, tier) in tiers.iter() {
        let mut faults = Faults::new();
        let sets = tier.baseline.iter().enumerate();
        for (index, set) in sets.filter(|(_, set)| is_gate_set(set.name.as_str())) {
            let Err(found) = check_parameters(&set.parameter_overrides) else { continue };
            for fault in found {
                let at = format!("tiers.{name}.baseline[{index}].parameterOverrides");
                let field = format!("{at}.{}", fault.field);
                faults.push(fault.at(field));
            }
        }
        if !faults.is_empty() {
            wrong.push((name.clone(), faults));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(given: &[(&str, &str)]) -> BTreeMap<String, String> {
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn settings_are_checked_under_the_names_of_their_parameters() {
        let given = [("MemorySize", "256"), ("FailMode", "open"), ("MaintenanceWindows", "")];
        assert!(check_parameters(&parameters(&given)).is_ok());
        let wrong = [
            ("FailMode", "ajar"),
            ("MaintenanceWindows", r#"[{"Schedule":"cron(0 2 ? * XXX-FRI *)","Duration":2}]"#),
            ("AlarmsInclude", "a*b"),
        ];
        let faults = check_parameters(&parameters(&wrong)).unwrap_err().reasons();
        assert_eq!(faults.len(), 3, "{faults:?}");
        for start in
            ["AlarmsInclude: \"a*b\"", "MaintenanceWindows[0].Schedule:", "FailMode: \"ajar\""]
        {
            assert!(faults.iter().any(|fault| fault.starts_with(start)), "{start}: {faults:?}");
        }
        assert!(faults.iter().any(|fault| fault.contains("1-7 or SUN-SAT, not XXX")), "{faults:?}");
        let many = vec!["alarm-name"; 400].join(",");
        let faults = check_parameters(&parameters(&[("AlarmsIgnore", &many)])).unwrap_err();
        assert!(faults.to_string().contains("Lambda's limit"), "{faults}");
    }

    #[test]
    fn a_tier_s_overrides_of_the_gate_are_checked_and_those_of_others_are_not() {
        let tiers = |set: &str, windows: &str| -> TiersConfig {
            serde_json::json!({"tiers": {"standard": {
                "organizationalUnits": [{"name": "General", "weight": 1}],
                "baseline": [{"stackSet": set, "regions": ["eu-central-1"],
                              "parameterOverrides": {"MaintenanceWindows": windows}}]}}})
            .to_string()
            .parse()
            .unwrap()
        };
        let wrong = r#"[{"Schedule":"cron(0 2 30 2 ? *)","Duration":2}]"#;
        let faults = check_tiers(&tiers("landlord-account-gate", wrong)).unwrap_err().to_string();
        let place = "tiers.standard.baseline[0].parameterOverrides.MaintenanceWindows[0].Schedule";
        assert!(faults.starts_with(place) && faults.contains("there is no such day"), "{faults}");
        assert!(check_tiers(&tiers("landlord-tenant-baseline", wrong)).is_ok());
        let right = r#"[{"Schedule":"cron(0 2 29 2 ? *)","Duration":2}]"#;
        assert!(check_tiers(&tiers("landlord-account-gate", right)).is_ok());
    }
}
