//! The lifecycle event as the bus delivered it, read with all its faults.

use jiff::{SignedDuration, Timestamp};
use lifecycle::{Fault, Faults, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenant_records::{LifecycleWish, Wish};

/// How far the clocks of others may be ahead.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);
/// The longest cooling-off time, in days.
const LONGEST_DAYS: i64 = 3_650;
/// How many characters of a reason are remembered.
const REASON: usize = 256;
/// How many characters of a refused tenant id are repeated.
const SHOWN_ID: usize = 256;

/// `TenantOffboarded` or `TenantReinstated`, unread.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LifecycleEvent {
    /// The event's id.
    pub id: String,
    /// Its detail type.
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    /// Its source.
    #[serde(default)]
    pub source: String,
    /// The account that sent it.
    #[serde(default)]
    pub account: String,
    /// What it says.
    #[serde(default)]
    pub detail: Value,
}

/// What a good event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) tenant: TenantId,
    /// The id as the event has it, when that is another.
    pub(crate) original: Option<String>,
    pub(crate) wish: LifecycleWish,
}

impl LifecycleEvent {
    /// What it says.
    ///
    /// # Errors
    /// All its faults: the sender hears of them.
    pub(crate) fn read(&self, now: Timestamp) -> Result<Said, Faults> {
        let mut faults = Faults::new();
        let wish = match self.detail_type.as_str() {
            "TenantOffboarded" => Some(Wish::Left),
            "TenantReinstated" => Some(Wish::Back),
            other => {
                let rule = "must be TenantOffboarded or TenantReinstated";
                faults.push(Fault::new("detail-type", other, rule));
                None
            }
        };
        let tenant = self.text("tenantId", &mut faults);
        let tenant =
            tenant.and_then(|text| faults.keep(TenantId::FIELD, TenantId::of_original(text)));
        let occurred_at = self.text("occurredAt", &mut faults);
        let occurred_at = occurred_at.and_then(|text| faults.keep("occurredAt", time(text, now)));
        self.check_days(&mut faults);
        let reason = match self.detail.get("reason") {
            None | Some(Value::Null) => None,
            Some(Value::String(reason)) => Some(reason.chars().take(REASON).collect()),
            Some(other) => {
                faults.push(Fault::of("reason", other, "must be text"));
                None
            }
        };
        let said = (|| {
            let wish = LifecycleWish {
                wish: wish?,
                occurred_at: occurred_at?,
                event_id: self.id.clone(),
                reason,
                by: Some(format!("{} {}", self.source, self.account)),
            };
            // An id of another system leads to the tenant to which its signup did.
            let (tenant, original) = tenant?;
            Some(Said { tenant, original, wish })
        })();
        faults.none_or(said)
    }

    /// The tenant's id as it was given, cut when it is long; nothing when it is no text.
    pub(crate) fn given_tenant(&self) -> Option<String> {
        let given = self.detail.get("tenantId")?.as_str()?;
        Some(given.chars().take(SHOWN_ID).collect())
    }

    fn text(&self, field: &str, faults: &mut Faults) -> Option<&str> {
        match self.detail.get(field) {
            Some(Value::String(text)) => Some(text),
            None | Some(Value::Null) => {
                faults.push(Fault::missing(field));
                None
            }
            Some(other) => {
                faults.push(Fault::of(field, other, "must be text"));
                None
            }
        }
    }

    fn check_days(&self, faults: &mut Faults) {
        let Some(days) = self.detail.get("retireAfterDays").filter(|days| !days.is_null()) else {
            return;
        };
        if !days.as_i64().is_some_and(|days| (1..=LONGEST_DAYS).contains(&days)) {
            let rule = format!("must be a whole number of days, 1 to {LONGEST_DAYS}");
            faults.push(Fault::of("retireAfterDays", days, rule));
        }
    }
}

fn time(text: &str, now: Timestamp) -> Result<Timestamp, Fault> {
    let time: Timestamp = text.parse().map_err(|_| {
        Fault::new("occurredAt", text, "must be a time such as 2026-11-21T10:00:00Z")
    })?;
    if time.duration_since(now) > CLOCKS_DIFFER {
        let rule = "must not lie in the future: no later event would be heard";
        return Err(Fault::new("occurredAt", text, rule));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(detail_type: &str, detail: Value) -> Result<Said, Vec<String>> {
        let event = LifecycleEvent {
            id: "e-1".into(),
            detail_type: detail_type.into(),
            source: "saas.signup".into(),
            account: "111122223333".into(),
            detail,
        };
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        event.read(now).map_err(|faults| faults.reasons())
    }

    #[test]
    fn a_good_event_is_a_wish() {
        let detail = json!({"tenantId": "acme", "occurredAt": "2026-11-21T12:00:00+02:00",
            "reason": "they left", "retireAfterDays": 7, "ticket": 4711});
        let said = read("TenantOffboarded", detail.clone()).unwrap();
        assert_eq!((said.tenant.as_str(), said.wish.wish), ("acme", Wish::Left));
        assert_eq!(said.wish.by.as_deref(), Some("saas.signup 111122223333"));
        assert_eq!(read("TenantReinstated", detail.clone()).unwrap().wish.wish, Wish::Back);
        let mut elsewhere = detail;
        elsewhere["tenantId"] = json!("org_01H");
        let said = read("TenantOffboarded", elsewhere).unwrap();
        assert_eq!((said.tenant.as_str(), said.original.as_deref()), ("org-01h", Some("org_01H")));
    }

    #[test]
    fn every_fault_is_named_and_none_is_longer_than_a_few_lines() {
        let at = "2026-11-21T09:00:00Z";
        let good = json!({"tenantId": "acme", "occurredAt": at});
        let with = |field: &str, value: Value| {
            let mut detail = good.clone();
            detail[field] = value;
            detail
        };
        for (detail, field) in [
            (json!(null), "tenantId"),
            (json!("acme"), "occurredAt"),
            (with("tenantId", json!("No!")), "tenantId"),
            (with("tenantId", json!(7)), "tenantId"),
            (with("tenantId", json!("x".repeat(200_000))), "tenantId"),
            (with("occurredAt", json!("yesterday")), "occurredAt"),
            (with("occurredAt", json!("2026-11-21T10:05:01Z")), "occurredAt"),
            (with("retireAfterDays", json!(0)), "retireAfterDays"),
            (with("retireAfterDays", json!(1.5)), "retireAfterDays"),
            (with("retireAfterDays", json!("7")), "retireAfterDays"),
            (with("reason", json!({"long": "y".repeat(200_000)})), "reason"),
        ] {
            let reasons = read("TenantOffboarded", detail).unwrap_err();
            assert!(reasons.iter().any(|reason| reason.starts_with(field)), "{reasons:?}");
            assert!(reasons.iter().all(|reason| reason.len() < 400), "{field}");
        }
        assert!(read("TenantSignedUp", good).unwrap_err()[0].starts_with("detail-type"));
        assert_eq!(read("TenantOffboarded", json!({"reason": 1})).unwrap_err().len(), 3);
    }
}
