//! One process of a function: its start, one invocation at a time, its end.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use crate::environment;
use crate::logs::{Kept, LogLine, LogSink, Stream};
use crate::outcome::Outcome;
use crate::runtime_api::{Invocation, RuntimeApi};
use crate::spec::FunctionSpec;

/// The longest line that is kept whole.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// What is needed to end a process from outside and to see that it ended.
#[derive(Debug)]
pub(crate) struct Leash {
    pub(crate) function: String,
    /// The id by which the system knows the process.
    pub(crate) id: Option<u32>,
    kill: watch::Sender<bool>,
    exit: watch::Receiver<Option<String>>,
}

impl Leash {
    /// Kills the process. Its end shows in [`Leash::ended`] a moment later.
    pub(crate) fn kill(&self) {
        self.kill.send_replace(true);
    }

    /// True once the process has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.exit.borrow().is_some()
    }

    /// How the process ended, when it has: `exit status 1`, `signal: 9`, empty for status 0.
    pub(crate) async fn ended(&self) -> String {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(status) => status.clone().unwrap_or_default(),
            // The supervisor is gone with its runtime: so is the process.
            Err(_) => "signal: killed".to_owned(),
        }
    }
}

/// A process that waits for work or does it. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) spec: FunctionSpec,
    pub(crate) leash: Arc<Leash>,
    invocations: mpsc::Sender<Invocation>,
    init_error: watch::Receiver<Option<Outcome>>,
    api: AbortHandle,
    used: bool,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.leash.kill();
        self.api.abort();
    }
}

/// How long one invocation may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// From the moment the function has the invocation to its answer.
    pub(crate) timeout: Duration,
    /// From the start of a process to its first request for work.
    pub(crate) init: Duration,
    /// A fault: the process is killed this long after it received the invocation.
    pub(crate) kill_after: Option<Duration>,
}

/// How an attempt to invoke a process ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The invocation is over, and whether the process can be used again.
    Over { outcome: Outcome, reusable: bool },
    /// A warm process was gone before it heard of the invocation: another one may take it.
    NotTaken,
}

impl Process {
    /// Starts a process that will ask its own listener for work.
    pub(crate) async fn start(
        spec: &FunctionSpec,
        number: u64,
        kept: Arc<Kept>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let stream = format!("[$LATEST]{number:032x}");
        let mut command = Command::new(&spec.binary);
        command
            .env_clear()
            .envs(environment::of(spec, address, &stream))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let id = child.id();
        if let Some(output) = child.stdout.take() {
            tokio::spawn(collect(output, Stream::Stdout, spec.clone(), Arc::clone(&kept)));
        }
        if let Some(output) = child.stderr.take() {
            tokio::spawn(collect(output, Stream::Stderr, spec.clone(), kept));
        }
        let (kill, killed) = watch::channel(false);
        let (exited, exit) = watch::channel(None);
        tokio::spawn(supervise(child, killed, exited));
        let (invocations, waiting) = mpsc::channel(1);
        let (init_failed, init_error) = watch::channel(None);
        let api = tokio::spawn(RuntimeApi::new(waiting, init_failed).serve(listener));
        Ok(Self {
            spec: spec.clone(),
            leash: Arc::new(Leash { function: spec.name.clone(), id, kill, exit }),
            invocations,
            init_error,
            api: api.abort_handle(),
            used: false,
        })
    }

