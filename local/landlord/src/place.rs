//! Landlord on this machine in real time: the local AWS as an HTTP endpoint, the function
//! binaries as processes, the stack deployed from the repository.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use local_aws::{Aws, Durations, Settings};
use local_lambda::{Functions, Host, LogSink, build_functions, functions_in};
use simulation::deployment::{Deployment, deploy};
use tokio::net::TcpListener;

use crate::processes::{FUNCTIONS, Processes};

/// How long a taken email is waited for before the organization is searched, unscaled. Landlord
/// on AWS waits 15 minutes, for its lists lag; here they lag by seconds.
const EMAIL_GRACE: Duration = Duration::from_secs(120);

/// Where Landlord runs, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// How much faster than on AWS waits go: 20 makes a minute three seconds. Time-outs of
    /// functions and tasks stay as they are
    #[arg(long, value_name = "FACTOR", default_value_t = 20.0, value_parser = pace)]
    pub(crate) pace: f64,
    /// Take the function binaries from this folder (DIR/NAME or DIR/NAME/bootstrap) instead of
    /// building them
    #[arg(long, value_name = "DIR")]
    pub(crate) functions: Option<PathBuf>,
    /// The repository, with template.yaml; without it, the nearest one above this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) workspace: Option<PathBuf>,
    /// Seed of every choice that the local AWS makes
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Deploy with this value of a parameter of template.yaml; may be given several times
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// Show what the functions log, on standard error
    #[arg(long)]
    pub(crate) logs: bool,
    /// Take resource types that AWS has and the local AWS does not model: such a resource has an id and
    /// attributes, and nothing behind them; the stack's events name it
    #[arg(long)]
    pub(crate) inert_resources: bool,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be NAME=VALUE".to_owned()),
    }
}

fn pace(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if (0.1..=1000.0).contains(&factor) => Ok(factor),
        _ => Err("must be a number from 0.1 to 1000".to_owned()),
    }
}

/// Landlord, running.
pub(crate) struct Place {
    /// The stack and its console.
    pub(crate) deployment: Deployment,
    /// The function processes.
    pub(crate) host: Host,
    /// Where AWS answers.
    pub(crate) address: SocketAddr,
    /// The repository.
    pub(crate) root: PathBuf,
}

/// Why Landlord does not run here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No repository was found.
    #[error(
        "no template.yaml in {0} or above it: run landlord in the repository, or say --workspace DIR"
    )]
    NoWorkspace(PathBuf),
    /// The functions could not be built.
    #[error("the functions could not be built")]
    Build(#[from] local_lambda::BuildError),
    /// The folder of `--functions` lacks some.
    #[error("--functions")]
    Functions(#[from] local_lambda::MissingFunctions),
    /// The endpoint could not be opened.
    #[error("port {port} of 127.0.0.1 cannot be opened")]
    Port {
        /// The port.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// The stack could not be deployed.
    #[error("Landlord could not be deployed")]
    Deploy(#[from] simulation::deployment::Error),
    /// The build was interrupted.
    #[error("the build of the functions was interrupted")]
    Interrupted,
}

/// Starts everything: builds or finds the functions, opens the endpoint, deploys the stack.
///
/// # Errors
/// What is missing, by name.
pub(crate) async fn start(options: &Options, port: u16) -> Result<Place, Error> {
    start_with(options, port, BTreeMap::new()).await
}

/// The same, with parameters of the stack.
///
/// # Errors
/// What is missing, by name.
pub(crate) async fn start_with(
    options: &Options,
    port: u16,
    parameters: BTreeMap<String, String>,
) -> Result<Place, Error> {
    let root = workspace(options.workspace.as_deref())?;
    let binaries = binaries(options, root.clone()).await?;
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|source| Error::Port { port, source })?;
    let address = listener.local_addr().map_err(|source| Error::Port { port, source })?;
    let aws = Aws::new(settings(options, address));
    let host = Host::new(local_lambda::Settings::default());
    let (world, shows) = (aws.clone(), options.logs);
    let log = LogSink::from_fn(move |line| {
        let Settings { management_account, home_region, .. } = world.settings();
        world.log_line((management_account, home_region), &line.text);
        if shows {
            eprintln!("{}: {}", line.function, line.text);
        }
    });
    let processes = Processes::new(host.clone(), binaries, EMAIL_GRACE, options.pace, log);
    aws.set_functions(Arc::new(processes));
    let served = aws.clone();
    tokio::spawn(async move {
        let Err(error) = local_aws::serve(served, listener).await;
        eprintln!("the endpoint failed: {error}");
    });
    let mut parameters = parameters;
    parameters.extend(options.parameters.iter().cloned());
    let deployment = deploy(&aws, &root, parameters).await?;
    Ok(Place { deployment, host, address, root })
}

fn settings(options: &Options, address: SocketAddr) -> Settings {
    Settings {
        seed: options.seed,
        pace: options.pace,
        alarms: true,
        endpoint_url: Some(format!("http://{address}")),
        inert_resources: options.inert_resources,
        durations: Durations {
            account_creation: Duration::from_secs(20),
            role_ready: Duration::from_secs(15),
            services_ready: Duration::from_secs(30),
            stack_instance: Duration::from_secs(40),
            tag_lag: Duration::from_secs(20),
            quota_decision: Duration::from_secs(60),
            account_closing: Duration::from_secs(240),
            ..Durations::default()
        },
        ..Settings::default()
    }
}

/// The repository: given, or the nearest folder upwards that has a template.yaml.
pub(crate) fn workspace(given: Option<&Path>) -> Result<PathBuf, Error> {
    let start = match given {
        Some(given) => given.to_owned(),
        None => std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
    };
    let found = start.ancestors().find(|folder| folder.join("template.yaml").is_file());
    match (found, given) {
        (Some(found), None) => Ok(found.to_owned()),
        (Some(found), Some(given)) if found == given => Ok(found.to_owned()),
        _ => Err(Error::NoWorkspace(start)),
    }
}

async fn binaries(options: &Options, root: PathBuf) -> Result<Functions, Error> {
    if let Some(folder) = &options.functions {
        return Ok(functions_in(folder, FUNCTIONS)?);
    }
    eprintln!("building the functions …");
    let build = move || build_functions(&root, "dev", FUNCTIONS, &["landlord"], true);
    Ok(tokio::task::spawn_blocking(build).await.map_err(|_| Error::Interrupted)??)
}
