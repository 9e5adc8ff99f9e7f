//! The list of accounts: CSV, JSON, or JSON Lines, read with all the faults of all its lines.

use std::fmt;

use lifecycle::{AccountId, DisplayName, Fault, Faults, TenantId, TierName};
use serde_json::{Map, Value};

const KEYS: [&str; 4] = ["accountId", "tenantId", "tier", "tenantName"];
const REQUIRED: usize = 3;

/// One account of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands in the list, from one: the line, or the place in a JSON list.
    pub line: usize,
    /// The account.
    pub account_id: AccountId,
    /// Whose it is to be.
    pub tenant_id: TenantId,
    /// The tenant's id as the list has it, when that is another.
    pub original_tenant_id: Option<String>,
    /// Under which tier.
    pub tier: TierName,
    /// What people call the tenant.
    pub tenant_name: Option<DisplayName>,
}

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values under a line of names.
    Csv,
    /// One JSON list of objects.
    Json,
    /// One JSON object a line.
    JsonLines,
}

impl Format {
    /// By the file's name, or else by how it begins.
    pub fn of(name: &str, text: &str) -> Self {
        let extension = name.rsplit_once('.').map(|(_, it)| it.to_ascii_lowercase());
        match (extension.as_deref(), text.trim_start().chars().next()) {
            (Some("csv"), _) => Self::Csv,
            (Some("jsonl" | "ndjson"), _) => Self::JsonLines,
            (_, Some('[')) => Self::Json,
            (_, Some('{')) => Self::JsonLines,
            _ => Self::Csv,
        }
    }
}

/// A fault of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFault {
    /// The line, from one.
    pub line: usize,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.fault)
    }
}

/// Reads a list.
///
/// # Errors
/// Every fault of every line, in their order.
pub fn read(text: &str, format: Format) -> Result<Vec<Entry>, Vec<LineFault>> {
    let rows = match format {
        Format::Csv => csv_rows(text)?,
        Format::Json => json_rows(text)?,
        Format::JsonLines => json_lines(text),
    };
    let mut entries = Vec::with_capacity(rows.len());
    let mut faults = Vec::new();
    for (line, row) in rows {
        match row.and_then(|fields| entry(line, &fields)) {
            Ok(entry) => entries.push(entry),
            Err(of_line) => {
                faults.extend(of_line.into_iter().map(|fault| LineFault { line, fault }));
            }
        }
    }
    if entries.is_empty() && faults.is_empty() {
        let rule = "names no account";
        return Err(vec![LineFault { line: 1, fault: Fault::of("the list", "it", rule) }]);
    }
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

type Fields = Map<String, Value>;
type Rows = Vec<(usize, Result<Fields, Faults>)>;

fn one(field: &str, value: impl fmt::Display, rule: impl Into<String>) -> Faults {
    Fault::of(field, value, rule).into()
}

fn csv_rows(text: &str) -> Result<Rows, Vec<LineFault>> {
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
    let at_line = |line, fault| vec![LineFault { line, fault }];
    let names = reader.headers().map_err(|error| {
        at_line(1, Fault::of("the line of names", "it", format!("can not be read: {error}")))
    })?;
    let names: Vec<String> = names.iter().map(known).collect();
    let unknown = names.iter().filter(|name| !KEYS.contains(&name.as_str()));
    let mut faults: Vec<LineFault> = unknown
        .map(|name| {
            let rule = format!("must be one of {}", KEYS.join(", "));
            LineFault { line: 1, fault: Fault::new("the line of names", name, rule) }
        })
        .collect();
    for key in KEYS.iter().take(REQUIRED).filter(|key| !names.iter().any(|it| it == *key)) {
        faults.push(LineFault { line: 1, fault: Fault::missing(*key) });
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let rows = reader.records().enumerate().map(|(index, record)| {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(index + 2, |at| line_of(at.line()));
                return (line, Err(one("the line", "it", format!("can not be read: {error}"))));
            }
        };
        let line = record.position().map_or(index + 2, |at| line_of(at.line()));
        if record.len() > names.len() {
            let rule = format!("fields where there are {} names", names.len());
            return (line, Err(one("the line", record.len(), rule)));
        }
        let fields = names.iter().zip(record.iter()).filter(|(_, value)| !value.is_empty());
        let fields = fields.map(|(name, value)| (name.clone(), Value::String(value.to_owned())));
        (line, Ok(fields.collect()))
    });
    Ok(rows.collect())
}

fn line_of(line: u64) -> usize {
    usize::try_from(line).unwrap_or(usize::MAX)
}

