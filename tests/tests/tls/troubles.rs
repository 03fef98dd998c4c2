//! Everything that keeps two sides from speaking TLS is one error that says what to do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use synckit::transport::tls::{CertifiedKey, ClientCertificates, ServerTls, TrustRoots};
use synckit::transport::{GrpcTransport, TlsProblem, Transport, TransportErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::authority::{Authority, Issued, expired, for_clients, not_yet_valid};
use super::server::{Server, listen, soon, way};

const ATTEMPTS: usize = 20;

/// Connects many times: the other side's last words must arrive whatever is on its way.
async fn assert_problem(way: GrpcTransport, expected: TlsProblem) {
    for _ in 0..ATTEMPTS {
        let error = soon("an error", way.connect()).await.unwrap_err();
        assert_eq!(error.kind(), &TransportErrorKind::Tls(expected), "{error:?}");
        let said = error.to_string();
        assert!(said.starts_with(&format!("connect to {}: ", way.address())), "{said}");
        assert_eq!(error.code(), expected.code());
    }
}

async fn assert_server_problem(issued: &Issued, roots: TrustRoots, expected: TlsProblem) {
    let server = Server::start(Some(issued.server())).await;
    assert_problem(server.way(roots), expected).await;
}

#[tokio::test]
async fn a_certificate_of_nobody_who_is_trusted() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    assert_server_problem(&theirs.hub(), ours.roots(), TlsProblem::UnknownIssuer).await;
    // One of the same name that is another.
    let again = Authority::new("ours");
    assert_server_problem(&again.hub(), ours.roots(), TlsProblem::UnknownIssuer).await;
}

#[tokio::test]
async fn a_certificate_out_of_its_time() {
    let ours = Authority::new("ours");
    let old = ours.issue("127.0.0.1", expired);
    assert_server_problem(&old, ours.roots(), TlsProblem::Expired).await;
    let new = ours.issue("127.0.0.1", not_yet_valid);
    assert_server_problem(&new, ours.roots(), TlsProblem::NotValidYet).await;
}

#[tokio::test]
async fn a_certificate_for_another_name() {
    let ours = Authority::new("ours");
    for name in ["hub.example", "127.0.0.2"] {
        let other = ours.issue(name, |_| {});
        assert_server_problem(&other, ours.roots(), TlsProblem::WrongName).await;
    }
    // The reason names the names.
    let other = Server::start(Some(ours.issue("hub.example", |_| {}).server())).await;
    let error = other.way(ours.roots()).connect().await.unwrap_err();
    assert!(format!("{error:#}").contains("hub.example"), "{error:#}");
}

#[tokio::test]
async fn a_certificate_for_another_purpose() {
    let ours = Authority::new("ours");
    let of_a_client = ours.issue("127.0.0.1", for_clients);
    assert_server_problem(&of_a_client, ours.roots(), TlsProblem::Unusable).await;
    // What `openssl req -x509` makes when it is told nothing else.
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let roots = TrustRoots::from_pem(certificate.as_bytes()).unwrap();
    let itself = Issued { certificate, key: key.serialize_pem() };
    assert_server_problem(&itself, roots, TlsProblem::Unusable).await;
}

#[tokio::test]
async fn a_hub_in_plain_text_at_an_address_with_https() {
    let server = Server::start(None).await;
    assert_problem(server.way(Authority::new("ours").roots()), TlsProblem::NotSpoken).await;
}

#[tokio::test]
async fn somebody_else_in_plain_text_at_an_address_with_https() {
    let ours = Authority::new("ours");
    for banner in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.9\r\n"] {
        let address = somebody_who_says(banner).await;
        assert_problem(way(address, ours.roots()), TlsProblem::NotSpoken).await;
    }
    // An alert: no version of TLS in common.
    let address = somebody_who_says(b"\x15\x03\x01\x00\x02\x02\x46").await;
    assert_problem(way(address, ours.roots()), TlsProblem::NoCommonVersion).await;
}

#[tokio::test]
async fn a_hub_with_tls_at_an_address_without() {
    let server = Server::start(Some(Authority::new("ours").hub().server())).await;
    let plain = GrpcTransport::new(format!("http://{}", server.address)).unwrap();
    assert_problem(plain, TlsProblem::Needed).await;
}

#[tokio::test]
async fn a_certificate_that_the_hub_requires() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let required = ClientCertificates::Required(ours.roots());
    let tls = ServerTls::new(&ours.hub().certified(), required).unwrap();
    let mut server = Server::start(Some(tls)).await;
    let way = || server.way(ours.roots());
    assert_problem(way(), TlsProblem::CertificateRequired).await;
    // One of nobody whom the hub trusts, and one that has expired.
    let stranger = way().identity(theirs.client("eve.example"));
    assert_problem(stranger, TlsProblem::CertificateRefused).await;
    let old = ours.issue("ann.example", |params| {
        for_clients(params);
        expired(params);
    });
    assert_problem(way().identity(old.certified()), TlsProblem::CertificateRefused).await;

    let ann = way().identity(ours.client("ann.example"));
    let _ours = soon("a connection", ann.connect()).await.unwrap();
    let peer = soon("a session", server.accepted.next()).await.peer;
    let names = peer.tls.unwrap().names();
    assert!(names.contains(&"dns:ann.example".to_owned()), "{names:?}");
}

