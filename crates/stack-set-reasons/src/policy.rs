//! What Landlord does about each class. Decided once, for every place that asks.

use crate::class::Class;

/// What a class means for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// It has the change.
    Deployed,
    /// It failed by the change, or as if it had: counts as soon as it is seen.
    Failure,
    /// It counts as a failure if it is still so when nothing more is tried.
    FailureIfItStays,
    /// Its gate said no: counts against the tolerance of vetoes.
    Veto,
    /// A second witness says that it is no business of the change.
    Excused,
}

/// Where it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// In its wave, with growing pauses, as often as the plan says.
    pub wave: bool,
    /// After the last wave, until the plan's deadline.
    pub late: bool,
    /// On the way back.
    pub back: bool,
}

/// What it means for an account that is being enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolment {
    /// The instance is there.
    Done,
    /// Tried again soon, a bounded number of times.
    Soon,
    /// Tried again with growing pauses until the tenant's deadline, and the tenant's status says
    /// what it waits for: an account gets its services, its role and its neighbours in time.
    Wait,
    /// A person has to act: tried a few times, then the onboarding fails and names the reason.
    Few,
    /// Final at once: the account is not active.
    Never,
}

/// Everything that is decided about a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// What it means for the change.
    pub counting: Counting,
    /// Where it is tried again.
    pub again: Again,
    /// Whether an operation may have changed the stack before it ended so: then nobody knows
    /// which template the instance has.
    pub touched: bool,
    /// What it means while an account is enrolled.
    pub enrolment: Enrolment,
}

impl Policy {
    /// Whether it counts as a failure as soon as it is seen.
    pub fn is_failure(self) -> bool {
        self.counting == Counting::Failure
    }

    /// Whether it counts as a failure once nothing more is tried.
    pub fn fails_in_the_end(self) -> bool {
        matches!(self.counting, Counting::Failure | Counting::FailureIfItStays)
    }
}

const NOWHERE: Again = Again { wave: false, late: false, back: false };
const EVERYWHERE: Again = Again { wave: true, late: true, back: true };
/// What holds up no wave, and what a person may have mended by the time of the way back.
const LATER: Again = Again { wave: false, late: true, back: true };
const ON_THE_WAY_BACK: Again = Again { wave: false, late: false, back: true };

impl Class {
    /// What is done about it.
    pub fn policy(self) -> Policy {
        let (counting, again, touched, enrolment) = match self {
            Self::Succeeded => (Counting::Deployed, NOWHERE, true, Enrolment::Done),
            Self::Vetoed => (Counting::Veto, LATER, false, Enrolment::Soon),
            Self::Transient => (Counting::FailureIfItStays, EVERYWHERE, true, Enrolment::Soon),
            Self::NotYet => (Counting::FailureIfItStays, EVERYWHERE, true, Enrolment::Wait),
            Self::Suspended => (Counting::Excused, NOWHERE, false, Enrolment::Never),
            Self::Cancelled => (Counting::FailureIfItStays, EVERYWHERE, false, Enrolment::Soon),
            Self::RoleMissing => (Counting::Failure, ON_THE_WAY_BACK, false, Enrolment::Wait),
            Self::MissingDependency => (Counting::Failure, NOWHERE, true, Enrolment::Wait),
            Self::Failed => (Counting::Failure, NOWHERE, true, Enrolment::Few),
            Self::Unclassified => (Counting::Failure, ON_THE_WAY_BACK, true, Enrolment::Few),
        };
        Policy { counting, again, touched, enrolment }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(wanted: impl Fn(Policy) -> bool) -> Vec<Class> {
        Class::ALL.into_iter().filter(|class| wanted(class.policy())).collect()
    }

    #[test]
    fn the_policy_of_each_class_is_what_the_documents_say() {
        assert_eq!(
            names(Policy::is_failure),
            [Class::RoleMissing, Class::MissingDependency, Class::Failed, Class::Unclassified]
        );
        assert_eq!(names(|policy| policy.counting == Counting::Excused), [Class::Suspended]);
        assert_eq!(names(|policy| policy.counting == Counting::Veto), [Class::Vetoed]);
        assert_eq!(
            names(|policy| policy.again.wave),
            [Class::Transient, Class::NotYet, Class::Cancelled]
        );
        assert_eq!(
            names(|policy| policy.again.late),
            [Class::Vetoed, Class::Transient, Class::NotYet, Class::Cancelled]
        );
    }

    #[test]
    fn nothing_is_excused_and_tried_again_and_whatever_is_no_success_comes_to_something() {
        for class in Class::ALL {
            let policy = class.policy();
            let excused = policy.counting == Counting::Excused;
            assert!(!(excused && policy.again != NOWHERE), "{class:?}");
            let deployed = policy.counting == Counting::Deployed;
            assert_eq!(deployed, policy.enrolment == Enrolment::Done, "{class:?}");
        }
    }
}
