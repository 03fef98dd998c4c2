//! The authorities whose certificates are believed.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::key::certificates_in;
use super::{failed, read_pem};
use crate::transport::{TlsProblem, TransportError};

/// Authorities whose certificates are believed.
///
/// ```no_run
/// use synckit::transport::tls::TrustRoots;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let company = TrustRoots::from_file("company-ca.pem")?; // nobody else
/// let both = TrustRoots::system().and(company);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TrustRoots {
    system: bool,
    given: Vec<CertificateDer<'static>>,
}

impl TrustRoots {
    /// Those that this machine's system trusts; on Unix the files of the system, or those that
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` name. They are read when a transport first connects.
    pub const fn system() -> Self {
        Self { system: true, given: Vec::new() }
    }

    /// Those in a PEM text, and no other. A server's own certificate that nobody else has signed
    /// may stand there as well.
    ///
    /// # Errors
    /// [`TlsProblem::NoCertificate`] when there is none, or one that cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TransportError> {
        Self::read(pem, "read certificates of authorities")
    }

    /// Reads the same from a file.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), and [`TlsProblem::File`] when it cannot be read.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, TransportError> {
        let path = path.as_ref();
        let attempted = format!("read certificates of authorities from {}", path.display());
        Self::read(&read_pem(path)?, &attempted)
    }

    fn read(pem: &[u8], attempted: &str) -> Result<Self, TransportError> {
        let roots = Self { system: false, given: certificates_in(pem, attempted)? };
        roots.store(attempted)?;
        Ok(roots)
    }

    /// These and others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.system |= others.system;
        self.given.extend(others.given);
        self
    }

    /// All of them, as rustls takes them. May read files.
    pub(super) fn store(&self, attempted: &str) -> Result<Arc<RootCertStore>, TransportError> {
        let mut store = RootCertStore::empty();
        for certificate in &self.given {
            store
                .add(certificate.clone())
                .map_err(|error| failed(attempted, TlsProblem::NoCertificate).caused_by(error))?;
        }
        let mut unreadable = None;
        if self.system {
            let mut found = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(found.certs);
            unreadable = found.errors.pop();
        }
        if store.is_empty() {
            let error = failed(attempted, TlsProblem::NoRoots);
            return Err(match unreadable {
                Some(cause) => error.caused_by(cause),
                None => error,
            });
        }
        Ok(Arc::new(store))
    }
}

impl Default for TrustRoots {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for TrustRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = self.given.len();
        f.debug_struct("TrustRoots").field("system", &self.system).field("given", &given).finish()
    }
}
