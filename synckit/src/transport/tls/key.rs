//! A certificate together with its private key.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{self, SingleCertAndKey};
use rustls::{Error, InconsistentKeys};

use super::{failed, provider, read_pem};
use crate::transport::{TlsProblem, TransportError};

/// A certificate with its private key: the proof of who one is, for a server or a client.
///
/// Cloning shares it. Two are equal when their certificates are.
#[derive(Clone)]
pub struct CertifiedKey(Arc<sign::CertifiedKey>);

impl CertifiedKey {
    /// Reads PEM text: certificates, one's own first and each followed by its issuer's, and the
    /// private key, in PKCS #8, SEC 1 or PKCS #1 and without a passphrase. Both texts may be the
    /// same.
    ///
    /// # Errors
    /// [`TlsProblem::NoCertificate`], [`TlsProblem::NoKey`] or [`TlsProblem::KeyMismatch`].
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TransportError> {
        Self::read(certificates, key, "read a certificate", "read a private key")
    }

    /// Reads the same from files, which may be one. The files are read once: build another one
    /// when they have changed.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), and [`TlsProblem::File`] when a file cannot be read.
    pub fn from_files(
        certificates: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, TransportError> {
        let (certificates, key) = (certificates.as_ref(), key.as_ref());
        let of_certificates = format!("read a certificate from {}", certificates.display());
        let of_key = format!("read a private key from {}", key.display());
        Self::read(&read_pem(certificates)?, &read_pem(key)?, &of_certificates, &of_key)
    }

    fn read(
        certificates: &[u8],
        key: &[u8],
        of_certificates: &str,
        of_key: &str,
    ) -> Result<Self, TransportError> {
        let chain = certificates_in(certificates, of_certificates)?;
        // Parsers of keys quote no bytes of what they do not understand.
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| failed(of_key, TlsProblem::NoKey).caused_by(error))?;
        let certified = sign::CertifiedKey::from_der(chain, key, &provider());
        let certified = certified.map_err(|error| {
            let (attempted, problem) = match &error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    (of_key, TlsProblem::KeyMismatch)
                }
                Error::InvalidCertificate(_) => (of_certificates, TlsProblem::NoCertificate),
                _ => (of_key, TlsProblem::NoKey),
            };
            failed(attempted, problem).caused_by(error)
        })?;
        Ok(Self(Arc::new(certified)))
    }

    /// Shows it to everybody.
    pub(super) fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(Arc::clone(&self.0)))
    }
}

impl PartialEq for CertifiedKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.cert == other.0.cert
    }
}

impl Eq for CertifiedKey {}

/// The number of its certificates, and nothing of the key.
impl fmt::Debug for CertifiedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let certificates = self.0.cert.len();
        f.debug_struct("CertifiedKey").field("certificates", &certificates).finish_non_exhaustive()
    }
}

/// The certificates in a PEM text, of which there is at least one.
pub(super) fn certificates_in(
    pem: &[u8],
    attempted: &str,
) -> Result<Vec<CertificateDer<'static>>, TransportError> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let found =
        found.map_err(|error| failed(attempted, TlsProblem::NoCertificate).caused_by(error))?;
    if found.is_empty() {
        return Err(failed(attempted, TlsProblem::NoCertificate));
    }
    Ok(found)
}
