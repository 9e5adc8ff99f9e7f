//! Configuration: environment variables, read once and parsed at the edge.
//!
//! A function's `Config::load` takes a [`Lookup`] and not the process's environment, so that a
//! test passes a closure and a simulation passes the variables that `template.yaml` sets. An
//! empty variable counts as one that is not set: CloudFormation cannot leave a variable out
//! depending on a parameter, it can only set it to nothing.

use std::fmt::Display;
use std::str::FromStr;

use crate::Named;

/// How configuration asks for the value of a variable by its name.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is wrong with a function's environment. Step Functions sees `InvalidConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A variable that has no default is missing or empty.
    #[error("environment variable {name} is not set, and it has no default")]
    Missing {
        /// The variable.
        name: String,
    },
    /// A variable's value breaks the rule of its type.
    #[error("environment variable {name} is `{value}`: {rule}")]
    Invalid {
        /// The variable.
        name: String,
        /// Its value, as it was found.
        value: String,
        /// What a value has to be, in the words of the type's parser.
        rule: String,
    },
}

impl Named for Error {
    fn name(&self) -> &'static str {
        "InvalidConfiguration"
    }
}

impl Error {
    /// The fault of a variable whose value was parsed by the caller.
    pub fn invalid(name: &str, value: impl Into<String>, rule: impl Display) -> Self {
        Self::Invalid { name: name.to_owned(), value: value.into(), rule: rule.to_string() }
    }
}

/// The lookup of the process's own environment. Variables that are not Unicode count as unset.
#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
pub fn environment() -> impl Fn(&str) -> Option<String> {
    |name: &str| std::env::var(name).ok()
}

/// The value of a variable, or nothing when it is unset or empty.
pub fn optional(lookup: Lookup<'_>, name: &str) -> Option<String> {
    lookup(name).filter(|value| !value.is_empty())
}

/// The value of a variable that has to be there.
///
/// # Errors
/// [`Error::Missing`] when it is unset or empty.
pub fn required(lookup: Lookup<'_>, name: &str) -> Result<String, Error> {
    optional(lookup, name).ok_or_else(|| Error::Missing { name: name.to_owned() })
}

/// The parsed value of a variable that has to be there.
///
/// # Errors
/// [`Error::Missing`], or [`Error::Invalid`] with the parser's own words.
pub fn parsed<T>(lookup: Lookup<'_>, name: &str) -> Result<T, Error>
where
    T: FromStr<Err: Display>,
{
    parse(name, required(lookup, name)?)
}

/// The parsed value of a variable, or nothing when it is unset or empty.
///
/// # Errors
/// [`Error::Invalid`] with the parser's own words.
pub fn optional_parsed<T>(lookup: Lookup<'_>, name: &str) -> Result<Option<T>, Error>
where
    T: FromStr<Err: Display>,
{
    optional(lookup, name).map(|value| parse(name, value)).transpose()
}

/// The parsed value of a variable, or `default` when it is unset or empty.
///
/// # Errors
/// [`Error::Invalid`] with the parser's own words.
pub fn parsed_or<T>(lookup: Lookup<'_>, name: &str, default: T) -> Result<T, Error>
where
    T: FromStr<Err: Display>,
{
    Ok(optional_parsed(lookup, name)?.unwrap_or(default))
}

/// The values of a comma-separated variable, without surrounding spaces; empty when it is unset.
///
/// # Errors
/// [`Error::Invalid`] with the first value that does not parse.
pub fn list<T>(lookup: Lookup<'_>, name: &str) -> Result<Vec<T>, Error>
where
    T: FromStr<Err: Display>,
{
    optional(lookup, name)
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|value| !value.is_empty())
        .map(|value| parse(name, value.to_owned()))
        .collect()
}

fn parse<T>(name: &str, value: String) -> Result<T, Error>
where
    T: FromStr<Err: Display>,
{
    value.parse().map_err(|rule: T::Err| Error::invalid(name, value, rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(name: &str) -> Option<String> {
        match name {
            "LIMIT" => Some("ten".to_owned()),
            "GRACE_MINUTES" => Some("15".to_owned()),
            "REGIONS" => Some("eu-west-1, us-east-1,".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn a_missing_variable_is_named() {
        let error = required(&variables, "TENANT_OU").unwrap_err();
        assert_eq!(
            error.to_string(),
            "environment variable TENANT_OU is not set, and it has no default"
        );
        assert_eq!(error.name(), "InvalidConfiguration");
    }

    #[test]
    fn an_empty_variable_counts_as_missing() {
        assert!(
            matches!(required(&variables, "EMPTY"), Err(Error::Missing { name }) if name == "EMPTY")
        );
        assert_eq!(parsed_or(&variables, "EMPTY", 7_u32), Ok(7));
    }

    #[test]
    fn a_value_that_does_not_parse_is_shown_with_its_rule() {
        let error = parsed::<u32>(&variables, "LIMIT").unwrap_err();
        assert_eq!(
            error.to_string(),
            "environment variable LIMIT is `ten`: invalid digit found in string"
        );
    }

    #[test]
    fn values_are_parsed_into_the_type_asked_for() {
        assert_eq!(parsed::<u64>(&variables, "GRACE_MINUTES"), Ok(15));
        assert_eq!(optional_parsed::<u64>(&variables, "ABSENT"), Ok(None));
        let regions: Vec<String> = list(&variables, "REGIONS").unwrap();
        assert_eq!(regions, ["eu-west-1", "us-east-1"]);
    }
}
