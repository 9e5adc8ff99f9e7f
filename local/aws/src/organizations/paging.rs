//! Pages of at most 20, tokens, and the empty pages in between.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::invalid;
use crate::{Aws, AwsError, Call};

/// The most that a page holds.
const LARGEST: i64 = 20;

/// One page that is asked for.
pub(super) struct Page {
    token_prefix: String,
    /// Everything up to this number was on earlier pages.
    pub(super) after: u64,
    limit: usize,
    empty: bool,
    /// Makes the token of an empty page another one than the token that asked for it: readers
    /// take the same token twice for the end.
    nonce: u32,
}

impl Page {
    /// The page that a call asks for.
    pub(super) fn of(aws: &Aws, call: &Call) -> Result<Self, AwsError> {
        let limit = call.opt_int("MaxResults")?.unwrap_or(LARGEST);
        if limit < 1 {
            return Err(invalid("MIN_VALUE_EXCEEDED", format!("MaxResults: {limit} is below 1")));
        }
        if limit > LARGEST {
            return Err(invalid("MAX_VALUE_EXCEEDED", format!("MaxResults: {limit} is above 20")));
        }
        let token_prefix = format!("{}/", call.operation);
        let after = match call.opt_text("NextToken") {
            None => 0,
            Some(token) => position(token, &token_prefix)
                .ok_or_else(|| invalid("INVALID_NEXT_TOKEN", "The NextToken is not valid."))?,
        };
        let empty = aws.random(fastrand::Rng::f64) < aws.settings().empty_pages;
        let limit = usize::try_from(limit).unwrap_or(1);
        let nonce = aws.random(|random| random.u32(..));
        Ok(Self { token_prefix, after, limit, empty, nonce })
    }

    /// Lets the page hold more.
    pub(super) fn hold(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Fills the page from what comes after the earlier ones, in order.
    pub(super) fn fill(self, member: &str, items: impl Iterator<Item = (u64, Value)>) -> Value {
        let mut items = items.filter(|(sequence, _)| *sequence > self.after).peekable();
        if self.empty && items.peek().is_some() {
            return json!({ member: [], "NextToken": self.token(self.after) });
        }
        let mut last = self.after;
        let mut page = Vec::new();
        while page.len() < self.limit
            && let Some((sequence, item)) = items.next()
        {
            last = sequence;
            page.push(item);
        }
        let mut answer = json!({});
        answer[member] = Value::Array(page);
        if items.peek().is_some() {
            answer["NextToken"] = json!(self.token(last));
        }
        answer
    }

    fn token(&self, after: u64) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}{after}.{}", self.token_prefix, self.nonce))
    }
}

fn position(token: &str, prefix: &str) -> Option<u64> {
    let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    plain.strip_prefix(prefix)?.split_once('.')?.0.parse().ok()
}
