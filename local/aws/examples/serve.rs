//! Serves a world on a port, for the tests that boto3 drives: `serve PORT [PACE [inert]]`. With
//! `inert`, resource types that are not modelled make inert resources.

use std::error::Error;

use local_aws::{Aws, Settings};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().ok_or("usage: serve PORT [PACE]")?.parse()?;
    let pace: f64 = arguments.next().map_or(Ok(60.0), |pace| pace.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let inert_resources = arguments.next().is_some_and(|word| word == "inert");
    let aws = Aws::new(Settings { pace, inert_resources, ..Settings::default() });
    match local_aws::serve(aws, listener).await? {}
}
