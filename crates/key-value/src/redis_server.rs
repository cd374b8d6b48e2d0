//! The store on a Redis or Valkey server.

mod connection;

use crate::key_value::{KeyPage, KeyValue, KeyValueError};
use crate::limits::{PAGE, check_bucket, check_key, check_keys, check_value, foreign_cursor};
use crate::number;
use crate::open::OpenError;
use connection::{Connection, Request, Resend};
use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, cmd, pipe};
use std::time::Duration;
use url::Url;

/// The script for compare-and-swap. Arguments: 1. `nothing` or `value`, which says whether a value is
/// expected; 2. the expected value; 3. the new value; 4. the retention in seconds. Returns 1 if the new value
/// was written, otherwise 0.
const COMPARE_AND_SWAP: &str = "
local now = redis.call('GET', KEYS[1])
if ARGV[1] == 'nothing' and now or ARGV[1] == 'value' and now ~= ARGV[2] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[4])
return 1";

pub(crate) struct RedisServer {
    connection: Connection,
    /// In seconds.
    retention: u64,
}

impl RedisServer {
    pub(crate) async fn open(url: &Url, retention: Duration) -> Result<Self, OpenError> {
        Ok(Self { connection: Connection::open(url).await?, retention: retention.as_secs() })
    }

    fn set_command(&self, bucket: &str, key: &str, value: &[u8]) -> Cmd {
        let mut command = cmd("SET");
        command.arg(stored_key(bucket, key)).arg(value).arg("EX").arg(self.retention);
        command
    }
}

fn prefix(bucket: &str) -> String {
    // Unambiguous: a bucket's name has no colon.
    format!("credwell:{bucket}:")
}

fn stored_key(bucket: &str, key: &str) -> String {
    prefix(bucket) + key
}

/// The command `name` with one key as its argument.
fn key_command(name: &str, bucket: &str, key: &str) -> Cmd {
    let mut command = cmd(name);
    command.arg(stored_key(bucket, key));
    command
}

#[async_trait::async_trait]
impl KeyValue for RedisServer {
    async fn open(&self, bucket: &str) -> Result<(), KeyValueError> {
        check_bucket(bucket)
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        check_key(bucket, key)?;
        self.connection.send_idempotent(Request::Command(key_command("GET", bucket, key))).await
    }

    async fn set(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        check_value(bucket, key, &value)?;
        self.connection.send_idempotent(Request::Command(self.set_command(bucket, key, &value))).await
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<(), KeyValueError> {
        check_key(bucket, key)?;
        self.connection.send_idempotent(Request::Command(key_command("DEL", bucket, key))).await
    }

    async fn exists(&self, bucket: &str, key: &str) -> Result<bool, KeyValueError> {
        check_key(bucket, key)?;
        self.connection.send_idempotent(Request::Command(key_command("EXISTS", bucket, key))).await
    }

    /// Scans all keys of the database for those of the bucket, about [`PAGE`] keys at a time.
    async fn list_keys(&self, bucket: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError> {
        check_bucket(bucket)?;
        let cursor: u64 = cursor.unwrap_or("0").parse().map_err(|_| foreign_cursor())?;
        let prefix = prefix(bucket);
        let mut scan = cmd("SCAN");
        // A bucket's name has no characters with a meaning in a pattern.
        scan.arg(cursor).arg("MATCH").arg(format!("{prefix}*")).arg("COUNT").arg(PAGE);
        let (next, keys): (u64, Vec<Vec<u8>>) =
            self.connection.send_idempotent(Request::Command(scan)).await?;
        let keys = keys.into_iter().filter_map(|key| String::from_utf8(key).ok());
        let keys = keys.filter_map(|key| key.strip_prefix(&prefix).map(str::to_owned)).collect();
        Ok(KeyPage { keys, cursor: (next != 0).then(|| next.to_string()) })
    }

    async fn increment(&self, bucket: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        check_key(bucket, key)?;
        let key = stored_key(bucket, key);
        let mut both = pipe();
        both.atomic().cmd("INCRBY").arg(&key).arg(delta).cmd("EXPIRE").arg(&key).arg(self.retention).ignore();
        let reply: RedisResult<(i64,)> = self.connection.send(Request::Pipeline(both), Resend::Never).await?;
        reply.map(|(sum,)| sum).map_err(|error| match error.kind() {
            // These two commands have no other reason for this error.
            ErrorKind::Server(ServerErrorKind::ResponseError) => number::sum_error(),
            _ => self.connection.explain(&error),
        })
    }

    async fn compare_and_swap(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
    ) -> Result<bool, KeyValueError> {
        check_value(bucket, key, &value)?;
        let mut evaluate = cmd("EVAL");
        evaluate.arg(COMPARE_AND_SWAP).arg(1).arg(stored_key(bucket, key));
        evaluate.arg(if expected.is_some() { "value" } else { "nothing" }).arg(expected.unwrap_or_default());
        evaluate.arg(value).arg(self.retention);
        self.connection
            .send(Request::Command(evaluate), Resend::Never)
            .await?
            .map_err(|error| self.connection.explain(&error))
    }

    async fn get_many(&self, bucket: &str, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, KeyValueError> {
        check_keys(bucket, keys)?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut get = cmd("MGET");
        for key in keys {
            get.arg(stored_key(bucket, key));
        }
        self.connection.send_idempotent(Request::Command(get)).await
    }

    async fn set_many(&self, bucket: &str, entries: Vec<(String, Vec<u8>)>) -> Result<(), KeyValueError> {
        check_bucket(bucket)?;
        let mut set = pipe();
        for (key, value) in &entries {
            check_value(bucket, key, value)?;
            set.add_command(self.set_command(bucket, key, value)).ignore();
        }
        if entries.is_empty() {
            Ok(())
        } else {
            self.connection.send_idempotent(Request::Pipeline(set)).await
        }
    }

    async fn delete_many(&self, bucket: &str, keys: &[String]) -> Result<(), KeyValueError> {
        check_keys(bucket, keys)?;
        if keys.is_empty() {
            return Ok(());
        }
        let mut delete = cmd("DEL");
        for key in keys {
            delete.arg(stored_key(bucket, key));
        }
        self.connection.send_idempotent(Request::Command(delete)).await
    }
}
