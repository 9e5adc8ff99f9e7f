//! A schedule: everything that a seed decides about a world before it begins, except the faults
//! of single calls, which [`super::injector`] draws as calls come.

use std::time::Duration;

use super::draw;

/// How a world of a proof is drawn.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The seed that it was drawn from.
    pub seed: u64,
    /// What it is about.
    pub kind: Kind,
    /// How long AWS takes for what.
    pub durations: Slowness,
    /// How often faults come while they come.
    pub storm: Storm,
    /// What AWS does where its documentation does not say.
    pub answers: Answers,
    /// How many tenants may be admitted and still without an account.
    pub window: usize,
    /// What people, and the systems around Landlord, do.
    pub steps: Vec<Step>,
}

/// What a world is about. Tenants sign up in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Tenants sign up.
    SigningUp,
    /// Tenants leave and come back, and sweeps close what they left.
    Leaving,
    /// A change rolls out to the tenants that are there.
    RollingOut,
    /// Events of one tenant, people and configurations cross each other.
    Crossing,
    /// A change rolls out among tenants that mean harm, broken gates and people who are at work.
    Harmed,
}

impl Kind {
    /// The kind of a seed's world: four of eight are about signing up.
    pub fn of(seed: u64) -> Self {
        match seed % 8 {
            3 => Self::Leaving,
            5 => Self::Crossing,
            6 => Self::Harmed,
            7 => Self::RollingOut,
            _ => Self::SigningUp,
        }
    }

    /// Faults and people come that long; what comes after is left alone to converge.
    pub fn trouble(self) -> Duration {
        Duration::from_secs(match self {
            Self::SigningUp => 2 * 3_600,
            Self::Leaving | Self::Crossing => 60 * 3_600,
            Self::RollingOut | Self::Harmed => 4 * 3_600,
        })
    }

    /// So long it takes at most until everything has converged: an execution's deadline is a day
    /// after its start; who left just now cools off for a day, and sweeps come every six hours.
    pub fn converges(self) -> Duration {
        Duration::from_secs(match self {
            Self::SigningUp | Self::RollingOut | Self::Harmed => 30 * 3_600,
            Self::Leaving | Self::Crossing => 54 * 3_600,
        })
    }
}

/// How long AWS takes for what.
#[derive(Debug, Clone, Copy)]
pub struct Slowness {
    /// A creation.
    pub creation: Duration,
    /// Until a new account lets its role be assumed.
    pub role: Duration,
    /// How far the tagging API lags.
    pub tags: Duration,
    /// How far lists lag.
    pub lists: Duration,
    /// A stack instance.
    pub instance: Duration,
    /// A quota's decision.
    pub quota: Duration,
}

impl Slowness {
    /// Whether AWS takes longer to decide than an onboarding waits.
    pub fn never_decides_a_quota(&self) -> bool {
        self.quota > Duration::from_secs(86_400)
    }
}

/// What AWS does where its documentation does not say, or says two things. Each world draws its
/// own, so that what is proven holds under either answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    /// The newest operation's id, used again, is answered as if for the first time; else it is
    /// `OperationIdAlreadyExistsException`.
    pub repeated_id_is_answered: bool,
    /// A closed account's `State` reads `SUSPENDED`.
    pub closed_reads_suspended: bool,
    /// Operations fail in suspended accounts instead of leaving them out.
    pub suspended_accounts_fail: bool,
    /// A Region that exceeds its tolerance stops the Regions beside it.
    pub excess_stops_all: bool,
}

/// How often faults come while they come.
#[derive(Debug, Clone, Copy)]
pub struct Storm {
    /// The share of calls and invocations that something happens to.
    pub density: f64,
    /// So many of them pass before it begins.
    pub calm: u64,
    /// So many faults there are at most.
    pub faults: usize,
    /// Whether faults are aimed, besides: at some call sites, the first times that they are
    /// reached, however late and however seldom that is.
    pub aims: bool,
}

