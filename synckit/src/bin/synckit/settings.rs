//! Settings as text: of a file, of the environment and of the command line, each over the one before.
//!
//! A setting has one name everywhere. `tls-key` is `tls-key = "…"` in the file, `SYNCKIT_HUB_TLS_KEY`
//! in the environment and `--tls-key …` on the command line. No setting is a secret itself: those
//! that matter name files.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::exit::Exit;

/// The name of the subcommand.
pub(crate) const HUB: &str = "hub";
/// The flag that only checks.
pub(crate) const CHECK: &str = "check";
const CONFIG: &str = "config";
const PREFIX: &str = "SYNCKIT_HUB_";
/// Largest file of settings.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;
/// A name is taken for a misspelt one when so few letters differ.
const MISSPELT_MAX: usize = 3;

/// A setting.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    value: &'static str,
    /// Shown where nobody sets it; empty when it is then absent.
    pub(crate) default: &'static str,
    help: &'static str,
}

const fn setting(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { name, value, default, help }
}

/// The one that is given without its name.
pub(crate) const STORE: &str = "store";

/// All of them, in the order in which they are shown.
pub(crate) const SETTINGS: [Setting; 37] = [
    setting(STORE, "FILE", "", "The store; made when it is not there"),
    setting("listen", "ADDRESS", "127.0.0.1:7700", "Address and port to listen on"),
    setting("tokens", "FILE", "", "List of tokens that say who may sync what"),
    setting("jwt-keys", "FILE", "", "Keys (JWKS) that sign the tokens which say who may sync what"),
    setting("jwt-audience", "TEXT", "synckit", "Audience that such a token names"),
    setting("jwt-issuer", "TEXT", "", "Issuer that such a token names"),
    setting("allow-all", "BOOL", "false", "Let everybody in who reaches the hub"),
    setting("retired", "FILE", "", "List of replicas that are not let in any more, by their keys"),
    setting("tls-certificate", "FILE", "", "Certificate to show, PEM, with those of its issuers"),
    setting("tls-key", "FILE", "", "Private key of the certificate, PEM"),
    setting("tls-client-roots", "FILE", "", "Authorities of clients' certificates, PEM"),
    setting("tls-clients", "WORD", "required", "Certificates of clients: asked or required"),
    setting("page", "ADDRESS", "", "Address and port of a page for browsers; none without"),
    setting("page-proto", "FILE", "", "Events as `Registry::proto` tells them, for that page"),
    setting("metrics-token", "FILE", "", "Token that opens /metrics; without, this machine only"),
    setting("plain-text", "BOOL", "false", "Serve other machines without TLS"),
    setting("sessions-max", "NUMBER", "1024", "Sessions at the same time"),
    setting("uncommitted-bytes-max", "BYTES", "50331648", "Bytes received and not committed"),
    setting("events-per-minute-max", "NUMBER", "", "Events that one replica sends in a minute"),
    setting("bytes-per-minute-max", "BYTES", "", "Bytes that one replica sends in a minute"),
    setting("new-replicas-per-minute-max", "NUMBER", "", "New replicas with the same credentials"),
    setting("replicas-per-name-max", "NUMBER", "", "Replicas of a space, same credentials"),
    setting("sessions-per-replica-max", "NUMBER", "", "Sessions of one replica"),
    setting(
        "space-bytes-max",
        "BYTES",
        "",
        "Bytes of the events of a space; a full one can be read",
    ),
    setting("space-events-max", "NUMBER", "", "Events of a space; a full one can be read"),
    setting("space-replicas-max", "NUMBER", "", "Replicas that have written in a space"),
    setting("connections-max", "NUMBER", "768", "Connections at the same time"),
    setting("connections-per-peer-max", "NUMBER", "128", "Connections of one address"),
    setting("streams-per-connection-max", "NUMBER", "32", "Sessions on one connection"),
    setting("greeting-within", "TIME", "5s", "Longest time to a client's first words"),
    setting("ping-every", "TIME", "20s", "Quiet connections are asked after so long"),
    setting("pong-within", "TIME", "60s", "Longest time to the answer"),
    setting("connection-age-max", "TIME", "1h", "Age at which a connection is ended"),
    setting("drain-within", "TIME", "10s", "Longest time for sessions to end at the end"),
    setting("log-level", "WORD", "info", "error, warn, info, debug or trace"),
    setting("log-format", "WORD", "text", "text or json"),
    setting("otlp", "URL", "", "Collector of traces, such as http://127.0.0.1:4317"),
];

/// The subcommand with a flag for each setting.
pub(crate) fn command() -> Command {
    let flags = SETTINGS.iter().map(|setting| {
        let arg = Arg::new(setting.name).value_name(setting.value).help(help(setting));
        match (setting.name, setting.value) {
            (STORE, _) => arg,
            (name, "BOOL") => {
                arg.long(name).num_args(0..=1).require_equals(true).default_missing_value("true")
            }
            (name, _) => arg.long(name).allow_hyphen_values(false),
        }
    });
    let check = Arg::new(CHECK).long(CHECK).action(ArgAction::SetTrue);
    Command::new(HUB)
        .about("Serve a store: take, keep and forward what replicas write")
        .after_help(
            "Each setting may also stand in the file, by its name, and in the environment: \
             SYNCKIT_HUB_ and its name in capitals, with `_` for `-`. The command line counts most, \
             the file least.",
        )
        .arg(Arg::new(CONFIG).long(CONFIG).value_name("FILE").help("File of settings, TOML"))
        .arg(check.help("Print the settings that hold, and where each is from; then exit"))
        .args(flags)
}

