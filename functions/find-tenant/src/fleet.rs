//! How many tenants are live, by the index of tags: counted when it matters, page by page over
//! several calls, and remembered for a day. Only Landlord writes the tag, so no event can make the
//! fleet look larger.

use aws_sdk_resourcegroupstagging::Client;
use aws_sdk_resourcegroupstagging::types::{Tag, TagFilter};
use jiff::{SignedDuration, Timestamp};
use lambda_kit::client;
use lambda_kit::sdk::{Trouble, Wire};
use lifecycle::tags;
use run_files::{Condition, Files};
use serde::{Deserialize, Serialize};

const KEY: &str = "brakes/fleet.json";
/// How long a count holds.
const FRESH: SignedDuration = SignedDuration::from_hours(24);
/// For so long an older one is better than none, while it is counted anew.
const USABLE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long a call has for its pages before another may count.
const LEASE: SignedDuration = SignedDuration::from_mins(1);
/// AWS forgets where a list went on after a quarter of an hour:
/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>.
const TOKEN_LIVES: SignedDuration = SignedDuration::from_mins(14);
/// How many pages of a hundred are read in a call: well within its time.
const PAGES: usize = 20;

/// The count of live tenants.
#[derive(Debug, Clone)]
pub(crate) struct Fleet {
    tagging: Client,
    files: Files,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Count {
    counted: Option<Counted>,
    counting: Option<Counting>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Counted {
    at: Timestamp,
    live: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counting {
    at: Timestamp,
    live: u64,
    token: Option<String>,
    /// Whether a call is at it.
    at_work: bool,
}

impl Fleet {
    pub(crate) fn new(wire: &Wire, bucket: &str) -> Self {
        let tagging = client!(aws_sdk_resourcegroupstagging, wire.global());
        Self { tagging, files: Files::new(wire, bucket) }
    }

    /// How many tenants are live; nothing while they are being counted for the first time, by one
    /// call after the other.
    ///
    /// # Errors
    /// Whatever S3 and the tagging API answer.
    pub(crate) async fn live(&self, now: Timestamp) -> Result<Option<u64>, Trouble> {
        let file = self.files.read(KEY).await?;
        let count: Count = file
            .as_ref()
            .and_then(|file| serde_json::from_str(&file.text).ok())
            .unwrap_or_default();
        let within = |age: SignedDuration| {
            count.counted.as_ref().filter(|it| now.duration_since(it.at) < age).map(|it| it.live)
        };
        if let Some(live) = within(FRESH) {
            return Ok(Some(live));
        }
        let (old, counting) = (within(USABLE), count.counting.as_ref());
        if counting.is_some_and(|it| it.at_work && now.duration_since(it.at) < LEASE) {
            return Ok(old);
        }
        let goes_on = counting.filter(|it| now.duration_since(it.at) < TOKEN_LIVES && !it.at_work);
        let mut mine = Counting {
            at: now,
            live: goes_on.map_or(0, |it| it.live),
            token: goes_on.and_then(|it| it.token.clone()),
            at_work: true,
        };
        let condition =
            file.as_ref().map_or(Condition::Absent, |file| Condition::Unchanged(&file.etag));
        let claimed = Count { counting: Some(mine.clone()), counted: count.counted.clone() };
        if !self.files.write(KEY, text(&claimed), condition).await? {
            return Ok(old);
        }
        let complete = self.count(&mut mine).await?;
        mine.at_work = false;
        let counted = if complete {
            Count { counted: Some(Counted { at: now, live: mine.live }), counting: None }
        } else {
            Count { counting: Some(mine.clone()), ..count.clone() }
        };
        self.files.write(KEY, text(&counted), Condition::Always).await?;
        Ok(if complete { Some(mine.live) } else { old })
    }

    /// Counts some pages more; true when that was all.
    async fn count(&self, counting: &mut Counting) -> Result<bool, Trouble> {
        let filter = TagFilter::builder().key(tags::TENANT).build();
        for _ in 0..PAGES {
            let page = self
                .tagging
                .get_resources()
                .resource_type_filters("organizations:account")
                .tag_filters(filter.clone())
                .resources_per_page(100)
                .set_pagination_token(counting.token.take())
                .send()
                .await
                .map_err(|error| Trouble::of("tag", "GetResources", &error))?;
            let leaves = |tags: &[Tag]| tags.iter().any(|tag| tag.key() == tags::RETIRE_AFTER);
            let live = page.resource_tag_mapping_list().iter().filter(|it| !leaves(it.tags()));
            counting.live = counting.live.saturating_add(live.count() as u64);
            counting.token = page.pagination_token.filter(|token| !token.is_empty());
            if counting.token.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn text(count: &Count) -> String {
    serde_json::to_string(count).unwrap_or_default()
}
