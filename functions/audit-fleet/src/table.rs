//! Every account of the units, packed: where it stands, its state, and two bits for each stack instance
//! that it may have. A fleet of 50,000 with 80 instances each is one and a half megabytes.

use std::collections::{BTreeMap, HashMap};

use lifecycle::AccountId;
use lifecycle::retirement::AccountState;
use serde::{Deserialize, Serialize};

const STATES: [AccountState; 6] = [
    AccountState::Unknown,
    AccountState::PendingActivation,
    AccountState::Active,
    AccountState::Suspended,
    AccountState::PendingClosure,
    AccountState::Closed,
];

/// AWS's words for the status of an instance; the first is for one that is not there.
const STATUSES: [&str; 4] = ["", "CURRENT", "OUTDATED", "INOPERABLE"];

/// The accounts and what was seen of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Table {
    /// Id, unit and state, sorted by the id once all are there.
    rows: Vec<u64>,
    /// The statuses of the instances, by stack set and Region, four accounts to a byte.
    columns: BTreeMap<String, Column>,
    /// The accounts whose tags were seen, eight to a byte.
    seen: Column,
    /// The account of each tenant, by a hash of the tenant's id.
    tenants: HashMap<u64, u64>,
}

/// Bits, written as hexadecimal digits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
struct Column(Vec<u8>);

impl From<Column> for String {
    fn from(column: Column) -> Self {
        column.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl From<String> for Column {
    fn from(text: String) -> Self {
        let pairs = text.as_bytes().chunks(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        Self(pairs.filter_map(byte).collect())
    }
}

impl Column {
    /// The value of so many bits at a place; zero where nothing was written.
    fn get(&self, place: usize, bits: usize) -> u8 {
        let each = 8 / bits;
        let byte = self.0.get(place / each).copied().unwrap_or_default();
        (byte >> (place % each * bits)) & ((1 << bits) - 1)
    }

    fn set(&mut self, place: usize, bits: usize, value: u8) {
        let each = 8 / bits;
        if self.0.len() <= place / each {
            self.0.resize(place / each + 1, 0);
        }
        if let Some(byte) = self.0.get_mut(place / each) {
            let shift = place % each * bits;
            *byte = (*byte & !(((1 << bits) - 1) << shift)) | (value << shift);
        }
    }
}

/// An account of the table: its place there, its unit's place in the configuration, its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) place: usize,
    pub(crate) unit: usize,
    pub(crate) state: AccountState,
}

impl Table {
    /// Adds an account that stands in the unit.
    pub(crate) fn add(&mut self, account: &AccountId, unit: usize, state: AccountState) {
        let state = STATES.iter().zip(0_u64..).find(|(it, _)| **it == state).map_or(0, |(_, n)| n);
        let unit = u64::try_from(unit).unwrap_or(u64::MAX) & 0xff;
        self.rows.push((number(account) << 11) | (unit << 3) | state);
    }

    /// Sorts them, when all are there. One that moved between two lists counts where it was last seen.
    pub(crate) fn settle(&mut self) {
        self.rows.sort_by_key(|row| row >> 11);
        self.rows.reverse();
        self.rows.dedup_by_key(|row| *row >> 11);
        self.rows.reverse();
    }

    /// The account, if it stands in one of the units.
    pub(crate) fn find(&self, account: &AccountId) -> Option<Row> {
        let found = self.rows.binary_search_by_key(&number(account), |row| row >> 11).ok()?;
        Some(self.row(found))
    }

    fn row(&self, place: usize) -> Row {
        let row = self.rows.get(place).copied().unwrap_or_default();
        let state = usize::try_from(row & 7).unwrap_or_default();
        Row {
            place,
            unit: usize::try_from((row >> 3) & 0xff).unwrap_or_default(),
            state: STATES.get(state).copied().unwrap_or(AccountState::Unknown),
        }
    }

    /// Notes the status of an account's instance.
    pub(crate) fn note(&mut self, account: &AccountId, spot: &str, status: &str) {
        let Some(row) = self.find(account) else { return };
        // A status of tomorrow is none that is current.
        let known = STATUSES.iter().zip(0_u8..).skip(1).find(|(it, _)| **it == status);
        let value = known.map_or(2, |(_, value)| value);
        self.columns.entry(spot.to_owned()).or_default().set(row.place, 2, value);
    }

    /// The statuses of the account's instances, by spot.
    pub(crate) fn statuses(&self, row: Row) -> impl Iterator<Item = (&str, &'static str)> {
        self.columns.iter().filter_map(move |(spot, column)| {
            let status = STATUSES.get(usize::from(column.get(row.place, 2)))?;
            (!status.is_empty()).then_some((spot.as_str(), *status))
        })
    }

    /// Notes that the account's tags were seen; false when they were before.
    pub(crate) fn see(&mut self, row: Row) -> bool {
        let is_new = self.seen.get(row.place, 1) == 0;
        self.seen.set(row.place, 1, 1);
        is_new
    }

    /// The accounts whose tags were not seen, from a place on.
    pub(crate) fn unseen(&self, from: usize) -> impl Iterator<Item = (AccountId, Row)> {
        let places = from..self.rows.len();
        places.filter(|place| self.seen.get(*place, 1) == 0).filter_map(|place| {
            let id = format!("{:012}", self.rows.get(place)? >> 11).parse().ok()?;
            Some((id, self.row(place)))
        })
    }

    /// Notes the tenant's account; answers another that was noted before.
    pub(crate) fn take(&mut self, tenant: &str, account: &AccountId) -> Option<AccountId> {
        let number = number(account);
        let other = *self.tenants.entry(hash(tenant)).or_insert(number);
        (other != number).then(|| format!("{other:012}").parse().ok()).flatten()
    }

    /// Whether an account of the tenant was noted.
    pub(crate) fn has(&self, tenant: &str) -> bool {
        self.tenants.contains_key(&hash(tenant))
    }
}

fn number(account: &AccountId) -> u64 {
    account.as_str().parse().unwrap_or_default()
}

/// FNV-1a: the same tomorrow as today, for it is kept between two calls.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> AccountId {
        format!("{number:012}").parse().unwrap()
    }

