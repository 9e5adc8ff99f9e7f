//! The intrinsic functions: a tree and what it may refer to become a JSON value.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::TemplateError;
use super::graph::get_att;
use super::model::Template;
use super::node::{Kind, Node};

/// The pseudo parameters.
pub(crate) const PSEUDO: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// The stack in which a template is evaluated.
#[derive(Debug, Clone)]
pub(crate) struct Pseudo {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) stack_id: String,
    pub(crate) stack_name: String,
    /// What the account's stacks export in the Region: names and values.
    pub(crate) exports: BTreeMap<String, String>,
    /// The values of SSM parameters that `{{resolve:ssm:…}}` names, by what stands behind the colon.
    pub(crate) resolved: BTreeMap<String, String>,
}

/// A resource that exists: what `Ref` and `Fn::GetAtt` say about it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Made {
    /// The physical id, which `Ref` answers.
    pub(crate) physical_id: String,
    /// The attributes.
    pub(crate) attributes: Map<String, Value>,
}

/// Everything that an intrinsic may refer to.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    template: &'a Template,
    parameters: &'a IndexMap<String, Value>,
    pseudo: &'a Pseudo,
    conditions: BTreeMap<String, bool>,
    made: BTreeMap<String, Made>,
}

type Evaluated = Result<Option<Value>, TemplateError>;

impl<'a> Scope<'a> {
    /// The scope of a stack: conditions evaluated, rules kept, nothing made yet.
    pub(crate) fn new(
        template: &'a Template,
        parameters: &'a IndexMap<String, Value>,
        pseudo: &'a Pseudo,
    ) -> Result<Self, TemplateError> {
        let mut scope = Self {
            template,
            parameters,
            pseudo,
            conditions: BTreeMap::new(),
            made: BTreeMap::new(),
        };
        for name in template.conditions.keys() {
            scope.settle_condition(name, &mut Vec::new())?;
        }
        scope.check_rules()?;
        Ok(scope)
    }

    /// Says that a resource exists now.
    pub(crate) fn add(&mut self, id: &str, made: Made) {
        self.made.insert(id.to_owned(), made);
    }

    /// Whether a condition holds; none always does.
    pub(crate) fn holds(&self, condition: Option<&str>) -> bool {
        condition.is_none_or(|name| self.conditions.get(name).copied().unwrap_or_default())
    }

    /// The value of a node; `Null` for `AWS::NoValue`.
    pub(crate) fn value(&self, node: &Node, path: &str) -> Result<Value, TemplateError> {
        Ok(self.evaluate(node, path)?.unwrap_or(Value::Null))
    }

    /// The text of a node.
    pub(crate) fn text(&self, node: &Node, path: &str) -> Result<String, TemplateError> {
        match self.evaluate(node, path)? {
            Some(Value::String(text)) => Ok(text),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(Value::Bool(value)) => Ok(value.to_string()),
            other => {
                let found = other.map_or_else(|| "AWS::NoValue".to_owned(), |v| v.to_string());
                let message = format!("expected text, found {found}");
                Err(TemplateError::at(node.line, path, message))
            }
        }
    }

