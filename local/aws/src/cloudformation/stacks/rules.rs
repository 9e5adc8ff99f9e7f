//! The hook by which tests and simulations make resources slow, or fail.

use std::time::Duration;

use crate::Aws;

/// Makes resources slow, or fail. A member that is not given fits everything.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceRule {
    /// The account.
    pub account: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// How the stack's name starts.
    pub stack: Option<String>,
    /// The resource's logical id.
    pub resource: Option<String>,
    /// How often it applies where it fits, 0 to 1, by the world's seed.
    pub rate: f64,
    /// How often it still applies; `None` for ever.
    pub times: Option<u32>,
    /// How long the resource takes (an AWS duration: the world's pace applies).
    pub duration: Option<Duration>,
    /// The reason with which the resource fails.
    pub failure: Option<String>,
}

impl Default for ResourceRule {
    fn default() -> Self {
        Self {
            account: None,
            region: None,
            stack: None,
            resource: None,
            rate: 1.0,
            times: None,
            duration: None,
            failure: None,
        }
    }
}

impl ResourceRule {
    fn fits(&self, place: &Place<'_>) -> bool {
        let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|w| w == is);
        fits(&self.account, place.account)
            && fits(&self.region, place.region)
            && self.stack.as_deref().is_none_or(|prefix| place.stack.starts_with(prefix))
            && fits(&self.resource, place.resource)
            && self.times != Some(0)
    }
}

/// Where a resource is made.
pub(super) struct Place<'a> {
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    pub(super) stack: &'a str,
    pub(super) resource: &'a str,
}

/// Waits and fails as the rules say.
pub(super) async fn apply(aws: &Aws, place: Place<'_>) -> Result<(), String> {
    let chance = {
        let state = aws.lock();
        if !state.cloudformation.stacks.rules.iter().any(|rule| rule.fits(&place)) {
            return Ok(());
        }
        drop(state);
        aws.random(fastrand::Rng::f64)
    };
    let (duration, failure) = {
        let mut state = aws.lock();
        let rules = &mut state.cloudformation.stacks.rules;
        let Some(rule) = rules.iter_mut().find(|rule| rule.fits(&place)) else { return Ok(()) };
        if chance >= rule.rate {
            return Ok(());
        }
        if let Some(times) = &mut rule.times {
            *times -= 1;
        }
        (rule.duration, rule.failure.clone())
    };
    if let Some(duration) = duration {
        aws.sleep(duration).await;
    }
    failure.map_or(Ok(()), Err)
}
