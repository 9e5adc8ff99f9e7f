//! Map states, inline and distributed.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html>

use std::sync::Arc;

use serde_json::Value;

use super::fields::{Fields, Findings, shape};
use super::{
    Batcher, Distributed, Machine, Map, Processor, Reader, Source, Transformation, Writer,
    document, handling,
};
use crate::expression::{Allowed, Program};

const COUNT: (f64, f64) = (0.0, 1e15);
const NOTHING: Allowed = Allowed { result: false, error_output: false };
/// The most characters of a map's label.
const MAX_LABEL: usize = 40;
/// The most that one batch may hold, in bytes of JSON.
const MAX_BATCH_BYTES: f64 = 262_144.0;

pub(super) fn parse(
    name: &str,
    fields: &mut Fields<'_>,
    is_jsonata: bool,
    findings: &mut Findings,
) -> Option<Map> {
    let items = items(fields, findings);
    let selector = fields.program("ItemSelector", NOTHING, findings);
    let max_concurrency = fields.number_program("MaxConcurrency", COUNT, findings);
    let tolerated_count = fields.number_program("ToleratedFailureCount", COUNT, findings);
    let tolerated_percentage =
        fields.any_number_program("ToleratedFailurePercentage", (0.0, 100.0), false, findings);
    fields.require("ItemProcessor", findings);
    let processor = fields
        .object("ItemProcessor", findings)
        .and_then(|processor| self::processor(processor, is_jsonata, findings));
    let handling = handling::parse(fields, findings);
    let processor = match processor? {
        Parsed::Inline(flow) => Processor::Inline(flow),
        Parsed::Distributed(machine) => {
            Processor::Distributed(Box::new(distributed(name, machine, fields, findings)?))
        }
    };
    Some(Map {
        items,
        selector,
        max_concurrency,
        tolerated_count,
        tolerated_percentage,
        processor,
        handling,
    })
}

