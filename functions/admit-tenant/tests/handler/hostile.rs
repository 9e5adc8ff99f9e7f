//! Signups as careless and hostile systems send them: each is answered, with its event's id and a reason
//! that its sender can act on, and none of them stops the queue or the function.

use scripted_wire::operations::Aws;
use serde_json::{Value, json};

use crate::support::*;

/// A message of which the detail is this text.
fn with_detail(detail: &str) -> Value {
    let body = signup();
    let whole = body["detail"].to_string();
    let text = body.to_string().replacen(&whole, detail, 1);
    json!({"Records": [record_in("signups.fifo", "signups", "m-1", &text, 1)]})
}

/// What is answered to a detail: the event's name and detail.
async fn answer(detail: &str) -> (String, Value, Aws) {
    let aws = empty();
    assert_eq!(call(&aws, with_detail(detail)).await.unwrap(), answered(), "{detail:.200}");
    let mut told = events(&aws);
    assert_eq!(told.len(), 1, "one answer to {detail:.200}");
    let (name, answer) = told.remove(0);
    assert_eq!(answer["eventId"], EVENT_ID);
    assert!(answer.to_string().len() < 32_768, "an answer of bounded size");
    (name, answer, aws)
}

const GOOD: &str = r#""tenantId":"acme","tenantName":"Acme","tier":"standard""#;

#[tokio::test]
async fn what_cannot_be_is_rejected_with_a_reason_that_names_it() {
    let deep = format!(r#"{{{GOOD},"metadata":{}1{}}}"#, "[".repeat(400), "]".repeat(400));
    let huge = format!(r#"{{{GOOD},"metadata":{{"a":"{}"}}}}"#, "x".repeat(100_000));
    let tags: Vec<String> = (0..5_000).map(|n| format!(r#""aws:{n}":"x""#)).collect();
    let tags = format!(r#"{{{GOOD},"tags":{{{}}}}}"#, tags.join(","));
    let long_name =
        format!(r#"{{"tenantId":"acme","tenantName":"{}","tier":"standard"}}"#, "n".repeat(10_000));
    for (detail, reason) in [
        (deep.as_str(), "recursion limit"),
        (r#"{"tenantId":1e999}"#, "number out of range"),
        (r#"{"tenantId":"\ud800"}"#, "cannot be read"),
        (huge.as_str(), "where at most"),
        (tags.as_str(), "more"),
        (long_name.as_str(), "1 to 256 characters"),
        (r#"{"tenantId":7,"tenantName":"Acme","tier":"standard"}"#, "tenantId: a number"),
        (r#"{"tenantId":null,"tenantName":"Acme","tier":"standard"}"#, "tenantId: nothing"),
        (r#"{"tenantId":["acme"],"tenantName":"Acme","tier":"standard"}"#, "tenantId: a list"),
        (r#"{"tenantId":"","tenantName":"Acme","tier":"standard"}"#, "tenantId: \"\""),
        (r#"{"tenantId":"__","tenantName":"Acme","tier":"standard"}"#, "tenantId: \"__\""),
        (r#"{"tenantId":"аcme","tenantName":"Acme","tier":"standard"}"#, "tenantId: "),
        (r#"{"tenantId":"acme","tenantName":"\u202eemcA","tier":"standard"}"#, "direction"),
        (r#"{"tenantId":"acme","tenantName":"\u200b","tier":"standard"}"#, "to be seen"),
        (r#"{"tenantId":"acme","tenantName":"Acme","tier":true}"#, "tier: a truth value"),
        (r#"{"tenantId":"acme","tenantName":"Acme","tier":"standard","tier":"standard"}"#, "once"),
        (
            r#"{"tenantId":"acme","tenantName":"Acme","tier":"standard","rootEmаil":"a@b.example"}"#,
            "must be spelled rootEmail",
        ),
        (
            r#"{"tenantId":"acme","tenantName":"Acme","tier":"standard","rootEmail":""}"#,
            "rootEmail",
        ),
        (r#"{"tenantId":"acme","tenantName":"Acme","tier":"standard","tags":[1]}"#, "tags: a list"),
        (r#"{"tenantId":"acme","tenantName":"Acme","tier":"../../standard"}"#, "tier"),
        ("{}", "tenantId: nothing"),
    ] {
        let (name, answer, aws) = answer(detail).await;
        assert_eq!(name, "TenantRejected", "{detail:.200}");
        let reasons = answer["reasons"].to_string();
        let shown = reasons.replace("\\\"", "\"");
        assert!(shown.contains(reason), "{detail:.200}: {reason}, not {shown}");
        for never in ["StartExecution", "SendMessage"] {
            assert!(!aws.operations().contains(&never.to_owned()), "{detail:.200}: {never}");
        }
    }
}

#[tokio::test]
async fn what_is_merely_odd_is_taken_as_it_is_meant() {
    for (detail, id) in [
        (r#"{"tenantId":" Acme__GmbH ","tenantName":"Acme","tier":"standard"}"#, "acme-gmbh"),
        (r#"{"tenantId":"acme","tenantName":"👩‍💻🏢","tier":"standard"}"#, "acme"),
        (r#"{"tenantId":"acme","tenantName":"‏شركة","tier":"standard"}"#, "acme"),
        (
            r#"{"tenantId":"acme","tenantName":"Acme","tier":"standard","x":1,"x":2,"email":null}"#,
            "acme",
        ),
        (
            r#"{"tenantId":"acme","tenantName":"Acme","tier":"standard","tags":null,"metadata":null}"#,
            "acme",
        ),
        (
            r#"{"tenantId":"acme","tenantName":"Acme","tier":"standard","__proto__":{"tier":"x"}}"#,
            "acme",
        ),
    ] {
        // From the waiting queue, where there is room.
        let mut request = with_detail(detail);
        request["Records"][0]["eventSourceARN"] =
            json!("arn:aws:sqs:eu-central-1:111122223333:waiting.fifo");
        request["Records"][0]["attributes"]["MessageGroupId"] = json!("waiting");
        let aws = empty();
        assert_eq!(call(&aws, request).await.unwrap(), answered(), "{detail}");
        let (name, answer) = events(&aws).remove(0);
        assert_eq!(
            (name.as_str(), &answer["tenantId"]),
            ("TenantAdmitted", &json!(id)),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn what_names_no_event_goes_to_the_dead_letters_with_its_reason() {
    let good = signup().to_string();
    for (body, because) in [
        (String::new(), "not JSON"),
        ("null".to_owned(), ""),
        (good[..good.len() / 2].to_owned(), "not JSON"),
        (good.replace(EVENT_ID, ""), "no id"),
        (good.replace("TenantSignedUp", "TenantSignedOut"), "TenantSignedOut"),
        ("[]".to_owned(), ""),
    ] {
        let aws = empty();
        let record = record_in("signups.fifo", "signups", "m-1", &body, 1);
        assert_eq!(call(&aws, json!({"Records": [record]})).await.unwrap(), answered());
        let letter = sent(&aws);
        assert_eq!(letter.field("QueueUrl"), &json!(queue("dead.fifo")));
        let why = letter.field("MessageAttributes/because/StringValue").as_str().unwrap();
        assert!(why.contains(because), "{body:.80}: {why}");
    }
    // A byte order mark in front is nobody's fault.
    let marked = format!("\u{feff}{good}");
    let aws = empty();
    let record = record_in("waiting.fifo", "waiting", "m-1", &marked, 1);
    assert_eq!(call(&aws, json!({"Records": [record]})).await.unwrap(), answered());
    assert_eq!(events(&aws)[0].0, "TenantAdmitted");
}
