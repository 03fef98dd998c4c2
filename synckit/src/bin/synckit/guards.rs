//! The files of tokens and certificates, read at the start and whenever the program is told to.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use synckit::Hub;
use synckit::hub::{AllowAll, HubBuilder, JwtKeys, JwtTokens, TokenList, Tokens};
use synckit::id::ReplicaId;
use synckit::transport::MetricsToken;
use synckit::transport::tls::{CertifiedKey, ClientCertificates, ServerTls, TrustRoots};

use crate::configuration::{AdmissionFiles, TlsFiles};
use crate::exit::Exit;
use crate::replicas::{read_retired, retire};

/// Largest file of tokens: a hundred thousand of them with 300 bytes each.
const TOKENS_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Largest file of keys that sign tokens.
const KEYS_BYTES_MAX: u64 = 256 * 1024;
/// Largest file of a token for metrics.
const METRICS_TOKEN_BYTES_MAX: u64 = 4 * 1024;

/// Those who say who may come in. Clones of both are with the hub.
#[derive(Debug)]
pub(crate) struct Guards {
    tokens: Option<Tokens>,
    jwt: Option<JwtTokens>,
    allow_all: bool,
    retired: Option<BTreeSet<ReplicaId>>,
    pub(crate) tls: Option<ServerTls>,
    metrics: Option<MetricsToken>,
}

impl Guards {
    pub(crate) fn read(files: &AdmissionFiles) -> Result<Self, Exit> {
        let tokens = match &files.tokens {
            Some(path) => {
                Some(Tokens::new(list(path)?).map_err(|error| unread("tokens", path, &error))?)
            }
            None => None,
        };
        let jwt = files.jwt.as_ref().map(|file| {
            let tokens = JwtTokens::new(keys(&file.keys)?, &file.audience);
            Ok::<_, Exit>(match &file.issuer {
                Some(issuer) => tokens.issuer(issuer),
                None => tokens,
            })
        });
        let jwt = jwt.transpose()?;
        let tls = files.tls.as_ref().map(certificates).transpose()?;
        let metrics = files.metrics_token.as_deref().map(metrics_token).transpose()?;
        let retired = files.retired.as_deref().map(read_retired).transpose()?;
        Ok(Self { tokens, jwt, allow_all: files.allow_all, retired, tls, metrics })
    }

    /// Gives a hub what was read.
    pub(crate) fn guard(&self, mut hub: HubBuilder) -> HubBuilder {
        if let Some(tls) = &self.tls {
            hub = hub.tls(tls.clone());
        }
        if let Some(metrics) = &self.metrics {
            hub = hub.metrics_token(metrics.clone());
        }
        match (&self.tokens, &self.jwt) {
            (Some(tokens), _) => hub.authorizer(tokens.clone()),
            (None, Some(tokens)) => hub.authorizer(tokens.clone()),
            (None, None) if self.allow_all => hub.authorizer(AllowAll),
            (None, None) => hub,
        }
    }

    /// Has a hub turn away whoever is retired, before it serves anybody.
    pub(crate) async fn retire(&self, hub: &Hub) -> Result<(), Exit> {
        match &self.retired {
            Some(retired) => retire(hub, retired).await.map_err(|error| Exit::of_hub(&error)),
            None => Ok(()),
        }
    }

    /// True when everybody may come in who reaches the hub, and nobody said so.
    pub(crate) const fn is_open(&self) -> bool {
        self.tokens.is_none() && self.jwt.is_none() && !self.allow_all
    }

    /// Reads the files again, all of them before any counts: where one is not good, all stay as they
    /// were.
    pub(crate) async fn reload(&self, files: &AdmissionFiles, hub: &Hub) -> Result<(), Exit> {
        let retired = files.retired.as_deref().map(read_retired).transpose()?;
        let tls = files.tls.as_ref().map(certificates).transpose()?;
        let metrics = files.metrics_token.as_deref().map(metrics_token).transpose()?;
        let keys = files.jwt.as_ref().map(|file| keys(&file.keys)).transpose()?;
        let lists = self.tokens.as_ref().zip(files.tokens.as_ref());
        let lists = lists.map(|(tokens, path)| Ok((tokens, path, list(path)?))).transpose()?;
        // What can fail comes first.
        if let Some(retired) = retired {
            retire(hub, &retired).await.map_err(|error| Exit::of_hub(&error))?;
        }
        if let Some((tokens, path, list)) = lists {
            tokens.replace(list).map_err(|error| unread("tokens", path, &error))?;
        }
        if let (Some(old), Some(new)) = (&self.tls, tls) {
            old.replace(&new);
        }
        if let (Some(old), Some(new)) = (&self.jwt, keys) {
            old.replace(new);
        }
        if let (Some(old), Some(new)) = (&self.metrics, metrics) {
            old.replace(&new);
        }
        Ok(())
    }
}

fn certificates(files: &TlsFiles) -> Result<ServerTls, Exit> {
    let read = || {
        let key = CertifiedKey::from_files(&files.certificate, &files.key)?;
        let roots = files.client_roots.as_ref().map(TrustRoots::from_file).transpose()?;
        let clients = match roots {
            Some(roots) if files.clients_required => ClientCertificates::Required(roots),
            Some(roots) => ClientCertificates::Asked(roots),
            None => ClientCertificates::Ignored,
        };
        ServerTls::new(&key, clients)
    };
    read().map_err(|error| Exit::settings(format!("{error:#}")))
}

pub(crate) fn list(path: &Path) -> Result<TokenList, Exit> {
    let text = read("tokens", path, TOKENS_BYTES_MAX)?;
    text.parse().map_err(|error| unread("tokens", path, &error))
}

fn keys(path: &Path) -> Result<JwtKeys, Exit> {
    let text = read("keys", path, KEYS_BYTES_MAX)?;
    JwtKeys::from_jwks(&text).map_err(|error| unread("keys", path, &error))
}

fn metrics_token(path: &Path) -> Result<MetricsToken, Exit> {
    let text = read("a token", path, METRICS_TOKEN_BYTES_MAX)?;
    MetricsToken::new(&text).map_err(|error| unread("a token", path, &error))
}

fn read(what: &str, path: &Path, bytes_max: u64) -> Result<String, Exit> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(bytes_max).read_to_string(&mut text))
        .map_err(|error| unread(what, path, &error))?;
    Ok(text)
}

pub(crate) fn unread(what: &str, path: &Path, error: &impl std::fmt::Display) -> Exit {
    Exit::settings(format!("read {what} from {}: {error}", path.display()))
}
