//! Each class as a table: what is seen, and what is found.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use lifecycle::retirement::{AccountState, AccountTags};
use lifecycle::{Naming, tags};

use super::*;

const TIERS: &str = r#"{"tiers": {
  "standard": {"organizationalUnits": [{"name": "Canary", "weight": 1}, {"name": "General", "weight": 99}],
    "baseline": [{"stackSet": "base", "regions": ["eu-central-1"], "tenantParameters": ["Size"]}]},
  "premium": {"organizationalUnits": [{"name": "Vip", "weight": 1}],
    "baseline": [{"stackSet": "base", "regions": ["eu-central-1", "eu-west-1"]}]}}}"#;
const NOW: &str = "2026-11-21T10:00:00Z";
const ACME: &str = "222222222222";
const OTHER: &str = "333333333333";

fn ground() -> Ground {
    let units = "Canary=ou-root-canary00,General=ou-root-general0,Vip=ou-root-vip00000";
    let units = units.parse().unwrap();
    Ground {
        onboarding: "ou-root-onboardi".parse().unwrap(),
        retiring: "ou-root-retiring".parse().unwrap(),
        suspended: "ou-root-suspende".parse().unwrap(),
        outside: "r-root".parse().unwrap(),
        tiers: Some(lifecycle::TiersConfig::tolerant(TIERS, &units).unwrap()),
        units,
        naming: Naming::new("tenant-", "aws", "example.com").unwrap(),
        under_way: Some(UnderWay::default()),
        missing_sets: BTreeSet::new(),
        unread_sets: BTreeSet::new(),
        events: Events {
            bus: "landlord".into(),
            signups: "saas.signup".into(),
            offboardings: "saas.crm".into(),
        },
        now: NOW.parse().unwrap(),
    }
}

fn instance(region: &str, status: &str) -> Instance {
    Instance {
        stack_set: "base".parse().unwrap(),
        region: region.parse().unwrap(),
        status: status.into(),
        detail: None,
        reason: None,
        overrides: None,
    }
}

/// The hash of a tier's baseline.
fn baseline(tier: &str) -> String {
    let tiers = ground().tiers.unwrap();
    let tier = tiers.get(&tier.parse().unwrap()).unwrap();
    lifecycle::Baseline::new(tier.baseline.clone()).hash
}

/// Acme's account, as it should be.
fn acme() -> Account {
    let all = [
        (tags::TENANT, "acme".to_owned()),
        (tags::TIER, "standard".to_owned()),
        (tags::NAME, "Acme".to_owned()),
        (tags::BASELINE, baseline("standard")),
    ];
    Account {
        name: Some("tenant-acme".into()),
        parent: Some("ou-root-general0".parse().unwrap()),
        tags: Some(all.map(|(key, value)| (key.to_owned(), value)).into()),
        instances: Some(vec![instance("eu-central-1", "CURRENT")]),
        record: Some(Some(Recorded {
            account: Some(ACME.parse().unwrap()),
            ..Recorded::default()
        })),
        ..Account::new(ACME.parse().unwrap(), AccountState::Active)
    }
}

fn with_tag(account: &mut Account, key: &str, value: Option<&str>) {
    let tags: &mut AccountTags = account.tags.as_mut().unwrap();
    match value {
        Some(value) => drop(tags.insert(key.into(), value.into())),
        None => drop(tags.remove(key)),
    }
}

fn stands(account: &mut Account, parent: &str) {
    account.parent = Some(parent.parse().unwrap());
}

fn recorded(account: &mut Account) -> &mut Recorded {
    account.record.as_mut().unwrap().as_mut().unwrap()
}

fn leaves(account: &mut Account) {
    for (key, value) in [
        (tags::LIFECYCLE, "RETIRING"),
        (tags::LIFECYCLE_AT, "2026-11-20T10:00:00Z"),
        (tags::RETIRE_AFTER, "2026-12-20T10:00:00Z"),
        (tags::RETIRING_AT, "2026-11-20T10:00:00Z"),
    ] {
        with_tag(account, key, Some(value));
    }
    recorded(account).left_at = Some("2026-11-20T10:00:00Z".parse().unwrap());
}

