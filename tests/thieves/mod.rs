//! Policies are written for a thief who has the role, not for the code that uses it.
//!
//! Each role that the template makes, and a role of a tenant's own, is stolen in turn and tries a
//! list of harms with real calls against the stand-in. What a role could do must be accepted in
//! `accepted.rs`, with the reason, and nothing may be accepted that is refused. The table is
//! written into docs/security.md: `make thieves-table` renews it, and a table that differs fails.
//! That a harm is one is shown by the administrator, who may do all of them once the walls are
//! taken away.

mod accepted;
mod harms;
mod scene;
mod sources;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use accepted::ACCEPTED;
use harms::{HARMS, Harm};
use scene::{Scene, Thief};

/// What a thief with each role could do, by the role's name.
type Found = BTreeMap<String, BTreeSet<&'static str>>;

/// Tries every harm with every role; a world that a harm has changed is not used again.
async fn steal_everything() -> Found {
    let mut scene = Scene::found().await;
    let mut found = Found::new();
    for name in scene.roles().await {
        let could = found.entry(name.clone()).or_default();
        for harm in HARMS {
            let thief = scene.thief(&name).await;
            let Err(refusal) = scene.attempt(harm, &thief).await else {
                could.insert(harm.name);
                if harm.spoils {
                    scene = Scene::found().await;
                }
                continue;
            };
            assert!(
                is_refusal(&refusal),
                "{name}, {}: not refused, it only failed: {refusal}",
                harm.name
            );
        }
    }
    found
}

fn is_refusal(words: &str) -> bool {
    ["AccessDenied", "not authorized", "AuthorizationError", scene::NOTHING_CAME_OF_IT]
        .iter()
        .any(|known| words.contains(known))
}

#[tokio::test(start_paused = true)]
async fn a_stolen_role_does_no_harm_but_what_is_accepted_and_the_document_says_so() {
    let found = steal_everything().await;
    let mut faults = Vec::new();
    for (role, harms) in &found {
        for harm in harms {
            if !ACCEPTED.iter().any(|(whose, what, _)| whose == role && what == harm) {
                faults.push(format!("{role} could: {harm}"));
            }
        }
    }
    for (role, harm, _) in ACCEPTED {
        if !found.get(*role).is_some_and(|harms| harms.contains(harm)) {
            faults.push(format!("{role}: \"{harm}\" is accepted and refused"));
        }
    }
    crate::workspace::assert_no_faults(&faults);
    table::is_in_the_document(&found);
}

/// A harm that nobody could do whatever the policies say would prove nothing.
#[tokio::test(start_paused = true)]
async fn every_harm_is_one_for_whom_no_policy_stops() {
    let mut faults = Vec::new();
    let mut scene = Scene::without_walls().await;
    for harm in HARMS {
        let Harm { name, spoils, .. } = harm;
        if let Err(words) = scene.attempt(harm, &Thief::administrator()).await {
            faults.push(format!("{name}: {words}"));
        } else if *spoils {
            scene = Scene::without_walls().await;
        }
    }
    crate::workspace::assert_no_faults(&faults);
}
