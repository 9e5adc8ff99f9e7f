//! The Runtime API byte by byte, as a runtime in any language sees it.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

struct Wire {
    address: SocketAddr,
    invocations: mpsc::Sender<Invocation>,
    init_error: watch::Receiver<Option<Outcome>>,
}

async fn wire() -> Wire {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (invocations, waiting) = mpsc::channel(1);
    let (failed, init_error) = watch::channel(None);
    tokio::spawn(RuntimeApi::new(waiting, failed).serve(listener));
    Wire { address, invocations, init_error }
}

impl Wire {
    fn invoke(&self, request_id: &str) -> oneshot::Receiver<Outcome> {
        let (taken, _) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let invocation = Invocation {
            request_id: request_id.to_owned(),
            arn: "arn:aws:lambda:eu-central-1:111122223333:function:probe".to_owned(),
            payload: Bytes::from_static(br#"{"tenantId":"acme"}"#),
            timeout: Duration::from_secs(3),
            taken,
            answer,
        };
        self.invocations.try_send(invocation).unwrap();
        answered
    }

    /// Sends one request and returns the whole answer, its header names in lower case.
    async fn send(&self, call: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let (method, path) = call.split_once(' ').unwrap();
        let request = format!(
            "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nhost: runtime\r\n{headers}\
             connection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let line = answer.lines().find(|line| line.starts_with(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no header {name} in {answer}")).split_once(": ").unwrap().1
}

#[tokio::test]
async fn an_invocation_carries_its_id_its_deadline_and_the_functions_arn() {
    let wire = wire().await;
    let answered = wire.invoke("8476a536-e9f4");
    let before = jiff::Timestamp::now().as_millisecond();
    let next = wire.send("GET invocation/next", "", "").await;
    let after = jiff::Timestamp::now().as_millisecond();
    assert!(next.starts_with("HTTP/1.1 200 "), "{next}");
    assert!(next.ends_with(r#"{"tenantId":"acme"}"#), "{next}");
    assert_eq!(header(&next, "lambda-runtime-aws-request-id"), "8476a536-e9f4");
    assert_eq!(
        header(&next, "lambda-runtime-invoked-function-arn"),
        "arn:aws:lambda:eu-central-1:111122223333:function:probe"
    );
    assert!(header(&next, "lambda-runtime-trace-id").starts_with("Root=1-"));
    let deadline: i64 = header(&next, "lambda-runtime-deadline-ms").parse().unwrap();
    assert!((before + 3_000..=after + 3_000).contains(&deadline), "{deadline}");

    let accepted = wire.send("POST invocation/8476a536-e9f4/response", "", "[1]").await;
    assert!(accepted.starts_with("HTTP/1.1 202 "), "{accepted}");
    assert_eq!(answered.await.unwrap(), Outcome::Answered(Bytes::from_static(b"[1]")));
}

#[tokio::test]
async fn an_answer_to_another_invocation_is_refused_and_changes_nothing() {
    let wire = wire().await;
    let answered = wire.invoke("current");
    wire.send("GET invocation/next", "", "").await;
    for call in ["POST invocation/stale/response", "POST invocation/stale/error"] {
        let refused = wire.send(call, "", "{}").await;
        assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
        assert!(refused.contains("InvalidRequestID"), "{refused}");
    }
    wire.send("POST invocation/current/response", "", "1").await;
    assert_eq!(answered.await.unwrap(), Outcome::Answered(Bytes::from_static(b"1")));
    let again = wire.send("POST invocation/current/response", "", "2").await;
    assert!(again.starts_with("HTTP/1.1 400 "), "{again}");
}

#[tokio::test]
async fn asking_for_more_work_before_answering_is_refused() {
    let wire = wire().await;
    let _answered = wire.invoke("current");
    wire.send("GET invocation/next", "", "").await;
    let refused = wire.send("GET invocation/next", "", "").await;
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
}

#[tokio::test]
async fn an_error_is_named_by_its_document_or_else_by_its_header() {
    let wire = wire().await;
    let answered = wire.invoke("one");
    wire.send("GET invocation/next", "", "").await;
    let body = r#"{"errorType":"EmailInUseElsewhere","errorMessage":"taken"}"#;
    wire.send("POST invocation/one/error", "", body).await;
    assert_eq!(answered.await.unwrap().error_name(), Some("EmailInUseElsewhere"));

    let answered = wire.invoke("two");
    wire.send("GET invocation/next", "", "").await;
    let header = "lambda-runtime-function-error-type: Runtime.Odd\r\n";
    wire.send("POST invocation/two/error", header, "no document").await;
    assert_eq!(answered.await.unwrap().error_name(), Some("Runtime.Odd"));
}

#[tokio::test]
async fn an_error_at_the_start_keeps_its_name() {
    let mut wire = wire().await;
    let body = r#"{"errorType":"Runtime.NoSuchHandler","errorMessage":"no bootstrap"}"#;
    let accepted = wire.send("POST init/error", "", body).await;
    assert!(accepted.starts_with("HTTP/1.1 202 "), "{accepted}");
    let outcome = wire.init_error.wait_for(Option::is_some).await.unwrap().clone();
    assert_eq!(outcome.unwrap().error_name(), Some("Runtime.NoSuchHandler"));
}

#[tokio::test]
async fn what_the_host_does_not_offer_is_named() {
    let wire = wire().await;
    for call in ["GET restore/next", "POST invocation/next", "DELETE init/error"] {
        let refused = wire.send(call, "", "").await;
        assert!(refused.starts_with("HTTP/1.1 404 "), "{refused}");
        assert!(refused.contains("UnknownOperation"), "{refused}");
    }
}