/// A change of an account that is as it should be, what it brings about, and a part of each command.
type Row = (&'static str, fn(&mut Account), &'static [(Class, &'static str)]);

const TABLE: [Row; 34] = [
    ("as it should be", |_| {}, &[]),
    (
        "closed where it lives",
        |it| it.state = AccountState::Closed,
        &[(Class::ClosedByHand, "TenantOffboarded")],
    ),
    (
        "closing, by the retired status",
        |it| {
            it.state = AccountState::Suspended;
            with_tag(it, tags::CLOSING_REQUESTED_AT, Some(NOW));
        },
        &[(Class::ClosedByHand, "TenantOffboarded")],
    ),
    (
        "closed in Suspended",
        |it| {
            it.state = AccountState::Closed;
            stands(it, "ou-root-suspende");
        },
        &[],
    ),
    (
        "suspended by AWS",
        |it| it.state = AccountState::Suspended,
        &[(Class::NotActive, "describe-account --account-id 222222222222")],
    ),
    (
        "a state of tomorrow",
        |it| it.state = AccountState::Unknown,
        &[(Class::NotActive, "describe-account")],
    ),
    (
        "in the root, with stacks",
        |it| stands(it, "r-root"),
        &[(
            Class::WrongPlace,
            "--source-parent-id r-root --destination-parent-id ou-root-general0",
        )],
    ),
    (
        "in the root, for minutes",
        |it| {
            stands(it, "r-root");
            it.joined = Some("2026-11-21T09:50:00Z".parse().unwrap());
        },
        &[],
    ),
    (
        "in another team's unit, empty",
        |it| {
            stands(it, "ou-root-elsewher");
            it.instances = Some(Vec::new());
        },
        &[(Class::WrongPlace, "--destination-parent-id ou-root-onboardi")],
    ),
    (
        "in another team's unit, left",
        |it| {
            stands(it, "ou-root-elsewher");
            leaves(it);
        },
        &[(Class::WrongPlace, "--destination-parent-id ou-root-retiring")],
    ),
    (
        "no mark",
        |it| with_tag(it, tags::TENANT, None),
        &[(Class::LostTag, "--tags Key=landlord:tenant,Value=acme")],
    ),
    (
        "a mark that is none",
        |it| with_tag(it, tags::TENANT, Some("ACME!")),
        &[(Class::LostTag, "Value=acme")],
    ),
    (
        "no mark, and a stranger's name",
        |it| {
            with_tag(it, tags::TENANT, None);
            it.name = Some("sandbox".into());
        },
        &[(Class::LostTag, "--destination-parent-id r-root")],
    ),
    (
        "no mark, and the name of one that has its account",
        |it| {
            with_tag(it, tags::TENANT, None);
            it.is_named_after_another = true;
        },
        &[(Class::LostTag, "--destination-parent-id r-root")],
    ),
    (
        "no mark, elsewhere",
        |it| {
            with_tag(it, tags::TENANT, None);
            stands(it, "ou-root-elsewher");
        },
        &[],
    ),
    (
        "forgotten in Onboarding",
        |it| stands(it, "ou-root-onboardi"),
        &[(Class::OnboardingStopped, "TenantSignedUp")],
    ),
    (
        "retiring",
        |it| {
            leaves(it);
            stands(it, "ou-root-retiring");
        },
        &[],
    ),
    (
        "moved to Retiring by hand",
        |it| stands(it, "ou-root-retiring"),
        &[(Class::WrongPlace, "--destination-parent-id ou-root-general0")],
    ),
    (
        "retiring without its time",
        |it| {
            leaves(it);
            stands(it, "ou-root-retiring");
            with_tag(it, tags::RETIRE_AFTER, None);
        },
        &[(Class::RetirementTags, "\\\"occurredAt\\\":\\\"2026-11-21T10:00:00Z\\\"")],
    ),
    (
        "retiring, and its tenant is back",
        |it| {
            leaves(it);
            stands(it, "ou-root-retiring");
            recorded(it).left_at = None;
            recorded(it).back_at = Some("2026-11-21T08:00:00Z".parse().unwrap());
        },
        &[(Class::RecordContradicts, "TenantReinstated")],
    ),
    (
        "left by its record, and live",
        |it| {
            recorded(it).left_at = Some("2026-11-20T10:00:00Z".parse().unwrap());
        },
        &[(Class::RecordContradicts, "\"Source\":\"saas.crm\"")],
    ),
    (
        "no tier, and the baseline of one",
        |it| with_tag(it, tags::TIER, None),
        &[(Class::TagDiffers, "Key=landlord:tier,Value=standard")],
    ),
    (
        "no tier, and a baseline of none",
        |it| {
            with_tag(it, tags::TIER, None);
            with_tag(it, tags::BASELINE, Some("x"));
        },
        &[(Class::TierUnknown, "Key=landlord:tier,Value=TIER")],
    ),
    (
        "a tier that is gone",
        |it| with_tag(it, tags::TIER, Some("gold")),
        &[(Class::TierUnknown, "Key=landlord:tier,Value=standard")],
    ),
    ("no record", |it| it.record = Some(None), &[(Class::RecordMissing, "landlord converge acme")]),
    (
        "a record that knows no account",
        |it| recorded(it).account = None,
        &[(Class::RecordMissing, "landlord converge acme")],
    ),
    (
        "a record of another account",
        |it| recorded(it).account = Some(OTHER.parse().unwrap()),
        &[(Class::RecordContradicts, "landlord converge acme")],
    ),
    (
        "a unit that its tier does not have",
        |it| stands(it, "ou-root-vip00000"),
        &[(Class::WrongUnit, "landlord converge acme")],
    ),
    (
        "an older baseline",
        |it| with_tag(it, tags::BASELINE, Some("x")),
        &[(Class::BehindConfiguration, "landlord converge acme")],
    ),
    (
        "an instance is missing",
        |it| it.instances = Some(Vec::new()),
        &[(Class::InstanceMissing, "landlord converge acme")],
    ),
    (
        "an instance is outdated",
        |it| it.instances = Some(vec![instance("eu-central-1", "OUTDATED")]),
        &[(Class::InstanceOutdated, "landlord converge acme")],
    ),
    (
        "an instance is inoperable",
        |it| it.instances = Some(vec![instance("eu-central-1", "INOPERABLE")]),
        &[(
            Class::InstanceInoperable,
            "--stack-set-name base --accounts 222222222222 --regions eu-central-1 --retain-stacks",
        )],
    ),
    (
        "an instance too many",
        |it| it.instances.as_mut().unwrap().push(instance("eu-west-1", "CURRENT")),
        &[(Class::InstanceBeyond, "--regions eu-west-1 --no-retain-stacks")],
    ),
    (
        "other overrides",
        |it| {
            let one = &mut it.instances.as_mut().unwrap()[0];
            one.overrides = Some([("Size".to_owned(), "large".to_owned())].into());
        },
        &[(Class::OverridesDiffer, "landlord converge acme")],
    ),
];

#[test]
fn each_class_is_found_where_it_is_and_nothing_else() {
    let mut seen = BTreeSet::from([Class::TwoAccounts]);
    for (case, change, expected) in TABLE {
        let mut account = acme();
        change(&mut account);
        let found = findings(&account, &ground());
        let classes: Vec<Class> = found.iter().map(|it| it.class).collect();
        let wanted: Vec<Class> = expected.iter().map(|(class, _)| *class).collect();
        assert_eq!(classes, wanted, "{case}: {found:#?}");
        for (finding, (_, part)) in found.iter().zip(expected) {
            assert!(finding.mend[0].contains(part), "{case}: {:?}", finding.mend);
            assert!(!finding.because.is_empty(), "{case}");
            assert_eq!(finding.account_id.as_str(), ACME);
        }
        seen.extend(wanted);
    }
    assert_eq!(seen, BTreeSet::from(Class::ALL), "each class has its row");
}

#[test]
fn while_somebody_works_on_the_tenant_nothing_is_found() {
    for (case, change, _) in TABLE {
        let mut account = acme();
        change(&mut account);
        let mut ground = ground();
        let under_way = ground.under_way.as_mut().unwrap();
        under_way.tenants.insert("acme".parse().unwrap(), "converge-tenant".into());
        let found = findings(&account, &ground);
        // What no execution of Landlord's mends stays.
        let stays = [Class::ClosedByHand, Class::NotActive, Class::LostTag];
        let others = found.iter().filter(|it| !stays.contains(&it.class));
        assert_eq!(others.count(), 0, "{case}: {found:?}");
    }
}

#[test]
fn a_rollout_excuses_what_is_outdated_and_nothing_that_is_inoperable() {
    let mut ground = ground();
    ground.under_way.as_mut().unwrap().rollouts.insert("base".parse().unwrap());
    for (status, count) in [("OUTDATED", 0), ("INOPERABLE", 1)] {
        let mut account = acme();
        account.instances = Some(vec![instance("eu-central-1", status)]);
        assert_eq!(findings(&account, &ground).len(), count, "{status}");
    }
}

#[test]
fn what_was_not_read_is_never_found_missing() {
    let unread: [fn(&mut Account, &mut Ground); 6] = [
        |account, _| account.tags = None,
        |account, _| account.instances = None,
        |account, _| account.record = None,
        |account, _| account.parent = None,
        |account, ground| {
            account.instances = Some(Vec::new());
            ground.unread_sets.insert("base".parse().unwrap());
        },
        |account, ground| {
            ground.tiers = None;
            account.instances = Some(Vec::new());
        },
    ];
    for (number, change) in unread.into_iter().enumerate() {
        let (mut account, mut ground) = (acme(), ground());
        change(&mut account, &mut ground);
        assert_eq!(findings(&account, &ground), [], "{number}");
    }
    let (mut account, mut ground) = (acme(), ground());
    stands(&mut account, "ou-root-onboardi");
    ground.under_way = None;
    assert_eq!(findings(&account, &ground), [], "whether somebody works on it is not known");
}

#[test]
fn of_two_accounts_the_one_that_its_record_names_is_the_tenants() {
    let unit = || Some("ou-root-general0".parse().unwrap());
    let both = [(ACME.parse().unwrap(), unit()), (OTHER.parse().unwrap(), unit())];
    let tenant = "acme".parse().unwrap();
    let record = Recorded { account: Some(ACME.parse().unwrap()), ..Recorded::default() };
    let found = two_accounts(&tenant, &both, Some(&record), &ground());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].account_id.as_str(), OTHER);
    assert!(found[0].mend[0].ends_with("--resource-id 333333333333 --tag-keys landlord:tenant"));
    assert!(found[0].mend[1].ends_with("--destination-parent-id r-root"));
    let found = two_accounts(&tenant, &both, None, &ground());
    assert_eq!(found.len(), 2, "nobody says which");
    assert_eq!(found[0].mend, ["landlord tenant acme"]);
    assert_eq!(two_accounts(&tenant, &both[..1], None, &ground()), []);
}

#[test]
fn a_finding_is_the_same_whatever_its_words_and_a_class_is_read_in_both_spellings() {
    let mut account = acme();
    account.instances = Some(Vec::new());
    let found = findings(&account, &ground());
    assert_eq!(found[0].key(), "222222222222 INSTANCE_MISSING base in eu-central-1");
    assert_eq!(found[0].tenant_id.as_deref(), Some("acme"));
    let text = serde_json::to_string(&found[0]).unwrap();
    assert_eq!(serde_json::from_str::<Finding>(&text).unwrap(), found[0]);
    for class in Class::ALL {
        assert_eq!(Class::of(class.as_str()), Some(class));
        assert_eq!(Class::of(&class.as_str().to_lowercase().replace('_', "-")), Some(class));
        assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
    }
    assert_eq!(Class::of("nothing"), None);
}

#[test]
fn where_an_account_stands_is_its_state() {
    for (parent, state) in [
        ("ou-root-onboardi", "ONBOARDING"),
        ("ou-root-general0", "LIVE"),
        ("ou-root-retiring", "RETIRING"),
        ("ou-root-suspende", "SUSPENDED"),
        ("ou-root-elsewher", "ELSEWHERE"),
        ("r-root", "ELSEWHERE"),
    ] {
        let mut account = acme();
        stands(&mut account, parent);
        assert_eq!(ground().standing(&account).as_str(), state);
    }
    assert_eq!(wanted_regions(&acme(), &ground()).unwrap()[0].regions.len(), 1);
}