    fn evaluate(&self, node: &Node, path: &str) -> Evaluated {
        Ok(Some(match &node.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => {
                let text = super::dynamic::filled(text, &self.pseudo.resolved);
                Value::String(text.map_err(|fault| TemplateError::at(node.line, path, fault))?)
            }
            Kind::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    values.extend(self.evaluate(item, &format!("{path}[{index}]"))?);
                }
                Value::Array(values)
            }
            Kind::Map(members) => {
                let mut values = Map::new();
                for (name, member) in members {
                    if let Some(value) = self.evaluate(member, &format!("{path}.{name}"))? {
                        values.insert(name.clone(), value);
                    }
                }
                Value::Object(values)
            }
            Kind::Call(function, argument) => {
                return self.call(node.line, function, argument, path);
            }
        }))
    }

    fn call(&self, line: usize, function: &str, argument: &Node, path: &str) -> Evaluated {
        let fault = |message: String| TemplateError::at(line, path, message);
        match function {
            "Ref" => {
                let name = argument.as_text().unwrap_or_default();
                if name == "AWS::NoValue" {
                    return Ok(None);
                }
                self.reference(name).map(Some).map_err(fault)
            }
            "Fn::GetAtt" => {
                let Some((name, attribute)) = get_att(argument) else {
                    return Err(fault("Fn::GetAtt needs [LogicalId, Attribute]".to_owned()));
                };
                let attribute = match (attribute, argument.as_list()) {
                    (Some(attribute), _) => attribute.to_owned(),
                    (None, Some([_, attribute])) => self.text(attribute, path)?,
                    _ => String::new(),
                };
                self.attribute(name, &attribute).map(Some).map_err(fault)
            }
            "Fn::Sub" => self.sub(line, argument, path).map(Some),
            "Fn::Join" => {
                let (separator, items) = self.pair(line, function, argument, path)?;
                let (Value::String(separator), Value::Array(items)) = (&separator, &items) else {
                    return Err(fault("Fn::Join needs [separator, list]".to_owned()));
                };
                let texts: Result<Vec<String>, _> = items.iter().map(plain).collect();
                Ok(Some(Value::String(texts.map_err(fault)?.join(separator))))
            }
            "Fn::Split" => {
                let (separator, text) = self.pair(line, function, argument, path)?;
                let (Value::String(separator), Value::String(text)) = (&separator, &text) else {
                    return Err(fault("Fn::Split needs [separator, text]".to_owned()));
                };
                Ok(Some(text.split(separator.as_str()).map(str::to_owned).collect()))
            }
            "Fn::Select" => {
                let (index, items) = self.pair(line, function, argument, path)?;
                let index = plain(&index).map_err(fault)?;
                let item =
                    items.as_array().and_then(|items| items.get(index.parse::<usize>().ok()?));
                item.cloned().map(Some).ok_or_else(|| {
                    fault(format!("Fn::Select cannot select value at index {index} of {items}"))
                })
            }
            "Fn::Base64" => {
                let text = self.text(argument, path)?;
                Ok(Some(Value::String(BASE64_STANDARD.encode(text))))
            }
            "Fn::FindInMap" => self.find_in_map(line, argument, path).map(Some),
            "Fn::If" => match argument.as_list() {
                Some([condition, yes, no]) => {
                    let name = condition.as_text().unwrap_or_default();
                    let Some(holds) = self.conditions.get(name) else {
                        return Err(fault(format!("there is no condition \"{name}\"")));
                    };
                    self.evaluate(if *holds { yes } else { no }, path)
                }
                _ => Err(fault("Fn::If needs [condition, value, value]".to_owned())),
            },
            "Fn::ImportValue" => {
                let name = self.text(argument, path)?;
                match self.pseudo.exports.get(&name) {
                    Some(value) => Ok(Some(Value::String(value.clone()))),
                    None => Err(fault(format!("No export named {name} found."))),
                }
            }
            "Fn::GetAZs" => {
                let region = match argument.kind {
                    Kind::Null => String::new(),
                    _ => self.text(argument, path)?,
                };
                let region = if region.is_empty() { &self.pseudo.region } else { &region };
                Ok(Some(["a", "b", "c"].iter().map(|zone| format!("{region}{zone}")).collect()))
            }
            "Fn::Cidr" => self.cidr(line, argument, path).map(Some),
            "Fn::Length" => {
                let items = self.value(argument, path)?;
                let length = items.as_array().map(Vec::len);
                length
                    .map(|length| Some(length.into()))
                    .ok_or_else(|| fault(format!("Fn::Length needs a list, found {items}")))
            }
            "Fn::ToJsonString" => Ok(Some(Value::String(self.value(argument, path)?.to_string()))),
            _ => Err(fault(format!("{function} is allowed in conditions only"))),
        }
    }

    /// The first blocks of a size in a larger one.
    fn cidr(&self, line: usize, argument: &Node, path: &str) -> Result<Value, TemplateError> {
        let fault = |message: String| TemplateError::at(line, path, message);
        let parts = argument.as_list().unwrap_or_default();
        let texts: Vec<String> =
            parts.iter().map(|part| self.text(part, path)).collect::<Result<_, _>>()?;
        let (block, count) = match texts.as_slice() {
            [block, count, ..] => (block.as_str(), count.parse::<u32>().unwrap_or_default()),
            _ => return Err(fault("Fn::Cidr takes [ipBlock, count, cidrBits]".to_owned())),
        };
        let bits = texts.get(2).map_or(Ok(8), |bits| bits.parse::<u8>());
        let bits = bits.map_err(|_| fault("the cidrBits of Fn::Cidr is a number".to_owned()))?;
        super::cidr::blocks(block, count, bits)
            .map(|blocks| blocks.into_iter().collect())
            .map_err(fault)
    }

    fn reference(&self, name: &str) -> Result<Value, String> {
        let pseudo = self.pseudo;
        let text = match name {
            "AWS::AccountId" => pseudo.account.clone(),
            "AWS::Region" => pseudo.region.clone(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::StackId" => pseudo.stack_id.clone(),
            "AWS::StackName" => pseudo.stack_name.clone(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::NotificationARNs" => return Ok(Value::Array(Vec::new())),
            _ => {
                if let Some(value) = self.parameters.get(name) {
                    return Ok(value.clone());
                }
                self.resource(name)?.physical_id.clone()
            }
        };
        Ok(Value::String(text))
    }

    fn resource(&self, name: &str) -> Result<&Made, String> {
        self.made
            .get(name)
            .ok_or_else(|| format!("Unresolved resource dependencies [{name}]: it does not exist"))
    }

    fn attribute(&self, name: &str, attribute: &str) -> Result<Value, String> {
        let made = self.resource(name)?;
        made.attributes
            .get(attribute)
            .cloned()
            .ok_or_else(|| format!("{name} has no attribute {attribute}"))
    }

    fn pair(
        &self,
        line: usize,
        function: &str,
        argument: &Node,
        path: &str,
    ) -> Result<(Value, Value), TemplateError> {
        match argument.as_list() {
            Some([first, second]) => Ok((self.value(first, path)?, self.value(second, path)?)),
            _ => {
                let message = format!("{function} needs a list of two");
                Err(TemplateError::at(line, path, message))
            }
        }
    }

    fn sub(&self, line: usize, argument: &Node, path: &str) -> Result<Value, TemplateError> {
        let fault = |message: String| TemplateError::at(line, path, message);
        let (text, own) = match argument.as_list() {
            Some([text, own]) => (text.as_text(), own.as_map()),
            _ => (argument.as_text(), None),
        };
        let Some(text) = text else { return Err(fault("Fn::Sub needs text".to_owned())) };
        let mut result = String::with_capacity(text.len());
        for part in sub_parts(text).map_err(fault)? {
            let name = match part {
                Part::Literal(literal) => {
                    result.push_str(literal);
                    continue;
                }
                Part::Name(name) => name,
            };
            if let Some(node) = own.and_then(|own| own.get(name)) {
                result.push_str(&self.text(node, path)?);
                continue;
            }
            let value = match name.split_once('.') {
                Some((name, attribute)) => self.attribute(name, attribute),
                None => self.reference(name),
            };
            result.push_str(&value.and_then(|value| plain(&value)).map_err(fault)?);
        }
        Ok(Value::String(result))
    }

    fn find_in_map(
        &self,
        line: usize,
        argument: &Node,
        path: &str,
    ) -> Result<Value, TemplateError> {
        let (map, top, second, fallback) = match argument.as_list() {
            Some([map, top, second]) => (map, top, second, None),
            Some([map, top, second, fallback]) => (map, top, second, fallback.get("DefaultValue")),
            _ => {
                let message = "Fn::FindInMap needs [map, top-level key, second-level key]";
                return Err(TemplateError::at(line, path, message));
            }
        };
        let map = self.text(map, path)?;
        let (top, second) = (self.text(top, path)?, self.text(second, path)?);
        let found = self
            .template
            .mappings
            .get(&map)
            .and_then(|mapping| mapping.get(&top))
            .and_then(|keys| keys.get(&second));
        match (found, fallback) {
            (Some(node), _) => node.literal(path),
            (None, Some(fallback)) => self.value(fallback, path),
            (None, None) => Err(TemplateError::at(
                line,
                path,
                format!("the mappings have no {map} / {top} / {second}"),
            )),
        }
    }

    fn settle_condition(
        &mut self,
        name: &str,
        asking: &mut Vec<String>,
    ) -> Result<bool, TemplateError> {
        if let Some(holds) = self.conditions.get(name) {
            return Ok(*holds);
        }
        let path = format!("Conditions.{name}");
        let Some(node) = self.template.conditions.get(name) else {
            return Err(TemplateError::at(0, path, "there is no such condition"));
        };
        if asking.iter().any(|asked| asked == name) {
            let message = format!("circular condition: {} asks for itself", asking.join(" → "));
            return Err(TemplateError::at(node.line, path, message));
        }
        asking.push(name.to_owned());
        let mut named = Vec::new();
        names(node, &mut named);
        for other in named {
            self.settle_condition(&other, asking)?;
        }
        asking.pop();
        let holds = self.truth(node, &path)?;
        self.conditions.insert(name.to_owned(), holds);
        Ok(holds)
    }

    /// Whether a condition's expression holds.
    fn truth(&self, node: &Node, path: &str) -> Result<bool, TemplateError> {
        let fault = |message: &str| TemplateError::at(node.line, path, message);
        let (function, argument) = match &node.kind {
            Kind::Call(function, argument) => (function.as_str(), argument.as_ref()),
            Kind::Map(members) if members.len() == 1 && members.contains_key("Condition") => {
                ("Condition", &members["Condition"])
            }
            Kind::Bool(value) => return Ok(*value),
            _ => return Err(fault("expected Fn::Equals, Fn::And, Fn::Or, Fn::Not or Condition")),
        };
        let parts = argument.as_list();
        match (function, parts) {
            ("Condition", _) => {
                let name = argument.as_text().unwrap_or_default();
                self.conditions
                    .get(name)
                    .copied()
                    .ok_or_else(|| fault(&format!("there is no condition \"{name}\"")))
            }
            ("Fn::Equals", Some([left, right])) => {
                let same = match (self.value(left, path)?, self.value(right, path)?) {
                    (left, right) if left == right => true,
                    (left, right) => {
                        matches!((plain(&left), plain(&right)), (Ok(l), Ok(r)) if l == r)
                    }
                };
                Ok(same)
            }
            ("Fn::Contains", Some([items, item])) => {
                let item = self.value(item, path)?;
                let items = self.value(items, path)?;
                Ok(items.as_array().is_some_and(|items| items.contains(&item)))
            }
            ("Fn::EachMemberEquals", Some([items, item])) => {
                let item = self.value(item, path)?;
                let items = self.value(items, path)?;
                Ok(items.as_array().is_some_and(|items| items.iter().all(|one| *one == item)))
            }
            ("Fn::EachMemberIn", Some([items, all])) => {
                let (items, all) = (self.value(items, path)?, self.value(all, path)?);
                let all = all.as_array().cloned().unwrap_or_default();
                Ok(items.as_array().is_some_and(|items| items.iter().all(|one| all.contains(one))))
            }
            ("Fn::Not", Some([one])) => Ok(!self.truth(one, path)?),
            ("Fn::And", Some(parts)) if (2..=10).contains(&parts.len()) => {
                parts.iter().try_fold(true, |all, part| Ok(all & self.truth(part, path)?))
            }
            ("Fn::Or", Some(parts)) if (2..=10).contains(&parts.len()) => {
                parts.iter().try_fold(false, |any, part| Ok(any | self.truth(part, path)?))
            }
            _ => Err(fault(&format!("{function} does not fit here, or its arguments do not"))),
        }
    }

    /// The names that the template imports where its conditions hold.
    pub(crate) fn imports(&self) -> Result<BTreeSet<String>, TemplateError> {
        let mut found = BTreeSet::new();
        let resources = self.template.resources.values();
        let resources = resources.map(|one| (&one.condition, &one.properties));
        let outputs = self.template.outputs.values().map(|one| (&one.condition, &one.value));
        for (condition, node) in resources.chain(outputs) {
            if self.holds(condition.as_deref()) {
                self.imported(node, &mut found)?;
            }
        }
        Ok(found)
    }

    fn imported(&self, node: &Node, found: &mut BTreeSet<String>) -> Result<(), TemplateError> {
        match &node.kind {
            Kind::List(items) => items.iter().try_for_each(|item| self.imported(item, found)),
            Kind::Map(members) => members.values().try_for_each(|one| self.imported(one, found)),
            Kind::Call(function, argument) if function == "Fn::ImportValue" => {
                found.insert(self.text(argument, "")?);
                Ok(())
            }
            Kind::Call(function, argument) if function == "Fn::If" => match argument.as_list() {
                Some([name, yes, no]) => {
                    self.imported(if self.holds(name.as_text()) { yes } else { no }, found)
                }
                _ => Ok(()),
            },
            Kind::Call(_, argument) => self.imported(argument, found),
            _ => Ok(()),
        }
    }

    fn check_rules(&self) -> Result<(), TemplateError> {
        for (name, rule) in &self.template.rules {
            let path = format!("Rules.{name}");
            if let Some(condition) = rule.get("RuleCondition")
                && !asks_the_account(condition)
                && !self.truth(condition, &path)?
            {
                continue;
            }
            for assertion in rule.get("Assertions").and_then(Node::as_list).unwrap_or_default() {
                let Some(assert) = assertion.get("Assert") else { continue };
                // What an account has of types that are not modelled nobody knows here.
                if asks_the_account(assert) {
                    continue;
                }
                if !self.truth(assert, &path)? {
                    let why = assertion.get("AssertDescription").and_then(Node::as_text);
                    let message = why.unwrap_or("an assertion does not hold");
                    return Err(TemplateError::at(assertion.line, path, message));
                }
            }
        }
        Ok(())
    }
}

/// Whether an expression of a rule asks what the account has.
fn asks_the_account(node: &Node) -> bool {
    match &node.kind {
        Kind::Call(function, argument) => {
            super::arguments::OF_ACCOUNTS.contains(&function.as_str()) || asks_the_account(argument)
        }
        Kind::List(items) => items.iter().any(asks_the_account),
        Kind::Map(members) => members.values().any(asks_the_account),
        _ => false,
    }
}

/// The conditions that a condition names.
fn names(node: &Node, found: &mut Vec<String>) {
    match &node.kind {
        Kind::Call(function, argument) => {
            if function == "Condition" {
                found.extend(argument.as_text().map(str::to_owned));
            }
            names(argument, found);
        }
        Kind::Map(members) => {
            for (name, member) in members {
                if name == "Condition" {
                    found.extend(member.as_text().map(str::to_owned));
                }
                names(member, found);
            }
        }
        Kind::List(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

fn plain(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        other => Err(format!("expected text, found {other}")),
    }
}

/// A part of the text of `Fn::Sub`.
enum Part<'t> {
    Literal(&'t str),
    Name(&'t str),
}

fn sub_parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        parts.push(Part::Literal(&rest[..start]));
        let inner = &rest[start + 2..];
        let Some(end) = inner.find('}') else {
            return Err(format!("Fn::Sub: \"${{\" without \"}}\" in \"{text}\""));
        };
        match inner[..end].strip_prefix('!') {
            Some(literal) => {
                parts.push(Part::Literal("${"));
                parts.push(Part::Literal(literal));
                parts.push(Part::Literal("}"));
            }
            None => parts.push(Part::Name(inner[..end].trim())),
        }
        rest = &inner[end + 1..];
    }
    parts.push(Part::Literal(rest));
    Ok(parts)
}

/// The names that the text of `Fn::Sub` refers to.
pub(crate) fn sub_names(text: &str) -> Result<Vec<&str>, String> {
    Ok(sub_parts(text)?
        .into_iter()
        .filter_map(|part| match part {
            Part::Name(name) => Some(name),
            Part::Literal(_) => None,
        })
        .collect())
}
