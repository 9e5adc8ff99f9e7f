//! The guards as a table.

use super::*;

const ACCOUNT: &str = "222222222222";
const NOW: &str = "2026-11-21T10:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn due() -> AccountTags {
    [
        (tags::TENANT, "acme"),
        (tags::LIFECYCLE, "RETIRING"),
        (tags::LIFECYCLE_AT, "2026-10-20T10:00:00Z"),
        (tags::RETIRE_AFTER, "2026-11-20T10:00:00Z"),
        (tags::RETIRING_AT, "2026-10-21T10:00:00Z"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

fn rules() -> Rules {
    Rules {
        management: "111122223333".parse().unwrap(),
        protected: ["999999999999".parse().unwrap()].into(),
        settle: SignedDuration::from_hours(24),
    }
}

fn find(change: impl FnOnce(&mut Observed<'_>, &mut AccountTags)) -> Finding {
    let (account, empty) = (ACCOUNT.parse().unwrap(), AccountTags::new());
    let mut tags = due();
    let mut observed = Observed {
        account: &account,
        place: Place::Suspended,
        state: AccountState::Active,
        tags: &empty,
        delegated: false,
        closing_since: None,
    };
    change(&mut observed, &mut tags);
    examine(&Observed { tags: &tags, ..observed }, &rules(), at(NOW))
}

fn with(key: &str, value: &str) -> Finding {
    find(|_, tags| {
        tags.insert(key.into(), value.into());
    })
}

fn without(key: &str) -> Finding {
    find(|_, tags| {
        tags.remove(key);
    })
}

#[track_caller]
fn refused(finding: &Finding, code: Code) {
    assert!(matches!(finding, Finding::Refuse(found, _) if *found == code), "{finding:?}");
}

#[test]
fn an_account_that_nothing_speaks_against_is_due() {
    assert_eq!(find(|_, _| ()), Finding::Due(at("2026-11-20T10:00:00Z")));
    let in_retiring = find(|observed, _| observed.place = Place::Retiring);
    assert_eq!(in_retiring, Finding::Due(at("2026-11-20T10:00:00Z")));
}

#[test]
fn each_guard_refuses_by_itself() {
    refused(&without(tags::TENANT), Code::NotATenant);
    refused(&with(tags::TENANT, "Not An Id"), Code::NotATenant);
    refused(&with(tags::PROTECTED, ""), Code::Protected);
    refused(&find(|observed, _| observed.delegated = true), Code::DelegatedAdministrator);
    refused(&find(|observed, _| observed.place = Place::Elsewhere), Code::Elsewhere);
    for key in [tags::LIFECYCLE, tags::LIFECYCLE_AT, tags::RETIRE_AFTER, tags::RETIRING_AT] {
        refused(&without(key), Code::TagsMissing);
        refused(&with(key, "soon"), Code::TagsMalformed);
    }
    refused(&with(tags::LIFECYCLE, "REINSTATED"), Code::Reinstated);
    refused(&with(tags::RETIRING_AT, "2026-11-20T10:00:01Z"), Code::MovedRecently);
    refused(&with(tags::RETIRING_AT, "2027-01-01T00:00:00Z"), Code::MovedRecently);
    for state in [AccountState::Suspended, AccountState::PendingActivation, AccountState::Unknown] {
        refused(&find(|observed, _| observed.state = state), Code::AccountState);
    }
}

#[test]
fn accounts_of_the_lists_are_refused_by_their_ids() {
    for (id, code) in [("111122223333", Code::ManagementAccount), ("999999999999", Code::Protected)]
    {
        let (account, tags) = (id.parse().unwrap(), due());
        let observed = Observed {
            account: &account,
            place: Place::Suspended,
            state: AccountState::Active,
            tags: &tags,
            delegated: false,
            closing_since: None,
        };
        refused(&examine(&observed, &rules(), at(NOW)), code);
    }
}

#[test]
fn an_account_that_was_closed_once_and_is_active_is_not_closed_again() {
    let long_ago = "2026-11-10T10:00:00Z";
    let (just_now, own) = ("2026-11-21T09:30:00Z", at("2026-11-21T09:00:00Z"));
    for place in [Place::Retiring, Place::Suspended] {
        for (mark, since, code) in [
            (long_ago, None, Some(Code::Reopened)),
            (long_ago, Some(own), Some(Code::Reopened)),
            ("soon", Some(own), Some(Code::Reopened)),
            (just_now, None, Some(Code::ClosingUndecided)),
            (just_now, Some(own), None),
        ] {
            let found = find(|observed, found| {
                observed.place = place;
                observed.closing_since = since;
                found.insert(tags::CLOSING_REQUESTED_AT.into(), mark.into());
            });
            match code {
                Some(code) => refused(&found, code),
                None => assert!(matches!(found, Finding::Due(_)), "{found:?}"),
            }
        }
    }
    let back = find(|_, all| {
        all.insert(tags::CLOSING_REQUESTED_AT.into(), long_ago.into());
        all.insert(tags::LIFECYCLE.into(), "REINSTATED".into());
    });
    assert!(matches!(back, Finding::Refuse(Code::Reopened, why) if why.contains("come back")));
}

#[test]
fn a_hold_and_the_cooling_off_time_hold_it_back() {
    assert_eq!(with(tags::HOLD, "law suit"), Finding::Hold("law suit".into()));
    assert_eq!(with(tags::HOLD, ""), Finding::Hold(String::new()));
    let until = "2026-11-21T10:00:01Z";
    assert_eq!(with(tags::RETIRE_AFTER, until), Finding::Wait(at(until)));
    assert_eq!(with(tags::RETIRE_AFTER, NOW), Finding::Due(at(NOW)));
}

#[test]
fn what_is_gone_is_gone_whatever_its_tags_say() {
    let bare = |state| {
        find(|observed, tags| {
            observed.state = state;
            tags.clear();
        })
    };
    assert_eq!(bare(AccountState::Closed), Finding::Closed);
    assert_eq!(bare(AccountState::PendingClosure), Finding::Closing);
    let closed_by_us = find(|observed, tags| {
        observed.state = AccountState::Suspended;
        tags.insert(tags::CLOSING_REQUESTED_AT.into(), NOW.into());
    });
    assert_eq!(closed_by_us, Finding::Closed);
}

#[test]
fn places_are_told_by_the_parents_id() {
    let units = RetirementUnits {
        retiring: "ou-root-retiring".parse().unwrap(),
        suspended: "ou-root-suspended".parse().unwrap(),
    };
    for (parent, place) in [
        ("ou-root-retiring", Place::Retiring),
        ("ou-root-suspended", Place::Suspended),
        ("ou-root-general0", Place::Elsewhere),
        ("r-root", Place::Elsewhere),
    ] {
        assert_eq!(units.place(&parent.parse().unwrap()), place, "{parent}");
    }
}

#[test]
fn times_in_tags_are_whole_seconds() {
    assert_eq!(tag_time(at("2026-11-21T10:00:00.987Z")), "2026-11-21T10:00:00Z");
}
