//! An organization, a bucket and a bus of a few lines, behind the unchanged SDK.

pub(crate) mod asking;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use scripted_wire::{Answer, Model, Seen};
use serde_json::{Value, json};

/// An account, and what the index of tags knows of it.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) unit: &'static str,
    pub(crate) state: &'static str,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) is_indexed: bool,
}

/// The world's state.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) objects: BTreeMap<String, String>,
    pub(crate) events: Vec<Value>,
    pub(crate) calls: Vec<String>,
    pub(crate) delegates: Vec<String>,
    /// What the switch's parameter says.
    pub(crate) stop: Option<String>,
    /// The execution that holds the lock runs.
    pub(crate) is_running: bool,
    /// This call is refused once, after so many of its kind.
    pub(crate) refusal: Option<(&'static str, usize, &'static str)>,
}

#[derive(Clone, Default)]
pub(crate) struct World(pub(crate) Arc<Mutex<State>>);

pub(crate) const RETIRING: &str = "ou-root-retiring";
pub(crate) const SUSPENDED: &str = "ou-root-suspended";
pub(crate) const GENERAL: &str = "ou-root-general0";

impl World {
    /// Adds an account of a tenant, with the tags of one that is due since 20 November.
    pub(crate) fn due(&self, id: u64, unit: &'static str, tags: &[(&str, &str)]) {
        let mut all = vec![
            ("landlord:lifecycle", "RETIRING"),
            ("landlord:lifecycle-at", "2026-10-20T10:00:00Z"),
            ("landlord:retire-after", "2026-11-20T10:00:00Z"),
            ("landlord:retiring-at", "2026-10-20T10:00:00Z"),
        ];
        all.extend(tags);
        self.tenant(id, unit, &all);
    }

