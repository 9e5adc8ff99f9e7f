//! What the files say, which nobody at AWS has to be asked about.

use std::collections::BTreeMap;

use gate_rules::{check_parameters, is_gate_set};
use jiff::tz::TimeZone;

use super::super::finding::Finding;
use super::super::plan::Plan;
use super::Findings;

/// The longest address that AWS takes for a root user.
const LONGEST_ADDRESS: usize = 64;
/// The length of a UUID, the longest id that tenants commonly have.
const UUID: usize = 36;

/// What is wrong with the files.
pub(in super::super) fn files(plan: Plan<'_>) -> Vec<Finding> {
    let mut found = Findings::default();
    for fault in plan.files.of_parameters.iter() {
        let line = fault.line.map(|line| format!(", line {line}")).unwrap_or_default();
        let (at, fault) = (format!("{}{line}", fault.file), &fault.fault);
        found.add("Parameter", at, fault.to_string(), format!("set {} right", fault.field));
    }
    if let Err(faults) = &plan.files.configuration {
        for fault in faults.iter() {
            let todo = "mend it; `landlord config check` checks it without AWS";
            found.add("Configuration", fault.file.clone(), fault.to_string(), todo);
        }
    }
    sizes(plan, &mut found);
    gate(plan, &mut found);
    home_region(plan, &mut found);
    time_zones(plan, &mut found);
    closings(plan, &mut found);
    found.0
}

fn sizes(plan: Plan<'_>, found: &mut Findings) {
    let (bytes, most) = (plan.files.tiers_bytes, configuration::stack::LARGEST_PARAMETER);
    if bytes > most {
        let wrong = format!("they have {bytes} bytes as a parameter, which holds {most}");
        let todo =
            "say less in tiers.json: fewer tiers, shorter names, no overrides that are the default";
        found.add("TiersTooLarge", "tiers.json", wrong, todo);
    }
    let (local, domain) = (plan.value("EmailLocalPart"), plan.value("EmailDomain"));
    let longest = local.len() + 1 + UUID + 1 + domain.len();
    if longest > LONGEST_ADDRESS {
        let room = LONGEST_ADDRESS.saturating_sub(local.len() + 2 + domain.len());
        let wrong = format!(
            "{local}+<tenant id>@{domain} may have {LONGEST_ADDRESS} characters at AWS: a tenant whose id \
             is longer than {room} is refused, a UUID has {UUID}"
        );
        let todo = "set a shorter EmailLocalPart or EmailDomain, or accept it where ids are short";
        found.add("AddressTooLong", "EmailLocalPart and EmailDomain", wrong, todo);
    }
}

/// The gate's settings, read by its own parser, and its Regions.
fn gate(plan: Plan<'_>, found: &mut Findings) {
    let settings: BTreeMap<String, String> = gate_rules::PARAMETERS
        .iter()
        .filter_map(|(name, _)| {
            let value = plan.files.values.get(&format!("Gate{name}"))?;
            (!value.is_empty()).then(|| ((*name).to_owned(), value.clone()))
        })
        .collect();
    for fault in check_parameters(&settings).err().into_iter().flatten() {
        let at = format!("Gate{}", fault.field);
        let wrong = format!("the gate cannot read it and would veto everything: {fault}");
        found.add(
            "GateSettings",
            at,
            wrong,
            "set it right; `landlord gate preview` shows what it means",
        );
    }
    let regions = plan.list("GateRegions");
    if plan.gate_key().is_some() && regions.is_empty() {
        let todo = "set GateRegions to the Regions of all tiers, or GateArtifactKey to ''";
        let wrong = "a key is given and no Region, so no gate is made";
        found.add("GateWithoutRegions", "GateArtifactKey and GateRegions", wrong, todo);
        return;
    }
    let Ok(configuration) = &plan.files.configuration else { return };
    for (tier, it) in configuration.tiers.iter() {
        for set in it.baseline.iter().filter(|set| is_gate_set(set.name.as_str())) {
            let wanted = set.regions.iter().map(ToString::to_string);
            let missing: Vec<String> = wanted.filter(|region| !regions.contains(region)).collect();
            if !regions.is_empty() && !missing.is_empty() {
                let missing = missing.join(", ");
                let wrong =
                    format!("tier {tier} has the gate in {missing}, where its code has no bucket");
                let todo = format!("add {missing} to GateRegions");
                found.add("GateRegion", "GateRegions and tiers.json", wrong, todo);
            }
        }
    }
}

fn home_region(plan: Plan<'_>, found: &mut Findings) {
    let home = plan.value("HomeRegion");
    let Ok(configuration) = &plan.files.configuration else { return };
    for (tier, it) in configuration.tiers.iter() {
        let mut regions = it.baseline.iter().flat_map(|set| &set.regions);
        if !regions.any(|region| region.as_str() == home) {
            let wrong = format!(
                "tier {tier} has no baseline in {home}, where the baseline makes an account's global \
                 resources"
            );
            let todo =
                format!("add {home} to the Regions of tier {tier}, or set another HomeRegion");
            found.add("HomeRegion", "HomeRegion and tiers.json", wrong, todo);
        }
    }
}

fn time_zones(plan: Plan<'_>, found: &mut Findings) {
    // A machine without the data of time zones knows none.
    if TimeZone::get("Europe/London").is_err() {
        return;
    }
    for name in ["SweepTimezone", "RehearsalTimezone"] {
        let zone = plan.value(name);
        if TimeZone::get(zone).is_err() {
            let wrong = format!("the IANA knows no time zone \"{zone}\"");
            found.add("TimeZone", name, wrong, "name one such as Europe/Berlin or UTC");
        }
    }
}

/// Settings with which a sweep that is switched on never closes anybody.
fn closings(plan: Plan<'_>, found: &mut Findings) {
    if plan.value("SweepsEnabled") != "true" || plan.value("SweepDryRun") == "true" {
        return;
    }
    let (reserve, floor) = (plan.number("CloseReserve"), plan.number("CloseQuotaFloor"));
    let why = if plan.number("CloseAtMost") < 1.0 {
        "CloseAtMost is 0".to_owned()
    } else if reserve >= floor {
        format!("CloseReserve ({reserve}) leaves nothing of AWS's quota ({floor} and more)")
    } else {
        return;
    };
    let wrong = format!("sweeps are switched on and never close an account: {why}");
    found.add("NothingCloses", "CloseAtMost and CloseReserve", wrong, "set what a sweep may close");
}
