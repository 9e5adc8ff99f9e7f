//! An account's state, from the field that AWS has now and from the one that it retires.

use std::fmt;

/// The state of an account. AWS replaces `Status` by `State`; an answer may have either, and
/// either may have a value that is not known here yet.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_account_state.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// Its sign-up is not finished.
    PendingActivation,
    /// It works.
    Active,
    /// AWS suspended it; with `Status`, also: it was closed.
    Suspended,
    /// AWS is closing it.
    PendingClosure,
    /// It is closed.
    Closed,
    /// AWS says something else, or nothing.
    Unknown,
}

impl AccountState {
    /// The state that AWS's answer names: by `State`, or by `Status` where there is no `State`.
    pub fn of(state: Option<&str>, status: Option<&str>) -> Self {
        match state.or(status) {
            Some("PENDING_ACTIVATION") => Self::PendingActivation,
            Some("ACTIVE") => Self::Active,
            Some("SUSPENDED") => Self::Suspended,
            Some("PENDING_CLOSURE") => Self::PendingClosure,
            Some("CLOSED") => Self::Closed,
            _ => Self::Unknown,
        }
    }

    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingActivation => "PENDING_ACTIVATION",
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::PendingClosure => "PENDING_CLOSURE",
            Self::Closed => "CLOSED",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// Whether it is closed or on its way: there is no way back but AWS Support.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::PendingClosure | Self::Closed)
    }
}

impl fmt::Display for AccountState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_field_counts_and_the_retired_one_fills_in() {
        assert_eq!(AccountState::of(Some("CLOSED"), Some("SUSPENDED")), AccountState::Closed);
        assert_eq!(AccountState::of(None, Some("SUSPENDED")), AccountState::Suspended);
        assert_eq!(AccountState::of(Some("HIBERNATING"), None), AccountState::Unknown);
        assert_eq!(AccountState::of(None, None), AccountState::Unknown);
        for state in ["PENDING_ACTIVATION", "ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"] {
            assert_eq!(AccountState::of(Some(state), None).as_str(), state);
        }
    }
}
