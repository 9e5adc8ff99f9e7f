//! Whom the gate believes: Amazon's own certificate authorities, compiled in.
//!
//! The gate starts cold nearly every time, and a start that reads and parses the machine's whole
//! certificate store spends more time on that than on everything else. It only ever talks to
//! AWS's endpoints, whose certificates come from these authorities
//! (<https://www.amazontrust.com/repository/>). `docs/performance.md` has the measurement.

use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use lambda_kit::sdk::SharedHttpClient;

/// The five authorities, in PEM.
const AMAZON: &str = include_str!("amazon-roots.pem");

/// An HTTP client that believes Amazon's certificate authorities and nobody else.
pub(crate) fn https_client() -> SharedHttpClient {
    let store = TrustStore::empty().with_pem_certificate(AMAZON.as_bytes());
    let builder =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    match TlsContext::builder().with_trust_store(store).build() {
        Ok(context) => builder.tls_context(context).build_https(),
        // Nothing but the platform's own store is left to be tried, and slow is better than shut.
        Err(_) => builder.build_https(),
    }
}

#[cfg(test)]
mod tests {
    use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

    use super::*;

    /// The names in the subjects of Amazon's authorities.
    const NAMES: [&str; 5] = [
        "Amazon Root CA 1",
        "Amazon Root CA 2",
        "Amazon Root CA 3",
        "Amazon Root CA 4",
        "Starfield Services Root Certificate Authority - G2",
    ];

    fn contains(der: &[u8], name: &str) -> bool {
        der.windows(name.len()).any(|window| window == name.as_bytes())
    }

    #[test]
    fn the_roots_are_those_that_browsers_believe_too() {
        let expected: Vec<&[u8]> = TLS_SERVER_ROOT_CERTS
            .iter()
            .map(AsRef::as_ref)
            .filter(|der| NAMES.iter().any(|name| contains(der, name)))
            .collect();
        assert_eq!(expected.len(), NAMES.len());
        use aws_smithy_types::base64;
        let ours: Vec<Vec<u8>> = AMAZON
            .split("-----BEGIN CERTIFICATE-----")
            .skip(1)
            .map(|block| {
                let body = block.split("-----END").next().unwrap();
                base64::decode(body.split_whitespace().collect::<String>()).unwrap()
            })
            .collect();
        assert_eq!(ours, expected, "amazon-roots.pem differs from Mozilla's list of authorities");
    }

    #[test]
    fn the_client_takes_the_certificates() {
        https_client();
    }
}
