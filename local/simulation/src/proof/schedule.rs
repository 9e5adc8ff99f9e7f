//! A schedule: everything that a seed decides about a world before it begins, except the faults
//! of single calls, which [`super::injector`] draws as calls come.

use std::fmt;
use std::time::Duration;

/// How a world of a proof is drawn.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The seed that it was drawn from.
    pub seed: u64,
    /// How long AWS takes for what.
    pub durations: Slowness,
    /// How often faults come while they come.
    pub storm: Storm,
    /// How many tenants may be admitted and still without an account.
    pub window: usize,
    /// What people, and the systems around Landlord, do.
    pub steps: Vec<Step>,
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

/// How often faults come while they come.
#[derive(Debug, Clone, Copy)]
pub struct Storm {
    /// The share of calls and invocations that something happens to.
    pub density: f64,
    /// So many of them pass before it begins.
    pub calm: u64,
    /// So many faults there are at most.
    pub faults: usize,
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
        )
    }

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
            Self::UpdateStackSet => "stack set updated",
            Self::Stop { .. } => "execution stopped",
            Self::Redrive { .. } => "execution redriven",
        }
    }
}

const TENANTS: [&str; 4] = ["acme", "globex", "hooli", "initech"];

/// The id of a tenant.
pub fn tenant_id(number: usize) -> &'static str {
    TENANTS[number % TENANTS.len()]
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
            | Self::Redrive { tenant } => write!(f, "{} ({})", self.name(), tenant_id(*tenant)),
            Self::Move { tenant, to } => {
                write!(f, "{} to {to:?} ({})", self.name(), tenant_id(*tenant))
            }
            Self::SignUpFaulty
            | Self::BaselineFails
            | Self::BaselineMended
            | Self::UpdateStackSet => f.write_str(self.name()),
        }
    }
}

/// Faults and people come in the first hours; what comes after is left alone to converge.
pub(super) const TROUBLED: Duration = Duration::from_secs(2 * 3600);

impl Schedule {
    /// The schedule of a seed.
    pub fn of(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x5eed_0f_a11_7e57);
        let mut one_of =
            |choices: &[u64]| Duration::from_secs(choices[random.usize(..choices.len())]);
        let durations = Slowness {
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
        };
        let window = [10, 10, 1, 2][random.usize(..4)];
        let steps = steps(&mut random);
        Self { seed, durations, storm, window, steps }
    }

    /// The number of tenants.
    pub fn tenants(&self) -> usize {
        let numbers = self.steps.iter().filter_map(|step| match step.what {
            What::SignUp { tenant, .. } => Some(tenant + 1),
            _ => None,
        });
        numbers.max().unwrap_or(0)
    }
}

fn steps(random: &mut fastrand::Rng) -> Vec<Step> {
    let mut steps = Vec::new();
    let tenants = random.usize(1..=TENANTS.len());
    for tenant in 0..tenants {
        let at = if random.bool() { 0 } else { random.u64(..1_200) };
        let tier = if random.u8(..4) == 0 { "premium" } else { "standard" };
        steps.push(Step { at: Duration::from_secs(at), what: What::SignUp { tenant, tier } });
        // It signs up again, perhaps with the first still on its way.
        if random.u8(..4) == 0 {
            let at = Duration::from_secs(at + random.u64(..4_000));
            steps.push(Step { at, what: What::SignUp { tenant, tier } });
        }
    }
    let mut others = Vec::new();
    let mut some = |random: &mut fastrand::Rng, one_in: u8, most: u64, what: What| {
        if random.u8(..one_in) == 0 {
            let at = Duration::from_secs(random.u64(..most));
            others.push(Step { at, what });
        }
    };
    let tenant = |random: &mut fastrand::Rng| random.usize(..tenants);
    let (t1, t2) = (tenant(random), tenant(random));
    some(random, 8, 1_000, What::SignUpFaulty);
    some(random, 5, 5_000, What::Duplicate { tenant: t1 });
    some(random, 8, 5_000, What::Replay { tenant: t2 });
    some(random, 8, 5_000, What::Late { tenant: t2 });
    some(random, 8, 10, What::CreationFails { tenant: t2 });
    some(random, 8, 200, What::BaselineFails);
    some(random, 8, 3_000, What::UpdateStackSet);
    // People lay hands on one of three worlds.
    if random.u8(..3) == 0 {
        people(random, tenants, &mut steps);
    }
    steps.append(&mut others);
    // People first: an address is taken before its owner signs up.
    steps.sort_by_key(|step| (step.at, matches!(step.what, What::SignUp { .. })));
    steps
}

/// What people do to the accounts, executions and addresses of a world.
fn people(random: &mut fastrand::Rng, tenants: usize, steps: &mut Vec<Step>) {
    let (tenant, other) = (random.usize(..tenants), random.usize(..tenants));
    let to =
        [Destination::Root, Destination::Retiring, Destination::Elsewhere, Destination::Onboarding]
            [random.usize(..4)];
    let what = match random.u8(..9) {
        0 => What::TakeEmail { tenant },
        1 => What::TakeEmailInside { tenant },
        2 => What::Untag { tenant },
        3 => What::Retag { tenant },
        4 => What::Close { tenant },
        5 => What::Stop { tenant },
        6 => What::BaselineBreaks { tenant },
        _ => What::Move { tenant, to },
    };
    let mut add = |at: u64, what: What| steps.push(Step { at: Duration::from_secs(at), what });
    let at = match what {
        What::TakeEmail { .. } | What::TakeEmailInside { .. } => 0,
        _ => random.u64(30..2_400),
    };
    if matches!(what, What::BaselineBreaks { .. }) {
        add(at + random.u64(600..5_000), What::BaselineMended);
    }
    add(at, what);
    let mut perhaps = |random: &mut fastrand::Rng, one_in: u8, what: What| {
        let at = random.u64(..6_000);
        if random.u8(..one_in) == 0 {
            add(at, what);
        }
    };
    perhaps(random, 2, What::Redrive { tenant });
    perhaps(random, 4, What::Redrive { tenant: other });
    perhaps(random, 3, What::SignUp { tenant, tier: "standard" });
}
