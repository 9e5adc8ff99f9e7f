//! What people do to accounts while a sweep runs.

use fastrand::Rng;
use lifecycle::tags;
use local_aws::Aws;

use super::fleet::{KEYS, one_in, value};

/// Something that somebody does by hand, at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Move(String),
    Tag(&'static str, Option<String>),
    Close,
    Suspend,
}

impl Change {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Move(_) => "moved",
            Self::Tag(tags::HOLD, Some(_)) => "held",
            Self::Tag(tags::PROTECTED, Some(_)) => "protected",
            Self::Tag(_, Some(_)) => "tag written",
            Self::Tag(_, None) => "tag removed",
            Self::Close => "closed by hand",
            Self::Suspend => "suspended by AWS",
        }
    }

    pub(super) fn any(dice: &mut Rng, units: &[String], now: jiff::Timestamp) -> Self {
        match dice.u8(..10) {
            0..3 => Self::Move(dice.choice(units).cloned().unwrap_or_default()),
            3..5 => Self::Tag(
                if dice.bool() { tags::HOLD } else { tags::PROTECTED },
                Some("ask legal".to_owned()),
            ),
            5..8 => {
                let key = dice.choice(KEYS).unwrap_or(tags::RETIRE_AFTER);
                let value = (!one_in(dice, 3)).then(|| value(dice, key, now));
                Self::Tag(key, value)
            }
            8 => Self::Close,
            _ => Self::Suspend,
        }
    }

    pub(super) fn apply(&self, aws: &Aws, account: &str) {
        match self {
            Self::Move(unit) => aws.move_account_by_hand(account, unit),
            Self::Tag(key, value) => aws.tag_account_by_hand(account, key, value.as_deref()),
            Self::Close => aws.close_account_by_hand(account),
            Self::Suspend => aws.suspend_account(account),
        };
    }
}
