//! Virtual time: a thread and a runtime of one's own whose clock runs ahead to the next thing
//! that happens, so that a month of waiting takes seconds and the same seed gives the same run.

use std::future::Future;
use std::io;

/// Futures of the SDK lie deep within each other, and unoptimised code needs room for them.
const STACK_BYTES: usize = 32 * 1024 * 1024;

/// Runs `work` in virtual time, from seed to end, and answers what it answers.
///
/// The thread is new and so is everything that lives in threads: the generator from which the
/// SDK draws the jitter of its retries starts at `seed`.
///
/// # Errors
/// When the system gives no thread or no runtime, or `work` panicked.
pub fn run<F, T>(seed: u64, work: impl FnOnce() -> F + Send + 'static) -> io::Result<T>
where
    F: Future<Output = T>,
    T: Send + 'static,
{
    let thread = std::thread::Builder::new()
        .name(format!("world-{seed}"))
        .stack_size(STACK_BYTES)
        .spawn(move || {
            fastrand::seed(seed);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()?;
            Ok(runtime.block_on(work()))
        })?;
    thread.join().map_err(|_| io::Error::other("the simulation panicked"))?
}
