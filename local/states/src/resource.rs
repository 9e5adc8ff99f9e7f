//! The resources that a Task state may name, and how the history calls them.

use std::fmt;

/// How a service integration answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// With the service's answer to the request.
    RequestResponse,
    /// When what the request started has ended; its output is JSON text.
    Sync,
    /// When what the request started has ended; its output is JSON.
    Sync2,
    /// When somebody completes the task token.
    WaitForTaskToken,
}

/// A parsed resource such as `arn:aws:states:::lambda:invoke.waitForTaskToken`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The whole ARN, as written.
    pub arn: String,
    /// The integration: `lambda`, `states`, `ecs` and so on, or `aws-sdk:<service>`.
    /// The history shows it as `resourceType`.
    pub service: String,
    /// The action, without the pattern: `invoke`, `startExecution`, `createAccount`.
    pub action: String,
    /// How the integration answers.
    pub pattern: Pattern,
}

/// What a service answers with: at once only, or also when a job ended or a token is completed.
const AT_ONCE: &[Pattern] = &[Pattern::RequestResponse];
const TOKEN: &[Pattern] = &[Pattern::RequestResponse, Pattern::WaitForTaskToken];
const JOB: &[Pattern] = &[Pattern::RequestResponse, Pattern::Sync];
const JOB_OR_TOKEN: &[Pattern] =
    &[Pattern::RequestResponse, Pattern::Sync, Pattern::WaitForTaskToken];
const ALL: &[Pattern] =
    &[Pattern::RequestResponse, Pattern::Sync, Pattern::Sync2, Pattern::WaitForTaskToken];

/// The optimised integrations, each with its actions and their patterns.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html>
const OPTIMISED: [(&str, &[&str], &[Pattern]); 24] = [
    ("apigateway", &["invoke"], TOKEN),
    ("athena", &["startQueryExecution"], JOB),
    ("athena", &["stopQueryExecution", "getQueryExecution", "getQueryResults"], AT_ONCE),
    ("batch", &["submitJob"], JOB),
    ("bedrock", &["invokeModel"], AT_ONCE),
    ("bedrock", &["createModelCustomizationJob"], JOB),
    ("codebuild", &["startBuild", "startBuildBatch", "retryBuildBatch"], JOB),
    (
        "codebuild",
        &[
            "stopBuild",
            "stopBuildBatch",
            "deleteBuildBatch",
            "batchDeleteBuilds",
            "batchGetReports",
        ],
        AT_ONCE,
    ),
    ("databrew", &["startJobRun"], JOB),
    ("dynamodb", &["getItem", "putItem", "updateItem", "deleteItem"], AT_ONCE),
    ("ecs", &["runTask"], JOB_OR_TOKEN),
    ("eks", &["call"], AT_ONCE),
    ("eks", &["runJob", "createCluster", "deleteCluster", "createNodegroup"], JOB_OR_TOKEN),
    ("elasticmapreduce", &["createCluster", "addStep", "terminateCluster"], JOB),
    ("emr-serverless", &["startJobRun", "startApplication", "createApplication"], JOB),
    ("events", &["putEvents"], TOKEN),
    ("glue", &["startJobRun"], JOB),
    ("http", &["invoke"], AT_ONCE),
    ("lambda", &["invoke"], TOKEN),
    ("mediaconvert", &["createJob"], JOB),
    (
        "sagemaker",
        &[
            "createTrainingJob",
            "createTransformJob",
            "createProcessingJob",
            "createLabelingJob",
            "createHyperParameterTuningJob",
        ],
        JOB,
    ),
    ("sns", &["publish"], TOKEN),
    ("sqs", &["sendMessage"], TOKEN),
    ("states", &["startExecution"], ALL),
];

const SUFFIXES: [(&str, Pattern); 3] = [
    (".waitForTaskToken", Pattern::WaitForTaskToken),
    (".sync:2", Pattern::Sync2),
    (".sync", Pattern::Sync),
];

