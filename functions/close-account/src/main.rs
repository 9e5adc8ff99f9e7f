//! The Lambda binary of `close-account`.

use close_account::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("close-account", App::load, handle).await
}
