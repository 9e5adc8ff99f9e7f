//! The AWS that Landlord uses, on one machine: its services with their asynchrony, limits and
//! errors, behind AWS's own wire formats.
//!
//! One [`Aws`] is one world: an organization with its accounts, in a few Regions. It answers
//! HTTP requests of the unchanged AWS SDKs and of the AWS CLI ([`Aws::serve`]), in real time or
//! under tokio's paused clock. What happens later (an account that is being created, a stack
//! set operation) is a task of the world, spawned with [`Aws::spawn`], and sleeps on the
//! world's pace ([`Aws::sleep`]).
//!
//! All state stands behind one lock ([`Aws::lock`]), taken for a moment and never held across
//! an await: services read each other's state (a service control policy decides about a call
//! to another service), and one lock is what keeps runs reproducible.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the stand-in: it has a clock of its own and waits on it"
)]

mod call;
mod connector;
mod error;
mod faults;
mod function;
mod server;
mod settings;
mod state;
mod world;

pub mod cloudformation;
mod cloudtrail;
mod cloudwatch;
mod events;
pub mod iam;
mod lambda;
pub mod organizations;
mod s3;
mod scheduler;
mod servicequotas;
mod sns;
mod sqs;
mod ssm;
mod states;
mod sts;
mod tagging;
mod wire;

pub use call::{Access, Call, Caller, Principal};
pub use error::{AwsError, Fault as FaultSide};
pub use faults::{Answer, Fault, Faults, NoFaults};
pub use function::{FunctionHost, Invocation, InvocationOutcome};
pub use server::serve;
pub use servicequotas::{Quota, QuotaDecision};
pub use settings::{Durations, Settings};
pub use sns::Message as PublishedMessage;
pub use state::State;
pub use states::{ExecutionView, MachineUsage};
pub use world::{Aws, JournalEntry, Remains};
