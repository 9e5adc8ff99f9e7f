//! What functions write: kept per function up to a bound, and handed on as it comes.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The output that a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output: where functions log.
    Stdout,
    /// Standard error: where a runtime that cannot log complains.
    Stderr,
}

/// One line that a function wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The function's name.
    pub function: String,
    /// The output it was written to.
    pub stream: Stream,
    /// The line without its end; bytes that are not UTF-8 are replaced.
    pub text: String,
}

type Write = dyn Fn(&LogLine) + Send + Sync;

/// Where a function's lines go while they are written.
#[derive(Clone)]
pub struct LogSink(Option<Arc<Write>>);

impl LogSink {
    /// Nowhere: the lines are still kept by the host.
    pub fn discard() -> Self {
        Self(None)
    }

    /// To `write`, line by line. It is called on the host's runtime and must not block.
    pub fn from_fn(write: impl Fn(&LogLine) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(write)))
    }

    pub(crate) fn write(&self, line: &LogLine) {
        if let Some(write) = &self.0 {
            write(line);
        }
    }
}

impl fmt::Debug for LogSink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "LogSink(..)" } else { "LogSink(discard)" })
    }
}

/// The newest lines of every function.
#[derive(Debug)]
pub(crate) struct Kept {
    limit: usize,
    lines: Mutex<BTreeMap<String, VecDeque<LogLine>>>,
}

impl Kept {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, lines: Mutex::default() }
    }

    pub(crate) fn push(&self, line: LogLine) {
        let mut functions = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = functions.entry(line.function.clone()).or_default();
        while lines.len() >= self.limit.max(1) {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    pub(crate) fn of(&self, function: &str) -> Vec<LogLine> {
        let functions = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        functions.get(function).map(|lines| lines.iter().cloned().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_lines_are_kept() {
        let kept = Kept::new(2);
        for text in ["one", "two", "three"] {
            kept.push(LogLine {
                function: "probe".to_owned(),
                stream: Stream::Stdout,
                text: text.to_owned(),
            });
        }
        let texts: Vec<String> = kept.of("probe").into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["two", "three"]);
        assert!(kept.of("another").is_empty());
    }
}
