//! Each verdict's case.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::list::{Format, read};

const TIERS: &str = r#"{"tiers": {"standard": {
  "organizationalUnits": [{"name": "General", "weight": 1}],
  "baseline": [{"stackSet": "base", "regions": ["eu-central-1"]}]}}}"#;
const ID: &str = "222222222222";

pub(crate) fn ground() -> Ground {
    Ground {
        tiers: TIERS.parse().unwrap(),
        units: "General=ou-root-general0,Early=ou-root-early000".parse().unwrap(),
        closed_units: ["ou-root-onboardi", "ou-root-retiring"].map(|it| it.parse().unwrap()).into(),
        from: ["r-root", "ou-root-workload"].map(|it| it.parse().unwrap()).into(),
        management: "111111111111".parse().unwrap(),
        administrators: ["111111111112".parse().unwrap()].into(),
        protected: ["111111111113".parse().unwrap()].into(),
        marked: BTreeMap::from([(
            "globex".parse().unwrap(),
            BTreeSet::from(["999999999999".parse().unwrap()]),
        )]),
    }
}

fn entries(text: &str) -> Vec<Entry> {
    read(&format!("accountId,tenantId,tier,tenantName\n{text}"), Format::Csv).unwrap()
}

fn seen(parent: &str, tags: &[(&str, &str)]) -> Seen {
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Seen {
        state: AccountState::Active,
        parent: parent.parse().unwrap(),
        tags: tags.collect(),
        role: Role::Present,
        stacks: Vec::new(),
    }
}

fn hand_made(same_template: bool) -> HandMade {
    HandMade {
        stack_set: "base".parse().unwrap(),
        region: "eu-central-1".parse().unwrap(),
        stack_id: "arn:stack".to_owned(),
        same_template,
    }
}

#[test]
fn every_account_has_one_verdict_with_its_reason() {
    use Verdict::{Adopt, Adopted, Conflict, Import, NeedsRole, Refuse};
    let (work, home) = ("ou-root-workload", "ou-root-general0");
    let acme = "222222222222,acme,standard,Acme & Co\n";
    let with = |change: &dyn Fn(&mut Seen)| {
        let mut seen = seen(work, &[]);
        change(&mut seen);
        Some(seen)
    };
    let tagged = |parent: &str, tags: &[(&str, &str)]| Some(seen(parent, tags));
    let full: Vec<String> = (0..40).map(|number| format!("k{number}")).collect();
    let left =
        [("landlord:lifecycle", "RETIRING"), ("landlord:lifecycle-at", "2026-11-21T10:00:00Z")];
    for (line, seen, verdict, reason) in [
        (acme, tagged(work, &[]), Adopt, "nothing is in the way"),
        (acme, tagged("r-root", &[("owner", "crm")]), Adopt, "nothing is in the way"),
        (acme, tagged(home, &[]), Adopt, "nothing is in the way"),
        (acme, tagged(work, &[("landlord:tenant", "acme")]), Adopt, "nothing is in the way"),
        (
            acme,
            tagged(home, &[("landlord:tenant", "acme"), ("landlord:tier", "standard")]),
            Adopted,
            "this tenant's already",
        ),
        (
            acme,
            with(&|it| it.role = Role::CanBeMade("OrganizationAccountAccessRole".into())),
            NeedsRole,
            "is made by way of OrganizationAccountAccessRole",
        ),
        (acme, with(&|it| it.role = Role::Unseen), Adopt, "shows as it converges"),
        (
            acme,
            with(&|it| it.role = Role::Missing("AccessDenied".into())),
            NeedsRole,
            "has to make",
        ),
        (acme, with(&|it| it.stacks = vec![hand_made(true)]), Import, "import-stacks-to-stack-set"),
        (acme, with(&|it| it.stacks = vec![hand_made(false)]), Conflict, "another template"),
        (acme, tagged(work, &[("landlord:tenant", "other")]), Conflict, "account of tenant other"),
        (
            acme,
            tagged(home, &[("landlord:tenant", "acme"), ("landlord:tier", "gold")]),
            Conflict,
            "TenantChanged changes it",
        ),
        ("222222222222,globex,standard,\n", tagged(work, &[]), Conflict, "999999999999 already"),
        (
            "222222222222,a,standard,\n222222222222,b,standard,\n",
            tagged(work, &[]),
            Conflict,
            "in the list twice",
        ),
        (
            "222222222222,a,standard,\n333333333333,a,standard,\n",
            tagged(work, &[]),
            Conflict,
            "tenant a has 2 accounts",
        ),
        (acme, None, Refuse, "not in the organization"),
        ("111111111111,acme,standard,\n", None, Refuse, "management account"),
        ("111111111112,acme,standard,\n", None, Refuse, "administers a service"),
        ("111111111113,acme,standard,\n", None, Refuse, "ProtectedAccountIds"),
        ("222222222222,acme,gold,\n", tagged(work, &[]), Refuse, "there is no tier gold"),
        (acme, with(&|it| it.state = AccountState::Closed), Refuse, "its state is CLOSED"),
        (acme, with(&|it| it.state = AccountState::Suspended), Refuse, "its state is SUSPENDED"),
        (acme, tagged(work, &[("landlord:protected", "audit")]), Refuse, "landlord:protected"),
        (acme, tagged(work, &[("landlord:hold", "audit")]), Refuse, "landlord:hold"),
        (acme, tagged(work, &left), Refuse, "its tenant left"),
        (acme, tagged("ou-root-retiring", &[]), Refuse, "onboards or retires"),
        (acme, tagged("ou-root-internal", &[]), Refuse, "--from ou-root-internal"),
        (
            acme,
            with(&|it| it.tags.extend(full.iter().map(|key| (key.clone(), String::new())))),
            Refuse,
            "it has 40 tags",
        ),
    ] {
        let entries = entries(line);
        let all = seen.iter().map(|seen| (ID.parse().unwrap(), seen.clone())).collect();
        let row = judge(&entries, &all, &ground()).remove(0);
        assert_eq!(row.verdict, verdict, "{line}: {}", row.reason);
        assert!(row.reason.contains(reason), "{line}: {}", row.reason);
        let is_applied = verdict == Adopt || row.make_role_by.is_some();
        assert_eq!(row.is_applied(), is_applied);
        assert_eq!(row.to.is_some(), matches!(verdict, Adopt | NeedsRole), "{line}");
        if is_applied {
            assert_eq!(row.to.unwrap().as_str(), home);
            assert_eq!(row.marks.get("landlord:tenant"), Some("acme"));
            assert_eq!(row.marks.get("landlord:name"), Some("Acme Co"));
            assert_eq!(row.marks.get("landlord:adopted-from"), Some(seen.unwrap().parent.as_str()));
        }
    }
}
