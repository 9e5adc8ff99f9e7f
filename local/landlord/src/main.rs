//! The `landlord` binary; everything is in the libraries.

use std::process::ExitCode;

use clap::Parser;

/// A simulation is small allocations: with this allocator, one of 300 tenants took five sixths of
/// the time.
#[cfg(feature = "local")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(feature = "local")]
fn main() -> ExitCode {
    landlord::Cli::parse().run()
}

#[cfg(not(feature = "local"))]
fn main() -> ExitCode {
    operator::Cli::parse().run()
}
