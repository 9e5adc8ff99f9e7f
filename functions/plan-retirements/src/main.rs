//! The Lambda binary of `plan-retirements`.

use plan_retirements::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("plan-retirements", App::load, handle).await
}
