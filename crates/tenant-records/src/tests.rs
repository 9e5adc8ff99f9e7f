//! The changes as tables, every order of events, and the lock on the wire.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use scripted_wire::{Script, call};
use serde_json::json;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn acme() -> TenantId {
    "acme".parse().unwrap()
}

fn wish(wish: Wish, occurred_at: &str, event_id: &str) -> LifecycleWish {
    LifecycleWish {
        wish,
        occurred_at: at(occurred_at),
        event_id: event_id.into(),
        reason: None,
        by: None,
    }
}

const TEN: &str = "2026-11-21T10:00:00Z";
const TEN_AND_A_BIT: &str = "2026-11-21T10:00:00.9Z";
const ELEVEN: &str = "2026-11-21T11:00:00Z";

#[test]
fn the_newest_wish_counts_and_coming_back_wins_a_tie() {
    use Received::{Newest, Stale};
    use Wish::{Back, Left};
    for (known, comes, received) in [
        (None, wish(Left, TEN, "b"), Newest),
        (Some(wish(Left, TEN, "a")), wish(Left, ELEVEN, "b"), Newest),
        (Some(wish(Left, ELEVEN, "a")), wish(Left, TEN, "b"), Stale),
        (Some(wish(Left, ELEVEN, "a")), wish(Back, TEN, "b"), Stale),
        (Some(wish(Left, TEN, "a")), wish(Back, TEN, "b"), Newest),
        (Some(wish(Back, TEN, "a")), wish(Left, TEN, "b"), Stale),
        (Some(wish(Back, TEN, "a")), wish(Left, TEN_AND_A_BIT, "b"), Newest),
        (Some(wish(Left, TEN_AND_A_BIT, "a")), wish(Back, TEN, "b"), Stale),
        (Some(wish(Left, TEN, "a")), wish(Left, TEN, "a"), Newest),
        (Some(wish(Left, TEN, "b")), wish(Left, TEN, "a"), Newest),
        (Some(wish(Back, TEN, "a")), wish(Back, TEN, "b"), Newest),
    ] {
        let mut record = TenantRecord::new(acme());
        record.newest_lifecycle.clone_from(&known);
        assert_eq!(record.take(&comes), received, "{known:?} {comes:?}");
        let is_older = known.as_ref().is_some_and(|known| known.event_id > comes.event_id);
        let expected = if received == Newest && !is_older { Some(comes) } else { known };
        assert_eq!(record.newest_lifecycle, expected);
    }
}

#[test]
fn a_signup_is_left_only_by_a_later_wish() {
    for (known, signup) in [
        (None, Signup::Welcome),
        (Some(wish(Wish::Left, TEN, "a")), Signup::Welcome),
        (Some(wish(Wish::Left, TEN_AND_A_BIT, "a")), Signup::Welcome),
        (Some(wish(Wish::Left, ELEVEN, "a")), Signup::Left),
        (Some(wish(Wish::Back, ELEVEN, "a")), Signup::Welcome),
    ] {
        let mut record = TenantRecord::new(acme());
        record.newest_lifecycle = known;
        assert_eq!(record.signup(at(TEN)), signup);
        let detail = json!({"tenantId": "acme"});
        assert_eq!(record.admit(at(TEN), &detail), signup);
        assert_eq!(record.left_signup.is_some(), signup == Signup::Left);
        let creating = Creating { event_id: "s".into(), since: at(ELEVEN), signed_up_at: None };
        assert_eq!(record.begin(at(TEN), &detail, &creating), signup);
        assert_eq!(record.creating.is_some(), signup == Signup::Welcome);
        let account = "222222222222".parse().unwrap();
        assert_eq!(record.know(at(TEN), &account), signup);
        assert_eq!((record.creating, record.left_signup), (None, None));
        assert_eq!(record.account_id, Some(account));
    }
}

#[test]
fn a_leaving_from_before_the_signup_that_an_account_is_made_for_is_stale_in_every_order() {
    use Received::{Newest, Stale};
    let account = "222222222222".parse().unwrap();
    for (left_at, received) in [
        ("2026-11-21T09:59:59.9Z", Stale),
        (TEN, Newest),
        (TEN_AND_A_BIT, Newest),
        (ELEVEN, Newest),
    ] {
        let left = wish(Wish::Left, left_at, "a");
        let creating =
            Creating { event_id: "s".into(), since: at(ELEVEN), signed_up_at: Some(at(TEN)) };
        for comes_first in [false, true] {
            let mut record = TenantRecord::new(acme());
            if comes_first && received == Stale {
                assert_eq!(record.take(&left), Newest, "nobody has signed up");
            }
            assert_eq!(record.begin(at(TEN), &json!({}), &creating), Signup::Welcome);
            assert_eq!(record.take(&left), received, "{left_at}: it is in the making");
            record.found(&account, false);
            assert_eq!(record.take(&left), received, "{left_at}: it was found");
            record.know(at(TEN), &account);
            assert_eq!(record.take(&left), received, "{left_at}: it is there");
        }
        // An account that was there: its tenant signed up once more, and leaves all the same.
        let mut record = TenantRecord::new(acme());
        record.found(&account, false);
        record.know(at(TEN), &account);
        assert_eq!(record.take(&left), Newest, "{left_at}");
    }
}

#[test]
fn an_account_in_the_making_is_given_up_by_its_own_signup_only() {
    let mut record = TenantRecord::new(acme());
    let creating = Creating { event_id: "s".into(), since: at(TEN), signed_up_at: None };
    record.begin(at(TEN), &json!({}), &creating);
    record.give_up("another");
    assert_eq!(record.creating, Some(creating));
    record.give_up("s");
    assert_eq!(record.creating, None);
}

