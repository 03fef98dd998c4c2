//! The gRPC service of `sync.proto`: one call, whose messages are frames. Other calls may be answered
//! beside it.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::client::{Grpc as GrpcClient, GrpcService};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{Body as HttpBody, BoxFuture, BoxStream, Service, StdError, http};
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::server::{Grpc as GrpcServer, NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};

use super::codec::FrameBytes;
use super::guard::Caller;
use super::probe::{Asked, Reply};
use super::streams::{self, Outgoing};
use super::{MESSAGE_BYTES_MAX, status};
use crate::transport::{Acceptor, Credentials, PeerInfo};

/// The path of the call `Sync`.
const SYNC: &str = "/synckit.v1.SyncService/Sync";

/// Answers `SyncService` and hands its sessions to an [`Acceptor`]. Made by
/// [`service`](super::service), for tonic's and axum's servers.
#[derive(Clone)]
pub struct SyncService {
    acceptor: Arc<dyn Acceptor>,
    side: Option<Arc<dyn SideCalls>>,
}

/// Calls that are answered beside sessions.
pub(crate) trait SideCalls: fmt::Debug + Send + Sync {
    /// True when there is something at this path.
    fn answers(&self, path: &str) -> bool;

    /// Answers a request.
    fn answer(&self, request: http::Request<Body>) -> BoxFuture<http::Response<Body>, Infallible>;

    /// The answer to somebody who asks by plain HTTP; `None` where nothing is to be found.
    fn reply(&self, asked: &Asked<'_>) -> Option<Reply>;

    /// Says from here on that none are.
    fn drain(&self) -> BoxFuture<(), Infallible>;
}

impl SyncService {
    pub(super) fn new(acceptor: Arc<dyn Acceptor>) -> Self {
        Self { acceptor, side: None }
    }

    /// The same with other calls beside it.
    pub(crate) fn beside(mut self, side: Arc<dyn SideCalls>) -> Self {
        self.side = Some(side);
        self
    }

    /// The other calls.
    pub(super) const fn side(&self) -> Option<&Arc<dyn SideCalls>> {
        self.side.as_ref()
    }
}

impl NamedService for SyncService {
    const NAME: &'static str = "synckit.v1.SyncService";
}

impl fmt::Debug for SyncService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SyncService").field(&self.acceptor).finish()
    }
}

impl<B> Service<http::Request<B>> for SyncService
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let path = request.uri().path();
        if path != SYNC {
            let side = self.side.clone().filter(|side| side.answers(path));
            return Box::pin(beside(side, request));
        }
        let sessions = Sessions(Arc::clone(&self.acceptor));
        Box::pin(async move {
            let mut grpc = GrpcServer::new(FrameBytes)
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX);
            Ok(grpc.streaming(sessions, request).await)
        })
    }
}

/// Answers another call. While it is answered its connection counts as one in session.
async fn beside<B>(
    side: Option<Arc<dyn SideCalls>>,
    request: http::Request<B>,
) -> Result<http::Response<Body>, Infallible>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    let Some(side) = side else {
        return Ok(Status::unimplemented("no such call").into_http());
    };
    let _in_session = request.extensions().get::<Caller>().map(Caller::called);
    side.answer(request.map(Body::new)).await
}

/// Makes a session of each call.
struct Sessions(Arc<dyn Acceptor>);

impl StreamingService<Bytes> for Sessions {
    type Response = Bytes;
    type ResponseStream = BoxStream<Bytes>;
    type Future = Ready<Result<Response<Self::ResponseStream>, Status>>;

    /// Answers with headers at once: they tell the client that the session is open.
    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let caller = request.extensions().get::<Caller>();
        let in_session = caller.map(Caller::called);
        let address = caller.map(Caller::address).or_else(|| request.remote_addr());
        let mut peer = peer(address, request.metadata());
        peer.tls = caller.and_then(Caller::tls).cloned();
        let (sender, outgoing) = streams::sender(None);
        let connection = sender.with(request.into_inner(), peer);
        if let Err(error) = self.0.accept(connection) {
            tracing::debug!(%error, "session refused");
            return ready(Err(status::refusal(&error)));
        }
        let frames = ReceiverStream::new(outgoing).map(move |frame| {
            let _until_the_last = &in_session;
            Ok(frame)
        });
        let frames: Self::ResponseStream = Box::pin(frames);
        ready(Ok(Response::new(frames)))
    }
}

fn peer(address: Option<SocketAddr>, metadata: &MetadataMap) -> PeerInfo {
    let credentials = metadata.get("authorization").and_then(|text| text.to_str().ok());
    let mut peer = PeerInfo::unknown();
    peer.address = address;
    peer.credentials = credentials.map(Credentials::new);
    peer
}

/// Makes the call on a channel: frames there, frames back.
pub(super) async fn call<C>(
    channel: C,
    credentials: Option<AsciiMetadataValue>,
    outgoing: Outgoing,
) -> Result<Streaming<Bytes>, Status>
where
    C: GrpcService<Body>,
    C::Error: Into<StdError>,
    C::ResponseBody: HttpBody + Send + 'static,
    <C::ResponseBody as HttpBody>::Error: Into<StdError>,
{
    let mut grpc = GrpcClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let unready = |error: C::Error| Status::from_error(error.into());
    grpc.ready().await.map_err(unready)?;
    let mut request = Request::new(ReceiverStream::new(outgoing));
    if let Some(credentials) = credentials {
        request.metadata_mut().insert("authorization", credentials);
    }
    let answer = grpc.streaming(request, PathAndQuery::from_static(SYNC), FrameBytes).await?;
    Ok(answer.into_inner())
}
