//! `synckit cert`: certificates to try things with.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use crate::exit::{Cause, Exit};
use crate::output::Output;

/// Longest time that a certificate holds, in days.
const DAYS_MAX: u16 = 825;

/// Make a certificate for a hub, and an authority that signed it, for development
#[derive(Args, Debug)]
pub(crate) struct Cert {
    /// Names and addresses of the hub
    #[arg(default_values_t = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()])]
    names: Vec<String>,
    /// Folder for the files, which must not be there
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// Time until the end, in days
    #[arg(long, default_value_t = 90)]
    days: u16,
    /// Makes a certificate for a client of that name as well
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
}

impl Cert {
    pub(crate) fn run(&self, out: &mut Output) -> Result<(), Exit> {
        if !(1..=DAYS_MAX).contains(&self.days) {
            return Err(Exit::settings(format!("--days is from 1 to {DAYS_MAX}")));
        }
        let refused = |error: rcgen::Error| Exit::settings(format!("make a certificate: {error}"));
        let mut authority = self.params(Vec::new(), "synckit development").map_err(refused)?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(refused)?;
        let root = authority.self_signed(&key).map_err(refused)?;
        let issuer = rcgen::Issuer::new(authority, key);
        let mut files = vec![("ca.pem".to_owned(), root.pem(), false)];

        let mut wanted = vec![("hub", self.names.clone(), ExtendedKeyUsagePurpose::ServerAuth)];
        if let Some(client) = &self.client {
            wanted.push(("client", vec![client.clone()], ExtendedKeyUsagePurpose::ClientAuth));
        }
        for (file, names, purpose) in wanted {
            let common = names.first().cloned().unwrap_or_default();
            let mut params = self.params(names, &common).map_err(refused)?;
            params.is_ca = IsCa::ExplicitNoCa;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![purpose];
            let key = KeyPair::generate().map_err(refused)?;
            let signed = params.signed_by(&key, &issuer).map_err(refused)?;
            files.push((format!("{file}.pem"), signed.pem(), false));
            files.push((format!("{file}.key"), key.serialize_pem(), true));
        }
        // None is written where one cannot be.
        let there =
            files.iter().map(|(name, ..)| self.folder.join(name)).find(|path| path.exists());
        if let Some(path) = there {
            let path = path.display();
            return Err(Exit::settings(format!(
                "{path} is there; name another --folder, or move it"
            )));
        }
        for (name, text, is_secret) in &files {
            let path = self.folder.join(name);
            write(&path, text, *is_secret).map_err(|error| {
                Exit::new(Cause::Running, format!("write {}: {error}", path.display()))
            })?;
            out.tell(
                || json!({ "file": path.display().to_string() }),
                || path.display().to_string(),
            )?;
        }
        if out.is_json() {
            return Ok(());
        }
        out.line(
            "\nsynckit hub hub.redb --tls-certificate hub.pem --tls-key hub.key …\n\
             synckit sync till.redb https://localhost:7700 --roots ca.pem …",
        )
    }

    fn params(&self, names: Vec<String>, common: &str) -> Result<CertificateParams, rcgen::Error> {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common);
        #[allow(clippy::disallowed_methods, reason = "a certificate holds from now on")]
        let now = OffsetDateTime::from(std::time::SystemTime::now());
        params.not_before = now - Duration::minutes(5);
        params.not_after = now + Duration::days(i64::from(self.days));
        Ok(params)
    }
}

fn write(path: &Path, text: &str, is_secret: bool) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if is_secret { 0o600 } else { 0o644 });
    #[cfg(not(unix))]
    let _ = is_secret;
    options.open(path)?.write_all(text.as_bytes())
}
