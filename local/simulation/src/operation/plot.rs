//! Small plots for a terminal.

use super::fleet::Minutes;
use super::report::{Report, Sample};

const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The size of a plot, in characters, without its axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plot {
    /// Columns of time, at least 1.
    pub width: usize,
    /// Rows, at least 1, each of eight steps.
    pub height: usize,
}

impl Default for Plot {
    fn default() -> Self {
        Self { width: 64, height: 6 }
    }
}

impl Plot {
    /// Concurrency and failures over time, one above the other, one line a row.
    #[must_use]
    pub fn draw(self, report: &Report) -> String {
        let width = self.width.max(1);
        let columns = columns(&report.timeline, report.duration_minutes, width);
        let in_flight: Vec<_> = columns.iter().map(|(in_flight, _)| *in_flight).collect();
        let failed: Vec<_> = columns.iter().map(|(_, failed)| *failed).collect();
        let mut text = String::new();
        self.area(&mut text, "in flight", &in_flight);
        self.area(&mut text, "failed so far", &failed);
        let end = format!("{} min", report.duration_minutes);
        let gap = width.saturating_sub(end.chars().count() + 1);
        text.push_str(&format!("{:>8}  0{:gap$}{end}\n", "", ""));
        text
    }

    fn area(self, text: &mut String, title: &str, values: &[usize]) {
        let top = values.iter().copied().max().unwrap_or(0);
        text.push_str(&format!("{:>8}  {title}\n", ""));
        let height = self.height.max(1);
        for row in (0..height).rev() {
            let label = if row + 1 == height { top.to_string() } else { String::new() };
            let cells: String = values.iter().map(|value| cell(*value, top, height, row)).collect();
            text.push_str(format!("{label:>8} │{cells}").trim_end());
            text.push('\n');
        }
        text.push_str(&format!("{:>8} └{}\n", 0, "─".repeat(values.len())));
    }
}

/// Concurrency as one line of `width` characters, over a time of `span` with `top` as full height,
/// so that several reports share one scale.
#[must_use]
pub fn sparkline(report: &Report, span: Minutes, top: usize, width: usize) -> String {
    columns(&report.timeline, span, width.max(1))
        .into_iter()
        .map(|(in_flight, _)| cell(in_flight, top, 1, 0))
        .collect()
}

/// What fills a cell. A value above zero shows at least as the lowest step.
fn cell(value: usize, top: usize, height: usize, row: usize) -> char {
    let steps = match top {
        0 => 0,
        _ if value == 0 => 0,
        _ => (value * height * 8 / top).max(1),
    };
    EIGHTHS[steps.saturating_sub(row * 8).min(8)]
}

/// The timeline in `width` columns over `span`: the most in flight in each, and the failures at
/// its end.
fn columns(timeline: &[Sample], span: Minutes, width: usize) -> Vec<(usize, usize)> {
    let span = span.milliseconds().max(1);
    let mut samples = timeline.iter().peekable();
    let mut now = (0, 0);
    (0..width as u64)
        .map(|column| {
            let (start, end) = (column * span / width as u64, (column + 1) * span / width as u64);
            let last = column + 1 == width as u64;
            // What ended with the column before is not seen in this one.
            let goes_on = samples.peek().is_some_and(|next| next.minute.milliseconds() > start);
            let mut most = if goes_on { now.0 } else { 0 };
            while let Some(sample) =
                samples.next_if(|sample| sample.minute.milliseconds() < end || last)
            {
                now = (sample.in_flight, sample.failed);
                most = most.max(sample.in_flight);
            }
            (most, now.1)
        })
        .collect()
}
