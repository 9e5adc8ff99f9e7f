//! The Lambda Runtime API as one function process sees it.
//!
//! `AWS_LAMBDA_RUNTIME_API` carries a host and a port and no path, so each process gets a
//! listener of its own: that is how the host knows who asks.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::outcome::{MAX_RESPONSE_BYTES, Outcome};

/// One invocation on its way to a process.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) request_id: String,
    pub(crate) arn: String,
    pub(crate) payload: Bytes,
    pub(crate) timeout: Duration,
    /// Told when the process has received the invocation: its time starts here.
    pub(crate) taken: oneshot::Sender<()>,
    /// Told how the function answered.
    pub(crate) answer: oneshot::Sender<Outcome>,
}

/// An invocation that the process is working on.
#[derive(Debug)]
struct Current {
    request_id: String,
    answer: oneshot::Sender<Outcome>,
}

/// The state behind one process's listener.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    waiting: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    current: Mutex<Option<Current>>,
    init_error: watch::Sender<Option<Outcome>>,
}

impl RuntimeApi {
    pub(crate) fn new(
        waiting: mpsc::Receiver<Invocation>,
        init_error: watch::Sender<Option<Outcome>>,
    ) -> Self {
        Self { waiting: tokio::sync::Mutex::new(waiting), current: Mutex::default(), init_error }
    }

    /// Serves the process until the task is aborted; its connections end with it.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let api = Arc::new(self);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else {
                        // Out of file handles, most likely: others have to close theirs first.
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        continue;
                    };
                    let api = Arc::clone(&api);
                    let service = service_fn(move |request| {
                        let api = Arc::clone(&api);
                        async move { Ok::<_, Infallible>(api.answer(request).await) }
                    });
                    connections.spawn(async move {
                        // A process that dies closes its connection in the middle: no news here.
                        let _ = hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    });
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let Some(call) = path.strip_prefix("/2018-06-01/runtime/") else {
            return unknown(request.method(), &path);
        };
        let call: Vec<&str> = call.split('/').collect();
        match (request.method().as_str(), call.as_slice()) {
            ("GET", ["invocation", "next"]) => self.next().await,
            ("POST", ["invocation", id, "response"]) => self.response(id, request).await,
            ("POST", ["invocation", id, "error"]) => self.error(id, request).await,
            ("POST", ["init", "error"]) => self.init_error(request).await,
            _ => unknown(request.method(), &path),
        }
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        if self.lock().is_some() {
            return refusal(
                StatusCode::FORBIDDEN,
                "InvalidStateTransition",
                "the current invocation has not been answered",
            );
        }
        let Some(invocation) = self.waiting.lock().await.recv().await else {
            return refusal(StatusCode::INTERNAL_SERVER_ERROR, "ShuttingDown", "no more work");
        };
        let Invocation { request_id, arn, payload, timeout, taken, answer } = invocation;
        let now = jiff::Timestamp::now().as_millisecond();
        let deadline = now.saturating_add(i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX));
        let response = Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", &request_id)
            .header("lambda-runtime-deadline-ms", deadline)
            .header("lambda-runtime-invoked-function-arn", arn)
            .header("lambda-runtime-trace-id", trace_id(&request_id, now))
            .body(Full::new(payload));
        match response {
            Ok(response) => {
                *self.lock() = Some(Current { request_id, answer });
                let _ = taken.send(());
                response
            }
            Err(error) => {
                let message = format!("the invocation cannot be written as headers: {error}");
                let failure = Outcome::function_error_from("Runtime.Unknown".to_owned(), message);
                let _ = taken.send(());
                let _ = answer.send(failure);
                refusal(StatusCode::INTERNAL_SERVER_ERROR, "InvalidHeader", "see the host")
            }
        }
    }

    async fn response(&self, id: &str, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let streaming = request.headers().contains_key("lambda-runtime-function-response-mode");
        let body = read(request).await;
        let Some(current) = self.finish(id) else { return wrong_id(id) };
        if streaming {
            let _ = current.answer.send(Outcome::function_error_from(
                "Runtime.StreamingNotSupported".to_owned(),
                "this host does not stream answers".to_owned(),
            ));
            return refusal(StatusCode::BAD_REQUEST, "StreamingNotSupported", "not streamed here");
        }
        match body {
            Body::Whole(bytes) => {
                let _ = current.answer.send(Outcome::Answered(bytes));
                accepted()
            }
            Body::TooLarge => {
                let _ = current.answer.send(Outcome::response_too_large());
                refusal(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "RequestEntityTooLarge",
                    &format!("Exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."),
                )
            }
            // The process died while it sent its answer; its end is reported by its exit.
            Body::Broken => refusal(StatusCode::BAD_REQUEST, "TruncatedBody", "the body ended"),
        }
    }

    async fn error(&self, id: &str, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let header = error_type_header(&request);
        let body = read(request).await;
        let Some(current) = self.finish(id) else { return wrong_id(id) };
        let _ = current.answer.send(match body {
            Body::Whole(payload) => {
                let (error_type, message) = reported(&payload, header);
                Outcome::FunctionError { error_type, message, payload }
            }
            Body::TooLarge | Body::Broken => Outcome::response_too_large(),
        });
        accepted()
    }

    async fn init_error(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let header = error_type_header(&request);
        let payload = match read(request).await {
            Body::Whole(payload) => payload,
            Body::TooLarge | Body::Broken => Bytes::new(),
        };
        let (error_type, message) = reported(&payload, header);
        self.init_error.send_replace(Some(Outcome::init_failed(error_type, message)));
        accepted()
    }

    /// Takes the current invocation if `id` is its id.
    fn finish(&self, id: &str) -> Option<Current> {
        self.lock().take_if(|current| current.request_id == id)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Body {
    Whole(Bytes),
    TooLarge,
    Broken,
}

/// Reads the whole body but keeps no more of it than an answer may have: a sender that is cut off
/// in the middle would report a broken connection and not the reason.
async fn read(request: Request<Incoming>) -> Body {
    let mut body = request.into_body();
    let (mut kept, mut size) = (BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Body::Broken };
        if let Ok(data) = frame.into_data() {
            size = size.saturating_add(data.len());
            if size <= MAX_RESPONSE_BYTES {
                kept.extend_from_slice(&data);
            }
        }
    }
    if size <= MAX_RESPONSE_BYTES { Body::Whole(kept.freeze()) } else { Body::TooLarge }
}

