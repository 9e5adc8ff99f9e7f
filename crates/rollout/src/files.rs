//! The files of a roll-out in S3, below `rollouts/<execution>/`: what does not fit into 256 KiB
//! of a state, and what an operator asks for.
//!
//! A file is a function of what was before it, so writing it twice does no harm.

use std::collections::BTreeSet;

use aws_sdk_s3::primitives::ByteStream;
use lambda_kit::client;
use lambda_kit::sdk::{Wire, code};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Stop};

/// What an operator asks for by an object below `control/`: that it is there is the command, its
/// text is the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Control {
    /// Wait after the present wave until the object is gone.
    Pause,
    /// Stop, and do what the plan says.
    Stop,
    /// Stop and leave, whatever the plan says.
    StopAndLeave,
}

impl Control {
    fn read(name: &str) -> Option<Self> {
        match name {
            "pause" => Some(Self::Pause),
            "stop" => Some(Self::Stop),
            "stop-leave" => Some(Self::StopAndLeave),
            _ => None,
        }
    }
}

/// What is asked for now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Controls(BTreeSet<Control>);

impl Controls {
    /// What is asked for, as it is.
    pub fn asked(pause: bool, stop: bool, stop_and_leave: bool) -> Self {
        let all = [
            (Control::Pause, pause),
            (Control::Stop, stop),
            (Control::StopAndLeave, stop_and_leave),
        ];
        Self(all.into_iter().filter(|(_, asked)| *asked).map(|(control, _)| control).collect())
    }

    /// Whether the roll-out is to stop.
    pub fn stop(&self) -> bool {
        self.0.contains(&Control::Stop) || self.0.contains(&Control::StopAndLeave)
    }

    /// Whether it is to leave things as they are, whatever the plan says.
    pub fn leave(&self) -> bool {
        self.0.contains(&Control::StopAndLeave)
    }

    /// Whether it is to wait after the wave.
    pub fn pause(&self) -> bool {
        self.0.contains(&Control::Pause)
    }
}

/// The folder of one roll-out.
#[derive(Debug, Clone)]
pub struct Files {
    s3: aws_sdk_s3::Client,
    bucket: String,
    folder: String,
}

impl Files {
    /// The folder of the roll-out whose execution has this name.
    pub fn of(s3: &aws_sdk_s3::Client, bucket: &str, execution: &str) -> Self {
        let (s3, bucket) = (s3.clone(), bucket.to_owned());
        Self { s3, bucket, folder: format!("rollouts/{execution}") }
    }

    /// A client for it.
    pub fn client(wire: &Wire) -> aws_sdk_s3::Client {
        client!(aws_sdk_s3, wire)
    }

    /// The whole key of a file.
    pub fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    /// The address of a file for CloudFormation.
    pub fn url(&self, name: &str, region: &str) -> String {
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        format!("https://{}.s3.{region}.amazonaws.com{suffix}/{}", self.bucket, self.key(name))
    }

    /// Writes a file of JSON.
    ///
    /// # Errors
    /// A wait, or what S3 refuses.
    pub async fn write<T: Serialize>(&self, name: &str, content: &T) -> Result<(), Stop> {
        let body = serde_json::to_vec(content).map_err(|error| self.damaged(name, error))?;
        self.write_bytes(name, "application/json", body).await
    }

    /// Writes a file of text.
    ///
    /// # Errors
    /// A wait, or what S3 refuses.
    pub async fn write_text(&self, name: &str, text: &str) -> Result<(), Stop> {
        self.write_bytes(name, "text/plain", text.as_bytes().to_vec()).await
    }

    async fn write_bytes(&self, name: &str, kind: &str, body: Vec<u8>) -> Result<(), Stop> {
        self.put(self.key(name), kind, body).await
    }

    async fn put(&self, key: String, kind: &str, body: Vec<u8>) -> Result<(), Stop> {
        let put = self.s3.put_object().bucket(&self.bucket).key(&key).content_type(kind);
        let sent = put.body(ByteStream::from(body)).send().await;
        sent.map(|_| ()).map_err(|error| Stop::of("s3", "PutObject", key, &error))
    }

    /// Reads a file of JSON that has to be there.
    ///
    /// # Errors
    /// `RolloutFilesDamaged`, a wait, or what S3 refuses.
    pub async fn read<T: DeserializeOwned>(&self, name: &str) -> Result<T, Stop> {
        let found = self.find(name).await?;
        found.ok_or_else(|| Stop::Failed(self.damage(name, "is not there".into())))
    }

    /// Reads a file of JSON; nothing when it is not there.
    ///
    /// # Errors
    /// `RolloutFilesDamaged`, a wait, or what S3 refuses.
    pub async fn find<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Stop> {
        let Some(bytes) = self.bytes(name).await? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| self.damaged(name, error))
    }

    /// Reads a file of text that belongs to no single rollout, by its whole key; nothing when it is
    /// not there. What is not UTF-8 reads as text that is broken.
    ///
    /// # Errors
    /// A wait, or what S3 refuses.
    pub async fn find_shared_text(&self, key: &str) -> Result<Option<String>, Stop> {
        let bytes = self.bytes_at(key.to_owned()).await?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Writes a file of JSON that belongs to no single rollout, by its whole key, for people to
    /// read and edit.
    ///
    /// # Errors
    /// A wait, or what S3 refuses.
    pub async fn write_shared_text(&self, key: &str, text: String) -> Result<(), Stop> {
        self.put(key.to_owned(), "application/json", text.into_bytes()).await
    }

    /// Reads a file of text that has to be there.
    ///
    /// # Errors
    /// `RolloutFilesDamaged`, a wait, or what S3 refuses.
    pub async fn read_text(&self, name: &str) -> Result<String, Stop> {
        let bytes = self.bytes(name).await?;
        let bytes = bytes.ok_or_else(|| self.damage(name, "is not there".into()))?;
        String::from_utf8(bytes).map_err(|error| self.damaged(name, error))
    }

    async fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, Stop> {
        self.bytes_at(self.key(name)).await
    }

    async fn bytes_at(&self, key: String) -> Result<Option<Vec<u8>>, Stop> {
        let got = self.s3.get_object().bucket(&self.bucket).key(&key).send().await;
        let object = match got {
            Ok(object) => object,
            Err(error) if code(&error) == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(Stop::of("s3", "GetObject", key, &error)),
        };
        match object.body.collect().await {
            Ok(body) => Ok(Some(body.to_vec())),
            Err(error) => Err(Stop::Later(format!("{key}: {error}"))),
        }
    }

    /// What an operator asks for.
    ///
    /// # Errors
    /// A wait, or what S3 refuses.
    pub async fn controls(&self) -> Result<Controls, Stop> {
        let prefix = self.key("control/");
        let listed = self.s3.list_objects_v2().bucket(&self.bucket).prefix(&prefix).send().await;
        let listed =
            listed.map_err(|error| Stop::of("s3", "ListObjectsV2", prefix.clone(), &error))?;
        let names = listed.contents().iter().filter_map(|object| object.key());
        let names = names.filter_map(|key| key.strip_prefix(&prefix));
        Ok(Controls(names.filter_map(Control::read).collect()))
    }

    fn damage(&self, name: &str, fault: String) -> Error {
        Error::RolloutFilesDamaged { key: self.key(name), fault }
    }

    fn damaged(&self, name: &str, error: impl std::fmt::Display) -> Stop {
        Stop::Failed(self.damage(name, format!("cannot be read: {error}")))
    }
}
