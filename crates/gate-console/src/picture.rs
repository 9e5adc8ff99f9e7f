//! A week on the wall clock, half an hour a character: it fits into 80 columns, without colours.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::times::{State, Timeline};

/// What the characters mean.
pub(crate) const LEGEND: &str = "# open   . closed   x frozen   + open in part of the half hour\n\
                                 blank: the clock does not show it";

/// The picture of a week from a Monday on.
pub(crate) fn week(timeline: &Timeline, zone: &TimeZone, monday: Date) -> String {
    let hours: String = (0..24).step_by(3).map(|hour| format!("{hour:02}    ")).collect();
    let mut lines = vec![format!("               {}", hours.trim_end())];
    for day in monday.series(1.day()).take(7) {
        let cells: String = (0..48).map(|half| cell(timeline, zone, day, half)).collect();
        let name = day.strftime("%a %Y-%m-%d");
        lines.push(format!("{name} |{cells}|"));
    }
    lines.join("\n")
}

/// Half an hour as the clock shows it: twice when it is repeated, not at all when it is left out.
fn cell(timeline: &Timeline, zone: &TimeZone, day: Date, half: i8) -> char {
    let mut seen: Vec<State> = Vec::new();
    for minute in 0..30 {
        let time = Time::new(half / 2, half % 2 * 30 + minute, 0, 0).unwrap_or(Time::midnight());
        for moment in moments(zone, day.to_datetime(time)).into_iter().flatten() {
            let state = timeline.at(moment);
            if !seen.contains(&state) {
                seen.push(state);
            }
        }
    }
    match seen.as_slice() {
        [] => ' ',
        [State::Open] => '#',
        [State::Closed] => '.',
        [State::Frozen] => 'x',
        some if some.contains(&State::Open) => '+',
        // Closed and frozen: nothing passes.
        _ => 'x',
    }
}

fn moments(zone: &TimeZone, reading: DateTime) -> [Option<Timestamp>; 2] {
    let ambiguous = zone.to_ambiguous_timestamp(reading);
    if !ambiguous.is_ambiguous() {
        return [ambiguous.compatible().ok(), None];
    }
    let earlier = zone.to_ambiguous_timestamp(reading).earlier().ok();
    let later = ambiguous.later().ok();
    // In a gap neither of the two shows this reading.
    let shows = |moment: &Timestamp| zone.to_datetime(*moment) == reading;
    [earlier.filter(shows), later.filter(shows)]
}

/// The Mondays of the weeks in which the time between two moments lies.
pub(crate) fn mondays(zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Date> {
    let day = |moment: Timestamp| zone.to_datetime(moment).date();
    let first = day(from);
    let back = i64::from(first.weekday().to_monday_zero_offset());
    let monday = first.saturating_sub(back.days());
    let last = day(to.checked_sub(SignedDuration::from_secs(1)).unwrap_or(to));
    monday.series(7.days()).take_while(|monday| *monday <= last).collect()
}
