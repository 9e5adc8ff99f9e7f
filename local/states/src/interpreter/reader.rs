//! `ItemReader`: the items of a distributed Map state from S3.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html>

use serde_json::{Map, Value};

use super::leave::Seen;
use super::visit::Visit;
use crate::definition::{Reader, Source};
use crate::errors::{Fault, ITEM_READER};
use crate::host::S3Object;

fn failed(cause: impl Into<String>) -> Fault {
    Fault::new(ITEM_READER, cause)
}

impl Visit<'_> {
    pub(super) async fn read_items(
        &self,
        reader: &Reader,
        retry_count: u64,
    ) -> Result<Vec<Value>, Fault> {
        let seen = Seen { retry_count, ..Seen::default() };
        let arguments = self.evaluate(&reader.arguments, seen)?;
        let host = &self.engine.host;
        let mut items = match &reader.source {
            Source::List => {
                let [bucket, prefix] = texts(&arguments, ["Bucket", "Prefix"], "ItemReader", 1)?;
                host.list_objects(bucket, prefix)
                    .await
                    .map_err(|failure| failed(failure.to_string()))?
            }
            source => {
                let [bucket, key] = texts(&arguments, ["Bucket", "Key"], "ItemReader", 2)?;
                let name = format!("s3://{bucket}/{key}");
                let body = host
                    .read_object(S3Object { bucket, key })
                    .await
                    .map_err(|failure| failed(failure.to_string()))?;
                let text = String::from_utf8(body)
                    .map_err(|error| failed(format!("{name} is not UTF-8: {error}")))?;
                items_of(source, text.trim_start_matches('\u{feff}')).map_err(failed)?
            }
        };
        let limits = (f64::MIN, f64::MAX);
        if let Some(most) = self.count(reader.max_items.as_ref(), limits, retry_count)? {
            if most < 0.0 {
                return Err(failed("field MaxItems must be positive"));
            }
            // None at all means all of them.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "not negative, and a number too large is the largest"
            )]
            items.truncate(if most == 0.0 { usize::MAX } else { most as usize });
        }
        Ok(items)
    }
}

/// The named members of an object of arguments, which may have no others. The first `required`
/// must be there; the rest are empty when they are not.
pub(super) fn texts<const N: usize>(
    arguments: &Value,
    names: [&str; N],
    field: &str,
    required: usize,
) -> Result<[String; N], Fault> {
    let members = arguments
        .as_object()
        .ok_or_else(|| failed(format!("{field}.Arguments must be an object")))?;
    if let Some(unknown) = members.keys().find(|key| !names.contains(&key.as_str())) {
        return Err(failed(format!(
            "{field}.Arguments.{unknown} is not supported here; known are {}",
            names.join(", ")
        )));
    }
    let mut found = [const { String::new() }; N];
    for (index, name) in names.iter().enumerate() {
        match members.get(*name) {
            Some(Value::String(text)) => found[index].clone_from(text),
            None if index >= required => {}
            _ => return Err(failed(format!("{field}.Arguments.{name} must be a string"))),
        }
    }
    Ok(found)
}

fn items_of(source: &Source, text: &str) -> Result<Vec<Value>, String> {
    match source {
        Source::List => Ok(Vec::new()),
        Source::Json { pointer } => {
            let document: Value =
                serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
            let pointer = pointer.as_deref().unwrap_or_default();
            match document.pointer(pointer) {
                Some(Value::Array(items)) => Ok(items.clone()),
                _ => Err("Attempting to map over non-iterable node.".to_owned()),
            }
        }
        Source::JsonLines => text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(index, line)| {
                serde_json::from_str(line)
                    .map_err(|error| format!("line {} is not JSON: {error}", index + 1))
            })
            .collect(),
        Source::Csv { delimiter, headers } => {
            let mut rows = csv_rows(text, *delimiter)?.into_iter();
            let headers = match headers {
                Some(headers) => headers.clone(),
                None => rows.next().unwrap_or_default(),
            };
            let mut seen = std::collections::BTreeSet::new();
            if !headers.iter().all(|header| seen.insert(header)) {
                return Err("CSV headers cannot contain duplicates.".to_owned());
            }
            Ok(rows.map(|row| csv_item(&headers, row)).collect())
        }
    }
}

/// One row as an object; columns without a header are left out, missing ones are empty.
fn csv_item(headers: &[String], row: Vec<String>) -> Value {
    let mut cells = row.into_iter();
    let item: Map<String, Value> = headers
        .iter()
        .map(|header| (header.clone(), Value::String(cells.next().unwrap_or_default())))
        .collect();
    Value::Object(item)
}

/// Rows of quoted or plain cells, as RFC 4180 has them; empty lines are skipped.
fn csv_rows(text: &str, delimiter: char) -> Result<Vec<Vec<String>>, String> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut is_quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' if is_quoted => is_quoted = false,
            '"' if cell.is_empty() => is_quoted = true,
            c if is_quoted => cell.push(c),
            c if c == delimiter => row.push(std::mem::take(&mut cell)),
            '\r' if characters.peek() == Some(&'\n') => {}
            '\n' => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    if is_quoted {
        return Err("a quoted cell does not end".to_owned());
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn csv_cells_may_be_quoted_and_hold_delimiters_quotes_and_lines() {
        let source = Source::Csv { delimiter: ',', headers: None };
        let items = items_of(&source, "id,note\r\n1,\"a, \"\"b\"\"\nc\"\n\n2,\n").unwrap();
        assert_eq!(
            items,
            [json!({"id": "1", "note": "a, \"b\"\nc"}), json!({"id": "2", "note": ""})]
        );
    }

    #[test]
    fn given_headers_make_the_first_row_an_item() {
        let source = Source::Csv { delimiter: ';', headers: Some(vec!["a".into(), "b".into()]) };
        assert_eq!(items_of(&source, "1;2").unwrap(), [json!({"a": "1", "b": "2"})]);
    }

    #[test]
    fn a_json_list_may_lie_deeper_in_the_document() {
        let source = Source::Json { pointer: Some("/a/b".into()) };
        assert_eq!(items_of(&source, r#"{"a":{"b":[1]}}"#).unwrap(), [json!(1)]);
        assert!(items_of(&source, r#"{"a":1}"#).unwrap_err().contains("non-iterable"));
    }

    #[test]
    fn json_lines_are_read_line_by_line() {
        assert_eq!(items_of(&Source::JsonLines, "1\n\n{}\n").unwrap(), [json!(1), json!({})]);
        assert!(items_of(&Source::JsonLines, "1\n{").unwrap_err().contains("line 2"));
    }
}
