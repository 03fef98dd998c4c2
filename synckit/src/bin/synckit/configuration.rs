//! Settings as values of their types.

use std::path::PathBuf;
use std::time::Duration;

use synckit::hub::Quotas;
use synckit::show::EventTypes;
use synckit::transport::grpc::ServerLimits;

use crate::exit::Exit;
use crate::log::{FORMATS, Format, LEVELS, Level};
use crate::otlp::Exporter;
use crate::settings::{STORE, Settings};
use crate::types;

/// Everything that the program is told.
#[derive(Debug)]
pub(crate) struct Configuration {
    pub(crate) store: PathBuf,
    pub(crate) listen: String,
    pub(crate) page: Option<PageSettings>,
    pub(crate) admission: AdmissionFiles,
    pub(crate) plain_text: bool,
    pub(crate) sessions_max: usize,
    pub(crate) uncommitted_bytes_max: usize,
    pub(crate) limits: ServerLimits,
    pub(crate) quotas: Quotas,
    pub(crate) log: (Level, Format),
    /// The address of a collector of traces.
    pub(crate) collector: Option<String>,
}

/// A page for browsers.
#[derive(Debug)]
pub(crate) struct PageSettings {
    pub(crate) address: String,
    pub(crate) types: EventTypes,
}

/// Files that say who may come in, and what this hub shows.
#[derive(Debug)]
pub(crate) struct AdmissionFiles {
    pub(crate) tokens: Option<PathBuf>,
    pub(crate) jwt: Option<JwtFile>,
    pub(crate) allow_all: bool,
    pub(crate) retired: Option<PathBuf>,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) metrics_token: Option<PathBuf>,
}

/// A file of keys that sign tokens, and whose tokens count.
#[derive(Debug)]
pub(crate) struct JwtFile {
    pub(crate) keys: PathBuf,
    pub(crate) audience: String,
    pub(crate) issuer: Option<String>,
}

/// Files of certificates.
#[derive(Debug)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) client_roots: Option<PathBuf>,
    pub(crate) clients_required: bool,
}

impl Configuration {
    pub(crate) fn read(settings: &Settings) -> Result<Self, Exit> {
        let of = Typed(settings);
        let store = of
            .path(STORE)
            .ok_or_else(|| Exit::settings("no store is named; write: synckit hub hub.redb"))?;
        let limits = of.limits()?;
        Ok(Self {
            store,
            listen: settings.get("listen").unwrap_or_default().to_owned(),
            page: of.page()?,
            admission: of.admission()?,
            plain_text: of.parsed("plain-text", "true or false")?,
            sessions_max: of.count("sessions-max")?,
            uncommitted_bytes_max: of.count("uncommitted-bytes-max")?,
            limits,
            quotas: of.quotas()?,
            log: (of.word("log-level", &LEVELS)?, of.word("log-format", &FORMATS)?),
            collector: of.collector()?,
        })
    }
}

/// Reads settings one by one; an error names the setting, and what it may be.
struct Typed<'a>(&'a Settings);

