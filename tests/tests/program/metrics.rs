//! The page `/metrics` of a running hub.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use synckit::hub::Tokens;
use synckit::metrics::{FAMILIES, ShownBy};

use super::support::{Place, replica, sell};

const TOKEN: &str = "a-token-for-prometheus";

/// Asks by HTTP/1.1, with headers.
pub(crate) fn get(url: &str, path: &str, headers: &str) -> String {
    get_as("hub", url, path, headers)
}

/// The same of a host of this name.
pub(crate) fn get_as(host: &str, url: &str, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n").unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).unwrap();
    told
}

fn scraped(url: &str, headers: &str) -> String {
    let told = get(url, "/metrics", headers);
    let (head, body) = told.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("Content-Type: text/plain; version=0.0.4"), "{head}");
    body.to_owned()
}

/// The names of metrics in a text of Prometheus's format: of their types, and of their samples.
fn names(text: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let types = types.map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (name, number) = line.rsplit_once(' ').unwrap();
        assert!(number.parse::<f64>().is_ok(), "{line}");
        let name = name.split('{').next().unwrap();
        let suffixes = ["_bucket", "_sum", "_count"];
        let bare = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
        bare.unwrap_or(name).to_owned()
    });
    (types, samples.collect())
}

fn number(text: &str, sample: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{sample} is not in\n{text}")).parse().unwrap()
}

#[tokio::test]
async fn after_a_sync_every_documented_name_is_there_and_no_other() {
    let place = Place::new();
    let hub = place.serve(&["--log-level", "trace"]);
    let (ann, bob) = (replica().await, replica().await);
    sell(&ann, "a secret payload").await;
    ann.sync_once(&hub.url).await.unwrap();
    bob.sync_once(&hub.url).await.unwrap();

    let text = scraped(&hub.url, "");
    let of_hubs = FAMILIES.iter().filter(|family| family.shown_by != ShownBy::Replica);
    let known: BTreeSet<_> = of_hubs.map(|family| family.name.to_owned()).collect();
    let (types, samples) = names(&text);
    assert_eq!(types, known);
    assert!(samples.is_subset(&known), "{text}");
    let events = ann.status().await.unwrap().events.0;
    assert_eq!(number(&text, "synckit_events_total{direction=\"in\"}"), events);
    assert_eq!(number(&text, "synckit_events_total{direction=\"out\"}"), events);
    assert_eq!(number(&text, "synckit_stored_events_total"), events);
    assert_eq!(number(&text, "synckit_sessions_begun_total"), 2);
    for above_zero in [
        "synckit_bytes_total{direction=\"in\"}",
        "synckit_cache_bytes",
        "synckit_cache_reads_total{from=\"cache\"}",
        "synckit_commit_seconds_count",
        "synckit_file_bytes",
        "synckit_syncs_total",
    ] {
        assert!(number(&text, above_zero) > 0, "{above_zero}\n{text}");
    }
    let log = hub.log();
    for word in ["a secret payload", "till"] {
        assert!(!text.contains(word) && !log.contains("a secret payload"), "{word:?}\n{text}");
    }
    assert_eq!(hub.end().await, Some(0));
}

#[tokio::test]
async fn a_token_opens_the_page_and_is_read_again_on_a_signal() {
    let place = Place::new();
    let token = Tokens::generate().unwrap();
    place.write("tokens", &format!("{} read-write default - ann\n", token.hash));
    place.write("metrics.token", &format!("{TOKEN}\n"));
    let args = ["--tokens", "tokens", "--metrics-token", "metrics.token", "--log-level", "trace"];
    let hub = place.serve(&args);
    let ann = replica().await;
    let error = ann.sync_once(&hub.url).await.unwrap_err();
    assert_eq!(error.code(), "session.unauthenticated");

    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let text = scraped(&hub.url, &bearer(TOKEN));
    let refused = "synckit_refusals_total{code=\"session.unauthenticated\"}";
    assert_eq!(number(&text, refused), 1);
    let sync_token = token.secret.token().unwrap();
    for headers in [String::new(), bearer("another-token-of-it"), bearer(sync_token)] {
        let told = get(&hub.url, "/metrics", &headers);
        assert!(told.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{told}");
        assert!(!told.contains("synckit_"), "{told}");
    }
    place.write("metrics.token", "short");
    hub.signal("HUP");
    hub.logs("a token for metrics is one line of 16").await;
    assert!(get(&hub.url, "/metrics", &bearer(TOKEN)).starts_with("HTTP/1.1 200"));
    place.write("metrics.token", "another-token-of-it");
    hub.signal("HUP");
    hub.logs("were read again").await;
    assert!(get(&hub.url, "/metrics", &bearer(TOKEN)).starts_with("HTTP/1.1 403"));
    let text = scraped(&hub.url, &bearer("another-token-of-it"));
    let log = hub.log();
    for word in [TOKEN, "another-token-of-it", sync_token, &token.hash] {
        assert!(!log.contains(word) && !text.contains(word), "{word:?} is in\n{log}\n{text}");
    }
    assert_eq!(hub.end().await, Some(0));

    place.write("metrics.token", "short");
    let said = place.run(&["hub.redb", "--metrics-token", "metrics.token", "--check"]);
    assert!(said.failed(2).starts_with("read a token from metrics.token: a token"), "{said:?}");
}
