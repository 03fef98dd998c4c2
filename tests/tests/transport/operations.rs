//! Health, reflection and probes on the port of a hub.

use std::time::Duration;

use bytes::Bytes;
use synckit::Hub;
use synckit::hub::RunningHub;
use synckit::testing::transport::queue;
use synckit::transport::GrpcTransport;
use synckit::transport::grpc::{Operations, ServerLimits, hardened, service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::{nobody, soon};

const SERVING: &[u8] = &[8, 1];
const NOT_SERVING: &[u8] = &[8, 2];

async fn hub(limits: ServerLimits) -> RunningHub {
    let hub = Hub::builder().operations().limits(limits).in_memory().unwrap();
    hub.serve("127.0.0.1:0").await.unwrap()
}

#[tokio::test]
async fn health_is_told_of_everything_and_of_the_service() {
    let running = hub(ServerLimits::default()).await;
    let mut client = Client::to(running.address()).await;
    for name in ["", "synckit.v1.SyncService"] {
        let (status, answer) = client.call("grpc.health.v1.Health/Check", &text(1, name)).await;
        assert_eq!((status.as_str(), &answer[..]), ("0", SERVING), "{name:?}");
    }
    let (status, _) = client.call("grpc.health.v1.Health/Check", &text(1, "other")).await;
    assert_eq!(status, "5", "not found");
    let (status, _) = client.call("grpc.health.v1.Health/Other", &[]).await;
    assert_eq!(status, "12", "unimplemented");
    running.shut_down().await.unwrap();
}

#[tokio::test]
async fn whoever_watches_is_told_when_the_hub_ends_and_does_not_hold_it_up() {
    let running = hub(ServerLimits::default()).await;
    let mut client = Client::to(running.address()).await;
    let mut watched = client.open("grpc.health.v1.Health/Watch", &text(1, "")).await;
    assert_eq!(watched.message().await.as_deref(), Some(SERVING));
    let ending = tokio::spawn(running.shut_down());
    assert_eq!(watched.message().await.as_deref(), Some(NOT_SERVING));
    assert_eq!(watched.message().await, None);
    soon("the end", ending).await.unwrap().unwrap();
}

#[tokio::test]
async fn reflection_knows_every_service_in_both_versions() {
    let running = hub(ServerLimits::default()).await;
    let mut client = Client::to(running.address()).await;
    for version in ["v1", "v1alpha"] {
        let call = format!("grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let (status, list) = client.call(&call, &text(7, "*")).await;
        assert_eq!(status, "0");
        for name in ["synckit.v1.SyncService", "grpc.health.v1.Health", version] {
            assert!(contains(&list, name), "{name} is not in {list:?}");
        }
        let (_, file) = client.call(&call, &text(4, "synckit.v1.SyncService")).await;
        assert!(contains(&file, "synckit/v1/sync.proto") && contains(&file, "Goodbye"));
        let (_, file) = client.call(&call, &text(4, "grpc.health.v1.Health")).await;
        assert!(contains(&file, "HealthCheckRequest"));
    }
    running.shut_down().await.unwrap();
}

#[tokio::test]
async fn probes_are_answered_by_http1_and_by_http2() {
    let running = hub(ServerLimits::default()).await;
    for path in ["/healthz", "/readyz"] {
        let told = get(running.address(), path).await;
        assert!(
            told.starts_with("HTTP/1.1 200 OK\r\n") && told.ends_with("\r\n\r\nok\n"),
            "{told}"
        );
        let mut client = Client::to(running.address()).await;
        let request = http::Request::get(format!("http://hub{path}")).body(()).unwrap();
        let (response, _) = client.0.send_request(request, true).unwrap();
        assert_eq!(soon("an answer", response).await.unwrap().status(), 200);
    }
    assert!(get(running.address(), "/").await.starts_with("HTTP/1.1 404"));
    running.shut_down().await.unwrap();
}

/// Whoever does not ask for operations has a port that speaks nothing but sync.
#[tokio::test]
async fn a_hub_without_operations_answers_none() {
    let running = Hub::builder().in_memory().unwrap().serve("127.0.0.1:0").await.unwrap();
    let mut client = Client::to(running.address()).await;
    let (status, _) = client.call("grpc.health.v1.Health/Check", &[]).await;
    assert_eq!(status, "12", "unimplemented");
    running.shut_down().await.unwrap();
}

#[tokio::test]
async fn probes_count_among_the_connections_and_end_with_the_time_for_a_greeting() {
    let limits = ServerLimits::with(|limits| {
        limits.greeting_within = Duration::from_millis(500);
        limits.connections_max = 4;
    });
    let running = hub(limits).await;
    let mut silent = Vec::new();
    for said in [&b""[..], b"G", b"GET /healthz HTTP/1.1\r\n", b"H"] {
        let mut stream = TcpStream::connect(running.address()).await.unwrap();
        stream.write_all(said).await.unwrap();
        silent.push(stream);
    }
    let error = synckit::transport::Transport::connect(&way(&running)).await.unwrap_err();
    assert_eq!(error.code(), "transport.busy");
    for mut stream in silent {
        let mut ignored = Vec::new();
        // Closed, or reset because of bytes that nobody read.
        let _ = soon("the end of a silent probe", stream.read_to_end(&mut ignored)).await;
    }
    soon("a free place", async {
        while !get(running.address(), "/healthz").await.contains("200 OK") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    running.shut_down().await.unwrap();
}

/// A connection that has only asked for health makes room for sessions.
#[tokio::test]
async fn whoever_only_asks_for_health_keeps_no_replica_out() {
    let limits = ServerLimits::with(|limits| limits.connections_max = 2);
    let running = hub(limits).await;
    let mut asked = Vec::new();
    for _ in 0..2 {
        let mut client = Client::to(running.address()).await;
        client.call("grpc.health.v1.Health/Check", &[]).await;
        asked.push(client);
    }
    let connection = synckit::transport::Transport::connect(&way(&running)).await;
    assert!(connection.is_ok(), "{connection:?}");
    running.shut_down().await.unwrap();
}

#[tokio::test]
async fn a_server_of_ones_own_answers_them_too() {
    let address = nobody().await;
    let (acceptor, _accepted) = queue();
    let operations = Operations::new().await;
    let service = service(acceptor).with_operations(&operations);
    tokio::spawn(hardened(&ServerLimits::default()).serve(address, service));
    while TcpStream::connect(address).await.is_err() {
        tokio::task::yield_now().await;
    }
    let mut client = Client::to(address).await;
    let (_, answer) = client.call("grpc.health.v1.Health/Check", &[]).await;
    assert_eq!(&answer[..], SERVING);
    operations.drain().await;
    let (_, answer) = client.call("grpc.health.v1.Health/Check", &[]).await;
    assert_eq!(&answer[..], NOT_SERVING);
}

fn way(running: &RunningHub) -> GrpcTransport {
    GrpcTransport::new(running.url()).unwrap()
}

/// Asks by HTTP/1.1.
async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: hub\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut told = Vec::new();
    // A server that has no room speaks HTTP/2 to say so.
    let _ = soon("an answer", stream.read_to_end(&mut told)).await;
    String::from_utf8_lossy(&told).into_owned()
}

/// A field of a protobuf message that holds a text.
fn text(field: u8, text: &str) -> Vec<u8> {
    let mut message = vec![field << 3 | 2, u8::try_from(text.len()).unwrap()];
    message.extend(text.as_bytes());
    message
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A client that calls with bytes.
struct Client(h2::client::SendRequest<Bytes>);

/// The messages of an answer.
struct Messages {
    body: h2::RecvStream,
    arrived: Vec<u8>,
}

impl Client {
    async fn to(address: std::net::SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self(client.ready().await.unwrap())
    }

    async fn open(&mut self, call: &str, message: &[u8]) -> Messages {
        self.ask(call, message).await.1
    }

    /// The gRPC status, and the first message.
    async fn call(&mut self, call: &str, message: &[u8]) -> (String, Vec<u8>) {
        let (headers, mut messages) = self.ask(call, message).await;
        let first = messages.message().await.unwrap_or_default();
        let trailers = soon("trailers", messages.body.trailers()).await.unwrap();
        let status = |of: &http::HeaderMap| of.get("grpc-status").cloned();
        let status = status(&headers).or_else(|| status(&trailers?)).unwrap();
        (status.to_str().unwrap().to_owned(), first)
    }

    async fn ask(&mut self, call: &str, message: &[u8]) -> (http::HeaderMap, Messages) {
        let request = http::Request::post(format!("http://hub/{call}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let (response, mut body) = self.0.send_request(request.body(()).unwrap(), false).unwrap();
        let length = u32::try_from(message.len()).unwrap();
        let framed = [&[0], &length.to_be_bytes()[..], message].concat();
        body.send_data(framed.into(), true).unwrap();
        let (head, body) = soon("headers", response).await.unwrap().into_parts();
        (head.headers, Messages { body, arrived: Vec::new() })
    }
}

impl Messages {
    async fn message(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some((header, rest)) = self.arrived.split_first_chunk::<5>() {
                let [_, length @ ..] = *header;
                let length = usize::try_from(u32::from_be_bytes(length)).unwrap();
                if rest.len() >= length {
                    let message = rest[..length].to_vec();
                    self.arrived.drain(..5 + length);
                    return Some(message);
                }
            }
            let part = soon("a message", self.body.data()).await?.unwrap();
            let _ = self.body.flow_control().release_capacity(part.len());
            self.arrived.extend(part);
        }
    }
}
