//! label-account.