#[tokio::test]
async fn a_certificate_that_the_hub_only_asks_for() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let asked = ClientCertificates::Asked(ours.roots());
    let tls = ServerTls::new(&ours.hub().certified(), asked).unwrap();
    let mut server = Server::start(Some(tls)).await;
    let nobody = server.way(ours.roots());
    let _ours = soon("a connection", nobody.connect()).await.unwrap();
    assert_eq!(soon("a session", server.accepted.next()).await.peer.tls, None);
    let stranger = server.way(ours.roots()).identity(theirs.client("eve.example"));
    assert_problem(stranger, TlsProblem::CertificateRefused).await;
}

#[tokio::test]
async fn a_server_with_tls_that_speaks_another_protocol_inside() {
    let ours = Authority::new("ours");
    for protocol in [&b"http/1.1"[..], b""] {
        let acceptor = TlsAcceptor::from(config(&ours.hub(), protocol));
        let address = somebody(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                }
            }
        })
        .await;
        assert_problem(way(address, ours.roots()), TlsProblem::NoHttp2).await;
    }
}

#[test]
fn plain_text_does_not_leave_this_machine_unless_it_is_asked_to() {
    for address in ["http://hub.example:7700", "http://10.0.0.1:7700", "http://[2001:db8::1]:7700"]
    {
        let error = GrpcTransport::new(address).unwrap_err();
        assert_eq!(error.kind(), &TransportErrorKind::Tls(TlsProblem::PlainText));
        let said = error.to_string();
        assert!(said.contains("https://") && said.contains("GrpcTransport::plain_text"), "{said}");
        assert_eq!(GrpcTransport::plain_text(address).unwrap().address(), address);
    }
    for address in ["http://127.0.0.1:7700", "http://localhost:7700", "http://[::1]:7700"] {
        assert_eq!(GrpcTransport::new(address).unwrap().address(), address);
    }
    let error = GrpcTransport::plain_text("https://hub.example:7700").unwrap_err();
    assert_eq!(error.kind(), &TransportErrorKind::Address { expected: "http://host:port" });
}

#[test]
fn a_certificate_is_not_read_from_something_else() {
    let issued = Authority::new("ours").hub();
    let (pem, key) = (issued.certificate.as_bytes(), issued.key.as_bytes());
    let odd = b"-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n";
    let cut = &pem[..pem.len() - 30];
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nbm8=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let other = KeyPair::generate().unwrap().serialize_pem();
    for (certificate, key, problem) in [
        (&b""[..], key, TlsProblem::NoCertificate),
        (b"nothing", key, TlsProblem::NoCertificate),
        (cut, key, TlsProblem::NoCertificate),
        (key, key, TlsProblem::NoCertificate),
        (odd, key, TlsProblem::NoCertificate),
        (pem, b"", TlsProblem::NoKey),
        (pem, pem, TlsProblem::NoKey),
        (pem, locked.as_bytes(), TlsProblem::NoKey),
        (pem, &key[..key.len() / 2], TlsProblem::NoKey),
        (pem, other.as_bytes(), TlsProblem::KeyMismatch),
    ] {
        let error = CertifiedKey::from_pem(certificate, key).unwrap_err();
        assert_eq!(error.kind(), &TransportErrorKind::Tls(problem), "{error:?}");
        assert!(!error.is_retryable());
    }
    let both = [pem, key].concat();
    CertifiedKey::from_pem(&both, &both).unwrap();
    for roots in [&b""[..], key, odd] {
        let error = TrustRoots::from_pem(roots).unwrap_err();
        assert_eq!(error.kind(), &TransportErrorKind::Tls(TlsProblem::NoCertificate), "{error:?}");
    }
}

/// The pauses between attempts are the link's: nothing below it tries again by itself.
#[tokio::test]
async fn an_attempt_that_fails_is_one_connection() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let acceptor = TlsAcceptor::from(config(&Authority::new("theirs").hub(), b"h2"));
    let address = somebody(move |stream| {
        counted.fetch_add(1, Ordering::Relaxed);
        let acceptor = acceptor.clone();
        async move { assert!(acceptor.accept(stream).await.is_err()) }
    })
    .await;
    let way = way(address, Authority::new("ours").roots());
    assert_problem(way, TlsProblem::UnknownIssuer).await;
    assert_eq!(connections.load(Ordering::Relaxed), ATTEMPTS);
}

/// A server of somebody else's.
fn config(issued: &Issued, protocol: &[u8]) -> Arc<ServerConfig> {
    let chain = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    config.alpn_protocols = if protocol.is_empty() { Vec::new() } else { vec![protocol.to_vec()] };
    Arc::new(config)
}

/// Somebody who does `answer` with every connection.
async fn somebody<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    address
}

async fn somebody_who_says(banner: &'static [u8]) -> SocketAddr {
    somebody(move |mut stream| async move {
        stream.write_all(banner).await.unwrap();
        stream.shutdown().await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await
}
