//! The environment that a function's process starts with.
//!
//! Names: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::spec::FunctionSpec;

/// The complete environment: Lambda's defaults, the function's own variables, and on top the
/// names that Lambda reserves. Nothing is inherited from the host.
pub(crate) fn of(
    spec: &FunctionSpec,
    runtime_api: SocketAddr,
    stream: &str,
) -> Vec<(String, String)> {
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    let mut set = |name: &str, value: String| {
        variables.insert(name.to_owned(), value);
    };
    set("LANG", "en_US.UTF-8".to_owned());
    set("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin".to_owned());
    set("TZ", ":UTC".to_owned());
    for (name, value) in &spec.environment {
        set(name, value.clone());
    }
    set("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".to_owned());
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", spec.memory_mb.to_string());
    set("AWS_LAMBDA_FUNCTION_NAME", spec.name.clone());
    set("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned());
    set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned());
    set("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", spec.name));
    set("AWS_LAMBDA_LOG_STREAM_NAME", stream.to_owned());
    set("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string());
    set("AWS_REGION", spec.region().to_owned());
    set("AWS_DEFAULT_REGION", spec.region().to_owned());
    let root = spec.binary.parent().map(|path| path.display().to_string()).unwrap_or_default();
    set("LAMBDA_TASK_ROOT", root);
    set("_HANDLER", "bootstrap".to_owned());
    variables.into_iter().collect()
}
