//! The Lambda binary of `find-tenant`.

use find_tenant::{App, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("find-tenant", App::load, handle).await
}
