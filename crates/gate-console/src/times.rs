//! Moments and spans as an operator writes and reads them.

use gate_rules::{Settings, Span};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use crate::Error;

/// A time zone by its name.
pub(crate) fn zone(name: &str) -> Result<TimeZone, Error> {
    TimeZoneDatabase::bundled().get(name).map_err(|_| {
        let rule = "must be a time zone of IANA's database, like Europe/Berlin";
        Error::Usage(format!("--time-zone: {name:?} {rule}"))
    })
}

/// A moment: with an offset as it stands, without one on the zone's clock; a day is its beginning.
pub(crate) fn moment(option: &str, text: &str, zone: &TimeZone) -> Result<Timestamp, Error> {
    let wrong = || {
        let rule = "must be a time like 2027-03-28, 2027-03-28T03:00 or 2027-03-28T01:00:00Z";
        Error::Usage(format!("{option}: {text:?} {rule}"))
    };
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let time = text.split_once(['T', 't', ' ']).map_or("", |(_, time)| time);
    if text.contains('[') || time.contains(['Z', 'z', '+', '-']) {
        return Err(wrong());
    }
    let reading = text.parse().map_err(|_| wrong())?;
    zone.to_ambiguous_timestamp(reading).compatible().map_err(|_| wrong())
}

/// `Sun 2027-03-28 03:00` on the zone's clock.
pub(crate) fn local(moment: Timestamp, zone: &TimeZone) -> String {
    moment.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M").to_string()
}

/// `2027-03-28T01:00Z`.
pub(crate) fn utc(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%MZ").to_string()
}

/// `3 h`, `2 h 30 min`, `12 d 12 h`.
pub(crate) fn length(span: Span) -> String {
    let duration: SignedDuration = span.closes.duration_since(span.opens);
    let minutes = duration.as_mins();
    let (days, hours, rest) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    let parts = [(days, "d"), (hours, "h"), (rest, "min")];
    let parts = parts.iter().filter(|(value, _)| *value > 0);
    parts.map(|(value, unit)| format!("{value} {unit}")).collect::<Vec<_>>().join(" ")
}

/// Whether stack operations may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Closed,
    Frozen,
}

/// What settings say about a span of time.
pub(crate) struct Timeline {
    /// Openings, each with the number of its window from 1 on.
    pub(crate) openings: Vec<(usize, Span)>,
    /// Freezes that touch the span, with their reasons.
    pub(crate) freezes: Vec<(Span, String)>,
    always: bool,
}

impl Timeline {
    /// Of the time between two moments.
    pub(crate) fn of(settings: &Settings, from: Timestamp, to: Timestamp) -> Self {
        let mut openings: Vec<(usize, Span)> = (1..)
            .zip(&settings.windows)
            .flat_map(|(number, window)| {
                window.spans(from, to).into_iter().map(move |span| (number, span))
            })
            .collect();
        openings.sort_by_key(|(number, span)| (span.opens, *number));
        let touching =
            settings.freezes.iter().filter(|freeze| freeze.from < to && freeze.to > from);
        let mut freezes: Vec<(Span, String)> = touching
            .map(|freeze| (Span { opens: freeze.from, closes: freeze.to }, freeze.reason.clone()))
            .collect();
        freezes.sort();
        Self { openings, freezes, always: settings.windows.is_empty() }
    }

    /// What holds at a moment of it.
    pub(crate) fn at(&self, moment: Timestamp) -> State {
        let covers = |span: &Span| span.opens <= moment && moment < span.closes;
        if self.freezes.iter().any(|(span, _)| covers(span)) {
            State::Frozen
        } else if self.always || self.openings.iter().any(|(_, span)| covers(span)) {
            State::Open
        } else {
            State::Closed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_it_is_written() {
        let berlin = zone("Europe/Berlin").unwrap();
        let read = |text: &str| moment("--at", text, &berlin).map(|moment| moment.to_string()).ok();
        assert_eq!(read("2027-03-28"), Some("2027-03-27T23:00:00Z".into()));
        assert_eq!(read("2027-03-28T03:00"), Some("2027-03-28T01:00:00Z".into()));
        assert_eq!(read("2027-03-28T03:00Z"), Some("2027-03-28T03:00:00Z".into()));
        assert_eq!(read("2027-03-28T03:00-08:00"), Some("2027-03-28T11:00:00Z".into()));
        assert_eq!(read("2027-03-28T03:00[Europe/Paris]"), None);
        assert_eq!(read("soon"), None);
    }

    #[test]
    fn lengths_are_in_words() {
        let span = |seconds| Span {
            opens: Timestamp::UNIX_EPOCH,
            closes: Timestamp::from_second(seconds).unwrap(),
        };
        assert_eq!(length(span(10_800)), "3 h");
        assert_eq!(length(span(9_000)), "2 h 30 min");
        assert_eq!(length(span(86_400 * 12 + 43_200)), "12 d 12 h");
    }
}
