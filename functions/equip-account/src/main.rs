//! The Lambda binary of `equip-account`.

use equip_account::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("equip-account", App::load, handle).await
}
