//! Metrics: numbers about a hub or a replica, for dashboards and alerts.
//!
//! [`Hub::metrics`](crate::Hub::metrics) and [`Replica::metrics`](crate::Replica::metrics) read them at
//! one moment. [`FAMILIES`] lists all there are, and [the page](crate::docs::metrics) says how to watch
//! them. [`Metrics`] prints itself in the text format of Prometheus; an exporter of another kind reads
//! [`Metrics::samples`].
//!
//! They belong to one hub or replica, and not to the process: two in one program do not add up, and
//! no global recorder need be installed. Counting costs an atomic addition.
//!
//! Deliberately not here: anything that peers could make grow without bound, and anything secret. The
//! only labels that name peers and spaces are those of the [`LAG_SERIES_MAX`] peers that are farthest
//! behind; no payload, token or address is ever among them.

use std::fmt;

mod meter;

pub use meter::{EndedSession, OpenSession, StoreUsage};
pub(crate) use meter::{MeteredSession, SessionsMeter, StoreMeter};

/// Most peers whose lag is shown one by one: those that are farthest behind.
pub const LAG_SERIES_MAX: usize = 100;

/// The kind of a metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MetricKind {
    /// Only grows, until the program starts again.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts durations by their length.
    Histogram,
}

impl MetricKind {
    /// The word for it in the format of Prometheus.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Those that show a metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ShownBy {
    /// Hubs and replicas.
    Both,
    /// Hubs only.
    Hub,
    /// Replicas only: hubs keep no states.
    Replica,
}

/// A metric: a name, and what it means.
#[derive(PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct MetricFamily {
    /// The name, which stays.
    pub name: &'static str,
    /// The kind.
    pub kind: MetricKind,
    /// The names of the labels that its samples have.
    pub labels: &'static [&'static str],
    /// Those that show it.
    pub shown_by: ShownBy,
    /// One line about it.
    pub help: &'static str,
}

macro_rules! families {
    ($($ident:ident: $name:literal $kind:ident $by:ident $labels:expr, $help:literal;)*) => {
        $(pub(crate) static $ident: MetricFamily = MetricFamily {
            name: $name,
            kind: MetricKind::$kind,
            labels: &$labels,
            shown_by: ShownBy::$by,
            help: $help,
        };)*

        /// All metrics, in the order in which they are printed.
        pub static FAMILIES: &[&MetricFamily] = &[$(&$ident),*];
    };
}

families! {
    SESSIONS: "synckit_sessions" Gauge Both ["state"], "Open sessions: greeting, catching_up or live.";
    SESSIONS_BEGUN: "synckit_sessions_begun_total" Counter Both [], "Sessions begun.";
    SESSIONS_ENDED: "synckit_sessions_ended_total" Counter Both ["code"],
        "Sessions ended: done, or the code of the error.";
    REFUSALS: "synckit_refusals_total" Counter Hub ["code"],
        "Peers that were not let in, or were sent away, by code.";
    EVENTS: "synckit_events_total" Counter Both ["direction"],
        "Events received that were new (in), and events sent (out).";
    BYTES: "synckit_bytes_total" Counter Both ["direction"], "Bytes of events received and sent.";
    PEER_LAG: "synckit_peer_lag_events" Gauge Both ["space", "replica"],
        "Events of this log that a peer in session has not acknowledged; the farthest behind only.";
    PEER_LAG_MAX: "synckit_peer_lag_max_events" Gauge Both [], "The largest lag of a peer in session.";
    UNCOMMITTED: "synckit_uncommitted_bytes" Gauge Both [],
        "Memory of what was received and is not committed.";
    RULINGS: "synckit_rulings_total" Counter Hub ["kind"],
        "Rulings in governed spaces: refused, redated or closed.";
    STORED_EVENTS: "synckit_stored_events_total" Counter Both [], "Events appended to logs.";
    BATCHES: "synckit_batches_total" Counter Both [], "Batches that became durable.";
    COMMIT_SECONDS: "synckit_commit_seconds" Histogram Both [],
        "Time in which a group of batches became durable.";
    COMMIT_FAILURES: "synckit_commit_failures_total" Counter Both ["code"],
        "Groups of batches that could not be written, by the code of the error.";
    SYNCS: "synckit_syncs_total" Counter Both [], "Times that the file was synced to the disk (fsync).";
    QUEUE_BATCHES: "synckit_queue_batches" Gauge Both [], "Batches that wait to be written.";
    QUEUE_BYTES: "synckit_queue_bytes" Gauge Both [], "Bytes of batches that wait to be written.";
    PAGE_READS: "synckit_page_reads_total" Counter Both ["from"],
        "Pages of logs read from memory, and from the store.";
    FILE_BYTES: "synckit_file_bytes" Gauge Both [], "Length of the file; 0 in memory.";
    CACHE_READS: "synckit_cache_reads_total" Counter Both ["from"],
        "Pages of the file found in its cache, and read from the file.";
    CACHE_EVICTIONS: "synckit_cache_evictions_total" Counter Both [],
        "Pages of the file that left its cache to make room.";
    CACHE_BYTES: "synckit_cache_bytes" Gauge Both [], "Bytes in the cache of the file.";
    CONFLICTS: "synckit_conflicts" Gauge Replica [], "Open conflicts.";
    PARKED: "synckit_parked_events" Gauge Replica [],
        "Events met since it was opened that this program cannot apply.";
    REFUSED_COMMITS: "synckit_refused_commits" Gauge Replica [], "Commits that hubs have refused.";
}

