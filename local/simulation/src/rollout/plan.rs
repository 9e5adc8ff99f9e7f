//! What the bound needs of a plan, read from the plan itself: this shares no code with the
//! functions that carry it out.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::bound::{Amount, Limits, Pace};

/// A wave of a plan, as far as time depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// Its name.
    pub name: String,
    /// How its operations may go, and what may go wrong.
    pub limits: Limits,
    /// How often its operations go through its accounts: twice where gates have to prove themselves.
    pub passes: u32,
    /// How long it is watched.
    pub dwell: Duration,
}

/// The waves of a plan: a name of a default one, one with a `base`, or a whole one. `defaults` is
/// the folder of the default plans.
///
/// # Errors
/// What is missing, in words.
pub fn waves(plan: &Value, defaults: &Path) -> Result<Vec<Wave>, String> {
    let named = |name: &str| -> Result<Value, String> {
        let file = defaults.join(format!("{name}.json"));
        let text =
            std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
    };
    let whole = match (plan.as_str(), plan["base"].as_str()) {
        (Some(name), _) => named(name)?,
        (None, Some(_)) if plan["waves"].is_array() => plan.clone(),
        (None, Some(base)) => named(base)?,
        _ => plan.clone(),
    };
    let waves = whole["waves"].as_array().ok_or("the plan has no list `waves`")?;
    Ok(waves.iter().map(wave).collect())
}

fn wave(value: &Value) -> Wave {
    let preferences = &value["preferences"];
    let amount = |of: &Value, name: &str| {
        let count = of[format!("{name}Count")].as_u64().map(Amount::Count);
        let share = of[format!("{name}Percentage")].as_u64().map(Amount::Percentage);
        count.or(share)
    };
    let pace = Pace {
        most_in_flight: amount(preferences, "maxConcurrent").unwrap_or(Amount::Count(1)),
        tolerated: amount(preferences, "failureTolerance").unwrap_or(Amount::Count(0)),
        strict: preferences["concurrencyMode"] != "SOFT_FAILURE_TOLERANCE",
        regions_at_once: preferences["regionConcurrencyType"] == "PARALLEL",
    };
    Wave {
        name: value["name"].as_str().unwrap_or_default().to_owned(),
        limits: Limits {
            pace,
            vetoes: amount(value, "vetoTolerance").unwrap_or(Amount::Percentage(100)),
            operation_accounts: value["operationAccounts"].as_u64(),
        },
        passes: if value["proveGate"] == true { 2 } else { 1 },
        dwell: Duration::from_secs(value["dwellSeconds"].as_u64().unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn preferences_that_are_not_given_are_those_of_aws() {
        let plan = json!({ "waves": [{ "name": "all", "accounts": { "rest": true } }] });
        let waves = waves(&plan, Path::new(".")).unwrap();
        let pace = waves[0].limits.pace;
        assert_eq!((pace.most_in_flight, pace.tolerated), (Amount::Count(1), Amount::Count(0)));
        assert!(pace.strict && !pace.regions_at_once);
    }

    #[test]
    fn waves_of_a_plan_go_over_those_of_its_base() {
        let own = json!({ "base": "routine", "waves": [
            { "name": "one", "dwellSeconds": 60, "preferences": { "maxConcurrentPercentage": 5 } },
        ] });
        let waves = waves(&own, Path::new(".")).unwrap();
        assert_eq!(waves.len(), 1);
        assert_eq!(waves[0].limits.pace.most_in_flight, Amount::Percentage(5));
        assert_eq!(waves[0].dwell, Duration::from_secs(60));
    }
}
