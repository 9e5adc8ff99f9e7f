//! The accounts' tags as the tagging API knows them, and who has which value.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::tags::TagMap;

/// Accounts by their tags. Who has a value is kept for the keys that were ever asked for with one:
/// a tenant's account is looked up among thousands, again and again.
#[derive(Debug, Default)]
pub(super) struct Index {
    tags: BTreeMap<String, TagMap>,
    holders: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Index {
    pub(super) fn insert(&mut self, id: &str, tags: TagMap) {
        self.remove(id);
        for (key, holders) in &mut self.holders {
            if let Some(value) = tags.get(key) {
                holders.entry(value.clone()).or_default().insert(id.to_owned());
            }
        }
        self.tags.insert(id.to_owned(), tags);
    }

    pub(super) fn remove(&mut self, id: &str) {
        let Some(tags) = self.tags.remove(id) else { return };
        for (key, holders) in &mut self.holders {
            let Some(value) = tags.get(key) else { continue };
            if let Some(ids) = holders.get_mut(value) {
                ids.remove(id);
                if ids.is_empty() {
                    holders.remove(value);
                }
            }
        }
    }

    /// The tagged accounts behind one, by id; only those that have one of these values of a key,
    /// if it says so.
    pub(super) fn after<'a>(
        &'a mut self,
        after: &str,
        wanted: Option<(&str, &[&str])>,
    ) -> Box<dyn Iterator<Item = (&'a str, &'a TagMap)> + 'a> {
        let bounds = (Bound::Excluded(after), Bound::Unbounded);
        let Some((key, values)) = wanted else {
            return Box::new(
                self.tags.range::<str, _>(bounds).map(|(id, tags)| (id.as_str(), tags)),
            );
        };
        if !self.holders.contains_key(key) {
            let mut holders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (id, tags) in &self.tags {
                if let Some(value) = tags.get(key) {
                    holders.entry(value.clone()).or_default().insert(id.clone());
                }
            }
            self.holders.insert(key.to_owned(), holders);
        }
        let ids: BTreeSet<&str> = self
            .holders
            .get(key)
            .into_iter()
            .flat_map(|holders| values.iter().filter_map(|value| holders.get(*value)))
            .flat_map(|ids| ids.range::<str, _>(bounds))
            .map(String::as_str)
            .collect();
        let tags = &self.tags;
        Box::new(ids.into_iter().filter_map(|id| Some((id, tags.get(id)?))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(tenant: &str) -> TagMap {
        [("tenant", tenant), ("stage", "live")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into_iter()
            .collect()
    }

    fn ids(index: &mut Index, after: &str, wanted: Option<(&str, &[&str])>) -> Vec<String> {
        index.after(after, wanted).map(|(id, _)| id.to_owned()).collect()
    }

    #[test]
    fn who_has_a_value_is_known_before_and_after_a_change() {
        let mut index = Index::default();
        for (id, tenant) in [("1", "acme"), ("2", "globex"), ("3", "acme")] {
            index.insert(id, tags(tenant));
        }
        let acme: Option<(&str, &[&str])> = Some(("tenant", &["acme"]));
        assert_eq!(ids(&mut index, "", acme), ["1", "3"]);
        assert_eq!(ids(&mut index, "1", acme), ["3"]);
        assert_eq!(ids(&mut index, "", Some(("tenant", &["globex", "acme"]))), ["1", "2", "3"]);
        assert_eq!(ids(&mut index, "1", None), ["2", "3"]);
        index.insert("3", tags("globex"));
        index.insert("4", tags("acme"));
        index.remove("1");
        assert_eq!(ids(&mut index, "", acme), ["4"]);
        assert_eq!(ids(&mut index, "", Some(("tenant", &["globex"]))), ["2", "3"]);
        assert_eq!(ids(&mut index, "", Some(("unheard", &["of"]))), [""; 0]);
    }
}
