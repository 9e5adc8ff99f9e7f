//! The seconds of a rollout's plan, at the world's pace.
//!
//! Functions measure dwell times and pauses by the machine's clock, which no pace changes. So a
//! plan that asks for half an hour is handed to `plan-rollout` with a minute and a half at pace 20,
//! and says so in its waves. Deadlines stay: they bound real work.

use bytes::Bytes;
use serde_json::{Value, json};

/// What a wave dwells without `dwellSeconds`.
const DWELL: u64 = 900;
/// How long new tenants wait at most without `newTenantsWaitSeconds`.
const NEW_TENANTS: u64 = 300;
/// The shortest time between two tries at what is vetoed that a plan may ask for.
const SHORTEST_BETWEEN_TRIES: u64 = 30;

/// The request of `plan-rollout` with its plan's seconds at the pace; one whose plan cannot be
/// read is passed on as it is, for the function to say what is wrong.
pub(crate) fn of_request(payload: Bytes, pace: f64) -> Bytes {
    let Ok(mut request) = serde_json::from_slice::<Value>(&payload) else { return payload };
    let named = request.pointer("/input/plan").cloned();
    // A rehearsal that names no plan has one of its own.
    let rehearses = request.pointer("/input/rehearse") == Some(&json!(true));
    let plan = named.or_else(|| rehearses.then(|| json!("rehearse")));
    let Some(plan) = plan.as_ref().and_then(of_plan(pace)) else { return payload };
    request["input"]["plan"] = plan;
    Bytes::from(request.to_string())
}

fn of_plan(pace: f64) -> impl Fn(&Value) -> Option<Value> {
    move |plan| {
        let mut plan = rollout::whole_plan(plan)?;
        for wave in plan.get_mut("waves")?.as_array_mut()? {
            shorten(wave.as_object_mut()?, "dwellSeconds", Some(DWELL), (pace, 1));
        }
        if let Some(retry) = plan.get_mut("retry").and_then(Value::as_object_mut) {
            shorten(retry, "backoffSeconds", None, (pace, 1));
            shorten(retry, "vetoedEverySeconds", None, (pace, SHORTEST_BETWEEN_TRIES));
        }
        shorten(plan.as_object_mut()?, "newTenantsWaitSeconds", Some(NEW_TENANTS), (pace, 1));
        Some(plan)
    }
}

/// Divides a number of seconds, not below the least; what is no number is left to the function's
/// own check.
fn shorten(
    map: &mut serde_json::Map<String, Value>,
    name: &str,
    without_it: Option<u64>,
    (pace, least): (f64, u64),
) {
    let seconds = match map.get(name) {
        None | Some(Value::Null) => without_it,
        Some(value) => value.as_u64(),
    };
    let Some(seconds) = seconds.filter(|seconds| *seconds > 0) else { return };
    let paced = std::time::Duration::from_secs(seconds).div_f64(pace);
    map.insert(name.to_owned(), json!(paced.as_secs().max(least)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paced(plan: Value) -> Value {
        let request = json!({ "input": { "stackSet": "s", "plan": plan }, "name": "n" });
        let paced = of_request(Bytes::from(request.to_string()), 20.0);
        let paced: Value = serde_json::from_slice(&paced).unwrap();
        assert_eq!(paced["name"], "n");
        paced["input"]["plan"].clone()
    }

    #[test]
    fn dwell_and_pauses_follow_the_pace_and_the_deadline_does_not() {
        let plan = paced(json!("routine"));
        let dwell: Vec<&Value> =
            plan["waves"].as_array().unwrap().iter().map(|wave| &wave["dwellSeconds"]).collect();
        assert_eq!(dwell, [90, 90, 45]);
        assert_eq!(plan["retry"]["vetoedEverySeconds"], 45);
        assert_eq!(plan["newTenantsWaitSeconds"], 15);
        assert_eq!(plan["deadlineSeconds"], 172_800);
    }

    #[test]
    fn what_is_not_said_is_shortened_too_and_nothing_stays_nothing() {
        let wave =
            |dwell| json!({ "name": "all", "accounts": { "rest": true }, "dwellSeconds": dwell });
        assert_eq!(paced(json!({ "waves": [wave(Value::Null)] }))["waves"][0]["dwellSeconds"], 45);
        assert_eq!(paced(json!({ "waves": [wave(json!(0))] }))["waves"][0]["dwellSeconds"], 0);
        assert_eq!(paced(json!({ "waves": [wave(json!(3))] }))["waves"][0]["dwellSeconds"], 1);
    }

    #[test]
    fn a_plan_with_faults_is_left_to_the_function() {
        assert_eq!(paced(json!("reckless")), "reckless");
        assert_eq!(paced(json!(7)), 7);
    }
}
