//! Choices where AWS is silent, and the hook that makes instances slow or fail.

use std::time::Duration;

use crate::Aws;
use crate::cloudformation::scheduler::ParallelExcess;

/// Choices where AWS's documentation is silent, and its quotas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSetOptions {
    /// An operation id that is used again: `false` refuses with
    /// `OperationIdAlreadyExistsException`; `true` answers the newest operation's id as if it
    /// were the first time, and `StaleRequestException` for an older one.
    pub repeated_id_is_answered: bool,
    /// What an excess of failures does to Regions that run at the same time.
    pub parallel_excess: ParallelExcess,
    /// Updates and deletions in suspended accounts fail instead of being skipped.
    pub suspended_accounts_fail: bool,
    /// Service-managed stack sets ask the gate too.
    pub gates_service_managed: bool,
    /// Most instances of a stack set. AWS: 100,000.
    pub most_instances: usize,
    /// Most stack sets of an administrator account and Region. AWS: 1,000.
    pub most_sets: usize,
    /// Most operations that wait for their turn. AWS: 10,000.
    pub most_queued: usize,
}

impl Default for StackSetOptions {
    fn default() -> Self {
        Self {
            repeated_id_is_answered: false,
            parallel_excess: ParallelExcess::default(),
            suspended_accounts_fail: false,
            gates_service_managed: true,
            most_instances: 100_000,
            most_sets: 1_000,
            most_queued: 10_000,
        }
    }
}

/// Makes stack instances slow, or fail. A member that is not given fits everything.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceRule {
    /// The stack set's name.
    pub stack_set: Option<String>,
    /// The account.
    pub account: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// How often it applies where it fits, 0 to 1, by the world's seed.
    pub rate: f64,
    /// How often it still applies; `None` for ever.
    pub times: Option<u32>,
    /// How long the instance takes instead of
    /// [`Durations::stack_instance`](crate::Durations::stack_instance), at the world's pace.
    pub duration: Option<Duration>,
    /// The reason with which it fails, at the end of its time and without a change.
    pub failure: Option<String>,
}

impl Default for InstanceRule {
    fn default() -> Self {
        Self {
            stack_set: None,
            account: None,
            region: None,
            rate: 1.0,
            times: None,
            duration: None,
            failure: None,
        }
    }
}

impl InstanceRule {
    fn fits(&self, set: &str, account: &str, region: &str) -> bool {
        let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|w| w == is);
        fits(&self.stack_set, set)
            && fits(&self.account, account)
            && fits(&self.region, region)
            && self.times != Some(0)
    }
}

/// How long an instance takes, and the reason with which it fails, if it is made to.
pub(super) fn drawn(
    aws: &Aws,
    set: &str,
    account: &str,
    region: &str,
) -> (Duration, Option<String>) {
    let ordinary = (aws.settings().durations.stack_instance, None);
    let fits = |rule: &InstanceRule| rule.fits(set, account, region);
    if !aws.lock().cloudformation.stack_sets.rules.iter().any(fits) {
        return ordinary;
    }
    let chance = aws.random(fastrand::Rng::f64);
    let mut state = aws.lock();
    let rules = &mut state.cloudformation.stack_sets.rules;
    let Some(rule) = rules.iter_mut().find(|rule| fits(rule)) else { return ordinary };
    if chance >= rule.rate {
        return ordinary;
    }
    if let Some(times) = &mut rule.times {
        *times -= 1;
    }
    (rule.duration.unwrap_or(ordinary.0), rule.failure.clone())
}

impl Aws {
    /// Chooses what StackSets does where AWS's documentation is silent, from now on.
    pub fn set_stack_set_options(&self, options: StackSetOptions) {
        self.lock().cloudformation.stack_sets.options = options;
    }

    /// Says which stack instances are slow or fail, from now on. The first rule that fits
    /// decides.
    pub fn set_instance_rules(&self, rules: Vec<InstanceRule>) {
        self.lock().cloudformation.stack_sets.rules = rules;
    }
}
