//! Follows signups to their end, and shows each step on standard error as it happens.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simulation::deployment::{Announcement, Deployment, Error, Listener};

/// A tenant whose signup was admitted.
#[derive(Debug, Clone)]
pub(super) struct Followed {
    pub(super) execution_arn: String,
    pub(super) step: String,
    pub(super) admitted: Duration,
    /// The announcement that ended it, and when.
    pub(super) ended: Option<(Announcement, Duration)>,
}

/// Signup events that have no end yet, and whose they are.
#[derive(Debug, Default)]
pub(super) struct Unanswered(pub(super) BTreeMap<String, String>);

/// Follows signups.
#[derive(Debug)]
pub(super) struct Follower {
    deployment: Deployment,
    listener: Listener,
    started: Instant,
    pub(super) unanswered: Unanswered,
    /// By tenant id.
    pub(super) tenants: BTreeMap<String, Followed>,
    /// `TenantRejected` details, in order.
    pub(super) rejected: Vec<Value>,
    /// Signups answered as duplicates.
    pub(super) duplicates: usize,
}

impl Follower {
    pub(super) fn new(deployment: &Deployment, listener: Listener) -> Self {
        Self {
            deployment: deployment.clone(),
            listener,
            started: Instant::now(),
            unanswered: Unanswered::default(),
            tenants: BTreeMap::new(),
            rejected: Vec::new(),
            duplicates: 0,
        }
    }

    /// How long it has been.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Puts a signup on the bus and waits for its end from now on.
    pub(super) async fn sign_up(&mut self, detail: &Value) -> Result<(), Error> {
        let id = self.deployment.sign_up(detail).await?;
        let tenant = detail["tenantId"].as_str().unwrap_or_default();
        self.unanswered.0.insert(id, tenant.to_owned());
        Ok(())
    }

    /// Follows all signups to their end, `most` at the most.
    pub(super) async fn follow(&mut self, most: Duration) -> Result<(), Error> {
        let waiting = self.unanswered.0.len();
        self.tell("signups", &format!("{waiting} sent"));
        while !self.is_over() && self.elapsed() < most {
            for announcement in self.listener.next().await? {
                self.hear(announcement);
            }
            self.look().await?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.unanswered.0.is_empty() && self.tenants.values().all(|tenant| tenant.ended.is_some())
    }

    fn tell(&self, who: &str, what: &str) {
        eprintln!("{:7.1} s  {who:<24} {what}", self.elapsed().as_secs_f64());
    }

    fn hear(&mut self, announcement: Announcement) {
        let detail = &announcement.detail;
        let text = |name: &str| detail[name].as_str().unwrap_or_default().to_owned();
        let tenant = text("tenantId");
        // An admission is the first answer and not the last: each event has an end of its own.
        if announcement.name != "TenantAdmitted" {
            self.unanswered.0.remove(&text("eventId"));
        }
        let elapsed = self.elapsed();
        match announcement.name.as_str() {
            "TenantRejected" => {
                let faults = detail["reasons"].as_array().map_or(0, Vec::len);
                let who = if tenant.is_empty() { "(no tenant id)" } else { &tenant };
                self.tell(who, &format!("rejected: {faults} faults"));
                self.rejected.push(announcement.detail);
            }
            "TenantAdmitted" => {
                let duplicate = detail["duplicate"] == true;
                self.tell(&tenant, if duplicate { "answered: a duplicate" } else { "admitted" });
                self.duplicates += usize::from(duplicate);
                let execution_arn = text("executionArn");
                let followed = self.tenants.entry(tenant).or_insert_with(|| Followed {
                    execution_arn: execution_arn.clone(),
                    step: String::new(),
                    admitted: elapsed,
                    ended: None,
                });
                // Another signup of a tenant that was answered: the next execution looks anew.
                if followed.execution_arn != execution_arn && !duplicate {
                    *followed = Followed {
                        execution_arn,
                        step: String::new(),
                        admitted: elapsed,
                        ended: None,
                    };
                }
            }
            name @ ("TenantReady"
            | "TenantLeft"
            | "TenantSignupContradicted"
            | "TenantOnboardingFailed") => {
                self.tell(&tenant, &ending(name, detail));
                let execution_arn = text("executionArn");
                let followed = self.tenants.entry(tenant).or_insert_with(|| Followed {
                    execution_arn,
                    step: String::new(),
                    admitted: elapsed,
                    ended: None,
                });
                followed.ended = Some((announcement, elapsed));
            }
            other => self.tell(&tenant, other),
        }
    }

    /// Looks in which state each running execution is.
    async fn look(&mut self) -> Result<(), Error> {
        let running: Vec<(String, String)> = self
            .tenants
            .iter()
            .filter(|(_, tenant)| tenant.ended.is_none())
            .map(|(id, tenant)| (id.clone(), tenant.execution_arn.clone()))
            .collect();
        for (id, execution_arn) in running {
            let Some(step) = step(&self.deployment, &execution_arn).await? else { continue };
            let changed = self.tenants.get_mut(&id).is_some_and(|tenant| {
                let changed = tenant.step != step;
                tenant.step.clone_from(&step);
                changed
            });
            if changed {
                self.tell(&id, &step);
            }
        }
        Ok(())
    }
}

fn ending(name: &str, detail: &Value) -> String {
    let text = |name: &str| detail[name].as_str().unwrap_or("?");
    match name {
        "TenantReady" => format!("READY in account {}", text("accountId")),
        "TenantLeft" => "LEFT before it was ready".to_owned(),
        "TenantSignupContradicted" => {
            format!("CONTRADICTED by account {}; a signup changes nothing", text("accountId"))
        }
        _ => format!("FAILED in {}: {}", text("step"), text("error")),
    }
}

/// The task that an execution is at: waits and questions around it are left out.
async fn step(deployment: &Deployment, execution_arn: &str) -> Result<Option<String>, Error> {
    let input = json!({
        "executionArn": execution_arn, "reverseOrder": true, "maxResults": 40,
        "includeExecutionData": false,
    });
    let history = deployment.ask("states", "GetExecutionHistory", input).await?;
    let events = history["events"].as_array().cloned().unwrap_or_default();
    Ok(events
        .iter()
        .filter(|event| event["type"] == "TaskStateEntered")
        .find_map(|event| event["stateEnteredEventDetails"]["name"].as_str())
        .map(str::to_owned))
}
