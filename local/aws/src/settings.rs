//! What a world is made of: identities, Regions, pace and durations.

use std::time::Duration;

use jiff::Timestamp;

/// The settings of a world.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Seeds every choice the stand-in makes (ids, jitter, random failures).
    pub seed: u64,
    /// How much faster than real waits go: 60 makes a minute's wait one second. Time stamps are
    /// not scaled. 1 in virtual time.
    pub pace: f64,
    /// The world's time at its start. `None`: the machine's clock (real time).
    pub start: Option<Timestamp>,
    /// The management account's id.
    pub management_account: String,
    /// The organization's id.
    pub organization: String,
    /// Where Landlord is deployed.
    pub home_region: String,
    /// The Regions that exist.
    pub regions: Vec<String>,
    /// The endpoint by which functions reach this world, when it is served over HTTP.
    pub endpoint_url: Option<String>,
    /// How long things take.
    pub durations: Durations,
    /// Whether AWS's request rates are enforced.
    pub throttles: bool,
    /// The share of Organizations' list pages that are empty and have a next one.
    pub empty_pages: f64,
    /// How many accounts the organization may have.
    pub account_limit: usize,
    /// Whether a closed account's `State` reads `SUSPENDED` instead of `CLOSED`.
    pub closed_reads_suspended: bool,
    /// Whether an account that was closed just now reads `ACTIVE` or `PENDING_CLOSURE` now and
    /// then.
    pub closing_flaps: bool,
    /// Whether requests carry `aws:ResourceOrgPaths`: AWS documents the key, and no example of it for
    /// `sts:AssumeRole`.
    pub resource_org_paths: bool,
    /// Keep every call in the journal (tests), not only the counts.
    pub full_journal: bool,
    /// Whether a resource type that AWS has and that is not modelled makes an inert resource, with a
    /// warning, instead of being refused.
    pub inert_resources: bool,
    /// Evaluate alarms every minute, by the metrics that functions and services publish. Where it is
    /// off, alarms stay in the states that they are set to, and metrics are not kept.
    pub alarms: bool,
    /// Forget the histories of executions that succeeded, except the newest hundred: for
    /// simulations of thousands.
    pub lean: bool,
}

/// How long AWS's asynchronous work takes here, unscaled.
#[derive(Debug, Clone)]
pub struct Durations {
    /// From `CreateAccount` to SUCCEEDED.
    pub account_creation: Duration,
    /// How long a new account refuses `AssumeRole` after its creation.
    pub role_ready: Duration,
    /// How long a new account's services refuse with `SubscriptionRequiredException`.
    pub services_ready: Duration,
    /// From `CloseAccount` to the closed state.
    pub account_closing: Duration,
    /// Deploying one stack instance.
    pub stack_instance: Duration,
    /// How far the tagging API's index lags.
    pub tag_lag: Duration,
    /// How far eventually consistent lists lag.
    pub list_lag: Duration,
    /// From a quota request to its decision.
    pub quota_decision: Duration,
    /// What an API call takes, there and back: half to one and a half times as long, one call in
    /// fifty five times. Nothing where calls come over a real network.
    pub call: Duration,
    /// What Lambda takes to start a function, before its first line. Read by the host that runs
    /// functions in this process; real processes take their own time.
    pub invocation: Duration,
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            account_creation: Duration::from_secs(60),
            role_ready: Duration::from_secs(30),
            services_ready: Duration::from_secs(60),
            account_closing: Duration::from_secs(600),
            stack_instance: Duration::from_secs(180),
            tag_lag: Duration::from_secs(30),
            list_lag: Duration::from_secs(3),
            quota_decision: Duration::from_secs(1800),
            call: Duration::ZERO,
            invocation: Duration::ZERO,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            pace: 1.0,
            start: None,
            management_account: "111122223333".to_owned(),
            organization: "o-landlordloc".to_owned(),
            home_region: "eu-central-1".to_owned(),
            regions: ["eu-central-1", "eu-west-1", "us-east-1"].map(str::to_owned).to_vec(),
            endpoint_url: None,
            durations: Durations::default(),
            throttles: true,
            empty_pages: 0.02,
            account_limit: 50_000,
            closed_reads_suspended: false,
            closing_flaps: false,
            resource_org_paths: true,
            full_journal: false,
            inert_resources: false,
            alarms: false,
            lean: false,
        }
    }
}
