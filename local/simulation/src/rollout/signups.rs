//! What became of tenants that signed up while a change was on its way, and how long it took
//! until they were ready.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::measure::{all_operations, minutes, moment, version};
use super::report::{Signups, Times};
use super::run::{LOOK, Scenario, Scene};
use crate::deployment::Error;
use crate::world::World;

const HOUR: Duration = Duration::from_secs(3600);

/// Tenants that sign up at a steady rate, each with the moment of it.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    per_hour: u32,
    pub(crate) sent: BTreeMap<String, Timestamp>,
}

impl Arrivals {
    pub(crate) fn of(per_hour: u32) -> Self {
        Self { per_hour, sent: BTreeMap::new() }
    }

    /// Signs up everybody who is due after so long.
    pub(crate) async fn send(&mut self, world: &World, elapsed: Duration) -> Result<(), Error> {
        let due = elapsed.as_secs_f64() / 3600.0 * f64::from(self.per_hour);
        while count(self.sent.len()) < due {
            let tenant = format!("new-{:04}", self.sent.len() + 1);
            let detail = json!({ "tenantId": tenant, "tenantName": "New", "tier": "standard" });
            let at = world.aws().now();
            world.deployment.sign_up(&detail).await?;
            self.sent.insert(tenant, at);
        }
        Ok(())
    }

    /// Waits until all of them are ready, for a day at most; the accounts, and the times.
    pub(crate) async fn to_ready(&self, world: &mut World) -> Result<(Vec<String>, Times), Error> {
        let ready = world.gather(24 * HOUR, &["TenantReady"], self.sent.len()).await?;
        let mut accounts = Vec::new();
        let mut seconds = Vec::new();
        for event in &ready {
            let tenant = event.detail["tenantId"].as_str().unwrap_or_default();
            let at = moment(&event.detail["readyAt"]).unwrap_or(event.at);
            if let Some(sent) = self.sent.get(tenant) {
                seconds.push(at.duration_since(*sent).as_secs_f64());
                accounts.push(event.detail["accountId"].as_str().unwrap_or_default().to_owned());
            }
        }
        Ok((accounts, Times::of(seconds)))
    }
}

/// Waits until the tenants that signed up are ready, looks at their templates, and lets as many
/// sign up in a world of its own in which nothing rolls out.
pub(crate) async fn signups(
    scenario: &Scenario,
    scene: &mut Scene,
    arrivals: &Arrivals,
    described: &Value,
) -> Result<Signups, Error> {
    let mut signups = Signups { sent: arrivals.sent.len(), ..Signups::default() };
    if arrivals.sent.is_empty() {
        return Ok(signups);
    }
    let began = scene.started();
    let went_on = arrivals.sent.values().max().copied().unwrap_or(began).duration_since(began);
    let (accounts, times) = arrivals.to_ready(&mut scene.world).await?;
    let proven = if described["status"] == "SUCCEEDED" { "2" } else { "1" };
    for account in &accounts {
        let home = scene.world.aws().settings().home_region.clone();
        let has = version(scene, account, &home).await;
        signups.with_proven_template += usize::from(has.as_deref() == Some(proven));
    }
    let all = all_operations(scene).await?;
    signups.enrolled_too_soon = too_soon(&all, scenario.new_tenants_wait());
    signups.ready = accounts.len();
    let hours = minutes(began, scene.world.aws().now()) / 60.0;
    if hours > 0.0 {
        signups.ready_per_hour = count(signups.ready) / hours;
    }
    signups.to_ready = times;
    let went_on = Duration::try_from(went_on).unwrap_or_default();
    signups.without_a_rollout = quiet(scenario, went_on).await?;
    Ok(signups)
}

/// The times of as many tenants where nothing rolls out.
async fn quiet(scenario: &Scenario, most: Duration) -> Result<Times, Error> {
    let scene = Scene::found(&scenario.fleet, scenario.instance).await?;
    let mut world = scene.world;
    let began = world.aws().now();
    let mut arrivals = Arrivals::of(scenario.signups_per_hour);
    loop {
        let elapsed = Duration::try_from(world.aws().now().duration_since(began));
        let elapsed = elapsed.unwrap_or_default();
        arrivals.send(&world, elapsed).await?;
        if elapsed >= most {
            break;
        }
        world.drain().await?;
        world.aws().sleep(LOOK).await;
    }
    Ok(arrivals.to_ready(&mut world).await?.1)
}

/// Enrolments in a rollout's first wave within the time for which new tenants wait, by the names
/// and times of operations alone.
fn too_soon(operations: &[(String, Timestamp)], wait: Duration) -> usize {
    // `roll-<hash>-w03of08-…`
    let wave = |id: &str| -> Option<u32> {
        let part = id.strip_prefix("roll-")?.split('-').nth(1)?;
        part.strip_prefix('w')?.split_once("of")?.0.parse().ok()
    };
    let mut times: Vec<(&String, &Timestamp)> =
        operations.iter().map(|(id, at)| (id, at)).collect();
    times.sort_by_key(|(_, at)| **at);
    let mut first: Option<(u32, Timestamp)> = None;
    let mut holds = false;
    let mut count = 0;
    for (id, at) in times {
        match wave(id) {
            Some(number) => {
                let (begins, _) = *first.get_or_insert((number, *at));
                holds = number == begins;
            }
            None if id.starts_with("roll-") => holds = false,
            None => {
                let within = first.is_some_and(|(_, since)| {
                    Duration::try_from(at.duration_since(since)).is_ok_and(|past| past < wait)
                });
                count += usize::from(holds && within && id.starts_with("enrol-"));
            }
        }
    }
    count
}

#[expect(clippy::cast_precision_loss, reason = "counts of tenants")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enrolment_in_the_first_wave_and_within_the_bound_is_found() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let log = |ids: [&str; 7]| -> Vec<(String, Timestamp)> {
            ids.iter().zip(0..).map(|(id, second)| ((*id).to_owned(), at(second * 100))).collect()
        };
        let log = log([
            "enrol-1",
            "roll-abc-w01of02-000-r0",
            "enrol-2",
            "enrol-3",
            "enrol-4",
            "roll-abc-w02of02-000-r0",
            "enrol-5",
        ]);
        assert_eq!(too_soon(&log, Duration::from_secs(300)), 2);
        assert_eq!(too_soon(&log, Duration::from_secs(900)), 3);
        assert_eq!(too_soon(&log, Duration::ZERO), 0);
    }
}
