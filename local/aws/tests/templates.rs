//! Templates deployed as stacks: what is there afterwards.

use std::collections::BTreeMap;

use crate::world::{ACCOUNT, REGION, World, error_code};
use local_aws::cloudformation::{ResourceRule, StackError, StackRequest};
use serde_json::{Value, json};

const WORKER: &str = "
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: {Type: String, Default: hello}
Resources:
  Work:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub '${AWS::StackName}-work', VisibilityTimeout: 60}
  Note:
    Type: AWS::SSM::Parameter
    Properties: {Name: /note, Type: String, Value: !Ref Greeting}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/worker/
      Environment: {Variables: {QUEUE_URL: !Ref Work}}
      Policies:
        - Version: '2012-10-17'
          Statement: [{Effect: Allow, Action: 'ssm:GetParameter', Resource: '*'}]
      Events:
        Work: {Type: SQS, Properties: {Queue: !GetAtt Work.Arn, BatchSize: 1}}
Outputs:
  WorkerArn: {Value: !GetAtt Worker.Arn}
  WorkUrl: {Value: !Ref Work}
";

fn request(template: &str, parameters: &[(&str, &str)]) -> StackRequest {
    StackRequest {
        name: "demo".to_owned(),
        template: template.to_owned(),
        base_dir: None,
        parameters: parameters.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        tags: BTreeMap::new(),
        account: ACCOUNT.to_owned(),
        region: REGION.to_owned(),
    }
}

async fn parameter(world: &World, name: &str) -> Option<String> {
    let answer = world.admin("ssm", "GetParameter", json!({ "Name": name })).await.ok()?;
    Some(answer["Parameter"]["Value"].as_str().unwrap().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_stack_makes_its_resources_with_their_references() {
    let world = World::new().await;
    let calls = world.answers("worker", |_| Ok(json!({})));
    let outputs = world.aws.deploy_stack(request(WORKER, &[])).await.unwrap();
    assert_eq!(parameter(&world, "/note").await.as_deref(), Some("hello"));
    let function = json!({ "FunctionName": outputs["WorkerArn"] });
    let shown = world.admin("lambda", "GetFunctionConfiguration", function).await.unwrap();
    assert_eq!(shown["Environment"]["Variables"]["QUEUE_URL"], json!(outputs["WorkUrl"]));
    let message = json!({ "QueueUrl": outputs["WorkUrl"], "MessageBody": "1" });
    world.admin("sqs", "SendMessage", message).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), 1);
    let described =
        world.admin("cloudformation", "DescribeStacks", json!({ "StackName": "demo" })).await;
    assert_eq!(described.unwrap()["Stacks"][0]["StackStatus"], "CREATE_COMPLETE");
}

#[tokio::test(start_paused = true)]
async fn an_update_changes_replaces_and_removes_only_what_it_must() {
    let world = World::new().await;
    world.aws.deploy_stack(request(WORKER, &[])).await.unwrap();
    let before = resources(&world).await;
    world.aws.deploy_stack(request(WORKER, &[("Greeting", "bye")])).await.unwrap();
    assert_eq!(parameter(&world, "/note").await.as_deref(), Some("bye"));
    assert_eq!(before, resources(&world).await);
    let without = WORKER.replace("Name: /note,", "Name: /other,").replace("-work'", "-more'");
    world.aws.deploy_stack(request(&without, &[])).await.unwrap();
    assert_eq!(parameter(&world, "/note").await, None);
    assert_eq!(parameter(&world, "/other").await.as_deref(), Some("hello"));
    let after = resources(&world).await;
    assert_ne!(before["Work"], after["Work"]);
    assert_eq!(before["Worker"], after["Worker"]);
}

