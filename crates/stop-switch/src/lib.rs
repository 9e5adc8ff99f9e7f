#![doc = include_str!("../README.md")]

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::ParameterType;
use jiff::Timestamp;
use lambda_kit::client;
use lambda_kit::sdk::{Trouble, Wire, code};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Where the switch is, unless the environment says otherwise.
pub const STOP_PARAMETER: &str = "/landlord/stop";

/// The switch.
#[derive(Debug, Clone)]
pub struct StopSwitch {
    client: Client,
    parameter: String,
}

/// Everything irreversible is stopped: why, at whose word, since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// Why.
    pub reason: String,
    /// At whose word; nothing when the parameter does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Since when; nothing when the parameter does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("everything irreversible is stopped")?;
        if let Some(by) = &self.by {
            write!(f, " by {by}")?;
        }
        if let Some(since) = &self.since {
            write!(f, " since {since}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl StopSwitch {
    /// The switch at this parameter.
    pub fn new(wire: &Wire, parameter: impl Into<String>) -> Self {
        Self { client: client!(aws_sdk_ssm, wire), parameter: parameter.into() }
    }

    /// Reads the switch now. Nothing when it is not thrown; one that cannot be read is thrown.
    ///
    /// # Errors
    /// `Passing` alone: what AWS refuses for good is a stop.
    pub async fn read(&self) -> Result<Option<Stop>, Trouble> {
        match self.see().await {
            Err(Trouble::Refused(refusal)) => Ok(Some(Stop {
                reason: format!("the switch cannot be read: {refusal}"),
                by: None,
                since: None,
            })),
            seen => seen,
        }
    }

    /// Reads the switch now, for somebody who only looks: what AWS refuses says nothing of the
    /// switch.
    ///
    /// # Errors
    /// Whatever AWS answers but that there is no such parameter.
    pub async fn see(&self) -> Result<Option<Stop>, Trouble> {
        let read = self.client.get_parameter().name(&self.parameter).send().await;
        match read {
            Ok(output) => {
                let value = output.parameter.and_then(|parameter| parameter.value);
                Ok(stop(value.as_deref().unwrap_or_default(), &self.parameter))
            }
            Err(error) if code(&error) == Some("ParameterNotFound") => Ok(None),
            Err(error) => Err(Trouble::of("ssm", "GetParameter", &error)),
        }
    }

    /// Throws the switch; one that is thrown says from now on what `stop` says.
    ///
    /// # Errors
    /// Whatever AWS answers.
    pub async fn throw(&self, stop: &Stop) -> Result<(), Trouble> {
        let Stop { reason, by, since } = stop;
        let text = json!({ "stopped": true, "reason": reason, "by": by, "since": since });
        let put = self.client.put_parameter().name(&self.parameter).value(text.to_string());
        put.r#type(ParameterType::String)
            .overwrite(true)
            .send()
            .await
            .map(drop)
            .map_err(|error| Trouble::of("ssm", "PutParameter", &error))
    }

    /// Lifts the switch; one that is not there is lifted.
    ///
    /// # Errors
    /// Whatever AWS answers but that.
    pub async fn lift(&self) -> Result<(), Trouble> {
        match self.client.delete_parameter().name(&self.parameter).send().await {
            Ok(_) => Ok(()),
            Err(error) if code(&error) == Some("ParameterNotFound") => Ok(()),
            Err(error) => Err(Trouble::of("ssm", "DeleteParameter", &error)),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Text {
    stopped: bool,
    reason: Option<String>,
    by: Option<String>,
    since: Option<Timestamp>,
}

/// What the parameter's text says. Only a readable `"stopped": false` lets anything run.
fn stop(text: &str, parameter: &str) -> Option<Stop> {
    match serde_json::from_str::<Text>(text) {
        Ok(Text { stopped: false, .. }) => None,
        Ok(Text { stopped: true, reason, by, since }) => {
            let reason = reason.filter(|reason| !reason.trim().is_empty());
            Some(Stop { reason: reason.unwrap_or_else(|| "no reason is given".into()), by, since })
        }
        Err(error) => {
            let reason = format!("the parameter {parameter} is no switch: {error}");
            Some(Stop { reason, by: None, since: None })
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use scripted_wire::{Exchange, Script, call};

    use super::*;

    async fn read(exchanges: Vec<Exchange>) -> Result<Option<Stop>, Trouble> {
        let script = Script::new(exchanges);
        let read = StopSwitch::new(&script.wire("eu-central-1"), STOP_PARAMETER).read().await;
        script.played();
        read
    }

    fn asked() -> Exchange {
        call("GetParameter", json!({"Name": "/landlord/stop"}))
    }

    async fn says(value: &str) -> Option<Stop> {
        read(vec![asked().answers(&json!({"Parameter": {"Value": value}}))]).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_switch_that_is_not_there_or_says_so_stops_nothing() {
        assert_eq!(read(vec![asked().refuses("ParameterNotFound")]).await.unwrap(), None);
        assert_eq!(says(r#"{"stopped":false}"#).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_thrown_switch_says_by_whom_since_when_and_why() {
        let value =
            r#"{"stopped":true,"reason":"too many","by":"ops","since":"2026-11-21T10:00:00Z"}"#;
        let stop = says(value).await.unwrap();
        let said = "everything irreversible is stopped by ops since 2026-11-21T10:00:00Z: too many";
        assert_eq!(stop.to_string(), said);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_understood_stops_everything() {
        for value in ["", "yes", "true", "{}", r#"{"stopped":"false"}"#, r#"{"Stopped":false}"#] {
            let stop = says(value).await.unwrap();
            assert!(stop.reason.contains("/landlord/stop"), "{value}: {stop}");
        }
        let unsaid = says(r#"{"stopped":true,"reason":" "}"#).await.unwrap();
        assert_eq!(unsaid.reason, "no reason is given");
    }

    #[tokio::test(start_paused = true)]
    async fn a_switch_that_may_not_be_read_stops_everything_and_a_throttle_is_waited_for() {
        let denied = read(vec![asked().refuses("AccessDeniedException")]).await.unwrap();
        assert!(denied.unwrap().reason.contains("AccessDeniedException"));
        let throttled = || asked().refuses("ThrottlingException");
        let trouble = read(vec![throttled(), throttled(), throttled()]).await.unwrap_err();
        assert!(matches!(trouble, Trouble::Passing(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_thrown_is_read_as_it_was_said() {
        let stop = Stop {
            reason: "too \"many\"".into(),
            by: Some("ops".into()),
            since: Some("2026-11-21T10:00:00Z".parse().unwrap()),
        };
        let text =
            r#"{"stopped":true,"reason":"too \"many\"","by":"ops","since":"2026-11-21T10:00:00Z"}"#;
        let put = json!({"Name": "/landlord/stop", "Value": text, "Overwrite": true});
        let script = Script::new([
            call("PutParameter", put),
            asked().answers(&json!({"Parameter": {"Value": text}})),
            call("DeleteParameter", json!({"Name": "/landlord/stop"})).refuses("ParameterNotFound"),
            asked().refuses("AccessDeniedException"),
        ]);
        let switch = StopSwitch::new(&script.wire("eu-central-1"), STOP_PARAMETER);
        switch.throw(&stop).await.unwrap();
        assert_eq!(switch.see().await.unwrap(), Some(stop));
        switch.lift().await.unwrap();
        // Who may not look knows nothing of it.
        assert!(matches!(switch.see().await, Err(Trouble::Refused(_))));
        script.played();
    }
}
