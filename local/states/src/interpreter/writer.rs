//! `ResultWriter`: the results of a distributed Map state, to S3 or as the state's result.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html>

use serde_json::{Map, Value, json};

use super::leave::Seen;
use super::reader::texts;
use super::visit::Visit;
use crate::checkpoint::{ChildOutcome, ChildRecord, MapRun};
use crate::context;
use crate::data::Data;
use crate::definition::{Transformation, Writer};
use crate::errors::{Fault, RESULT_WRITER};
use crate::host::S3Object;

impl Visit<'_> {
    pub(super) async fn write_results(
        &self,
        writer: Option<&Writer>,
        run: &MapRun,
        retry_count: u64,
    ) -> Result<Data, Fault> {
        let transformation = writer.map_or(Transformation::Compact, |writer| writer.transformation);
        let Some((writer, destination)) =
            writer.and_then(|writer| Some((writer, writer.destination.as_ref()?)))
        else {
            return Ok(Data::new(Value::Array(self.results(run, transformation, true))));
        };
        let seen = Seen { retry_count, ..Seen::default() };
        let arguments = self.evaluate(destination, seen)?;
        let [bucket, prefix] = texts(&arguments, ["Bucket", "Prefix"], "ResultWriter", 1)
            .map_err(|fault| Fault { error: Some(RESULT_WRITER.to_owned()), ..fault })?;
        let id = run.arn.rsplit(':').next().unwrap_or_default();
        let folder = match prefix.trim_end_matches('/') {
            "" => id.to_owned(),
            prefix => format!("{prefix}/{id}"),
        };
        let suffix = if writer.lines { "jsonl" } else { "json" };
        let mut listed = Map::new();
        for (name, succeeded) in [("FAILED", false), ("SUCCEEDED", true)] {
            let transformation = if succeeded { transformation } else { Transformation::None };
            let results = self.results(run, transformation, succeeded);
            let mut files = Vec::new();
            if !results.is_empty() {
                let key = format!("{folder}/{name}_0.{suffix}");
                let body = body(results, writer.lines);
                files.push(json!({"Key": key, "Size": body.len()}));
                self.write(&bucket, key, body).await?;
            }
            listed.insert(name.to_owned(), Value::Array(files));
        }
        listed.insert("PENDING".to_owned(), json!([]));
        let key = format!("{folder}/manifest.json");
        let manifest = json!({
            "DestinationBucket": bucket,
            "MapRunArn": run.arn,
            "ResultFiles": listed,
        });
        self.write(&bucket, key.clone(), manifest.to_string()).await?;
        Ok(Data::new(json!({
            "MapRunArn": run.arn,
            "ResultWriterDetails": {"Bucket": bucket, "Key": key},
        })))
    }

    async fn write(&self, bucket: &str, key: String, body: String) -> Result<(), Fault> {
        self.engine
            .host
            .write_object(S3Object { bucket: bucket.to_owned(), key }, body.into_bytes())
            .await
            .map_err(|failure| Fault::new(RESULT_WRITER, failure.to_string()))
    }

    fn results(
        &self,
        run: &MapRun,
        transformation: Transformation,
        wants_succeeded: bool,
    ) -> Vec<Value> {
        let mut results = Vec::new();
        for (index, record) in &run.children {
            match (&record.outcome, wants_succeeded) {
                (ChildOutcome::Succeeded(output), true) => match transformation {
                    Transformation::None => results.push(self.record(&run.inputs[*index], record)),
                    Transformation::Compact => results.push(output.value().clone()),
                    Transformation::Flatten => match output.value() {
                        Value::Array(items) => results.extend(items.iter().cloned()),
                        other => results.push(other.clone()),
                    },
                },
                (ChildOutcome::Failed { .. }, false) => {
                    results.push(self.record(&run.inputs[*index], record));
                }
                _ => {}
            }
        }
        results
    }

    /// A child execution as the result files describe it; inputs and outputs are JSON text.
    fn record(&self, input: &Value, record: &ChildRecord) -> Value {
        let mut described = json!({
            "ExecutionArn": record.arn,
            "Input": input.to_string(),
            "InputDetails": {"Included": true},
            "Name": record.name,
            "RedriveCount": record.redrives,
            "StartDate": context::text(record.started),
            "StateMachineArn": self.engine.execution.machine_arn,
            "StopDate": context::text(record.stopped),
        });
        match &record.outcome {
            ChildOutcome::Succeeded(output) => {
                described["Output"] = json!(output.text().as_ref());
                described["OutputDetails"] = json!({"Included": true});
                described["Status"] = json!("SUCCEEDED");
            }
            ChildOutcome::Failed { status, error, cause, .. } => {
                described["Status"] = json!(status);
                if let Some(error) = error {
                    described["Error"] = json!(error);
                }
                if let Some(cause) = cause {
                    described["Cause"] = json!(cause);
                }
            }
        }
        described
    }
}

fn body(results: Vec<Value>, as_lines: bool) -> String {
    if as_lines {
        results.iter().map(|result| format!("{result}\n")).collect()
    } else {
        Value::Array(results).to_string()
    }
}
