//! request-quotas.
