//! A Lambda function that does nothing: the floor that `make bench` measures the account gate
//! against. Built with the same runtime and the same profile.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(answer)).await
}

async fn answer(_event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(json!({ "Status": "SUCCEEDED" }))
}
