//! The Lambda function `request-quotas`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("request-quotas", request_quotas::App::load, request_quotas::handle).await
}
