//! The condition block of a statement.

use jiff::Timestamp;
use serde_json::Value;

use super::document::{Fault, fault, texts};
use super::pattern::{self, Keys};

/// One key of one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    quantifier: Quantifier,
    comparison: Comparison,
    /// The operator is a `Not…`: it holds where its comparison does not.
    negated: bool,
    if_exists: bool,
    key: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    One,
    All,
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    EqualIgnoringCase,
    Like,
    Arn,
    Bool,
    Null,
    Numeric(Order),
    Date(Order),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn of<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

fn operator(name: &str) -> Option<(Comparison, bool)> {
    use Comparison::{Arn, Bool, Date, Equal, EqualIgnoringCase, Like, Null, Numeric};
    Some(match name {
        "StringEquals" => (Equal, false),
        "StringNotEquals" => (Equal, true),
        "StringEqualsIgnoreCase" => (EqualIgnoringCase, false),
        "StringNotEqualsIgnoreCase" => (EqualIgnoringCase, true),
        "StringLike" => (Like, false),
        "StringNotLike" => (Like, true),
        "ArnEquals" | "ArnLike" => (Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Arn, true),
        "Bool" => (Bool, false),
        "Null" => (Null, false),
        "NumericNotEquals" => (Numeric(Order::Equal), true),
        "DateNotEquals" => (Date(Order::Equal), true),
        other => match (other.strip_prefix("Numeric"), other.strip_prefix("Date")) {
            (Some(order), _) => (Numeric(parse_order(order)?), false),
            (_, Some(order)) => (Date(parse_order(order)?), false),
            _ => return None,
        },
    })
}

fn parse_order(name: &str) -> Option<Order> {
    Some(match name {
        "Equals" => Order::Equal,
        "LessThan" => Order::Less,
        "LessThanEquals" => Order::LessOrEqual,
        "GreaterThan" => Order::Greater,
        "GreaterThanEquals" => Order::GreaterOrEqual,
        _ => return None,
    })
}

impl Condition {
    /// Reads a condition block. All of its parts must hold.
    pub(super) fn parse_all(value: &Value, place: &str) -> Result<Vec<Self>, Fault> {
        let Value::Object(operators) = value else {
            return Err(fault(place, "must be an object"));
        };
        let mut conditions = Vec::new();
        for (name, keys) in operators {
            let unknown = || fault(place, format!("the operator {name} is not supported"));
            let (quantifier, plain) = match name.split_once(':') {
                Some(("ForAllValues", rest)) => (Quantifier::All, rest),
                Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
                Some(_) => return Err(unknown()),
                None => (Quantifier::One, name.as_str()),
            };
            let (plain, if_exists) = match plain.strip_suffix("IfExists") {
                Some(plain) => (plain, true),
                None => (plain, false),
            };
            let (comparison, negated) = operator(plain).ok_or_else(unknown)?;
            if comparison == Comparison::Null && (if_exists || quantifier != Quantifier::One) {
                return Err(unknown());
            }
            let Value::Object(keys) = keys else {
                return Err(fault(&format!("{place}.{name}"), "must be an object"));
            };
            for (key, values) in keys {
                let place = format!("{place}.{name}.{key}");
                let values = texts(values, &place)?;
                let condition =
                    Self { quantifier, comparison, negated, if_exists, key: key.clone(), values };
                condition.check(&place)?;
                conditions.push(condition);
            }
        }
        Ok(conditions)
    }

    /// Refuses values that could never be compared.
    fn check(&self, place: &str) -> Result<(), Fault> {
        if !self.key.contains(':') {
            return Err(fault(place, "a condition key is service:Key"));
        }
        for value in self.values.iter().filter(|value| !value.contains("${")) {
            let fits = match self.comparison {
                Comparison::Numeric(_) => value.parse::<f64>().is_ok(),
                Comparison::Date(_) => date(value).is_some(),
                Comparison::Bool | Comparison::Null => {
                    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
                }
                _ => true,
            };
            if !fits {
                return Err(fault(place, format!("\"{value}\" does not fit the operator")));
            }
        }
        Ok(())
    }

    /// Whether the request's context meets the condition.
    pub(super) fn holds(&self, context: &dyn Keys) -> bool {
        let found = context.get(&self.key).filter(|values| !values.is_empty());
        if self.comparison == Comparison::Null {
            return self
                .values
                .iter()
                .any(|value| value.eq_ignore_ascii_case("true") == found.is_none());
        }
        let Some(found) = found else {
            return match self.quantifier {
                Quantifier::All => true,
                Quantifier::Any => self.if_exists,
                Quantifier::One => self.if_exists || self.negated,
            };
        };
        let one = |value: &String| self.value_holds(value, context);
        match (self.quantifier, self.negated) {
            (Quantifier::All, _) | (Quantifier::One, true) => found.iter().all(one),
            (Quantifier::Any, _) | (Quantifier::One, false) => found.iter().any(one),
        }
    }

