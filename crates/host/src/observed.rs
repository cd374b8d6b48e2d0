//! Capabilities that count and trace their uses.

mod key_value;
mod outgoing;

use crate::{Capabilities, Metrics};
use std::sync::Arc;

impl Capabilities {
    /// Counts each key-value operation, each outgoing request and each instance of a
    /// [`Broker`](crate::Broker) in `metrics`, and traces each operation and request in a span. A
    /// [`Listener`](crate::Listener) calls this function itself.
    #[must_use]
    pub fn observed(mut self, metrics: &Metrics) -> Self {
        self.key_value = Arc::new(key_value::Observed { inner: self.key_value, metrics: metrics.clone() });
        self.outgoing = Arc::new(outgoing::Observed { inner: self.outgoing, metrics: metrics.clone() });
        self.metrics = Some(metrics.clone());
        self
    }
}