/// Something that happens from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// How long after the beginning.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What happens from outside.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A tenant signs up, by an event on the bus.
    SignUp {
        /// Its number.
        tenant: usize,
        /// Its tier.
        tier: &'static str,
    },
    /// A signup with faults.
    SignUpFaulty,
    /// The event of the tenant's first signup comes once more, with the same id.
    Duplicate {
        /// The tenant's number.
        tenant: usize,
    },
    /// An archive replays it.
    Replay {
        /// The tenant's number.
        tenant: usize,
    },
    /// A signup of the tenant comes late: sent long ago, behind those that were sent since.
    Late {
        /// The tenant's number.
        tenant: usize,
    },
    /// AWS fails the tenant's next creation for its own reasons.
    CreationFails {
        /// The tenant's number.
        tenant: usize,
    },
    /// The next stack of a baseline fails to deploy.
    BaselineFails,
    /// Every stack in the tenant's account fails, until it is mended.
    BaselineBreaks {
        /// The tenant's number.
        tenant: usize,
    },
    /// Stacks deploy again, everywhere.
    BaselineMended,
    /// Somebody has the tenant's address before it signs up.
    TakeEmail {
        /// The tenant's number.
        tenant: usize,
    },
    /// Somebody makes an account in the organization with the tenant's address.
    TakeEmailInside {
        /// The tenant's number.
        tenant: usize,
    },
    /// Somebody moves the tenant's account.
    Move {
        /// The tenant's number.
        tenant: usize,
        /// Where to.
        to: Destination,
    },
    /// Somebody takes the tag away by which Landlord knows the tenant's account.
    Untag {
        /// The tenant's number.
        tenant: usize,
    },
    /// Somebody gives the account to another tenant.
    Retag {
        /// The tenant's number.
        tenant: usize,
    },
    /// Somebody closes the tenant's account.
    Close {
        /// The tenant's number.
        tenant: usize,
    },
    /// A tenant that was there leaves.
    Leave {
        /// The tenant's number.
        tenant: usize,
    },
    /// It comes back.
    Return {
        /// The tenant's number.
        tenant: usize,
    },
    /// The schedule of the sweeps delivers twice.
    SweepTwice,
    /// The event that it left, sent long ago, comes only now.
    LeaveLate {
        /// The tenant's number.
        tenant: usize,
    },
    /// Somebody holds the tenant's account.
    Hold {
        /// The tenant's number.
        tenant: usize,
    },
    /// Somebody protects the tenant's account for good.
    Protect {
        /// The tenant's number.
        tenant: usize,
    },
    /// A change begins to roll out.
    RollOut {
        /// Whether it fails in every account.
        bad: bool,
    },
    /// A change begins to roll out whose plan bears one account that fails.
    RollOutAmongHarm {
        /// Whether it fails in every account.
        bad: bool,
        /// Whether a person has to approve the second wave, which nobody does.
        approval: bool,
    },
    /// The tenant's stacks fail from now on, in words that are made to be excused.
    MeansHarm {
        /// The tenant's number.
        tenant: usize,
        /// What the words imitate.
        how: Excuse,
    },
    /// The gate in the tenant's account gets a setting that nobody can read.
    GateBreaks {
        /// The tenant's number.
        tenant: usize,
    },
    /// Somebody gives the stack set other tags.
    SetTagged,
    /// Somebody gives the stack set another template.
    SetRewritten,
    /// Somebody gives the stack set another administration role.
    SetOfAnotherRole,
    /// Operators, who heard of it, give it its own role again.
    SetOfItsOwnRole,
    /// An alarm goes off in the tenant's account.
    AlarmRings {
        /// The tenant's number.
        tenant: usize,
    },
    /// It is quiet again.
    AlarmRests {
        /// The tenant's number.
        tenant: usize,
    },
    /// An event says that a tenant left or came back, this long ago.
    Life {
        /// The tenant's number.
        tenant: usize,
        /// Whether it left.
        leaves: bool,
        /// How old the event is when it comes.
        age: Duration,
    },
    /// The newest of these events of the tenant comes once more.
    LifeAgain {
        /// The tenant's number.
        tenant: usize,
    },
    /// The tenant signs up, and says something else than before.
    SignUpOther {
        /// The tenant's number.
        tenant: usize,
        /// What is other.
        other: Other,
    },
    /// AWS Support reopens the tenant's closed account.
    Reopen {
        /// The tenant's number.
        tenant: usize,
    },
    /// Somebody closes the tenant's account in the console, and AWS says so in an event.
    CloseByHand {
        /// The tenant's number.
        tenant: usize,
    },
    /// What tenants of each tier get changes.
    TiersChange,
    /// There is a new tier, and a stack set of it is not there.
    TierBreaks,
    /// The new tier is mended.
    TierMended,
    /// A signup with 20,000 members that mean nothing, or that all but have a known name.
    Poison {
        /// Whether each is a fault.
        misspelt: bool,
    },
    /// Somebody stops everything irreversible.
    StopThrown,
    /// It goes on.
    StopTakenBack,
    /// Somebody updates the baseline's stack set.
    UpdateStackSet,
    /// Somebody stops the tenant's execution.
    Stop {
        /// The tenant's number.
        tenant: usize,
    },
    /// Somebody redrives the tenant's execution, if it has failed.
    Redrive {
        /// The tenant's number.
        tenant: usize,
    },
}

/// In what a signup differs from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// It has another tier.
    Tier,
    /// It has another name.
    Name,
    /// It gives an address of its own.
    Address,
}

