//! What is wrong: pure functions of what is to be deployed and of what is there.

mod accounts;
mod files;
mod names;
mod organization;
mod sets;
mod stack;
#[cfg(test)]
mod tests;
mod units;

use lambda_kit::sdk::Trouble;

pub(super) use files::files;
pub(super) use organization::{entrance, may_enter};

use super::finding::Finding;
use super::plan::Plan;
use super::world::{Look, World};

/// Everything that is wrong with what was seen for this plan.
pub(super) fn world(plan: Plan<'_>, world: &World) -> Vec<Finding> {
    let mut found = Findings::default();
    organization::inside(plan, world, &mut found);
    accounts::judge(plan, world, &mut found);
    stack::judge(plan, world, &mut found);
    units::judge(plan, world, &mut found);
    names::judge(plan, world, &mut found);
    sets::judge(plan, world, &mut found);
    found.0
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(
        &mut self,
        name: &'static str,
        looked_at: impl Into<String>,
        wrong: impl Into<String>,
        what_to_do: impl Into<String>,
    ) {
        self.0.push(Finding::new(name, looked_at, wrong, what_to_do));
    }

    /// What was seen; where it was not, that is said.
    fn seen<'l, T>(&mut self, what: &str, look: &'l Look<T>) -> Option<&'l T> {
        look.as_ref()
            .map_err(|trouble: &Trouble| self.0.push(Finding::not_seen(what, trouble)))
            .ok()
    }
}

/// The first few of a list, and how many there are more.
fn some_of<T: AsRef<str>>(all: &[T]) -> String {
    const NAMED: usize = 3;
    let named: Vec<&str> = all.iter().take(NAMED).map(AsRef::as_ref).collect();
    let more = all.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}
