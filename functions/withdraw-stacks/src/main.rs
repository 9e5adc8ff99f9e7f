//! The Lambda binary of `withdraw-stacks`.

use withdraw_stacks::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("withdraw-stacks", App::load, handle).await
}
