//! The files of the runs bucket: what is too big for an execution's state, or outlives it. Whole
//! objects, JSON or JSON lines; conditional writes where two may write.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::Object;
use jiff::Timestamp;
use lambda_kit::client;
use lambda_kit::sdk::{Refusal, Trouble, Wire, code};
use serde::Serialize;
use serde::de::DeserializeOwned;

const S3: &str = "s3";

/// The files of one bucket.
#[derive(Debug, Clone)]
pub struct Files {
    client: Client,
    bucket: String,
}

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What is in it.
    pub text: String,
    /// What identifies this version, for [`Condition::Unchanged`].
    pub etag: String,
}

/// A file of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// When it was written, in whole seconds.
    pub written: Timestamp,
}

/// When a file may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition<'a> {
    /// In any case.
    Always,
    /// When there is none.
    Absent,
    /// When it is still the version that was read.
    Unchanged(&'a str),
}

impl Files {
    /// The files of `bucket`.
    pub fn new(wire: &Wire, bucket: impl Into<String>) -> Self {
        Self { client: client!(aws_sdk_s3, wire), bucket: bucket.into() }
    }

    /// Reads a file; nothing when it is not there.
    ///
    /// # Errors
    /// Whatever S3 answers but that.
    pub async fn read(&self, key: &str) -> Result<Option<File>, Trouble> {
        let got = self.client.get_object().bucket(&self.bucket).key(key).send().await;
        let output = match got {
            Ok(output) => output,
            Err(error) if code(&error) == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(Trouble::of(S3, "GetObject", &error)),
        };
        let etag = output.e_tag.unwrap_or_default();
        let bytes = output
            .body
            .collect()
            .await
            .map_err(|error| Trouble::Passing(refusal("GetObject", "BodyLost", key, &error)))?;
        let text = String::from_utf8(bytes.to_vec())
            .map_err(|error| Trouble::Refused(refusal("GetObject", "NotText", key, &error)))?;
        Ok(Some(File { text, etag }))
    }

    /// Reads a file of JSON; nothing when it is not there.
    ///
    /// # Errors
    /// Whatever S3 answers but that, and a file that is something else.
    pub async fn read_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Trouble> {
        let Some(file) = self.read(key).await? else { return Ok(None) };
        serde_json::from_str(&file.text)
            .map(Some)
            .map_err(|error| Trouble::Refused(refusal("GetObject", "NotMine", key, &error)))
    }

    /// Reads a file of JSON lines; empty when it is not there.
    ///
    /// # Errors
    /// Whatever S3 answers but that, and a line that is something else.
    pub async fn read_lines<T: DeserializeOwned>(&self, key: &str) -> Result<Vec<T>, Trouble> {
        let Some(file) = self.read(key).await? else { return Ok(Vec::new()) };
        file.text
            .lines()
            .filter(|line| !line.is_empty())
            .map(|line| {
                serde_json::from_str(line)
                    .map_err(|error| Trouble::Refused(refusal("GetObject", "NotMine", key, &error)))
            })
            .collect()
    }

    /// Writes a file. False when the condition does not hold, and nothing was written.
    ///
    /// # Errors
    /// Whatever S3 answers but that.
    pub async fn write(
        &self,
        key: &str,
        text: String,
        condition: Condition<'_>,
    ) -> Result<bool, Trouble> {
        let content_type = match key.rsplit_once('.') {
            Some((_, "md")) => "text/markdown; charset=utf-8",
            Some((_, "txt")) => "text/plain; charset=utf-8",
            Some((_, "jsonl")) => "application/jsonl",
            _ => "application/json",
        };
        let mut request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type)
            .body(ByteStream::from(text.into_bytes()));
        request = match condition {
            Condition::Always => request,
            Condition::Absent => request.if_none_match("*"),
            Condition::Unchanged(etag) => request.if_match(etag),
        };
        match request.send().await {
            Ok(_) => Ok(true),
            // The second: two conditional writes at a time. The third: it is gone meanwhile.
            Err(error)
                if matches!(
                    code(&error),
                    Some("PreconditionFailed" | "ConditionalRequestConflict" | "NoSuchKey")
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(Trouble::of(S3, "PutObject", &error)),
        }
    }

    /// Writes a file of JSON, in any case.
    ///
    /// # Errors
    /// Whatever S3 answers.
    pub async fn write_json<T: Serialize>(&self, key: &str, value: &T) -> Result<(), Trouble> {
        let text = serde_json::to_string(value)
            .map_err(|error| Trouble::Refused(refusal("PutObject", "NotJson", key, &error)))?;
        self.write(key, text, Condition::Always).await.map(|_| ())
    }

