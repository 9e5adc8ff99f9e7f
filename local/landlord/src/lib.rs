//! landlord.
