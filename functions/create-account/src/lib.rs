//! create-account.
