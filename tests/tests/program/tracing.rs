//! Traces of a hub's commits, as a collector gets them.

use std::fs;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use synckit::Replica;
use synckit::envelope::{Metadata, TraceParent};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::support::{Place, Till, replica};

/// Hands on what it is sent.
struct Collector(mpsc::Sender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.send(request.into_inner()).await.unwrap();
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Serves a collector; its address, and what it gets.
async fn collector() -> (String, mpsc::Receiver<ExportTraceServiceRequest>) {
    let (told, exports) = mpsc::channel(16);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = TraceServiceServer::new(Collector(told));
    let incoming = TcpListenerStream::new(listener);
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
    (url, exports)
}

/// Sells something within a trace.
async fn sell_within(at: &Replica, parent: &TraceParent) {
    let mut metadata = Metadata::new();
    metadata.set_trace_parent(parent).unwrap();
    let secret = Till { title: "a-secret-title".to_owned() };
    at.create_with(&secret, &metadata).await.unwrap();
}

/// The log of a hub that has ended.
fn log_of(place: &Place) -> String {
    fs::read_to_string(place.path().join("log")).unwrap()
}

#[tokio::test]
async fn a_collector_sees_where_a_trace_went_on() {
    let (url, mut exports) = collector().await;
    let place = Place::new();
    let hub = place.serve(&["--otlp", &url, "--log-level", "error"]);
    let till = replica().await;
    let parent = TraceParent::new([7; 16], [9; 8], true).unwrap();
    sell_within(&till, &parent).await;
    sell_within(&till, &TraceParent::new([8; 16], [9; 8], false).unwrap()).await;
    till.sync_once(hub.url.as_str()).await.unwrap();
    assert_eq!(hub.end().await, Some(0));

    let mut spans = Vec::new();
    while let Ok(export) = exports.try_recv() {
        assert!(!format!("{export:?}").contains("a-secret-title"));
        for resource in export.resource_spans {
            let attributes = format!("{:?}", resource.resource.unwrap().attributes);
            assert!(attributes.contains("\"synckit-hub\""), "{attributes}");
            spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    let [span] = &spans[..] else { panic!("one trace is recorded: {spans:#?}") };
    assert_eq!(span.name, "synckit.commit");
    assert_eq!((&span.trace_id[..], &span.parent_span_id[..]), (&[7; 16][..], &[9; 8][..]));
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    assert_eq!(log_of(&place), "");
}

#[tokio::test]
async fn a_collector_that_is_away_stops_nothing_and_is_told() {
    let place = Place::new();
    // Nobody listens on a port that was given back.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let hub = place.serve(&["--otlp", &format!("http://{free}")]);
    let till = replica().await;
    sell_within(&till, &TraceParent::new([7; 16], [9; 8], true).unwrap()).await;
    assert_eq!(till.sync_once(hub.url.as_str()).await.unwrap().pushed, 2);
    assert_eq!(hub.end().await, Some(0));
    let log = log_of(&place);
    assert!(log.contains("BatchSpanProcessor") || log.contains("the last spans"), "{log}");
    let odd = place.run(&["hub.redb", "--check", "--otlp", "127.0.0.1:4317"]);
    assert!(odd.failed(2).contains("otlp is \"127.0.0.1:4317\""), "{odd:?}");
    let odd = place.run(&["hub.redb", "--otlp", "http://not an address"]);
    assert!(odd.failed(2).contains("otlp is \"http://not an address\""), "{odd:?}");
}
