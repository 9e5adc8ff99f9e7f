//! `landlord simulate operation`: the flags, and what is printed.
//!
//! The exit status says whether there was a simulation, not how the operation came out: an
//! operation that would fail is an answer, too.

mod page;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, ValueEnum, error::ErrorKind};
use local_aws::cloudformation::scheduler::{
    ConcurrencyMode, FailureTolerance, MaxConcurrent, Options, ParallelExcess, Preferences,
    RegionConcurrency,
};
use serde::Serialize;
use simulation::operation::{Failures, Fleet, Minutes, Rate, Report, compare, simulate};

use page::{comparison, page};

/// Preferences of a StackSet operation. The defaults are AWS's.
#[derive(Debug, Clone, Args)]
struct PreferenceArgs {
    /// Accounts of a Region in flight at once: a number, or a percentage (rounded down, at least 1)
    #[arg(long, value_name = "X|X%", allow_hyphen_values = true, default_value = "1")]
    max_concurrent: MaxConcurrent,
    /// Accounts of a Region that may fail: a number, or a percentage (rounded down)
    #[arg(long, value_name = "X|X%", allow_hyphen_values = true, default_value = "0")]
    failure_tolerance: FailureTolerance,
    /// strict: concurrency shrinks with the failures that are left; soft: it stays
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
    /// One Region after the other, in the order of --regions, or all at once
    #[arg(long, value_enum, default_value_t)]
    region_concurrency: Regions,
}

impl PreferenceArgs {
    fn preferences(&self) -> Preferences {
        Preferences {
            failure_tolerance: self.failure_tolerance,
            max_concurrent: self.max_concurrent,
            mode: match self.mode {
                Mode::Strict => ConcurrencyMode::Strict,
                Mode::Soft => ConcurrencyMode::Soft,
            },
            region_concurrency: match self.region_concurrency {
                Regions::Sequential => RegionConcurrency::Sequential,
                Regions::Parallel => RegionConcurrency::Parallel,
            },
            region_order: Vec::new(),
        }
    }
}

/// The flags of `landlord simulate operation`.
#[derive(Debug, Args)]
pub struct Operation {
    /// Accounts in the operation; each has an instance in every Region
    #[arg(long, value_parser = whole::<usize>, value_name = "N", allow_hyphen_values = true, default_value_t = 100)]
    accounts: usize,
    /// Regions, in the order of the request
    #[arg(long, value_name = "R,…", value_delimiter = ',', default_value = "us-east-1")]
    regions: Vec<String>,
    #[command(flatten)]
    preferences: PreferenceArgs,
    /// Share of instances whose stack fails: 0.05 or 5%
    #[arg(long, value_name = "P", allow_hyphen_values = true, default_value = "0")]
    failure_rate: Rate,
    /// Share of instances that their account's gate refuses: 0.05 or 5%
    #[arg(long, value_name = "P", allow_hyphen_values = true, default_value = "0")]
    veto_rate: Rate,
    /// Instead of the rates: of the instances of a Region that start at the same moment, the
    /// first K fail
    #[arg(long, value_parser = whole::<usize>, value_name = "K", allow_hyphen_values = true)]
    fail_every_batch: Option<usize>,
    /// Minutes that an instance takes, however it ends
    #[arg(long, value_name = "M", allow_hyphen_values = true, default_value = "3")]
    minutes: Minutes,
    /// Minutes that an instance takes when its gate refuses [default: that of --minutes]
    #[arg(long, value_name = "M", allow_hyphen_values = true)]
    veto_minutes: Option<Minutes>,
    /// How far durations stray to each side, as a share: 0.2 or 20%
    #[arg(long, value_name = "P", allow_hyphen_values = true, default_value = "0")]
    jitter: Rate,
    /// Same seed, same fleet
    #[arg(long, value_parser = whole::<u64>, value_name = "S", allow_hyphen_values = true, default_value_t = 1)]
    seed: u64,
    /// With parallel Regions: what an excess in one does to the others (AWS does not say)
    #[arg(long, value_enum, default_value_t)]
    parallel_excess: Excess,
    /// Instances in flight in a Region at most, whatever the preferences: AWS's quota
    #[arg(long, value_parser = whole::<usize>, value_name = "N", allow_hyphen_values = true, default_value_t = Options::INSTANCES_IN_FLIGHT_PER_REGION)]
    in_flight_quota: usize,
    /// Print one JSON document and nothing else
    #[arg(long)]
    json: bool,
    /// Put other preferences beside those above, on the same fleet. A SPEC changes some of them:
    /// name=fast,max-concurrent=10%,failure-tolerance=5,mode=soft,region-concurrency=parallel.
    /// Without a SPEC: both modes, with Regions in sequence and in parallel
    #[arg(long, value_name = "SPEC", num_args = 0..)]
    compare: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Mode {
    #[default]
    Strict,
    Soft,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Regions {
    #[default]
    Sequential,
    Parallel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Excess {
    /// They have begun and go on to their own end
    #[default]
    OthersGoOn,
    /// Nothing more starts in any Region
    AllStop,
}

/// One of the compared, as JSON has it.
#[derive(Debug, Serialize)]
struct Candidate<'a> {
    name: &'a str,
    #[serde(flatten)]
    report: &'a Report,
}

impl Operation {
    /// Simulates, and prints plot and tables, or JSON.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self.answer() {
            Ok(text) => match io::stdout().write_all(text.as_bytes()) {
                Ok(()) => ExitCode::SUCCESS,
                // A reader that has seen enough (`| head`) is no fault.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("error: cannot write the answer: {error}");
                    ExitCode::FAILURE
                }
            },
            Err(fault) => {
                eprintln!("error: {fault}\n\nFor more information, try '--help'.");
                ExitCode::from(2)
            }
        }
    }

    fn answer(&self) -> Result<String, String> {
        let fleet = self.fleet()?;
        let options = self.options()?;
        match &self.compare {
            None => {
                let preferences = self.preferences.preferences();
                let report = simulate(&fleet, &preferences, options).map_err(flag)?;
                if self.json { json(&report) } else { Ok(page(&fleet, &preferences, &report)) }
            }
            Some(specs) => {
                let candidates = self.candidates(specs)?;
                let reports = compare(&fleet, candidates.clone(), options).map_err(flag)?;
                if self.json {
                    let list: Vec<_> =
                        reports.iter().map(|(name, report)| Candidate { name, report }).collect();
                    json(&list)
                } else {
                    Ok(comparison(&fleet, &candidates, &reports))
                }
            }
        }
    }

    fn fleet(&self) -> Result<Fleet, String> {
        let failures = match self.fail_every_batch {
            None => Failures::ByChance { failures: self.failure_rate, vetoes: self.veto_rate },
            Some(first) => {
                let rates =
                    [("--failure-rate", self.failure_rate), ("--veto-rate", self.veto_rate)];
                if let Some((name, rate)) = rates.iter().find(|(_, rate)| rate.get() > 0.0) {
                    return Err(format!(
                        "--fail-every-batch is {first} and {name} is {}: give one of the two",
                        rate.get()
                    ));
                }
                Failures::FirstOfEveryBatch(first)
            }
        };
        let fleet = Fleet {
            accounts: self.accounts,
            regions: self.regions.iter().map(|region| region.trim().to_owned()).collect(),
            failures,
            minutes: self.minutes,
            veto_minutes: self.veto_minutes.unwrap_or(self.minutes),
            jitter: self.jitter,
            seed: self.seed,
        };
        fleet.check().map_err(flag)?;
        Ok(fleet)
    }

    fn options(&self) -> Result<Options, String> {
        if self.in_flight_quota == 0 {
            return Err("--in-flight-quota is 0: must be 1 or more".to_owned());
        }
        Ok(Options {
            parallel_excess: match self.parallel_excess {
                Excess::OthersGoOn => ParallelExcess::OthersGoOn,
                Excess::AllStop => ParallelExcess::AllStop,
            },
            instances_in_flight_per_region: self.in_flight_quota,
        })
    }

    /// The preferences of the flags, and those that each SPEC makes of them.
    fn candidates(&self, specs: &[String]) -> Result<Vec<(String, Preferences)>, String> {
        if specs.is_empty() {
            return Ok(self.modes_and_regions());
        }
        let mut candidates = vec![("as given".to_owned(), self.preferences.preferences())];
        for spec in specs {
            let (name, preferences) = read_spec(&self.preferences, spec)
                .map_err(|fault| format!("--compare {spec:?}: {fault}"))?;
            if candidates.iter().any(|(other, _)| *other == name) {
                return Err(format!("--compare {spec:?}: name {name:?} is taken: must be unique"));
            }
            candidates.push((name, preferences));
        }
        Ok(candidates)
    }

    fn modes_and_regions(&self) -> Vec<(String, Preferences)> {
        let mut candidates = Vec::new();
        for region_concurrency in [Regions::Sequential, Regions::Parallel] {
            for mode in [Mode::Strict, Mode::Soft] {
                let args = PreferenceArgs { mode, region_concurrency, ..self.preferences.clone() };
                let name = format!("{} {}", word(mode), word(region_concurrency));
                candidates.push((name, args.preferences()));
            }
        }
        candidates
    }
}

