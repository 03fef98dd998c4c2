//! Reports of rustls, as problems.

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

use crate::transport::TlsProblem;

/// The problem behind a failure to read or write, if TLS reports it.
pub(in crate::transport) fn problem_in(error: &io::Error) -> Option<TlsProblem> {
    error.get_ref()?.downcast_ref::<Error>().map(problem_of)
}

/// The problem that an error of rustls is.
pub(in crate::transport) const fn problem_of(error: &Error) -> TlsProblem {
    match error {
        Error::AlertReceived(alert) => told(*alert),
        Error::InvalidCertificate(error) => of_certificate(error),
        // What begins with no record of TLS does not decode.
        Error::InvalidMessage(_) => TlsProblem::NotSpoken,
        Error::NoApplicationProtocol => TlsProblem::NoHttp2,
        Error::NoCertificatesPresented => TlsProblem::CertificateRequired,
        Error::PeerIncompatible(_) => TlsProblem::NoCommonVersion,
        _ => TlsProblem::Failed,
    }
}

/// The problem that the other side tells.
const fn told(alert: AlertDescription) -> TlsProblem {
    match alert {
        AlertDescription::CertificateRequired => TlsProblem::CertificateRequired,
        AlertDescription::AccessDenied
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::UnsupportedCertificate => TlsProblem::CertificateRefused,
        AlertDescription::HandshakeFailure
        | AlertDescription::InsufficientSecurity
        | AlertDescription::ProtocolVersion => TlsProblem::NoCommonVersion,
        AlertDescription::NoApplicationProtocol => TlsProblem::NoHttp2,
        AlertDescription::UnrecognisedName => TlsProblem::WrongName,
        _ => TlsProblem::Failed,
    }
}

/// The problem with the other side's certificate.
const fn of_certificate(error: &CertificateError) -> TlsProblem {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsProblem::Expired,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsProblem::WrongName
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsProblem::NotValidYet
        }
        CertificateError::BadSignature | CertificateError::UnknownIssuer => {
            TlsProblem::UnknownIssuer
        }
        _ => TlsProblem::Unusable,
    }
}
