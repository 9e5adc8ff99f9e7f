//! Endpoints of an AWS that does not do what it should.

use std::sync::Arc;
use std::time::Duration;

use local_aws::{Aws, AwsError, Call, Fault, Faults, Settings};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Longer than any gate waits.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// What is wrong with AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    None,
    /// It takes requests and never answers.
    Hangs,
    /// It stops in the middle of an answer.
    Stops,
    /// One byte of an answer each second.
    Drips,
    /// It throttles every call.
    Throttles,
    /// It refuses every call: no permission.
    Refuses,
    /// It has a fault of its own, every time.
    Fails,
    /// The connection breaks instead of an answer.
    Breaks,
    /// Success, and a body that is no answer.
    Garbage,
    /// An answer that is not even HTTP.
    Noise,
    /// An answer of the right kind with members of the wrong kind.
    Nonsense,
    /// Nobody listens.
    Absent,
}

impl Trouble {
    /// All that there is.
    pub(super) const ALL: [Self; 11] = [
        Self::Hangs,
        Self::Stops,
        Self::Drips,
        Self::Throttles,
        Self::Refuses,
        Self::Fails,
        Self::Breaks,
        Self::Garbage,
        Self::Noise,
        Self::Nonsense,
        Self::Absent,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "answers",
            Self::Hangs => "never answers",
            Self::Stops => "stops in the middle of an answer",
            Self::Drips => "a byte of an answer each second",
            Self::Throttles => "throttles",
            Self::Refuses => "refuses",
            Self::Fails => "internal errors",
            Self::Breaks => "breaks connections",
            Self::Garbage => "a body of garbage",
            Self::Noise => "no HTTP",
            Self::Nonsense => "members of the wrong kind",
            Self::Absent => "nobody listens",
        }
    }

    /// Opens an endpoint with this trouble.
    pub(super) async fn endpoint(self) -> std::io::Result<Endpoint> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        if self == Self::Absent {
            return Ok(Endpoint { url, serving: None });
        }
        let serving = match self.of_calls() {
            Some(faults) => tokio::spawn(calls(listener, faults)),
            None => tokio::spawn(connections(listener, self)),
        };
        Ok(Endpoint { url, serving: Some(serving) })
    }

    /// The trouble as one of calls, in the protocol of each service; otherwise it is one of the
    /// connection.
    fn of_calls(self) -> Option<Faulty> {
        let refused =
            |code: &str, status| Fault::Refuse(AwsError::new(code, "a drill").status(status));
        let fault = match self {
            Self::None => None,
            Self::Throttles => Some(refused("ThrottlingException", 400)),
            Self::Refuses => Some(refused("AccessDeniedException", 403)),
            Self::Fails => Some(refused("InternalFailure", 500)),
            Self::Nonsense => Some(Fault::Answer(json!({
                "MetricAlarms": [{ "AlarmName": 7, "StateValue": ["ALARM"] }],
                "CompositeAlarms": "all of them", "NextToken": {},
                "Parameter": "open", "Parameters": { "Name": 1 }, "InvalidParameters": 3,
            }))),
            _ => return None,
        };
        Some(Faulty(fault))
    }
}

/// An open port, until it is dropped.
pub(super) struct Endpoint {
    url: String,
    serving: Option<JoinHandle<()>>,
}

impl Endpoint {
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

/// Every call fares alike.
struct Faulty(Option<Fault>);

impl Faults for Faulty {
    fn fault(&self, _call: &Call) -> Option<Fault> {
        self.0.clone()
    }
}

async fn calls(listener: TcpListener, faults: Faulty) {
    let aws = Aws::new(Settings { throttles: false, ..Settings::default() });
    aws.set_faults(Arc::new(faults));
    let Err(error) = local_aws::serve(aws, listener).await;
    eprintln!("the endpoint failed: {error}");
}

async fn connections(listener: TcpListener, trouble: Trouble) {
    while let Ok((stream, _)) = listener.accept().await {
        // A gate that has answered is ended in the middle of what it asks.
        tokio::spawn(async move { _ = converse(stream, trouble).await });
    }
}

async fn converse(mut stream: TcpStream, trouble: Trouble) -> std::io::Result<()> {
    let mut request = [0; 16 * 1024];
    let _ = stream.read(&mut request).await?;
    let headers = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n";
    match trouble {
        Trouble::Breaks => return stream.shutdown().await,
        Trouble::Stops => {
            let start = format!("{headers}Content-Length: 4096\r\n\r\n{{\"Parameter\": ");
            stream.write_all(start.as_bytes()).await?;
        }
        Trouble::Drips => {
            let start = format!("{headers}Content-Length: 4096\r\n\r\n");
            stream.write_all(start.as_bytes()).await?;
            loop {
                stream.write_all(b" ").await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        Trouble::Garbage => {
            let all = format!("{headers}Content-Length: 12\r\n\r\n<<\u{1}{{]]>>\r\n;;");
            stream.write_all(all.as_bytes()).await?;
        }
        Trouble::Noise => stream.write_all(b"\x16\x03\x01 220 ready\r\n\r\n").await?,
        _ => {}
    }
    tokio::time::sleep(FOR_EVER).await;
    Ok(())
}
