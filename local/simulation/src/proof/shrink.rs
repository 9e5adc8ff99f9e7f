//! From a failing seed to a short story.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;

use super::aim::Aim;
use super::injector::FaultKey;
use super::run::{Outcome, Part, run};
use crate::virtual_time;
use crate::world::BEGINNING;

/// A run of a part of a seed, in a thread of its own.
///
/// # Errors
/// When the system gives no thread, the run panicked, or the world could not be founded.
pub fn run_part(seed: u64, part: &Part, traced: bool) -> io::Result<Outcome> {
    let part = part.clone();
    virtual_time::run(seed, move || async move { run(seed, &part, traced).await })?
        .map_err(|error| io::Error::other(lambda_kit::chain(&error)))
}

/// Leaves out of a failing seed all that it fails without; answers what is left and how it fails.
/// What it was aimed at stays. `progress` hears how much is left after each run.
///
/// # Errors
/// As [`run_part`].
pub fn shrink(
    failing: &Outcome,
    aim: Option<&Aim>,
    progress: &mut dyn FnMut(usize),
) -> io::Result<(Part, Outcome)> {
    let seed = failing.schedule.seed;
    shrink_with(failing, aim, &mut |part| run_part(seed, part, false), progress)
}

fn shrink_with(
    failing: &Outcome,
    aim: Option<&Aim>,
    run_part: &mut dyn FnMut(&Part) -> io::Result<Outcome>,
    progress: &mut dyn FnMut(usize),
) -> io::Result<(Part, Outcome)> {
    let faults = failing.record.happened.iter().map(|it| it.key.clone()).collect();
    let without_steps = BTreeSet::new();
    let mut part = Part { without_steps, only_faults: Some(faults), aim: aim.cloned() };
    let mut best = run_part(&part)?;
    if best.violations.is_empty() {
        return Ok((Part { aim: aim.cloned(), ..Part::default() }, failing.clone()));
    }
    // Only what still happens counts; faults at places that are not reached any more are gone.
    let mut changed = true;
    while changed {
        changed = false;
        let happened: Vec<FaultKey> =
            best.record.happened.iter().map(|it| it.key.clone()).collect();
        part.only_faults = Some(happened.iter().cloned().collect());
        for piece in halves_then_each(&happened) {
            let Some(kept) = &part.only_faults else { break };
            let less: BTreeSet<FaultKey> =
                kept.iter().filter(|key| !piece.contains(key)).cloned().collect();
            if less.len() == kept.len() {
                continue;
            }
            let smaller = Part { only_faults: Some(less), ..part.clone() };
            let outcome = run_part(&smaller)?;
            if !outcome.violations.is_empty() {
                progress(outcome.record.happened.len());
                (part, best, changed) = (smaller, outcome, true);
            }
        }
        for step in 0..best.schedule.steps.len() {
            if part.without_steps.contains(&step) {
                continue;
            }
            let mut smaller = part.clone();
            smaller.without_steps.insert(step);
            let outcome = run_part(&smaller)?;
            if !outcome.violations.is_empty() {
                (part, best, changed) = (smaller, outcome, true);
            }
        }
    }
    Ok((part, best))
}

/// The pieces to leave out: first half and second half, then each alone.
fn halves_then_each(faults: &[FaultKey]) -> Vec<Vec<FaultKey>> {
    let (first, second) = faults.split_at(faults.len() / 2);
    let mut pieces = Vec::new();
    if faults.len() > 3 {
        pieces.extend([first.to_vec(), second.to_vec()]);
    }
    pieces.extend(faults.iter().map(|fault| vec![fault.clone()]));
    pieces
}

/// What a person reads about a run.
pub fn story(part: &Part, outcome: &Outcome) -> String {
    let schedule = &outcome.schedule;
    let slow = schedule.durations;
    let mut text = format!(
        "seed {}: creations take {} s, tags lag {} s, lists {} s, an instance takes {} s\n",
        schedule.seed,
        slow.creation.as_secs(),
        slow.tags.as_secs(),
        slow.lists.as_secs(),
        slow.instance.as_secs(),
    );
    let _ = writeln!(
        text,
        "  {:?}; {:?}; {} admitted at a time",
        schedule.kind, schedule.answers, schedule.window
    );
    let mut lines: Vec<(f64, String)> = schedule
        .steps
        .iter()
        .enumerate()
        .filter(|(index, _)| !part.without_steps.contains(index))
        .map(|(_, step)| (step.at.as_secs_f64(), step.what.to_string()))
        .collect();
    for happened in &outcome.record.happened {
        let at = happened.at.duration_since(BEGINNING).as_secs_f64();
        let (site, number) = &happened.key;
        let what = if site.action.is_empty() { "itself" } else { &site.action };
        let line = format!("{} {what}, call {}: {}", site.caller, number + 1, happened.kind);
        lines.push((at, line));
    }
    lines.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (at, line) in lines {
        let _ = writeln!(text, "  {at:>9.1} s  {line}");
    }
    for (tenant, ends) in &outcome.ends {
        let _ = writeln!(text, "  {tenant}: {ends}");
    }
    if outcome.violations.is_empty() {
        text.push_str("  everything held\n");
    }
    for violation in &outcome.violations {
        let _ = writeln!(text, "  VIOLATED: {violation}");
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::injector::{Happened, Record, Site};
    use super::super::schedule::Schedule;
    use super::*;

    /// A world of twelve faults that fails when the third and the tenth come, and step 0 is done.
    fn world(part: &Part) -> Outcome {
        let key = |number: u64| {
            let site = Site { caller: "create-account".into(), action: "sts:AssumeRole".into() };
            (site, number)
        };
        let comes =
            |number: u64| part.only_faults.as_ref().is_none_or(|only| only.contains(&key(number)));
        let happened = (0..12).filter(|number| comes(*number)).map(|number| Happened {
            key: key(number),
            kind: "refused",
            at: BEGINNING,
        });
        let fails = comes(2) && comes(9) && !part.without_steps.contains(&0);
        Outcome {
            schedule: Schedule::of(1),
            violations: if fails { vec!["after it: it broke".to_owned()] } else { Vec::new() },
            record: Record { happened: happened.collect(), ..Record::default() },
            outside: BTreeSet::new(),
            ends: std::collections::BTreeMap::new(),
            trace: String::new(),
        }
    }

    #[test]
    fn a_failing_seed_shrinks_to_the_faults_and_steps_without_which_it_holds() {
        let failing = world(&Part::default());
        let mut run = |part: &Part| Ok(world(part));
        let (part, outcome) = shrink_with(&failing, None, &mut run, &mut |_| {}).unwrap();
        let left: Vec<u64> = outcome.record.happened.iter().map(|it| it.key.1).collect();
        assert_eq!(left, [2, 9]);
        assert_eq!(part.without_steps.len(), outcome.schedule.steps.len() - 1);
        let story = story(&part, &outcome);
        assert!(story.contains("create-account sts:AssumeRole, call 10: refused"), "{story}");
        assert!(story.contains("VIOLATED: after it: it broke"), "{story}");
        assert!(story.lines().count() <= 6, "{story}");
    }
}
