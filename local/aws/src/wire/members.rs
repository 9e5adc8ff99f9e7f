//! Nothing unknown passes: a member that an operation does not read is an error that names it,
//! instead of a call that runs without it. What is read stands once, in `members.txt`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::AwsError;

/// What is read, as text: one line an operation.
const READ: &str = include_str!("members.txt");

type Members = Vec<&'static str>;

static OPERATIONS: LazyLock<BTreeMap<(&'static str, &'static str), Members>> =
    LazyLock::new(|| {
        rows().map(|(service, operation, members)| ((service, operation), members)).collect()
    });

/// The rows of the table: service, operation, members without their mark.
fn rows() -> impl Iterator<Item = (&'static str, &'static str, Members)> {
    READ.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut words = line.split_whitespace();
        let (service, operation) = (words.next()?, words.next()?);
        Some((service, operation, words.map(|word| word.trim_start_matches('+')).collect()))
    })
}

/// Refuses a request with a member that its operation does not read.
///
/// # Errors
/// `UnknownOperationException` names the operation and the member. An operation without a row is
/// left to its service, which knows it or names it.
pub(super) fn check(service: &str, operation: &str, input: &Value) -> Result<(), AwsError> {
    let (Some(read), Some(given)) = (OPERATIONS.get(&(service, operation)), input.as_object())
    else {
        return Ok(());
    };
    // A blob that is the HTTP body is called by its member's name in the model.
    let known = |name: &str| name == "$body" || read.contains(&name);
    match given.keys().find(|name| !known(name)) {
        None => Ok(()),
        Some(name) => Err(AwsError::unknown_operation(
            service,
            &format!("{operation} with the member \"{name}\", which it does not read"),
        )),
    }
}

/// Whether an operation is offered at all.
pub(crate) fn is_offered(service: &str, operation: &str) -> bool {
    OPERATIONS.contains_key(&(service, operation))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_that_nothing_reads_is_named() {
        for (service, operation, member) in [
            ("sns", "Publish", "MessageStructure"),
            ("sns", "Publish", "MessageAttributes"),
            ("ssm", "DescribeParameters", "ParameterFilters"),
            ("ssm", "PutParameter", "AllowedPattern"),
            ("events", "ListArchives", "Limit"),
            ("lambda", "DeleteFunction", "Qualifier"),
            ("lambda", "Invoke", "Qualifier"),
            ("organizations", "CreateAccount", "ParentId"),
            ("states", "UpdateStateMachine", "versionDescription"),
        ] {
            let error = check(service, operation, &json!({ member: "x" })).unwrap_err();
            assert_eq!(error.status, 501, "{service} {operation}");
            assert!(error.message.contains(member) && error.message.contains(operation), "{error}");
        }
    }

    #[test]
    fn what_is_read_and_a_body_pass() {
        check("organizations", "MoveAccount", &json!({ "AccountId": "1", "SourceParentId": "r" }))
            .unwrap();
        check("lambda", "Invoke", &json!({ "FunctionName": "a", "$body": "" })).unwrap();
        check("scheduler", "CreateSchedule", &json!({ "Name": "a", "KmsKeyArn": "b" })).unwrap();
    }

    #[test]
    fn the_table_has_each_operation_once_and_in_order() {
        let names: Vec<_> = rows().map(|(service, operation, _)| (service, operation)).collect();
        assert!(names.is_sorted(), "sort it");
        assert_eq!(names.len(), OPERATIONS.len());
        assert!(names.len() > 200, "{}", names.len());
    }

    #[test]
    fn the_readme_names_each_operation_of_the_table() {
        let readme = include_str!("../../README.md");
        let row = |service: &str| {
            let start = format!("| {service} |");
            readme.lines().find(|line| line.starts_with(&start)).unwrap_or_default()
        };
        for (service, operation, _) in rows() {
            assert!(row(service).contains(&format!("`{operation}`")), "{service} {operation}");
        }
    }
}
