//! Tags of accounts, within AWS's rules for tags in Organizations, and the names of the tags
//! that Landlord itself writes: this is the one place where they are spelled.
//! <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Tag.html>

use std::collections::BTreeMap;

use unicode_general_category::{GeneralCategory as Category, get_general_category};
use unicode_normalization::UnicodeNormalization;

use crate::names::DisplayName;
use crate::text::{require, text_type};
use crate::{Fault, Faults};

/// Whose account it is. An account without this tag is untouchable.
pub const TENANT: &str = "landlord:tenant";
/// The tier under which the tenant was admitted.
pub const TIER: &str = "landlord:tier";
/// The tenant's display name, as far as AWS's tag alphabet allows.
pub const NAME: &str = "landlord:name";
/// The tenant's id as its signup system writes it, where that is another.
pub const ORIGINAL_ID: &str = "landlord:original-id";
/// The hash of the whole baseline that the account is to have: stack sets, Regions, overrides.
pub const BASELINE: &str = "landlord:baseline";
/// What the newest applied event asked for: `RETIRING` or `REINSTATED`.
pub const LIFECYCLE: &str = "landlord:lifecycle";
/// When that event occurred; older ones change nothing.
pub const LIFECYCLE_AT: &str = "landlord:lifecycle-at";
/// From when the account may be closed. Only `retire-tenant` may write or remove it.
pub const RETIRE_AFTER: &str = "landlord:retire-after";
/// Why the tenant left.
pub const RETIRE_REASON: &str = "landlord:retire-reason";
/// At whose wish: the event's source, account and id.
pub const RETIRE_BY: &str = "landlord:retire-by";
/// Where the account stood before it was adopted: a unit, or the root.
pub const ADOPTED_FROM: &str = "landlord:adopted-from";
/// The unit in which the account stood before it was retired.
pub const HOME: &str = "landlord:home";
/// When the account was taken out of service.
pub const RETIRING_AT: &str = "landlord:retiring-at";
/// When its stacks began to be withdrawn: from then on its data is gone.
pub const WITHDRAWN_AT: &str = "landlord:withdrawn-at";
/// When AWS was asked to close it.
pub const CLOSING_REQUESTED_AT: &str = "landlord:closing-requested-at";
/// Written by people, with the reason: neither withdrawn nor closed while it is there.
pub const HOLD: &str = "landlord:hold";
/// Written by people: never closed.
pub const PROTECTED: &str = "landlord:protected";
/// What every tag of Landlord starts with; nobody else may write one.
pub const RESERVED_PREFIX: &str = "landlord:";

/// How many tags an account may have.
pub const MOST_TAGS: usize = 50;
/// How many tags [`crate::TenantDocument`] adds to those of a signup.
pub const OWN_TAGS: usize = 4;
/// How many tags are kept free for the end of the account's life: AWS refuses the fifty-first,
/// and a tenant has to be able to leave.
pub const RETIREMENT_TAGS: usize = 11;

const LONGEST_VALUE: usize = 256;

text_type! {
    /// A tag's key: 1 to 128 letters, digits, spaces or `_.:/=+-@`, not starting with `aws:`.
    TagKey, field "tags", check tag_key
}

fn tag_key(text: &str) -> Result<(), String> {
    require(
        (1..=128).contains(&text.chars().count()) && text.chars().all(is_tag_character),
        "must have a key of 1 to 128 letters, digits, spaces or _.:/=+-@",
    )?;
    require(
        !starts_with_ignoring_case(text, "aws:"),
        "must not have a key that starts with aws:, which AWS reserves",
    )
}

text_type! {
    /// A tag's value: up to 256 letters, digits, spaces or `_.:/=+-@`.
    TagValue, field "tags", check tag_value
}

fn tag_value(text: &str) -> Result<(), String> {
    require(
        text.chars().count() <= LONGEST_VALUE && text.chars().all(is_tag_character),
        "must have a value of at most 256 letters, digits, spaces or _.:/=+-@",
    )
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// AWS's alphabet: `[\p{L}\p{Z}\p{N}_.:/=+\-@]`. Not `char::is_alphabetic`, which also takes
/// combining marks; one such character would fail the whole `CreateAccount`.
fn is_tag_character(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || " _.:/=+-@".contains(c);
    }
    matches!(
        get_general_category(c),
        Category::UppercaseLetter
            | Category::LowercaseLetter
            | Category::TitlecaseLetter
            | Category::ModifierLetter
            | Category::OtherLetter
            | Category::DecimalNumber
            | Category::LetterNumber
            | Category::OtherNumber
            | Category::SpaceSeparator
            | Category::LineSeparator
            | Category::ParagraphSeparator
    )
}

impl TagValue {
    /// The display name, with everything that is outside AWS's tag alphabet turned into single
    /// spaces: `Müller & Söhne` becomes `Müller Söhne`. Empty when nothing is left.
    pub fn reduced(name: &DisplayName) -> Self {
        Self::of_text(name.as_str())
    }

    /// Any text, composed (NFC) so that a letter and its mark are one character where there is
    /// one, with everything that is outside AWS's tag alphabet turned into single spaces, and cut
    /// to 256 characters.
    pub fn of_text(text: &str) -> Self {
        let replaced: String =
            text.nfc().map(|c| if is_tag_character(c) { c } else { ' ' }).collect();
        let joined = replaced.split_whitespace().collect::<Vec<_>>().join(" ");
        let cut: String = joined.chars().take(LONGEST_VALUE).collect();
        Self(cut.trim_end().to_owned())
    }
}

