//! The world as an HTTP endpoint: for real processes, the AWS CLI and boto3.

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::wire::BODY_LIMIT;
use crate::{Answer, Aws};

/// Answers AWS's API on a socket until the future is dropped; then its connections end too.
///
/// Bodies above 10 MB are refused with 413. Where the fault hook loses an answer, the
/// connection is closed without one.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(aws: Aws, listener: TcpListener) -> Result<Infallible, io::Error> {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            // The client went away before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => return Err(error),
        };
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(aws.clone(), stream));
    }
}

async fn connection(aws: Aws, stream: TcpStream) {
    // Small answers, each waited for: Nagle's algorithm would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let aws = aws.clone();
        async move { respond(&aws, request).await }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(true)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn respond(
    aws: &Aws,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            let mut refusal = Response::new(Full::from("the body is above 10 MB or broken"));
            *refusal.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return Ok(refusal);
        }
    };
    match aws.serve(Request::from_parts(parts, body)).await {
        Answer::Response(response) => Ok(response.map(Full::new)),
        Answer::ConnectionLost => Err(io::ErrorKind::ConnectionReset.into()),
    }
}
