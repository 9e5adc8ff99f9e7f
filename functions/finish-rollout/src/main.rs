//! The Lambda function `finish-rollout`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("finish-rollout", finish_rollout::App::load, finish_rollout::handle).await
}
