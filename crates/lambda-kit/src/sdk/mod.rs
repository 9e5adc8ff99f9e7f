//! What every SDK client of a function shares: credentials, timeouts, retries, endpoint.
//!
//! There is no provider chain. A Lambda function has its credentials in its environment, and a
//! chain that goes on to look for profiles, SSO and an instance's metadata only turns a wrong
//! environment into a hang. For the same reason `aws-config` is not used.

mod errors;
mod pace;
mod refusal;
mod trouble;

use std::time::{Duration, SystemTime};

pub use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::TimeSource;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime::client::identity::IdentityCache;
pub use aws_smithy_runtime::client::retries::RetryPartition;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
pub use aws_smithy_runtime_api::client::http::SharedHttpClient;
pub use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
pub use aws_smithy_types::retry::RetryConfig;
pub use aws_smithy_types::timeout::TimeoutConfig;
pub use aws_types::SdkConfig;
use aws_types::app_name::AppName;
pub use aws_types::region::Region;
pub use errors::{code, is_throttle, is_transient, may_have_taken_effect};
pub use pace::Pace;
pub use refusal::Refusal;
pub use trouble::Trouble;

use crate::config::{self, Lookup};
use crate::{Clock, chain};

/// The Region of the services that have one endpoint for the whole partition: Organizations,
/// the tagging of accounts, and the quotas of global services.
pub const GLOBAL_REGION: &str = "us-east-1";

/// A connection is there within two seconds or the address is wrong.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The slowest call that Landlord makes (a filtered list of stack instances) answers within
/// seconds. The SDK has no default here: without a limit one lost packet holds a function until
/// Lambda ends it, and the machine learns only `Sandbox.Timedout`.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);
/// Three attempts and the waits between them. Functions are given more than this, so a call that
/// goes nowhere ends as the function's own error and not as Lambda's.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(25);
const MAX_ATTEMPTS: u32 = 3;

/// The wire to AWS: one HTTP client and one configuration, from which each client is made.
///
/// Make clients with [`client!`](crate::client), which also carries the retry partition over:
/// `SdkConfig` has no place for it.
#[derive(Clone, Debug)]
pub struct Wire {
    config: SdkConfig,
    retry_partition: Option<RetryPartition>,
}

/// What a wire is made of. [`Wire::load`] takes it from the environment; a simulation gives it.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What carries the requests: the network, or a connector into a simulated AWS.
    pub http_client: SharedHttpClient,
    /// The credentials that sign them.
    pub credentials: Credentials,
    /// The Region of the function.
    pub region: String,
    /// Where all requests go, for example `http://127.0.0.1:4566`; nothing means AWS itself.
    pub endpoint_url: Option<String>,
    /// The time that signatures and clock-skew corrections use. Waiting between retries follows
    /// tokio's clock, which a simulation pauses.
    pub clock: Clock,
    /// A name for a budget of retries of its own. The SDK's token buckets are static to the
    /// process: without it, one simulated world's throttling changes another's retries.
    pub retry_partition: Option<String>,
}

