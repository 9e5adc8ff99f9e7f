//! The story as JSON, as a table, and where an answer was not true.

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};

use super::answers::Chapter;
use super::story::{Story, TENANT};

impl Story<'_> {
    /// The story as one document.
    pub(super) fn json(&self) -> Value {
        let chapters: Vec<Value> = self.chapters.iter().map(Chapter::json).collect();
        json!({ "tenantId": TENANT, "chapters": chapters })
    }

    /// The story for people.
    pub(super) fn page(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header([&format!("{TENANT} …"), "Landlord says", "what is seen then", "true"]);
        for chapter in &self.chapters {
            let is_true = if chapter.differences.is_empty() { "yes" } else { "NO" };
            table.add_row([chapter.what, &chapter.said(), &chapter.seen.words(), is_true]);
        }
        table.to_string()
    }

    /// Where an answer is not what was observed.
    pub(super) fn differences(&self) -> Vec<String> {
        let of = |chapter: &Chapter| {
            let what = chapter.what;
            let differences = chapter.differences.iter();
            differences.map(|it| format!("{TENANT} {what}: {it}")).collect::<Vec<_>>()
        };
        self.chapters.iter().flat_map(of).collect()
    }
}

impl Chapter {
    fn json(&self) -> Value {
        json!({
            "what": self.what, "answer": self.name, "detail": self.detail,
            "seen": self.seen.json(), "differences": self.differences,
        })
    }

    /// The answer in a line.
    fn said(&self) -> String {
        let text = |member: &str| self.detail[member].as_str().unwrap_or_default();
        let more = match self.name.as_str() {
            "TenantReady" => text("organizationalUnit").to_owned(),
            "TenantRestored" if self.detail["emptied"] == true => "emptied".to_owned(),
            "TenantUnchanged" => text("because").to_owned(),
            "TenantOnboardingFailed" => text("error").to_owned(),
            "RetirementSweepFinished" => text("outcome").to_owned(),
            _ => String::new(),
        };
        if more.is_empty() { self.name.clone() } else { format!("{}: {more}", self.name) }
    }
}