/// Tags by key: at most 50, in the order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "BTreeMap<TagKey, TagValue>", into = "BTreeMap<TagKey, TagValue>")]
pub struct Tags(BTreeMap<TagKey, TagValue>);

impl Tags {
    /// No tags.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses the tags that a signup brings: the keys may not be Landlord's own, and there must
    /// be room for Landlord's.
    ///
    /// # Errors
    /// Every fault of every tag, under `tags.<key>`, and their number.
    pub fn of_signup<'a>(
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Faults> {
        let mut faults = Faults::new();
        let mut tags = BTreeMap::new();
        let mut count = 0;
        for (key, value) in given {
            count += 1;
            let field = format!("tags.{key}");
            if starts_with_ignoring_case(key, RESERVED_PREFIX) {
                let rule = "must not have a key that starts with landlord:, which Landlord keeps";
                faults.push(Fault::new(&field, key, rule));
                continue;
            }
            let key = faults.keep(&field, key.parse::<TagKey>());
            let value = faults.keep(&field, value.parse::<TagValue>());
            if let (Some(key), Some(value)) = (key, value) {
                tags.insert(key, value);
            }
        }
        let own = OWN_TAGS + RETIREMENT_TAGS;
        let most = MOST_TAGS - own;
        if count > most {
            let rule = format!("where at most {most} fit beside Landlord's {own}");
            faults.push(Fault::of("tags", format!("{count} tags"), rule));
        }
        faults.none_or(Some(Self(tags)))
    }

    /// The same, if there is still room for the tag of an original id beside them.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn beside(self, original: Option<&str>) -> Result<Self, Fault> {
        let most = MOST_TAGS - OWN_TAGS - RETIREMENT_TAGS - 1;
        if original.is_some() && self.len() > most {
            let rule = format!("where at most {most} fit beside that of the original id");
            return Err(Fault::of("tags", format!("{} tags", self.len()), rule));
        }
        Ok(self)
    }

    /// Adds a tag, or replaces its value.
    ///
    /// # Errors
    /// When there would be more than 50.
    pub fn insert(&mut self, key: TagKey, value: TagValue) -> Result<(), Fault> {
        if self.0.len() >= MOST_TAGS && !self.0.contains_key(&key) {
            return Err(too_many(self.0.len() + 1));
        }
        self.0.insert(key, value);
        Ok(())
    }

    /// The value of a tag.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find_map(|(k, value)| (k == key).then_some(value))
    }

    /// The tags in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn too_many(count: usize) -> Fault {
    Fault::of("tags", format!("{count} tags"), format!("where an account has at most {MOST_TAGS}"))
}

impl TryFrom<BTreeMap<TagKey, TagValue>> for Tags {
    type Error = Fault;
    fn try_from(tags: BTreeMap<TagKey, TagValue>) -> Result<Self, Fault> {
        if tags.len() > MOST_TAGS { Err(too_many(tags.len())) } else { Ok(Self(tags)) }
    }
}

impl From<Tags> for BTreeMap<TagKey, TagValue> {
    fn from(tags: Tags) -> Self {
        tags.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_alphabet_is_that_of_aws() {
        for good in ["", "a b", "Ünïcode", "日本語", "½ Ⅷ ٣", "a_.:/=+-@"] {
            assert!(good.parse::<TagValue>().is_ok(), "{good}");
        }
        // The last is a letter and a combining mark: alphabetic to Rust, refused by AWS.
        for bad in ["a&b", "a,b", "(x)", "tab\t", "🙂", "हि", &"x".repeat(257)] {
            assert!(bad.parse::<TagValue>().is_err(), "{bad}");
        }
        for bad in ["", "aws:x", "AWS:x", "a#", &"k".repeat(129)] {
            assert!(bad.parse::<TagKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_display_name_is_reduced_to_the_alphabet() {
        let reduced = |name: &str| TagValue::reduced(&name.parse().unwrap()).as_str().to_owned();
        assert_eq!(reduced("Müller & Söhne (Köln)"), "Müller Söhne Köln");
        assert_eq!(reduced("Mu\u{308}ller"), "Müller", "decomposed, as some systems write it");
        assert_eq!(reduced("🙂🙂"), "");
        assert_eq!(reduced("Acme, Inc."), "Acme Inc.");
    }

    #[test]
    fn a_signup_is_told_of_every_bad_tag_at_once() {
        let faults = Tags::of_signup([
            ("landlord:tenant", "x"),
            ("Landlord:x", "x"),
            ("aws:x", "y"),
            ("ok", "fine"),
            ("bad", "a&b"),
        ])
        .unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.clone()).collect();
        assert_eq!(fields, ["tags.landlord:tenant", "tags.Landlord:x", "tags.aws:x", "tags.bad"]);
    }

    #[test]
    fn a_signup_leaves_room_for_the_tags_of_landlord() {
        let keys: Vec<String> = (0..47).map(|n| format!("k{n}")).collect();
        let tags = |n: usize| Tags::of_signup(keys[..n].iter().map(|key| (key.as_str(), "v")));
        assert_eq!(tags(35).unwrap().len(), 35);
        assert_eq!(
            tags(36).unwrap_err().to_string(),
            "tags: 36 tags where at most 35 fit beside Landlord's 15"
        );
    }

    proptest! {
        #[test]
        fn every_display_name_becomes_a_tag_that_aws_takes(name in "\\PC{1,300}") {
            if let Ok(name) = name.parse::<DisplayName>() {
                let value = TagValue::reduced(&name);
                prop_assert!(value.as_str().parse::<TagValue>().is_ok());
            }
        }
    }
}
