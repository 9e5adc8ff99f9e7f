//! The fault hook: where tests and simulations make calls fail.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::{AwsError, Call};

/// What happens to one call instead of the ordinary.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Refused before it has any effect.
    Refuse(AwsError),
    /// It takes effect, and the answer is lost: the connection breaks.
    LoseAnswer,
    /// It takes effect twice, as when a network repeats it; the second answer is given.
    Twice,
    /// It has no effect and this answer, as from a copy that lags behind.
    Answer(Value),
    /// It takes effect with this input instead of its own.
    Instead(Value),
    /// It takes effect after this time, whether its caller still waits or not.
    DelayBefore(Duration),
    /// It takes effect at once and is answered after this time.
    DelayAfter(Duration),
}

/// Decides which calls fail, and how. Called once for each call, in order.
pub trait Faults: Send + Sync {
    /// The fault for this call, if any.
    fn fault(&self, call: &Call) -> Option<Fault>;

    /// Hears how a call was answered that was not refused or answered by a fault.
    fn answered(&self, _call: &Call, _result: &Result<Value, AwsError>) {}

    /// Hears of every call that was carried out, whoever made it and whether its answer arrives
    /// or not, with what came of it. The world is as the call left it.
    fn performed(&self, _call: &Call, _result: &Result<Value, AwsError>) {}
}

/// No call fails.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFaults;

impl Faults for NoFaults {
    fn fault(&self, _call: &Call) -> Option<Fault> {
        None
    }
}

/// How a request ended.
#[derive(Debug)]
pub enum Answer {
    /// An HTTP response.
    Response(http::Response<Bytes>),
    /// The connection broke without one.
    ConnectionLost,
}
