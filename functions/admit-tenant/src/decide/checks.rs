//! What operators are told of a tier's check, and what a version of the tiers is called. The check
//! itself is that of the crate `tier-check`.

use lifecycle::TierName;
use sha2::{Digest, Sha256};
pub use tier_check::{QuotaSeen, Roles, Seen, StackSetSeen, Verdict, verdict};

/// What identifies a version of the tiers: the first 32 hexadecimal digits of the SHA-256.
pub fn version(tiers: &str) -> String {
    Sha256::digest(tiers).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The notice about a verdict: subject and text. Subjects of SNS are printable ASCII of at most 100
/// characters, which a tier's name leaves room for.
pub fn notice(tier: &TierName, version: &str, verdict: &Verdict) -> (String, String) {
    let list = |lines: &[String]| lines.join("\n- ");
    let mut text = String::new();
    let subject = if verdict.faults.is_empty() {
        format!("Landlord: wishes of tier {tier} that cannot come true")
    } else {
        text.push_str(&format!(
            "Signups of tier {tier} wait, for every one of them would fail:\n- {}\n\nMend it: what \
             waits is looked at again within two minutes, and nothing has to be sent again. Other \
             tiers go on.\n",
            list(&verdict.faults)
        ));
        format!("Landlord: signups of tier {tier} wait")
    };
    if !verdict.warnings.is_empty() {
        text.push_str(&format!(
            "These wishes of tier {tier} cannot come true, and hold nobody back:\n- {}\n",
            list(&verdict.warnings)
        ));
    }
    text.push_str(&format!("\nVersion of the tiers: {version}. This is told once.\n"));
    (subject, text)
}

#[cfg(test)]
mod tests {
    use lifecycle::TierName;

    use super::*;

    #[test]
    fn a_notice_says_what_waits_why_and_what_to_do() {
        let verdict = Verdict { faults: vec!["a".into(), "b".into()], warnings: vec!["c".into()] };
        let (subject, text) = notice(&"gold".parse().unwrap(), &version("{}"), &verdict);
        assert_eq!(subject, "Landlord: signups of tier gold wait");
        for part in ["- a\n- b", "- c", "nothing has to be sent again", "44136fa355b3678a1146ad16"]
        {
            assert!(text.contains(part), "{text}");
        }
        let longest: TierName = "t".repeat(40).parse().unwrap();
        let wishes = Verdict { faults: Vec::new(), ..verdict };
        assert!(notice(&longest, "v", &wishes).0.len() <= 100);
    }
}
