//! The brake before leaving: of all live tenants only a share may go out of service within an hour.
//! Whoever comes later is held, in service and untouched, until operators decide: a fault of the
//! signup system, or somebody who speaks for it, offboards everybody in a second.
//!
//! The right to leave is asked for before the wish is remembered, and once: what is in the
//! tenant's record has passed.

use jiff::{SignedDuration, Timestamp};
use lambda_kit::chain;
use lambda_kit::sdk::{Trouble, code};
use lifecycle::{ExecutionTimes, TenantId};
use rate_brake::{Held, Passage};
use serde::{Deserialize, Serialize};
use tenant_records::{LifecycleWish, Wish};

use crate::config::Config;
use crate::error::{Halt, halt};
use crate::handler::{App, subject};

/// The window of the brake.
pub(crate) const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// The name of the brake's file.
pub(crate) const NAME: &str = "offboardings";

/// What is kept from one call to the next.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct State {
    /// How long it was held, in seconds from the execution's start: that long more it may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held_seconds: Option<u32>,
}

/// What the brake says of an offboarding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Brake {
    /// It goes on.
    Passes,
    /// Operators have to decide.
    Holds(String),
    /// Operators dropped it.
    Drops,
}

/// What operators decided about the offboardings that came until a moment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Decision {
    decision: What,
    until: Timestamp,
    by: Option<String>,
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum What {
    Release,
    Drop,
}

impl App {
    /// Whether this wish may be taken now. Coming back is never held, nor is what is known.
    pub(crate) async fn brake(
        &self,
        tenant: &TenantId,
        wish: &LifecycleWish,
        times: &ExecutionTimes,
        state: &mut State,
    ) -> Result<Brake, Halt> {
        let about = subject(tenant);
        if wish.wish == Wish::Back {
            return Ok(Brake::Passes);
        }
        let record = Box::pin(self.records.read(tenant)).await;
        let record = record.map_err(|trouble| halt(&about, trouble))?;
        if record.is_some_and(|record| !record.is_news(wish)) {
            return Ok(Brake::Passes);
        }
        let now = self.clock.now();
        let because = match state.held_seconds {
            // Once held it waits for a decision: a crowd that leaves is not let go by the hour.
            Some(_) => "more tenants leave at once than may: operators have to decide".to_owned(),
            None => match Box::pin(self.pass(&about, now)).await? {
                Passage::Granted => return Ok(Brake::Passes),
                Passage::Held(held) => {
                    if held.tell {
                        Box::pin(self.tell(&about, &held)).await?;
                    }
                    format!(
                        "{} tenants left within an hour, and {} may: operators have to decide",
                        held.passed, held.most
                    )
                }
            },
        };
        let elapsed = times.elapsed(now).as_secs();
        state.held_seconds = Some(u32::try_from(elapsed).unwrap_or(u32::MAX));
        match Box::pin(self.decision(&about)).await? {
            Ok(Some(decision)) if times.started_at <= decision.until => {
                tracing::warn!(tenant.id = %tenant, event.id = wish.event_id, "{decision:?}");
                match decision.decision {
                    What::Release => Ok(Brake::Passes),
                    What::Drop => self.drop(tenant, wish, decision).await,
                }
            }
            Ok(_) => Ok(Brake::Holds(because)),
            Err(fault) => Ok(Brake::Holds(format!("{because}; {fault}"))),
        }
    }

    async fn pass(&self, about: &str, now: Timestamp) -> Result<Passage, Halt> {
        let floor = self.config.offboardings_floor;
        if self.offboardings.try_pass(now, floor).await.map_err(|it| halt(&about, it))? {
            return Ok(Passage::Granted);
        }
        // The fleet is counted only when its share matters.
        let live = match Box::pin(self.fleet.live(now)).await {
            Ok(Some(live)) => Some(live),
            Ok(None) => return Err(Halt::Wait("the live tenants are being counted".to_owned())),
            Err(trouble) => {
                let (Trouble::Passing(refusal) | Trouble::Refused(refusal)) = trouble;
                tracing::warn!("the live tenants are not counted: {}", chain(&refusal));
                None
            }
        };
        let most = most(&self.config, live);
        self.offboardings.pass(now, most).await.map_err(|it| halt(&about, it))
    }

    /// Operators are told before it is noted: twice is better than never.
    async fn tell(&self, about: &str, held: &Held) -> Result<(), Halt> {
        let text = notice(held, &self.config);
        self.topics
            .publish()
            .topic_arn(&self.config.topic_arn)
            .subject(SUBJECT)
            .message(text)
            .send()
            .await
            .map_err(|error| halt(&about, Trouble::of("sns", "Publish", &error)))?;
        self.offboardings.told().await.map_err(|trouble| halt(&about, trouble))
    }

