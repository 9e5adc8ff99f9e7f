//! The override and the preconditions: parameters of the account's own store, read together.
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>

use std::collections::BTreeMap;

use aws_sdk_ssm::types::ParameterType;
use futures::future::try_join_all;
use jiff::Timestamp;
use lifecycle::gate::{GateAction, GateOverride};

use super::{named, refused};
use gate_rules::{Check, Finding, Precondition, Verdict};

/// `GetParameters` takes ten names.
const NAMES_A_CALL: usize = 10;

/// Name and value of what is there; no value for a secret, which is not read.
type Found = BTreeMap<String, Option<String>>;

/// Reads the override and all preconditions, in one call up to nine of them.
pub(crate) async fn parameters(
    ssm: &aws_sdk_ssm::Client,
    override_parameter: &str,
    preconditions: &[Precondition],
    now: Timestamp,
) -> Vec<Finding> {
    let mut names: Vec<&str> = vec![override_parameter];
    for wanted in preconditions {
        if !names.contains(&wanted.name.as_str()) {
            names.push(&wanted.name);
        }
    }
    match try_join_all(names.chunks(NAMES_A_CALL).map(|names| read(ssm, names))).await {
        Ok(parts) => {
            let found: Found = parts.into_iter().flatten().collect();
            let mut findings = vec![overriding(override_parameter, &found, now)];
            if !preconditions.is_empty() {
                findings.push(wanted(preconditions, &found));
            }
            findings
        }
        Err(because) => {
            let mut findings =
                vec![Finding::new(Check::Override, Verdict::Unknown, because.clone())];
            if !preconditions.is_empty() {
                findings.push(Finding::new(Check::Parameters, Verdict::Unknown, because));
            }
            findings
        }
    }
}

async fn read(ssm: &aws_sdk_ssm::Client, names: &[&str]) -> Result<Found, String> {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let answer = ssm
        .get_parameters()
        .set_names(Some(names))
        .send()
        .await
        .map_err(|error| refused("GetParameters", &error))?;
    Ok(answer
        .parameters
        .unwrap_or_default()
        .into_iter()
        .filter_map(|parameter| {
            let secret = parameter.r#type == Some(ParameterType::SecureString);
            Some((parameter.name?, parameter.value.filter(|_| !secret)))
        })
        .collect())
}

fn overriding(name: &str, found: &Found, now: Timestamp) -> Finding {
    let finding = |verdict, reason: String| Finding::new(Check::Override, verdict, reason);
    let text = match found.get(name) {
        None => return finding(Verdict::Pass, format!("no override in {name}")),
        Some(None) => {
            let reason = format!("the override in {name} is a SecureString; it has to be a String");
            return finding(Verdict::Unknown, reason);
        }
        Some(Some(text)) => text,
    };
    let parsed: GateOverride = match serde_json::from_str(text) {
        Ok(parsed) => parsed,
        Err(error) => {
            let reason = format!("the override in {name} can not be read: {error}");
            return finding(Verdict::Unknown, reason);
        }
    };
    let GateOverride { action, until, reason, by } = &parsed;
    let word = match action {
        GateAction::Open => "open",
        GateAction::Hold => "hold",
    };
    if !parsed.is_in_force(now) {
        return finding(Verdict::Pass, format!("the override `{word}` ended at {until}"));
    }
    let verdict = match action {
        GateAction::Open => Verdict::Open,
        GateAction::Hold => Verdict::Veto,
    };
    finding(verdict, format!("override `{word}` until {until} by {by}: {reason}"))
}

fn wanted(preconditions: &[Precondition], found: &Found) -> Finding {
    let unmet: Vec<String> = preconditions
        .iter()
        .filter_map(|wanted| match (found.get(&wanted.name), &wanted.value) {
            (None, None) => Some(wanted.name.clone()),
            (None, Some(value)) => Some(format!("{}={value}", wanted.name)),
            (Some(_), None) => None,
            (Some(found), Some(value)) => {
                (found.as_ref() != Some(value)).then(|| format!("{}={value}", wanted.name))
            }
        })
        .collect();
    if unmet.is_empty() {
        let reason = format!("all {} parameters are as they have to be", preconditions.len());
        Finding::new(Check::Parameters, Verdict::Pass, reason)
    } else {
        Finding::new(Check::Parameters, Verdict::Veto, format!("not there: {}", named(&unmet)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn found(value: &str) -> Found {
        Found::from([("/landlord/gate/override".to_owned(), Some(value.to_owned()))])
    }

    #[test]
    fn an_override_opens_or_holds_until_it_ends_and_a_wrong_one_does_neither() {
        let text = |action: &str| {
            format!(
                r#"{{"action":"{action}","until":"2026-11-21T12:00:00Z","reason":"r","by":"b"}}"#
            )
        };
        let table: [(String, &str, Verdict); 7] = [
            (text("open"), "2026-11-21T11:59:59Z", Verdict::Open),
            (text("open"), "2026-11-21T12:00:00Z", Verdict::Pass),
            (text("hold"), "2026-11-21T11:00:00Z", Verdict::Veto),
            (text("hold"), "2026-11-22T11:00:00Z", Verdict::Pass),
            (text("OPEN"), "2026-11-21T11:00:00Z", Verdict::Unknown),
            ("open".to_owned(), "2026-11-21T11:00:00Z", Verdict::Unknown),
            (r#"{"action":"open"}"#.to_owned(), "2026-11-21T11:00:00Z", Verdict::Unknown),
        ];
        for (value, now, verdict) in table {
            let finding = overriding("/landlord/gate/override", &found(&value), at(now));
            assert_eq!(finding.verdict, verdict, "{value} at {now}: {}", finding.reason);
        }
        let none = overriding("/other", &found("x"), at("2026-11-21T11:00:00Z"));
        assert_eq!(none.reason, "no override in /other");
    }

    #[test]
    fn a_precondition_that_is_not_met_is_named() {
        let found =
            Found::from([("/a".to_owned(), Some("1".to_owned())), ("/secret".to_owned(), None)]);
        let list = |texts: &[&str]| -> Vec<Precondition> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        assert_eq!(wanted(&list(&["/a", "/a=1", "/secret"]), &found).verdict, Verdict::Pass);
        let unmet = wanted(&list(&["/a=2", "/b", "/secret=x"]), &found);
        assert_eq!(unmet.verdict, Verdict::Veto);
        assert_eq!(unmet.reason, "not there: \"/a=2\", \"/b\", \"/secret=x\"");
    }
}
