//! Hubs and replicas with TLS between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use synckit::clock::UnixMillis;
use synckit::hub::{AllowAll, Rights, TokenEntry, TokenList, Tokens};
use synckit::replica::{Link, LinkOptions, LinkState};
use synckit::transport::tls::{ClientCertificates, ServerTls};
use synckit::transport::{Credentials, GrpcTransport};
use synckit::{ErrorKind, Hub, Replica, WallClock, registry, sync_aggregate};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::authority::{Authority, expired};
use super::server::soon;

#[sync_aggregate(name = "till")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Till {
    #[merge(counter)]
    sales: i64,
}

async fn replica() -> Replica {
    Replica::builder().registry(registry![Till]).in_memory().await.unwrap()
}

async fn sell(at: &Replica) {
    at.create(&Till { sales: 1 }).await.unwrap();
}

/// Tries again quickly.
fn quickly() -> LinkOptions {
    LinkOptions::new().backoff(Duration::from_millis(20), Duration::from_millis(100))
}

async fn live(link: &mut Link) {
    link.wait_for(|status| status.state == LinkState::Live).await;
}

#[tokio::test]
async fn replicas_sync_through_a_hub_with_tls() {
    let ours = Authority::new("ours");
    let hub = Hub::builder().tls(ours.hub().server()).in_memory().unwrap();
    let running = hub.serve("127.0.0.1:0").await.unwrap();
    assert!(running.url().starts_with("https://"), "{}", running.url());
    let way = || GrpcTransport::new(running.url()).unwrap().roots(ours.roots());
    let (ann, bob) = (replica().await, replica().await);
    sell(&ann).await;
    assert!(ann.sync_once(way()).await.unwrap().pushed > 0);
    assert!(bob.sync_once(way()).await.unwrap().pulled > 0);
    running.shut_down().await.unwrap();
}

/// Runs itself a second time, in a process whose system trusts the hub's authority.
#[tokio::test]
async fn the_authorities_of_the_system_are_believed_by_default() {
    const HUB: &str = "SYNCKIT_TEST_HUB";
    if let Ok(hub) = std::env::var(HUB) {
        replica().await.sync_once(hub).await.unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new("ours");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, ours.pem()).unwrap();
    let hub = Hub::builder().tls(ours.hub().server()).in_memory().unwrap();
    let running = hub.serve("127.0.0.1:0").await.unwrap();
    for (certificates, trusts) in [(file.as_path(), true), (folder.path(), false)] {
        let mut again = tokio::process::Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "hubs::the_authorities_of_the_system_are_believed_by_default"]);
        again.env(HUB, running.url()).env("SSL_CERT_FILE", certificates).env_remove("SSL_CERT_DIR");
        let output = again.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.success(), trusts, "{said}");
        assert!(said.contains("1 passed") || said.contains("1 failed"), "{said}");
    }
    running.shut_down().await.unwrap();
}

#[tokio::test]
async fn a_hub_for_other_machines_needs_a_certificate_or_the_word_that_it_does_without() {
    let open = || Hub::builder().authorizer(AllowAll);
    let error = open().in_memory().unwrap().serve("0.0.0.0:0").await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::PlainText);
    let said = error.to_string();
    assert!(said.contains("HubBuilder::tls") && said.contains("HubBuilder::plain_text"), "{said}");

    let ours = Authority::new("ours");
    let tls = ours.hub().server();
    for hub in [open().tls(tls.clone()), open().plain_text()] {
        let running = hub.in_memory().unwrap().serve("0.0.0.0:0").await.unwrap();
        running.shut_down().await.unwrap();
    }
    // A certificate tells nobody who may come in.
    let hub = Hub::builder().tls(tls).in_memory().unwrap();
    let error = hub.serve("0.0.0.0:0").await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unguarded);
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_at_once_and_ends_no_session() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let tls = old.hub().server();
    let hub = Hub::builder().tls(tls.clone()).in_memory().unwrap();
    let running = hub.serve("127.0.0.1:0").await.unwrap();
    let way = |of: &Authority| GrpcTransport::new(running.url()).unwrap().roots(of.roots());
    let (ann, bob) = (replica().await, replica().await);
    let mut link = ann.connect_with(way(&old), quickly()).unwrap();
    live(&mut link).await;

    tls.replace(&new.hub().server());
    let error = bob.sync_once(way(&old)).await.unwrap_err();
    assert_eq!(error.code(), "tls.unknown_issuer");
    sell(&ann).await;
    ann.flush(synckit::replica::Reach::Hub).await.unwrap();
    assert!(bob.sync_once(way(&new)).await.unwrap().pulled > 0);
    assert_eq!((link.status().sessions, link.status().trouble), (1, None));
    running.shut_down().await.unwrap();
}

