//! Capabilities that count and trace what instances do with them.

mod key_value;
mod outgoing;

use crate::{Capabilities, Metrics};
use std::sync::Arc;

impl Capabilities {
    /// These capabilities, with each key-value operation and each outgoing request counted in `metrics` and traced in a
    /// span. A [`Listener`](crate::Listener) does this by itself.
    #[must_use]
    pub fn observed(mut self, metrics: &Metrics) -> Self {
        self.key_value = Arc::new(key_value::Observed { inner: self.key_value, metrics: metrics.clone() });
        self.outgoing = Arc::new(outgoing::Observed { inner: self.outgoing, metrics: metrics.clone() });
        self
    }
}
