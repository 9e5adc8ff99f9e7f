//! Making a stack as unkindly as CloudFormation may: everything that can begin does, at once.
//!
//! CloudFormation starts a resource when those that it needs stand, all such resources together and
//! in no order that it promises. What a template leaves to chance shows here: the resource that is
//! declared last begins first. When one fails no other begins, those that have begun come to their
//! end, and the rollback takes back what they made.

use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};

use super::deploy::{self, Begun, Change, Failure};
use crate::Aws;
use crate::cloudformation::template::{Made, Scope};

/// How long CloudFormation takes at least for a resource: it looks whether the resource stands.
const STABILISES: Duration = Duration::from_secs(1);

/// Makes the resources with these ids; what was changed is in `changes`, whatever the end.
pub(super) async fn make(
    aws: &Aws,
    begun: &Begun,
    scope: &mut Scope<'_>,
    ids: &[String],
    changes: &mut Vec<Change>,
) -> Result<(), Failure> {
    let template = &begun.job.template;
    let mut waiting: Vec<(&str, Vec<String>)> = Vec::with_capacity(ids.len());
    for (id, resource) in template.resources.iter().rev().filter(|(id, _)| ids.contains(id)) {
        waiting.push((id, deploy::needs(resource, ids)?));
    }
    let mut done: Vec<String> = Vec::with_capacity(ids.len());
    let mut running = FuturesUnordered::new();
    let mut failure = None;
    loop {
        if failure.is_none() {
            let ready = |needs: &[String]| needs.iter().all(|need| done.contains(need));
            let (start, wait): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|(_, needs)| ready(needs));
            waiting = wait;
            for (id, _) in start {
                let Some(resource) = template.resources.get(id) else { continue };
                let path = format!("Resources.{id}.Properties");
                match scope.value(&resource.properties, &path) {
                    Ok(properties) => running.push(one(aws, begun, id, properties, ids)),
                    Err(error) => failure = failure.or(Some(Failure::Template(error))),
                }
            }
        }
        match running.next().await {
            None => return failure.map_or(Ok(()), Err),
            Some((id, Ok((made, change)))) => {
                changes.extend(change);
                scope.add(id, made);
                done.push(id.to_owned());
            }
            Some((_, Err(error))) => failure = failure.or(Some(error)),
        }
    }
}

async fn one<'i>(
    aws: &Aws,
    begun: &Begun,
    id: &'i str,
    properties: serde_json::Value,
    ids: &[String],
) -> (&'i str, Result<(Made, Option<Change>), Failure>) {
    let Some(resource) = begun.job.template.resources.get(id) else {
        return (id, Ok((Made::default(), None)));
    };
    let made = deploy::make(aws, begun, resource, properties, ids).await;
    aws.sleep(STABILISES).await;
    (id, made)
}
