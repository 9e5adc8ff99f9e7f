//! place-account.
