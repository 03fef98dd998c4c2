//! Numbers about hubs and replicas: the documented ones, and no others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, iter};

use serde_json::Value;
use synckit::hub::{AccessRequest, Authorizer};
use synckit::metrics::{FAMILIES, MetricFamily, ShownBy};
use synckit::sync::Denial;
use synckit::transport::channel;
use synckit::{Hub, Replica, registry, sync_aggregate};

#[sync_aggregate(name = "till")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Till {
    #[merge(lww)]
    title: String,
}

async fn replica() -> Replica {
    Replica::builder().registry(registry![Till]).in_memory().await.unwrap()
}

fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../synckit")
}

#[test]
fn the_page_lists_every_metric_as_it_is() {
    let page = fs::read_to_string(package().join("docs/metrics.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `synckit_"));
    let cells =
        |row: &str| row.split('|').map(|cell| cell.replace('`', "").trim().to_owned()).collect();
    let rows = rows.map(cells).filter(|cells: &Vec<_>| cells.len() == 7);
    let documented: Vec<_> = rows.map(|cells| cells[1..5].to_vec()).collect();
    let known = FAMILIES.iter().map(|MetricFamily { name, kind, labels, shown_by, .. }| {
        let of = match shown_by {
            ShownBy::Hub => "hub",
            ShownBy::Replica => "replica",
            _ => "both",
        };
        vec![(*name).to_owned(), kind.name().to_owned(), labels.join(", "), of.to_owned()]
    });
    assert_eq!(documented, known.collect::<Vec<_>>());
}

#[test]
fn the_dashboard_asks_for_documented_metrics_only() {
    let file = fs::read_to_string(package().join("dashboards/hub.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&file).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(!panels.is_empty());
    let mut asked = BTreeSet::new();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{panel}");
        for target in targets {
            let names = names_in(target["expr"].as_str().unwrap());
            assert!(!names.is_empty(), "{target}");
            asked.extend(names);
        }
    }
    let known = FAMILIES.iter().flat_map(|family| {
        let parts = ["_bucket", "_sum", "_count"].map(|part| format!("{}{part}", family.name));
        let parts = parts.into_iter().filter(|_| family.kind.name() == "histogram");
        iter::once(family.name.to_owned()).chain(parts)
    });
    let known: BTreeSet<_> = known.collect();
    let unknown: Vec<_> = asked.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let shown = |family: &&&MetricFamily| family.shown_by != ShownBy::Replica;
    let missing: Vec<_> = FAMILIES
        .iter()
        .filter(shown)
        .map(|family| family.name)
        .filter(|name| !asked.iter().any(|asked| asked.starts_with(name)))
        .collect();
    assert!(missing.is_empty(), "no panel shows {missing:?}");
}

/// The names of metrics in a query.
fn names_in(query: &str) -> Vec<String> {
    let words = query.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("synckit_")).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_hub_and_its_replicas_count_the_same_events() {
    let hub = Hub::builder().in_memory().unwrap();
    let (way, listener) = channel();
    let serving = tokio::spawn({
        let hub = hub.clone();
        async move { hub.serve_channel(listener).await }
    });
    let (ann, bob) = (replica().await, replica().await);
    ann.create(&Till { title: "bread".to_owned() }).await.unwrap();
    ann.sync_once(way.clone()).await.unwrap();
    bob.sync_once(way).await.unwrap();
    let events = ann.status().await.unwrap().events.0;
    let (anns, bobs, hubs) = (ann.metrics(), bob.metrics(), hub.metrics());
    assert_eq!(anns.number("synckit_events_total", &["out"]), Some(events));
    assert_eq!(bobs.number("synckit_events_total", &["in"]), Some(events));
    for direction in ["in", "out"] {
        assert_eq!(hubs.number("synckit_events_total", &[direction]), Some(events), "{direction}");
    }
    let bytes = |metrics: &synckit::metrics::Metrics, direction| {
        metrics.number("synckit_bytes_total", &[direction]).unwrap()
    };
    assert_eq!(bytes(&anns, "out"), bytes(&hubs, "in"));
    assert_eq!(bytes(&bobs, "in"), bytes(&hubs, "out"));
    assert_eq!(anns.number("synckit_sessions_ended_total", &["done"]), Some(1));
    assert_eq!(anns.number("synckit_conflicts", &[]), Some(0));
    assert_eq!(hubs.number("synckit_conflicts", &[]), None, "a hub keeps no states");
    hub.close().await.unwrap();
    serving.abort();
}

#[tokio::test]
async fn a_peer_that_is_turned_away_is_counted_by_its_code() {
    #[derive(Debug)]
    struct Nobody;

    #[async_trait::async_trait]
    impl Authorizer for Nobody {
        async fn authorize(&self, _: &AccessRequest) -> Result<synckit::hub::Access, Denial> {
            Err(Denial::Forbidden)
        }
    }

    let hub = Hub::builder().authorizer(Nobody).in_memory().unwrap();
    let (way, listener) = channel();
    let serving = tokio::spawn({
        let hub = hub.clone();
        async move { hub.serve_channel(listener).await }
    });
    let ann = replica().await;
    let code = ann.sync_once(way).await.unwrap_err().code();
    assert_eq!(hub.metrics().number("synckit_refusals_total", &[code]), Some(1));
    assert_eq!(ann.metrics().number("synckit_sessions_ended_total", &[code]), Some(1));
    hub.close().await.unwrap();
    serving.abort();
}
