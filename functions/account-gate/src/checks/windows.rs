//! Maintenance windows and freeze periods. No call: the clock decides.

use jiff::Timestamp;

use crate::config::Config;
use crate::decide::{Check, Finding, Verdict};

/// A freeze wins over every window; without windows it is always open.
pub(crate) fn windows(config: &Config, now: Timestamp, explain: bool) -> Finding {
    let found = |verdict, reason| Finding::new(Check::Windows, verdict, reason);
    if let Some(freeze) = config.freezes.iter().find(|freeze| freeze.covers(now)) {
        let reason = format!("frozen until {}: {}", freeze.to, freeze.reason);
        return found(Verdict::Veto, reason);
    }
    if config.windows.is_empty() {
        return found(Verdict::Pass, "no maintenance window is configured".to_owned());
    }
    for window in &config.windows {
        if let Some(since) = window.opened(now) {
            let reason = format!("the maintenance window {window} is open since {since}");
            return found(Verdict::Pass, reason);
        }
    }
    let mut reason = match config.windows.as_slice() {
        [one] => format!("the maintenance window {one} is closed"),
        all => format!("all {} maintenance windows are closed", all.len()),
    };
    // Looking ahead takes longer than looking: an operator has the time, StackSets has not.
    if explain && let Some(next) = config.windows.iter().filter_map(|w| w.opens_next(now)).min() {
        reason.push_str(&format!(", the next opens at {next}"));
    }
    found(Verdict::Veto, reason)
}