impl Typed<'_> {
    fn limits(&self) -> Result<ServerLimits, Exit> {
        let mut limits = ServerLimits::default();
        limits.connections_max = self.count("connections-max")?;
        limits.connections_per_peer_max = self.count("connections-per-peer-max")?;
        limits.streams_per_connection_max = self.count("streams-per-connection-max")?;
        limits.greeting_within = self.time("greeting-within")?;
        limits.ping_every = self.time("ping-every")?;
        limits.pong_within = self.time("pong-within")?;
        limits.connection_age_max = self.time("connection-age-max")?;
        limits.drain_within = self.time("drain-within")?;
        Ok(limits)
    }

    fn quotas(&self) -> Result<Quotas, Exit> {
        let mut quotas = Quotas::default();
        quotas.bytes_per_minute_max = self.quota("bytes-per-minute-max")?;
        quotas.events_per_minute_max = self.quota("events-per-minute-max")?;
        quotas.new_replicas_per_minute_max = self.quota("new-replicas-per-minute-max")?;
        quotas.replicas_per_name_max = self.quota("replicas-per-name-max")?;
        quotas.sessions_per_replica_max = self.quota("sessions-per-replica-max")?;
        quotas.space_bytes_max = self.quota("space-bytes-max")?;
        quotas.space_events_max = self.quota("space-events-max")?;
        quotas.space_replicas_max = self.quota("space-replicas-max")?;
        Ok(quotas)
    }

    fn collector(&self) -> Result<Option<String>, Exit> {
        let Some(url) = self.0.get("otlp").filter(|url| !url.is_empty()) else { return Ok(None) };
        Exporter::check()?;
        let is_url = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
        if !is_url {
            return Err(self.refused("otlp", "an address such as http://127.0.0.1:4317"));
        }
        Ok(Some(url.to_owned()))
    }

    /// A number above zero, if there is one.
    fn quota(&self, name: &str) -> Result<Option<u64>, Exit> {
        self.0.get(name).map(|_| self.count(name)).transpose()
    }

    fn page(&self) -> Result<Option<PageSettings>, Exit> {
        let address = self.0.get("page").filter(|address| !address.is_empty());
        let proto = self.path("page-proto");
        match (address, proto) {
            (Some(address), proto) => {
                let types = proto.as_deref().map(types::read).transpose()?.unwrap_or_default();
                Ok(Some(PageSettings { address: address.to_owned(), types }))
            }
            (None, None) => Ok(None),
            (None, Some(_)) => Err(Exit::settings("page-proto is for a page; set page as well")),
        }
    }

    fn admission(&self) -> Result<AdmissionFiles, Exit> {
        let tokens = self.path("tokens");
        let allow_all = self.parsed("allow-all", "true or false")?;
        let jwt = self.path("jwt-keys").map(|keys| {
            let audience = self.0.get("jwt-audience").unwrap_or_default().to_owned();
            let issuer = self.0.get("jwt-issuer").filter(|issuer| !issuer.is_empty());
            JwtFile { keys, audience, issuer: issuer.map(str::to_owned) }
        });
        if [tokens.is_some(), jwt.is_some(), allow_all].iter().filter(|set| **set).count() > 1 {
            return Err(Exit::settings(
                "tokens, jwt-keys and allow-all contradict each other; set one of them",
            ));
        }
        let metrics_token = self.path("metrics-token");
        let retired = self.path("retired");
        Ok(AdmissionFiles { tokens, jwt, allow_all, retired, tls: self.tls()?, metrics_token })
    }

    fn tls(&self) -> Result<Option<TlsFiles>, Exit> {
        let clients = [("asked", false), ("required", true)];
        let clients_required = self.word("tls-clients", &clients)?;
        let client_roots = self.path("tls-client-roots");
        match (self.path("tls-certificate"), self.path("tls-key")) {
            (Some(certificate), Some(key)) => {
                Ok(Some(TlsFiles { certificate, key, client_roots, clients_required }))
            }
            (None, None) if client_roots.is_none() => Ok(None),
            _ => Err(Exit::settings(
                "TLS needs both tls-certificate and tls-key; set the one that is missing",
            )),
        }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.0.get(name).filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    /// A number above zero.
    fn count<T: std::str::FromStr + Default + PartialEq>(&self, name: &str) -> Result<T, Exit> {
        let count: T = self.parsed(name, "a number")?;
        let is_none = count == T::default();
        if is_none { Err(self.refused(name, "a number above 0")) } else { Ok(count) }
    }

    fn time(&self, name: &str) -> Result<Duration, Exit> {
        let time = self.0.get(name).and_then(time);
        time.ok_or_else(|| self.refused(name, "a time such as 500ms, 10s, 5m or 1h"))
    }

    fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<T, Exit> {
        let given = self.0.get(name).unwrap_or_default();
        let found = words.iter().find(|(word, _)| *word == given);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.refused(name, &format!("one of {}", words.join(", ")))
        })
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str, expected: &str) -> Result<T, Exit> {
        let given = self.0.get(name).unwrap_or_default();
        given.parse().map_err(|_| self.refused(name, expected))
    }

    fn refused(&self, name: &str, expected: &str) -> Exit {
        let (given, source) = self.0.entry(name).unzip();
        let from = source.map(|source| format!(" ({source})")).unwrap_or_default();
        let given = given.unwrap_or_default();
        Exit::settings(format!("{name} is {given:?}{from}; it must be {expected}"))
    }
}

/// Reads a time above zero, such as `10s`.
fn time(text: &str) -> Option<Duration> {
    let end = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (count, unit) = text.split_at(end);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let millis = count.parse::<u64>().ok()?.checked_mul(millis)?;
    (millis > 0).then(|| Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use synckit::hub::HUB_SESSIONS_MAX;
    use synckit::sync::limits::UNCOMMITTED_BYTES_MAX;

    use super::*;

    #[test]
    fn defaults_are_those_of_the_library() {
        let settings = Settings::defaults();
        let of = Typed(&settings);
        assert_eq!(of.limits().unwrap(), ServerLimits::default());
        assert_eq!(of.count::<usize>("sessions-max").unwrap(), HUB_SESSIONS_MAX);
        let bytes: usize = of.count("uncommitted-bytes-max").unwrap();
        assert_eq!(bytes, UNCOMMITTED_BYTES_MAX);
    }

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(time("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(time("1h"), Some(Duration::from_secs(3_600)));
        for odd in ["", "5", "s", "0s", "5 s", "-5s", "5d", "99999999999999999999s"] {
            assert_eq!(time(odd), None, "{odd}");
        }
    }
}
