//! Times as people and AWS write them: with an offset, which is a moment, or without one.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

/// A time as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// With an offset or `Z`: it means this moment, whatever the time zone beside it is.
    Moment(Timestamp),
    /// Without: what a clock shows.
    Reading(DateTime),
}

impl Written {
    /// Reads ISO 8601, like `2026-12-20T18:00`, `2026-12-20T18:00:00-08:00` or `…Z`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        // A name in brackets says something about the time that would be lost.
        if text.contains('[') {
            return None;
        }
        if let Ok(moment) = text.parse() {
            return Some(Self::Moment(moment));
        }
        // A reading with an offset parses as well, and forgets it: above is where it belongs.
        let time = text.split_once(['T', 't', ' ']).map_or("", |(_, time)| time);
        if time.contains(['Z', 'z', '+', '-']) {
            return None;
        }
        text.parse().ok().map(Self::Reading)
    }

    /// Whether a day is written, and no time of it.
    pub(crate) fn is_day(text: &str) -> bool {
        !text.contains(['T', 't', ' ', ':', '['])
    }

    /// The end of a day.
    pub(crate) fn end_of(day: Date) -> Option<Self> {
        Some(Self::Reading(day.tomorrow().ok()?.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_kept_and_never_half_read() {
        let moment = |text: &str| Written::Moment(text.parse().unwrap());
        let table = [
            ("2026-12-20T18:00:00Z", Some(moment("2026-12-20T18:00:00Z"))),
            ("2026-12-20T18:00Z", Some(moment("2026-12-20T18:00:00Z"))),
            ("2026-12-20T18:00-08:00", Some(moment("2026-12-21T02:00:00Z"))),
            ("2021-04-07T14:29:00-08:00", Some(moment("2021-04-07T22:29:00Z"))),
            ("2026-12-20T18:00+0530", Some(moment("2026-12-20T12:30:00Z"))),
            ("2026-12-20T18:00", Some(Written::Reading("2026-12-20T18:00".parse().unwrap()))),
            ("2026-12-20", Some(Written::Reading("2026-12-20T00:00".parse().unwrap()))),
            ("2026-12-20T18:00[Europe/Berlin]", None),
            ("2026-12-20T18:00+99:00", None),
            ("2026-12-20T18:00 PST", None),
            ("tomorrow", None),
        ];
        for (text, expected) in table {
            assert_eq!(Written::read(text), expected, "{text}");
        }
    }
}
