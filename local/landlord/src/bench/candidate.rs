//! A function's process: one cold start of it, measured or asked.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use super::quota::Quota;
use super::runtime::Runtime;

/// Longer than any candidate takes, even with little of a processor.
const PATIENCE: Duration = Duration::from_secs(120);
/// Where the SDK reads partitions from instead of its own long list.
const PARTITIONS: &str = "SMITHY_CLIENT_SDK_CUSTOM_PARTITION";
/// Invocations after the first.
const WARM: usize = 10;

/// A function to measure.
pub(crate) struct Candidate {
    pub(super) name: String,
    program: PathBuf,
    arguments: Vec<String>,
    directory: Option<PathBuf>,
    partitions: Option<PathBuf>,
    settings: Vec<(String, String)>,
    endpoint: String,
    /// How many cold starts are worth their time.
    pub(super) runs: usize,
}

/// What one cold start took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// From the start of the process to its first request for work.
    pub(super) first_request: Duration,
    /// From the start of the process to its first answer.
    pub(super) first_answer: Duration,
    /// From request to answer, later.
    pub(super) warm: Duration,
    /// Resident memory after the last answer, in KiB.
    pub(super) resident_kib: u64,
}

impl Candidate {
    pub(crate) fn binary(name: &str, program: &Path, endpoint: &str, runs: usize) -> Self {
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            arguments: Vec::new(),
            directory: None,
            partitions: None,
            settings: Vec::new(),
            endpoint: endpoint.to_owned(),
            runs,
        }
    }

    pub(super) fn python(python: &Path, handler: &Path, endpoint: &str, runs: usize) -> Self {
        Self {
            name: "python".to_owned(),
            program: python.to_owned(),
            arguments: ["-m", "awslambdaric", "gate.handler"].map(str::to_owned).to_vec(),
            directory: Some(handler.to_owned()),
            partitions: None,
            settings: Vec::new(),
            endpoint: endpoint.to_owned(),
            runs,
        }
    }

    /// With the environment variable by which `stacksets/account-gate.yaml` names this file.
    pub(crate) fn with_partitions(mut self, file: &Path) -> Result<Self, String> {
        let absolute = file.canonicalize();
        self.partitions = Some(absolute.map_err(|error| format!("{}: {error}", file.display()))?);
        Ok(self)
    }

    /// With environment variables of its own.
    pub(crate) fn with_settings(mut self, settings: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.settings = settings.iter().map(owned).collect();
        self
    }

    /// Starts the candidate, asks it once, and ends it. What it answered, and how long after it was
    /// asked.
    pub(crate) async fn ask(&self, payload: Bytes) -> Result<(Bytes, Duration), String> {
        let mut runtime = Runtime::open(1, payload).await.map_err(|error| error.to_string())?;
        let (mut child, _) = self.spawn(None, &runtime.address()).await?;
        let times = tokio::select! {
            served = tokio::time::timeout(PATIENCE, runtime.served()) => {
                served.map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))?
            }
            ended = child.wait() => {
                let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                return Err(format!("the process ended without an answer: {how}"));
            }
        };
        let _ = child.kill().await;
        let (given, answered) = *times.answers.first().ok_or("it never answered")?;
        match times.last {
            Some((body, false)) => Ok((body, answered - given)),
            Some((body, true)) => Err(format!(
                "a function error instead of an answer: {}",
                String::from_utf8_lossy(&body)
            )),
            None => Err("it never answered".to_owned()),
        }
    }

    /// Starts the candidate, gives it work, and ends it.
    pub(super) async fn start(&self, quota: Option<&Quota>) -> Result<Sample, String> {
        let mut runtime = Runtime::open(1 + WARM, Bytes::from_static(b"{}"))
            .await
            .map_err(|error| error.to_string())?;
        let (mut child, started) = self.spawn(quota, &runtime.address()).await?;
        let times = tokio::time::timeout(PATIENCE, runtime.served())
            .await
            .map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))?;
        let resident_kib = resident_kib(child.id());
        let _ = child.kill().await;
        let first_request = times.first_request.ok_or("it never asked for work")?;
        let first = times.answers.first().ok_or("it never answered")?;
        let mut warm: Vec<Duration> =
            times.answers.iter().skip(1).map(|(given, answered)| *answered - *given).collect();
        warm.sort_unstable();
        Ok(Sample {
            first_request: first_request - started,
            first_answer: first.1 - started,
            warm: warm.get(warm.len() / 2).copied().unwrap_or_default(),
            resident_kib: resident_kib.ok_or("its memory can not be read from /proc")?,
        })
    }

    async fn spawn(
        &self,
        quota: Option<&Quota>,
        runtime: &str,
    ) -> Result<(Child, Instant), String> {
        let mut command = match quota {
            None => Command::new(&self.program),
            // A shell joins the group and waits for the word; what it becomes starts in the group.
            Some(quota) => {
                let mut command = Command::new("/bin/sh");
                let join = format!("echo $$ > {} && read go && exec \"$@\"", quota.processes());
                command.args(["-c", &join, "sh"]).arg(&self.program);
                command
            }
        };
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment(runtime))
            .envs(self.partitions.iter().map(|file| (PARTITIONS, file)))
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        let mut started = Instant::now();
        let program = self.program.display();
        let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
        if quota.is_some() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            started = Instant::now();
            if let Some(stdin) = &mut child.stdin {
                stdin.write_all(b"go\n").await.map_err(|error| error.to_string())?;
            }
        }
        Ok((child, started))
    }

    fn environment(&self, runtime: &str) -> Vec<(&'static str, String)> {
        let text = |value: &str| value.to_owned();
        vec![
            ("AWS_LAMBDA_RUNTIME_API", text(runtime)),
            ("AWS_LAMBDA_FUNCTION_NAME", text(lifecycle::gate::GATE_FUNCTION)),
            ("AWS_LAMBDA_FUNCTION_VERSION", text("$LATEST")),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", text("128")),
            ("AWS_LAMBDA_LOG_GROUP_NAME", text("/aws/lambda/gate")),
            ("AWS_LAMBDA_LOG_STREAM_NAME", text("bench")),
            ("AWS_REGION", text("eu-central-1")),
            ("AWS_DEFAULT_REGION", text("eu-central-1")),
            ("AWS_ACCESS_KEY_ID", text(local_aws::iam::ADMIN_ACCESS_KEY)),
            ("AWS_SECRET_ACCESS_KEY", text(local_aws::iam::ADMIN_SECRET)),
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("LAMBDA_TASK_ROOT", text(".")),
            ("PATH", text("/usr/bin:/bin")),
        ]
    }
}

/// `VmRSS` of the process.
fn resident_kib(id: Option<u32>) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", id?)).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