/// A number with its labels.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct MetricSample {
    /// The metric.
    pub family: &'static MetricFamily,
    /// The values of its labels, in their order.
    pub labels: Vec<String>,
    /// The number.
    pub measured: Measurement,
}

/// The number of a [`MetricSample`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Measurement {
    /// Of a counter or a gauge.
    Number(u64),
    /// Of a histogram.
    Durations {
        /// Upper bounds in microseconds, ascending, each with how many durations do not exceed it.
        buckets: Vec<(u64, u64)>,
        /// The sum of all durations in microseconds.
        sum_micros: u64,
        /// The number of durations.
        count: u64,
    },
}

/// The metrics of a hub or a replica at one moment. Prints itself in the text format of Prometheus,
/// version 0.0.4.
#[derive(Clone, Debug)]
pub struct Metrics {
    families: Vec<&'static MetricFamily>,
    samples: Vec<MetricSample>,
}

/// The content type of the text.
pub const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Metrics {
    /// None yet, of those that a hub or a replica shows.
    pub(crate) fn of(shown_by: ShownBy) -> Self {
        let shows = |family: &&&MetricFamily| [ShownBy::Both, shown_by].contains(&family.shown_by);
        Self { families: FAMILIES.iter().filter(shows).copied().collect(), samples: Vec::new() }
    }

    /// Adds a number, unless it is one that is not shown.
    pub(crate) fn add(&mut self, family: &'static MetricFamily, labels: &[&str], number: u64) {
        self.push(family, labels, Measurement::Number(number));
    }

    pub(crate) fn push(
        &mut self,
        family: &'static MetricFamily,
        labels: &[&str],
        measured: Measurement,
    ) {
        if self.families.contains(&family) {
            let labels = labels.iter().map(|label| (*label).to_owned()).collect();
            self.samples.push(MetricSample { family, labels, measured });
        }
    }

    /// All numbers. A metric with labels has one for each combination that has occurred.
    pub fn samples(&self) -> &[MetricSample] {
        &self.samples
    }

    /// The number of a counter or gauge with these values of its labels.
    pub fn number(&self, name: &str, labels: &[&str]) -> Option<u64> {
        let found = self.samples.iter().find(|sample| {
            sample.family.name == name
                && sample.labels.iter().map(String::as_str).eq(labels.iter().copied())
        });
        match found?.measured {
            Measurement::Number(number) => Some(number),
            Measurement::Durations { count, .. } => Some(count),
        }
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for family in &self.families {
            let MetricFamily { name, kind, help, .. } = family;
            writeln!(f, "# HELP {name} {help}\n# TYPE {name} {}", kind.name())?;
            for sample in self.samples.iter().filter(|sample| sample.family == *family) {
                sample.write(f)?;
            }
        }
        Ok(())
    }
}

impl MetricSample {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.family.name;
        match &self.measured {
            Measurement::Number(number) => writeln!(f, "{name}{} {number}", self.in_braces(None)),
            Measurement::Durations { buckets, sum_micros, count } => {
                for (bound, below) in buckets {
                    let bound = seconds(*bound);
                    writeln!(f, "{name}_bucket{} {below}", self.in_braces(Some(&bound)))?;
                }
                writeln!(f, "{name}_bucket{} {count}", self.in_braces(Some("+Inf")))?;
                writeln!(f, "{name}_sum{} {}", self.in_braces(None), seconds(*sum_micros))?;
                writeln!(f, "{name}_count{} {count}", self.in_braces(None))
            }
        }
    }

    /// The labels as they stand behind the name.
    fn in_braces(&self, bound: Option<&str>) -> String {
        let labels = self.family.labels.iter().copied().zip(self.labels.iter().map(String::as_str));
        let labels = labels.chain(bound.map(|bound| ("le", bound)));
        let pairs: Vec<_> =
            labels.map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_printed_with_its_labels() {
        let mut metrics = Metrics::of(ShownBy::Hub);
        metrics.add(&PEER_LAG, &["team \"7\"\\\n", "ab"], 3);
        metrics.add(&CONFLICTS, &[], 1);
        let buckets = vec![(1_000, 1), (2_500_000, 2)];
        let durations = Measurement::Durations { buckets, sum_micros: 3_000_001, count: 3 };
        metrics.push(&COMMIT_SECONDS, &[], durations);
        let text = metrics.to_string();
        for line in [
            "# TYPE synckit_peer_lag_events gauge",
            "synckit_peer_lag_events{space=\"team \\\"7\\\"\\\\\\n\",replica=\"ab\"} 3",
            "synckit_commit_seconds_bucket{le=\"0.001000\"} 1",
            "synckit_commit_seconds_bucket{le=\"2.500000\"} 2",
            "synckit_commit_seconds_bucket{le=\"+Inf\"} 3",
            "synckit_commit_seconds_sum 3.000001",
            "synckit_commit_seconds_count 3",
            "# TYPE synckit_refusals_total counter",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("synckit_conflicts"), "a hub keeps no states\n{text}");
    }

    #[test]
    fn names_are_those_of_prometheus() {
        for family in FAMILIES {
            let MetricFamily { name, kind, help, .. } = family;
            let is_word = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(is_word && name.starts_with("synckit_"), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == MetricKind::Counter, "{name}");
            assert!(help.ends_with('.') && !help.contains('\n'), "{name}");
        }
    }
}
