//! local-aws.
