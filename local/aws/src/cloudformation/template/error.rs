//! A fault of a template: where it is, and what is wrong there.

/// A fault of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The line in the template's text, from 1; 0 where no line is to blame.
    pub line: usize,
    /// Where in the template: `Resources.Queue.Properties.QueueName`.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl TemplateError {
    /// A fault at a line and path.
    pub(crate) fn at(line: usize, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { line, path: path.into(), message: message.into() }
    }
}

impl std::fmt::Display for TemplateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Template error: ")?;
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for TemplateError {}
