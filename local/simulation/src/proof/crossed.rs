//! What must hold in the end where events, people and configurations crossed each other.

use jiff::SignedDuration;

use super::asked::Question;
use super::ends::End;
use super::schedule::{What, tenant_id};
use super::script::account_name;

/// All tenants that a schedule knows.
const ALL: usize = 8;
/// A leaving that comes this near to a closing by hand takes the account out of service first.
const NEAR: SignedDuration = SignedDuration::from_hours(2);

impl End<'_> {
    /// Every event that somebody sent has an answer; only who laid hands on a tenant may have to do
    /// with operators instead.
    pub(super) fn unanswered(&self, found: &mut Vec<String>) {
        for question in self.watch.unanswered() {
            let tenant = question.tenant();
            let hands = self.applied.iter().filter_map(What::tampers_with);
            if hands.map(tenant_id).any(|id| id == tenant) && !question.is_signup() {
                continue;
            }
            found.push(format!("{} of {tenant} at {} has no answer", question.kind, question.put));
        }
    }

    /// Who left last is out of service, who came back is in service, whatever came when.
    pub(super) fn crossed(&self, found: &mut Vec<String>) {
        for tenant in 0..ALL {
            let asked = self.watch.asked_of(tenant_id(tenant));
            let hands = self.applied.iter().any(|what| what.tampers_with() == Some(tenant));
            if !hands {
                self.ends_as_asked(tenant, &asked, found);
            }
        }
        for tenant in self.closed_live {
            self.is_told_of(*tenant, found);
        }
    }

    fn ends_as_asked(&self, tenant: usize, asked: &[Question], found: &mut Vec<String>) {
        let second = |it: &&Question| it.occurred().map_or(i64::MIN, |at| at.as_second());
        let life = asked.iter().filter(|it| it.is_leaving() || it.is_return());
        // Of two of one moment, coming back counts.
        let newest = life.max_by_key(|it| (it.occurred(), it.is_return()));
        let signup = asked.iter().filter(|it| it.is_signup()).map(|it| it.sent).max();
        let (name, accounts) = (account_name(tenant), self.world.aws().accounts());
        let open = |state: &str| !["CLOSED", "PENDING_CLOSURE"].contains(&state);
        let mine = accounts.iter().filter(|it| it.name == name && open(it.state));
        let in_service = |unit: &str| self.watch.promises.is_home(unit);
        let last = self.ends.heard.get(tenant_id(tenant)).and_then(|all| all.last());
        let last = last.map_or("nothing", |heard| heard.name.as_str());
        match newest {
            Some(left) if left.is_leaving() => {
                // A signup after that is refused, or, where there is no account, makes one.
                if signup.is_some_and(|at| at.as_second() >= second(&left)) {
                    return;
                }
                for account in
                    mine.filter(|it| !["Retiring", "Suspended"].contains(&it.parent_name.as_str()))
                {
                    found
                        .push(format!("{name} left and stands in {}, {last}", account.parent_name));
                }
            }
            newest => {
                let was_there = signup.is_some() || newest.is_some();
                let never = self.schedule.durations.never_decides_a_quota();
                let was_closed = self.watch.closing(tenant).is_some();
                if !was_there || never || was_closed {
                    return;
                }
                let lives = mine.filter(|it| in_service(&it.parent_name)).count();
                let has_account = accounts.iter().any(|it| it.name == name);
                if lives != 1 && (has_account || signup.is_some()) {
                    found.push(format!("{name} did not leave, and is not in service: {last}"));
                }
            }
        }
    }

    /// That a live account was closed by hand is told.
    fn is_told_of(&self, tenant: usize, found: &mut Vec<String>) {
        let id = tenant_id(tenant);
        let told = self.ends.heard.get(id).into_iter().flatten();
        let mut told = told.filter(|heard| heard.name == "TenantAccountClosed");
        let asked = self.watch.asked_of(id);
        let left = asked.iter().any(|it| it.is_leaving() && it.put < self.watch.now() - NEAR);
        if !left && told.next().is_none() {
            found.push(format!("{id}'s live account was closed by hand, and nobody heard of it"));
        }
    }
}
