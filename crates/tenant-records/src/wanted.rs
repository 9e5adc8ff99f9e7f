//! What a tenant is to have by the events that changed it since it signed up: each field for itself,
//! with the event that said it last. So events in any order, late or twice, come to one record.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lifecycle::{Changes, DisplayName, TierName};
use serde::{Deserialize, Serialize};

/// One field, and which event said it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Said<T> {
    /// What it says.
    pub value: T,
    /// When the event occurred.
    pub occurred_at: Timestamp,
    /// The event's id.
    pub event_id: String,
}

/// What a tenant is to have, as far as events have changed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wanted {
    /// Its tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Said<TierName>>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_name: Option<Said<DisplayName>>,
    /// Its own parameters; nothing is: that of the tier again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Said<Option<String>>>,
    /// Tags of its account.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, Said<String>>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// At least one field is as this event says, or it says nothing of any.
    InEffect,
    /// Newer events have said otherwise of every field.
    Stale,
}

impl Wanted {
    /// Takes what an event changes: for each field the newest event counts, and of two of the very
    /// same moment the one with the greater id, so that every order ends alike.
    pub(crate) fn take(
        &mut self,
        changes: &Changes,
        occurred_at: Timestamp,
        event_id: &str,
    ) -> Recorded {
        let mut fields = 0;
        let mut held = 0;
        let mut count = |is_held: bool| {
            fields += 1;
            held += u32::from(is_held);
        };
        let by = (occurred_at, event_id);
        if let Some(tier) = &changes.tier {
            count(say(&mut self.tier, tier, by));
        }
        if let Some(name) = &changes.tenant_name {
            count(say(&mut self.tenant_name, name, by));
        }
        for (name, value) in &changes.parameters {
            count(say_of(&mut self.parameters, name, value, by));
        }
        for (key, value) in changes.tags.iter() {
            count(say_of(&mut self.tags, key, &value.to_owned(), by));
        }
        if fields > 0 && held == 0 { Recorded::Stale } else { Recorded::InEffect }
    }

    /// The parameters that the tenant has set and not taken back.
    pub fn own_parameters(&self) -> BTreeMap<String, String> {
        let own = self.parameters.iter();
        own.filter_map(|(name, said)| Some((name.clone(), said.value.clone()?))).collect()
    }
}

/// Says it of a field, and whether the field is as said from now on.
fn say<T: Clone + PartialEq>(
    field: &mut Option<Said<T>>,
    value: &T,
    (occurred_at, event_id): (Timestamp, &str),
) -> bool {
    let is_newer = field
        .as_ref()
        .is_none_or(|known| (known.occurred_at, known.event_id.as_str()) < (occurred_at, event_id));
    if is_newer {
        *field = Some(Said { value: value.clone(), occurred_at, event_id: event_id.to_owned() });
    }
    // Sent again, with the same id or another: it is carried out as it was the first time.
    let same = |known: &Said<T>| known.value == *value && known.occurred_at == occurred_at;
    is_newer || field.as_ref().is_some_and(same)
}

fn say_of<T: Clone + PartialEq>(
    fields: &mut BTreeMap<String, Said<T>>,
    key: &str,
    value: &T,
    by: (Timestamp, &str),
) -> bool {
    let mut field = fields.remove(key);
    let is_held = say(&mut field, value, by);
    fields.extend(field.map(|said| (key.to_owned(), said)));
    is_held
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEN: &str = "2026-11-21T10:00:00Z";
    const ELEVEN: &str = "2026-11-21T11:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn to(tier: Option<&str>, name: Option<&str>, parameter: Option<Option<&str>>) -> Changes {
        Changes {
            tier: tier.map(|it| it.parse().unwrap()),
            tenant_name: name.map(|it| it.parse().unwrap()),
            parameters: parameter
                .map(|value| ("Size".to_owned(), value.map(ToOwned::to_owned)))
                .into_iter()
                .collect(),
            ..Changes::default()
        }
    }

    #[test]
    fn each_field_is_as_the_newest_event_says_and_a_late_one_is_stale_only_for_all_its_fields() {
        let mut wanted = Wanted::default();
        let premium = to(Some("premium"), None, Some(Some("large")));
        assert_eq!(wanted.take(&premium, at(ELEVEN), "b"), Recorded::InEffect);
        let late = to(Some("standard"), Some("Acme"), None);
        assert_eq!(wanted.take(&late, at(TEN), "a"), Recorded::InEffect);
        assert_eq!(wanted.tier.as_ref().unwrap().value.as_str(), "premium");
        assert_eq!(wanted.tenant_name.as_ref().unwrap().value.as_str(), "Acme");
        let before = wanted.clone();
        assert_eq!(wanted.take(&to(Some("gold"), None, None), at(TEN), "c"), Recorded::Stale);
        assert_eq!(wanted.take(&premium, at(ELEVEN), "b"), Recorded::InEffect, "it is repeated");
        assert_eq!(wanted.take(&premium, at(ELEVEN), "a"), Recorded::InEffect, "by another id");
        assert_eq!(wanted.take(&Changes::default(), at(TEN), "d"), Recorded::InEffect);
        assert_eq!(wanted, before);
        let taken_back = to(None, None, Some(None));
        assert_eq!(wanted.take(&taken_back, at(ELEVEN), "e"), Recorded::InEffect);
        assert_eq!(wanted.own_parameters(), BTreeMap::new());
    }

    proptest! {
        #[test]
        fn every_order_and_repetition_of_events_comes_to_the_same_record(
            (events, order) in prop::collection::vec((0_i64..3, 0_usize..3, 0_usize..3, 0_usize..3), 1..6)
                .prop_flat_map(|events| {
                    let all = Just((0..events.len()).collect::<Vec<_>>()).prop_shuffle();
                    let again = prop::collection::vec(0..events.len(), 0..6);
                    (Just(events), (again, all).prop_map(|(mut some, all)| { some.extend(all); some }))
                })
        ) {
            let play = |order: &[usize]| {
                let mut wanted = Wanted::default();
                for index in order {
                    let (second, tier, name, parameter) = events[*index];
                    let changes = to(
                        [None, Some("standard"), Some("premium")][tier],
                        [None, Some("A"), Some("B")][name],
                        [None, Some(None), Some(Some("large"))][parameter],
                    );
                    let at = at(TEN) + SignedDuration::from_secs(second);
                    wanted.take(&changes, at, &format!("event-{index}"));
                }
                wanted
            };
            let in_order: Vec<usize> = (0..events.len()).collect();
            prop_assert_eq!(play(&in_order), play(&order));
        }
    }

    use jiff::SignedDuration;
}
