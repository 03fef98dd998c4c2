//! A server of HTTP/1.1 for browsers, bounded in connections, headers and time.
//!
//! It reads no request's body: nothing is changed through it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::tls::{HTTP1, ServerTls};
use super::{PeerInfo, TlsIdentity};
use crate::platform::{self, Tasks};

pub(crate) use hyper::{Method, StatusCode, header};

/// A request without a body.
pub(crate) type HttpRequest = hyper::Request<()>;
/// A response.
pub(crate) type HttpResponse = hyper::Response<BoxBody<Bytes, Infallible>>;

/// Connections at the same time.
const CONNECTIONS_MAX: usize = 256;
/// Connections of one address at the same time.
const CONNECTIONS_PER_ADDRESS_MAX: usize = 64;
/// Longest time of a TLS handshake, and from a connection or an answer to the end of the next request.
const REQUEST_WITHIN: Duration = Duration::from_secs(30);
/// Longest head of a request.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Parts of a stream that wait to be sent.
const STREAM_PARTS_MAX: usize = 4;
/// Pause before accepting again when the system has no more sockets to give.
const BACK_OFF: Duration = Duration::from_millis(200);

/// HttpService requests.
#[async_trait]
pub(crate) trait HttpService: Send + Sync + 'static {
    /// The answer to a request of a peer.
    async fn answer(&self, request: &HttpRequest, peer: PeerInfo) -> HttpResponse;
}

/// A body that is there.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> BoxBody<Bytes, Infallible> {
    Full::new(bytes.into()).boxed()
}

/// A body whose parts come over time, and the sender of the parts. It takes no more while the peer reads
/// none.
pub(crate) fn stream() -> (mpsc::Sender<Bytes>, BoxBody<Bytes, Infallible>) {
    let (sender, parts) = mpsc::channel(STREAM_PARTS_MAX);
    let frames = ReceiverStream::new(parts).map(|part| Ok(Frame::data(part)));
    (sender, StreamBody::new(frames).boxed())
}

/// Serves until `stop` becomes true; what runs then is cut off.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<ServerTls>,
    answers: Arc<dyn HttpService>,
    mut stop: watch::Receiver<bool>,
) {
    let counts = Arc::<Mutex<BTreeMap<IpAddr, usize>>>::default();
    let mut connections = Tasks::new();
    loop {
        let arrived = tokio::select! {
            biased;
            // An error means that nobody can tell any more.
            _ = stop.wait_for(|stop| *stop) => return,
            arrived = listener.accept() => arrived,
        };
        while connections.try_join_next().is_some() {}
        let (stream, address) = match arrived {
            Ok(arrived) => arrived,
            Err(error) => {
                tracing::debug!(%error, "no connection from a browser");
                platform::sleep(BACK_OFF).await;
                continue;
            }
        };
        let Some(place) = BrowserPlace::take(&counts, address.ip().to_canonical()) else {
            tracing::debug!(%address, "no room for a browser");
            continue;
        };
        let (tls, answers) = (tls.clone(), Arc::clone(&answers));
        connections.spawn(async move {
            converse(stream, address, tls, answers).await;
            drop(place);
        });
    }
}

async fn converse(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<ServerTls>,
    answers: Arc<dyn HttpService>,
) {
    let peer = PeerInfo::unknown().at(address);
    // Without it small parts may be delayed.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return answer(stream, peer, answers).await };
    let mut config = tls.config();
    Arc::make_mut(&mut config).alpn_protocols = vec![HTTP1.to_vec()];
    let accepting = TlsAcceptor::from(config).accept(stream);
    let Some(Ok(stream)) = platform::within(REQUEST_WITHIN, accepting).await else { return };
    let shown = stream.get_ref().1.peer_certificates();
    let identity =
        shown.map(|shown| TlsIdentity::new(shown.iter().map(|one| one.to_vec().into()).collect()));
    let peer = match identity {
        Some(identity) => peer.with_tls(identity),
        None => peer,
    };
    answer(stream, peer, answers).await;
}

async fn answer<S>(stream: S, peer: PeerInfo, answers: Arc<dyn HttpService>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let (answers, peer) = (Arc::clone(&answers), peer.clone());
        // The body is not read.
        let request = request.map(drop);
        async move { Ok::<_, Infallible>(answers.answer(&request, peer).await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(REQUEST_WITHIN);
    server.max_buf_size(HEAD_BYTES_MAX);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection of a browser ended");
    }
}

/// A place for a connection, given back when it is dropped.
struct BrowserPlace {
    counts: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    address: IpAddr,
}

impl BrowserPlace {
    fn take(counts: &Arc<Mutex<BTreeMap<IpAddr, usize>>>, address: IpAddr) -> Option<Self> {
        let mut held = lock(counts);
        let of_address = held.get(&address).copied().unwrap_or(0);
        let has_room = of_address < CONNECTIONS_PER_ADDRESS_MAX
            && held.values().sum::<usize>() < CONNECTIONS_MAX;
        has_room.then(|| {
            held.insert(address, of_address + 1);
            Self { counts: Arc::clone(counts), address }
        })
    }
}

impl Drop for BrowserPlace {
    fn drop(&mut self) {
        let mut held = lock(&self.counts);
        if let Some(of_address) = held.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                held.remove(&self.address);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it is locked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_takes_a_part_of_the_places() {
        let counts = Arc::default();
        let mut held: Vec<_> = (0..=u8::MAX)
            .flat_map(|last| {
                let address = IpAddr::from([10, 0, 0, last]);
                (0..2).filter_map(|_| BrowserPlace::take(&counts, address)).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(held.len(), CONNECTIONS_MAX);
        held.truncate(1);
        let first = IpAddr::from([10, 0, 0, 0]);
        held.extend((0..CONNECTIONS_MAX).map_while(|_| BrowserPlace::take(&counts, first)));
        assert_eq!(held.len(), CONNECTIONS_PER_ADDRESS_MAX);
        drop(held);
        assert!(lock(&counts).is_empty());
    }
}
