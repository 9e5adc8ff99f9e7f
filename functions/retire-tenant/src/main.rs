//! The Lambda binary of `retire-tenant`.

use retire_tenant::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("retire-tenant", App::load, handle).await
}
