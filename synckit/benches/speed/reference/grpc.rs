//! Its service: three calls, each a stream of frames in both directions.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::body::Body;
use tonic::client::Grpc as Client;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{BoxFuture, BoxStream, Service, http};
use tonic::server::{Grpc as Server, NamedService, StreamingService};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

use super::store::Store;
use super::wire::{Frame, Frames};
use crate::raw::RawLog;

/// Frames that wait in a stream.
const WAITING: usize = 4;
/// Frames that are kept for whoever takes its time: more than a work forwards.
const FORWARDED: usize = 2_048;

#[derive(Clone)]
pub(super) struct Hub {
    store: Store,
    /// Frames to forward, once they are durable in a file.
    relay: Arc<(Mutex<RawLog>, broadcast::Sender<Frame>)>,
}

impl Hub {
    pub(super) fn new(store: Store, relay: RawLog) -> Self {
        Self { store, relay: Arc::new((Mutex::new(relay), broadcast::Sender::new(FORWARDED))) }
    }

    pub(super) async fn serve(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let incoming = TcpListenerStream::new(listener)
            .map(|stream| stream.inspect(|stream| stream.set_nodelay(true).unwrap()));
        tokio::spawn(tonic::transport::Server::builder().serve_with_incoming(self, incoming));
        address
    }

    /// Takes batches and acknowledges each once it is durable.
    async fn push(self, mut frames: Streaming<Frame>, answers: mpsc::Sender<Frame>) {
        let (pending, mut written) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            while let Some((answer, position)) = written.recv().await {
                let answer: tokio::sync::oneshot::Receiver<u64> = answer;
                let head = answer.await.unwrap();
                let _ = answers.send(Frame { position, head, ..Frame::default() }).await;
            }
        });
        while let Ok(Some(frame)) = frames.message().await {
            let position = frame.position;
            let written = self.store.begin_append(frame.events, 0).await;
            pending.send((written, position)).await.unwrap();
        }
    }

    /// Gives what comes after a position, up to the end of the log, each time it is asked.
    async fn pull(self, mut frames: Streaming<Frame>, answers: mpsc::Sender<Frame>) {
        while let Ok(Some(asked)) = frames.message().await {
            let (mut position, head) = (asked.position, self.store.head());
            loop {
                let events = self.store.read_after(position).await;
                position += events.len() as u64;
                if answers.send(Frame { events, position, head }).await.is_err() {
                    return;
                }
                if position >= head {
                    break;
                }
            }
        }
    }

    /// Forwards frames to everybody else once they are durable.
    async fn relay(self, mut frames: Streaming<Frame>, answers: mpsc::Sender<Frame>) {
        let mut forwarded = self.relay.1.subscribe();
        tokio::spawn(async move {
            while let Ok(frame) = forwarded.recv().await {
                if answers.send(frame).await.is_err() {
                    return;
                }
            }
        });
        while let Ok(Some(frame)) = frames.message().await {
            let relay = Arc::clone(&self.relay);
            let bytes = prost::Message::encode_to_vec(&frame);
            let write = move || relay.0.lock().unwrap().append(&bytes);
            tokio::task::spawn_blocking(write).await.unwrap();
            let _ = self.relay.1.send(frame);
        }
    }
}

impl NamedService for Hub {
    const NAME: &'static str = "reference.Hub";
}

impl Service<http::Request<Body>> for Hub {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let call = Call(self.clone(), request.uri().path().to_owned());
        Box::pin(async move { Ok(Server::new(Frames).streaming(call, request).await) })
    }
}

struct Call(Hub, String);

impl StreamingService<Frame> for Call {
    type Response = Frame;
    type ResponseStream = BoxStream<Frame>;
    type Future = Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<Frame>>) -> Self::Future {
        let (answers, stream) = mpsc::channel(WAITING);
        let (hub, frames) = (self.0.clone(), request.into_inner());
        match self.1.as_str() {
            PUSH => drop(tokio::spawn(hub.push(frames, answers))),
            PULL => drop(tokio::spawn(hub.pull(frames, answers))),
            _ => drop(tokio::spawn(hub.relay(frames, answers))),
        }
        let stream: Self::ResponseStream = Box::pin(ReceiverStream::new(stream).map(Ok));
        ready(Ok(Response::new(stream)))
    }
}

pub(super) const PUSH: &str = "/reference.Hub/Push";
pub(super) const PULL: &str = "/reference.Hub/Pull";
pub(super) const RELAY: &str = "/reference.Hub/Relay";

/// Opens a connection.
pub(super) async fn connect(url: &str) -> Channel {
    Endpoint::from_shared(url.to_owned()).unwrap().tcp_nodelay(true).connect().await.unwrap()
}

/// Opens a call on a connection.
pub(super) async fn call(
    channel: Channel,
    path: &'static str,
) -> (mpsc::Sender<Frame>, Streaming<Frame>) {
    let mut client = Client::new(channel);
    client.ready().await.unwrap();
    let (sender, frames) = mpsc::channel(WAITING);
    let request = Request::new(ReceiverStream::new(frames));
    let answer = client.streaming(request, PathAndQuery::from_static(path), Frames).await;
    (sender, answer.unwrap().into_inner())
}
