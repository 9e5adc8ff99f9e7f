//! What a stack of the template would be with given values, as far as it depends on parameters alone:
//! a name that refers to another resource is nothing here.

use std::collections::BTreeMap;

use super::StackTemplate;
use super::node::{Kind, Node};

/// Where a stack stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub stack: String,
    /// Its account.
    pub account: String,
    /// Its Region.
    pub region: String,
    /// AWS's partition.
    pub partition: String,
}

/// A stack of the template, with the values of its parameters.
#[derive(Debug, Clone)]
pub struct Stack<'t> {
    pub(super) template: &'t StackTemplate,
    pub(super) values: &'t BTreeMap<String, String>,
    pub(super) place: Place,
}

/// A resource that the stack has.
#[derive(Debug, Clone)]
pub struct Resource<'t> {
    /// Its logical id.
    pub name: &'t str,
    node: &'t Node,
    stack: &'t Stack<'t>,
}

impl<'t> Stack<'t> {
    /// Its resources of a type whose conditions hold, in the template's order.
    pub fn resources(&'t self, kind: &str) -> Vec<Resource<'t>> {
        let all = self.template.section("Resources").iter();
        let of_kind = all.filter(|(_, node)| node.get("Type").and_then(Node::text) == Some(kind));
        of_kind
            .filter(|(_, node)| {
                let condition = node.get("Condition").and_then(Node::text);
                condition.is_none_or(|name| self.holds(name) != Some(false))
            })
            .map(|(name, node)| Resource { name, node, stack: self })
            .collect()
    }

    /// A parameter's value.
    pub fn value(&self, parameter: &str) -> &str {
        self.values.get(parameter).map_or("", String::as_str)
    }

    fn holds(&self, condition: &str) -> Option<bool> {
        let all = self.template.section("Conditions").iter();
        let (_, node) = all.into_iter().find(|(name, _)| name == condition)?;
        self.truth(node)
    }

    fn truth(&self, node: &Node) -> Option<bool> {
        let Kind::Call(function, argument) = &node.kind else { return None };
        let mut each = argument.items().iter().map(|item| self.truth(item));
        match function.as_str() {
            "Condition" => self.holds(argument.text()?),
            "Fn::Equals" => {
                let [left, right] = argument.items() else { return None };
                Some(self.text(left)? == self.text(right)?)
            }
            "Fn::Not" => each.next()?.map(|truth| !truth),
            "Fn::And" => each.try_fold(true, |all, one| Some(all && one?)),
            "Fn::Or" => each.try_fold(false, |any, one| Some(any || one?)),
            _ => None,
        }
    }

    fn reference(&self, name: &str) -> Option<String> {
        let Place { stack, account, region, partition } = &self.place;
        Some(match name {
            "AWS::StackName" => stack.clone(),
            "AWS::AccountId" => account.clone(),
            "AWS::Region" => region.clone(),
            "AWS::Partition" => partition.clone(),
            name => self.values.get(name)?.clone(),
        })
    }

    fn text(&self, node: &Node) -> Option<String> {
        match &node.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Call(function, argument) => match function.as_str() {
                "Ref" => self.reference(argument.text()?),
                "Fn::Sub" => self.substituted(argument.text()?),
                "Fn::If" => self.text(self.chosen(argument)?),
                "Fn::Join" => {
                    let [delimiter, parts] = argument.items() else { return None };
                    Some(self.texts(parts)?.join(delimiter.text()?))
                }
                _ => None,
            },
            Kind::List(_) | Kind::Map(_) => None,
        }
    }

    fn chosen<'n>(&self, argument: &'n Node) -> Option<&'n Node> {
        let [condition, then, otherwise] = argument.items() else { return None };
        Some(if self.holds(condition.text()?)? { then } else { otherwise })
    }

    fn texts(&self, node: &Node) -> Option<Vec<String>> {
        match &node.kind {
            Kind::List(items) => items.iter().map(|item| self.text(item)).collect(),
            Kind::Call(function, argument) if function == "Ref" => {
                Some(list(&self.reference(argument.text()?)?))
            }
            Kind::Call(function, argument) if function == "Fn::If" => {
                self.texts(self.chosen(argument)?)
            }
            _ => self.text(node).map(|one| vec![one]),
        }
    }

    fn substituted(&self, text: &str) -> Option<String> {
        let mut all = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}')?;
            all.push_str(before);
            all.push_str(&self.reference(name)?);
            rest = after;
        }
        all.push_str(rest);
        Some(all)
    }
}

impl Resource<'_> {
    /// A property, when it depends on parameters alone.
    pub fn text(&self, property: &str) -> Option<String> {
        self.stack.text(self.node.get("Properties")?.get(property)?)
    }

    /// The items of a property, as far as they depend on parameters alone; those that do not are left
    /// out.
    pub fn texts(&self, property: &str) -> Vec<String> {
        let node = self.node.get("Properties").and_then(|node| node.get(property));
        node.map_or(&[][..], Node::items).iter().filter_map(|item| self.stack.text(item)).collect()
    }

    /// Whether the resource stays when its stack goes.
    pub fn is_retained(&self) -> bool {
        let policy = self.node.get("DeletionPolicy").and_then(Node::text);
        policy.is_some_and(|policy| policy.starts_with("Retain"))
    }
}

/// The items of a list's value.
pub(super) fn list(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}
