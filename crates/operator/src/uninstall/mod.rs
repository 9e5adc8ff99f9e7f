//! `landlord uninstall`: takes the stack away. Not from under tenants, unless their protection stays.
//!
//! The template retains what tenants live in and what protects them; what of it nobody needs any more is
//! taken away here, after the stack, and only then.

mod plan;
mod protection;
mod stack;

use clap::Args;
use lambda_kit::sdk::{GLOBAL_REGION, Wire};
use serde_json::json;

use crate::connection::{Connection, Surroundings};
use crate::deployment::{Deployment, Which};
use crate::failure::{Exit, Failure};
use plan::Standing;

/// Take the stack away; refused while tenants live, unless their protection stays
#[derive(Debug, Args)]
pub struct Uninstall {
    /// Leave policies, units, stack sets and StackSets' role in place: tenants go on living, protected and
    /// looked after by nobody
    #[arg(long)]
    pub leave_protection: bool,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Answer one JSON document
    #[arg(long)]
    pub json: bool,
    /// Landlord's stack.
    #[command(flatten)]
    pub which: Which,
    /// The way to AWS.
    #[command(flatten)]
    pub connection: Connection,
}

/// What an uninstallation did, or would do.
#[derive(Debug, Default)]
struct Outcome {
    deleted: Vec<String>,
    stays: Vec<String>,
}

impl Uninstall {
    /// Performs it against AWS.
    pub(crate) async fn perform(self) -> Result<String, Failure> {
        let wire = self.connection.wire(&Surroundings::real()).await?;
        self.on(&wire).await
    }

    /// Performs it on a wire, and answers what is to be printed.
    ///
    /// # Errors
    /// That tenants live, or that something is at work; what AWS refused.
    pub async fn on(self, wire: &Wire) -> Result<String, Failure> {
        let deployment = Deployment::read(wire, &self.which.stack).await?;
        let standing = Box::pin(plan::read(wire, &deployment)).await?;
        refuse(&standing, self.leave_protection)?;
        let kept = Box::pin(protection::read(wire, &deployment)).await?;
        let mut outcome = Outcome::default();
        let name = &deployment.stack;
        let other = wire.in_region(GLOBAL_REGION);
        if wire.region() != GLOBAL_REGION
            && let Some(id) = Box::pin(stack::find(&other, name)).await?
        {
            if !self.dry_run {
                Box::pin(stack::delete(&other, name, &id)).await?;
            }
            outcome.deleted.push(format!("the stack {name} in {GLOBAL_REGION}"));
        }
        if !self.dry_run {
            Box::pin(stack::delete(wire, name, &deployment.id)).await?;
        }
        outcome.deleted.push(format!("the stack {name} in {}", wire.region()));
        for kept in kept {
            // Without its role no instance of a stack set that stays could ever be deleted.
            let is_needed =
                kept.is_role() && outcome.stays.iter().any(|it| it.starts_with("stack set"));
            let goes = !self.leave_protection && kept.may_go() && !is_needed;
            let done = match goes {
                true if !self.dry_run => Box::pin(protection::take_away(wire, &kept)).await?,
                goes => goes,
            };
            if done {
                outcome.deleted.push(kept.to_string());
            } else {
                outcome.stays.push(kept.to_string());
            }
        }
        Ok(self.said(&standing, &outcome))
    }

    fn said(&self, standing: &Standing, outcome: &Outcome) -> String {
        let Outcome { deleted, stays } = outcome;
        if self.json {
            let tenants: Vec<&str> = standing.tenants.iter().map(|it| &*it.account).collect();
            return json!({
                "dryRun": self.dry_run, "deleted": deleted, "stays": stays, "tenants": tenants,
            })
            .to_string();
        }
        let list =
            |lines: &[String]| lines.iter().map(|line| format!("  {line}\n")).collect::<String>();
        let (does, keeps) =
            if self.dry_run { ("would delete", "would stay") } else { ("deleted", "stays") };
        let mut text = format!("{does}:\n{}{keeps}:\n{}", list(deleted), list(stays));
        if self.leave_protection {
            let count = standing.tenants.len();
            text.push_str(&format!(
                "\n{count} tenants live on, and nothing looks after them: no rollouts, no enrolments, no\n\
                 sweeps. What stays is taken over by its ids: into another stack or tool by\n\
                 an import, into Landlord as docs/deploy.md, \"What stays\", says; `landlord\n\
                 check` names what a new deploy would meet."
            ));
        }
        text
    }
}

/// Nobody is left without protection, and nothing that is under way is cut off.
fn refuse(standing: &Standing, leave_protection: bool) -> Result<(), Failure> {
    let refused = |said: String, advice: &str| {
        Err(Failure::new("uninstall Landlord", said, advice).exits(Exit::Refused))
    };
    if standing.at_work > 0 {
        let said = format!("{} onboardings run, which would be cut off", standing.at_work);
        return refused(said, "wait for their end, or stop them: aws stepfunctions stop-execution");
    }
    if standing.waiting > 0 {
        let said = format!("{} signups wait, and would be lost", standing.waiting);
        return refused(said, "let them in, or purge the queues: aws sqs purge-queue");
    }
    if !standing.rules.is_empty() {
        let said = format!(
            "others listen on the bus, which cannot be deleted while it has their rules: {}",
            standing.rules.join(", ")
        );
        return refused(
            said,
            "have them deleted: aws events remove-targets, aws events delete-rule",
        );
    }
    if !standing.tenants.is_empty() && !leave_protection {
        let said = format!("{} tenants live: {}", standing.tenants.len(), standing.first());
        let advice = "offboard them and let sweeps close their accounts; or say --leave-protection: then \
                      policies, units, stack sets and roles stay, and somebody else has to look after them";
        return refused(said, advice);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::plan::Living;
    use super::protection::Kept;
    use super::*;

    fn standing(tenants: usize) -> Standing {
        let living = (0..tenants).map(|number| Living {
            account: format!("00000000000{number}"),
            tenant: Some(format!("tenant-{number}")),
        });
        Standing { tenants: living.collect(), at_work: 0, waiting: 0, rules: Vec::new() }
    }

    #[test]
    fn tenants_are_not_left_without_protection() {
        let refused = refuse(&standing(5), false).unwrap_err();
        assert_eq!(refused.exit, Exit::Refused);
        let first = "5 tenants live: tenant-0 (000000000000), tenant-1 (000000000001), tenant-2 \
                     (000000000002) and 2 more";
        assert_eq!(refused.said, first);
        assert!(refuse(&standing(5), true).is_ok());
        assert!(refuse(&standing(0), false).is_ok());
    }

    #[test]
    fn nothing_that_is_under_way_is_cut_off() {
        for leave_protection in [true, false] {
            let at_work = Standing { at_work: 1, ..standing(0) };
            assert!(
                refuse(&at_work, leave_protection).unwrap_err().said.contains("1 onboardings run")
            );
            let heard = Standing { rules: vec!["ours".to_owned()], ..standing(0) };
            assert!(refuse(&heard, leave_protection).unwrap_err().said.ends_with("rules: ours"));
            let waiting = Standing { waiting: 3, ..standing(0) };
            assert!(
                refuse(&waiting, leave_protection).unwrap_err().said.contains("3 signups wait")
            );
        }
    }

    #[test]
    fn what_holds_records_stays_in_any_case() {
        let of =
            |kind: &str| Kept { kind: kind.to_owned(), id: "x".to_owned(), name: "X".to_owned() };
        assert!(!of("AWS::S3::Bucket").may_go());
        assert!(of("AWS::Organizations::Policy").may_go());
    }
}