    /// Hands one invocation to the process and follows it to its end.
    pub(crate) async fn invoke(
        &mut self,
        request_id: &str,
        payload: Bytes,
        limits: Limits,
    ) -> Ended {
        let (taken, is_taken) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let invocation = Invocation {
            request_id: request_id.to_owned(),
            arn: self.spec.arn.clone(),
            payload,
            timeout: limits.timeout,
            taken,
            answer,
        };
        let warm = std::mem::replace(&mut self.used, true);
        if self.invocations.try_send(invocation).is_err() {
            return Ended::NotTaken;
        }
        if let Some(failed) = self.await_taken(is_taken, warm, request_id, limits.init).await {
            return failed;
        }
        let over = |outcome, reusable| Ended::Over { outcome, reusable };
        tokio::select! {
            biased;
            Ok(outcome) = answered => over(outcome, true),
            exit = self.end_after(limits.kill_after) => {
                over(Outcome::crashed(request_id, exit), false)
            }
            _ = self.end_after(Some(limits.timeout)) => {
                over(Outcome::timed_out(request_id, limits.timeout), false)
            }
            // Last: when the process was ended here, the arm above knows why.
            exit = self.leash.ended() => over(Outcome::crashed(request_id, exit), false),
        }
    }

    /// Kills the process after the given time, or never, and answers how it ended.
    async fn end_after(&self, time: Option<Duration>) -> String {
        match time {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
        self.leash.kill();
        self.leash.ended().await
    }

    /// Waits until the process has asked for the invocation; answers why it did not.
    async fn await_taken(
        &mut self,
        is_taken: oneshot::Receiver<()>,
        warm: bool,
        request_id: &str,
        init_timeout: Duration,
    ) -> Option<Ended> {
        let failed = tokio::select! {
            biased;
            Ok(()) = is_taken => return None,
            Ok(outcome) = wait_for_init_error(&mut self.init_error) => outcome,
            exit = self.leash.ended() => {
                let reported = self.init_error.borrow().clone();
                reported.unwrap_or_else(|| Outcome::init_exited(request_id, &exit))
            }
            () = tokio::time::sleep(init_timeout) => {
                Outcome::init_timed_out(request_id, init_timeout)
            }
        };
        self.leash.kill();
        Some(if warm { Ended::NotTaken } else { Ended::Over { outcome: failed, reusable: false } })
    }
}

async fn wait_for_init_error(
    errors: &mut watch::Receiver<Option<Outcome>>,
) -> Result<Outcome, watch::error::RecvError> {
    let error = errors.wait_for(Option::is_some).await?.clone();
    match error {
        Some(outcome) => Ok(outcome),
        None => std::future::pending().await,
    }
}

/// Owns the child: kills it when told to, or when nobody holds its leash any more.
async fn supervise(
    mut child: Child,
    killed: watch::Receiver<bool>,
    exited: watch::Sender<Option<String>>,
) {
    let status = tokio::select! {
        status = child.wait() => status,
        () = told_to_end(killed) => {
            let _ = child.start_kill();
            child.wait().await
        }
    };
    exited.send_replace(Some(match status {
        Ok(status) => describe(status),
        Err(error) => format!("unknown status: {error}"),
    }));
}

/// Waits until the process is to end, which is also when nobody is left who could say so.
async fn told_to_end(mut killed: watch::Receiver<bool>) {
    let _ = killed.wait_for(|killed| *killed).await;
}

#[cfg(unix)]
fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(0), _) => String::new(),
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(9)) => "signal: killed".to_owned(),
        (None, Some(6)) => "signal: aborted".to_owned(),
        (None, Some(11)) => "signal: segmentation fault".to_owned(),
        (None, Some(signal)) => format!("signal: {signal}"),
        (None, None) => status.to_string(),
    }
}

#[cfg(not(unix))]
fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(0) => String::new(),
        Some(code) => format!("exit status {code}"),
        None => status.to_string(),
    }
}

/// Reads what the process writes until it ends, so that it never blocks on a full pipe.
async fn collect(
    output: impl AsyncRead + Unpin,
    stream: Stream,
    spec: FunctionSpec,
    kept: Arc<Kept>,
) {
    let (sink, mut reader): (LogSink, _) = (spec.log, BufReader::new(output));
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match reader.read_until(b'\n', &mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        bytes.truncate(MAX_LINE_BYTES);
        let text = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
        let line = LogLine { function: spec.name.clone(), stream, text };
        sink.write(&line);
        kept.push(line);
    }
}
