//! Contracts between parts that no compiler compares: machines and functions, functions and
//! template, errors and runbook, events and schemas.

mod audit_events;
mod change_events;
mod documents;
mod environment;
mod errors;
mod events;
mod machines;
mod notices;
mod retirement_events;
mod settings;
mod signup_systems;
mod spellings;
