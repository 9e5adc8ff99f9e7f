//! The Lambda function `assess-wave`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("assess-wave", assess_wave::App::load, assess_wave::handle).await
}
