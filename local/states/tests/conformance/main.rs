//! The language's published rules, one test a rule, as a user of a machine sees them.

mod branches;
mod definitions;
mod distributed;
mod expressions;
mod failures;
mod history;
mod properties;
mod redrive;
mod states;
mod world;
