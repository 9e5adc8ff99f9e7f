//! admit-tenant.