#[test]
fn a_closed_account_is_remembered_only_while_no_other_is_known() {
    let (old, new) = ("222222222222", "333333333333");
    for (known, found, is_closed, expected) in [
        (None, old, true, old),
        (None, old, false, old),
        (Some(new), old, true, new),
        (Some(old), new, false, new),
    ] {
        let mut record = TenantRecord::new(acme());
        record.account_id = known.map(|id: &str| id.parse().unwrap());
        record.found(&found.parse().unwrap(), is_closed);
        assert_eq!(record.account_id.unwrap().as_str(), expected, "{known:?} {found}");
    }
}

#[test]
fn what_another_version_keeps_is_kept() {
    let text = json!({"version": 1, "tenantId": "acme", "parameters": {"a": 1}}).to_string();
    let mut record: TenantRecord = serde_json::from_str(&text).unwrap();
    record.take(&wish(Wish::Left, TEN, "a"));
    assert_eq!(serde_json::to_value(&record).unwrap()["parameters"], json!({"a": 1}));
}

fn events() -> impl Strategy<Value = Vec<LifecycleWish>> {
    let event = (any::<bool>(), 0_i64..4, 0_i64..3, 0_usize..1_000);
    proptest::collection::vec(event, 1..6).prop_map(|events| {
        let made = events.into_iter().enumerate().map(|(n, (back, second, tenth, _))| {
            let moment = at(TEN)
                + jiff::SignedDuration::from_secs(second)
                + jiff::SignedDuration::from_millis(tenth * 100);
            let kind = if back { Wish::Back } else { Wish::Left };
            wish(kind, &moment.to_string(), &format!("event-{n}"))
        });
        made.collect()
    })
}

proptest! {
    #[test]
    fn every_order_and_duplication_of_events_gives_the_same_record(
        (events, order) in events().prop_flat_map(|events| {
            let order = proptest::collection::vec(0..events.len(), 0..12);
            let whole = Just((0..events.len()).collect::<Vec<_>>()).prop_shuffle();
            (Just(events), (order, whole).prop_map(|(mut some, all)| { some.extend(all); some }))
        })
    ) {
        let play = |order: &[usize]| {
            let mut record = TenantRecord::new(acme());
            for index in order {
                record.take(&events[*index]);
            }
            record
        };
        let in_order: Vec<usize> = (0..events.len()).collect();
        prop_assert_eq!(play(&in_order), play(&order));
    }
}

fn records(script: &Script) -> TenantRecords {
    TenantRecords::new(&script.wire("eu-central-1"), "runs")
}

const KEY: &str = "tenants/acme.json";

#[tokio::test(start_paused = true)]
async fn a_first_wish_makes_the_record_and_a_repeated_one_writes_nothing() {
    let left = wish(Wish::Left, TEN, "a");
    let mut record = TenantRecord::new(acme());
    record.take(&left);
    let text = serde_json::to_string(&record).unwrap();
    let script = Script::new([
        call("GetObject", json!({"key": KEY})).refuses_as_s3(404, "NoSuchKey"),
        call("PutObject", json!({"key": KEY, "ifNoneMatch": "*", "body": text})),
        call("GetObject", json!({"key": KEY})).answers_text(&text),
    ]);
    let first = records(&script).wish(&acme(), &left).await.unwrap();
    let again = records(&script).wish(&acme(), &left).await.unwrap();
    assert_eq!((first.answer, &first), (Received::Newest, &again));
    script.played();
}

#[tokio::test(start_paused = true)]
async fn a_lost_race_is_read_again_and_what_the_other_wrote_counts() {
    let mut newer = TenantRecord::new(acme());
    newer.take(&wish(Wish::Back, ELEVEN, "b"));
    let text = serde_json::to_string(&newer).unwrap();
    let script = Script::new([
        call("GetObject", json!({"key": KEY})).refuses_as_s3(404, "NoSuchKey"),
        call("PutObject", json!({"ifNoneMatch": "*"})).refuses_as_s3(412, "PreconditionFailed"),
        call("GetObject", json!({"key": KEY})).answers_text(&text),
    ]);
    let changed = records(&script).wish(&acme(), &wish(Wish::Left, TEN, "a")).await.unwrap();
    assert_eq!((changed.answer, changed.record), (Received::Stale, newer));
    script.played();
}

#[tokio::test(start_paused = true)]
async fn a_race_that_is_lost_again_and_again_passes_later() {
    let round = || {
        [
            call("GetObject", json!({})).refuses_as_s3(404, "NoSuchKey"),
            call("PutObject", json!({})).refuses_as_s3(412, "PreconditionFailed"),
        ]
    };
    let script = Script::new((0..ATTEMPTS).flat_map(|_| round()));
    let trouble = records(&script).wish(&acme(), &wish(Wish::Left, TEN, "a")).await.unwrap_err();
    assert!(matches!(trouble, Trouble::Passing(refusal) if &*refusal.code == "Contended"));
    script.played();
}

#[tokio::test(start_paused = true)]
async fn a_signup_of_a_tenant_that_has_not_left_is_one_read() {
    let script =
        Script::new([call("GetObject", json!({"key": KEY})).refuses_as_s3(404, "NoSuchKey")]);
    let changed = records(&script).admit(&acme(), at(TEN), &json!({})).await.unwrap();
    assert_eq!(changed.answer, Signup::Welcome);
    script.played();
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_no_record_is_refused() {
    let script = Script::new([call("GetObject", json!({})).answers_text("[]")]);
    let trouble = records(&script).admit(&acme(), at(TEN), &json!({})).await.unwrap_err();
    assert!(matches!(trouble, Trouble::Refused(refusal) if &*refusal.code == "NotARecord"));
}
