//! Addresses of hubs: `http://host:port`.

use std::sync::Arc;

use tonic::transport::Uri;

use super::GrpcTransport;
use crate::transport::{Transport, TransportError, TransportErrorKind, address};

const PLAIN: &str = "http://host:port";
const WITHOUT_PATH: &str = "http://host:port, without anything after it";

/// The transport to the hub at an address.
pub(in crate::transport) fn open(address: &str) -> Result<Arc<dyn Transport>, TransportError> {
    Ok(Arc::new(GrpcTransport::new(address)?))
}

/// The address in normal form, and the same as a URI.
pub(super) fn parse(text: &str) -> Result<(String, Uri), TransportError> {
    address::opener(text)?;
    let refused = |expected| {
        let attempted = format!("read the address {text:?}");
        TransportError::new(attempted, TransportErrorKind::Address { expected })
    };
    let uri: Uri = text.parse().map_err(|error| refused(PLAIN).caused_by(error))?;
    let (Some("http"), Some(host), Some(port)) = (uri.scheme_str(), uri.host(), uri.port_u16())
    else {
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
            "hub:7700",
            "http://hub",
            "http://:7700",
            "http://hub:",
            "http://hub:0",
            "http://hub:70000",
            "http://a b:7700",
            "http://",
        ] {
            assert_eq!(expected(bad), PLAIN, "{bad}");
        }
        assert_eq!(expected("http://hub:7700/sync"), WITHOUT_PATH);
        assert_eq!(expected("http://hub:7700?space=a"), WITHOUT_PATH);
    }
}
