//! Addresses as people write them: a scheme says which transport opens the rest.

use std::sync::Arc;

use super::{IntoTransport, Transport, TransportError, TransportErrorKind};

/// Makes a transport of an address.
pub(super) type Open = fn(&str) -> Result<Arc<dyn Transport>, TransportError>;

/// A kind of address.
struct Scheme {
    /// The text before `://`.
    name: &'static str,
    /// Opens such an address, or says what to do instead.
    open: Result<Open, &'static str>,
}

const NO_WEB_SOCKET: &str = "use https://host:port, or a transport of your own";

/// All of them. What is to come stands here too, so that it is told from a mistake.
const TABLE: [Scheme; 5] = [
    Scheme { name: "http", open: super::HTTP },
    Scheme { name: "https", open: super::HTTP },
    Scheme { name: "ws", open: Err(NO_WEB_SOCKET) },
    Scheme { name: "wss", open: Err(NO_WEB_SOCKET) },
    Scheme { name: "unix", open: Err("use http://127.0.0.1:port, or a transport of your own") },
];

/// The schemes' names.
pub(super) const SCHEMES: [&str; TABLE.len()] = {
    let mut names = [""; TABLE.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = TABLE[at].name;
        at += 1;
    }
    names
};

/// The form of an address.
pub(super) const FORM: &str = "https://host:port, or http://127.0.0.1:port on this machine";
const WITHOUT_CREDENTIALS: &str = "https://host:port, without a user name or password";

/// The transport that an address names.
fn open(address: &str) -> Result<Arc<dyn Transport>, TransportError> {
    opener(address)?(address)
}

/// Finds the function that opens an address, by its scheme.
pub(super) fn opener(address: &str) -> Result<Open, TransportError> {
    if address.contains('@') {
        // The text is not repeated: errors end up in logs.
        let kind = TransportErrorKind::Address { expected: WITHOUT_CREDENTIALS };
        return Err(TransportError::new("read the address of a hub", kind));
    }
    let refused = |kind| TransportError::new(format!("read the address {address:?}"), kind);
    let Some((name, _)) = address.split_once("://") else {
        return Err(refused(TransportErrorKind::Address { expected: FORM }));
    };
    match TABLE.into_iter().find(|scheme| scheme.name.eq_ignore_ascii_case(name)) {
        Some(Scheme { open: Ok(open), .. }) => Ok(open),
        Some(Scheme { name: scheme, open: Err(instead) }) => {
            Err(refused(TransportErrorKind::SchemeNotBuiltIn { scheme, instead }))
        }
        None => Err(refused(TransportErrorKind::SchemeUnknown)),
    }
}

macro_rules! addresses {
    ($($text:ty),*) => {$(
        /// The address of a peer, such as `http://host:port`.
        impl IntoTransport for $text {
            fn into_transport(self) -> Result<Arc<dyn Transport>, TransportError> {
                open(&self)
            }
        }
    )*};
}
addresses!(&str, String, &String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_that_are_known_say_what_to_do_instead() {
        for scheme in ["ws", "wss", "unix", "WSS"] {
            let address = format!("{scheme}://hub:7700");
            let error = open(&address).unwrap_err();
            let kind = error.kind();
            assert!(matches!(kind, TransportErrorKind::SchemeNotBuiltIn { .. }), "{kind:?}");
            assert!(error.to_string().contains("is not built in: use http"), "{error}");
        }
    }

    #[test]
    fn an_unknown_scheme_is_answered_with_those_that_are_known() {
        let error = open("ftp://hub:7700").unwrap_err();
        assert_eq!(error.kind(), &TransportErrorKind::SchemeUnknown);
        let said = "read the address \"ftp://hub:7700\": no transport has this scheme; known are \
                    http, https, ws, wss, unix";
        assert_eq!(error.to_string(), said);
        assert!(!error.is_retryable());
    }

    #[test]
    fn an_address_without_a_scheme_is_answered_with_the_form() {
        for bad in ["", "hub", "hub:7700", "127.0.0.1:7700", "//hub:7700"] {
            let error = open(bad).unwrap_err();
            assert_eq!(error.kind(), &TransportErrorKind::Address { expected: FORM }, "{bad}");
        }
    }

    #[test]
    fn credentials_are_refused_and_not_repeated() {
        for bad in ["http://ada:secret@hub:7700", "ada:secret@hub", "ftp://secret@hub:7700/"] {
            let error = open(bad).unwrap_err();
            let kind = TransportErrorKind::Address { expected: WITHOUT_CREDENTIALS };
            assert_eq!(error.kind(), &kind);
            assert!(!format!("{error:#} {error:?}").contains("secret"));
        }
    }
}