    /// What operators decided; a fault when that is not to be understood.
    async fn decision(&self, about: &str) -> Result<Result<Option<Decision>, String>, Halt> {
        let name = &self.config.decision_parameter;
        let read = self.parameters.get_parameter().name(name).send().await;
        let output = match read {
            Ok(output) => output,
            Err(error) if code(&error) == Some("ParameterNotFound") => return Ok(Ok(None)),
            Err(error) => return Err(halt(&about, Trouble::of("ssm", "GetParameter", &error))),
        };
        let text = output.parameter.and_then(|parameter| parameter.value).unwrap_or_default();
        let fault = |error| format!("the parameter {name} is no decision: {error}");
        Ok(serde_json::from_str(&text).map(Some).map_err(fault))
    }

    /// The tenant is remembered as back at the same moment: of two wishes of one moment coming
    /// back counts, so the event changes nothing, however often it comes.
    async fn drop(
        &self,
        tenant: &TenantId,
        wish: &LifecycleWish,
        decision: Decision,
    ) -> Result<Brake, Halt> {
        let by = decision.by.unwrap_or_else(|| "an operator".to_owned());
        let back = LifecycleWish {
            wish: Wish::Back,
            occurred_at: wish.occurred_at,
            event_id: wish.event_id.clone(),
            reason: decision.reason.map(|reason| format!("dropped: {reason}")),
            by: Some(by),
        };
        let kept = Box::pin(self.records.wish(tenant, &back)).await;
        kept.map_err(|trouble| halt(&subject(tenant), trouble))?;
        Ok(Brake::Drops)
    }
}

/// How many tenants may leave within an hour. Of a fleet that nobody has counted, the floor.
fn most(config: &Config, live: Option<u64>) -> u32 {
    let share = live.unwrap_or(0).saturating_mul(u64::from(config.offboardings_percent)) / 100;
    u32::try_from(share).unwrap_or(u32::MAX).max(config.offboardings_floor)
}

const SUBJECT: &str = "Landlord: more tenants leave at once than may";

fn notice(held: &Held, config: &Config) -> String {
    let Config { decision_parameter: name, offboardings_percent, offboardings_floor, .. } = config;
    let command = |decision: &str| {
        format!(
            "  aws ssm put-parameter --name {name} --type String --overwrite --value \"$(jq -nc \
             '{{decision:\"{decision}\", until:(now|todate), by:env.USER, reason:\"...\"}}')\""
        )
    };
    format!(
        "{} tenants left within an hour, and {} may ({offboardings_percent} % of the live ones, at \
         least {offboardings_floor}: the parameters OffboardingsPercent and OffboardingsFloor). The \
         others are held since {}: their accounts are in service and untouched, and stay so for 14 \
         days, until you decide.\n\nIf nobody meant this, drop what has come until now; the signup \
         system hears TenantUnchanged, because DROPPED:\n\n{}\n\nIf it is meant, let them go on:\n\n\
         {}\n\nThey notice within half an hour on the first day. See \"Offboardings are held\" in the \
         runbook. This is told once.\n",
        held.passed,
        held.most,
        held.since,
        command("DROP"),
        command("RELEASE"),
    )
}

/// How long an offboarding is held at most.
pub(crate) const LONGEST: u32 = 14 * 86_400;

/// How long it may still take after it was held, in seconds from the execution's start.
pub(crate) fn extended(deadline_seconds: u32, state: &State) -> u32 {
    deadline_seconds.saturating_add(state.held_seconds.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let lookup = |name: &str| match name {
            "RUNS_BUCKET" => Some("runs".to_owned()),
            "TOPIC_ARN" => Some("arn:aws:sns:eu-central-1:1:failures".to_owned()),
            _ => None,
        };
        Config::load(&lookup).unwrap()
    }

    #[test]
    fn a_share_of_the_fleet_may_leave_and_the_floor_of_a_fleet_that_nobody_counted() {
        for (live, expected) in [
            (None, 20),
            (Some(0), 20),
            (Some(1_000), 20),
            (Some(6_000), 120),
            (Some(50_000), 1_000),
        ] {
            assert_eq!(most(&config(), live), expected, "{live:?}");
        }
    }

    #[test]
    fn operators_are_told_what_happened_and_both_commands() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let held = Held { passed: 120, most: 120, room_at: now, since: now, tell: true };
        let text = notice(&held, &config());
        for part in ["120 tenants left", "decision:\"DROP\"", "decision:\"RELEASE\"", "untouched"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(SUBJECT.is_ascii() && SUBJECT.len() <= 100);
    }

    #[test]
    fn a_decision_is_read_and_what_is_none_is_a_fault() {
        let good = r#"{"decision":"DROP","until":"2026-11-21T10:00:00Z","by":"ops","reason":"no"}"#;
        let decision: Decision = serde_json::from_str(good).unwrap();
        assert_eq!(decision.decision, What::Drop);
        for bad in [
            "",
            "{}",
            r#"{"decision":"DROP"}"#,
            r#"{"decision":"GO","until":"2026-11-21T10:00:00Z"}"#,
        ] {
            assert!(serde_json::from_str::<Decision>(bad).is_err(), "{bad}");
        }
    }
}
