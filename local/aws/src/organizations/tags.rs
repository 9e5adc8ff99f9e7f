//! Tags of accounts, units, policies and the root, and the index that lags behind them.

use std::collections::{BTreeMap, VecDeque};

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::index::Index;
use super::paging::Page;
use super::state::{Organizations, ROOT};
use super::{constraint, nothing, rules, text};
use crate::{Aws, AwsError, Call};

pub(super) type TagMap = IndexMap<String, String>;

/// Tags as they are, and accounts' tags as the tagging API sees them.
#[derive(Debug, Default)]
pub(crate) struct Tags {
    tags: BTreeMap<String, TagMap>,
    indexed: Index,
    unseen: VecDeque<(Timestamp, String, TagMap)>,
}

impl Tags {
    /// The tags of a resource.
    pub(crate) fn of(&self, id: &str) -> impl Iterator<Item = (&str, &str)> {
        self.tags.get(id).into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The resource exists, without tags.
    pub(super) fn know(&mut self, id: &str) {
        self.tags.entry(id.to_owned()).or_default();
    }

    /// Gives a resource its tags; the tagging API sees them at `seen`.
    pub(super) fn set(&mut self, id: &str, tags: TagMap, seen: Timestamp) {
        if id.bytes().all(|byte| byte.is_ascii_digit()) {
            self.unseen.push_back((seen, id.to_owned(), tags.clone()));
        }
        self.tags.insert(id.to_owned(), tags);
    }

    /// Gives an account its tags, which the tagging API has known for long.
    pub(super) fn settle(&mut self, id: &str, tags: TagMap) {
        if !tags.is_empty() {
            self.indexed.insert(id, tags.clone());
        }
        self.tags.insert(id.to_owned(), tags);
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.tags.remove(id);
        self.indexed.remove(id);
    }

    /// The tagged accounts as the tagging API sees them at this moment, by id, after one; only those
    /// that have one of these values of a key, if it says so.
    pub(crate) fn index<'a>(
        &'a mut self,
        now: Timestamp,
        after: &str,
        wanted: Option<(&str, &[&str])>,
    ) -> impl Iterator<Item = (&'a str, &'a TagMap)> {
        while self.unseen.front().is_some_and(|(seen, ..)| *seen <= now) {
            if let Some((_, id, tags)) = self.unseen.pop_front()
                && self.tags.contains_key(&id)
            {
                self.indexed.insert(&id, tags);
            }
        }
        self.indexed.after(after, wanted)
    }
}

fn exists(organizations: &Organizations, id: &str) -> Result<(), AwsError> {
    let known = id == ROOT
        || organizations.units.contains_key(id)
        || organizations.accounts.contains_key(id)
        || organizations.policies.contains_key(id);
    if known {
        return Ok(());
    }
    Err(AwsError::new(
        "TargetNotFoundException",
        format!("You specified a target that doesn't exist: {id}"),
    ))
}

pub(super) fn tag(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let id = text(call, "ResourceId")?;
    let added = rules::tags(call)?;
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    exists(organizations, id)?;
    let mut tags = organizations.tags.tags.get(id).cloned().unwrap_or_default();
    tags.extend(added);
    if tags.len() > rules::MOST_TAGS {
        return Err(constraint(
            "MAX_TAG_LIMIT_EXCEEDED",
            format!("{} tags are more than {}", tags.len(), rules::MOST_TAGS),
        ));
    }
    organizations.tags.set(id, tags, aws.after(aws.settings().durations.tag_lag));
    Ok(nothing())
}

pub(super) fn untag(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let id = text(call, "ResourceId")?;
    let keys = call.texts("TagKeys");
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    exists(organizations, id)?;
    let mut tags = organizations.tags.tags.get(id).cloned().unwrap_or_default();
    tags.retain(|key, _| !keys.contains(key));
    organizations.tags.set(id, tags, aws.after(aws.settings().durations.tag_lag));
    Ok(nothing())
}

pub(super) fn list(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let id = text(call, "ResourceId")?;
    let mut page = Page::of(aws, call)?;
    // The call takes no MaxResults: a page holds every tag there can be.
    page.hold(rules::MOST_TAGS);
    let state = aws.lock();
    exists(&state.organizations, id)?;
    let tags: Vec<Value> = state
        .organizations
        .tags
        .of(id)
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect();
    Ok(page.fill("Tags", (1..).zip(tags)))
}
