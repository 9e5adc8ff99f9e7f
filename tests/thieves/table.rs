//! The table in docs/security.md.

use std::fmt::Write as _;
use std::fs;

use super::Found;
use super::accepted::ACCEPTED;
use super::harms::HARMS;
use crate::workspace::{root, text};

const DOCUMENT: &str = "docs/security.md";
const BEGIN: &str = "<!-- what follows is written by make thieves-table -->\n";
const END: &str = "<!-- until here -->\n";

/// The table as the document has it.
fn written(found: &Found) -> String {
    let mut out = String::from("\n| nr. | harm | who could |\n|---|---|---|\n");
    for (number, harm) in HARMS.iter().enumerate() {
        let could: Vec<&str> = found
            .iter()
            .filter(|(_, harms)| harms.contains(harm.name))
            .map(|(role, _)| role.as_str())
            .collect();
        let could = if could.is_empty() { "nobody".to_owned() } else { could.join(", ") };
        let _ = writeln!(out, "| {} | {} | {could} |", number + 1, harm.name);
    }
    let number = |name: &str| HARMS.iter().position(|harm| harm.name == name).unwrap_or(0) + 1;
    out.push_str("\n| role | could | why it is accepted |\n|---|---|---|\n");
    for (role, harms) in found {
        if harms.is_empty() {
            let _ = writeln!(out, "| {role} | nothing of it | |");
        }
        for (whose, harm, why) in ACCEPTED {
            if whose == role {
                let _ = writeln!(out, "| {role} | {}: {harm} | {why} |", number(harm));
            }
        }
    }
    let tried = found.len() * HARMS.len();
    let could: usize = found.values().map(std::collections::BTreeSet::len).sum();
    let _ = writeln!(
        out,
        "\n{} roles tried {} harms: {tried} attempts, {} refused, {could} accepted.\n",
        found.len(),
        HARMS.len(),
        tried - could
    );
    out
}

/// Compares the table with the document's; writes it there when it is asked for.
#[expect(clippy::disallowed_methods, reason = "how the table is renewed, not what is tested")]
pub(super) fn is_in_the_document(found: &Found) {
    let document = text(DOCUMENT);
    let (before, rest) = document.split_once(BEGIN).expect("the document says where it begins");
    let (is, after) = rest.split_once(END).expect("the document says where it ends");
    let table = written(found);
    if std::env::var("LANDLORD_THIEVES_TABLE").is_ok() {
        let whole = format!("{before}{BEGIN}{table}{END}{after}");
        fs::write(root().join(DOCUMENT), whole).expect("the document can be written");
        return;
    }
    assert!(is == table, "the table in {DOCUMENT} is another: make thieves-table\n{table}");
}