    #[test]
    fn what_goes_in_comes_out_also_after_it_was_written_and_read() {
        let mut table = Table::default();
        for (number, state) in [(999_999_999_999, 5), (7, 2), (42, 3), (7, 2)] {
            let unit =
                if table.rows.len() == 3 { 200 } else { usize::try_from(number % 5).unwrap() };
            table.add(&id(number), unit, STATES[state]);
        }
        table.settle();
        assert_eq!(table.rows.len(), 3);
        table.note(&id(42), "base in eu-central-1", "CURRENT");
        table.note(&id(42), "base in eu-west-1", "INOPERABLE");
        table.note(&id(999_999_999_999), "base in eu-west-1", "OF_TOMORROW");
        table.note(&id(1), "base in eu-west-1", "CURRENT");
        let row = table.find(&id(42)).unwrap();
        assert!(table.see(row) && !table.see(row));
        let text = serde_json::to_string(&table).unwrap();
        let table: Table = serde_json::from_str(&text).unwrap();
        let of = |number| table.statuses(table.find(&id(number)).unwrap()).collect::<Vec<_>>();
        assert_eq!(
            of(42),
            [("base in eu-central-1", "CURRENT"), ("base in eu-west-1", "INOPERABLE")]
        );
        assert_eq!(of(999_999_999_999), [("base in eu-west-1", "OUTDATED")]);
        assert_eq!(of(7), []);
        let last = table.find(&id(999_999_999_999)).unwrap();
        assert_eq!((last.unit, last.state), (4, AccountState::Closed));
        assert_eq!(table.find(&id(7)).unwrap().unit, 200, "it was seen there last");
        let unseen: Vec<AccountId> = table.unseen(0).map(|(id, _)| id).collect();
        assert_eq!(unseen, [id(7), id(999_999_999_999)]);
    }

    #[test]
    fn of_two_accounts_of_a_tenant_the_first_is_told() {
        let mut table = Table::default();
        assert_eq!(table.take("acme", &id(1)), None);
        assert_eq!(table.take("acme", &id(1)), None, "it is the same");
        assert_eq!(table.take("acme", &id(2)), Some(id(1)));
        assert!(table.has("acme") && !table.has("globex"));
    }

    #[test]
    fn fifty_thousand_accounts_are_small() {
        let mut table = Table::default();
        let ids: Vec<AccountId> = (0..50_000).map(id).collect();
        for id in &ids {
            table.add(id, 3, AccountState::Active);
        }
        table.settle();
        for spot in 0..4 {
            let spot = format!("set-{spot} in eu-central-1");
            ids.iter().for_each(|id| table.note(id, &spot, "CURRENT"));
        }
        let columns: usize = table.columns.values().map(|it| it.0.len()).sum();
        assert_eq!(table.rows.len() * 8 + columns, 400_000 + 4 * 12_500);
    }
}
