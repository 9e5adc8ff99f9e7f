//! The wire: requests that are refused before any service sees them, answers that get lost,
//! and the endpoint that real processes use.

use std::sync::Arc;
use std::time::Duration;

use crate::wire_clients::{admin, authorization, keys, organizations, send, settings, sts};
use aws_sdk_organizations::config::{BehaviorVersion, Region};
use aws_sdk_organizations::error::ProvideErrorMetadata;
use local_aws::{Aws, AwsError, Call, Fault, Faults, iam};
use tokio::net::TcpListener;

#[tokio::test(start_paused = true)]
async fn a_request_without_a_signature_is_refused_in_its_own_format() {
    let aws = Aws::new(settings());
    let json = http::Request::builder()
        .uri("/")
        .header("x-amz-target", "AWSOrganizationsV20161128.ListRoots")
        .header("content-type", "application/x-amz-json-1.1");
    let (status, body) = send(&aws, json, "{}").await;
    assert_eq!(status, 403);
    assert!(body.contains(r#""__type":"MissingAuthenticationToken""#), "{body}");
    let query = http::Request::builder().uri("/");
    let (status, body) = send(&aws, query, "Action=GetCallerIdentity").await;
    assert_eq!(status, 403);
    assert!(body.contains("<Code>MissingAuthenticationToken</Code>"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_service_region_or_operation_is_named() {
    let aws = Aws::new(settings());
    let stranger = keys("AKIASTRANGER", "x", "y");
    let error = organizations(&aws, stranger, "us-east-1").list_roots().send().await.unwrap_err();
    assert_eq!(error.code(), Some("UnrecognizedClientException"));
    let nowhere = sts(&aws, admin(), "xx-nowhere-1").get_caller_identity().send().await;
    assert!(nowhere.unwrap_err().message().unwrap().contains("xx-nowhere-1"));
    let ask = async |service: &str, target: &str| {
        let request = http::Request::builder()
            .uri("/")
            .header("authorization", authorization(iam::ADMIN_ACCESS_KEY, "us-east-1", service))
            .header("x-amz-target", target);
        send(&aws, request, "{}").await
    };
    let (status, body) = ask("dynamodb", "DynamoDB_20120810.ListTables").await;
    assert_eq!(status, 501);
    assert!(body.contains("does not know the service \\\"dynamodb\\\""), "{body}");
    let (status, body) = ask("organizations", "AWSOrganizationsV20161128.InviteAccount").await;
    assert_eq!(status, 501);
    assert!(body.contains("organizations:InviteAccount"), "{body}");
    let (status, body) = ask("organizations", "AmazonSSM.GetParameter").await;
    assert_eq!(status, 501);
    assert!(body.contains("organizations:AmazonSSM.GetParameter"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_json_is_a_serialization_fault() {
    let aws = Aws::new(settings());
    for body in ["{", "[]", "\"x\""] {
        let request = http::Request::builder()
            .uri("/")
            .header(
                "authorization",
                authorization(iam::ADMIN_ACCESS_KEY, "us-east-1", "organizations"),
            )
            .header("x-amz-target", "AWSOrganizationsV20161128.ListRoots");
        let (status, answer) = send(&aws, request, body).await;
        assert_eq!(status, 400);
        assert!(answer.contains("SerializationException"), "{answer}");
    }
}

/// Does one thing to the first call of one operation.
struct First(&'static str, Fault, std::sync::atomic::AtomicBool);

impl Faults for First {
    fn fault(&self, call: &Call) -> Option<Fault> {
        let first =
            call.operation == self.0 && !self.2.swap(true, std::sync::atomic::Ordering::Relaxed);
        first.then(|| self.1.clone())
    }
}

fn first(operation: &'static str, fault: Fault) -> Arc<First> {
    Arc::new(First(operation, fault, std::sync::atomic::AtomicBool::new(false)))
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_a_broken_connection_and_the_effect_stays() {
    let aws = Aws::new(settings());
    aws.set_faults(first("CreateOrganizationalUnit", Fault::LoseAnswer));
    let client = organizations(&aws, admin(), "us-east-1");
    let create = || client.create_organizational_unit().parent_id("r-root").name("General").send();
    let lost = create().await.unwrap_err();
    assert!(matches!(lost, aws_sdk_organizations::error::SdkError::DispatchFailure(_)), "{lost:?}");
    assert_eq!(create().await.unwrap_err().code(), Some("DuplicateOrganizationalUnitException"));
}

#[tokio::test(start_paused = true)]
async fn a_call_is_sent_once_even_when_its_answer_takes_ten_minutes() {
    let aws = Aws::new(settings());
    aws.set_faults(first("ListRoots", Fault::DelayAfter(Duration::from_secs(600))));
    organizations(&aws, admin(), "us-east-1").list_roots().send().await.unwrap();
    let calls = aws.journal().into_iter().filter(|entry| entry.action.ends_with("ListRoots"));
    assert_eq!(calls.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_a_test_wants_reaches_the_client() {
    let aws = Aws::new(settings());
    let refusal = AwsError::new("ConcurrentModificationException", "busy");
    aws.set_faults(first("ListRoots", Fault::Refuse(refusal)));
    let client = organizations(&aws, admin(), "us-east-1");
    let error = client.list_roots().send().await.unwrap_err();
    assert_eq!(error.code(), Some("ConcurrentModificationException"));
    client.list_roots().send().await.unwrap();
}

/// A client of a real socket.
fn over_http(endpoint: &str) -> aws_sdk_organizations::Client {
    aws_sdk_organizations::Client::from_conf(
        aws_sdk_organizations::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(admin())
            .retry_config(aws_sdk_organizations::config::retry::RetryConfig::disabled())
            .endpoint_url(endpoint)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build(),
    )
}

async fn endpoint(aws: &Aws) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(local_aws::serve(aws.clone(), listener));
    format!("http://{address}")
}

#[tokio::test]
async fn the_same_world_answers_over_http() {
    let aws = Aws::new(settings());
    let client = over_http(&endpoint(&aws).await);
    let organization = client.describe_organization().send().await.unwrap();
    assert_eq!(organization.organization().unwrap().id(), Some("o-landlordloc"));
    assert_eq!(client.list_accounts().send().await.unwrap().accounts().len(), 1);
    let unknown = client.describe_account().account_id("999999999999").send().await;
    assert_eq!(unknown.unwrap_err().code(), Some("AccountNotFoundException"));
    assert_eq!(aws.journal()[0].region, "us-east-1", "Organizations is in one Region");
}

#[tokio::test]
async fn a_lost_answer_over_http_is_a_closed_socket() {
    let aws = Aws::new(settings());
    aws.set_faults(first("ListRoots", Fault::LoseAnswer));
    let client = over_http(&endpoint(&aws).await);
    let lost = client.list_roots().send().await.unwrap_err();
    assert!(matches!(lost, aws_sdk_organizations::error::SdkError::DispatchFailure(_)), "{lost:?}");
    client.list_roots().send().await.unwrap();
}
