//! Roles below `/landlord/` that nobody knows. Nobody can make one while Landlord's policies hold;
//! one that was made before, in the root or before the account was Landlord's, is not to be trusted.

use lambda_kit::sdk::Trouble;
use sha2::{Digest, Sha256};

use crate::error::{Halt, halt};
use crate::role::{PATH, Wanted};
use crate::session::Session;

/// Roles that a notice names; the log has the number.
const MOST_NAMED: usize = 20;
/// Pages of a hundred roles: a list that goes on for ever ends.
const MOST_PAGES: usize = 20;

impl Session<'_> {
    /// ARNs of the roles below the path that are neither the operator's nor named in the
    /// configuration, in their order.
    pub(crate) async fn unknown_roles(&self, wanted: &Wanted) -> Result<Vec<String>, Halt> {
        let mut unknown = Vec::new();
        let mut marker = None;
        for _ in 0..MOST_PAGES {
            let list = self.iam.list_roles().path_prefix(PATH).set_marker(marker);
            let page = list.send().await.map_err(|error| self.halt("ListRoles", &error))?;
            let arns = page.roles.into_iter().map(|role| role.arn);
            let known = |arn: &str| {
                arn == wanted.arn || self.app.config.known.iter().any(|known| known.is_match(arn))
            };
            unknown.extend(arns.filter(|arn| !known(arn)));
            marker = page.marker.filter(|_| page.is_truncated);
            if marker.is_none() {
                break;
            }
        }
        unknown.sort_unstable();
        Ok(unknown)
    }

    /// Tells operators of unknown roles, unless they have heard of exactly these.
    pub(crate) async fn tell_once(
        &self,
        wanted: &Wanted,
        unknown: &[String],
        reported: Option<&str>,
    ) -> Result<(), Halt> {
        let these = digest(unknown);
        if reported == Some(&these) {
            return Ok(());
        }
        self.app
            .topics
            .publish()
            .topic_arn(&self.app.config.topic)
            .subject(format!("Landlord: unknown roles in account {}", self.account))
            .message(notice(self.account.as_str(), unknown))
            .send()
            .await
            .map_err(|error| halt(self.account, Trouble::of("sns", "Publish", &error)))?;
        self.mark(wanted, &these).await
    }
}

fn digest(roles: &[String]) -> String {
    let digest = Sha256::digest(roles.join("\n"));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn notice(account: &str, unknown: &[String]) -> String {
    let named = unknown.iter().take(MOST_NAMED).map(|arn| format!("  {arn}\n")).collect::<String>();
    let more = match unknown.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!("  and {more} more\n"),
    };
    format!(
        "Account {account} has roles below the path {PATH} that neither Landlord nor the parameter \
         AccountRoles knows:\n{named}{more}\nIn quarantine they can do nothing, elsewhere what \
         their policies say. Next: if a stack set of yours makes them, name them in AccountRoles; \
         else find out who made them (CloudTrail, CreateRole) and delete them by a role that \
         BreakGlassRoles names. See \"Unknown roles below /landlord/\" in the runbook."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_names_the_account_the_roles_and_what_to_do() {
        let roles: Vec<String> =
            (0..22).map(|n| format!("arn:aws:iam::1:role/landlord/r{n}")).collect();
        let text = notice("123456789012", &roles);
        assert!(text.contains("123456789012") && text.contains("role/landlord/r19"), "{text}");
        assert!(text.contains("and 2 more") && text.contains("Next: "), "{text}");
        assert!(!text.contains("role/landlord/r20"), "{text}");
    }

    #[test]
    fn other_roles_are_another_report() {
        let one = digest(&["a".to_owned()]);
        assert_eq!(one.len(), 32);
        assert_ne!(one, digest(&["a".to_owned(), "b".to_owned()]));
    }
}
