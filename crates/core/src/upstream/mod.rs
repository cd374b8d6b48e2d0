//! The upstream's API: its requests, their retries, and the account object in its responses.

pub mod account;
pub mod deadline;
pub mod fields;
pub mod request;
pub mod retry;
pub mod send;
