//! The store that all simulated hosts share.

use super::{Host, World, seconds};
use credwell_core::ports::{Bucket, BucketLocation, Store, StoreError};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use tokio::time::sleep;

impl Store for Host {
    type Bucket = OpenBucket;

    async fn open(&self, _: &BucketLocation) -> Result<OpenBucket, StoreError> {
        sleep(self.world.store_latency.get()).await;
        let bucket = OpenBucket { world: Rc::clone(&self.world), read: RefCell::default() };
        bucket.check("open")?;
        let rest = self.world.opens_before_failure.get();
        self.world.opens_before_failure.set(rest.and_then(|rest| rest.checked_sub(1)));
        if rest == Some(0) {
            return Err(StoreError::Failed);
        }
        Ok(bucket)
    }
}

/// An open bucket of the store that all hosts share.
pub(crate) struct OpenBucket {
    world: Rc<World>,
    read: RefCell<HashMap<String, Option<Vec<u8>>>>,
}

impl OpenBucket {
    fn check(&self, operation: &str) -> Result<(), StoreError> {
        let fails = self.world.failing.borrow().contains(&operation);
        if fails { Err(StoreError::Failed) } else { Ok(()) }
    }
}

impl Bucket for OpenBucket {
    const CAN_COUNT: bool = true;

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        sleep(self.world.store_latency.get()).await;
        self.check("get")?;
        let value = self.world.values.borrow().get(key).cloned();
        if !self.world.reads_are_cached.get() {
            return Ok(value);
        }
        Ok(self.read.borrow_mut().entry(key.to_owned()).or_insert(value).clone())
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let latency = self.world.store_latency.get();
        sleep(if self.world.next_write_is_slow.take() { seconds(1) } else { latency }).await;
        self.check("set")?;
        self.world.values.borrow_mut().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        sleep(self.world.store_latency.get()).await;
        self.check("delete")?;
        self.world.values.borrow_mut().remove(key);
        Ok(())
    }

    async fn increment(&self, key: &str, delta: u64) -> Result<u64, StoreError> {
        sleep(self.world.store_latency.get()).await;
        self.check("increment")?;
        if let Some(sum) = self.world.false_sum.get() {
            return Ok(sum);
        }
        let mut values = self.world.values.borrow_mut();
        let value = values.entry(key.to_owned()).or_insert_with(|| vec![0; 8]);
        let sum = u64::from_le_bytes(value.as_slice().try_into().unwrap()) + delta;
        *value = sum.to_le_bytes().to_vec();
        Ok(sum)
    }
}
