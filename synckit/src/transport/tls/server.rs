//! A server's side.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;

use super::{CertifiedKey, HTTP2, TrustRoots, failed, problem_of, provider};
use crate::transport::{TlsProblem, TransportError};

/// Certificates that clients show to a server.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ClientCertificates {
    /// None: clients are not asked for any.
    Ignored,
    /// Clients may show one, which must be of these authorities.
    Asked(TrustRoots),
    /// Clients must show one, which must be of these authorities.
    Required(TrustRoots),
}

/// Certificates of a server. Cloning gives another handle to the same: what
/// [`replace`](Self::replace) sets is used by every server that has one.
///
/// ```no_run
/// use synckit::Hub;
/// use synckit::transport::tls::{CertifiedKey, ClientCertificates, ServerTls};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let read = || {
///     let key = CertifiedKey::from_files("hub.pem", "hub.key")?;
///     ServerTls::new(&key, ClientCertificates::Ignored)
/// };
/// let tls = read()?;
/// let hub = Hub::builder().tls(tls.clone()).open("hub.redb").await?;
/// // Later, after the certificate was renewed; open sessions go on.
/// tls.replace(&read()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServerTls(Arc<RwLock<Arc<ServerConfig>>>);

impl ServerTls {
    /// A server that shows this certificate.
    ///
    /// # Errors
    /// [`TlsProblem::NoRoots`] when no authority could vouch for clients.
    pub fn new(key: &CertifiedKey, clients: ClientCertificates) -> Result<Self, TransportError> {
        const ATTEMPTED: &str = "prepare TLS for a server";
        let versions = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(ATTEMPTED, problem_of(&error)).caused_by(error))?;
        let (roots, required) = match clients {
            ClientCertificates::Ignored => (None, false),
            ClientCertificates::Asked(roots) => (Some(roots), false),
            ClientCertificates::Required(roots) => (Some(roots), true),
        };
        let clients = match roots {
            None => WebPkiClientVerifier::no_client_auth(),
            Some(roots) => {
                let roots = roots.store(ATTEMPTED)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                let verifier = if required { verifier } else { verifier.allow_unauthenticated() };
                verifier
                    .build()
                    .map_err(|error| failed(ATTEMPTED, TlsProblem::NoRoots).caused_by(error))?
            }
        };
        let mut config =
            versions.with_client_cert_verifier(clients).with_cert_resolver(key.resolver());
        config.alpn_protocols = vec![HTTP2.to_vec()];
        Ok(Self(Arc::new(RwLock::new(Arc::new(config)))))
    }

    /// Takes over the certificates of another one. Connections that are open go on; every handshake
    /// from here on has these.
    pub fn replace(&self, with: &Self) {
        let config = with.config();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// The certificates for the next handshake.
    pub(in crate::transport) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}
