//! A plan, in words.

use std::fmt::Write as _;

use adoption::{Plan, Verdict};

/// The plan as people read it: what is not adopted and why comes last, next to the hash.
pub(super) fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    for row in &plan.accounts {
        let (verdict, account) = (row.verdict.as_str(), &row.account_id);
        let _ = writeln!(text, "{verdict:<10} {account} {} ({})", row.tenant_id, row.tier);
        if row.verdict != Verdict::Adopt {
            let _ = writeln!(text, "           {}", row.reason);
        }
    }
    for it in &plan.moves {
        let (from, to, accounts) = (&it.from, &it.to, it.accounts);
        let _ = writeln!(text, "\n{accounts} from {from} to {to}");
        if it.newly_denied.is_empty() {
            let _ = writeln!(text, "  no policy there denies more than here");
        } else {
            let _ = writeln!(text, "  the move would newly deny:");
        }
        for line in &it.newly_denied {
            let _ = writeln!(text, "  - {line}");
        }
    }
    let counts = plan.counts();
    let counts: Vec<String> =
        counts.iter().map(|(verdict, count)| format!("{count} {}", verdict.as_str())).collect();
    let adopted = plan.accounts.iter().filter(|row| row.is_applied()).count();
    let _ = write!(text, "\n{}\n", counts.join(", "));
    if plan.counts().contains_key(&Verdict::Adopt) || adopted > 0 {
        let _ = write!(text, "to adopt {adopted}:\n  landlord adopt apply {}", plan.hash);
    } else {
        let _ = write!(text, "nothing to adopt");
    }
    text
}
