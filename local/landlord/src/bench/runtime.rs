//! A Lambda Runtime API with a stopwatch: hands out an event a number of times and notes when.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

type Body = http_body_util::Full<Bytes>;

/// What the stopwatch saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    /// The first request for work.
    pub(super) first_request: Option<Instant>,
    /// When each event was given, and when it was answered.
    pub(super) answers: Vec<(Instant, Instant)>,
    /// What was answered last: the body, and whether it was an error of the function.
    pub(super) last: Option<(Bytes, bool)>,
    given: Option<Instant>,
}

struct Shared {
    times: Mutex<Times>,
    events: usize,
    payload: Bytes,
    done: Notify,
}

/// A listener for one process.
pub(super) struct Runtime {
    shared: Arc<Shared>,
    address: String,
    serving: JoinHandle<()>,
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Runtime {
    /// Opens a listener that will give the event `payload` so many times.
    pub(super) async fn open(events: usize, payload: Bytes) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let shared =
            Arc::new(Shared { times: Mutex::default(), events, payload, done: Notify::new() });
        let serving = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { shared, address, serving })
    }

    pub(super) fn address(&self) -> String {
        self.address.clone()
    }

    /// Waits until every event is answered.
    pub(super) async fn served(&mut self) -> Times {
        self.shared.done.notified().await;
        self.shared.lock().clone()
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(shared.answer(request).await) }
            });
            // A candidate that is killed closes its connection in the middle.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let now = Instant::now();
        let path = request.uri().path();
        if path.ends_with("/invocation/next") {
            return self.next(now).await;
        }
        let answered = path.ends_with("/response");
        let refused = path.ends_with("/error");
        let body = http_body_util::BodyExt::collect(request.into_body()).await;
        let mut times = self.lock();
        times.last = Some((body.map(|body| body.to_bytes()).unwrap_or_default(), refused));
        if (answered || refused)
            && let Some(given) = times.given.take()
        {
            times.answers.push((given, now));
        }
        let mut response = Response::new(Body::from(r#"{"status":"OK"}"#));
        *response.status_mut() = StatusCode::ACCEPTED;
        response
    }

    async fn next(&self, now: Instant) -> Response<Body> {
        let number = {
            let mut times = self.lock();
            times.first_request.get_or_insert(now);
            times.answers.len()
        };
        if number == self.events {
            self.done.notify_one();
            // As Lambda freezes a function that has nothing to do.
            std::future::pending::<()>().await;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let deadline = (since + Duration::from_secs(60)).as_millis();
        let response = Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", format!("bench-{number}"))
            .header("lambda-runtime-deadline-ms", deadline.to_string())
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-central-1:111122223333:function:gate",
            )
            .header("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0")
            .body(Body::from(self.payload.clone()))
            .unwrap_or_default();
        self.lock().given = Some(Instant::now());
        response
    }
}
