//! The log: lines on standard error.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::otlp::Exporter;

/// The least important lines that are written.
pub(crate) type Level = LevelFilter;

/// The words for them.
pub(crate) const LEVELS: [(&str, Level); 5] = [
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

/// The form of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    Json,
    Text,
}

/// The words for them.
pub(crate) const FORMATS: [(&str, Format); 2] = [("text", Format::Text), ("json", Format::Json)];

/// Writes lines of this program and its library from here on. Those of libraries below, which print
/// headers when they are told to trace, are left out unless they warn. Spans go to the exporter, whatever
/// the log's level is.
pub(crate) fn start((level, format): (Level, Format), exporter: Option<&Exporter>) {
    let libraries = LevelFilter::WARN.min(level);
    let targets = Targets::new().with_default(libraries).with_target("synckit", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let registry = tracing_subscriber::registry().with(exporter.map(Exporter::layer));
    // An error means that somebody else has begun to write a log.
    let _ = match format {
        Format::Json => registry.with(lines.json().with_filter(targets)).try_init(),
        Format::Text => registry.with(lines.with_filter(targets)).try_init(),
    };
}
