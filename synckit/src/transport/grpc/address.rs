//! Addresses as people write them: `http://host:port`.

use std::sync::Arc;

use tonic::transport::Uri;

use super::GrpcTransport;
use crate::transport::{IntoTransport, Transport, TransportError, TransportErrorKind};

const PLAIN: &str = "http://host:port";
const WITHOUT_CREDENTIALS: &str = "http://host:port, without a user name or password";
const WITHOUT_PATH: &str = "http://host:port, without anything after it";
const WITHOUT_TLS: &str = "http://host:port; https is not spoken here";

/// The address in normal form, and the same as a URI.
pub(super) fn parse(text: &str) -> Result<(String, Uri), TransportError> {
    if text.contains('@') {
        // The text is not repeated: errors end up in logs.
        let kind = TransportErrorKind::Address { expected: WITHOUT_CREDENTIALS };
        return Err(TransportError::new("read the address of a hub", kind));
    }
    let refused = |expected| {
        let attempted = format!("read the address {text:?}");
        TransportError::new(attempted, TransportErrorKind::Address { expected })
    };
    let uri: Uri = text.parse().map_err(|error| refused(PLAIN).caused_by(error))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => return Err(refused(WITHOUT_TLS)),
        _ => return Err(refused(PLAIN)),
    }
    let (Some(host), Some(port)) = (uri.host(), uri.port_u16()) else {
        return Err(refused(PLAIN));
    };
    if host.is_empty() || port == 0 {
        return Err(refused(PLAIN));
    }
    if uri.path() != "/" || uri.query().is_some() {
        return Err(refused(WITHOUT_PATH));
    }
    Ok((format!("http://{host}:{port}"), uri))
}

impl TryFrom<&str> for GrpcTransport {
    type Error = TransportError;

    fn try_from(address: &str) -> Result<Self, TransportError> {
        Self::new(address)
    }
}

impl std::str::FromStr for GrpcTransport {
    type Err = TransportError;

    fn from_str(address: &str) -> Result<Self, TransportError> {
        Self::new(address)
    }
}

/// The address of a hub: `http://host:port`.
impl IntoTransport for &str {
    fn into_transport(self) -> Result<Arc<dyn Transport>, TransportError> {
        Ok(Arc::new(GrpcTransport::new(self)?))
    }
}

/// The address of a hub: `http://host:port`.
impl IntoTransport for String {
    fn into_transport(self) -> Result<Arc<dyn Transport>, TransportError> {
        self.as_str().into_transport()
    }
}

/// The address of a hub: `http://host:port`.
impl IntoTransport for &String {
    fn into_transport(self) -> Result<Arc<dyn Transport>, TransportError> {
        self.as_str().into_transport()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(address: &str) -> &'static str {
        match parse(address).unwrap_err().kind() {
            TransportErrorKind::Address { expected } => expected,
            other => panic!("{address}: {other:?}"),
        }
    }

    #[test]
    fn an_address_has_a_scheme_a_host_and_a_port() {
        for (given, normal) in [
            ("http://hub.example:7700", "http://hub.example:7700"),
            ("http://127.0.0.1:7700/", "http://127.0.0.1:7700"),
            ("HTTP://[::1]:7700", "http://[::1]:7700"),
        ] {
            assert_eq!(parse(given).unwrap().0, normal);
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for bad in [
            "",
            "hub",
            "hub:7700",
            "hub.example:7700/",
            "127.0.0.1:7700",
            "http://hub",
            "http://:7700",
            "http://hub:",
            "http://hub:0",
            "http://hub:70000",
            "http://a b:7700",
            "ftp://hub:7700",
            "http://",
        ] {
            assert_eq!(expected(bad), PLAIN, "{bad}");
        }
        assert_eq!(expected("https://hub:7700"), WITHOUT_TLS);
        assert_eq!(expected("http://hub:7700/sync"), WITHOUT_PATH);
        assert_eq!(expected("http://hub:7700?space=a"), WITHOUT_PATH);
    }

    #[test]
    fn credentials_are_refused_and_not_repeated() {
        for bad in ["http://ada:secret@hub:7700", "ada:secret@hub", "http://secret@hub:7700/"] {
            assert_eq!(expected(bad), WITHOUT_CREDENTIALS);
            let error = parse(bad).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }
}
