//! Certificates in files.

use synckit::transport::tls::{CertifiedKey, PEM_BYTES_MAX, TrustRoots};
use synckit::transport::{TlsProblem, TransportErrorKind};

use super::authority::Authority;
use super::server::Server;

#[tokio::test]
async fn certificates_are_read_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let ours = Authority::new("ours");
    let issued = ours.hub();
    std::fs::write(at("hub.pem"), &issued.certificate).unwrap();
    std::fs::write(at("hub.key"), &issued.key).unwrap();
    std::fs::write(at("ca.pem"), ours.pem()).unwrap();
    let key = CertifiedKey::from_files(at("hub.pem"), at("hub.key")).unwrap();
    assert_eq!(key, issued.certified());
    let roots = TrustRoots::from_file(at("ca.pem")).unwrap();
    Server::start(Some(issued.server())).await.assert_serves(roots).await;
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large.pem");
    std::fs::write(&large, vec![b'\n'; PEM_BYTES_MAX + 1]).unwrap();
    for path in [&folder.path().join("missing.pem"), &large, folder.path()] {
        for error in [
            TrustRoots::from_file(path).unwrap_err(),
            CertifiedKey::from_files(path, path).unwrap_err(),
        ] {
            assert_eq!(error.kind(), &TransportErrorKind::Tls(TlsProblem::File), "{error:?}");
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
    }
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let error = CertifiedKey::from_files(&empty, &empty).unwrap_err();
    assert_eq!(error.code(), "tls.no_certificate");
    assert!(error.to_string().contains("empty.pem"), "{error}");
}
