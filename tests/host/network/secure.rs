//! Tests of TLS. Each request holds the API key, so the component sends requests to trusted servers only.

use super::sockets::harness;
use host_test::tls::{Authority, Front};
use host_test::{Credentials, Error, Network, SampleUpstream, Source};

const ACCOUNTS: [&str; 3] = SampleUpstream::ACCOUNT_IDS;

/// An upstream behind TLS, which the component reaches through `network`.
struct Upstream {
    server: SampleUpstream,
    front: Front,
    authority: Authority,
}

impl Upstream {
    /// Starts an upstream with a certificate for this name that expires at the beginning of the year `until`.
    async fn start(name: &str, until: i32) -> Self {
        let server = SampleUpstream::start().await.expect("a port is free");
        let authority = Authority::new();
        let front = Front::start(authority.server(name, until), server.authority()).await;
        Self { server, front, authority }
    }

    /// Gets the credentials of these accounts. The network trusts these authorities and the public ones.
    async fn credentials(
        &self,
        trusted: &[&Authority],
        accounts: &[&str],
    ) -> Vec<Result<Credentials, Error>> {
        let base_url = self.front.base_url();
        let mut network = Network::to([base_url.trim_start_matches("https://")]);
        for authority in trusted {
            network = network.trusting(authority.pem.as_bytes()).expect("a certificate");
        }
        let harness = harness(base_url, network).config("credwell_api_key", SampleUpstream::API_KEY).build();
        let mut results = Vec::new();
        for account in accounts {
            results.push(harness.get(account).await);
        }
        results
    }

    /// Gets credentials, and checks that the TLS handshake fails. So the server receives no request and no
    /// API key.
    async fn assert_distrusted(&self, trusted: &[&Authority]) {
        let results = self.credentials(trusted, &ACCOUNTS[..1]).await;
        let names_certificate = |text: &str| text.contains("TLS-certificate-error");
        assert!(
            matches!(&results[0], Err(Error::Unreachable(text)) if names_certificate(text)),
            "{:?}",
            results[0].is_ok()
        );
        assert_eq!((self.front.handshakes(), self.server.count()), (0, 0));
    }
}

#[tokio::test]
async fn an_authority_that_the_operator_trusts_is_trusted_and_a_connection_serves_many_calls() {
    let upstream = Upstream::start("localhost", 2100).await;
    for result in upstream.credentials(&[&upstream.authority, &Authority::new()], &ACCOUNTS).await {
        assert_eq!(result.expect("credentials").source, Source::Upstream);
    }
    assert_eq!((upstream.front.handshakes(), upstream.server.count()), (1, ACCOUNTS.len()));
}

#[tokio::test]
async fn an_authority_that_is_not_in_the_list_is_not_trusted() {
    let upstream = Upstream::start("localhost", 2100).await;
    upstream.assert_distrusted(&[]).await;
    upstream.assert_distrusted(&[&Authority::new()]).await;
}

#[tokio::test]
async fn an_expired_certificate_is_not_trusted() {
    let upstream = Upstream::start("localhost", 2020).await;
    upstream.assert_distrusted(&[&upstream.authority]).await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let upstream = Upstream::start("api.pipedream.com", 2100).await;
    upstream.assert_distrusted(&[&upstream.authority]).await;
}
