//! The Lambda function `admit-tenant`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("admit-tenant", admit_tenant::App::load, admit_tenant::handle).await
}