fn help(setting: &Setting) -> String {
    match setting.default {
        "" => setting.help.to_owned(),
        default => format!("{} [default: {default}]", setting.help),
    }
}

/// The source of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum SetBy {
    CommandLine,
    Default,
    Environment,
    File(String),
}

impl fmt::Display for SetBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command line"),
            Self::Default => f.write_str("default"),
            Self::Environment => f.write_str("environment"),
            Self::File(path) => f.write_str(path),
        }
    }
}

/// The values that hold, by name. One that is absent and has no default is not among them.
#[derive(Debug)]
pub(crate) struct Settings {
    values: BTreeMap<&'static str, (String, SetBy)>,
    /// Variables that look like misspelt ones.
    pub(crate) warnings: Vec<String>,
}

impl Settings {
    /// Reads the file, then the environment, then the command line.
    pub(crate) fn gather(matches: &ArgMatches) -> Result<Self, Exit> {
        let mut settings = Self::defaults();
        let config = matches.get_one::<String>(CONFIG).cloned().or_else(|| variable(CONFIG));
        if let Some(path) = config {
            settings.take_file(&path)?;
        }
        settings.take_environment();
        for setting in &SETTINGS {
            if matches.value_source(setting.name) == Some(ValueSource::CommandLine)
                && let Some(value) = matches.get_one::<String>(setting.name)
            {
                settings.set(setting, value.clone(), SetBy::CommandLine);
            }
        }
        Ok(settings)
    }

    /// Those that hold where nobody sets any.
    pub(crate) fn defaults() -> Self {
        let defaults = SETTINGS.iter().filter(|setting| !setting.default.is_empty());
        let defaults =
            defaults.map(|setting| (setting.name, (setting.default.to_owned(), SetBy::Default)));
        Self { values: defaults.collect(), warnings: Vec::new() }
    }

    /// Sets a value.
    fn set(&mut self, setting: &'static Setting, value: String, source: SetBy) {
        self.values.insert(setting.name, (value, source));
    }

    /// A value, if there is one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|(value, _)| value.as_str())
    }

    /// A value with its source.
    pub(crate) fn entry(&self, name: &str) -> Option<(&str, &SetBy)> {
        self.values.get(name).map(|(value, source)| (value.as_str(), source))
    }

    fn take_file(&mut self, path: &str) -> Result<(), Exit> {
        let table: toml::Table =
            read(Path::new(path))?.parse().map_err(|error: toml::de::Error| {
                Exit::settings(format!("read {path}: {}", error.message()))
            })?;
        for (key, value) in table {
            let Some(setting) = SETTINGS.iter().find(|setting| setting.name == key) else {
                return Err(Exit::settings(format!(
                    "read {path}: no setting is named {key:?}{}; `synckit hub --help` lists them",
                    nearest(&key).map(|name| format!(", `{name}` perhaps")).unwrap_or_default()
                )));
            };
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(on) => on.to_string(),
                _ => {
                    return Err(Exit::settings(format!(
                        "read {path}: {key} is neither text nor a number nor true or false"
                    )));
                }
            };
            self.set(setting, text, SetBy::File(path.to_owned()));
        }
        Ok(())
    }

    fn take_environment(&mut self) {
        for (variable, value) in std::env::vars_os() {
            let Some(variable) = variable.to_str() else { continue };
            let Some(name) = variable.strip_prefix(PREFIX).map(named) else { continue };
            let setting = SETTINGS.iter().find(|setting| setting.name == name);
            match (setting, value.into_string()) {
                (Some(setting), Ok(value)) => {
                    self.set(setting, value, SetBy::Environment);
                }
                (Some(_), Err(_)) => {
                    self.warnings.push(format!("{variable} is left out: it is not UTF-8"));
                }
                // Others are not refused: Kubernetes sets variables by names of its own.
                (None, _) if name != CONFIG => {
                    let meant = nearest(&name).map(|name| {
                        format!("{variable} is no setting; `{}` perhaps", of_variable(name))
                    });
                    self.warnings.extend(meant);
                }
                (None, _) => {}
            }
        }
    }
}

/// The name of a setting in the environment, without the prefix.
fn named(variable: &str) -> String {
    variable.to_ascii_lowercase().replace('_', "-")
}

fn of_variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase().replace('-', "_"))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(of_variable(name)).ok()
}

fn read(path: &Path) -> Result<String, Exit> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(CONFIG_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| Exit::settings(format!("read {}: {error}", path.display())))?;
    Ok(text)
}

/// The setting whose name is the most like this one, if one is.
fn nearest(name: &str) -> Option<&'static str> {
    let distances = SETTINGS.iter().map(|setting| (distance(name, setting.name), setting.name));
    let (distance, nearest) = distances.min()?;
    (distance <= MISSPELT_MAX).then_some(nearest)
}

/// The number of letters to insert, remove or change (Levenshtein 1966).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (place, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], place + 1);
        for (column, another) in other.chars().enumerate() {
            let changed = diagonal + usize::from(letter != another);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_told() {
        assert_eq!(nearest("listn"), Some("listen"));
        assert_eq!(nearest("tls_key"), Some("tls-key"));
        assert_eq!(nearest("session-max"), Some("sessions-max"));
        assert_eq!(nearest("colour"), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn a_setting_has_one_name_everywhere() {
        for setting in &SETTINGS {
            assert_eq!(
                named(of_variable(setting.name).strip_prefix(PREFIX).unwrap()),
                setting.name
            );
        }
        command().debug_assert();
    }
}
