//! What services, templates and tiers say of each other.

use std::collections::BTreeSet;

use lifecycle::Fault;
use serde_json::Value;

use crate::finding::Findings;
use crate::schema::{nearest, unknown};
use crate::service::Service;
use crate::source::Source;
use crate::template::Template;

/// Holds every service against its template and against the others. Of half a catalogue nothing is
/// said that the other half may answer.
pub(crate) fn check(read: &[(Source, Service)], is_complete: bool, findings: &mut Findings) {
    let names: Vec<String> = read.iter().map(|(_, one)| one.stack_set.to_string()).collect();
    for (index, (source, service)) in read.iter().enumerate() {
        if names[..index].contains(&names[index]) {
            let rule = "must not be the stack set of another service";
            findings.one(source, Fault::new("stackSet", &names[index], rule));
        }
        for (number, after) in service.after.iter().enumerate() {
            if is_complete && !names.iter().any(|name| name == after.as_str()) {
                let at = format!("after[{number}]");
                findings
                    .one(source, Fault::new(at, after.as_str(), not_there(after.as_str(), &names)));
            }
        }
        parameters(source, service, findings);
        if service.template.makes_iam
            && service.capabilities.iter().all(|it| it == "CAPABILITY_AUTO_EXPAND")
        {
            let rule = "where CAPABILITY_IAM or CAPABILITY_NAMED_IAM is required: the template makes resources of IAM";
            findings.one(source, Fault::of("capabilities", "nothing", rule));
        }
    }
    circles(read, findings);
}

fn not_there(name: &str, names: &[String]) -> String {
    match nearest(name, names) {
        Some(near) => format!("must be the stack set of a service in services/; {near} is meant?"),
        None => format!("must be the stack set of a service in services/: {}", names.join(", ")),
    }
}

fn parameters(source: &Source, service: &Service, findings: &mut Findings) {
    let template = &service.template;
    for (name, value) in &service.parameters {
        let at = format!("parameters.{name}");
        if let Some(fault) = parameter(template, &at, name, value) {
            findings.one(source, fault);
        }
    }
    for (name, declared) in &template.parameters {
        if !declared.has_default && !service.parameters.contains_key(name) {
            findings.one(source, Fault::missing(format!("parameters.{name}")));
        }
    }
    for (index, name) in
        source.value["tenantParameters"].as_array().into_iter().flatten().enumerate()
    {
        let name = name.as_str().unwrap_or_default();
        if !template.parameters.contains_key(name) {
            let fault =
                Fault::new(format!("tenantParameters[{index}]"), name, undeclared(template, name));
            findings.one(source, fault);
        }
    }
}

fn undeclared(template: &Template, name: &str) -> String {
    let known: Vec<String> = template.parameters.keys().cloned().collect();
    format!("is no parameter of the template: {}", unknown(name, &known))
}

/// What is wrong with a value of a parameter.
fn parameter(template: &Template, at: &str, name: &str, value: &str) -> Option<Fault> {
    let Some(declared) = template.parameters.get(name) else {
        return Some(Fault::new(at, name, undeclared(template, name)));
    };
    match references(value) {
        Err(wrong) => {
            let rule = "must be ${Parameter.NAME} or ${Output.NAME}, of Landlord's own stack";
            Some(Fault::new(at, wrong, rule))
        }
        Ok(references) => {
            let is_known = !references.is_empty();
            let allowed = &declared.allowed;
            (!is_known && !allowed.is_empty() && !allowed.iter().any(|it| it == value))
                .then(|| Fault::new(at, value, format!("must be one of {}", allowed.join(", "))))
        }
    }
}

/// The references in a value, such as `Parameter.HomeRegion`; or the part that is none.
pub(crate) fn references(value: &str) -> Result<Vec<&str>, &str> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some(start) = rest.find("${") {
        let from = &rest[start..];
        let inner = from[2..].split_once('}').map(|(inner, _)| inner).ok_or(from)?;
        let name = inner.strip_prefix("Parameter.").or_else(|| inner.strip_prefix("Output."));
        let holds = name.is_some_and(|name| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        if !holds {
            return Err(from);
        }
        found.push(inner);
        rest = &from[inner.len() + 3..];
    }
    Ok(found)
}

/// Whoever waits for itself, by itself or by what it waits for.
fn circles(read: &[(Source, Service)], findings: &mut Findings) {
    let known = |name: &str| read.iter().any(|(_, one)| one.stack_set.as_str() == name);
    let mut ready: BTreeSet<&str> = BTreeSet::new();
    while let Some((_, next)) = read.iter().find(|(_, one)| {
        !ready.contains(one.stack_set.as_str())
            && one.after.iter().all(|it| ready.contains(it.as_str()) || !known(it.as_str()))
    }) {
        ready.insert(next.stack_set.as_str());
    }
    for (source, service) in read.iter().filter(|(_, it)| !ready.contains(it.stack_set.as_str())) {
        let rule = "must not wait for itself, by itself or by what it waits for";
        findings.one(source, Fault::new("after", service.stack_set.as_str(), rule));
    }
}

/// Holds the tiers against the catalogue.
pub(crate) fn check_tiers(tiers: &Source, services: &[Service], findings: &mut Findings) {
    let names: Vec<String> = services.iter().map(|one| one.stack_set.to_string()).collect();
    for (tier, described) in tiers.value["tiers"].as_object().into_iter().flatten() {
        let baseline = described["baseline"].as_array().into_iter().flatten();
        for (index, entry) in baseline.enumerate() {
            let at = format!("tiers.{tier}.baseline[{index}]");
            let name = entry["stackSet"].as_str().unwrap_or_default();
            match services.iter().find(|one| one.stack_set.as_str() == name) {
                Some(service) => check_entry(tiers, &at, entry, service, findings),
                None => {
                    let fault = Fault::new(format!("{at}.stackSet"), name, not_there(name, &names));
                    findings.one(tiers, fault);
                }
            }
        }
    }
}

fn check_entry(
    tiers: &Source,
    at: &str,
    entry: &Value,
    service: &Service,
    findings: &mut Findings,
) {
    for (index, region) in entry["regions"].as_array().into_iter().flatten().enumerate() {
        let region = region.as_str().unwrap_or_default();
        let regions = &service.regions;
        if !regions.is_empty() && !regions.iter().any(|one| one.as_str() == region) {
            let names: Vec<&str> = regions.iter().map(|one| one.as_str()).collect();
            let rule =
                format!("must be a Region of the service {}: {}", service.name, names.join(", "));
            findings.one(tiers, Fault::new(format!("{at}.regions[{index}]"), region, rule));
        }
    }
    for (name, value) in entry["parameterOverrides"].as_object().into_iter().flatten() {
        let at = format!("{at}.parameterOverrides.{name}");
        let value = value.as_str().unwrap_or_default();
        if value.contains("${") {
            let rule = "must be the value itself: only services refer to Landlord's stack";
            findings.one(tiers, Fault::new(at, value, rule));
        } else if let Some(fault) = parameter(&service.template, &at, name, value) {
            findings.one(tiers, fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_and_what_is_none_is_named() {
        assert_eq!(references("plain"), Ok(vec![]));
        let two = "a-${Parameter.Home}-${Output.Bucket2}";
        assert_eq!(references(two), Ok(vec!["Parameter.Home", "Output.Bucket2"]));
        for wrong in ["${AWS::Region}", "${Parameter.}", "${Output.a.b}", "x${Parameter.A"] {
            assert!(references(wrong).is_err(), "{wrong}");
        }
    }
}
