//! Policy documents: read once, when they are stored, and refused where they say something
//! that would not be evaluated here.

use serde_json::Value;

use super::condition::Condition;
use super::pattern::{self, Keys};

/// What is wrong with a policy document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not JSON.
    #[error("the policy is not JSON: {0}")]
    Json(String),
    /// Something is missing, has the wrong form, or is not known.
    #[error("{place}: {what}")]
    At {
        /// Where: `Statement[1].Condition`.
        place: String,
        /// What is wrong.
        what: String,
    },
}

pub(super) fn fault(place: &str, what: impl Into<String>) -> Fault {
    Fault::At { place: place.to_owned(), what: what.into() }
}

/// What a document is attached to; decides which elements it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Identity,
    Control,
    Trust,
    Resource,
}

/// A policy document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    sid: Option<String>,
    allows: bool,
    principals: Option<(bool, Vec<Principal>)>,
    actions: Patterns,
    resources: Option<Patterns>,
    conditions: Vec<Condition>,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Patterns {
    not: bool,
    patterns: Vec<String>,
}

/// Whom a trust or resource policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Principal {
    Anyone,
    /// An account by id: whoever in it its own policies let.
    Account(String),
    /// A role, user or session.
    Arn(String),
    Service(String),
}

/// Who asks, for documents that name principals.
#[derive(Debug, Clone)]
pub(crate) struct Asker<'a> {
    /// Its account.
    pub(crate) account: &'a str,
    /// Its ARNs: the role's and the session's, or the user's.
    pub(crate) arns: &'a [String],
    /// The service that it is, if it is one.
    pub(crate) service: Option<&'a str>,
}

/// What a document says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A statement denies it.
    Denies,
    /// A statement allows it and none denies it.
    Allows,
    /// No statement is about it.
    Silent,
}

impl Document {
    /// A policy of a role, or a session policy.
    pub fn identity(text: &str) -> Result<Self, Fault> {
        Self::parse(text, Kind::Identity)
    }

    /// A service control policy.
    pub fn service_control(text: &str) -> Result<Self, Fault> {
        Self::parse(text, Kind::Control)
    }

    /// A role's trust policy.
    pub fn trust(text: &str) -> Result<Self, Fault> {
        Self::parse(text, Kind::Trust)
    }

    /// The policy of a queue, topic, bucket, bus or function.
    pub fn resource(text: &str) -> Result<Self, Fault> {
        Self::parse(text, Kind::Resource)
    }

