//! The Lambda function `deploy-wave`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("deploy-wave", deploy_wave::App::load, deploy_wave::handle).await
}
