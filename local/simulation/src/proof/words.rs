//! The names of what happens in a schedule, in tables and in its story.

use std::fmt;

use super::schedule::{What, tenant_id};

impl What {
    /// Its name in tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SignUp { .. } => "signup",
            Self::SignUpFaulty => "signup with faults",
            Self::Duplicate { .. } => "event duplicated",
            Self::Replay { .. } => "event replayed",
            Self::CreationFails { .. } => "creation fails on AWS's side",
            Self::BaselineFails => "stack of a baseline fails",
            Self::Late { .. } => "event late",
            Self::BaselineBreaks { .. } => "baseline broken",
            Self::BaselineMended => "baseline mended",
            Self::TakeEmail { .. } => "address taken outside",
            Self::TakeEmailInside { .. } => "address taken inside",
            Self::Move { .. } => "account moved",
            Self::Untag { .. } => "tag removed",
            Self::Retag { .. } => "tag changed",
            Self::Close { .. } => "account closed",
            Self::Leave { .. } => "tenant leaves",
            Self::Return { .. } => "tenant returns",
            Self::LeaveLate { .. } => "leaving heard of late",
            Self::SweepTwice => "sweep started twice",
            Self::Hold { .. } => "account held",
            Self::Protect { .. } => "account protected",
            Self::RollOut { bad: false } => "change rolls out",
            Self::RollOut { bad: true } => "bad change rolls out",
            Self::RollOutAmongHarm { bad: false, .. } => "change rolls out among harm",
            Self::RollOutAmongHarm { bad: true, .. } => "bad change rolls out among harm",
            Self::MeansHarm { .. } => "tenant means harm",
            Self::GateBreaks { .. } => "gate broken",
            Self::SetTagged => "stack set tagged",
            Self::SetRewritten => "stack set rewritten",
            Self::SetOfAnotherRole => "stack set of another role",
            Self::SetOfItsOwnRole => "stack set of its own role again",
            Self::AlarmRings { .. } => "alarm rings",
            Self::AlarmRests { .. } => "alarm rests",
            Self::Life { leaves: true, .. } => "tenant has left",
            Self::Life { leaves: false, .. } => "tenant has returned",
            Self::LifeAgain { .. } => "leaving or return repeated",
            Self::SignUpOther { .. } => "signup with other content",
            Self::Reopen { .. } => "account reopened",
            Self::CloseByHand { .. } => "account closed in the console",
            Self::TiersChange => "tiers changed",
            Self::TierBreaks => "tier with a fault",
            Self::TierMended => "tier mended",
            Self::Poison { .. } => "signup with 20,000 members",
            Self::StopThrown => "switch thrown",
            Self::StopTakenBack => "switch taken back",
            Self::UpdateStackSet => "stack set updated",
            Self::Stop { .. } => "execution stopped",
            Self::Redrive { .. } => "execution redriven",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignUp { tenant, tier } => {
                write!(f, "{} signs up, tier {tier}", tenant_id(*tenant))
            }
            Self::Duplicate { tenant }
            | Self::Replay { tenant }
            | Self::Late { tenant }
            | Self::BaselineBreaks { tenant }
            | Self::TakeEmailInside { tenant }
            | Self::CreationFails { tenant }
            | Self::TakeEmail { tenant }
            | Self::Untag { tenant }
            | Self::Retag { tenant }
            | Self::Close { tenant }
            | Self::Stop { tenant }
            | Self::Leave { tenant }
            | Self::Return { tenant }
            | Self::LeaveLate { tenant }
            | Self::Hold { tenant }
            | Self::Protect { tenant }
            | Self::AlarmRings { tenant }
            | Self::AlarmRests { tenant }
            | Self::LifeAgain { tenant }
            | Self::Reopen { tenant }
            | Self::CloseByHand { tenant }
            | Self::GateBreaks { tenant }
            | Self::Redrive { tenant } => write!(f, "{} ({})", self.name(), tenant_id(*tenant)),
            Self::Life { tenant, age, .. } => {
                write!(f, "{}, {} s ago ({})", self.name(), age.as_secs(), tenant_id(*tenant))
            }
            Self::MeansHarm { tenant, how } => {
                write!(f, "{}, {how:?} ({})", self.name(), tenant_id(*tenant))
            }
            Self::SignUpOther { tenant, other } => {
                write!(f, "{}: {other:?} ({})", self.name(), tenant_id(*tenant))
            }
            Self::Move { tenant, to } => {
                write!(f, "{} to {to:?} ({})", self.name(), tenant_id(*tenant))
            }
            Self::SignUpFaulty
            | Self::BaselineFails
            | Self::BaselineMended
            | Self::RollOut { .. }
            | Self::RollOutAmongHarm { .. }
            | Self::SetTagged
            | Self::SetRewritten
            | Self::SetOfAnotherRole
            | Self::SetOfItsOwnRole
            | Self::TiersChange
            | Self::TierBreaks
            | Self::TierMended
            | Self::Poison { .. }
            | Self::StopThrown
            | Self::StopTakenBack
            | Self::SweepTwice
            | Self::UpdateStackSet => f.write_str(self.name()),
        }
    }
}
