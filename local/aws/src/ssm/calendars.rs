//! Change calendars: documents in the iCalendar format, open or closed at a moment.
//!
//! A calendar that is open by default is closed during its events, and the other way round; of
//! several, all have to be open. Events here have a beginning and an end; one that repeats
//! (`RRULE`) is refused when the calendar is made.
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-change-calendar.html>

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::{AwsError, Call};

/// The calendars of an account and Region, by name.
pub(super) type Calendars = BTreeMap<String, Calendar>;

#[derive(Debug, Clone)]
pub(super) struct Calendar {
    open_by_default: bool,
    events: Vec<(Timestamp, Timestamp)>,
}

impl Calendar {
    fn parse(text: &str) -> Result<Self, String> {
        // A line that begins with a space goes on with the one before it.
        let text = text.replace("\r\n", "\n").replace("\n ", "");
        let mut calendar = Self { open_by_default: true, events: Vec::new() };
        let mut typed = false;
        let (mut from, mut to) = (None, None);
        for line in text.lines() {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let (name, parameters) = name.split_once(';').unwrap_or((name, ""));
            match (name, value) {
                ("X-CALENDAR-TYPE", "DEFAULT_OPEN") => typed = true,
                ("X-CALENDAR-TYPE", "DEFAULT_CLOSED") => {
                    (typed, calendar.open_by_default) = (true, false);
                }
                ("DTSTART", value) => from = Some(moment(parameters, value)?),
                ("DTEND", value) => to = Some(moment(parameters, value)?),
                ("RRULE" | "RDATE" | "EXDATE", _) => {
                    return Err(format!("{name}: the local AWS knows single events only"));
                }
                ("END", "VEVENT") => match (from.take(), to.take()) {
                    (Some(from), Some(to)) => calendar.events.push((from, to)),
                    _ => return Err("VEVENT: DTSTART and DTEND are needed".to_owned()),
                },
                _ => {}
            }
        }
        if typed { Ok(calendar) } else { Err("X-CALENDAR-TYPE is not given".to_owned()) }
    }

    fn is_open(&self, at: Timestamp) -> bool {
        let busy = self.events.iter().any(|(from, to)| *from <= at && at < *to);
        busy != self.open_by_default
    }
}

/// `20261121T100000Z`, or `TZID=Europe/Berlin:20261121T110000`.
fn moment(parameters: &str, value: &str) -> Result<Timestamp, String> {
    let wrong = || format!("{value}: not a time that the local AWS knows");
    let zone = match (value.strip_suffix('Z'), parameters.strip_prefix("TZID=")) {
        (Some(_), None) => TimeZone::UTC,
        (None, Some(name)) => TimeZone::get(name).map_err(|_| wrong())?,
        _ => return Err(wrong()),
    };
    let civil = DateTime::strptime("%Y%m%dT%H%M%S", value.trim_end_matches('Z'));
    let zoned = civil.map_err(|_| wrong())?.to_zoned(zone).map_err(|_| wrong())?;
    Ok(zoned.timestamp())
}

/// Performs a call about calendars; none if it is about something else.
pub(super) fn handle(
    calendars: &mut Calendars,
    call: &Call,
    now: Timestamp,
) -> Option<Result<Value, AwsError>> {
    Some(match call.operation.as_str() {
        "CreateDocument" => create(calendars, call),
        "DeleteDocument" => {
            call.text("Name").map(|name| drop(calendars.remove(name))).map(|()| json!({}))
        }
        "GetCalendarState" => state(calendars, call, now),
        _ => return None,
    })
}

fn create(calendars: &mut Calendars, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name")?;
    if call.opt_text("DocumentType") != Some("ChangeCalendar") {
        let words = "DocumentType: the local AWS knows ChangeCalendar only";
        return Err(AwsError::validation(words));
    }
    if calendars.contains_key(name) {
        let words = format!("Document with name {name} already exists.");
        return Err(AwsError::new("DocumentAlreadyExists", words));
    }
    let calendar = Calendar::parse(call.text("Content")?)
        .map_err(|fault| AwsError::new("InvalidDocumentContent", fault))?;
    calendars.insert(name.to_owned(), calendar);
    Ok(json!({ "DocumentDescription": {
        "Name": name, "DocumentType": "ChangeCalendar", "DocumentFormat": "TEXT", "Status": "Active",
        "DocumentVersion": "1", "Owner": call.account,
    } }))
}

