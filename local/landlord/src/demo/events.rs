//! The signups of a file: details or whole events, one or a list.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// What is wrong with a file of events.
#[derive(Debug, thiserror::Error)]
pub(super) enum EventsError {
    #[error("{path} cannot be read")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path} is not JSON")]
    NotJson { path: PathBuf, source: serde_json::Error },
    #[error("{path}: the list is empty: give at least one event")]
    Empty { path: PathBuf },
    #[error("{path}: {place}: {found} is not {rule}")]
    Wrong { path: PathBuf, place: String, found: String, rule: &'static str },
}

/// Reads the details of all events in a file.
///
/// A whole event is known by its `detail-type`; its own id, time and source are not kept, for
/// the local EventBridge gives it new ones.
pub(super) fn read(path: &Path) -> Result<Vec<Value>, EventsError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| EventsError::Unreadable { path: path.to_owned(), source })?;
    let parsed: Value = serde_json::from_str(&text)
        .map_err(|source| EventsError::NotJson { path: path.to_owned(), source })?;
    let (events, listed) = match parsed {
        Value::Array(events) => (events, true),
        one => (vec![one], false),
    };
    if events.is_empty() {
        return Err(EventsError::Empty { path: path.to_owned() });
    }
    events
        .into_iter()
        .enumerate()
        .map(|(index, event)| {
            let place = if listed { format!("[{index}]") } else { "event".to_owned() };
            detail(event, place).map_err(|(place, found, rule)| EventsError::Wrong {
                path: path.to_owned(),
                place,
                found: shortened(&found),
                rule,
            })
        })
        .collect()
}

type Wrong = (String, Value, &'static str);

fn detail(event: Value, place: String) -> Result<Value, Wrong> {
    if !event.is_object() {
        return Err((place, event, "an object"));
    }
    let Some(detail_type) = event.get("detail-type") else { return Ok(event) };
    if detail_type != "TenantSignedUp" {
        return Err((format!("{place}.detail-type"), detail_type.clone(), "TenantSignedUp"));
    }
    match event.get("detail") {
        Some(detail) if detail.is_object() => Ok(detail.clone()),
        found => {
            Err((format!("{place}.detail"), found.cloned().unwrap_or(Value::Null), "an object"))
        }
    }
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_text(text: &str) -> Result<Vec<Value>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.json");
        std::fs::write(&path, text).unwrap();
        read(&path).map_err(|error| {
            lambda_kit::chain(&error).replace(&folder.path().display().to_string(), "")
        })
    }

    #[test]
    fn details_and_whole_events_one_or_many_are_read() {
        let detail = json!({ "tenantId": "acme" });
        let event = json!({ "detail-type": "TenantSignedUp", "source": "x", "detail": detail });
        assert_eq!(read_text(&detail.to_string()).unwrap(), std::slice::from_ref(&detail));
        assert_eq!(read_text(&event.to_string()).unwrap(), std::slice::from_ref(&detail));
        let both = json!([detail, event]).to_string();
        assert_eq!(read_text(&both).unwrap(), [detail.clone(), detail]);
    }

    #[test]
    fn what_cannot_be_a_signup_is_named_with_its_place() {
        assert_eq!(
            read_text(r#"[{"tenantId":"a"},7]"#).unwrap_err(),
            "/events.json: [1]: 7 is not an object"
        );
        assert_eq!(
            read_text(r#"{"detail-type":"OrderPlaced","detail":{}}"#).unwrap_err(),
            "/events.json: event.detail-type: \"OrderPlaced\" is not TenantSignedUp"
        );
        assert!(read_text("[]").unwrap_err().contains("the list is empty"));
        assert!(read_text("{").unwrap_err().contains("is not JSON"));
    }
}
