//! `deployment.yaml` against the parameters that `template.yaml` declares.

use std::collections::BTreeMap;

use lifecycle::Fault;
use regex_lite::Regex;

use super::node::{Kind, Node};
use crate::finding::Findings;
use crate::schema::nearest;

/// The most bytes of a parameter's value.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
pub const LARGEST_PARAMETER: usize = 4_096;

/// Filled in from `tiers.json`.
const TIERS: &str = "Tiers";

/// The values that a file gives, by parameter: text, or lists of text joined by commas.
pub(super) fn given(
    file: &str,
    text: &str,
    findings: &mut Findings,
) -> BTreeMap<String, (usize, String)> {
    let mut values = BTreeMap::new();
    let text = text.trim_start_matches('\u{feff}');
    let document = match Node::parse(text) {
        Ok(Some(document)) => document,
        Ok(None) => return values,
        Err((line, fault)) => {
            findings.push(file, line, fault);
            return values;
        }
    };
    if !matches!(document.kind, Kind::Map(_)) {
        let rule = "must be lines such as HomeRegion: eu-central-1";
        findings.push(file, Some(document.line), Fault::of("the file", "what it says", rule));
    }
    for (name, value) in document.members() {
        match plain(value) {
            Some(text) => drop(values.insert(name.clone(), (value.line, text))),
            None => {
                let rule = "must be text or a list of texts: JSON stands between quotes";
                findings.push(file, Some(value.line), Fault::of(&**name, "what it says", rule));
            }
        }
    }
    values
}

fn plain(value: &Node) -> Option<String> {
    match &value.kind {
        Kind::Text(text) => Some(text.clone()),
        Kind::List(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(|it| Some(it.text()?.trim())).collect();
            Some(texts?.join(","))
        }
        Kind::Map(_) | Kind::Call(..) => None,
    }
}

/// Everything that is wrong with the values.
pub(super) fn check(
    file: &str,
    given: &BTreeMap<String, (usize, String)>,
    declared: &[(String, Node)],
    findings: &mut Findings,
) {
    let names: Vec<String> = declared.iter().map(|(name, _)| name.clone()).collect();
    for (name, (line, value)) in given {
        let fault = match declared.iter().find(|(known, _)| known == name) {
            _ if name == TIERS => Some(Fault::of(name, "its value", "comes from tiers.json")),
            Some((_, parameter)) => one(name, value, parameter),
            None => {
                let meant = nearest(name, &names).map(|near| format!("; {near} is meant?"));
                let rule = format!("is no parameter of the template{}", meant.unwrap_or_default());
                Some(Fault::new(name, name, rule))
            }
        };
        if let Some(fault) = fault {
            findings.push(file, Some(*line), fault);
        }
    }
    for (name, parameter) in declared {
        if !given.contains_key(name) && name != TIERS && parameter.get("Default").is_none() {
            findings.push(file, None, Fault::missing(name));
        }
    }
}

fn one(name: &str, value: &str, parameter: &Node) -> Option<Fault> {
    let text = |key: &str| parameter.get(key).and_then(Node::text);
    let number = |key: &str| text(key).and_then(|text| text.parse::<i64>().ok());
    if value.len() > LARGEST_PARAMETER {
        let rule = format!("must not be above the {LARGEST_PARAMETER} bytes of a parameter");
        return Some(Fault::of(name, format!("{} bytes", value.len()), rule));
    }
    let kind = text("Type").unwrap_or("String");
    let items: Vec<&str> = match value {
        "" => vec![""],
        list if kind.contains("List") => list.split(',').collect(),
        one => vec![one],
    };
    let allowed: Vec<&str> = parameter
        .get("AllowedValues")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(Node::text)
        .collect();
    let pattern = text("AllowedPattern");
    for item in &items {
        if !allowed.is_empty() && !allowed.contains(item) {
            return Some(Fault::new(name, item, format!("must be one of {}", allowed.join(", "))));
        }
        // CloudFormation matches the whole value.
        if let Some(pattern) = pattern
            && Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|it| !it.is_match(item))
        {
            return Some(Fault::new(name, item, format!("must match {pattern}")));
        }
        // One that lost a zero guards nobody.
        if name.ends_with("AccountIds")
            && !item.is_empty()
            && !(item.len() == 12 && item.bytes().all(|b| b.is_ascii_digit()))
        {
            let rule = "must be an account's id: twelve digits, zeros in front too";
            return Some(Fault::new(name, item, rule));
        }
    }
    let length = i64::try_from(value.chars().count()).unwrap_or(i64::MAX);
    if number("MaxLength").is_some_and(|most| length > most) {
        let rule = format!("must have at most {} characters", text("MaxLength")?);
        return Some(Fault::new(name, value, rule));
    }
    if kind != "Number" {
        return None;
    }
    let (least, most) = (number("MinValue"), number("MaxValue"));
    let fits = value.parse::<i64>().is_ok_and(|value| {
        least.is_none_or(|least| value >= least) && most.is_none_or(|most| value <= most)
    });
    let bound = |bound: Option<i64>| bound.map_or("any".to_owned(), |bound| bound.to_string());
    let rule = format!("must be a number from {} to {}", bound(least), bound(most));
    (!fits).then(|| Fault::new(name, value, rule))
}