impl Wire {
    /// The wire of a function that Lambda started: `AWS_REGION`, `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, and `AWS_ENDPOINT_URL` when it is set.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, config::Error> {
        Self::load_with(lookup, https_client())
    }

    /// The same, with another client for the network.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn load_with(
        lookup: Lookup<'_>,
        http_client: SharedHttpClient,
    ) -> Result<Self, config::Error> {
        let credentials = Credentials::new(
            config::required(lookup, "AWS_ACCESS_KEY_ID")?,
            config::required(lookup, "AWS_SECRET_ACCESS_KEY")?,
            config::optional(lookup, "AWS_SESSION_TOKEN"),
            None,
            "lambda-environment",
        );
        Ok(Self::from_parts(Parts {
            http_client,
            credentials,
            region: config::required(lookup, "AWS_REGION")?,
            endpoint_url: config::optional(lookup, "AWS_ENDPOINT_URL"),
            clock: Clock::system(),
            retry_partition: None,
        }))
    }

    /// The wire made of the given parts.
    pub fn from_parts(parts: Parts) -> Self {
        let mut builder = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(parts.region))
            .credentials_provider(SharedCredentialsProvider::new(parts.credentials))
            // Credentials here are values: there is nothing to refresh, and the cache's jitter
            // would draw random numbers that a simulation could not repeat.
            .identity_cache(IdentityCache::no_cache())
            .http_client(parts.http_client)
            .time_source(ClockTime(parts.clock))
            .sleep_impl(TokioSleep::new())
            .timeout_config(timeouts())
            .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
            // Answers are small and an attempt's timeout bounds them; the protection would take
            // a slow answer for a stalled one and send the call again.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        builder.set_endpoint_url(parts.endpoint_url);
        builder.set_app_name(AppName::new("landlord").ok());
        Self {
            config: builder.build(),
            retry_partition: parts.retry_partition.map(|name| RetryPartition::custom(name).build()),
        }
    }

    /// The same wire into another Region.
    #[must_use]
    pub fn in_region(&self, region: impl Into<String>) -> Self {
        self.with(|builder| builder.region(Region::new(region.into())))
    }

    /// The same wire into [`GLOBAL_REGION`].
    #[must_use]
    pub fn global(&self) -> Self {
        self.in_region(GLOBAL_REGION)
    }

    /// The same wire for the credentials of an assumed role, into a Region of its account.
    #[must_use]
    pub fn assumed(&self, credentials: Credentials, region: impl Into<String>) -> Self {
        self.with(|builder| {
            builder
                .region(Region::new(region.into()))
                .credentials_provider(SharedCredentialsProvider::new(credentials))
        })
    }

    /// The same wire without the SDK's retries, for calls that are not safe to send twice.
    #[must_use]
    pub fn without_retries(&self) -> Self {
        self.with(|builder| builder.retry_config(no_retries()))
    }

    /// The same wire with other limits of time and other retries, for a function that has to
    /// answer sooner than the others.
    #[must_use]
    pub fn limited(&self, timeouts: TimeoutConfig, retries: RetryConfig) -> Self {
        self.with(|builder| builder.timeout_config(timeouts).retry_config(retries))
    }

    /// The same wire for a function that nobody waits for: a call that passes by itself is tried
    /// again for so long, with waits of 20 s at most.
    #[must_use]
    pub fn patient(&self, within: Duration) -> Self {
        let retries = RetryConfig::standard()
            .with_max_attempts(u32::MAX)
            .with_max_backoff(Duration::from_secs(20));
        self.limited(timeouts().to_builder().operation_timeout(within).build(), retries)
    }

    /// The configuration that SDK clients are built from.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// The Region that requests go to.
    pub fn region(&self) -> &str {
        self.config.region().map(Region::as_ref).unwrap_or_default()
    }

    /// The budget of retries of this wire, when it has one of its own.
    pub fn retry_partition(&self) -> Option<RetryPartition> {
        self.retry_partition.clone()
    }

    fn with(
        &self,
        change: impl FnOnce(aws_types::sdk_config::Builder) -> aws_types::sdk_config::Builder,
    ) -> Self {
        Self {
            config: change(self.config.to_builder()).build(),
            retry_partition: self.retry_partition.clone(),
        }
    }
}

/// Makes an SDK client on a [`Wire`]: `client!(aws_sdk_organizations, wire.global())`.
///
/// A macro and not a function, because the builders of the SDK crates share no trait, and this
/// crate depends on none of them.
#[macro_export]
macro_rules! client {
    ($sdk:ident, $wire:expr) => {{
        let wire: &$crate::sdk::Wire = &$wire;
        let mut builder = $sdk::config::Builder::from(wire.config());
        builder.set_retry_partition(wire.retry_partition());
        $sdk::Client::from_conf(builder.build())
    }};
}

/// The retry configuration of a call that must reach AWS once at most, for an operation's
/// `customize().config_override(…)`.
pub fn no_retries() -> RetryConfig {
    RetryConfig::disabled()
}

/// An HTTP client for the network: rustls with ring, and plain HTTP where the URL says so.
pub fn https_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

/// The credentials in an answer of STS, checked to be complete.
///
/// # Errors
/// Says that the expiry is not a time when it lies outside of what the system can represent.
pub fn temporary_credentials(
    access_key_id: &str,
    secret_access_key: &str,
    session_token: &str,
    expiration: &aws_smithy_types::DateTime,
) -> Result<Credentials, String> {
    let expiry = SystemTime::try_from(*expiration)
        .map_err(|error| format!("Credentials.Expiration: {}", chain(&error)))?;
    Ok(Credentials::new(
        access_key_id,
        secret_access_key,
        Some(session_token.to_owned()),
        Some(expiry),
        "assumed-role",
    ))
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// A [`Clock`] as the SDK wants to see it.
#[derive(Debug)]
struct ClockTime(Clock);

impl TimeSource for ClockTime {
    fn now(&self) -> SystemTime {
        self.0.now().into()
    }
}

#[cfg(test)]
mod tests;
