//! Freeze periods: times in which no stack operation runs, whatever the windows say.

use jiff::Timestamp;
use jiff::civil::Date;
use lifecycle::Fault;
use serde::Deserialize;
use serde_json::Value;

use crate::moment::Written;
use crate::window::zone;

/// A time in which no stack operation runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Freeze {
    /// From this moment on.
    pub from: Timestamp,
    /// Until just before this one.
    pub to: Timestamp,
    /// Why.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FreezeText {
    from: String,
    to: String,
    #[serde(default)]
    timezone: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

impl TryFrom<Value> for Freeze {
    type Error = Fault;

    fn try_from(value: Value) -> Result<Self, Fault> {
        Self::read(&value)
    }
}

impl Freeze {
    /// Reads one freeze period: `From` and `To`, `Timezone` and `Reason` if there are any. A time
    /// with an offset means that moment; one without is a reading of the time zone's clock, and of
    /// a reading that comes twice the freeze takes the longer. A day as its end is frozen, too.
    ///
    /// # Errors
    /// The member that breaks its rule, with its value and the rule.
    pub fn read(value: &Value) -> Result<Self, Fault> {
        let text: FreezeText = serde_json::from_value(value.clone())
            .map_err(|error| Fault::of("", value, format!("must be a freeze period: {error}")))?;
        let zone = zone("Timezone", text.timezone.as_deref().unwrap_or("UTC"))?;
        let moment = |field: &str, text: &str, last: bool| {
            let rule = "must be a time like 2026-12-20T18:00, with an offset or Z or without";
            let day = text.parse::<Date>().ok().filter(|_| last && Written::is_day(text));
            let moment = match day.map_or_else(|| Written::read(text), Written::end_of) {
                Some(Written::Moment(moment)) => Ok(moment),
                Some(Written::Reading(reading)) => {
                    let ambiguous = zone.to_ambiguous_timestamp(reading);
                    if last { ambiguous.later() } else { ambiguous.earlier() }
                }
                None => return Err(Fault::new(field, text, rule)),
            };
            moment.map_err(|_| Fault::new(field, text, rule))
        };
        let from = moment("From", &text.from, false)?;
        let to = moment("To", &text.to, true)?;
        if to <= from {
            return Err(Fault::new(
                "To",
                &text.to,
                format!("must be later than From, {}", text.from),
            ));
        }
        Ok(Self { from, to, reason: text.reason.unwrap_or_else(|| "no reason given".to_owned()) })
    }

    /// True from its beginning until just before its end.
    pub fn covers(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.to
    }
}
