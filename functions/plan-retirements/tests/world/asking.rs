//! How these tests ask the function, and what they read of its answer.

use lambda_kit::{Clock, Diagnostic};
use plan_retirements::{App, Config, handle};
use serde_json::Value;

use super::{RETIRING, SUSPENDED, World};

pub(crate) const REQUEST: &str = include_str!("../../events/plan.json");
pub(crate) const NOW: &str = "2026-11-21T10:00:00Z";

pub(crate) fn config(more: &'static [(&'static str, &'static str)]) -> Config {
    Config::load(&move |name| {
        let given = more.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let value = given.or(match name {
            "RETIRING_OU_ID" => Some(RETIRING),
            "SUSPENDED_OU_ID" => Some(SUSPENDED),
            "MANAGEMENT_ACCOUNT_ID" => Some("111122223333"),
            "PROTECTED_ACCOUNT_IDS" => Some("000000000005"),
            "RUNS_BUCKET" => Some("runs"),
            "EVENT_BUS_NAME" => Some("landlord"),
            "BREAKER_PERCENT" => Some("100"),
            _ => None,
        });
        value.map(str::to_owned)
    })
    .unwrap()
}

pub(crate) async fn ask_at(
    world: &World,
    config: Config,
    change: impl FnOnce(&mut Value),
    clock: Clock,
) -> Result<Value, Diagnostic> {
    let app = App::new(&world.model().wire("eu-central-1"), config, clock);
    let mut request: Value = serde_json::from_str(REQUEST).unwrap();
    change(&mut request);
    lambda_kit::call(&app, &handle, request).await
}

pub(crate) async fn ask(
    world: &World,
    change: impl FnOnce(&mut Value),
) -> Result<Value, Diagnostic> {
    ask_at(world, config(&[]), change, Clock::fixed(NOW.parse().unwrap())).await
}

pub(crate) async fn plan(world: &World) -> Value {
    ask(world, |_| ()).await.unwrap()
}

pub(crate) fn report(request: &mut Value) {
    request["action"] = "REPORT".into();
}

pub(crate) fn document_of(world: &World) -> String {
    world.object("sweeps/sweep-1/report.md")
}

pub(crate) fn said(world: &World) -> Value {
    let event = world.0.lock().unwrap().events.last().unwrap().clone();
    serde_json::from_str(event["Detail"].as_str().unwrap()).unwrap()
}

pub(crate) const THROWN: &str =
    r#"{"stopped":true,"reason":"wrong tenants","by":"ops","since":"2026-11-21T09:00:00Z"}"#;
