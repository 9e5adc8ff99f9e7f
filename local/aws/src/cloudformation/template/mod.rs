//! Templates: YAML or JSON, CloudFormation's or SAM's, read strictly.
//!
//! What the loader does not know (a resource type, property, attribute, intrinsic function) is
//! an error that names it and its line: nothing is skipped. There are two exceptions. A resource whose
//! metadata holds `landlord:local: inert` only gets a physical id. And where a world takes inert resources
//! (`Settings::inert_resources`), a type or property that AWS has and that is not modelled makes its
//! resource inert, with a warning; what AWS has not is refused all the same.

mod arguments;
mod check;
mod cidr;
mod dynamic;
mod error;
mod evaluate;
mod graph;
mod languages;
mod model;
mod node;
mod parameters;
mod sam;
mod schema;
#[cfg(test)]
mod tests;
mod types;

pub use error::TemplateError;
pub(crate) use evaluate::{Made, Pseudo, Scope};
pub(crate) use graph::{attributes_asked, needed, order};
pub(crate) use model::{DeletionPolicy, Resource, Template};
#[cfg(test)]
use node::Node;
pub(crate) use parameters::{public, resolve};
pub(crate) use schema::{Properties, properties};
pub(crate) use types::id_prefix;
