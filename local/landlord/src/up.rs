//! `landlord up`: an AWS endpoint with Landlord deployed in it, until it is interrupted.

use std::process::ExitCode;

use clap::Args;
use local_aws::iam::{ADMIN_ACCESS_KEY, ADMIN_SECRET};

use crate::place::{self, Options};

/// Serve Landlord on a local AWS endpoint
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 4566)]
    port: u16,
    #[command(flatten)]
    options: Options,
}

impl Up {
    /// Serves until Ctrl-C.
    pub(crate) async fn run(self) -> ExitCode {
        let place = match place::start(&self.options, self.port).await {
            Ok(place) => place,
            Err(error) => return crate::failed(&error),
        };
        let region = &place.deployment.aws().settings().home_region;
        crate::say(&format!(
            "Landlord answers on http://{address}\n\n\
             export AWS_ENDPOINT_URL=http://{address}\n\
             export AWS_ACCESS_KEY_ID={ADMIN_ACCESS_KEY}\n\
             export AWS_SECRET_ACCESS_KEY={ADMIN_SECRET}\n\
             export AWS_REGION={region} AWS_DEFAULT_REGION={region}\n\n\
             aws events put-events --entries '[{{\"EventBusName\":\"{bus}\",\"Source\":\"{source}\",\
             \"DetailType\":\"TenantSignedUp\",\"Detail\":\"{{\\\"tenantId\\\":\\\"acme\\\",\
             \\\"tenantName\\\":\\\"Acme\\\",\\\"tier\\\":\\\"standard\\\"}}\"}}]'\n\n\
             Ctrl-C ends it.",
            address = place.address,
            bus = place.deployment.output("EventBusName").unwrap_or_default(),
            source = simulation::deployment::SIGNUP_SOURCE,
        ));
        if let Err(error) = interrupted().await {
            eprintln!("landlord: signals cannot be heard: {error}");
        }
        place.host.shutdown().await;
        place.deployment.aws().shut_down();
        ExitCode::SUCCESS
    }
}

/// Waits for Ctrl-C or for the signal that ends services.
async fn interrupted() -> Result<(), ctrlc::Error> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let mut tell = Some(tell);
    ctrlc::set_handler(move || {
        if let Some(tell) = tell.take() {
            let _ = tell.send(());
        }
    })?;
    let _ = told.await;
    Ok(())
}
