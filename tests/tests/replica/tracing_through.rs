//! Traces: from a device to its hub and on to another device.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use synckit::envelope::{Metadata, TraceParent};
use synckit::replica::Reach;
use synckit::traces::{COMMIT_TRACES_MAX, TraceContext};
use synckit::{Hub, Replica, registry};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Event, Span, Subscriber};

use super::support::{Note, note, read, way_to};

/// The spans `synckit.commit` that were opened on this thread.
#[derive(Clone, Default)]
struct Recorder {
    spans: Arc<Mutex<Vec<Seen>>>,
    next: Arc<AtomicU64>,
}

/// A span's fields.
#[derive(Clone, Default, Debug)]
struct Seen {
    traceparent: String,
    space: String,
    peer: String,
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value.to_owned());
    }
}

impl Seen {
    fn set(&mut self, name: &str, value: String) {
        match name {
            "traceparent" => self.traceparent = value,
            "space" => self.space = value,
            "peer" => self.peer = value,
            _ => {}
        }
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        if span.metadata().name() == "synckit.commit" {
            let mut seen = Seen::default();
            span.record(&mut seen);
            self.spans.lock().unwrap().push(seen);
        }
        Id::from_u64(self.next.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Recorder {
    /// Records what this thread does from here on.
    fn start() -> (Self, DefaultGuard) {
        let recorder = Self::default();
        let guard = set_default(recorder.clone());
        (recorder, guard)
    }

    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.spans.lock().unwrap())
    }

    fn traces(&self) -> Vec<String> {
        self.take().into_iter().map(|seen| seen.traceparent).collect()
    }
}

/// The traces of a program: the current one, and those that were gone on with.
#[derive(Clone, Default, Debug)]
struct Program {
    current: Arc<Mutex<Option<TraceParent>>>,
    continued: Arc<Mutex<Vec<TraceParent>>>,
}

impl TraceContext for Program {
    fn current(&self) -> Option<TraceParent> {
        *self.current.lock().unwrap()
    }

    fn continues(&self, _: &Span, parent: &TraceParent) {
        self.continued.lock().unwrap().push(*parent);
    }
}

fn trace(number: u8) -> TraceParent {
    TraceParent::new([number; 16], [0xbb; 8], true).unwrap()
}

async fn device(traces: impl TraceContext) -> Replica {
    let builder = Replica::builder().registry(registry![Note]).traces(traces);
    builder.in_memory().await.unwrap()
}

#[tokio::test]
async fn one_trace_goes_from_a_device_to_its_hub_and_on_to_another_device() {
    let (recorder, _guard) = Recorder::start();
    let (ann_s, bob_s, hub_s) = (Program::default(), Program::default(), Program::default());
    let hub = Hub::builder().traces(hub_s.clone()).in_memory().unwrap();
    let (ann, bob) = (device(ann_s.clone()).await, device(bob_s.clone()).await);
    let way = way_to(&hub);
    let _live = [ann.connect(way.clone()).unwrap(), bob.connect(way).unwrap()];
    *ann_s.current.lock().unwrap() = Some(trace(1));
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    ann.flush(Reach::Hub).await.unwrap();
    while bob.get(&note("n")).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(read(&bob, &note("n")).await.visits, 1);
    for program in [&hub_s, &bob_s] {
        assert_eq!(*program.continued.lock().unwrap(), [trace(1)]);
    }
    assert_eq!(*ann_s.continued.lock().unwrap(), [], "nothing of hers comes back");
    let seen = recorder.take();
    let traces: Vec<_> = seen.iter().map(|seen| seen.traceparent.as_str()).collect();
    assert_eq!(traces, vec![trace(1).to_string(); 2]);
    assert!(seen.iter().all(|seen| seen.space == "default" && !seen.peer.is_empty()), "{seen:?}");
    let history = bob.history(&note("n"), synckit::id::Position::START).await.unwrap();
    let event = history.last().unwrap();
    assert_eq!(event.metadata.trace_parent(), Some(trace(1)));
}

#[tokio::test]
async fn a_trace_that_is_given_with_an_edit_goes_before_the_current_one() {
    let (recorder, _guard) = Recorder::start();
    let program = Program::default();
    let hub = Hub::builder().in_memory().unwrap();
    let ann = device(program.clone()).await;
    *program.current.lock().unwrap() = Some(trace(1));
    let mut metadata = Metadata::new();
    metadata.set_trace_parent(&trace(2)).unwrap();
    ann.edit_with(&note("n"), &metadata, |it| it.visits.add(1)).await.unwrap();
    *program.current.lock().unwrap() = None;
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    ann.sync_once(way_to(&hub)).await.unwrap();
    assert_eq!(recorder.traces(), [trace(2).to_string()]);
}

#[tokio::test]
async fn what_a_peer_writes_as_a_trace_is_passed_over_when_it_is_none_and_bounded_when_they_are_many()
 {
    let (recorder, _guard) = Recorder::start();
    let hub = Hub::builder().in_memory().unwrap();
    let ann = device(Program::default()).await;
    let mut odd = Metadata::new();
    odd.insert("traceparent", "00-<script>\n\u{1b}[31m-01").unwrap();
    ann.edit_with(&note("n"), &odd, |it| it.visits.add(1)).await.unwrap();
    ann.sync_once(way_to(&hub)).await.unwrap();
    assert!(recorder.traces().is_empty());
    assert_eq!(hub.store().head(ann.space()).await.unwrap().0, 1);
    for number in 1..=100 {
        let mut metadata = Metadata::new();
        metadata.set_trace_parent(&trace(number)).unwrap();
        ann.edit_with(&note("n"), &metadata, |it| it.visits.add(1)).await.unwrap();
    }
    ann.sync_once(way_to(&hub).named("again")).await.unwrap();
    let first = (1..=100).take(COMMIT_TRACES_MAX).map(|number| trace(number).to_string());
    assert_eq!(recorder.traces(), first.collect::<Vec<_>>());
}

#[derive(Debug)]
struct Faulty;

impl TraceContext for Faulty {
    fn current(&self) -> Option<TraceParent> {
        panic!("no trace")
    }

    fn continues(&self, _: &Span, _: &TraceParent) {
        panic!("no trace")
    }
}

#[tokio::test]
async fn a_trace_context_that_panics_stops_nothing() {
    let (_recorder, _guard) = Recorder::start();
    let hub = Hub::builder().traces(Faulty).in_memory().unwrap();
    let ann = device(Faulty).await;
    let mut metadata = Metadata::new();
    metadata.set_trace_parent(&trace(1)).unwrap();
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    ann.edit_with(&note("n"), &metadata, |it| it.visits.add(1)).await.unwrap();
    ann.sync_once(way_to(&hub)).await.unwrap();
    assert_eq!(hub.store().head(ann.space()).await.unwrap().0, 2);
}