async fn resources(world: &World) -> BTreeMap<String, Value> {
    let input = json!({ "StackName": "demo" });
    let answer = world.admin("cloudformation", "ListStackResources", input).await.unwrap();
    answer["StackResourceSummaries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let id = one["LogicalResourceId"].as_str().unwrap().to_owned();
            (id, one["PhysicalResourceId"].clone())
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_fails_rolls_everything_back() {
    let world = World::new().await;
    let broken = ResourceRule {
        resource: Some("Worker".to_owned()),
        failure: Some("no luck".to_owned()),
        ..ResourceRule::default()
    };
    world.aws.set_resource_rules(vec![broken.clone()]);
    let error = world.aws.deploy_stack(request(WORKER, &[])).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "stack demo: Worker failed: no luck (the stack is ROLLBACK_COMPLETE)"
    );
    assert_eq!(parameter(&world, "/note").await, None);
    let again = world.aws.deploy_stack(request(WORKER, &[])).await.unwrap_err();
    assert!(matches!(again, StackError::Refused { .. }), "{again}");
    world.aws.delete_stack(ACCOUNT, REGION, "demo").await.unwrap();
    world.aws.set_resource_rules(Vec::new());
    world.aws.deploy_stack(request(WORKER, &[])).await.unwrap();
    world.aws.set_resource_rules(vec![broken]);
    let changed = WORKER.replace("QUEUE_URL", "OTHER_URL");
    let error =
        world.aws.deploy_stack(request(&changed, &[("Greeting", "bye")])).await.unwrap_err();
    assert!(error.to_string().ends_with("(the stack is UPDATE_ROLLBACK_COMPLETE)"), "{error}");
    assert_eq!(parameter(&world, "/note").await.as_deref(), Some("hello"));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_refuses_is_named_with_its_resource() {
    let world = World::new().await;
    let template = "Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Name: '/aws/x', Type: String, Value: '1'}}}";
    let error = world.aws.deploy_stack(request(template, &[])).await.unwrap_err().to_string();
    assert!(error.contains("P failed: ") && error.contains("/aws/x"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn operators_create_update_and_delete_stacks_by_the_api() {
    let world = World::new().await;
    let api = |operation: &'static str, input| world.admin("cloudformation", operation, input);
    let template = |value: &str| {
        format!(
            "Resources: {{P: {{Type: AWS::SSM::Parameter, Properties: {{Name: /p, Type: String, Value: '{value}'}}}}}}"
        )
    };
    let with = |value: &str| json!({ "StackName": "s", "TemplateBody": template(value) });
    let wait = || tokio::time::sleep(std::time::Duration::from_secs(1));
    api("CreateStack", with("1")).await.unwrap();
    wait().await;
    assert_eq!(error_code(api("CreateStack", with("1")).await), "AlreadyExistsException");
    let same = api("UpdateStack", with("1")).await.unwrap_err();
    assert_eq!(same.message, "No updates are to be performed.");
    api("UpdateStack", with("2")).await.unwrap();
    wait().await;
    assert_eq!(parameter(&world, "/p").await.as_deref(), Some("2"));
    let protect = json!({ "StackName": "s", "EnableTerminationProtection": true });
    api("UpdateTerminationProtection", protect).await.unwrap();
    let name = json!({ "StackName": "s" });
    assert!(api("DeleteStack", name.clone()).await.unwrap_err().message.contains("Termination"));
    let free = json!({ "StackName": "s", "EnableTerminationProtection": false });
    api("UpdateTerminationProtection", free).await.unwrap();
    api("DeleteStack", name.clone()).await.unwrap();
    wait().await;
    assert_eq!(parameter(&world, "/p").await, None);
    let gone = api("DescribeStacks", name).await.unwrap_err();
    assert_eq!(gone.message, "Stack with id s does not exist");
    let broken = json!({ "StackName": "t", "TemplateBody": "Resources: {P: {Type: A::B::C}}" });
    assert!(api("CreateStack", broken).await.unwrap_err().message.contains("A::B::C"));
}

/// The local AWS has no resource control policies and no stack sets yet.
fn without_what_is_to_come(template: &str) -> String {
    ["ExecutionRoleTrustPolicy", "TenantBaselineStackSet"].iter().fold(
        template.to_owned(),
        |text, id| {
            let head = format!("  {id}:\n");
            text.replace(&head, &format!("{head}    Metadata: {{'landlord:local': inert}}\n"))
        },
    )
}

#[tokio::test(start_paused = true)]
async fn landlords_own_template_is_deployed_updated_and_deleted() {
    let world = World::new().await;
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let request = |window: &str| StackRequest {
        name: "landlord".to_owned(),
        base_dir: Some(root.clone()),
        ..request(
            &without_what_is_to_come(&read("template.yaml")),
            &[
                ("EmailDomain", "example.com"),
                ("Tiers", &read("tiers.json")),
                ("ParentId", "r-root"),
                ("AdmissionWindow", window),
            ],
        )
    };
    let outputs = world.aws.deploy_stack(request("10")).await.unwrap();
    assert_eq!(outputs["EventBusName"], "landlord");
    let machine = json!({ "stateMachineArn": outputs["OnboardTenantStateMachineArn"] });
    let shown = world.admin("states", "DescribeStateMachine", machine).await.unwrap();
    assert!(!shown["definition"].as_str().unwrap().contains("${"));
    let again = world.aws.deploy_stack(request("20")).await.unwrap();
    assert_eq!(outputs, again);
    world.aws.delete_stack(ACCOUNT, REGION, "landlord").await.unwrap();
    // The units are retained: accounts stand in them.
    let mut left = 0;
    let mut input = json!({ "ParentId": "r-root" });
    loop {
        let page = world
            .admin("organizations", "ListOrganizationalUnitsForParent", input.clone())
            .await
            .unwrap();
        left += page["OrganizationalUnits"].as_array().unwrap().len();
        if page["NextToken"].is_null() {
            break;
        }
        input["NextToken"] = page["NextToken"].clone();
    }
    assert_eq!(left, 6);
}

const SWEEPER: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Letters: {Type: AWS::SQS::Queue}
  Sweeper:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/sweeper/}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition: {QueryLanguage: JSONata, StartAt: Done, States: {Done: {Type: Succeed}}}
      Events:
        Nightly:
          Type: ScheduleV2
          Properties:
            ScheduleExpression: cron(0 12 * * ? *)
            Input: '{\"by\":\"<aws.scheduler.scheduled-time>\"}'
            DeadLetterConfig: {Arn: !GetAtt Letters.Arn}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Principal: {Service: scheduler.amazonaws.com}, Action: 'sts:AssumeRole'}]
  Off:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: rate(1 hour)
      State: DISABLED
      FlexibleTimeWindow: {Mode: FLEXIBLE, MaximumWindowInMinutes: 5}
      Target: {Arn: !GetAtt Sweeper.Arn, RoleArn: !GetAtt Role.Arn}
Outputs:
  Machine: {Value: !Ref Machine}
  Off: {Value: !Ref Off}
";

#[tokio::test(start_paused = true)]
async fn a_schedule_of_a_template_starts_its_machine_and_one_that_is_off_does_not_run() {
    let world = World::new().await;
    let calls = world.answers("sweeper", |_| Ok(json!({})));
    let outputs = world.aws.deploy_stack(request(SWEEPER, &[])).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(86_400)).await;
    let list = json!({ "stateMachineArn": outputs["Machine"] });
    let executions = world.admin("states", "ListExecutions", list).await.unwrap();
    let execution = executions["executions"][0]["executionArn"].as_str().unwrap();
    assert_eq!(world.describe(execution).await["input"], "{\"by\":\"2026-11-21T12:00:00Z\"}");
    let off = json!({ "Name": outputs["Off"] });
    let off = world.admin("scheduler", "GetSchedule", off).await.unwrap();
    assert_eq!(off["State"], "DISABLED");
    assert_eq!(off["FlexibleTimeWindow"]["MaximumWindowInMinutes"], 5);
    assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), 0);
}
