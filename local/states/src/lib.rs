//! local-states.