fn items(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<Program> {
    let program = fields.program("Items", NOTHING, findings)?;
    match program.literal() {
        None | Some(Value::Array(_) | Value::Null) => {}
        Some(other) => {
            let problem = format!("must be a list or an expression, not {}", shape(other));
            findings.fault(&fields.at("Items"), problem);
        }
    }
    Some(program)
}

enum Parsed {
    Inline(super::Flow),
    Distributed(Machine),
}

fn processor(mut fields: Fields<'_>, is_jsonata: bool, findings: &mut Findings) -> Option<Parsed> {
    fields.text("Comment", findings);
    let mut is_distributed = false;
    if let Some(mut config) = fields.object("ProcessorConfig", findings) {
        let mode = config.word("Mode", &["INLINE", "DISTRIBUTED"], findings);
        is_distributed = mode == Some("DISTRIBUTED");
        let execution_type = config.word("ExecutionType", &["STANDARD", "EXPRESS"], findings);
        match (is_distributed, execution_type) {
            (true, None) if !config.has("ExecutionType") => {
                config.require("ExecutionType", findings);
            }
            (true, Some("EXPRESS")) => findings.fault(
                &config.at("ExecutionType"),
                "EXPRESS is not run here: child executions must be STANDARD",
            ),
            (false, Some(_)) => findings
                .fault(&config.at("ExecutionType"), "belongs to DISTRIBUTED item processors only"),
            _ => {}
        }
        config.close(findings);
    }
    findings.scopes.enter(is_distributed);
    let flow = document::flow(&mut fields, is_jsonata, findings);
    findings.scopes.leave();
    fields.close(findings);
    let flow = flow?;
    Some(if is_distributed { Parsed::Distributed(Machine::of(flow)) } else { Parsed::Inline(flow) })
}

fn distributed(
    name: &str,
    machine: Machine,
    fields: &mut Fields<'_>,
    findings: &mut Findings,
) -> Option<Distributed> {
    let label = match fields.text("Label", findings) {
        Some(label) => {
            let length = label.chars().count();
            if length == 0 || length > MAX_LABEL || !label.chars().all(is_label_character) {
                let problem = format!(
                    "{label:?} must have 1 to {MAX_LABEL} characters, without spaces and any of ?*<>{{}}[]:;,\\|^~$#%&`\""
                );
                findings.fault(&fields.at("Label"), problem);
            }
            label.to_owned()
        }
        None => {
            let kept: String =
                name.chars().filter(|c| is_label_character(*c)).take(MAX_LABEL).collect();
            if kept.is_empty() { "Map".to_owned() } else { kept }
        }
    };
    let wants_reader = fields.has("ItemReader");
    if wants_reader && fields.has("Items") {
        findings.fault(&fields.path, "has both Items and ItemReader");
    }
    let reader = fields.object("ItemReader", findings).and_then(|at| reader(at, findings));
    let batcher = fields.object("ItemBatcher", findings).map(|at| batcher(at, findings));
    let writer = fields.object("ResultWriter", findings).map(|at| writer(at, findings));
    (reader.is_some() || !wants_reader).then(|| Distributed {
        machine: Arc::new(machine),
        label,
        reader,
        batcher,
        writer,
    })
}

fn is_label_character(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !"?*<>{}[]:;,\\|^~$#%&`\"".contains(c)
}

fn reader(mut fields: Fields<'_>, findings: &mut Findings) -> Option<Reader> {
    let action = fields
        .required_text("Resource", findings)
        .and_then(|arn| s3_action(arn, &["getObject", "listObjectsV2"], &fields, findings));
    fields.require("Arguments", findings);
    let arguments = fields.program("Arguments", NOTHING, findings);
    let (mut source, mut max_items) = (None, None);
    match (action, fields.object("ReaderConfig", findings)) {
        (Some("getObject"), Some(mut config)) => {
            source = object_source(&mut config, findings);
            max_items = config.number_program("MaxItems", COUNT, findings);
            config.close(findings);
        }
        (Some("getObject"), None) => fields.require("ReaderConfig", findings),
        (Some(_), config) => {
            source = Some(Source::List);
            if let Some(mut config) = config {
                config.word("Transformation", &["NONE"], findings);
                max_items = config.number_program("MaxItems", COUNT, findings);
                config.close(findings);
            }
        }
        (None, _) => {}
    }
    fields.close(findings);
    Some(Reader { source: source?, arguments: arguments?, max_items })
}

fn object_source(config: &mut Fields<'_>, findings: &mut Findings) -> Option<Source> {
    config.require("InputType", findings);
    match config.word("InputType", &["JSON", "JSONL", "CSV"], findings)? {
        "JSON" => {
            let pointer = config.text("ItemsPointer", findings).map(str::to_owned);
            if let Some(pointer) = pointer.as_ref().filter(|pointer| !pointer.starts_with('/')) {
                let problem = format!("{pointer:?} must be a JSON Pointer: start with a slash");
                findings.fault(&config.at("ItemsPointer"), problem);
            }
            Some(Source::Json { pointer })
        }
        "JSONL" => Some(Source::JsonLines),
        _ => {
            let location = config.word("CSVHeaderLocation", &["FIRST_ROW", "GIVEN"], findings);
            config.require("CSVHeaderLocation", findings);
            let headers = config.texts("CSVHeaders", findings);
            match location {
                Some("GIVEN") => config.require("CSVHeaders", findings),
                _ if config.has("CSVHeaders") => findings
                    .fault(&config.at("CSVHeaders"), "belongs to \"CSVHeaderLocation\": \"GIVEN\""),
                _ => {}
            }
            let delimiters = ["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"];
            let delimiter = match config.word("CSVDelimiter", &delimiters, findings) {
                Some("PIPE") => '|',
                Some("SEMICOLON") => ';',
                Some("SPACE") => ' ',
                Some("TAB") => '\t',
                _ => ',',
            };
            let headers = (location == Some("GIVEN")).then_some(headers);
            Some(Source::Csv { delimiter, headers })
        }
    }
}

fn s3_action(
    arn: &str,
    actions: &[&'static str],
    fields: &Fields<'_>,
    findings: &mut Findings,
) -> Option<&'static str> {
    let found = arn.split_once(":states:::s3:").filter(|(start, _)| start.starts_with("arn:aws"));
    let action = found.and_then(|(_, name)| actions.iter().find(|action| **action == name));
    if action.is_none() {
        let known: Vec<_> =
            actions.iter().map(|action| format!("arn:aws:states:::s3:{action}")).collect();
        let problem = format!("{arn:?} must be {}", known.join(" or "));
        findings.fault(&fields.at("Resource"), problem);
    }
    action.copied()
}

fn batcher(mut fields: Fields<'_>, findings: &mut Findings) -> Batcher {
    let max_items = fields.number_program("MaxItemsPerBatch", (1.0, 1e8), findings);
    let max_bytes =
        fields.number_program("MaxInputBytesPerBatch", (1.0, MAX_BATCH_BYTES), findings);
    let input = fields.program("BatchInput", NOTHING, findings);
    if max_items.is_none() && max_bytes.is_none() {
        let problem = "the field \"MaxItemsPerBatch\" or \"MaxInputBytesPerBatch\" is missing";
        findings.fault(&fields.path, problem);
    }
    fields.close(findings);
    Batcher { max_items, max_bytes, input }
}

fn writer(mut fields: Fields<'_>, findings: &mut Findings) -> Writer {
    let resource = fields
        .text("Resource", findings)
        .and_then(|arn| s3_action(arn, &["putObject"], &fields, findings));
    let destination = fields.program("Arguments", NOTHING, findings);
    match (resource, &destination) {
        (Some(_), None) => fields.require("Arguments", findings),
        (None, Some(_)) if !fields.has("Resource") => fields.require("Resource", findings),
        _ => {}
    }
    let (mut transformation, mut lines) = (None, false);
    if let Some(mut config) = fields.object("WriterConfig", findings) {
        transformation = config.word("Transformation", &["NONE", "COMPACT", "FLATTEN"], findings);
        lines = config.word("OutputType", &["JSON", "JSONL"], findings) == Some("JSONL");
        config.close(findings);
    } else if !fields.has("Resource") {
        findings.fault(&fields.path, "the field \"Resource\" or \"WriterConfig\" is missing");
    }
    fields.close(findings);
    let transformation = match transformation {
        Some("COMPACT") => Transformation::Compact,
        Some("FLATTEN") => Transformation::Flatten,
        _ => Transformation::None,
    };
    Writer { destination, transformation, lines }
}
