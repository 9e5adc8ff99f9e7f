//! announce-outcome.
