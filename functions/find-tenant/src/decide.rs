//! Which of the accounts that carry the tenant's tag is its account.

use lifecycle::retirement::AccountState;
use lifecycle::{AccountId, ParentId};

/// An account that carries the tenant's tag, on a fresh read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confirmed {
    pub(crate) account: AccountId,
    pub(crate) parent: ParentId,
    pub(crate) state: AccountState,
}

/// What the accounts come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    One(Confirmed),
    None,
    Several(Vec<AccountId>),
}

/// The tenant's account: the one that is not closed; of closed ones only, the one with the
/// highest id, so that the answer is the same each time.
pub(crate) fn pick(mut confirmed: Vec<Confirmed>) -> Answer {
    confirmed.sort_by(|a, b| a.account.cmp(&b.account));
    let open: Vec<&Confirmed> = confirmed.iter().filter(|it| !it.state.is_gone()).collect();
    match open.as_slice() {
        [one] => Answer::One((*one).clone()),
        [] => confirmed.pop().map_or(Answer::None, Answer::One),
        several => Answer::Several(several.iter().map(|it| it.account.clone()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str, state: AccountState) -> Confirmed {
        Confirmed {
            account: id.parse().unwrap(),
            parent: "ou-root-general0".parse().unwrap(),
            state,
        }
    }

    #[test]
    fn the_account_that_is_not_closed_is_the_tenants() {
        use AccountState::{Active, Closed, PendingClosure, Suspended};
        let (a, b, c) = ("222222222222", "333333333333", "444444444444");
        assert_eq!(pick(vec![]), Answer::None);
        let table = [
            (vec![account(a, Active)], a),
            (vec![account(b, Closed), account(a, Active), account(c, PendingClosure)], a),
            (vec![account(c, Suspended), account(a, Closed)], c),
            (vec![account(b, Closed), account(c, Closed), account(a, PendingClosure)], c),
        ];
        for (accounts, expected) in table {
            let Answer::One(one) = pick(accounts.clone()) else { panic!("{accounts:?}") };
            assert_eq!(one.account.as_str(), expected);
        }
        let both = vec![account(b, Active), account(a, Active), account(c, Closed)];
        let ids = vec![a.parse().unwrap(), b.parse().unwrap()];
        assert_eq!(pick(both), Answer::Several(ids));
    }
}
