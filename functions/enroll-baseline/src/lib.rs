//! enroll-baseline.
