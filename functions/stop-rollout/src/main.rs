//! The Lambda function `stop-rollout`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("stop-rollout", stop_rollout::App::load, stop_rollout::handle).await
}
