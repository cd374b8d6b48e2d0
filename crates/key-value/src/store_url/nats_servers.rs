//! The servers of a NATS store: one, or the members of a cluster.

use super::{UrlError, parse_server};
use url::Url;

/// The separator of servers in a store's URL.
const SEPARATOR: char = ',';

/// The URLs of at least one server. All have the same scheme, user and password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct NatsServers {
    first: Url,
    others: Vec<Url>,
}

impl NatsServers {
    /// Parses the URLs of servers, with commas between them.
    ///
    /// # Errors
    ///
    /// A server is no URL of its own, or the servers differ in more than host and port.
    pub(super) fn parse(text: &str) -> Result<Self, UrlError> {
        let mut texts: Vec<String> = Vec::new();
        for part in text.split(SEPARATOR) {
            match texts.last_mut() {
                // A comma in a password separates no servers.
                Some(server) if !part.contains("://") => *server = format!("{server}{SEPARATOR}{part}"),
                _ => texts.push(part.to_owned()),
            }
        }
        let mut urls = texts.iter().map(|text| {
            let host = text.rsplit('@').next().unwrap_or_default();
            if host.contains(SEPARATOR) { Err(UrlError::ServerList) } else { parse_server(text, false) }
        });
        let first = urls.next().ok_or(UrlError::NoHost)??;
        let others = urls.collect::<Result<Vec<_>, _>>()?;
        if others.iter().any(|url| common_part(url) != common_part(&first)) {
            return Err(UrlError::ServersDiffer);
        }
        Ok(Self { first, others })
    }

    /// The URL of the first server. Its scheme, user and password are those of all servers.
    pub(crate) fn first(&self) -> &Url {
        &self.first
    }

    /// The URLs of all servers.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Url> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// What the servers of a cluster have in common: scheme, user and password.
fn common_part(url: &Url) -> (&str, &str, Option<&str>) {
    (url.scheme(), url.username(), url.password())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_a_list_of_whole_urls() {
        for (text, expected) in [
            ("nats://a", &["nats://a"][..]),
            ("tls://a:1,tls://b:2,tls://c/", &["tls://a:1", "tls://b:2", "tls://c/"]),
            ("nats://u:p@a, nats://u:p@[::1]:2", &["nats://u:p@a", "nats://u:p@[::1]:2"]),
            ("nats://u:p,q@a,nats://u:p,q@b", &["nats://u:p,q@a", "nats://u:p,q@b"]),
        ] {
            let servers = NatsServers::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(servers.all().map(Url::as_str).collect::<Vec<_>>(), expected, "{text}");
            assert_eq!(servers.first().as_str(), expected[0]);
        }
    }

    #[test]
    fn servers_that_differ_in_more_than_host_and_port_are_refused() {
        for (text, error) in [
            ("nats://a,tls://b", UrlError::ServersDiffer),
            ("tls://u:hunter2@a,tls://b", UrlError::ServersDiffer),
            ("tls://u:hunter2@a,tls://u:hunter3@b", UrlError::ServersDiffer),
            ("tls://u:hunter2@a,tls://v:hunter2@b", UrlError::ServersDiffer),
            ("tls://hunter2@a,tls://hunter2:p@b", UrlError::ServersDiffer),
            ("nats://a,redis://b", UrlError::ServersDiffer),
            ("tls://u:hunter2@a:1,b:2", UrlError::ServerList),
            ("nats://a,b", UrlError::ServerList),
            ("nats://a,", UrlError::ServerList),
            ("nats://a,nats://", UrlError::NoHost),
            ("nats://a/1,nats://b", UrlError::Path),
        ] {
            let found = NatsServers::parse(text).err();
            assert_eq!(found, Some(error), "{text}");
            assert!(!format!("{found:?} {}", found.clone().expect("an error")).contains("hunter"), "{text}");
        }
    }
}
