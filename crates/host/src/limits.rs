//! The limits on the linear memories of an instance.

use crate::MEMORY_LIMIT;
use wasmtime::{Error, ResourceLimiter, Result, StoreLimits, StoreLimitsBuilder};

/// The limits of one instance, and the size of its memories.
pub(crate) struct Limits {
    limits: StoreLimits,
    /// The size of all memories together, in bytes.
    memory: usize,
    /// The size before the last growth.
    memory_before: usize,
}

impl Limits {
    pub(crate) fn new() -> Self {
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY_LIMIT).build();
        Self { limits, memory: 0, memory_before: 0 }
    }

    /// The size of all memories together, in bytes. It never becomes smaller.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let may_grow = self.limits.memory_growing(current, desired, maximum)?;
        if may_grow {
            self.memory_before = self.memory;
            self.memory += desired.saturating_sub(current);
        }
        Ok(may_grow)
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        self.memory = self.memory_before;
        self.limits.memory_grow_failed(error)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.limits.table_growing(current, desired, maximum)
    }

    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        self.limits.table_grow_failed(error)
    }

    fn instances(&self) -> usize {
        self.limits.instances()
    }

    fn tables(&self) -> usize {
        self.limits.tables()
    }

    fn memories(&self) -> usize {
        self.limits.memories()
    }
}
