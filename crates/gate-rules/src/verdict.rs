//! What the gate answers: a pure function of what its checks found.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Check {
    /// The gate's own settings.
    Settings,
    /// The override in SSM.
    Override,
    /// Maintenance windows and freeze periods.
    Windows,
    /// CloudWatch alarms.
    Alarms,
    /// Systems Manager change calendars.
    Calendars,
    /// SSM parameters that have to be there.
    Parameters,
}

impl Check {
    /// All checks, in the order in which reasons are given.
    pub const ALL: [Self; 6] = [
        Self::Settings,
        Self::Override,
        Self::Windows,
        Self::Alarms,
        Self::Calendars,
        Self::Parameters,
    ];

    /// The check's name, in answers, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Settings => "Settings",
            Self::Override => "Override",
            Self::Windows => "Windows",
            Self::Alarms => "Alarms",
            Self::Calendars => "Calendars",
            Self::Parameters => "Parameters",
        }
    }
}

/// What a check makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// Nothing against an operation.
    Pass,
    /// No operation now.
    Veto,
    /// Operations pass, whatever the other checks say. Only an override says so.
    Open,
    /// The check could not be made. What that means is the fail mode's business.
    Unknown,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// What it makes of it.
    pub verdict: Verdict,
    /// Why, for a person.
    pub reason: String,
}

impl Finding {
    /// A finding.
    pub fn new(check: Check, verdict: Verdict, reason: impl Into<String>) -> Self {
        Self { check, verdict, reason: reason.into() }
    }
}

/// What a check that could not be made counts as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FailMode {
    /// As a veto.
    #[default]
    Closed,
    /// As if it had nothing against it. The other checks still count.
    Open,
}

impl FromStr for FailMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "closed" => Ok(Self::Closed),
            "open" => Ok(Self::Open),
            _ => Err("must be closed or open"),
        }
    }
}

/// What StackSets reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// The operation proceeds.
    Succeeded,
    /// The operation is cancelled in this account and Region.
    Failed,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
        })
    }
}

/// True when `finding` stands in the way under `mode`.
pub fn vetoes(finding: &Finding, mode: FailMode) -> bool {
    match finding.verdict {
        Verdict::Veto => true,
        Verdict::Unknown => mode == FailMode::Closed,
        Verdict::Pass | Verdict::Open => false,
    }
}

/// The answer, as soon as no further finding can change it.
///
/// `open` wins at once. A veto is final when the override is known, for only an override can
/// still open. Without either, every check has to be in.
pub fn decide(findings: &[Finding], missing: usize, mode: FailMode) -> Option<Status> {
    if findings.iter().any(|finding| finding.verdict == Verdict::Open) {
        return Some(Status::Succeeded);
    }
    let overridable = !findings.iter().any(|finding| finding.check == Check::Override);
    let vetoed = findings.iter().any(|finding| vetoes(finding, mode));
    match (missing, vetoed) {
        (0, true) => Some(Status::Failed),
        (0, false) => Some(Status::Succeeded),
        (_, true) if !overridable => Some(Status::Failed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(check: Check, verdict: Verdict) -> Finding {
        Finding::new(check, verdict, "because")
    }

    #[test]
    fn the_answer_follows_from_the_findings() {
        use Check::{Alarms, Override, Windows};
        use FailMode::{Closed, Open as FailOpen};
        use Status::{Failed, Succeeded};
        use Verdict::{Open, Pass, Unknown, Veto};
        // Findings, checks that are not in yet, fail mode: answer.
        type Case<'a> = (&'a [(Check, Verdict)], usize, FailMode, Option<Status>);
        let table: &[Case<'_>] = &[
            (&[(Override, Pass), (Alarms, Pass)], 0, Closed, Some(Succeeded)),
            (&[(Override, Pass), (Alarms, Veto)], 0, Closed, Some(Failed)),
            (&[(Override, Pass), (Alarms, Veto)], 0, FailOpen, Some(Failed)),
            (&[(Override, Pass), (Alarms, Unknown)], 0, Closed, Some(Failed)),
            (&[(Override, Pass), (Alarms, Unknown)], 0, FailOpen, Some(Succeeded)),
            (&[(Override, Pass), (Alarms, Unknown), (Windows, Veto)], 0, FailOpen, Some(Failed)),
            (&[(Override, Open), (Alarms, Veto)], 0, Closed, Some(Succeeded)),
            (&[(Override, Open), (Alarms, Unknown)], 0, Closed, Some(Succeeded)),
            (&[(Override, Veto), (Alarms, Pass)], 0, FailOpen, Some(Failed)),
            (&[(Override, Unknown), (Alarms, Pass)], 0, Closed, Some(Failed)),
            (&[(Override, Unknown), (Alarms, Pass)], 0, FailOpen, Some(Succeeded)),
            // Before everything is in.
            (&[(Override, Open)], 1, Closed, Some(Succeeded)),
            (&[(Override, Veto)], 1, Closed, Some(Failed)),
            (&[(Override, Unknown)], 1, Closed, Some(Failed)),
            (&[(Override, Unknown)], 1, FailOpen, None),
            (&[(Override, Pass)], 1, Closed, None),
            (&[(Alarms, Veto)], 1, Closed, None),
            (&[(Alarms, Unknown)], 1, Closed, None),
            (&[(Alarms, Veto), (Override, Pass)], 1, Closed, Some(Failed)),
            (&[], 2, Closed, None),
        ];
        for (findings, missing, mode, answer) in table {
            let findings: Vec<Finding> =
                findings.iter().map(|(check, verdict)| found(*check, *verdict)).collect();
            let decided = decide(&findings, *missing, *mode);
            assert_eq!(decided, *answer, "{findings:?} {missing} {mode:?}");
        }
    }

    #[test]
    fn a_veto_without_the_override_is_never_final() {
        for verdict in [Verdict::Veto, Verdict::Unknown] {
            let early = [found(Check::Windows, verdict), found(Check::Alarms, verdict)];
            assert_eq!(decide(&early, 1, FailMode::Closed), None);
        }
    }

    #[test]
    fn a_fail_mode_is_one_of_two_words() {
        assert_eq!("closed".parse(), Ok(FailMode::Closed));
        assert_eq!("open".parse(), Ok(FailMode::Open));
        assert_eq!("OPEN".parse::<FailMode>(), Err("must be closed or open"));
    }
}
