//! What a message says: an event of the bus, and whatever its sender put into it.
//!
//! A body of which nobody can say whose it is, is no event. One that names its event is answered, however
//! odd the rest: with more levels than can be read, numbers and texts that are none, or members that are
//! there twice.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use lifecycle::{Fault, Faults, TenantSignedUp};
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// The longest event id, in characters. EventBridge's own are UUIDs.
pub const LONGEST_EVENT_ID: usize = 256;

/// An event of the bus that says that a tenant signed up, its detail unread.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The event's id.
    pub id: String,
    /// When it was sent.
    pub time: Timestamp,
    /// The replay that sent it again, if one did.
    pub replay: Option<String>,
    /// What it says; nothing when that cannot be read.
    pub detail: Value,
    /// Why what it says cannot be read, or not as one thing.
    pub faults: Faults,
}

/// The members around the detail, which is skipped whatever is in it.
#[derive(Deserialize)]
struct Around {
    id: Option<Value>,
    #[serde(rename = "detail-type")]
    detail_type: Option<Value>,
    time: Option<Value>,
    #[serde(rename = "replay-name")]
    replay: Option<Value>,
    detail: Option<IgnoredAny>,
}

/// Reads a message's body.
///
/// # Errors
/// In words, why it is no event that anybody could be answered about.
pub fn read_event(body: &str) -> Result<Event, String> {
    let body = body.trim_start_matches('\u{feff}');
    let not_json = |error: serde_json::Error| format!("it is not JSON: {error}");
    serde_json::from_str::<IgnoredAny>(body).map_err(not_json)?;
    if !body.trim_start().starts_with('{') {
        return Err("it has no detail-type".to_owned());
    }
    let around: Around = serde_json::from_str(body).map_err(not_json)?;
    fn text(value: Option<&Value>) -> Option<&str> {
        value.and_then(Value::as_str)
    }
    match text(around.detail_type.as_ref()) {
        Some(TenantSignedUp::DETAIL_TYPE) => {}
        Some(other) => {
            let wanted = TenantSignedUp::DETAIL_TYPE;
            return Err(format!("its detail-type is {other:?}, not {wanted}"));
        }
        None => return Err("it has no detail-type".to_owned()),
    }
    let id = text(around.id.as_ref()).filter(|id| !id.is_empty()).ok_or("it has no id")?;
    if id.chars().count() > LONGEST_EVENT_ID {
        return Err(format!("its id has more than {LONGEST_EVENT_ID} characters"));
    }
    let time = text(around.time.as_ref()).ok_or("it has no time")?;
    let time = time.parse().map_err(|error| format!("its time is {time:?}: {error}"))?;
    if around.detail.is_none() {
        return Err("it has no detail that is an object".to_owned());
    }
    let (detail, faults) = read_detail(body)?;
    Ok(Event {
        id: id.to_owned(),
        time,
        replay: text(around.replay.as_ref()).map(ToOwned::to_owned),
        detail,
        faults,
    })
}

/// The detail, and what is wrong with it as a whole.
fn read_detail(body: &str) -> Result<(Value, Faults), String> {
    #[derive(Deserialize)]
    struct Whole {
        detail: Value,
    }
    #[derive(Deserialize)]
    struct Names {
        detail: Twice,
    }
    let mut faults = Faults::new();
    let detail = match serde_json::from_str::<Whole>(body) {
        Ok(Whole { detail }) if detail.is_object() => detail,
        Ok(_) => return Err("it has no detail that is an object".to_owned()),
        Err(error) => {
            let rule = format!("cannot be read: {error}");
            faults.push(Fault::of("detail", "what it says", rule));
            Value::Null
        }
    };
    if let Ok(Names { detail: Twice(names) }) = serde_json::from_str(body) {
        for name in names.iter().filter(|name| TenantSignedUp::knows(name)) {
            faults.push(Fault::new(name, name, "must be there once: which is meant is not said"));
        }
    }
    Ok((detail, faults))
}

/// The paths of members that an object has twice: `tier`, `tags.owner`.
#[derive(Debug, Default)]
struct Twice(Vec<String>);

impl<'de> Deserialize<'de> for Twice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Twice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Twice, M::Error> {
                let (mut seen, mut twice) = (BTreeSet::new(), Vec::new());
                while let Some(name) = members.next_key::<String>()? {
                    let below = members.next_value::<Twice>()?;
                    twice.extend(below.0.into_iter().map(|path| format!("{name}.{path}")));
                    if let Some(name) = seen.replace(name) {
                        twice.push(name);
                    }
                }
                Ok(Twice(twice))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut values: S) -> Result<Twice, S::Error> {
                while values.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Twice::default())
            }

            fn visit_str<E>(self, _: &str) -> Result<Twice, E> {
                Ok(Twice::default())
            }

            fn visit_bool<E>(self, _: bool) -> Result<Twice, E> {
                Ok(Twice::default())
            }

            fn visit_i64<E>(self, _: i64) -> Result<Twice, E> {
                Ok(Twice::default())
            }

            fn visit_u64<E>(self, _: u64) -> Result<Twice, E> {
                Ok(Twice::default())
            }

            fn visit_f64<E>(self, _: f64) -> Result<Twice, E> {
                Ok(Twice::default())
            }

            fn visit_unit<E>(self) -> Result<Twice, E> {
                Ok(Twice::default())
            }
        }
        deserializer.deserialize_any(Read)
    }
}
