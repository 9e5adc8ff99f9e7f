//! A file of JSON as people write it: what is no JSON is said with its line and the way out.

use std::fmt;
use std::io::Read as _;
use std::path::Path;

use lifecycle::Fault;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::finding::Findings;
use crate::place::{Step, line_at};

/// The largest file, in bytes: forty services in six Regions for a hundred tiers.
pub(crate) const LARGEST_FILE: u64 = 1 << 20;

/// How often a key occurs is not looked for deeper than serde_json parses.
const DEEPEST: usize = 128;

/// A file of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Its path from the folder of the configuration, with slashes.
    pub(crate) file: String,
    /// Its text.
    pub(crate) text: String,
    /// What it says.
    pub(crate) value: Value,
}

impl Source {
    /// Reads a file; nothing when it is no JSON.
    pub(crate) fn read(folder: &Path, file: &str, findings: &mut Findings) -> Option<Self> {
        match text(folder, file) {
            Ok(text) => Self::of(file, text, findings),
            Err((line, fault)) => {
                findings.push(file, line, fault);
                None
            }
        }
    }

    /// The same of a text.
    pub(crate) fn of(file: &str, text: String, findings: &mut Findings) -> Option<Self> {
        let value = match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(error) => {
                findings.push(file, Some(error.line()), no_json(&text, &error));
                return None;
            }
        };
        for twice in twice(&text) {
            let Some(Step::Key(name, _)) = twice.last() else { continue };
            let fault = Fault::new(field(&twice), name, "must not be there twice");
            findings.push(file, line_at(&text, &twice), fault);
        }
        Some(Self { file: file.to_owned(), text, value })
    }
}

const WHOLE: &str = "the file";

fn text(folder: &Path, file: &str) -> Result<String, (Option<usize>, Fault)> {
    let whole = |value: String, rule: &str| (None, Fault::of(WHOLE, value, rule));
    let unreadable = |error: std::io::Error| whole(error.to_string(), "so it cannot be read");
    let open = std::fs::File::open(folder.join(file)).map_err(unreadable)?;
    let mut bytes = Vec::new();
    open.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_FILE {
        let rule = format!("must have at most {LARGEST_FILE} bytes");
        return Err(whole("more bytes than are read".into(), &rule));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        let fault =
            Fault::of(WHOLE, "a byte order mark", "must not be there: save it as UTF-8 without");
        return Err((Some(1), fault));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        (Some(line), Fault::of(WHOLE, "a byte that is no UTF-8", "must not be there"))
    })
}

fn no_json(text: &str, error: &serde_json::Error) -> Fault {
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    // The column is that of the byte at which it was noticed, or of the one before it.
    let at = line.get(error.column().saturating_sub(1)..).unwrap_or_default();
    let shown = line.trim();
    if ["//", "/*", "#"].iter().any(|start| at.starts_with(start)) {
        return Fault::new(WHOLE, shown, "must not have a comment: JSON has none");
    }
    // Its own place is said already.
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    Fault::new(WHOLE, shown, format!("must be JSON: {said} at column {}", error.column()))
}

/// The paths of all members that have a namesake before them.
fn twice(text: &str) -> Vec<Vec<Step>> {
    let mut walk = Walk::default();
    let mut parser = serde_json::Deserializer::from_str(text);
    // It was parsed before.
    let _ = Members(&mut walk).deserialize(&mut parser);
    walk.twice
}

#[derive(Default)]
struct Walk {
    path: Vec<Step>,
    twice: Vec<Vec<Step>>,
}

struct Members<'a>(&'a mut Walk);

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let walk = self.0;
        let mut seen: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
        while let Some(key) = map.next_key::<String>()? {
            let number = seen.entry(key.clone()).and_modify(|number| *number += 1).or_insert(0);
            walk.path.push(Step::Key(key, *number));
            if *number > 0 && walk.path.len() <= DEEPEST {
                walk.twice.push(walk.path.clone());
            }
            map.next_value_seed(Members(walk))?;
            walk.path.pop();
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let walk = self.0;
        for index in 0.. {
            walk.path.push(Step::Index(index));
            let more = items.next_element_seed(Members(walk))?;
            walk.path.pop();
            if more.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A path as a field is written.
pub(crate) fn field(steps: &[Step]) -> String {
    let mut field = String::new();
    for step in steps {
        match step {
            Step::Key(name, _) if field.is_empty() => field.push_str(name),
            Step::Key(name, _) => {
                field.push('.');
                field.push_str(name);
            }
            Step::Index(index) => field.push_str(&format!("[{index}]")),
        }
    }
    field
}