/// The error's name and text as the runtime reported them.
fn reported(payload: &[u8], header: Option<String>) -> (String, String) {
    let document: Value = serde_json::from_slice(payload).unwrap_or_default();
    let text = |key: &str| document.get(key).and_then(Value::as_str).map(str::to_owned);
    let error_type = text("errorType").or(header).unwrap_or_else(|| "Runtime.Unknown".to_owned());
    (error_type, text("errorMessage").unwrap_or_default())
}

fn error_type_header(request: &Request<Incoming>) -> Option<String> {
    let value = request.headers().get("lambda-runtime-function-error-type")?;
    value.to_str().ok().map(str::to_owned)
}

/// An X-Ray trace header for an invocation that nobody traces.
fn trace_id(request_id: &str, now: i64) -> String {
    let hex: String = request_id.chars().filter(char::is_ascii_hexdigit).take(24).collect();
    format!("Root=1-{:08x}-{hex:0>24};Sampled=0", now / 1000)
}

fn accepted() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(br#"{"status":"OK"}"#)));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn wrong_id(id: &str) -> Response<Full<Bytes>> {
    refusal(
        StatusCode::BAD_REQUEST,
        "InvalidRequestID",
        &format!("`{id}` is not the invocation that this process works on"),
    )
}

fn unknown(method: &Method, path: &str) -> Response<Full<Bytes>> {
    refusal(
        StatusCode::NOT_FOUND,
        "UnknownOperation",
        &format!("the Runtime API of this host has no {method} {path}"),
    )
}

fn refusal(status: StatusCode, error_type: &str, message: &str) -> Response<Full<Bytes>> {
    let body = json!({ "errorMessage": message, "errorType": error_type }).to_string();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
