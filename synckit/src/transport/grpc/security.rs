//! The way in which a client's connections are secured.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::wire::Wire;
use crate::platform;
use crate::transport::tls::{ClientTls, problem_in};
use crate::transport::{TlsProblem, TransportError, TransportErrorKind};

/// A client's settings, and what was made of them.
#[derive(Clone, Debug)]
pub(super) enum Security {
    /// None.
    PlainText {
        /// Not only to this machine.
        anywhere: bool,
    },
    /// TLS.
    Tls {
        /// The name that the certificate must be for.
        name: ServerName<'static>,
        settings: ClientTls,
        prepared: Arc<OnceLock<Secured>>,
    },
}

impl Security {
    /// Changes the settings of TLS, if that is used.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut ClientTls)) {
        if let Self::Tls { settings, prepared, .. } = self {
            change(settings);
            *prepared = Arc::default();
        }
    }

    /// Makes what connections need. It is kept: the system's authorities are read once.
    pub(super) async fn prepare(&self) -> Result<Secured, TransportError> {
        let (name, settings, prepared) = match self {
            Self::PlainText { anywhere } => {
                return Ok(Secured::PlainText { anywhere: *anywhere });
            }
            Self::Tls { name, settings, prepared } => (name, settings, prepared),
        };
        if let Some(prepared) = prepared.get() {
            return Ok(prepared.clone());
        }
        let settings = settings.clone();
        let config = platform::spawn_blocking(move || settings.config()).await;
        let config = config.map_err(|stopped| {
            let kind = TransportErrorKind::Tls(TlsProblem::Failed);
            TransportError::new("prepare TLS", kind).caused_by(stopped)
        })?;
        let connector = TlsConnector::from(config?);
        let made = Secured::Tls { connector, name: name.clone() };
        Ok(prepared.get_or_init(|| made).clone())
    }
}

/// Two are equal when their settings are.
impl PartialEq for Security {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::PlainText { anywhere }, Self::PlainText { anywhere: other }) => {
                anywhere == other
            }
            (Self::Tls { name, settings, .. }, Self::Tls { name: other, settings: others, .. }) => {
                name == other && settings == others
            }
            _ => false,
        }
    }
}

/// Everything that secures a connection.
#[derive(Clone)]
pub(super) enum Secured {
    PlainText { anywhere: bool },
    Tls { connector: TlsConnector, name: ServerName<'static> },
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlainText { anywhere } => write!(f, "PlainText {{ anywhere: {anywhere} }}"),
            Self::Tls { name, .. } => write!(f, "Tls {{ name: {name:?} }}"),
        }
    }
}

impl Secured {
    /// Secures a connection, or finds that it need not be.
    pub(super) async fn secure(
        self,
        stream: TcpStream,
        peer: Option<SocketAddr>,
    ) -> Result<Wire, Insecure> {
        match self {
            Self::PlainText { anywhere } => {
                // A name of this machine may lead to another one.
                let is_local = peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
                if anywhere || is_local {
                    return Ok(Wire::Plain(stream));
                }
                Err(Insecure { problem: Some(TlsProblem::PlainText), cause: None })
            }
            Self::Tls { connector, name } => {
                let stream = connector.connect(name, stream).await.map_err(|cause| Insecure {
                    problem: problem_in(&cause),
                    cause: Some(cause),
                })?;
                if stream.get_ref().1.alpn_protocol().is_none() {
                    return Err(Insecure { problem: Some(TlsProblem::NoHttp2), cause: None });
                }
                Ok(Wire::tls(stream))
            }
        }
    }
}

/// A connection that was not secured.
#[derive(Debug, thiserror::Error)]
#[error("the connection could not be secured")]
pub(super) struct Insecure {
    /// `None` when it was lost meanwhile.
    pub(super) problem: Option<TlsProblem>,
    #[source]
    pub(super) cause: Option<io::Error>,
}
