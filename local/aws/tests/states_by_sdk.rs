//! Step Functions, Lambda and CloudFormation by the unchanged SDK, and by plain HTTP.

use std::time::Duration;

use crate::wire_clients::{admin, authorization, send};
use crate::world::{ADMIN_ROLE, REGION, World};
use aws_sdk_sfn::config::retry::RetryConfig;
use aws_sdk_sfn::config::{BehaviorVersion, Region};
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEventType};
use serde_json::json;

macro_rules! client {
    ($crate_name:ident, $world:expr) => {
        $crate_name::Client::from_conf(
            $crate_name::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(REGION))
                .credentials_provider(admin())
                .retry_config(RetryConfig::disabled())
                .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
                .http_client($world.aws.http_client())
                .build(),
        )
    };
}

#[tokio::test(start_paused = true)]
async fn the_sdk_starts_lists_and_reads_executions() {
    let world = World::new().await;
    let client = client!(aws_sdk_sfn, world);
    let definition = json!({
        "QueryLanguage": "JSONata", "StartAt": "Wait",
        "States": { "Wait": { "Type": "Wait", "Seconds": 10, "Next": "Done" },
                    "Done": { "Type": "Succeed", "Output": { "done": true } } },
    });
    let made = client
        .create_state_machine()
        .name("m")
        .role_arn(world.role_arn(ADMIN_ROLE))
        .definition(definition.to_string())
        .send()
        .await
        .unwrap();
    let started =
        client.start_execution().state_machine_arn(&made.state_machine_arn).name("one").send();
    let started = started.await.unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let listed =
        client.list_executions().state_machine_arn(&made.state_machine_arn).send().await.unwrap();
    assert_eq!(listed.executions[0].status, ExecutionStatus::Succeeded);
    let described =
        client.describe_execution().execution_arn(&started.execution_arn).send().await.unwrap();
    assert_eq!(described.output.as_deref(), Some(r#"{"done":true}"#));
    let took = described.stop_date.unwrap().secs() - described.start_date.secs();
    assert_eq!(took, 10);
    let history =
        client.get_execution_history().execution_arn(&started.execution_arn).send().await.unwrap();
    assert_eq!(history.events[0].r#type, HistoryEventType::ExecutionStarted);
    assert_eq!(history.events[1].r#type, HistoryEventType::WaitStateEntered);
    let missing = client.describe_execution().execution_arn("arn:x").send().await.unwrap_err();
    assert!(missing.into_service_error().is_execution_does_not_exist());
    let other = client
        .start_execution()
        .state_machine_arn(&made.state_machine_arn)
        .name("one")
        .send()
        .await
        .unwrap_err();
    assert!(other.into_service_error().is_execution_already_exists());
}

#[tokio::test(start_paused = true)]
async fn the_sdk_creates_and_describes_stacks() {
    let world = World::new().await;
    let client = client!(aws_sdk_cloudformation, world);
    let template = "
Parameters: {Level: {Type: String, Default: one}}
Resources:
  Note: {Type: AWS::SSM::Parameter, Properties: {Name: /n, Type: String, Value: !Ref Level}}
Outputs: {Name: {Value: !Ref Note}}
";
    let parameter = aws_sdk_cloudformation::types::Parameter::builder()
        .parameter_key("Level")
        .parameter_value("two")
        .build();
    client
        .create_stack()
        .stack_name("s")
        .template_body(template)
        .parameters(parameter)
        .send()
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let described = client.describe_stacks().stack_name("s").send().await.unwrap();
    let stack = &described.stacks()[0];
    assert_eq!(stack.stack_status().unwrap().as_str(), "CREATE_COMPLETE");
    assert_eq!(stack.parameters()[0].parameter_value(), Some("two"));
    assert_eq!(stack.outputs()[0].output_value(), Some("/n"));
    let resources = client.list_stack_resources().stack_name("s").send().await.unwrap();
    assert_eq!(resources.stack_resource_summaries()[0].logical_resource_id(), Some("Note"));
    let events = client.describe_stack_events().stack_name("s").send().await.unwrap();
    assert!(events.stack_events().len() >= 4);
    let text = client.get_template().stack_name("s").send().await.unwrap();
    assert_eq!(text.template_body(), Some(template));
    let wrong = client.create_stack().stack_name("t").template_body("Resources: {}").send().await;
    let wrong = wrong.unwrap_err().into_service_error().to_string();
    assert!(wrong.contains("Error") || wrong.contains("unhandled"), "{wrong}");
}

#[tokio::test(start_paused = true)]
async fn invoke_answers_over_http_as_the_cli_expects() {
    let world = World::new().await;
    world.function("echo", json!({})).await;
    world.answers("echo", |invocation| Ok(json!({ "got": invocation.payload.len() })));
    let request = |name: &str| {
        http::Request::builder()
            .method("POST")
            .uri(format!(
                "https://lambda.{REGION}.amazonaws.com/2015-03-31/functions/{name}/invocations"
            ))
            .header("authorization", authorization("AKIALANDLORDLOCAL000", REGION, "lambda"))
    };
    let (status, body) = send(&world.aws, request("echo"), r#"{"a":1}"#).await;
    assert_eq!((status, body.as_str()), (200, r#"{"got":7}"#));
    let (status, body) = send(&world.aws, request("nobody"), "{}").await;
    assert_eq!(status, 404);
    assert!(body.contains("Function not found"), "{body}");
}
