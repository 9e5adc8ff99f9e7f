//! The Lambda binary of `place-account`.

use place_account::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("place-account", App::load, handle).await
}