/// A column's name as Landlord writes it, whatever a spreadsheet made of it.
fn known(name: &str) -> String {
    let letters = |name: &str| -> String {
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    let found = KEYS.iter().find(|key| letters(key) == letters(name));
    found.map_or_else(|| name.to_owned(), |key| (*key).to_owned())
}

fn json_rows(text: &str) -> Result<Rows, Vec<LineFault>> {
    let items: Vec<Value> = serde_json::from_str(text).map_err(|error| {
        let rule = format!("is no JSON list: {error}");
        vec![LineFault { line: error.line().max(1), fault: Fault::of("the list", "it", rule) }]
    })?;
    Ok(items.into_iter().enumerate().map(|(index, item)| (index + 1, object(item))).collect())
}

fn json_lines(text: &str) -> Rows {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = |line: &str| match serde_json::from_str(line) {
        Ok(item) => object(item),
        Err(error) => Err(one("the line", "it", format!("is no JSON: {error}"))),
    };
    lines.map(|(index, line)| (index + 1, read(line))).collect()
}

fn object(item: Value) -> Result<Fields, Faults> {
    match item {
        Value::Object(fields) => Ok(fields),
        other => Err(one("the entry", other, "must be an object")),
    }
}

fn entry(line: usize, fields: &Fields) -> Result<Entry, Faults> {
    let mut faults = Faults::new();
    let given = |key: &str, faults: &mut Faults| match fields.get(key) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.trim().to_owned()),
        // A spreadsheet takes an account's id for a number.
        Some(Value::Number(number)) if key == "accountId" => {
            Some(format!("{:0>12}", number.to_string()))
        }
        Some(other) => {
            faults.push(Fault::of(key, other, "must be text"));
            None
        }
    };
    let account_id = given("accountId", &mut faults);
    let tenant_id = given("tenantId", &mut faults);
    let tier = given("tier", &mut faults);
    let tenant_name = given("tenantName", &mut faults);
    for (key, value) in [("accountId", &account_id), ("tenantId", &tenant_id), ("tier", &tier)] {
        if value.is_none() && fields.get(key).is_none_or(Value::is_null) {
            faults.push(Fault::missing(key));
        }
    }
    for key in fields.keys().filter(|key| !KEYS.contains(&key.as_str())) {
        let rule = format!("must be one of {}", KEYS.join(", "));
        faults.push(Fault::new("the entry", key, rule));
    }
    let account_id = account_id.and_then(|it| faults.keep("accountId", it.parse()));
    let tenant_id =
        tenant_id.and_then(|it| faults.keep("tenantId", TenantId::of_original(it.as_str())));
    let tier = tier.and_then(|it| faults.keep("tier", it.parse()));
    let tenant_name = match tenant_name.map(|it| faults.keep("tenantName", it.parse())) {
        Some(None) => None,
        Some(Some(name)) => Some(name),
        None => None,
    };
    let whole = (|| {
        let (tenant_id, original_tenant_id) = tenant_id?;
        let (account_id, tier) = (account_id?, tier?);
        Some(Entry { line, account_id, tenant_id, original_tenant_id, tier, tenant_name })
    })();
    faults.none_or(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str, name: &str) -> Vec<String> {
        let entries = read(text, Format::of(name, text)).unwrap();
        entries.iter().map(|it| format!("{} {} {}", it.account_id, it.tenant_id, it.tier)).collect()
    }

    #[test]
    fn all_three_forms_say_the_same() {
        let expected = ["222222222222 acme standard", "033333333333 globex premium"];
        let csv = "\u{feff}Account ID,tenant_id,Tier,tenantName\n222222222222, acme ,standard,\"Acme, Inc.\"\n033333333333,globex,premium,\n";
        assert_eq!(ids(csv, "list.csv"), expected);
        let json = r#"[{"accountId": "222222222222", "tenantId": "acme", "tier": "standard",
            "tenantName": "Acme, Inc."},
            {"accountId": 33333333333, "tenantId": "globex", "tier": "premium"}]"#;
        assert_eq!(ids(json, "list"), expected);
        let lines = "{\"accountId\":\"222222222222\",\"tenantId\":\"acme\",\"tier\":\"standard\"}\n\n\
            {\"accountId\":\"033333333333\",\"tenantId\":\"globex\",\"tier\":\"premium\"}\n";
        assert_eq!(ids(lines, "list.jsonl"), expected);
        let named = read(csv, Format::Csv).unwrap();
        assert_eq!(named[0].tenant_name.as_ref().unwrap().as_str(), "Acme, Inc.");
        assert_eq!((named[0].line, named[1].line), (2, 3));
    }

    #[test]
    fn every_fault_of_every_line_is_named() {
        for (text, expected) in [
            ("", "line 1: accountId: nothing where it is required"),
            ("accountId,tenantId\n", "line 1: tier: nothing where it is required"),
            (
                "accountId,tenantId,tier,colour\n",
                "line 1: the line of names: \"colour\" must be one of",
            ),
            ("accountId,tenantId,tier\n", "line 1: the list: it names no account"),
            ("accountId,tenantId,tier\n12,acme,standard\n", "line 2: accountId: \"12\" must"),
            ("accountId,tenantId,tier\n222222222222,a!b,standard\n", "line 2: tenantId: "),
            ("accountId,tenantId,tier\n222222222222,,standard\n", "line 2: tenantId: nothing"),
            ("accountId,tenantId,tier\n222222222222,a,b,c\n", "line 2: the line: 4 fields where"),
            ("[1]", "line 1: the entry: 1 must be an object"),
            ("[", "line 1: the list: it is no JSON list"),
            ("{\"accountId\": }\n", "line 1: the line: it is no JSON"),
            ("{\"accountId\": \"222222222222\", \"tenant\": \"x\"}", "line 1: tenantId: nothing"),
        ] {
            let faults = read(text, Format::of("-", text)).unwrap_err();
            let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
            assert!(told.iter().any(|it| it.starts_with(expected)), "{text:?}: {told:?}");
        }
    }

    #[test]
    fn of_a_hundred_thousand_lines_the_three_that_are_wrong_are_named() {
        let mut text = "accountId,tenantId,tier\n".to_owned();
        for number in 0..100_000 {
            let (account, tenant) = match number {
                17 => ("17".to_owned(), "t-17".to_owned()),
                50_000 => (format!("{:012}", 600_000_000_000_u64), "A B!".to_owned()),
                _ => (format!("{:012}", 200_000_000_000_u64 + number), format!("t-{number}")),
            };
            let tier = if number == 99_999 { "Tier!" } else { "standard" };
            text.push_str(&format!("{account},{tenant},{tier}\n"));
        }
        let faults = read(&text, Format::Csv).unwrap_err();
        let lines: Vec<usize> = faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [19, 50_002, 100_001]);
    }
}
