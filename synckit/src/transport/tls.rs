//! TLS: the certificates that a side shows, and those that it trusts.
//!
//! [`CertifiedKey`] is shown, by a server or by a client that has to prove itself;
//! [`TrustRoots`] say whose certificates are believed; [`ServerTls`] is both for a server, and can
//! be replaced while it runs. A client's are set on the
//! [`GrpcTransport`](crate::transport::GrpcTransport). All are read from PEM, and no private key is
//! ever printed.
//!
//! It is rustls with ring, versions 1.2 and 1.3, by a provider that is named here: the process-wide
//! default of rustls is neither read nor set. Deliberately not here: revocation lists (keep
//! certificates short-lived, and reload them), and any way to trust whoever is there.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use super::{TlsProblem, TransportError, TransportErrorKind};

mod client;
mod key;
mod problem;
mod roots;
mod server;

pub(super) use client::ClientTls;
pub use key::CertifiedKey;
pub(super) use problem::{problem_in, problem_of};
pub use roots::TrustRoots;
pub use server::{ClientCertificates, ServerTls};

/// Largest PEM file that is read: a hundred times a chain of certificates, and four times a
/// system's whole list of authorities.
pub const PEM_BYTES_MAX: usize = 1024 * 1024;

/// HTTP/2 inside TLS (RFC 7301, RFC 9113).
const HTTP2: &[u8] = b"h2";
/// HTTP/1.1, which a server may offer as well, for probes.
pub(super) const HTTP1: &[u8] = b"http/1.1";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn failed(attempted: impl Into<String>, problem: TlsProblem) -> TransportError {
    TransportError::new(attempted, TransportErrorKind::Tls(problem))
}

/// Reads a file of at most [`PEM_BYTES_MAX`].
fn read_pem(path: &Path) -> Result<Vec<u8>, TransportError> {
    let unreadable = |error: io::Error| {
        failed(format!("read {}", path.display()), TlsProblem::File).caused_by(error)
    };
    let most = u64::try_from(PEM_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > PEM_BYTES_MAX {
        let large = format!("it is larger than {PEM_BYTES_MAX} bytes");
        return Err(unreadable(io::Error::other(large)));
    }
    Ok(bytes)
}