/// What the words of a failure imitate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excuse {
    /// That AWS suspended the account.
    Suspension,
    /// That its gate said no.
    Veto,
    /// That AWS throttled.
    Throttle,
    /// Nothing.
    None,
}

/// Where people move accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// The root.
    Root,
    /// Retiring.
    Retiring,
    /// A unit that Landlord does not know.
    Elsewhere,
    /// Onboarding.
    Onboarding,
}

impl What {
    /// The tenant whose account, execution or address people laid hands on.
    pub fn tampers_with(&self) -> Option<usize> {
        match self {
            Self::TakeEmail { tenant }
            | Self::TakeEmailInside { tenant }
            | Self::BaselineBreaks { tenant }
            | Self::Move { tenant, .. }
            | Self::Untag { tenant }
            | Self::Retag { tenant }
            | Self::Close { tenant }
            | Self::CloseByHand { tenant }
            | Self::Reopen { tenant }
            | Self::Stop { tenant } => Some(*tenant),
            _ => None,
        }
    }

    /// Whether it can hide from Landlord that the tenant has an account.
    pub fn hides_the_account(&self) -> bool {
        matches!(
            self,
            Self::TakeEmail { .. }
                | Self::TakeEmailInside { .. }
                | Self::Untag { .. }
                | Self::Retag { .. }
                | Self::Close { .. }
                | Self::CloseByHand { .. }
        )
    }

    /// Whether somebody changes the baseline's stack set by hand.
    pub fn changes_the_set(&self) -> bool {
        matches!(
            self,
            Self::UpdateStackSet
                | Self::SetTagged
                | Self::SetRewritten
                | Self::SetOfAnotherRole
                | Self::SetOfItsOwnRole
        )
    }
}

/// Those who sign up, and those who were there.
const TENANTS: [&str; 8] =
    ["acme", "globex", "hooli", "initech", "massive", "soylent", "umbrella", "wonka"];
/// So many sign up at most.
pub(super) const SIGN_UP: usize = 4;

/// A tier that is added to the others while a world lasts.
pub(super) const NEW_TIER: &str = "trial";

/// The numbers of the tenants that were there, where any were.
pub(super) const STANDING: std::ops::Range<usize> = SIGN_UP..TENANTS.len();

/// The id of a tenant.
pub fn tenant_id(number: usize) -> &'static str {
    TENANTS[number % TENANTS.len()]
}

impl Schedule {
    /// The schedule of a seed.
    pub fn of(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x0005_eed0_fa11_7e57);
        let mut one_of =
            |choices: &[u64]| Duration::from_secs(choices[random.usize(..choices.len())]);
        let mut durations = Slowness {
            creation: one_of(&[15, 40, 90, 240]),
            role: one_of(&[5, 30, 120]),
            tags: one_of(&[5, 30, 300]),
            lists: one_of(&[1, 3, 20]),
            instance: one_of(&[60, 180]),
            quota: one_of(&[
                60, 60, 60, 60, 60, 60, 60, 60, 900, 900, 900, 900, 900, 900, 900, 200_000,
            ]),
        };
        let storm = Storm {
            density: [0.01, 0.04, 0.15, 0.4][random.usize(..4)],
            calm: [0, 0, 30, 150][random.usize(..4)],
            faults: random.usize(1..20),
            aims: seed / 8 % 2 == 1,
        };
        let window = [10, 10, 1, 2][random.usize(..4)];
        let answers = Answers {
            repeated_id_is_answered: random.bool(),
            closed_reads_suspended: random.bool(),
            suspended_accounts_fail: random.bool(),
            excess_stops_all: random.bool(),
        };
        let kind = Kind::of(seed);
        let mut steps = draw::steps(&mut random, kind);
        match kind {
            Kind::SigningUp => {}
            Kind::Leaving => draw::leaving(&mut random, &mut steps),
            Kind::RollingOut => draw::rolling_out(&mut random, &mut steps),
            Kind::Crossing => draw::crossing(&mut random, &mut durations, &mut steps),
            Kind::Harmed => draw::harmed(&mut random, &mut steps),
        }
        // People first: an address is taken before its owner signs up.
        steps.sort_by_key(|step| (step.at, matches!(step.what, What::SignUp { .. })));
        Self { seed, kind, durations, storm, answers, window, steps }
    }

    /// The numbers of the tenants that sign up and were not there before.
    pub fn tenants(&self) -> std::ops::Range<usize> {
        let numbers = self.steps.iter().filter_map(|step| match step.what {
            What::SignUp { tenant, tier } if tenant < SIGN_UP && tier != NEW_TIER => {
                Some(tenant + 1)
            }
            _ => None,
        });
        0..numbers.max().unwrap_or(0)
    }
}
