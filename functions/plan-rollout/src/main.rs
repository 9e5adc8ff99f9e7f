//! The Lambda function `plan-rollout`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("plan-rollout", plan_rollout::App::load, plan_rollout::handle).await
}
