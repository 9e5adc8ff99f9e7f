//! The gate's HTTPS client: whom it believes, and no more than it needs.
//!
//! The gate starts cold nearly every time. A start that reads and parses a store of certificates
//! spends more time on that than on everything else, and the SDK's own client does so once more
//! for each set of time-outs. The gate only ever talks to AWS's endpoints, whose certificates come
//! from Amazon's authorities (<https://www.amazontrust.com/repository/>). These are compiled in as
//! trust anchors, which need no parsing. `docs/performance.md` has the measurement.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::TokioExecutor;
use lambda_kit::sdk::SharedHttpClient;
use rustls::crypto::ring;
use rustls::pki_types::TrustAnchor;
use rustls::{ClientConfig, RootCertStore};

/// What the subjects of Amazon's authorities end in.
const AMAZON: [&str; 5] = [
    "Amazon Root CA 1",
    "Amazon Root CA 2",
    "Amazon Root CA 3",
    "Amazon Root CA 4",
    "Starfield Services Root Certificate Authority - G2",
];

/// A client that believes Amazon's certificate authorities and nobody else, and waits so long for a
/// connection.
///
/// # Errors
/// When the TLS library finds no protocol version in common with itself.
pub(crate) fn client(connect: Duration) -> Result<SharedHttpClient, rustls::Error> {
    let roots: RootCertStore = anchors().cloned().collect();
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = TcpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect));
    // Without TLS only where `AWS_ENDPOINT_URL` says so, which on AWS nobody does.
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    Ok(SharedHttpClient::new(Https { connector: SharedHttpConnector::new(Connector(client)) }))
}

fn anchors() -> impl Iterator<Item = &'static TrustAnchor<'static>> {
    webpki_roots::TLS_SERVER_ROOTS
        .iter()
        .filter(|anchor| AMAZON.iter().any(|name| anchor.subject.ends_with(name.as_bytes())))
}

/// One pool of connections for all services.
#[derive(Debug)]
struct Https {
    connector: SharedHttpConnector,
}

impl HttpClient for Https {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.connector.clone()
    }
}

struct Connector(Client<HttpsConnector<TcpConnector>, SdkBody>);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let answer = self.0.request(request);
        HttpConnectorFuture::new(async move {
            // All that the gate asks is reading, so that whatever breaks may be asked again.
            let response = answer.await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_amazon_s_authorities_are_believed_and_no_other() {
        let subjects: Vec<&[u8]> = anchors().map(|anchor| anchor.subject.as_ref()).collect();
        assert_eq!(subjects.len(), AMAZON.len(), "an authority is missing, or there twice");
        for name in AMAZON {
            let found = subjects.iter().filter(|subject| subject.ends_with(name.as_bytes()));
            assert_eq!(found.count(), 1, "{name}");
        }
        client(Duration::from_secs(1)).unwrap();
    }
}
