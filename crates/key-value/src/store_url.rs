//! The store's URL: where entries are kept, and for how long.

mod nats_servers;

pub(crate) use nats_servers::NatsServers;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use url::Url;

/// The default lifetime of an entry after its last write.
pub const DEFAULT_RETENTION: Duration = Duration::from_secs(86_400);

/// The longest retention, in seconds: a year.
const MAXIMUM_RETENTION: u64 = 31_536_000;

/// The highest value of `memory_mebibytes`: a tebibyte.
const MAXIMUM_MEMORY: usize = 1024 * 1024;

/// A store's URL. The crate's documentation lists its forms. A user's name and password are percent-encoded
/// in the URL, and `Display` and `Debug` leave them out.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    pub(crate) location: StoreLocation,
    pub(crate) retention: Duration,
    /// The most memory for entries, in MiB. `None` for the default of the kind of store.
    pub(crate) memory_mebibytes: Option<usize>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StoreLocation {
    Memory,
    File(PathBuf),
    Redis(Url),
    Nats(NatsServers),
}

/// Why a text is no store's URL. The error text doesn't repeat the URL, which can hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The scheme is none of those that the text lists.
    #[error("the store's URL must begin with memory:, redb:, redis://, rediss://, nats:// or tls://")]
    Scheme,
    /// `redb:` has no path.
    #[error(
        "the store's URL needs the path of a file after redb:, for example redb:/var/lib/credwell/store.redb"
    )]
    NoPath,
    /// There is something other than parameters after `memory:`.
    #[error("the store's URL takes only parameters after memory:")]
    NothingAfterMemory,
    /// The text isn't a URL.
    #[error("the store's URL is malformed: {0}; user and password must be percent-encoded")]
    Malformed(#[from] url::ParseError),
    /// The URL names no host.
    #[error("the store's URL needs a host, for example redis://127.0.0.1:6379")]
    NoHost,
    /// There is a path or a fragment after the host, other than the number of a Redis database.
    #[error(
        "the store's URL must end after the host and port; for Redis, /N may follow as the database's number"
    )]
    Path,
    /// One of several servers is no URL of its own.
    #[error(
        "each server in the store's URL must be a whole URL, for example nats://a:4222,nats://b:4222; a comma \
         in a user or password must be percent-encoded as %2C"
    )]
    ServerList,
    /// The servers differ in more than host and port.
    #[error("all servers in the store's URL must have the same scheme, user and password")]
    ServersDiffer,
    /// A parameter isn't one of this store, or is there twice.
    #[error(
        "the store's URL takes the parameter retention_seconds, after memory: and redb: memory_mebibytes too, \
         and each at most once"
    )]
    Parameter,
    /// The memory isn't a number, or is out of range.
    #[error("memory_mebibytes in the store's URL must be from 1 to {MAXIMUM_MEMORY}")]
    Memory,
    /// The retention isn't a number, or is out of range.
    #[error("retention_seconds in the store's URL must be from 1 to {MAXIMUM_RETENTION}")]
    Retention,
}

impl StoreUrl {
    /// Whether entries are kept outside of this process's memory, where others could read them.
    pub fn outlives_process(&self) -> bool {
        !matches!(self.location, StoreLocation::Memory)
    }

    /// Whether the URL holds a user's name, a token or a password.
    pub fn has_user(&self) -> bool {
        match &self.location {
            StoreLocation::Memory | StoreLocation::File(_) => false,
            StoreLocation::Redis(url) => has_user(url),
            StoreLocation::Nats(servers) => has_user(servers.first()),
        }
    }
}

impl FromStr for StoreUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once(':').ok_or(UrlError::Scheme)?;
        if matches!(scheme, "memory" | "redb") {
            // The path is used as written, without percent-decoding.
            let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
            let location = match (scheme, path) {
                ("memory", "") => StoreLocation::Memory,
                ("memory", _) => return Err(UrlError::NothingAfterMemory),
                (_, "") => return Err(UrlError::NoPath),
                (_, path) => StoreLocation::File(path.into()),
            };
            let Parameters { retention, memory_mebibytes } = Parameters::parse(query)?;
            return Ok(Self { location, retention, memory_mebibytes });
        }
        let (servers, query) = text.split_once('?').unwrap_or((text, ""));
        let location = match scheme {
            "redis" | "rediss" => StoreLocation::Redis(parse_server(servers, true)?),
            "nats" | "tls" => StoreLocation::Nats(NatsServers::parse(servers)?),
            _ => return Err(UrlError::Scheme),
        };
        let Parameters { retention, memory_mebibytes } = Parameters::parse(query)?;
        if memory_mebibytes.is_some() {
            return Err(UrlError::Parameter);
        }
        Ok(Self { location, retention, memory_mebibytes })
    }
}

/// Parses the URL of one server, without parameters. With `takes_database`, the number of a database may
/// follow.
fn parse_server(text: &str, takes_database: bool) -> Result<Url, UrlError> {
    let url = Url::parse(text)?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(UrlError::NoHost);
    }
    let database = url.path().strip_prefix('/').unwrap_or_default();
    let is_database = takes_database && database.parse::<u32>().is_ok();
    if url.fragment().is_some() || !(database.is_empty() || is_database) {
        return Err(UrlError::Path);
    }
    Ok(url)
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// The URL without user and password.
pub(crate) fn without_user(url: &Url) -> Url {
    let mut url = url.clone();
    // Both succeed for a URL with a host.
    _ = url.set_username("");
    _ = url.set_password(None);
    url
}

struct Parameters {
    retention: Duration,
    memory_mebibytes: Option<usize>,
}