/// Names the flag: library messages say `accounts`, the user said `--accounts`.
fn flag(error: impl std::fmt::Display) -> String {
    format!("--{error}")
}

fn word(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The keys of a SPEC are the flags themselves, so clap reads and refuses their values.
fn read_spec(base: &PreferenceArgs, spec: &str) -> Result<(String, Preferences), String> {
    #[derive(Debug, clap::Parser)]
    #[command(no_binary_name = true, disable_help_flag = true)]
    struct Spec {
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        preferences: PreferenceArgs,
    }
    let mut words: Vec<String> = [
        ("max-concurrent", base.max_concurrent.to_string()),
        ("failure-tolerance", base.failure_tolerance.to_string()),
        ("mode", word(base.mode)),
        ("region-concurrency", word(base.region_concurrency)),
    ]
    .map(|(key, value)| format!("--{key}={value}"))
    .into();
    for part in spec.split(',').map(str::trim) {
        if !part.contains('=') {
            return Err(format!("{part:?} is no key=value"));
        }
        words.push(format!("--{part}"));
    }
    let read = Spec::command()
        .args_override_self(true)
        .try_get_matches_from(words)
        .and_then(|matches| Spec::from_arg_matches(&matches))
        .map_err(|error| match error.kind() {
            ErrorKind::UnknownArgument => {
                "keys are name, max-concurrent, failure-tolerance, mode, region-concurrency"
                    .to_owned()
            }
            _ => fault(&error.to_string()),
        })?;
    Ok((read.name.unwrap_or_else(|| spec.to_owned()), read.preferences.preferences()))
}

/// What clap says about a value: its message and the values that would do, without the usage.
fn fault(message: &str) -> String {
    let text = message.split("\n\n").next().unwrap_or_default();
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").trim_start_matches("error: ").to_owned()
}

/// Reads a whole number; clap's own message does not name the rule.
fn whole<T: std::str::FromStr>(text: &str) -> Result<T, &'static str> {
    text.parse().map_err(|_| "must be a whole number, 0 or more")
}

fn json(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(value).map(|text| text + "\n").map_err(|error| error.to_string())
}
