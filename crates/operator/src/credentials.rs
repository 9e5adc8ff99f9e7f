//! Credentials by the AWS CLI, for every way of logging in that is more than keys in a file.

use std::process::Command;
use std::time::SystemTime;

use jiff::Timestamp;
use lambda_kit::sdk::Credentials;
use serde::Deserialize;

use crate::failure::{Exit, Failure};

/// What answers with credentials for a profile, in the form of a `credential_process`.
pub type Export = fn(Option<&str>) -> Result<String, Failure>;

/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Exported {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<Timestamp>,
}

/// Runs `aws configure export-credentials`.
///
/// # Errors
/// When there is no AWS CLI, or it has no credentials.
pub(crate) fn by_the_aws_cli(profile: Option<&str>) -> Result<String, Failure> {
    let mut command = Command::new("aws");
    command.args(["configure", "export-credentials", "--format", "process"]);
    if let Some(profile) = profile {
        command.args(["--profile", profile]);
    }
    let tried = "log in by `aws configure export-credentials`";
    let output = command.output().map_err(|error| {
        let said = format!("the AWS CLI cannot be run: {error}");
        let advice = "install the AWS CLI 2, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
        Failure::new(tried, said, advice).exits(Exit::Usage)
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = format!("the AWS CLI said: {}", said.trim());
    let advice = match profile {
        Some(profile) => format!("log in: `aws login` or `aws sso login --profile {profile}`"),
        None => "log in with the AWS CLI, or name a --profile".to_owned(),
    };
    Err(Failure::new(tried, said, advice).exits(Exit::Usage))
}

/// Reads what was exported.
///
/// # Errors
/// When it is something else.
pub(crate) fn read(text: &str) -> Result<Credentials, Failure> {
    let exported: Exported = serde_json::from_str(text).map_err(|error| {
        let said = format!("it is no credentials: {error}");
        Failure::new(
            "understand what the AWS CLI exported",
            said,
            "update the AWS CLI to 2.9 or later",
        )
        .exits(Exit::Usage)
    })?;
    let Exported { access_key_id, secret_access_key, session_token, expiration } = exported;
    let expiry = expiration.map(SystemTime::from);
    Ok(Credentials::new(access_key_id, secret_access_key, session_token, expiry, "aws-cli"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_aws_cli_exports_is_read_with_its_end() {
        let text = r#"{"Version":1,"AccessKeyId":"ASIA","SecretAccessKey":"s","SessionToken":"t",
            "Expiration":"2026-11-21T10:00:00+00:00"}"#;
        let credentials = read(text).unwrap();
        assert_eq!(credentials.session_token(), Some("t"));
        let end: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        assert_eq!(credentials.expiry(), Some(SystemTime::from(end)));
        // The secret is not repeated.
        let failure = read(r#"{"SecretAccessKey":"tell-nobody"}"#).unwrap_err();
        assert!(!failure.to_string().contains("tell-nobody"), "{failure}");
    }
}