#[tokio::test]
async fn a_link_goes_on_once_the_certificate_is_renewed_and_asks_with_pauses_until_then() {
    let ours = Authority::new("ours");
    let tls = ours.issue("127.0.0.1", expired).server();
    let hub = Hub::builder().tls(tls.clone()).in_memory().unwrap();
    let running = hub.serve("127.0.0.1:0").await.unwrap();
    let way = GrpcTransport::new(running.url()).unwrap().roots(ours.roots());
    let ann = replica().await;
    let mut link = ann.connect_with(way, quickly()).unwrap();
    let status = link.wait_for(|status| status.trouble.is_some()).await;
    let trouble = status.trouble.unwrap();
    assert_eq!((trouble.code, trouble.is_retryable), ("tls.expired", true));
    assert!(trouble.error.contains("renew"), "{}", trouble.error);
    assert!(status.sessions <= 1, "no session was begun again and again: {}", status.sessions);

    tls.replace(&ours.hub().server());
    live(&mut link).await;
    assert_eq!(link.status().trouble, None);
    running.shut_down().await.unwrap();
}

#[tokio::test]
async fn probes_are_answered_inside_tls() {
    let ours = Authority::new("ours");
    let hub = Hub::builder().tls(ours.hub().server()).operations().in_memory().unwrap();
    let running = hub.serve("127.0.0.1:0").await.unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ours.pem().as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(running.address()).await.unwrap();
    let name = "127.0.0.1".try_into().unwrap();
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let mut stream = soon("a handshake", connecting).await.unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: hub\r\n\r\n").await.unwrap();
    let mut told = String::new();
    soon("an answer", stream.read_to_string(&mut told)).await.unwrap();
    assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
    // Sessions have the port as well.
    let way = GrpcTransport::new(running.url()).unwrap().roots(ours.roots());
    replica().await.sync_once(way).await.unwrap();
    running.shut_down().await.unwrap();
}

#[tokio::test]
async fn a_name_on_a_certificate_lets_in_whoever_shows_no_token() {
    let ours = Authority::new("ours");
    let token = Tokens::generate().unwrap();
    let entry = |shown: &str, spaces: &str, who: &str| TokenEntry {
        shown: shown.to_owned(),
        rights: Rights::ReadWrite,
        spaces: vec![spaces.to_owned()],
        only: Vec::new(),
        until: None,
        who: who.to_owned(),
    };
    let list = TokenList(vec![
        entry("dns:till-3.example", "default", "till 3"),
        entry("dns:till-4.example", "elsewhere", "till 4"),
        entry(&token.hash, "elsewhere", "the auditor"),
    ]);
    let text = list.to_string();
    assert_eq!(text.parse::<TokenList>().unwrap(), list);
    let tokens = Tokens::new(list).unwrap();
    let asked = ClientCertificates::Asked(ours.roots());
    let tls = ServerTls::new(&ours.hub().certified(), asked).unwrap();
    let hub = Hub::builder().authorizer(tokens).tls(tls).in_memory().unwrap();
    let running = hub.serve("127.0.0.1:0").await.unwrap();
    let way = || GrpcTransport::new(running.url()).unwrap().roots(ours.roots());
    let of = |name: &str| way().identity(ours.client(name));
    let ann = replica().await;
    ann.sync_once(of("till-3.example")).await.unwrap();
    for (way, code) in [
        (of("till-4.example"), "session.forbidden"),
        (of("till-5.example"), "session.unauthenticated"),
        (way(), "session.unauthenticated"),
        // A token that is shown is what counts.
        (of("till-3.example").credentials(&token.secret).unwrap(), "session.forbidden"),
    ] {
        assert_eq!(ann.sync_once(way).await.unwrap_err().code(), code);
    }
    running.shut_down().await.unwrap();
}

