//! Addresses of hubs: `https://host:port` and `http://host:port`.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tonic::transport::Uri;

use super::GrpcTransport;
use crate::transport::address::{self, FORM};
use crate::transport::{Transport, TransportError, TransportErrorKind};

const WITHOUT_PATH: &str = "https://host:port, without anything after it";

/// The transport to the hub at an address.
pub(in crate::transport) fn open(address: &str) -> Result<Arc<dyn Transport>, TransportError> {
    Ok(Arc::new(GrpcTransport::new(address)?))
}

/// A parsed address.
#[derive(Debug)]
pub(super) struct HubAddress {
    /// In normal form.
    pub(super) text: String,
    /// For requests.
    pub(super) origin: Uri,
    /// For connections. Their scheme is `http`: TLS is a matter of ours.
    pub(super) target: Uri,
    /// The name in the server's certificate; `None` where it is reached in plain text.
    pub(super) tls_name: Option<ServerName<'static>>,
    /// True when the host is this machine by its name.
    pub(super) is_local: bool,
}

/// Reads an address.
pub(super) fn parse(text: &str) -> Result<HubAddress, TransportError> {
    address::opener(text)?;
    let refused = |expected| {
        let attempted = format!("read the address {text:?}");
        TransportError::new(attempted, TransportErrorKind::Address { expected })
    };
    let uri: Uri = text.parse().map_err(|error| refused(FORM).caused_by(error))?;
    let (Some(scheme @ ("http" | "https")), Some(host), Some(port)) =
        (uri.scheme_str(), uri.host(), uri.port_u16())
    else {
        return Err(refused(FORM));
    };
    if host.is_empty() || port == 0 {
        return Err(refused(FORM));
    }
    if uri.path() != "/" || uri.query().is_some() {
        return Err(refused(WITHOUT_PATH));
    }
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let tls_name = if scheme == "https" {
        let name = ServerName::try_from(name.to_owned());
        Some(name.map_err(|error| refused(FORM).caused_by(error))?)
    } else {
        None
    };
    let target = format!("http://{host}:{port}");
    let target: Uri = target.parse().map_err(|error| refused(FORM).caused_by(error))?;
    let is_local = is_local(name);
    Ok(HubAddress {
        text: format!("{scheme}://{host}:{port}"),
        origin: uri,
        target,
        tls_name,
        is_local,
    })
}

/// Tells that a host is this machine (RFC 6761, section 6.3).
fn is_local(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => {
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            host == "localhost" || host.ends_with(".localhost")
        }
    }
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
            assert_eq!(parse(given).unwrap().text, normal);
        }
    }

    #[test]
    fn the_host_is_the_name_in_the_certificate() {
        for (given, name) in [
            ("https://hub.example:7700", "hub.example"),
            ("https://10.0.0.1:7700", "10.0.0.1"),
            ("https://[::1]:7700", "::1"),
        ] {
            let parsed = parse(given).unwrap();
            assert_eq!(parsed.tls_name.unwrap().to_str(), name);
            assert_eq!(parsed.target.scheme_str(), Some("http"));
        }
        assert!(parse("http://hub.example:7700").unwrap().tls_name.is_none());
    }

    #[test]
    fn this_machine_is_told_by_its_names() {
        for local in ["localhost", "LOCALHOST.", "hub.localhost", "127.0.0.9", "::1"] {
            assert!(is_local(local), "{local}");
        }
        for other in ["hub", "localhost.example", "10.0.0.1", "0.0.0.0", "::ffff:10.0.0.1"] {
            assert!(!is_local(other), "{other}");
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
            "https://a_very%odd:1",
        ] {
            assert_eq!(expected(bad), FORM, "{bad}");
        }
        assert_eq!(expected("http://hub:7700/sync"), WITHOUT_PATH);
        assert_eq!(expected("http://hub:7700?space=a"), WITHOUT_PATH);
    }
}
