//! The policies that accounts inherit, here and there.

use std::collections::{BTreeMap, BTreeSet};

use adoption::{Kind, Move, Policy, Row, newly_denied};
use aws_sdk_organizations::types::PolicyType;
use lambda_kit::sdk::{Refusal, Trouble, code};
use lifecycle::{OuId, ParentId};

use super::world::World;
use super::{failed, patiently};
use crate::failure::Failure;

/// Policies by what they are attached to, and units by what they stand in, read once.
#[derive(Default)]
pub(super) struct Inheritance {
    attached: BTreeMap<String, Vec<Policy>>,
    above: BTreeMap<String, Option<String>>,
}

impl Inheritance {
    /// What each pair of places that accounts move between would newly deny.
    pub(super) async fn moves(
        &mut self,
        world: &World,
        rows: &[Row],
    ) -> Result<Vec<Move>, Failure> {
        let mut pairs: BTreeMap<(String, String), (ParentId, OuId, usize)> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.is_applied()) {
            let (Some(from), Some(to)) = (&row.from, &row.to) else { continue };
            let pair = pairs.entry((from.to_string(), to.to_string()));
            pair.or_insert_with(|| (from.clone(), to.clone(), 0)).2 += 1;
        }
        let mut moves = Vec::new();
        for ((here, there), (from, to, accounts)) in pairs {
            let before = Box::pin(self.inherited(world, &here)).await?;
            let after = Box::pin(self.inherited(world, &there)).await?;
            let newly_denied = newly_denied(&before, &after);
            moves.push(Move { from, to, accounts, newly_denied });
        }
        Ok(moves)
    }

    /// The policies of a place and of all above it.
    async fn inherited(&mut self, world: &World, place: &str) -> Result<Vec<Policy>, Failure> {
        let mut all = BTreeSet::new();
        let mut place = Some(place.to_owned());
        while let Some(at) = place {
            if !self.attached.contains_key(&at) {
                let attached = Box::pin(attached(world, &at)).await?;
                self.attached.insert(at.clone(), attached);
                self.above.insert(at.clone(), above(world, &at).await?);
            }
            all.extend(self.attached.get(&at).into_iter().flatten().cloned());
            place = self.above.get(&at).cloned().flatten();
        }
        Ok(all.into_iter().collect())
    }
}

/// What a unit stands in; nothing above a root.
async fn above(world: &World, place: &str) -> Result<Option<String>, Failure> {
    if place.starts_with("r-") {
        return Ok(None);
    }
    let read = || async {
        let listed = world.organizations.list_parents().child_id(place).send().await;
        let listed = listed.map_err(|error| Trouble::of("organizations", "ListParents", &error))?;
        let above = listed.parents().first().and_then(|parent| parent.id()).map(str::to_owned);
        // A page may be empty, and everything but a root stands somewhere.
        above.ok_or_else(|| {
            Trouble::Passing(Refusal {
                service: "organizations",
                call: "ListParents",
                code: "NoAnswer".into(),
                message: format!("AWS does not say where {place} stands").into(),
            })
        })
    };
    patiently(format!("see where {place} stands"), read).await.map(Some)
}

/// The policies that are attached to a place itself.
async fn attached(world: &World, place: &str) -> Result<Vec<Policy>, Failure> {
    let tried = format!("read the policies of {place}");
    let mut all = Vec::new();
    for kind in [Kind::ServiceControl, Kind::ResourceControl] {
        let mut token: Option<String> = None;
        loop {
            let page = world
                .organizations
                .list_policies_for_target()
                .target_id(place)
                .filter(PolicyType::from(kind.as_str()))
                .set_next_token(token)
                .send()
                .await;
            let page = match page {
                Ok(page) => page,
                // A kind that the organization does not use denies nothing.
                Err(error) if code(&error) == Some("PolicyTypeNotEnabledException") => break,
                Err(error) => {
                    let trouble = Trouble::of("organizations", "ListPoliciesForTarget", &error);
                    return Err(Failure::aws(tried, &trouble));
                }
            };
            for found in page.policies() {
                let id = found.id().unwrap_or_default().to_owned();
                let name = found.name().unwrap_or(&id).to_owned();
                let shown = world.organizations.describe_policy().policy_id(&id).send().await;
                let shown =
                    shown.map_err(|error| Trouble::of("organizations", "DescribePolicy", &error));
                let shown = shown.map_err(failed(tried.clone()))?;
                let content = shown.policy().and_then(|policy| policy.content());
                let content = content.unwrap_or_default().to_owned();
                all.push(Policy { id, name, kind, content });
            }
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
    }
    Ok(all)
}