    pub(crate) fn tenant(&self, id: u64, unit: &'static str, tags: &[(&str, &str)]) {
        let mut all: BTreeMap<String, String> =
            [("landlord:tenant".to_owned(), format!("t{id}"))].into();
        all.extend(tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let account = Account { unit, state: "ACTIVE", tags: all, is_indexed: true };
        self.0.lock().unwrap().accounts.insert(format!("{id:012}"), account);
    }

    pub(crate) fn change(&self, id: u64, change: impl FnOnce(&mut Account)) {
        change(self.0.lock().unwrap().accounts.get_mut(&format!("{id:012}")).unwrap());
    }

    pub(crate) fn object(&self, key: &str) -> String {
        let state = self.0.lock().unwrap();
        state.objects.get(key).unwrap_or_else(|| panic!("no {key}")).clone()
    }

    pub(crate) fn put(&self, key: &str, text: &str) {
        self.0.lock().unwrap().objects.insert(key.into(), text.into());
    }

    pub(crate) fn count(&self, call: &str) -> usize {
        self.0.lock().unwrap().calls.iter().filter(|name| *name == call).count()
    }

    pub(crate) fn lines(&self, prefix: &str) -> Vec<Value> {
        let state = self.0.lock().unwrap();
        let files = state.objects.iter().filter(|(key, _)| key.starts_with(prefix));
        files
            .flat_map(|(_, text)| text.lines().map(|line| serde_json::from_str(line).unwrap()))
            .collect()
    }

    pub(crate) fn model(&self) -> Model {
        let world = self.clone();
        Model::new(move |seen| world.0.lock().unwrap().answer(&seen))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn ok(body: &Value) -> Answer {
    Answer::Body(200, body.to_string())
}

/// A page of a list that begins at `token`, and the next token.
fn page<T: Clone>(all: &[T], token: &str, size: usize) -> (Vec<T>, Option<String>) {
    let start: usize = token.parse().unwrap_or(0);
    let end = (start + size).min(all.len());
    (all[start..end].to_vec(), (end < all.len()).then(|| end.to_string()))
}

impl State {
    fn answer(&mut self, seen: &Seen) -> Answer {
        self.calls.push(seen.call.clone());
        let request = &seen.request;
        if seen.call == "GetParameter" {
            return match &self.stop {
                Some(value) => ok(&json!({"Parameter": {"Value": value}})),
                None => Answer::refusal("ParameterNotFound", &json!({})),
            };
        }
        let made = self.calls.iter().filter(|name| **name == seen.call).count();
        if let Some((call, after, code)) = self.refusal
            && seen.call == call
            && made > after
        {
            // The SDK sends it three times.
            if made == after + 3 || code.contains("Token") || code.contains("Denied") {
                self.refusal = None;
            }
            return Answer::refusal(code, &json!({}));
        }
        match seen.call.as_str() {
            "ListAccountsForParent" => {
                let unit = text(&request["ParentId"]);
                let all: Vec<Value> = self
                    .accounts
                    .iter()
                    .filter(|(_, account)| account.unit == unit)
                    .map(|(id, account)| json!({"Id": id, "State": account.state}))
                    .collect();
                let (accounts, token) = page(&all, text(&request["NextToken"]), 20);
                ok(&json!({"Accounts": accounts, "NextToken": token}))
            }
            "GetResources" => {
                let all: Vec<Value> = self
                    .accounts
                    .iter()
                    .filter(|(_, it)| it.is_indexed && it.tags.contains_key("landlord:tenant"))
                    .map(|(id, account)| {
                        let tags = account.tags.iter();
                        let tags: Vec<Value> =
                            tags.map(|(key, value)| json!({"Key": key, "Value": value})).collect();
                        let arn = format!("arn:aws:organizations::1:account/o-x/{id}");
                        json!({"ResourceARN": arn, "Tags": tags})
                    })
                    .collect();
                let (resources, token) = page(&all, text(&request["PaginationToken"]), 100);
                let token = token.unwrap_or_default();
                ok(&json!({"ResourceTagMappingList": resources, "PaginationToken": token}))
            }
            "ListTagsForResource" => {
                let tags = self.accounts.get(text(&request["ResourceId"])).map(|it| &it.tags);
                let tags: Vec<Value> = tags
                    .into_iter()
                    .flatten()
                    .map(|(key, value)| json!({"Key": key, "Value": value}))
                    .collect();
                ok(&json!({"Tags": tags}))
            }
            "ListDelegatedAdministrators" => {
                let ids = self.delegates.iter().map(|id| json!({"Id": id}));
                ok(&json!({"DelegatedAdministrators": ids.collect::<Vec<_>>()}))
            }
            "DescribeExecution" => {
                let status = if self.is_running { "RUNNING" } else { "FAILED" };
                ok(&json!({"executionArn": "x", "stateMachineArn": "y", "startDate": 0,
                           "status": status}))
            }
            "PutEvents" => {
                self.events.push(request["Entries"][0].clone());
                ok(&json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}))
            }
            "PutObject" => {
                let key = text(&request["key"]).to_owned();
                if request["ifNoneMatch"] == "*" && self.objects.contains_key(&key) {
                    return Answer::Body(412, error("PreconditionFailed"));
                }
                self.objects.insert(key, text(&request["body"]).to_owned());
                Answer::Body(200, String::new())
            }
            "GetObject" => match self.objects.get(text(&request["key"])) {
                Some(object) => Answer::Body(200, object.clone()),
                None => Answer::Body(404, error("NoSuchKey")),
            },
            "DeleteObject" => {
                self.objects.remove(text(&request["key"]));
                Answer::Body(204, String::new())
            }
            "ListObjectsV2" => {
                let (prefix, after) = (text(&request["prefix"]), text(&request["start-after"]));
                let keys = self.objects.keys().filter(|key| key.starts_with(prefix));
                let keys: String = keys
                    .filter(|key| key.as_str() > after)
                    .map(|key| format!("<Contents><Key>{key}</Key></Contents>"))
                    .collect();
                Answer::Body(200, format!("<ListBucketResult>{keys}</ListBucketResult>"))
            }
            other => panic!("unknown call {other}"),
        }
    }
}

fn error(code: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>refused by the test</Message></Error>")
}
