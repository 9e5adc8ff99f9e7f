//! CloudFormation StackSets, as far as Landlord and its operators use them.
//!
//! The rules of an operation are in [`scheduler`], which knows nothing of wire formats, storage
//! or clocks.

pub mod scheduler;
