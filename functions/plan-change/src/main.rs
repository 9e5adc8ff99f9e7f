//! The Lambda binary of `plan-change`.

use plan_change::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("plan-change", App::load, handle).await
}
