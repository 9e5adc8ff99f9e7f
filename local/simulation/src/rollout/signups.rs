//! What became of tenants that signed up while a change was on its way.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::measure::{all_operations, minutes, moment, version};
use super::report::Signups;
use super::run::Scene;
use crate::deployment::Error;

const HOUR: Duration = Duration::from_secs(3600);

/// Waits until the tenants that signed up are ready, and looks at their templates.
pub(crate) async fn signups(
    scene: &mut Scene,
    sent: &BTreeSet<String>,
    described: &Value,
) -> Result<Signups, Error> {
    let mut signups = Signups { sent: sent.len(), ..Signups::default() };
    if sent.is_empty() {
        return Ok(signups);
    }
    let began = scene.started();
    let ready = scene.world.gather(24 * HOUR, &["TenantReady"], sent.len()).await?;
    let proven = if described["status"] == "SUCCEEDED" { "2" } else { "1" };
    let mut last = began;
    for event in &ready {
        let account = event.detail["accountId"].as_str().unwrap_or_default().to_owned();
        signups.ready += 1;
        if let Some(at) = moment(&event.detail["readyAt"]) {
            last = last.max(at);
        }
        let home = scene.world.aws().settings().home_region.clone();
        let has = version(scene, &account, &home).await;
        signups.with_proven_template += usize::from(has.as_deref() == Some(proven));
    }
    let all = all_operations(scene).await?;
    signups.enrolled_unproven = unproven(&all);
    let hours = minutes(began, last) / 60.0;
    if hours > 0.0 {
        #[expect(clippy::cast_precision_loss, reason = "counts of tenants")]
        let ready = signups.ready as f64;
        signups.ready_per_hour = ready / hours;
    }
    Ok(signups)
}

/// Enrolments between the first operation of the first wave and the first one of the last wave,
/// by the names of operations alone.
fn unproven(operations: &[(String, Timestamp)]) -> usize {
    // `roll-<hash>-w03of08-…`
    let wave = |id: &str| -> Option<(u32, u32)> {
        let part = id.strip_prefix("roll-")?.split('-').nth(1)?;
        let (number, of) = part.strip_prefix('w')?.split_once("of")?;
        Some((number.parse().ok()?, of.trim_end_matches('a').parse().ok()?))
    };
    let mut times: Vec<(&String, &Timestamp)> =
        operations.iter().map(|(id, at)| (id, at)).collect();
    times.sort_by_key(|(_, at)| **at);
    let mut is_unproven = false;
    let mut count = 0;
    for (id, _) in times {
        match wave(id) {
            Some((number, of)) => is_unproven = number < of,
            None if id.starts_with("roll-") => is_unproven = false,
            None => count += usize::from(is_unproven && id.starts_with("enrol-")),
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enrolment_between_the_first_and_the_last_wave_is_found() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let ids =
            ["enrol-1", "roll-abc-w01of02-000-r0", "enrol-2", "roll-abc-w02of02-000-r0", "enrol-3"];
        let log: Vec<(String, Timestamp)> =
            ids.iter().zip(0..).map(|(id, second)| ((*id).to_owned(), at(second))).collect();
        assert_eq!(unproven(&log), 1);
    }
}