impl Parameters {
    fn parse(query: &str) -> Result<Self, UrlError> {
        let (mut retention, mut memory_mebibytes) = (None, None);
        for parameter in query.split('&').filter(|_| !query.is_empty()) {
            match parameter.split_once('=').ok_or(UrlError::Parameter)? {
                ("retention_seconds", text) if retention.is_none() => {
                    let seconds = text.parse().ok().filter(|text| (1..=MAXIMUM_RETENTION).contains(text));
                    retention = Some(Duration::from_secs(seconds.ok_or(UrlError::Retention)?));
                }
                ("memory_mebibytes", text) if memory_mebibytes.is_none() => {
                    let memory = text.parse().ok().filter(|text| (1..=MAXIMUM_MEMORY).contains(text));
                    memory_mebibytes = Some(memory.ok_or(UrlError::Memory)?);
                }
                _ => return Err(UrlError::Parameter),
            }
        }
        Ok(Self { retention: retention.unwrap_or(DEFAULT_RETENTION), memory_mebibytes })
    }
}

/// Leaves out user and password.
impl fmt::Display for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            StoreLocation::Memory => write!(formatter, "memory:")?,
            StoreLocation::File(path) => write!(formatter, "redb:{}", path.display())?,
            StoreLocation::Redis(url) => write!(formatter, "{}", without_user(url))?,
            StoreLocation::Nats(servers) => {
                let servers: Vec<_> = servers.all().map(|url| without_user(url).to_string()).collect();
                write!(formatter, "{}", servers.join(","))?;
            }
        }
        write!(formatter, "?retention_seconds={}", self.retention.as_secs())?;
        match self.memory_mebibytes {
            Some(memory) => write!(formatter, "&memory_mebibytes={memory}"),
            None => Ok(()),
        }
    }
}

/// Leaves out user and password.
impl fmt::Debug for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StoreUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_understood_and_printed_without_its_password() {
        for (text, printed) in [
            ("memory:", "memory:?retention_seconds=86400"),
            ("memory:?retention_seconds=5", "memory:?retention_seconds=5"),
            ("memory:?memory_mebibytes=7", "memory:?retention_seconds=86400&memory_mebibytes=7"),
            (
                "redb:a?memory_mebibytes=1&retention_seconds=5",
                "redb:a?retention_seconds=5&memory_mebibytes=1",
            ),
            ("redb:store.redb", "redb:store.redb?retention_seconds=86400"),
            (
                "redb:/var/lib/a%20b c.redb?retention_seconds=1",
                "redb:/var/lib/a%20b c.redb?retention_seconds=1",
            ),
            ("redis://localhost", "redis://localhost?retention_seconds=86400"),
            ("rediss://u:p%40ss@[::1]:1/2?retention_seconds=9", "rediss://[::1]:1/2?retention_seconds=9"),
            ("redis://:hunter2@h", "redis://h?retention_seconds=86400"),
            ("nats://u:hunter2@h:4222", "nats://h:4222?retention_seconds=86400"),
            ("tls://hunter2@h/", "tls://h/?retention_seconds=86400"),
            ("tls://hunter2@a,tls://hunter2@b:1", "tls://a,tls://b:1?retention_seconds=86400"),
            ("nats://a,nats://b?retention_seconds=2", "nats://a,nats://b?retention_seconds=2"),
        ] {
            let url: StoreUrl = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(url.to_string(), printed);
            assert_eq!(format!("{url:?}"), format!("StoreUrl({printed})"));
        }
    }

    #[test]
    fn a_url_says_whether_it_has_a_user_and_outlives_the_process() {
        for (text, outlives, has_user) in [
            ("memory:", false, false),
            ("redb:user@host", true, false),
            ("redis://h", true, false),
            ("redis://:hunter2@h", true, true),
            ("nats://hunter2@h", true, true),
            ("tls://u:hunter2@h", true, true),
        ] {
            let url: StoreUrl = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((url.outlives_process(), url.has_user()), (outlives, has_user), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_repeating_it() {
        for (text, error) in [
            ("", UrlError::Scheme),
            ("hunter2", UrlError::Scheme),
            ("http://hunter2@h", UrlError::Scheme),
            ("redb:", UrlError::NoPath),
            ("redb:?retention_seconds=1", UrlError::NoPath),
            ("memory:hunter2", UrlError::NothingAfterMemory),
            ("redis:hunter2", UrlError::NoHost),
            ("redis://:hunter2@h:port", UrlError::Malformed(url::ParseError::InvalidPort)),
            ("redis://h/hunter2", UrlError::Path),
            ("rediss://h#insecure", UrlError::Path),
            ("nats://h/1", UrlError::Path),
            ("nats://h#hunter2", UrlError::Path),
            ("nats://a?retention_seconds=1,nats://b", UrlError::Retention),
            ("redis://a,redis://b", UrlError::Path),
            ("memory:?hunter2=1", UrlError::Parameter),
            ("nats://h?retention_seconds=1&retention_seconds=2", UrlError::Parameter),
            ("memory:?memory_mebibytes=1&memory_mebibytes=1", UrlError::Parameter),
            ("redis://h?memory_mebibytes=1", UrlError::Parameter),
            ("nats://h?retention_seconds=1&memory_mebibytes=1", UrlError::Parameter),
            ("memory:?memory_mebibytes=0", UrlError::Memory),
            ("redb:a?memory_mebibytes=hunter2", UrlError::Memory),
            ("memory:?retention_seconds=0", UrlError::Retention),
            ("memory:?retention_seconds=31536001", UrlError::Retention),
            ("memory:?retention_seconds=hunter2", UrlError::Retention),
        ] {
            let found = text.parse::<StoreUrl>().expect_err(text);
            assert_eq!(found, error, "{text}");
            assert!(!format!("{found} {found:?}").contains("hunter2"), "{text}");
        }
    }
}
