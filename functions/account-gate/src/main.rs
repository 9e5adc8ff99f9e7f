//! The Lambda binary of `account-gate`.

use account_gate::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("account-gate", App::load, handle).await
}
