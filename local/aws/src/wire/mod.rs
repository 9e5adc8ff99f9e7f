//! AWS's wire formats: a request becomes a [`Call`], a result becomes a response.
//!
//! A time stamp in a result is `{"$timestamp": milliseconds}` ([`timestamp`]): each format
//! writes it its own way.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{Aws, AwsError, Call};

/// A request that was understood, and the way to answer it.
pub(crate) struct Decoded {
    /// The call.
    pub(crate) call: Call,
}

/// Reads a request: credentials, service, format, operation, members.
pub(crate) fn decode(
    _aws: &Aws,
    _request: &http::Request<Bytes>,
) -> Result<Decoded, http::Response<Bytes>> {
    Err(http::Response::new(Bytes::new()))
}

impl Decoded {
    /// Writes the answer in the request's format.
    pub(crate) fn encode(
        &self,
        _aws: &Aws,
        _result: Result<Value, AwsError>,
    ) -> http::Response<Bytes> {
        http::Response::new(Bytes::new())
    }
}

/// A time stamp in a result.
pub(crate) fn timestamp(moment: Timestamp) -> Value {
    json!({ "$timestamp": moment.as_millisecond() })
}