    fn parse(text: &str, kind: Kind) -> Result<Self, Fault> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| Fault::Json(error.to_string()))?;
        let Value::Object(members) = &value else {
            return Err(fault("policy", "must be an object"));
        };
        for (name, value) in members {
            match name.as_str() {
                "Version" if value == "2012-10-17" || value == "2008-10-17" => {}
                "Version" => return Err(fault("Version", format!("{value} is no version"))),
                "Id" | "Statement" => {}
                other => return Err(fault("policy", format!("the element {other} is not known"))),
            }
        }
        let statements = match members.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().collect(),
            Some(one @ Value::Object(_)) => vec![one],
            _ => return Err(fault("Statement", "must be a statement or a list of them")),
        };
        let statements = statements
            .into_iter()
            .enumerate()
            .map(|(index, statement)| {
                Statement::parse(statement, kind, &format!("Statement[{index}]"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if statements.is_empty() {
            return Err(fault("Statement", "must have at least one statement"));
        }
        Ok(Self { statements })
    }

    /// What the document says, for one that names no principals.
    pub(crate) fn verdict(&self, action: &str, resource: &str, context: &dyn Keys) -> Verdict {
        self.judge(None, action, resource, context).0
    }

    /// The same, with the `Sid` (or number) of the statement that decided.
    pub(super) fn judge(
        &self,
        asker: Option<&Asker<'_>>,
        action: &str,
        resource: &str,
        context: &dyn Keys,
    ) -> (Verdict, Option<String>) {
        let mut verdict = (Verdict::Silent, None);
        for (index, statement) in self.statements.iter().enumerate() {
            if !statement.matches(asker, action, resource, context) {
                continue;
            }
            let sid = statement.sid.clone().unwrap_or_else(|| format!("Statement[{index}]"));
            if !statement.allows {
                return (Verdict::Denies, Some(sid));
            }
            if verdict.0 == Verdict::Silent {
                verdict = (Verdict::Allows, Some(sid));
            }
        }
        verdict
    }

    /// What a trust or resource policy says to somebody who asks.
    pub(crate) fn verdict_for(
        &self,
        asker: &Asker<'_>,
        action: &str,
        resource: &str,
        context: &dyn Keys,
    ) -> Verdict {
        self.judge(Some(asker), action, resource, context).0
    }
}

impl Statement {
    fn parse(value: &Value, kind: Kind, place: &str) -> Result<Self, Fault> {
        let Value::Object(members) = value else {
            return Err(fault(place, "must be an object"));
        };
        let names_principals = matches!(kind, Kind::Trust | Kind::Resource);
        for name in members.keys() {
            let known = match name.as_str() {
                "Sid" | "Effect" | "Action" | "NotAction" | "Condition" => true,
                "Principal" | "NotPrincipal" => names_principals,
                "Resource" | "NotResource" => kind != Kind::Trust,
                _ => false,
            };
            if !known {
                return Err(fault(place, format!("the element {name} is not supported here")));
            }
        }
        let allows = match members.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err(fault(&format!("{place}.Effect"), "must be Allow or Deny")),
        };
        let actions = Patterns::parse(members, "Action", place)?
            .ok_or_else(|| fault(place, "must have an Action or a NotAction"))?;
        for action in &actions.patterns {
            if action != "*" && !action.contains(':') {
                return Err(fault(
                    &format!("{place}.Action"),
                    format!("\"{action}\" must be service:Action or *"),
                ));
            }
        }
        let resources = Patterns::parse(members, "Resource", place)?;
        if kind != Kind::Trust && resources.is_none() {
            return Err(fault(place, "must have a Resource or a NotResource"));
        }
        let principals = principals(members, place)?;
        if names_principals && principals.is_none() {
            return Err(fault(place, "must have a Principal"));
        }
        let conditions = match members.get("Condition") {
            Some(conditions) => Condition::parse_all(conditions, &format!("{place}.Condition"))?,
            None => Vec::new(),
        };
        let sid = members.get("Sid").and_then(Value::as_str).map(str::to_owned);
        Ok(Self { sid, allows, principals, actions, resources, conditions })
    }

    fn matches(
        &self,
        asker: Option<&Asker<'_>>,
        action: &str,
        resource: &str,
        context: &dyn Keys,
    ) -> bool {
        let named = match (&self.principals, asker) {
            (Some((not, principals)), Some(asker)) => {
                principals.iter().any(|principal| principal.is(asker)) != *not
            }
            (Some(_), None) => false,
            (None, _) => true,
        };
        named
            && self.actions.any(|wanted| pattern::matches_ignoring_case(wanted, action))
            && self.resources.as_ref().is_none_or(|resources| {
                resources.any(|wanted| {
                    pattern::substitute(wanted, context)
                        .is_some_and(|wanted| pattern::matches(&wanted, resource))
                })
            })
            && self.conditions.iter().all(|condition| condition.holds(context))
    }
}

impl Patterns {
    fn parse(
        members: &serde_json::Map<String, Value>,
        name: &str,
        place: &str,
    ) -> Result<Option<Self>, Fault> {
        let not_name = format!("Not{name}");
        let (not, value, name) = match (members.get(name), members.get(&not_name)) {
            (Some(_), Some(_)) => {
                return Err(fault(place, format!("has both {name} and {not_name}")));
            }
            (Some(value), None) => (false, value, name),
            (None, Some(value)) => (true, value, not_name.as_str()),
            (None, None) => return Ok(None),
        };
        let patterns = texts(value, &format!("{place}.{name}"))?;
        if patterns.is_empty() {
            return Err(fault(&format!("{place}.{name}"), "must not be empty"));
        }
        Ok(Some(Self { not, patterns }))
    }

    fn any(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.patterns.iter().any(|pattern| matches(pattern)) != self.not
    }
}

/// A text or a list of texts.
pub(super) fn texts(value: &Value, place: &str) -> Result<Vec<String>, Fault> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(fault(place, format!("{other} must be a text"))),
    };
    match value {
        Value::Array(items) => items.iter().map(one).collect(),
        other => Ok(vec![one(other)?]),
    }
}

fn principals(
    members: &serde_json::Map<String, Value>,
    place: &str,
) -> Result<Option<(bool, Vec<Principal>)>, Fault> {
    let (not, value) = match (members.get("Principal"), members.get("NotPrincipal")) {
        (Some(_), Some(_)) => return Err(fault(place, "has both Principal and NotPrincipal")),
        (Some(value), None) => (false, value),
        (None, Some(value)) => (true, value),
        (None, None) => return Ok(None),
    };
    let place = format!("{place}.Principal");
    if value == "*" {
        return Ok(Some((not, vec![Principal::Anyone])));
    }
    let Value::Object(kinds) = value else {
        return Err(fault(&place, "must be \"*\" or an object"));
    };
    let mut principals = Vec::new();
    for (kind, names) in kinds {
        for name in texts(names, &place)? {
            principals.push(match kind.as_str() {
                "AWS" => Principal::aws(name, &place)?,
                "Service" => Principal::Service(name),
                other => {
                    return Err(fault(
                        &place,
                        format!("principals of the kind {other} are not supported"),
                    ));
                }
            });
        }
    }
    Ok(Some((not, principals)))
}

impl Principal {
    fn aws(name: String, place: &str) -> Result<Self, Fault> {
        let is_account = |id: &str| id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit());
        if name == "*" {
            return Ok(Self::Anyone);
        }
        if is_account(&name) {
            return Ok(Self::Account(name));
        }
        let account = name
            .strip_prefix("arn:aws:iam::")
            .and_then(|rest| rest.strip_suffix(":root"))
            .filter(|id| is_account(id));
        if let Some(account) = account {
            return Ok(Self::Account(account.to_owned()));
        }
        if name.starts_with("arn:aws:iam::") || name.starts_with("arn:aws:sts::") {
            return Ok(Self::Arn(name));
        }
        Err(fault(place, format!("\"{name}\" is no principal")))
    }

    fn is(&self, asker: &Asker<'_>) -> bool {
        match self {
            Self::Anyone => true,
            Self::Account(account) => asker.service.is_none() && asker.account == account,
            Self::Arn(arn) => asker.arns.contains(arn),
            Self::Service(service) => asker.service == Some(service.as_str()),
        }
    }
}
