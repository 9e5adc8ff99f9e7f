//! A fault that is asked for: chance finds what happens often, and the rest is aimed at.

use std::fmt;
use std::str::FromStr;

use super::injector::Site;
use super::prove::kinds_of;

/// One fault more than a seed has of itself: of this kind, at this site, as soon as it can come.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Aim {
    /// Where.
    pub site: Site,
    /// The name of the kind.
    pub kind: &'static str,
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Site { caller, action } = &self.site;
        let what = if action.is_empty() { "itself" } else { action };
        write!(f, "{} at {caller} {what}", self.kind)
    }
}

/// Why a text is no aim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// Words are missing.
    #[error(
        "`{0}` has to be as the proof prints it: KIND at CALLER ACTION, or KIND at FUNCTION itself"
    )]
    Form(String),
    /// No such kind of fault, or not there.
    #[error("`{kind}` can not come there: one of {}", .fitting.join(", "))]
    Kind {
        /// What was asked for.
        kind: String,
        /// What can come.
        fitting: Vec<&'static str>,
    },
}

impl FromStr for Aim {
    type Err = Unclear;

    fn from_str(text: &str) -> Result<Self, Unclear> {
        let form = || Unclear::Form(text.to_owned());
        let (kind, place) = text.split_once(" at ").ok_or_else(form)?;
        let (caller, what) = place.split_once(' ').ok_or_else(form)?;
        let action = if what == "itself" { "" } else { what };
        if !action.is_empty() && !action.contains(':') {
            return Err(form());
        }
        let site = Site { caller: caller.to_owned(), action: action.to_owned() };
        let fitting = kinds_of(&site);
        match fitting.iter().find(|name| **name == kind) {
            Some(kind) => Ok(Self { site, kind }),
            None => Err(Unclear::Kind { kind: kind.to_owned(), fitting }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn an_aim_is_read_as_it_is_written() {
        for text in
            ["answer lost at stop-rollout s3:PutObject", "too late at finish-rollout itself"]
        {
            assert_eq!(text.parse::<Aim>().unwrap().to_string(), text);
        }
        for text in ["answer lost", "slow at deploy-wave", "slow at deploy-wave nothing"] {
            assert_eq!(text.parse::<Aim>(), Err(Unclear::Form(text.to_owned())));
        }
        let stale = "stale at stop-rollout s3:PutObject".parse::<Aim>().unwrap_err().to_string();
        assert!(stale.contains("one of refused, answer lost"), "{stale}");
        let slow = "slow at stop-rollout s3:PutObject".parse::<Aim>().unwrap_err().to_string();
        assert!(slow.starts_with("`slow` can not come there"), "{slow}");
    }
}
