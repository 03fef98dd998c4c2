//! Authorities, and the certificates that they issue.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use synckit::transport::tls::{CertifiedKey, ClientCertificates, ServerTls, TrustRoots};

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Those who believe it, and nobody else.
    pub(crate) fn roots(&self) -> TrustRoots {
        TrustRoots::from_pem(self.pem().as_bytes()).unwrap()
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a name or an address, otherwise as `change` makes it.
    pub(crate) fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        Issued { certificate, key: key.serialize_pem() }
    }

    /// The certificate of a hub on this machine.
    pub(crate) fn hub(&self) -> Issued {
        self.issue("127.0.0.1", |_| {})
    }

    /// The certificate of a client.
    pub(crate) fn client(&self, name: &str) -> CertifiedKey {
        self.issue(name, for_clients).certified()
    }
}

impl Issued {
    pub(crate) fn certified(&self) -> CertifiedKey {
        CertifiedKey::from_pem(self.certificate.as_bytes(), self.key.as_bytes()).unwrap()
    }

    /// A server that shows it to everybody.
    pub(crate) fn server(&self) -> ServerTls {
        ServerTls::new(&self.certified(), ClientCertificates::Ignored).unwrap()
    }
}

pub(crate) fn for_clients(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

/// Valid until the year 2000.
pub(crate) fn expired(params: &mut CertificateParams) {
    params.not_after = date_time_ymd(2_000, 1, 1);
}

/// Valid from the year 2999.
pub(crate) fn not_yet_valid(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2_999, 1, 1);
}
