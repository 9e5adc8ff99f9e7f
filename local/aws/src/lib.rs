//! local-aws.

pub mod cloudformation;
