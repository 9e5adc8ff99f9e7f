//! Calls that are made again while they fail for a reason that passes.

use std::time::Duration;

use lambda_kit::sdk::Trouble;

use crate::failure::Failure;

/// How often a call is made again that AWS did not answer for a reason that passes, and how long is
/// waited before each.
const TRIES: u32 = 20;
const BETWEEN_TRIES: Duration = Duration::from_secs(3);

/// Lets time go by.
#[expect(clippy::disallowed_methods, reason = "a command line waits for what it began")]
pub(crate) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// The answer of a call, made again as long as it fails for a reason that passes: a throttle, an
/// outage, another change of the organization.
pub(crate) async fn patiently<T, F>(
    tried: impl Into<String>,
    call: impl Fn() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Trouble>>,
{
    for _ in 1..TRIES {
        match Box::pin(call()).await {
            Err(Trouble::Passing(_)) => pause(BETWEEN_TRIES).await,
            answer => return answer.map_err(failed(tried)),
        }
    }
    Box::pin(call()).await.map_err(failed(tried))
}

/// What a call without an answer means for a command that tried this.
pub(crate) fn failed(tried: impl Into<String>) -> impl FnOnce(Trouble) -> Failure {
    let tried = tried.into();
    move |trouble| Failure::aws(tried, &trouble)
}
