//! How fast Landlord onboards: thousands of signups against AWS's published limits, in virtual
//! time, with the shipped machines and functions.

mod arrival;
mod crowd;
mod prices;
mod report;
mod run;
mod singly;

pub use arrival::{Arrival, InvalidArrival};
pub use crowd::Crowd;
pub use prices::{Cost, Prices};
pub use report::{ApiCalls, Comparison, Operations, Report, Spread};
pub use run::{Onboarding, simulate};
