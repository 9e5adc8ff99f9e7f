//! One API call, decoded: what was asked, of whom, where, and by whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::AwsError;
use crate::iam::Document;

/// A decoded API call, the same for all wire formats.
#[derive(Debug, Clone)]
pub struct Call {
    /// The service's name in IAM actions: `organizations`, `cloudformation`, `states`, ….
    pub service: &'static str,
    /// The operation as AWS spells it: `CreateAccount`.
    pub operation: String,
    /// The request's members as AWS spells them (REST bindings included). Query requests carry
    /// all scalars as strings: read them with the lenient helpers of [`Call`].
    pub input: Value,
    /// Who calls.
    pub caller: Caller,
    /// The account in which the call acts: the caller's own.
    pub account: String,
    /// The Region that the request was signed for.
    pub region: String,
}

/// Who calls, as credentials say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account of the credentials.
    pub account: String,
    /// The ARN as `GetCallerIdentity` answers it.
    pub arn: String,
    /// What kind of principal it is.
    pub principal: Principal,
}

/// The kinds of principals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The account's administrator: everything is allowed that service control policies allow.
    Administrator,
    /// A role's session.
    Role {
        /// The role's name, without its path.
        role: String,
        /// The session policy given to `AssumeRole`.
        session_policy: Option<Arc<Document>>,
    },
    /// An AWS service that acts for itself, such as `events.amazonaws.com`: not checked.
    Service(String),
}

/// One permission that a call needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The IAM action: `organizations:CreateAccount`.
    pub action: String,
    /// The resource's ARN, or `*` where the action has none.
    pub resource: String,
    /// Condition keys and their values: `aws:ResourceTag/landlord:tenant`.
    pub context: BTreeMap<String, Vec<String>>,
}

impl Access {
    /// The permission for `action` on `resource`, without condition keys.
    pub fn to(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: BTreeMap::new() }
    }

    /// The same permission with one more condition key.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.context.entry(key.into()).or_default().push(value.into());
        self
    }
}

impl Call {
    /// A call that an AWS service makes for itself, such as CloudFormation when it makes a
    /// queue: no credentials, no permissions checked. Perform it with [`crate::Aws::perform`].
    pub fn by_service(
        principal: &str,
        service: &'static str,
        operation: &str,
        (account, region): (&str, &str),
        input: Value,
    ) -> Self {
        Self {
            service,
            operation: operation.to_owned(),
            input,
            caller: Caller {
                account: account.to_owned(),
                arn: principal.to_owned(),
                principal: Principal::Service(principal.to_owned()),
            },
            account: account.to_owned(),
            region: region.to_owned(),
        }
    }

    /// A required text member.
    pub fn text(&self, member: &str) -> Result<&str, AwsError> {
        self.opt_text(member).ok_or_else(|| {
            AwsError::validation(format!(
                "1 validation error detected: Value at '{member}' failed to satisfy constraint: \
                 Member must not be null"
            ))
        })
    }

    /// An optional text member; empty counts as given.
    pub fn opt_text(&self, member: &str) -> Option<&str> {
        self.input.get(member).and_then(Value::as_str)
    }

    /// An optional whole number, from a number or from a query's text.
    pub fn opt_int(&self, member: &str) -> Result<Option<i64>, AwsError> {
        match self.input.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) if number.is_i64() => Ok(number.as_i64()),
            Some(Value::String(text)) => text.parse().map(Some).map_err(|_| {
                AwsError::validation(format!("{member}: \"{text}\" is not a whole number"))
            }),
            Some(other) => {
                Err(AwsError::validation(format!("{member}: {other} is not a whole number")))
            }
        }
    }

    /// An optional truth value, from a boolean or from a query's text.
    pub fn opt_bool(&self, member: &str) -> Result<Option<bool>, AwsError> {
        match self.input.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(other) => Err(AwsError::validation(format!("{member}: {other} is not a boolean"))),
        }
    }

    /// A list member; missing is empty.
    pub fn list(&self, member: &str) -> &[Value] {
        self.input.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// A list of texts; missing is empty, anything but text is left out.
    pub fn texts(&self, member: &str) -> Vec<String> {
        self.list(member).iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}
