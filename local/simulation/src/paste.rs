//! A command of the AWS CLI, as a finding names it, done in a world: its options are the members of
//! the call. What is not known here is an error, so that a command that nobody tried is none.

use serde_json::{Map, Value, json};

use crate::deployment::Deployment;

/// The calls: the CLI's words, the service, the operation.
const CALLS: [(&str, &str, &str, &str); 6] = [
    ("organizations", "move-account", "organizations", "MoveAccount"),
    ("organizations", "tag-resource", "organizations", "TagResource"),
    ("organizations", "untag-resource", "organizations", "UntagResource"),
    ("organizations", "describe-account", "organizations", "DescribeAccount"),
    ("cloudformation", "delete-stack-instances", "cloudformation", "DeleteStackInstances"),
    ("events", "put-events", "events", "PutEvents"),
];

/// Does what the command says, as an administrator of the management account.
///
/// # Errors
/// A command that is not known here, and AWS's refusal.
pub async fn paste(deployment: &Deployment, command: &str) -> Result<Value, String> {
    let words = words(command)?;
    let [program, service, verb, options @ ..] = words.as_slice() else {
        return Err(format!("not a command: {command}"));
    };
    let call = CALLS.iter().find(|(group, word, ..)| group == service && word == verb);
    let Some((_, _, service, operation)) = call.filter(|_| program == "aws") else {
        return Err(format!("nobody tried it: {command}"));
    };
    let input = input(options)?;
    let answer = deployment.ask(service, operation, input).await;
    let answer = answer.map_err(|error| format!("{command}: {}", lambda_kit::chain(&error)))?;
    match answer["FailedEntryCount"].as_u64() {
        Some(failed) if failed > 0 => Err(format!("{command}: {answer}")),
        _ => Ok(answer),
    }
}

/// The words, as a shell splits them: by spaces outside of single quotes.
fn words(command: &str) -> Result<Vec<String>, String> {
    let (mut words, mut is_quoted) = (vec![String::new()], false);
    for c in command.chars() {
        match c {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            c => words.last_mut().into_iter().for_each(|word| word.push(c)),
        }
    }
    if is_quoted { Err(format!("a quote stays open: {command}")) } else { Ok(words) }
}

fn input(options: &[String]) -> Result<Value, String> {
    let mut input = Map::new();
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        let Some(name) = option.strip_prefix("--") else {
            return Err(format!("no option: {option}"));
        };
        let mut value = || rest.next().cloned().ok_or(format!("{option} has no value"));
        let (member, value) = match name {
            "retain-stacks" => ("RetainStacks".to_owned(), json!(true)),
            "no-retain-stacks" => ("RetainStacks".to_owned(), json!(false)),
            "accounts" | "regions" | "tag-keys" => (member(name), json!([value()?])),
            "entries" => {
                let entries = serde_json::from_str(&value()?).map_err(|error| error.to_string())?;
                ("Entries".to_owned(), entries)
            }
            "tags" => {
                let text = value()?;
                let parts = text.strip_prefix("Key=").and_then(|it| it.split_once(",Value="));
                let (key, value) = parts.ok_or(format!("no tag: {text}"))?;
                ("Tags".to_owned(), json!([{ "Key": key, "Value": value }]))
            }
            _ => (member(name), json!(value()?)),
        };
        input.insert(member, value);
    }
    Ok(input.into())
}

/// `--source-parent-id` is `SourceParentId`.
fn member(option: &str) -> String {
    let words = option.split('-').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|it| it.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}
