//! The Lambda function `announce-outcome`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("announce-outcome", announce_outcome::App::load, announce_outcome::handle).await
}
