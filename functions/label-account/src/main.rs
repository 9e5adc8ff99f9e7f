//! The Lambda binary of `label-account`.

use label_account::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("label-account", App::load, handle).await
}
