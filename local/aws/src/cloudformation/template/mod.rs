//! Templates: YAML or JSON, CloudFormation's or SAM's, read strictly.
//!
//! What the loader does not know (a resource type, property, attribute, intrinsic function) is
//! an error that names it and its line: nothing is skipped. A resource whose metadata holds
//! `landlord:local: inert` is the one exception: it only gets a physical id.

mod arguments;
mod error;
mod evaluate;
mod graph;
mod model;
mod node;
mod parameters;
mod sam;
mod schema;
#[cfg(test)]
mod tests;

pub use error::TemplateError;
pub(crate) use evaluate::{Made, Pseudo, Scope};
pub(crate) use graph::{needed, order};
pub(crate) use model::{DeletionPolicy, Resource, Template};
#[cfg(test)]
use node::Node;
pub(crate) use parameters::resolve;
pub(crate) use schema::{Properties, properties};