    /// Writes a file of JSON lines, in any case.
    ///
    /// # Errors
    /// Whatever S3 answers.
    pub async fn write_lines<'a, T: Serialize + 'a>(
        &self,
        key: &str,
        lines: impl IntoIterator<Item = &'a T>,
    ) -> Result<(), Trouble> {
        let mut text = String::new();
        for line in lines {
            let line = serde_json::to_string(line)
                .map_err(|error| Trouble::Refused(refusal("PutObject", "NotJson", key, &error)))?;
            text.push_str(&line);
            text.push('\n');
        }
        self.write(key, text, Condition::Always).await.map(|_| ())
    }

    /// Removes a file; one that is not there is no trouble.
    ///
    /// # Errors
    /// Whatever S3 answers.
    pub async fn remove(&self, key: &str) -> Result<(), Trouble> {
        self.client
            .delete_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| Trouble::of(S3, "DeleteObject", &error))
    }

    /// A page of the keys under a prefix, in their order, after the given one.
    ///
    /// # Errors
    /// Whatever S3 answers.
    pub async fn keys(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, Trouble> {
        let page = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .set_start_after(after.map(ToOwned::to_owned))
            .send()
            .await
            .map_err(|error| Trouble::of(S3, "ListBucket", &error))?;
        Ok(page.contents().iter().filter_map(|object| object.key().map(Into::into)).collect())
    }
}

impl Files {
    /// The first page of the files under a prefix, a thousand at most, each with its time.
    ///
    /// # Errors
    /// Whatever S3 answers.
    pub async fn listed(&self, prefix: &str) -> Result<Vec<Listed>, Trouble> {
        let page = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .send()
            .await
            .map_err(|error| Trouble::of(S3, "ListBucket", &error))?;
        let listed = |object: &Object| {
            let written = Timestamp::from_second(object.last_modified()?.secs()).ok()?;
            Some(Listed { key: object.key()?.to_owned(), written })
        };
        Ok(page.contents().iter().filter_map(listed).collect())
    }
}

fn refusal(
    call: &'static str,
    code: &str,
    key: &str,
    error: &(dyn std::error::Error + 'static),
) -> Refusal {
    let message = format!("{key}: {}", lambda_kit::chain(error)).into();
    Refusal { service: S3, call, code: code.into(), message }
}

#[cfg(test)]
mod tests {
    use scripted_wire::{Script, call};
    use serde_json::{Value, json};

    use super::*;

    fn files(script: &Script) -> Files {
        Files::new(&script.wire("eu-central-1"), "runs")
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_not_there_is_nothing() {
        let missing =
            || call("GetObject", json!({"key": "a/b.json"})).refuses_as_s3(404, "NoSuchKey");
        let script = Script::new([missing(), missing()]);
        assert_eq!(files(&script).read("a/b.json").await.unwrap(), None);
        assert!(files(&script).read_lines::<Value>("a/b.json").await.unwrap().is_empty());
        script.played();
    }

    #[tokio::test(start_paused = true)]
    async fn lines_are_read_one_by_one_and_a_wrong_one_is_an_error() {
        let script = Script::new([
            call("GetObject", json!({})).answers_text("{\"a\":1}\n{\"a\":2}\n"),
            call("GetObject", json!({})).answers_text("{\"a\":1}\nnot json\n"),
        ]);
        assert_eq!(files(&script).read_lines::<Value>("l").await.unwrap().len(), 2);
        let trouble = files(&script).read_lines::<Value>("l").await.unwrap_err();
        assert!(matches!(trouble, Trouble::Refused(refusal) if &*refusal.code == "NotMine"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_condition_that_does_not_hold_is_an_answer() {
        let script = Script::new([
            call("PutObject", json!({"key": "lock", "ifNoneMatch": "*", "body": "{}"})),
            call("PutObject", json!({"key": "lock"})).refuses_as_s3(412, "PreconditionFailed"),
        ]);
        let files = files(&script);
        assert!(files.write("lock", "{}".into(), Condition::Absent).await.unwrap());
        assert!(!files.write("lock", "{}".into(), Condition::Absent).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn lines_are_written_with_their_ends() {
        let script = Script::new([call("PutObject", json!({"body": "{\"a\":1}\n{\"a\":2}\n"}))]);
        let lines = [json!({"a": 1}), json!({"a": 2})];
        files(&script).write_lines("l.jsonl", &lines).await.unwrap();
        script.played();
    }
}