impl Resource {
    /// Parses a resource.
    ///
    /// # Errors
    ///
    /// Says what is wrong when the ARN is no service integration that this engine runs.
    pub fn parse(arn: &str) -> Result<Self, String> {
        if is_function(arn) {
            return Ok(Self {
                arn: arn.to_owned(),
                service: "lambda".to_owned(),
                action: "invoke".to_owned(),
                pattern: Pattern::RequestResponse,
            });
        }
        let known = "known are the ARNs of Lambda functions, the optimized integrations and \
                     aws-sdk:<service>:<action>";
        let rest = arn
            .strip_prefix("arn:")
            .and_then(|rest| rest.split_once(":states:::"))
            .filter(|(partition, _)| partition.starts_with("aws"))
            .map(|(_, rest)| rest)
            .ok_or_else(|| {
                format!("the resource {arn:?} is not arn:<partition>:states:::<service>:<action>; {known}")
            })?;
        let (name, pattern) = SUFFIXES
            .iter()
            .find_map(|(suffix, pattern)| Some((rest.strip_suffix(suffix)?, *pattern)))
            .unwrap_or((rest, Pattern::RequestResponse));
        let resource = |service: &str, action: &str| Self {
            arn: arn.to_owned(),
            service: service.to_owned(),
            action: action.to_owned(),
            pattern,
        };
        if let Some(call) = name.strip_prefix("aws-sdk:") {
            return match call.split_once(':') {
                Some((service, action)) if is_lower(service) && is_camel(action) => {
                    if matches!(pattern, Pattern::Sync | Pattern::Sync2) {
                        return Err(format!(
                            "the resource {arn:?} cannot be .sync: aws-sdk integrations answer at once or by task token"
                        ));
                    }
                    Ok(resource(&format!("aws-sdk:{service}"), action))
                }
                _ => Err(format!(
                    "the resource {arn:?} is not aws-sdk:<service in lower case>:<action in camelCase>"
                )),
            };
        }
        let own = name.split_once(':').unwrap_or_default();
        let found = OPTIMISED
            .iter()
            .find(|(service, actions, _)| *service == own.0 && actions.contains(&own.1));
        match found {
            Some((.., patterns)) if patterns.contains(&pattern) => Ok(resource(own.0, own.1)),
            Some(_) => Err(format!("the resource {arn:?} does not exist with this suffix")),
            None => Err(format!("the resource {arn:?} is not supported; {known}")),
        }
    }

    /// Whether it is a Lambda function that is named by its ARN: the state's arguments are its
    /// payload, and its answer is the state's result.
    pub fn is_function(&self) -> bool {
        is_function(&self.arn)
    }

    /// The action with its pattern, as the history shows it: `startExecution.sync:2`; of a
    /// function, its ARN.
    pub fn action_with_pattern(&self) -> String {
        if self.is_function() {
            return self.arn.clone();
        }
        let suffix = SUFFIXES.iter().find(|(_, pattern)| *pattern == self.pattern);
        format!("{}{}", self.action, suffix.map_or("", |(suffix, _)| suffix))
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

fn is_function(arn: &str) -> bool {
    let mut parts = arn.split(':').skip(2);
    arn.starts_with("arn:aws")
        && parts.next() == Some("lambda")
        && parts.nth(2) == Some("function")
        && parts.next().is_some_and(|name| !name.is_empty())
}

fn is_lower(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
}

fn is_camel(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_split_into_service_action_and_pattern() {
        let resource = Resource::parse("arn:aws:states:::states:startExecution.sync:2").unwrap();
        assert_eq!(resource.service, "states");
        assert_eq!(resource.pattern, Pattern::Sync2);
        assert_eq!(resource.action_with_pattern(), "startExecution.sync:2");
        let resource =
            Resource::parse("arn:aws-cn:states:::aws-sdk:organizations:createAccount").unwrap();
        assert_eq!(
            (resource.service.as_str(), resource.action.as_str()),
            ("aws-sdk:organizations", "createAccount")
        );
    }

    #[test]
    fn a_resource_that_is_not_run_here_is_refused_by_name() {
        for arn in [
            "arn:aws:lambda:eu-west-1:111111111111:layer:f",
            "arn:aws:states:eu-west-1:111111111111:activity:a",
            "arn:aws:states:::lambda:invoke.sync",
            "arn:aws:states:::dynamodb:scan",
            "arn:aws:states:::aws-sdk:Organizations:createAccount",
            "arn:aws:states:::aws-sdk:organizations:createAccount.sync",
            "",
        ] {
            assert!(Resource::parse(arn).unwrap_err().contains(&format!("{arn:?}")));
        }
    }
}
