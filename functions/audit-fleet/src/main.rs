//! The Lambda binary of `audit-fleet`.

use audit_fleet::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("audit-fleet", App::load, handle).await
}
