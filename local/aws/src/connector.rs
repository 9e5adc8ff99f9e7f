//! The way into a world for SDK clients in the same process: no sockets, so that a run under
//! tokio's paused clock waits for nothing but the world.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt as _;

use crate::{Answer, Aws};

impl Aws {
    /// An HTTP client for AWS SDK configurations that answers every request, whatever its
    /// host, from this world. It never repeats a request by itself; an answer that gets lost
    /// is an I/O error of the connector.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(InProcess(self.clone()))
    }
}

#[derive(Debug, Clone)]
struct InProcess(Aws);

impl HttpClient for InProcess {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let aws = self.0.clone();
        HttpConnectorFuture::new(async move { answer(&aws, request).await })
    }
}

async fn answer(aws: &Aws, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let (parts, body) =
        request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?.into_parts();
    // All of it before anything is answered: the SDK's stalled-stream protection takes a slow
    // answer to an unread body for a stalled upload, and sends the call again.
    let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
    match aws.serve(http::Request::from_parts(parts, body)).await {
        Answer::Response(response) => HttpResponse::try_from(response.map(SdkBody::from))
            .map_err(|error| ConnectorError::other(error.into(), None)),
        Answer::ConnectionLost => Err(ConnectorError::io(
            std::io::Error::from(std::io::ErrorKind::ConnectionReset).into(),
        )),
    }
}
