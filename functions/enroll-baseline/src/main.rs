//! The Lambda function `enroll-baseline`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("enroll-baseline", enroll_baseline::App::load, enroll_baseline::handle).await
}