    fn value_holds(&self, found: &str, context: &dyn Keys) -> bool {
        let equal = self
            .values
            .iter()
            .filter_map(|wanted| pattern::substitute(wanted, context))
            .any(|wanted| self.compare(found, &wanted));
        equal != self.negated
    }

    fn compare(&self, found: &str, wanted: &str) -> bool {
        match self.comparison {
            Comparison::Equal => found == wanted,
            Comparison::EqualIgnoringCase | Comparison::Bool => found.eq_ignore_ascii_case(wanted),
            Comparison::Like => pattern::matches(wanted, found),
            Comparison::Arn => pattern::arn_matches(wanted, found),
            Comparison::Null => false,
            Comparison::Numeric(order) => match (found.parse::<f64>(), wanted.parse::<f64>()) {
                (Ok(found), Ok(wanted)) => order.of(&found, &wanted),
                _ => false,
            },
            Comparison::Date(order) => match (date(found), date(wanted)) {
                (Some(found), Some(wanted)) => order.of(&found, &wanted),
                _ => false,
            },
        }
    }
}

/// A date as policies write it: ISO 8601 or seconds since 1970.
fn date(text: &str) -> Option<Timestamp> {
    text.parse::<i64>()
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .or_else(|| text.parse().ok())
        .or_else(|| {
            let date: jiff::civil::Date = text.parse().ok()?;
            Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::pattern::Context;
    use super::*;

    fn holds(condition: &Value, context: &[(&str, &str)]) -> bool {
        let mut found = Context::default();
        for (key, value) in context {
            found.add(key, *value);
        }
        Condition::parse_all(condition, "Condition")
            .unwrap()
            .iter()
            .all(|condition| condition.holds(&found))
    }

    #[test]
    fn a_missing_key_fails_a_comparison_and_passes_its_negation() {
        let equals = json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}});
        let differs = json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}});
        let if_exists = json!({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}});
        assert!(!holds(&equals, &[]));
        assert!(holds(&differs, &[]));
        assert!(holds(&if_exists, &[]));
        assert!(holds(&equals, &[("AWS:principalorgid", "o-1")]));
        assert!(!holds(&differs, &[("aws:PrincipalOrgID", "o-1")]));
    }

    #[test]
    fn null_asks_whether_the_key_is_there() {
        let missing = json!({"Null": {"aws:ResourceTag/landlord:tenant": "true"}});
        let there = json!({"Null": {"aws:ResourceTag/landlord:tenant": "false"}});
        let tagged = [("aws:ResourceTag/landlord:tenant", "acme")];
        assert!(holds(&missing, &[]) && !holds(&missing, &tagged));
        assert!(holds(&there, &tagged) && !holds(&there, &[]));
    }

    #[test]
    fn sets_are_compared_by_their_quantifier() {
        let all = json!({"ForAllValues:StringLike": {"aws:TagKeys": ["landlord:*", "team"]}});
        let any = json!({"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}});
        let none = json!({"ForAnyValue:StringNotEquals": {"aws:TagKeys": "team"}});
        let both = [("aws:TagKeys", "team"), ("aws:TagKeys", "landlord:tenant")];
        let foreign = [("aws:TagKeys", "team"), ("aws:TagKeys", "other")];
        assert!(holds(&all, &both) && !holds(&all, &foreign) && holds(&all, &[]));
        assert!(holds(&any, &both) && !holds(&any, &both[1..]) && !holds(&any, &[]));
        assert!(holds(&none, &both) && !holds(&none, &both[..1]));
    }

    #[test]
    fn numbers_dates_and_truth_values_are_compared_as_such() {
        let number = json!({"NumericLessThanEquals": {"sts:DurationSeconds": "3600"}});
        assert!(holds(&number, &[("sts:DurationSeconds", "900")]));
        assert!(!holds(&number, &[("sts:DurationSeconds", "10000")]));
        let date = json!({"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}});
        assert!(holds(&date, &[("aws:CurrentTime", "2026-06-01T00:00:00Z")]));
        let truth = json!({"Bool": {"aws:SecureTransport": "true"}});
        assert!(holds(&truth, &[("aws:SecureTransport", "True")]));
    }

    #[test]
    fn an_operator_that_is_not_known_is_refused_by_name() {
        let error = Condition::parse_all(
            &json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
            "Condition",
        )
        .unwrap_err();
        assert_eq!(error.to_string(), "Condition: the operator IpAddress is not supported");
        let error = Condition::parse_all(&json!({"NumericEquals": {"a:B": "ten"}}), "Condition")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "Condition.NumericEquals.a:B: \"ten\" does not fit the operator"
        );
    }
}
