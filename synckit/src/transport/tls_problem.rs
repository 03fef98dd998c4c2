//! Reasons why TLS does not come about.

/// A reason why a connection could not be secured by TLS, or may not do without.
///
/// None is final: where the other side or its certificate has to change, the next attempt may find
/// that it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsProblem {
    /// The peer does not accept the certificate that it was shown. Show one of an authority that
    /// it trusts.
    #[error(
        "the other side does not accept the certificate that it was shown; show one of an \
         authority that it trusts, and see that it has not expired"
    )]
    CertificateRefused,
    /// Clients have to show a certificate, and this one has none. Give it one.
    #[error("clients have to show a certificate; give this one its own: `GrpcTransport::identity`")]
    CertificateRequired,
    /// The peer's certificate has expired. Its owner must renew it.
    #[error(
        "the certificate of the other side has expired; whoever runs it must renew the \
         certificate, unless this machine's clock is wrong"
    )]
    Expired,
    /// The handshake failed for a reason without a name here. The cause tells it.
    #[error("the TLS handshake failed; the cause tells why")]
    Failed,
    /// A file cannot be read. Check its path and rights.
    #[error("the file cannot be read; check the path, and that this program may read it")]
    File,
    /// A key and a certificate do not belong together. Give the key that the certificate was made
    /// with.
    #[error("the key does not belong to the certificate; give the one that it was made with")]
    KeyMismatch,
    /// The peer takes connections with TLS only. Write `https://`.
    #[error("the other side speaks TLS only; write https:// in place of http://")]
    Needed,
    /// There is no usable certificate in the text. Give it in PEM.
    #[error(
        "there is no certificate in it that can be used; give PEM text with a part `-----BEGIN \
         CERTIFICATE-----`"
    )]
    NoCertificate,
    /// The two sides have no version of TLS or no cipher suite in common. Upgrade the older one.
    #[error("the two sides have no version or cipher of TLS in common; upgrade the older one")]
    NoCommonVersion,
    /// The peer speaks TLS, but not HTTP/2 inside. Check the address.
    #[error(
        "the other side speaks TLS, but not HTTP/2; check the address, and that whatever stands \
         before the hub offers `h2` (ALPN)"
    )]
    NoHttp2,
    /// There is no usable private key in the text. Give it in PEM, without a passphrase.
    #[error(
        "there is no private key in it that can be used; give PEM text with a part `-----BEGIN \
         PRIVATE KEY-----`, without a passphrase"
    )]
    NoKey,
    /// No authority is trusted. Install the system's, or name one.
    #[error(
        "no authority is there to trust; install the system's list of them (`ca-certificates`), \
         or name your own: `TrustRoots::from_file`"
    )]
    NoRoots,
    /// The peer does not speak TLS. Check the address.
    #[error(
        "the other side does not speak TLS; check the address and port, or give the hub a \
         certificate"
    )]
    NotSpoken,
    /// The peer's certificate is not valid yet. Check the clocks.
    #[error(
        "the certificate of the other side is not valid yet; check the clock of this machine, and \
         the date from which the certificate is valid"
    )]
    NotValidYet,
    /// Plain text would leave this machine. Use TLS, or allow plain text by name.
    #[error(
        "plain text would leave this machine; write https://, or allow it where something else \
         encrypts the way: `GrpcTransport::plain_text`"
    )]
    PlainText,
    /// The peer's certificate is of an authority that is not trusted here. Name that one.
    #[error(
        "the certificate of the other side is of an authority that is not trusted here; name the \
         authority if it is yours: `GrpcTransport::roots`"
    )]
    UnknownIssuer,
    /// The peer's certificate is not one for this use. The cause tells why.
    #[error(
        "the certificate of the other side cannot be used for this; the cause tells why: a server's \
         must not be that of an authority, nor for other purposes"
    )]
    Unusable,
    /// The peer's certificate is for other names. Use one of them as the address.
    #[error(
        "the certificate of the other side is for other names than the one in the address; use \
         one of its names, or have it made for this one too"
    )]
    WrongName,
}

impl TlsProblem {
    /// Its code; see [the table](crate::docs::errors).
    pub const fn code(self) -> &'static str {
        match self {
            Self::CertificateRefused => "tls.certificate_refused",
            Self::CertificateRequired => "tls.certificate_required",
            Self::Expired => "tls.expired",
            Self::Failed => "tls.failed",
            Self::File => "tls.file",
            Self::KeyMismatch => "tls.key_mismatch",
            Self::Needed => "tls.needed",
            Self::NoCertificate => "tls.no_certificate",
            Self::NoCommonVersion => "tls.no_common_version",
            Self::NoHttp2 => "tls.no_http2",
            Self::NoKey => "tls.no_key",
            Self::NoRoots => "tls.no_roots",
            Self::NotSpoken => "tls.not_spoken",
            Self::NotValidYet => "tls.not_valid_yet",
            Self::PlainText => "tls.plain_text",
            Self::UnknownIssuer => "tls.unknown_issuer",
            Self::Unusable => "tls.unusable",
            Self::WrongName => "tls.wrong_name",
        }
    }

    /// True when the other side may put it right.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::CertificateRefused
            | Self::CertificateRequired
            | Self::Expired
            | Self::Failed
            | Self::NoCommonVersion
            | Self::NoHttp2
            | Self::NotSpoken
            | Self::NotValidYet
            | Self::UnknownIssuer
            | Self::Unusable
            | Self::WrongName => true,
            Self::File
            | Self::KeyMismatch
            | Self::Needed
            | Self::NoCertificate
            | Self::NoKey
            | Self::NoRoots
            | Self::PlainText => false,
        }
    }

    /// Every problem.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 18] = [
        Self::CertificateRefused,
        Self::CertificateRequired,
        Self::Expired,
        Self::Failed,
        Self::File,
        Self::KeyMismatch,
        Self::Needed,
        Self::NoCertificate,
        Self::NoCommonVersion,
        Self::NoHttp2,
        Self::NoKey,
        Self::NoRoots,
        Self::NotSpoken,
        Self::NotValidYet,
        Self::PlainText,
        Self::UnknownIssuer,
        Self::Unusable,
        Self::WrongName,
    ];
}