#[tokio::test]
async fn a_session_ends_with_the_certificate_that_let_it_in() {
    let ours = Authority::new("ours");
    let entry = TokenEntry {
        shown: "dns:till-3.example".to_owned(),
        rights: Rights::ReadWrite,
        spaces: vec!["*".to_owned()],
        only: Vec::new(),
        until: None,
        who: "till 3".to_owned(),
    };
    // The hub's clock, which comes to the end of the certificate before the world's does.
    let end = UnixMillis::new(4_000_000_000_000);
    let now = Arc::new(AtomicU64::new(end.get() - 1));
    let clock = WallClock::new({
        let now = Arc::clone(&now);
        move || UnixMillis::new(now.load(Ordering::Relaxed))
    });
    let tokens = Tokens::new(TokenList(vec![entry])).unwrap().wall_clock(clock.clone());
    let required = ClientCertificates::Required(ours.roots());
    let tls = ServerTls::new(&ours.hub().certified(), required).unwrap();
    let hub = Hub::builder().authorizer(tokens).tls(tls).wall_clock(clock).in_memory().unwrap();
    let running = hub.serve("127.0.0.1:0").await.unwrap();
    let till = ours.issue("till-3.example", |params| {
        params.not_after = time::OffsetDateTime::from_unix_timestamp(4_000_000_000).unwrap();
    });
    let way = GrpcTransport::new(running.url()).unwrap().roots(ours.roots());
    let ann = replica().await;
    let mut link = ann.connect_with(way.identity(till.certified()), quickly()).unwrap();
    live(&mut link).await;
    now.store(end.get(), Ordering::Relaxed);
    running.hub().recheck();
    let trouble = link.wait_for(|status| status.trouble.is_some()).await.trouble.unwrap();
    assert_eq!(trouble.code, "session.unauthenticated");
    running.shut_down().await.unwrap();
}

#[test]
fn an_entry_for_something_else_than_a_name_or_a_hash_is_refused() {
    for odd in ["host:till-3", "dns:", "till-3.example", ""] {
        let entry = TokenEntry {
            shown: odd.to_owned(),
            rights: Rights::Read,
            spaces: Vec::new(),
            only: Vec::new(),
            until: None,
            who: "till 3".to_owned(),
        };
        let error = Tokens::new(TokenList(vec![entry])).unwrap_err();
        assert!(error.to_string().contains("till 3"), "{error}");
    }
}

#[tokio::test]
async fn secrets_are_not_printed() {
    let ours = Authority::new("ours");
    let issued = ours.hub();
    let client = ours.issue("ann.example", |_| {});
    let server = issued.server();
    let token = Credentials::bearer("synckit_secret");
    let way = GrpcTransport::new("https://hub.example:7700").unwrap();
    let way = way.roots(ours.roots()).identity(client.certified()).credentials(&token).unwrap();
    let builder = Hub::builder().tls(server.clone());
    let hub = builder.clone().in_memory().unwrap();
    let printed = [
        format!("{way:#?} {server:#?} {:#?}", issued.certified()),
        format!("{builder:#?} {hub:#?} {:#?}", client.certified()),
    ];
    for key in [&issued.key, &client.key] {
        let secret = key.lines().nth(1).unwrap();
        for printed in &printed {
            assert!(!printed.contains(secret) && !printed.contains("synckit_secret"), "{printed}");
        }
    }
}
