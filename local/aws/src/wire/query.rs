//! awsQuery: a form in, XML out.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use serde_json::{Map, Value};

use super::Operation;
use super::xml::{Style, content, element, tagged};
use crate::AwsError;

/// The members that are maps.
const MAPS: &[&str] = &["Attributes", "SummaryMap"];

/// The XML namespace of a service's answers.
pub(super) fn namespace(service: &str) -> &'static str {
    match service {
        "cloudformation" => "http://cloudformation.amazonaws.com/doc/2010-05-15/",
        "cloudwatch" => "http://monitoring.amazonaws.com/doc/2010-08-01/",
        "iam" => "https://iam.amazonaws.com/doc/2010-05-08/",
        "sns" => "http://sns.amazonaws.com/doc/2010-03-31/",
        "sts" => "https://sts.amazonaws.com/doc/2011-06-15/",
        _ => "https://amazonaws.com/doc/",
    }
}

/// Reads operation and members, from the body or (GET) from the address.
pub(super) fn read(service: &str, request: &Request<Bytes>) -> Result<Operation, AwsError> {
    if !matches!(service, "cloudformation" | "cloudwatch" | "iam" | "sns" | "sts") {
        return Err(AwsError::unknown_operation(
            service,
            "in the query format (the service speaks awsJson here)",
        ));
    }
    let form = if request.body().is_empty() {
        request.uri().query().unwrap_or_default().as_bytes()
    } else {
        request.body()
    };
    let mut root = Node::default();
    for (name, value) in form_urlencoded::parse(form) {
        root.put(&name, value.into_owned());
    }
    let mut input = match root.value() {
        Value::Object(input) => input,
        _ => Map::new(),
    };
    input.shift_remove("Version");
    match input.shift_remove("Action") {
        Some(Value::String(name)) => {
            Ok(Operation { name, input: Value::Object(input), status: 200 })
        }
        _ => Err(AwsError::new("MissingAction", "the request has no Action").status(400)),
    }
}

/// A form's dotted names as a tree.
#[derive(Default)]
struct Node {
    text: Option<String>,
    children: BTreeMap<Key, Node>,
}

/// Numbers in the order of numbers, before names.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Index(u32),
    Name(String),
}

impl Node {
    fn put(&mut self, path: &str, text: String) {
        let mut node = self;
        for part in path.split('.') {
            let key = part.parse().map_or_else(|_| Key::Name(part.to_owned()), Key::Index);
            node = node.children.entry(key).or_default();
        }
        node.text = Some(text);
    }

    fn is_list(&self) -> bool {
        !self.children.is_empty() && self.children.keys().all(|key| matches!(key, Key::Index(_)))
    }

    /// The only child, if it is a list and has this name.
    fn list_below(&self, name: &str) -> Option<&Self> {
        let (key, child) = self.children.first_key_value()?;
        (self.children.len() == 1 && *key == Key::Name(name.to_owned()) && child.is_list())
            .then_some(child)
    }

    fn value(&self) -> Value {
        if let Some(list) = self.list_below("entry") {
            return Value::Object(list.children.values().filter_map(Self::entry).collect());
        }
        let list = self.list_below("member").or_else(|| self.is_list().then_some(self));
        if let Some(list) = list {
            return Value::Array(list.children.values().map(Self::value).collect());
        }
        if self.children.is_empty() {
            return match self.text.as_deref() {
                Some(text) => Value::String(text.to_owned()),
                None => Value::Null,
            };
        }
        let mut members = Map::new();
        for (key, child) in &self.children {
            let name = match key {
                Key::Name(name) => name.clone(),
                Key::Index(index) => index.to_string(),
            };
            members.insert(name, child.value());
        }
        Value::Object(members)
    }

    /// A map's entry, spelled `key`/`value` or (SNS) `Name`/`Value`.
    fn entry(&self) -> Option<(String, Value)> {
        let child = |names: [&str; 2]| {
            names.iter().find_map(|name| self.children.get(&Key::Name((*name).to_owned())))
        };
        let key = child(["key", "Name"])?.text.clone()?;
        Some((key, child(["value", "Value"]).map_or(Value::Null, Self::value)))
    }
}

struct Members;

impl Style for Members {
    fn list(&self, out: &mut String, name: &str, items: &[Value]) {
        tagged(out, name, |out| {
            for item in items {
                element(out, self, "member", item);
            }
        });
    }

    fn is_map(&self, name: &str) -> bool {
        MAPS.contains(&name)
    }
}

/// Writes `<OpResponse><OpResult>…</OpResult><ResponseMetadata>…`.
pub(super) fn write(service: &str, operation: &str, request_id: &str, result: &Value) -> String {
    let mut out = format!("<{operation}Response xmlns=\"{}\">", namespace(service));
    tagged(&mut out, &format!("{operation}Result"), |out| content(out, &Members, result));
    tagged(&mut out, "ResponseMetadata", |out| {
        tagged(out, "RequestId", |out| out.push_str(request_id));
    });
    out.push_str(&format!("</{operation}Response>"));
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_form(form: &str) -> Value {
        let request = Request::builder().body(Bytes::from(form.to_owned())).unwrap();
        read("cloudformation", &request).unwrap().input
    }

    #[test]
    fn lists_structures_and_maps_are_read_from_dotted_names() {
        let input = read_form(
            "Action=X&Version=1&Accounts.member.2=b&Accounts.member.1=a&Accounts.member.10=c\
             &OperationPreferences.RegionOrder.member.1=eu-central-1\
             &OperationPreferences.MaxConcurrentCount=3\
             &Tags.member.1.Key=k&Tags.member.1.Value=v\
             &Attributes.entry.1.key=a&Attributes.entry.1.value=1&Empty=",
        );
        assert_eq!(
            input,
            json!({
                "Accounts": ["a", "b", "c"],
                "Attributes": {"a": "1"},
                "Empty": "",
                "OperationPreferences": {"MaxConcurrentCount": "3", "RegionOrder": ["eu-central-1"]},
                "Tags": [{"Key": "k", "Value": "v"}],
            })
        );
    }

    #[test]
    fn message_attributes_of_sns_are_read_as_an_object() {
        let input = read_form(
            "Action=Publish&MessageAttributes.entry.1.Name=tenant\
             &MessageAttributes.entry.1.Value.DataType=String\
             &MessageAttributes.entry.1.Value.StringValue=acme",
        );
        assert_eq!(
            input,
            json!({"MessageAttributes": {"tenant": {"DataType": "String", "StringValue": "acme"}}})
        );
    }

    #[test]
    fn answers_have_members_entries_and_escaped_text() {
        let xml = write(
            "sns",
            "GetTopicAttributes",
            "id",
            &json!({"Attributes": {"Policy": "<&>"}, "List": ["a", {"B": {"$timestamp": 1500}}], "None": null}),
        );
        assert_eq!(
            xml,
            "<GetTopicAttributesResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\
             <GetTopicAttributesResult><Attributes><entry><key>Policy</key>\
             <value>&lt;&amp;&gt;</value></entry></Attributes><List><member>a</member><member>\
             <B>1970-01-01T00:00:01.500Z</B></member></List></GetTopicAttributesResult>\
             <ResponseMetadata><RequestId>id</RequestId></ResponseMetadata>\
             </GetTopicAttributesResponse>"
        );
    }
}
