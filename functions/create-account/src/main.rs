//! The Lambda binary of `create-account`.

use create_account::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("create-account", App::load, handle).await
}
