//! A client's side.

use std::sync::Arc;

use rustls::ClientConfig;

use super::{CertifiedKey, HTTP2, TrustRoots, failed, problem_of, provider};
use crate::transport::TransportError;

/// Settings of a client.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(in crate::transport) struct ClientTls {
    pub(in crate::transport) roots: TrustRoots,
    pub(in crate::transport) identity: Option<CertifiedKey>,
}

impl ClientTls {
    /// The same as rustls takes them. May read the system's files, and so block.
    pub(in crate::transport) fn config(&self) -> Result<Arc<ClientConfig>, TransportError> {
        const ATTEMPTED: &str = "prepare TLS";
        let roots = self.roots.store(ATTEMPTED)?;
        let versions = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(ATTEMPTED, problem_of(&error)).caused_by(error))?;
        let trusting = versions.with_root_certificates(roots);
        let mut config = match &self.identity {
            Some(key) => trusting.with_client_cert_resolver(key.resolver()),
            None => trusting.with_no_client_auth(),
        };
        config.alpn_protocols = vec![HTTP2.to_vec()];
        Ok(Arc::new(config))
    }
}
