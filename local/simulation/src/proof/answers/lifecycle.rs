//! The answers to tenants' leavings and returns, and what is told of closed accounts.

use jiff::Timestamp;

use super::super::asked::Question;
use super::super::moments::held_since;
use super::{Judge, TOLD_WITHIN, before};

impl Judge<'_> {
    pub(super) fn lifecycle(&mut self) {
        let Some(question) = self.question() else { return };
        self.is_false("the event is a signup", !question.is_signup());
        if self.detail["request"].is_string() {
            let same = self.text("request") == question.kind;
            self.is_false("it answers another kind of event", same);
        }
        match self.name {
            "TenantRetiring" => self.retiring(&question),
            "TenantRestored" => self.restored(&question),
            "TenantUnchanged" => self.unchanged(&question),
            _ => {
                let is_fair = question.occurred().is_some();
                self.is_false("there is nothing wrong with the event", !is_fair);
            }
        }
    }

    fn retiring(&mut self, question: &Question) {
        self.is_false("the event says that it comes back", question.is_leaving());
        let Some(moments) = self.moments() else { return };
        let lately = before(self.now, TOLD_WITHIN);
        self.is_false("its account is in service", held_since(moments.leaving, lately));
        let after: Option<Timestamp> = self.text("retireAfter").parse().ok();
        // Of an event that is repeated days later, the first one counts.
        let cools = after.is_some_and(|after| question.occurred().is_some_and(|at| after > at));
        self.is_false("it could be closed before it left", cools);
    }

    fn restored(&mut self, question: &Question) {
        self.is_false("the event says that it left", question.is_return());
        let Some(moments) = self.moments() else { return };
        let lately = before(self.now, TOLD_WITHIN);
        self.is_false("its account still retires", held_since(moments.staying, lately));
        if self.detail["emptied"] != true {
            let whole = held_since(moments.whole, lately);
            self.is_false("its stacks were withdrawn", whole);
        }
    }

    fn unchanged(&mut self, question: &Question) {
        let because = self.text("because").to_owned();
        let tenant = question.tenant();
        let second = |it: &Question| it.occurred().map_or(i64::MIN, Timestamp::as_second);
        let lately = before(self.now, TOLD_WITHIN);
        let is_so = match because.as_str() {
            // Of two of one second, coming back counts.
            "STALE" => {
                let mut others = self.state.asked.of_life(&tenant);
                // Who left and signed up anew has an account for that signup.
                let mut signups = self.state.asked.all().map(|(_, it)| it);
                others.any(|it| {
                    second(it) > second(question)
                        || (second(it) == second(question) && it.kind != question.kind)
                }) || signups.any(|it| {
                    it.is_signup()
                        && it.tenant() == tenant
                        && it.sent.as_second() > second(question)
                }) || self.state.is_named_tampered(&format!("tenant-{tenant}"))
            }
            "NO_ACCOUNT" | "SIGNED_UP_AGAIN" => {
                let since = before(self.now, TOLD_WITHIN);
                let known = self.watch.aws.accounts().into_iter().any(|account| {
                    let is_its =
                        account.tags.get("landlord:tenant").is_some_and(|it| *it == tenant);
                    is_its && account.joined < since && account.state == "ACTIVE"
                });
                !known
            }
            "ALREADY_CLOSED" | "ACCOUNT_CLOSED" => {
                let Some(moments) = self.moments() else { return };
                held_since(moments.inactive, lately)
            }
            _ => false,
        };
        self.is_false(&format!("{because} is not so"), is_so);
    }

    /// An account that is said to be closed is.
    pub(super) fn closed(&mut self) {
        let Some(moments) = self.moments() else { return };
        let lately = before(self.now, TOLD_WITHIN);
        self.is_false("its account is open", held_since(moments.inactive, lately));
    }
}