fn state(calendars: &Calendars, call: &Call, now: Timestamp) -> Result<Value, AwsError> {
    let at = match call.opt_text("AtTime") {
        None => now,
        Some(text) => text.parse().map_err(|_| AwsError::validation(format!("AtTime: {text}")))?,
    };
    let mut asked = Vec::new();
    for given in call.texts("CalendarNames") {
        let name = given.rsplit("document/").next().unwrap_or(&given);
        asked.push(calendars.get(name).ok_or_else(|| {
            AwsError::new("InvalidDocument", format!("Document with name {given} does not exist."))
        })?);
    }
    if asked.is_empty() {
        return Err(AwsError::validation("CalendarNames: at least one"));
    }
    let open = |at: Timestamp| asked.iter().all(|calendar| calendar.is_open(at));
    let word = |open: bool| if open { "OPEN" } else { "CLOSED" };
    let mut answer = json!({ "State": word(open(at)), "AtTime": at.to_string() });
    let ends = asked.iter().flat_map(|calendar| &calendar.events).flat_map(|(from, to)| [from, to]);
    let next = ends.filter(|end| **end > at && open(**end) != open(at)).min();
    if let Some(next) = next {
        answer["NextTransitionTime"] = json!(next.to_string());
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Aws, Settings};

    fn calendar(kind: &str, event: &str) -> String {
        format!(
            "BEGIN:VCALENDAR\r\nPRODID:-//AWS//Change Calendar 1.0//EN\r\nVERSION:2.0\r\n\
             X-CALENDAR-TYPE:{kind}\r\nBEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
    }

    #[tokio::test]
    async fn calendars_are_open_when_all_of_them_are() {
        let aws = Aws::new(Settings {
            start: "2026-11-21T10:30:00Z".parse().ok(),
            ..Settings::default()
        });
        let ask = async |operation: &str, input: Value| {
            let place = ("111122223333", "eu-central-1");
            aws.perform(&Call::by_service("test", "ssm", operation, place, input)).await
        };
        let morning = "DTSTART:20261121T100000Z\r\nDTEND:20261121T120000Z";
        let berlin = "DTSTART;TZID=Europe/Berlin:20261121T110000\r\n\
                      DTEND;TZID=Europe/Berlin:20261121T113500";
        for (name, kind, event) in
            [("freeze", "DEFAULT_OPEN", morning), ("slot", "DEFAULT_CLOSED", berlin)]
        {
            let input = json!({ "Name": name, "DocumentType": "ChangeCalendar",
                "DocumentFormat": "TEXT", "Content": calendar(kind, event) });
            ask("CreateDocument", input).await.unwrap();
        }
        let table: [(&[&str], &str, Option<&str>); 3] = [
            (&["freeze"], "CLOSED", Some("2026-11-21T12:00:00Z")),
            (&["slot"], "OPEN", Some("2026-11-21T10:35:00Z")),
            (&["slot", "arn:aws:ssm:eu-central-1:111122223333:document/freeze"], "CLOSED", None),
        ];
        for (names, state, next) in table {
            let found = ask("GetCalendarState", json!({ "CalendarNames": names })).await.unwrap();
            assert_eq!(found["State"], state, "{names:?}");
            assert_eq!(found["NextTransitionTime"].as_str(), next, "{names:?}");
        }
        let missing = ask("GetCalendarState", json!({ "CalendarNames": ["none"] })).await;
        assert_eq!(missing.unwrap_err().code, "InvalidDocument");
        let weekly = format!("{morning}\r\nRRULE:FREQ=WEEKLY");
        let input = json!({ "Name": "w", "DocumentType": "ChangeCalendar",
            "Content": calendar("DEFAULT_OPEN", &weekly) });
        let refused = ask("CreateDocument", input).await.unwrap_err();
        assert!(refused.message.contains("single events only"), "{}", refused.message);
    }
}
