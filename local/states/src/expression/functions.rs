//! The functions that the Amazon States Language adds to JSONata, and the ones whose answer
//! would differ from run to run, which come from the host instead.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html>

use std::sync::Arc;

use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::value::JValue;
use serde_json::Value;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::analysis::Uses;
use super::convert::to_engine;
use crate::context;
use crate::host::Host;

/// The functions that the language adds to JSONata's own.
pub(super) const ADDED: [&str; 6] = ["partition", "range", "hash", "random", "uuid", "parse"];

/// The most items that `$range` makes.
const MAX_RANGE: f64 = 1000.0;

type Answer = Result<JValue, EvaluatorError>;
type Function = Box<dyn Fn(&[JValue]) -> Answer>;

pub(super) fn register(evaluator: &mut Evaluator, uses: &Uses, host: &Arc<dyn Host>) {
    let mut add = |name: &str, function: Function| {
        if uses.functions.contains(name) || uses.variables.contains(name) {
            // Refused only for functions that the compiled path folds; none of these is one.
            let _ = evaluator.register_fn_override(name, move |args: &[JValue]| function(args));
        }
    };
    add("partition", Box::new(partition));
    add("range", Box::new(range));
    add("hash", Box::new(hash));
    add("parse", Box::new(parse));
    let from = Arc::clone(host);
    add("random", Box::new(move |args| random(args, &from)));
    let from = Arc::clone(host);
    add("uuid", Box::new(move |_| Ok(JValue::string(uuid(&*from)))));
    let from = Arc::clone(host);
    add("shuffle", Box::new(move |args| Ok(shuffle(args, &from))));
    let from = Arc::clone(host);
    add("now", Box::new(move |_| Ok(JValue::string(context::text(from.now())))));
    let from = Arc::clone(host);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit an f64")]
    add("millis", Box::new(move |_| Ok(JValue::Number(from.now().as_millisecond() as f64))));
}

fn wrong(message: String) -> EvaluatorError {
    EvaluatorError::EvaluationError(message)
}

fn number(args: &[JValue], index: usize, function: &str) -> Result<f64, EvaluatorError> {
    args.get(index)
        .and_then(JValue::as_f64)
        .ok_or_else(|| wrong(format!("${function}: argument {} must be a number", index + 1)))
}

fn text<'a>(args: &'a [JValue], index: usize, function: &str) -> Result<&'a str, EvaluatorError> {
    args.get(index)
        .and_then(JValue::as_str)
        .ok_or_else(|| wrong(format!("${function}: argument {} must be a string", index + 1)))
}

fn partition(args: &[JValue]) -> Answer {
    let items = args
        .first()
        .and_then(JValue::as_array)
        .ok_or_else(|| wrong("$partition: argument 1 must be an array".to_owned()))?;
    // The size is rounded down to a whole number.
    let size = number(args, 1, "partition")?.floor();
    if !(1.0..=1e9).contains(&size) {
        return Err(wrong(format!("$partition: the size {size} must be at least 1")));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    let chunks = items.chunks(size as usize).map(|chunk| JValue::array(chunk.to_vec()));
    Ok(JValue::array(chunks.collect()))
}

fn range(args: &[JValue]) -> Answer {
    let (first, last, step) =
        (number(args, 0, "range")?, number(args, 1, "range")?, number(args, 2, "range")?);
    if step == 0.0 || !(first.is_finite() && last.is_finite() && step.is_finite()) {
        return Err(wrong(format!("$range: the step {step} must be a number other than 0")));
    }
    let count = ((last - first) / step).floor() + 1.0;
    if count > MAX_RANGE {
        return Err(wrong(format!("$range: {count} items are more than {MAX_RANGE}")));
    }
    let mut items = Vec::new();
    let mut at = 0.0;
    while at < count {
        items.push(JValue::Number(first + at * step));
        at += 1.0;
    }
    // A range is a sequence: one of one number is that number, as AWS recorded it.
    if let [only] = &items[..] {
        return Ok(only.clone());
    }
    Ok(JValue::array(items))
}

fn hash(args: &[JValue]) -> Answer {
    let data = text(args, 0, "hash")?.as_bytes();
    let hex = |digest: &[u8]| digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let digest = match text(args, 1, "hash")? {
        "SHA-256" => hex(&Sha256::digest(data)),
        "SHA-384" => hex(&Sha384::digest(data)),
        "SHA-512" => hex(&Sha512::digest(data)),
        other => {
            return Err(wrong(format!(
                "$hash: the algorithm {other:?} is not supported here; known are SHA-256, SHA-384 and SHA-512"
            )));
        }
    };
    Ok(JValue::string(digest))
}

fn parse(args: &[JValue]) -> Answer {
    let source = text(args, 0, "parse")?;
    serde_json::from_str::<Value>(source)
        .map(|value| to_engine(&value))
        .map_err(|error| wrong(format!("$parse: the text is not JSON: {error}")))
}

fn random(args: &[JValue], host: &Arc<dyn Host>) -> Answer {
    match args.first() {
        None => Ok(JValue::Number(host.random())),
        Some(seed) => {
            let seed = seed
                .as_f64()
                .ok_or_else(|| wrong("$random: the seed must be a number".to_owned()))?;
            Ok(JValue::Number(fastrand::Rng::with_seed(seed.to_bits()).f64()))
        }
    }
}

fn shuffle(args: &[JValue], host: &Arc<dyn Host>) -> JValue {
    let Some(array) = args.first().and_then(JValue::as_array) else {
        return args.first().cloned().unwrap_or(JValue::Undefined);
    };
    let mut items = array.clone();
    for last in (1..items.len()).rev() {
        items.swap(last, below(host.random(), last + 1));
    }
    JValue::array(items)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a length times a fraction of one"
)]
fn below(fraction: f64, length: usize) -> usize {
    ((fraction * length as f64) as usize).min(length - 1)
}

/// A random (version 4) UUID from the host's chance.
pub(crate) fn uuid(host: &dyn Host) -> String {
    let mut bytes = [0_u8; 16];
    for byte in &mut bytes {
        *byte = random_byte(host);
    }
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a fraction of 256 is a byte"
)]
pub(crate) fn random_byte(host: &dyn Host) -> u8 {
    (host.random() * 256.0) as u8
}
