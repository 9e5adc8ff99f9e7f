//! How many accounts are begun within a day: a fault of the signup system, or somebody who speaks for
//! it, must not fill the organization, for AWS closes far fewer accounts in a month than it makes in
//! a day. What comes later waits in its place, and goes on as the day allows.

use lambda_kit::chain;
use rate_brake::{Held, Passage};

use crate::checks::publish;
use crate::error::Error;
use crate::handler::App;

const SUBJECT: &str = "Landlord: more tenants sign up in a day than may";

/// Why nobody is admitted who needs an account; nothing when the day has room. Operators are told
/// once.
pub(crate) async fn is_full(app: &App) -> Result<Option<String>, Error> {
    let most = app.config.signups_a_day;
    let Passage::Held(held) = app.signups.look(app.clock.now(), most).await? else {
        return Ok(None);
    };
    if held.tell {
        publish(app, SUBJECT, &notice(&held)).await?;
        app.signups.told().await?;
    }
    Ok(Some(format!("{} accounts were begun within 24 hours, and {most} may", held.passed)))
}

/// Counts an account that was begun. One that cannot be counted is there all the same.
pub(crate) async fn count(app: &App) {
    if let Err(trouble) = app.signups.count(app.clock.now()).await {
        let error = Error::from(trouble);
        tracing::warn!("an account is not counted: {}", chain(&error));
    }
}

fn notice(held: &Held) -> String {
    format!(
        "{} accounts were begun within 24 hours, and {} may: the parameter SignupsADay. Signups that \
         came later wait in their order since {}. None is lost: the next one goes on at {} by itself, \
         and tenants that have an account are answered as ever.\n\nIf it is meant, raise SignupsADay \
         and deploy. If nobody meant it, see \"More tenants sign up than may\" in the runbook. This is \
         told once.\n",
        held.passed, held.most, held.since, held.room_at
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_told_what_waits_until_when_and_what_to_do() {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        let text = notice(&Held { passed: 7, most: 7, room_at: now, since: now, tell: true });
        for part in ["7 accounts", "None is lost", "2026-11-21T10:00:00Z", "raise SignupsADay"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(SUBJECT.is_ascii() && SUBJECT.len() <= 100);
    }
}
