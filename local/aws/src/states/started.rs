//! What a machine or a map run started, and what of that runs: who asks for the few that run does
//! not look at the thousands that have ended.

use std::collections::BTreeSet;

/// The executions of a machine or map run.
#[derive(Debug, Default)]
pub(super) struct Started {
    /// Their ARNs, in the order of their starts.
    arns: Vec<String>,
    /// Places of those that run, and of some that have ended since somebody asked.
    running: BTreeSet<usize>,
}

impl Started {
    /// An execution starts.
    pub(super) fn starts(&mut self, arn: String) {
        self.running.insert(self.arns.len());
        self.arns.push(arn);
    }

    /// An execution that had ended is redriven.
    pub(super) fn runs_again(&mut self, arn: &str) {
        self.running.extend(self.arns.iter().rposition(|known| known == arn));
    }

    /// All of them, the oldest first.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.arns.iter().map(String::as_str)
    }

    /// Those that run, the oldest first; `runs` knows.
    pub(super) fn running(&mut self, runs: impl Fn(&str) -> bool) -> Vec<&str> {
        let Self { arns, running } = self;
        running.retain(|place| arns.get(*place).is_some_and(|arn| runs(arn)));
        running.iter().filter_map(|place| arns.get(*place)).map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_is_listed_as_running_again_once_it_is_redriven() {
        let mut started = Started::default();
        for arn in ["a", "b", "c"] {
            started.starts(arn.to_owned());
        }
        assert_eq!(started.running(|arn| arn != "b"), ["a", "c"]);
        assert_eq!(started.running(|_| true), ["a", "c"], "b had ended when somebody looked");
        started.runs_again("b");
        assert_eq!(started.running(|_| true), ["a", "b", "c"]);
        assert_eq!(started.all().collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
