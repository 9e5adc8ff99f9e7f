//! A world with an administrator, a role that may do everything, and functions made of closures.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::future::BoxFuture;
use local_aws::{
    Aws, AwsError, Call, Caller, FunctionHost, Invocation, InvocationOutcome, Principal, Settings,
};
use serde_json::{Value, json};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-central-1";
/// A role that Lambda, Step Functions and Scheduler may assume and that may do everything.
pub(crate) const ADMIN_ROLE: &str = "everything";

type Code = Arc<dyn Fn(&Invocation) -> Result<Value, String> + Send + Sync>;

/// Functions made of closures, by the name of their code.
#[derive(Default, Clone)]
struct Closures(Arc<Mutex<BTreeMap<String, Closure>>>);

#[derive(Clone)]
struct Closure {
    delay: Duration,
    code: Code,
    calls: Arc<AtomicUsize>,
}

impl FunctionHost for Closures {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'static, InvocationOutcome> {
        let found = self.0.lock().unwrap().get(&invocation.code).cloned();
        Box::pin(async move {
            let Some(Closure { delay, code, calls }) = found else {
                panic!("no code called {}", invocation.code);
            };
            tokio::time::sleep(delay).await;
            calls.fetch_add(1, Ordering::SeqCst);
            match code(&invocation) {
                Ok(answer) => InvocationOutcome::Answered(answer.to_string().into()),
                Err(error) => {
                    let payload = json!({ "errorType": error, "errorMessage": "because" });
                    InvocationOutcome::Failed { error, payload: payload.to_string().into() }
                }
            }
        })
    }
}

pub(crate) struct World {
    pub(crate) aws: Aws,
    functions: Closures,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Settings { throttles: false, ..Settings::default() }).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let start = "2026-11-21T10:00:00Z".parse().unwrap();
        let aws = Aws::new(Settings { start: Some(start), ..settings });
        let functions = Closures::default();
        aws.set_functions(Arc::new(functions.clone()));
        let world = Self { aws, functions };
        let everything = json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }],
        });
        world.role(ADMIN_ROLE, &everything).await;
        world
    }

    /// A role that Lambda, Step Functions and Scheduler may assume.
    pub(crate) async fn role(&self, name: &str, policy: &Value) -> String {
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {
                    "Service": [
                        "lambda.amazonaws.com", "states.amazonaws.com", "scheduler.amazonaws.com",
                    ],
                },
                "Action": "sts:AssumeRole",
            }],
        });
        let role = json!({ "RoleName": name, "AssumeRolePolicyDocument": trust.to_string() });
        self.admin("iam", "CreateRole", role).await.unwrap();
        let policy =
            json!({ "RoleName": name, "PolicyName": "p", "PolicyDocument": policy.to_string() });
        self.admin("iam", "PutRolePolicy", policy).await.unwrap();
        self.role_arn(name)
    }

    pub(crate) fn role_arn(&self, name: &str) -> String {
        format!("arn:aws:iam::{ACCOUNT}:role/{name}")
    }

    /// A call of the management account's administrator.
    pub(crate) async fn admin(
        &self,
        service: &'static str,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let caller = Caller {
            account: ACCOUNT.to_owned(),
            arn: format!("arn:aws:iam::{ACCOUNT}:root"),
            principal: Principal::Administrator,
        };
        let call = Call {
            service,
            operation: operation.to_owned(),
            input,
            caller,
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
        };
        self.aws.perform(&call).await
    }

    pub(crate) async fn as_service(
        &self,
        principal: &str,
        service: &'static str,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let call = Call::by_service(principal, service, operation, (ACCOUNT, REGION), input);
        self.aws.perform(&call).await
    }

    pub(crate) async fn function(&self, name: &str, more: Value) {
        let mut input = json!({
            "FunctionName": name,
            "Role": self.role_arn(ADMIN_ROLE),
            "Code": { "S3Bucket": "b", "S3Key": format!("{name}.zip") },
        });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.admin("lambda", "CreateFunction", input).await.unwrap();
    }

    pub(crate) fn answers(
        &self,
        code: &str,
        answer: impl Fn(&Invocation) -> Result<Value, String> + Send + Sync + 'static,
    ) -> Arc<AtomicUsize> {
        self.answers_after(code, Duration::ZERO, answer)
    }

    pub(crate) fn answers_after(
        &self,
        code: &str,
        delay: Duration,
        answer: impl Fn(&Invocation) -> Result<Value, String> + Send + Sync + 'static,
    ) -> Arc<AtomicUsize> {
        let calls = Arc::new(AtomicUsize::new(0));
        let entry = Closure { delay, code: Arc::new(answer), calls: calls.clone() };
        self.functions.0.lock().unwrap().insert(code.to_owned(), entry);
        calls
    }

    pub(crate) async fn invoke(&self, name: &str, payload: Value) -> Result<Value, AwsError> {
        let input = json!({ "FunctionName": name, "$body": blob(&payload) });
        self.admin("lambda", "Invoke", input).await
    }

    /// Makes a queue and answers its ARN.
    pub(crate) async fn queue(&self, name: &str, attributes: Value) -> String {
        let input = json!({ "QueueName": name, "Attributes": attributes });
        self.admin("sqs", "CreateQueue", input).await.unwrap();
        format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
    }

    pub(crate) async fn receive(&self, queue: &str) -> Vec<Value> {
        let input = json!({ "QueueUrl": queue, "MaxNumberOfMessages": 10 });
        let answer = self.admin("sqs", "ReceiveMessage", input).await.unwrap();
        answer["Messages"].as_array().cloned().unwrap_or_default()
    }

    pub(crate) async fn machine(&self, name: &str, role: &str, definition: &Value) -> String {
        let input = json!({
            "name": name, "roleArn": self.role_arn(role), "definition": definition.to_string(),
        });
        let made = self.admin("states", "CreateStateMachine", input).await.unwrap();
        made["stateMachineArn"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn start(
        &self,
        machine: &str,
        name: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let call = json!({ "stateMachineArn": machine, "name": name, "input": input.to_string() });
        self.admin("states", "StartExecution", call).await
    }

    /// Starts an execution, waits for its end and describes it.
    pub(crate) async fn execute(&self, machine: &str, name: &str, input: Value) -> Value {
        let started = self.start(machine, name, input).await.unwrap();
        self.ended(started["executionArn"].as_str().unwrap()).await
    }

    pub(crate) async fn ended(&self, execution: &str) -> Value {
        loop {
            let described = self.describe(execution).await;
            if described["status"] != "RUNNING" {
                return described;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    pub(crate) async fn describe(&self, execution: &str) -> Value {
        let input = json!({ "executionArn": execution });
        self.admin("states", "DescribeExecution", input).await.unwrap()
    }
}

pub(crate) fn blob(payload: &Value) -> Value {
    json!(BASE64_STANDARD.encode(payload.to_string()))
}

/// The JSON in an answer's body.
pub(crate) fn body(answer: &Value) -> Value {
    let bytes = BASE64_STANDARD.decode(answer["$body"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

pub(crate) fn error_code(result: Result<Value, AwsError>) -> String {
    result.unwrap_err().code
}
