//! TLS. What the component sends begins with its API key, so it may go to nobody but the upstream.

use super::sockets::harness;
use host_test::tls::{Authority, Front};
use host_test::{Credentials, Error, Network, SampleUpstream, Source};

const ACCOUNTS: [&str; 3] = SampleUpstream::ACCOUNT_IDS;

/// An upstream behind TLS, which the component reaches through `network`.
struct Upstream {
    behind: SampleUpstream,
    front: Front,
    authority: Authority,
}

impl Upstream {
    /// With a certificate for this name that is valid until the beginning of a year.
    async fn start(name: &str, until: i32) -> Self {
        let behind = SampleUpstream::start().await.expect("a port is free");
        let authority = Authority::new();
        let front = Front::start(authority.server(name, until), behind.authority()).await;
        Self { behind, front, authority }
    }

    /// Asks for these accounts, and trusts certificates from these authorities and the public ones.
    async fn ask(&self, trusted: &[&Authority], accounts: &[&str]) -> Vec<Result<Credentials, Error>> {
        let base_url = self.front.base_url();
        let mut network = Network::to([base_url.trim_start_matches("https://")]);
        for authority in trusted {
            network = network.trusting(authority.pem.as_bytes()).expect("a certificate");
        }
        let harness = harness(base_url, network).config("credwell_api_key", SampleUpstream::API_KEY).build();
        let mut answers = Vec::new();
        for account in accounts {
            answers.push(harness.get(account).await);
        }
        answers
    }

    /// Asks, and checks that the upstream wasn't: not even who asks was told to whoever is at the other end.
    async fn assert_distrusted(&self, trusted: &[&Authority]) {
        let answers = self.ask(trusted, &ACCOUNTS[..1]).await;
        let is_told = |text: &str| text.contains("TLS-certificate-error");
        assert!(
            matches!(&answers[0], Err(Error::Unreachable(text)) if is_told(text)),
            "{:?}",
            answers[0].is_ok()
        );
        assert_eq!((self.front.handshakes(), self.behind.count()), (0, 0));
    }
}

#[tokio::test]
async fn an_authority_that_the_operator_trusts_is_trusted_and_a_connection_serves_many_calls() {
    let upstream = Upstream::start("localhost", 2100).await;
    for answer in upstream.ask(&[&upstream.authority, &Authority::new()], &ACCOUNTS).await {
        assert_eq!(answer.expect("credentials").source, Source::Upstream);
    }
    assert_eq!((upstream.front.handshakes(), upstream.behind.count()), (1, ACCOUNTS.len()));
}

#[tokio::test]
async fn an_authority_that_nobody_named_is_not_trusted() {
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
