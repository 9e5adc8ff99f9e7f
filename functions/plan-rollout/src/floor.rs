//! How careful a plan has to be: the operator's floor. Whoever may start rollouts brings a plan of
//! its own, and one without canary and dwell time would touch every tenant at once.

use lifecycle::{Fault, Faults};
use rollout::Plan;
use rollout::manifest::WaveSize;

/// The floor, by the template's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// So many accounts the first wave has at least, `RolloutFirstWaveLeast`: one that is empty, or
    /// of a single account, proves nothing.
    pub first_wave_least: u32,
    /// The first wave takes at most this share of the accounts, `RolloutFirstWavePercent`; one
    /// account it may take in any case.
    pub first_wave_percent: u32,
    /// So many seconds health is watched after each wave that another one follows,
    /// `RolloutLeastDwellSeconds`.
    pub least_dwell_seconds: u32,
    /// A wave tolerates failures of at most this share of its instances,
    /// `RolloutMostFailuresPercent`.
    pub most_failures_percent: u32,
}

impl Floor {
    /// Where the plan is less careful: each place with the rule and its parameter. `accounts` are
    /// all that the rollout could reach.
    pub(crate) fn check(
        &self,
        plan: &Plan,
        sizes: &[WaveSize],
        accounts: usize,
        faults: &mut Faults,
    ) {
        let taken: Vec<(usize, &WaveSize)> =
            sizes.iter().enumerate().filter(|(_, size)| size.accounts > 0).collect();
        if let Some((index, first)) = taken.first() {
            self.check_first(*index, first.accounts, accounts, faults);
        }
        for (place, (index, size)) in taken.iter().enumerate() {
            let Some(wave) = plan.waves.get(*index) else { continue };
            let is_followed = place + 1 < taken.len();
            if is_followed && wave.dwell_seconds < self.least_dwell_seconds {
                let rule = format!(
                    "must be at least {}: the parameter RolloutLeastDwellSeconds",
                    self.least_dwell_seconds
                );
                let field = format!("plan.waves[{index}].dwellSeconds");
                faults.push(Fault::of(field, wave.dwell_seconds, rule));
            }
            let share = percent_of(self.most_failures_percent, size.instances);
            if self.most_failures_percent < 100 && wave.failures.of(size.instances) > share {
                let rule = format!(
                    "must tolerate at most {} % of the wave's {} instances: the parameter \
                     RolloutMostFailuresPercent",
                    self.most_failures_percent, size.instances
                );
                let field = format!("plan.waves[{index}].preferences.failureTolerance");
                faults.push(Fault::of(field, wave.failures.of(size.instances), rule));
            }
        }
    }

    fn check_first(&self, index: usize, first: usize, accounts: usize, faults: &mut Faults) {
        let field = || format!("plan.waves[{index}].accounts");
        let least = usize::try_from(self.first_wave_least).unwrap_or(usize::MAX);
        if first < least.min(accounts) {
            let rule = format!(
                "must be at least {least} in the first wave: the parameter RolloutFirstWaveLeast"
            );
            faults.push(Fault::of(field(), format!("{first} accounts"), rule));
        }
        let most = percent_of(self.first_wave_percent, accounts).max(1);
        if first > most {
            let rule = format!(
                "must be at most {most} of {accounts} in the first wave, {} %: the parameter \
                 RolloutFirstWavePercent",
                self.first_wave_percent
            );
            faults.push(Fault::of(field(), format!("{first} accounts"), rule));
        }
    }
}

/// Rounded up: the share of a few is not nothing.
fn percent_of(percent: u32, all: usize) -> usize {
    let percent = usize::try_from(percent).unwrap_or(100);
    all.saturating_mul(percent).div_ceil(100)
}

#[cfg(test)]
mod tests {
    use rollout::Input;
    use serde_json::json;

    use super::*;

    const OPEN: Floor = Floor {
        first_wave_least: 0,
        first_wave_percent: 100,
        least_dwell_seconds: 0,
        most_failures_percent: 100,
    };

    fn told(floor: Floor, accounts: &[usize]) -> Vec<String> {
        let waves: Vec<_> = (0..accounts.len())
            .map(|number| {
                json!({"name": format!("w{number}"), "accounts": {"organizationalUnit": "General"},
                       "dwellSeconds": 30 * number,
                       "preferences": {"failureToleranceCount": 3}})
            })
            .collect();
        let input = json!({"stackSet": "s", "usePreviousTemplate": true, "plan": {"waves": waves}});
        let plan = Input::read(&input).unwrap_or_else(|it| panic!("{it}")).plan;
        let size = |(number, accounts): (usize, &usize)| WaveSize {
            number: u32::try_from(number).unwrap() + 1,
            name: String::new(),
            accounts: *accounts,
            instances: *accounts,
            operations: 1,
            rounds: 1,
            dwell_seconds: 0,
            approval: false,
        };
        let sizes: Vec<WaveSize> = accounts.iter().enumerate().map(size).collect();
        let mut faults = Faults::new();
        floor.check(&plan, &sizes, accounts.iter().sum(), &mut faults);
        if faults.is_empty() { Vec::new() } else { faults.reasons() }
    }

    #[test]
    fn a_plan_below_the_floor_hears_the_rule_and_its_parameter() {
        assert_eq!(told(OPEN, &[100]), Vec::<String>::new(), "no floor");
        for (floor, accounts, wrong) in [
            (Floor { first_wave_percent: 10, ..OPEN }, &[11, 89][..], Some("FirstWavePercent")),
            (Floor { first_wave_percent: 10, ..OPEN }, &[10, 90], None),
            (Floor { first_wave_percent: 10, ..OPEN }, &[0, 100], Some("FirstWavePercent")),
            (Floor { first_wave_percent: 10, ..OPEN }, &[1, 2], None),
            (Floor { first_wave_least: 5, ..OPEN }, &[4, 96], Some("FirstWaveLeast")),
            (Floor { first_wave_least: 5, ..OPEN }, &[5, 95], None),
            (Floor { first_wave_least: 5, ..OPEN }, &[3], None),
            (Floor { least_dwell_seconds: 30, ..OPEN }, &[9, 90, 1], Some("waves[0].dwellSeconds")),
            (Floor { least_dwell_seconds: 30, ..OPEN }, &[0, 90, 10], None),
            (Floor { least_dwell_seconds: 30, ..OPEN }, &[100], None),
            (Floor { most_failures_percent: 2, ..OPEN }, &[100], Some("MostFailuresPercent")),
            (Floor { most_failures_percent: 3, ..OPEN }, &[100], None),
        ] {
            let told = told(floor, accounts);
            assert_eq!(
                told.len(),
                usize::from(wrong.is_some()),
                "{floor:?} {accounts:?}: {told:?}"
            );
            assert!(told.iter().all(|it| it.contains(wrong.unwrap_or_default())), "{told:?}");
        }
    }
}
