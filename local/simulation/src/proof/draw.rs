//! Draws what happens from outside in a world, by what the world is about.

use std::time::Duration;

use super::schedule::{
    Destination, Excuse, Kind, NEW_TIER, Other, SIGN_UP, STANDING, Slowness, Step, What,
};

const HOUR: u64 = 3_600;

/// What signup systems do, and people where the world is about signups.
pub(super) fn steps(random: &mut fastrand::Rng, kind: Kind) -> Vec<Step> {
    let mut steps = Vec::new();
    let most = if kind == Kind::SigningUp { SIGN_UP } else { 2 };
    let tenants = random.usize(1..=most);
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
    if matches!(kind, Kind::RollingOut | Kind::Harmed) {
        return steps;
    }
    if kind == Kind::Crossing {
        steps.append(&mut others);
        return steps;
    }
    some(random, 8, 200, What::BaselineFails);
    some(random, 8, 3_000, What::UpdateStackSet);
    if kind == Kind::Leaving {
        steps.append(&mut others);
        return steps;
    }
    // People lay hands on one of three worlds.
    if random.u8(..3) == 0 {
        people(random, tenants, &mut steps);
    }
    steps.append(&mut others);
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

/// Who was there leaves, comes back, is held, and all that in any order and at any time.
pub(super) fn leaving(random: &mut fastrand::Rng, steps: &mut Vec<Step>) {
    for tenant in STANDING {
        let mut add = |at: u64, what: What| steps.push(Step { at: Duration::from_secs(at), what });
        // One of them stays.
        if random.u8(..4) == 0 {
            continue;
        }
        let left = random.u64(..20 * HOUR);
        add(left, What::Leave { tenant });
        // Some come back, before or after their stacks are withdrawn, or while it is being done.
        let back = left + random.u64(1..40 * HOUR);
        if random.u8(..3) == 0 {
            add(back, What::Return { tenant });
            if random.bool() {
                add(back + random.u64(1..4 * HOUR), What::LeaveLate { tenant });
            }
            if random.u8(..4) == 0 {
                add(back + random.u64(1..HOUR), What::Leave { tenant });
            }
        }
        match random.u8(..8) {
            0 => add(left + random.u64(..30 * HOUR), What::Hold { tenant }),
            1 => add(left + random.u64(..20 * HOUR), What::Protect { tenant }),
            2 => add(left + random.u64(..30 * HOUR), What::Close { tenant }),
            3 => add(left + random.u64(..40 * HOUR), What::SignUp { tenant, tier: "standard" }),
            _ => {}
        }
    }
    if random.u8(..4) == 0 {
        let at = Duration::from_secs(random.u64(..60 * HOUR));
        steps.push(Step { at, what: What::SweepTwice });
    }
}

/// A change rolls out, good or bad, with alarms in some accounts.
pub(super) fn rolling_out(random: &mut fastrand::Rng, steps: &mut Vec<Step>) {
    let mut add = |at: u64, what: What| steps.push(Step { at: Duration::from_secs(at), what });
    add(random.u64(..900), What::RollOut { bad: random.u8(..4) == 0 });
    for tenant in STANDING {
        if random.u8(..4) == 0 {
            let rings = random.u64(..2_000);
            add(rings, What::AlarmRings { tenant });
            add(rings + random.u64(600..6_000), What::AlarmRests { tenant });
        }
    }
}

/// The events of one tenant come in every order, late and twice, while people reopen and close its
/// account by hand, configurations change, and some events are made to be a nuisance.
pub(super) fn crossing(
    random: &mut fastrand::Rng,
    durations: &mut Slowness,
    steps: &mut Vec<Step>,
) {
    // Slower than anybody waits for an address that is taken: an order that is on its way is known.
    if random.u8(..3) == 0 {
        durations.creation = Duration::from_secs(1_500);
    }
    meddling(random, durations, steps);
    let mut add = |at: u64, what: What| steps.push(Step { at: Duration::from_secs(at), what });
    // Two that sign up, or are about to.
    for tenant in 0..2 {
        let begin = random.u64(..3_000);
        for _ in 0..random.usize(..4) {
            let at = begin + random.u64(..4 * HOUR);
            // On its way for a moment, or for hours.
            let age = Duration::from_secs([0, 1, 300, 6_000][random.usize(..4)]);
            add(at, What::Life { tenant, leaves: random.u8(..3) > 0, age });
            if random.u8(..3) == 0 {
                add(at + random.u64(..2 * HOUR), What::LifeAgain { tenant });
            }
        }
        if random.bool() {
            let other = [Other::Tier, Other::Name, Other::Address][random.usize(..3)];
            add(random.u64(600..5 * HOUR), What::SignUpOther { tenant, other });
        }
    }
    for tenant in STANDING {
        crossing_of_one(random, tenant, &mut add);
    }
    nuisances(random, &mut add);
}

/// Somebody moves an account to the root, or breaks its stacks, in the minutes in which it gets them.
fn meddling(random: &mut fastrand::Rng, durations: &Slowness, steps: &mut Vec<Step>) {
    let signup = steps.iter().find(|step| matches!(step.what, What::SignUp { tenant: 0, .. }));
    let begins = signup.map(|step| step.at).unwrap_or_default();
    let what = match random.u8(..4) {
        0 => What::Move { tenant: 0, to: Destination::Root },
        1 => What::BaselineBreaks { tenant: 0 },
        _ => return,
    };
    let made = begins + durations.creation + durations.role;
    for _ in 0..3 {
        let at = made + Duration::from_secs(random.u64(20..240));
        steps.push(Step { at, what: what.clone() });
    }
}

/// What crosses in the life of a tenant that was there.
fn crossing_of_one(random: &mut fastrand::Rng, tenant: usize, add: &mut impl FnMut(u64, What)) {
    let left = random.u64(..8 * HOUR);
    match random.u8(..6) {
        // It leaves and comes back, in any order, before and after its stacks are withdrawn.
        0 | 1 => {
            for _ in 0..random.usize(1..4) {
                let at = left + random.u64(..36 * HOUR);
                let age = Duration::from_secs([0, 60, 4_000, 40_000][random.usize(..4)]);
                add(at, What::Life { tenant, leaves: random.bool(), age });
            }
            if random.bool() {
                add(left + random.u64(..40 * HOUR), What::LifeAgain { tenant });
            }
        }
        // It leaves, and AWS Support reopens what was closed; some are offboarded once more.
        2 => {
            add(left, What::Leave { tenant });
            let reopened = left + random.u64(32 * HOUR..46 * HOUR);
            add(reopened, What::Reopen { tenant });
            match random.u8(..3) {
                0 => add(reopened + random.u64(600..HOUR), What::Return { tenant }),
                1 => add(reopened + random.u64(600..HOUR), What::Leave { tenant }),
                _ => {}
            }
        }
        // Somebody closes it by hand: live, or while it retires.
        3 => {
            if random.bool() {
                add(random.u64(..left + 1), What::Leave { tenant });
            }
            add(left, What::CloseByHand { tenant });
            if random.u8(..3) == 0 {
                add(left + random.u64(60..20 * HOUR), What::Return { tenant });
            }
        }
        // It signs up anew, as it was or as another.
        _ => {
            let other = [Other::Tier, Other::Name, Other::Address][random.usize(..3)];
            add(left, What::SignUpOther { tenant, other });
            if random.bool() {
                add(left + random.u64(..4 * HOUR), What::SignUp { tenant, tier: "standard" });
            }
            if random.u8(..3) == 0 {
                add(left + random.u64(..4 * HOUR), What::Leave { tenant });
            }
        }
    }
}

/// Configurations that change or have a fault, events that are made to be a nuisance, and the switch
/// that stops everything irreversible.
fn nuisances(random: &mut fastrand::Rng, add: &mut impl FnMut(u64, What)) {
    if random.bool() {
        add(random.u64(..3 * HOUR), What::TiersChange);
    }
    if random.bool() {
        let broken = random.u64(..2 * HOUR);
        add(broken, What::TierBreaks);
        // A fault in its tier holds it, and nobody else.
        add(broken + 60, What::SignUp { tenant: SIGN_UP - 1, tier: NEW_TIER });
        add(broken + random.u64(1_800..3 * HOUR), What::TierMended);
    }
    if random.bool() {
        add(random.u64(..2 * HOUR), What::Poison { misspelt: random.bool() });
    }
    if random.u8(..3) == 0 {
        let thrown = random.u64(..44 * HOUR);
        add(thrown, What::StopThrown);
        add(thrown + random.u64(HOUR..10 * HOUR), What::StopTakenBack);
    }
}

/// A change rolls out to tenants some of which mean harm, while others sign up and people are at
/// work on the stack set.
pub(super) fn harmed(random: &mut fastrand::Rng, steps: &mut Vec<Step>) {
    let mut add = |at: u64, what: What| steps.push(Step { at: Duration::from_secs(at), what });
    let (bad, approval) = (random.u8(..5) == 0, random.u8(..3) == 0);
    add(random.u64(60..900), What::RollOutAmongHarm { bad, approval });
    let harmful = STANDING.start + random.usize(..STANDING.len());
    let how = [Excuse::Suspension, Excuse::Veto, Excuse::Throttle, Excuse::None][random.usize(..4)];
    if random.u8(..4) > 0 {
        add(0, What::MeansHarm { tenant: harmful, how });
    }
    let other = STANDING.start + random.usize(..STANDING.len());
    if other != harmful && random.u8(..3) == 0 {
        add(random.u64(..1_500), What::GateBreaks { tenant: other });
    }
    // A new tenant in the middle.
    if random.bool() {
        add(random.u64(600..6_000), What::SignUp { tenant: SIGN_UP - 1, tier: "standard" });
    }
    if random.u8(..4) == 0 {
        let what = [What::SetTagged, What::SetRewritten, What::SetOfAnotherRole];
        let (what, at) = (what[random.usize(..3)].clone(), random.u64(900..5_000));
        if what == What::SetOfAnotherRole {
            add(at + random.u64(3_600..36_000), What::SetOfItsOwnRole);
        }
        add(at, what);
    }
}
