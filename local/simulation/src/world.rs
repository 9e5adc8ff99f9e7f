//! A whole world in virtual time: the local AWS, Landlord deployed in it from the repository,
//! its functions as libraries.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use local_aws::{Aws, Durations, Settings};
use serde_json::{Value, json};

use crate::deployment::{Announcement, Deployment, Error, Listener, deploy};
use crate::library::Library;

static WORLDS: AtomicU64 = AtomicU64::new(0);

/// When virtual worlds begin, unless their settings say otherwise: 2026-01-05T08:00:00Z.
pub const BEGINNING: Timestamp = Timestamp::constant(1_767_600_000, 0);

/// The settings of a world in virtual time: calls and functions take time, as they do on AWS, so
/// that what runs beside each other meets in the middle.
pub fn settings(seed: u64) -> Settings {
    let durations = Durations {
        call: Duration::from_millis(60),
        invocation: Duration::from_millis(25),
        ..Durations::default()
    };
    Settings { seed, durations, ..Settings::default() }
}

/// A world with Landlord in it.
#[derive(Debug)]
pub struct World {
    /// The stack and its console.
    pub deployment: Deployment,
    /// The functions, and the hook that makes them fail.
    pub library: Library,
    listener: Listener,
    heard: Vec<Announcement>,
    _end: End,
}

/// Ends the world when it is let go.
#[derive(Debug)]
struct End(Aws);

impl Drop for End {
    fn drop(&mut self) {
        self.0.shut_down();
    }
}

/// Tiers whose tenants wait for quotas, as the shipped ones do not: what waiting does is what
/// worlds are for.
pub(crate) const TIERS: &str = include_str!("../tiers.json");

impl World {
    /// Founds a world and deploys Landlord from the repository into it. Call it on a runtime
    /// whose clock is paused.
    ///
    /// # Errors
    /// A repository that is not there, or a template that cannot be deployed.
    pub async fn found(
        settings: Settings,
        parameters: BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let start = settings.start.or(Some(BEGINNING));
        // Budgets of retries outlive a world: the same seed twice starts with a full one.
        let partition = format!("world-{}", WORLDS.fetch_add(1, Ordering::Relaxed));
        let aws = Aws::new(Settings { start, ..settings });
        let library = Library::new(&aws, partition);
        aws.set_functions(Arc::new(library.clone()));
        let mut parameters = parameters;
        // An audit a night is as many calls again as some worlds make: those that are about it say so.
        parameters.entry("Audits".to_owned()).or_insert_with(|| "false".to_owned());
        parameters.entry("Tiers".to_owned()).or_insert_with(|| TIERS.to_owned());
        let deployment = deploy(&aws, &repository(), parameters).await?;
        let listener = deployment.listen().await?;
        Ok(Self { deployment, library, listener, heard: Vec::new(), _end: End(aws) })
    }

    /// The local AWS.
    pub fn aws(&self) -> &Aws {
        self.deployment.aws()
    }

    /// How many messages lie in Landlord's queues of dead letters.
    ///
    /// # Errors
    /// When a queue cannot be read.
    pub async fn dead_letters(&self) -> Result<usize, Error> {
        let mut count = 0;
        for output in ["SignupsDeadLettersQueueUrl", "UndeliveredEventsQueueUrl"] {
            let url = self.deployment.output(output)?;
            let input = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
            let answer = self.deployment.ask("sqs", "GetQueueAttributes", input).await?;
            let waiting = answer.pointer("/Attributes/ApproximateNumberOfMessages");
            let waiting = waiting.and_then(Value::as_str).and_then(|text| text.parse().ok());
            count += waiting.unwrap_or(0);
        }
        Ok(count)
    }

    /// What was announced since the last time; lets time go by until there is some, twenty
    /// seconds at most. What is heard here is not heard again.
    ///
    /// # Errors
    /// When the announcements cannot be read.
    pub async fn hear(&mut self) -> Result<Vec<Announcement>, Error> {
        self.hear_within(20).await
    }

    /// The same, within so many seconds, 20 at most.
    ///
    /// # Errors
    /// When the announcements cannot be read.
    pub async fn hear_within(&mut self, seconds: u8) -> Result<Vec<Announcement>, Error> {
        let mut heard = std::mem::take(&mut self.heard);
        if heard.is_empty() {
            heard = self.listener.within(seconds).await?;
        }
        Ok(heard)
    }

    /// Lets time go by until an announcement is `wanted`, or `most` has passed; answers it.
    ///
    /// # Errors
    /// When the announcements cannot be read.
    pub async fn until(
        &mut self,
        most: Duration,
        wanted: impl Fn(&Announcement) -> bool,
    ) -> Result<Option<Announcement>, Error> {
        let end = self.aws().after(most);
        let mut looked = 0;
        loop {
            if let Some(found) = self.heard[looked..].iter().find(|heard| wanted(heard)) {
                return Ok(Some(found.clone()));
            }
            looked = self.heard.len();
            if self.aws().now() >= end {
                return Ok(None);
            }
            let heard = self.listener.next().await?;
            self.heard.extend(heard);
        }
    }

    /// What was announced and not read yet; waits a second at most.
    ///
    /// # Errors
    /// When the announcements cannot be read.
    pub async fn drain(&mut self) -> Result<Vec<Announcement>, Error> {
        let mut all = Vec::new();
        loop {
            let heard = self.listener.next().await?;
            if heard.is_empty() {
                self.heard.extend(all.iter().cloned());
                return Ok(all);
            }
            all.extend(heard);
        }
    }

    /// Forgets what was heard so far: long runs hear a lot.
    pub fn forget(&mut self) {
        self.heard.clear();
    }

    /// Lets time go by until `count` announcements have one of these names, or `most` has
    /// passed; answers them all.
    ///
    /// # Errors
    /// When the announcements cannot be read.
    pub async fn gather(
        &mut self,
        most: Duration,
        names: &[&str],
        count: usize,
    ) -> Result<Vec<Announcement>, Error> {
        let end = self.aws().after(most);
        loop {
            let found: Vec<Announcement> = self
                .heard
                .iter()
                .filter(|heard| names.contains(&heard.name.as_str()))
                .cloned()
                .collect();
            if found.len() >= count || self.aws().now() >= end {
                return Ok(found);
            }
            let heard = self.listener.next().await?;
            self.heard.extend(heard);
        }
    }
}

/// The repository that this crate was built in.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
