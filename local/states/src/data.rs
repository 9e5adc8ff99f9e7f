//! A JSON value together with its text.
//!
//! Every value that moves between states is written to the history as text and measured against
//! AWS's size limit, so the text is made once and shared, together with the value.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

/// The most bytes that a state's input, output, arguments or assigned variables may have, as
/// JSON text: 262,144 (256 KiB).
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
pub const MAX_DATA_BYTES: usize = 262_144;

/// The most bytes that all variables an execution holds may have: 10 MiB.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html>
pub const MAX_VARIABLE_BYTES: usize = 10 * 1024 * 1024;

/// A JSON value and its compact text; cloning shares both.
#[derive(Clone, Debug)]
pub struct Data {
    value: Arc<Value>,
    text: Arc<str>,
}

impl Data {
    /// Wraps a value, writing its text.
    pub fn new(value: Value) -> Self {
        let text = value.to_string().into();
        Self { value: Arc::new(value), text }
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The value's compact JSON text.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// An owned copy of the value, without copying when nobody else holds it.
    pub fn into_value(self) -> Value {
        Arc::try_unwrap(self.value).unwrap_or_else(|shared| (*shared).clone())
    }

    pub(crate) fn is_too_large(&self) -> bool {
        self.text.len() > MAX_DATA_BYTES
    }
}

/// The variables that a state can read, by name without the `$`.
pub(crate) type Variables = BTreeMap<String, Data>;
