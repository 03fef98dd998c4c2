//! Health, reflection and probes, beside the sessions on the same port.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{Extensions, HeaderValue, Request, Response, StatusCode, header};
use tonic::codegen::{BoxFuture, Service};
use tonic::server::NamedService;
use tonic::transport::server::TcpConnectInfo;
use tonic_health::ServingStatus::{NotServing, Serving};
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tonic_reflection::server::Builder;

use super::guard::Caller;
use super::probe::{self, Asked, Reply};
use super::service::{SideCalls, SyncService};
use crate::metrics::{Metrics, PROMETHEUS_TEXT};
use crate::transport::{Credentials, MetricsToken};

/// The services of `sync.proto` as an encoded `FileDescriptorSet`, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("../../../proto/synckit/v1/sync.fds");

/// Largest message of a call that is answered here: a name.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;

/// The path of the page.
const METRICS: &str = "/metrics";

/// Names under which health is told: that of everything, and that of the service.
const NAMES: [&str; 2] = ["", SyncService::NAME];

type Call = Box<dyn Fn(Request<Body>) -> BoxFuture<Response<Body>, Infallible> + Send + Sync>;

/// Answers to those who operate a hub, on the port of its sessions and within its limits:
///
/// - `grpc.health.v1.Health`, for everything (an empty name) and for `synckit.v1.SyncService`;
/// - `grpc.reflection.v1` and `v1alpha`, which know `sync.proto`, health and themselves;
/// - `/healthz` and `/readyz`, by HTTP/2, and by HTTP/1.1 with [`serve`](super::serve);
/// - `/metrics` in the same ways, [where there are some](Operations::with_metrics).
///
/// [`HubBuilder::operations`](crate::hub::HubBuilder::operations) switches it on. In a server of
/// your own [`SyncService::with_operations`] does; a router has to pass it these paths too, as its
/// fall-back for example.
///
/// Nobody is asked for credentials but for `/metrics`: the rest tells that there is a hub, and whether it
/// takes sessions.
#[derive(Clone)]
pub struct Operations {
    calls: Arc<Calls>,
    page: Option<Arc<MetricsPage>>,
}

/// The page `/metrics`.
struct MetricsPage {
    read: Box<dyn Fn() -> Metrics + Send + Sync>,
    token: Option<MetricsToken>,
}

struct Calls {
    ready: AtomicBool,
    reporter: HealthReporter,
    services: Vec<(&'static str, Call)>,
}

impl Operations {
    /// Those of a hub that takes sessions.
    pub async fn new() -> Self {
        let reporter = HealthReporter::new();
        for name in NAMES {
            reporter.set_service_status(name, Serving).await;
        }
        let health = HealthService::from_health_reporter(reporter.clone());
        let health = HealthServer::new(health).max_decoding_message_size(MESSAGE_BYTES_MAX);
        let mut services = vec![named(health)];
        let known = || {
            Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        // Both sets are compiled in; were one damaged there would be no reflection.
        if let Ok(v1) = known().build_v1() {
            services.push(named(v1.max_decoding_message_size(MESSAGE_BYTES_MAX)));
        }
        if let Ok(v1alpha) = known().build_v1alpha() {
            services.push(named(v1alpha.max_decoding_message_size(MESSAGE_BYTES_MAX)));
        }
        let calls = Calls { ready: AtomicBool::new(true), reporter, services };
        Self { calls: Arc::new(calls), page: None }
    }

    /// The same with the page `/metrics`, which shows what `read` gives: to this machine only, or, where
    /// there is a token, to whoever shows that. In a server of your own whoever asks by TLS, or through
    /// anything else that hides its address, needs the token.
    #[must_use]
    pub fn with_metrics(
        mut self,
        read: impl Fn() -> Metrics + Send + Sync + 'static,
        token: Option<MetricsToken>,
    ) -> Self {
        self.page = Some(Arc::new(MetricsPage { read: Box::new(read), token }));
        self
    }

    fn is_ready(&self) -> bool {
        self.calls.ready.load(Ordering::Relaxed)
    }

    /// Says from here on that no sessions are taken, and ends whoever watches for that.
    pub async fn drain(&self) {
        self.calls.ready.store(false, Ordering::Relaxed);
        let mut reporter = self.calls.reporter.clone();
        for name in NAMES {
            reporter.set_service_status(name, NotServing).await;
            // Watchers get the last word, and their streams end.
            reporter.clear_service_status(name).await;
            reporter.set_service_status(name, NotServing).await;
        }
    }
}

impl Calls {
    /// The service of a path such as `/grpc.health.v1.Health/Check`.
    fn find(&self, path: &str) -> Option<&Call> {
        let (name, _) = path.strip_prefix('/')?.split_once('/')?;
        let found = self.services.iter().find(|(known, _)| *known == name);
        found.map(|(_, call)| call)
    }
}

impl MetricsPage {
    fn reply(&self, asked: &Asked<'_>) -> Reply {
        let may_read = match &self.token {
            Some(token) => asked.credentials.as_ref().is_some_and(|shown| token.is_shown_by(shown)),
            None => asked.from.is_some_and(|from| from.ip().to_canonical().is_loopback()),
        };
        if !may_read {
            return Reply::plain(403, "this page is for whoever runs the hub\n");
        }
        let text = (self.read)().to_string().into();
        Reply { status: 200, content_type: PROMETHEUS_TEXT, text }
    }
}

/// The address of whoever asks, behind the port of a hub or a server of tonic's.
fn address(extensions: &Extensions) -> Option<SocketAddr> {
    let behind_a_hub = extensions.get::<Caller>().map(Caller::address);
    behind_a_hub.or_else(|| extensions.get::<TcpConnectInfo>()?.remote_addr())
}

/// A service by its name.
fn named<S>(service: S) -> (&'static str, Call)
where
    S: NamedService + Clone + Send + Sync + 'static,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    let call = move |request| -> BoxFuture<Response<Body>, Infallible> {
        // It is ready at any time: tonic's servers of services are.
        Box::pin(service.clone().call(request))
    };
    (S::NAME, Box::new(call))
}

/// An answer without gRPC.
fn plain(reply: Reply) -> Response<Body> {
    let mut response = Response::new(Body::new(reply.text.into_owned()));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or_default();
    let text = HeaderValue::from_static(reply.content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").field("ready", &self.is_ready()).finish_non_exhaustive()
    }
}

impl SyncService {
    /// The same with answers to those who operate it.
    #[must_use]
    pub fn with_operations(self, operations: &Operations) -> Self {
        self.beside(Arc::new(operations.clone()))
    }
}

impl SideCalls for Operations {
    fn answers(&self, path: &str) -> bool {
        let is_page = path == METRICS && self.page.is_some();
        is_page || self.calls.find(path).is_some() || probe::reply(path, true).is_some()
    }

    fn answer(&self, request: Request<Body>) -> BoxFuture<Response<Body>, Infallible> {
        let path = request.uri().path();
        if let Some(call) = self.calls.find(path) {
            return call(request);
        }
        let credentials = request.headers().get(header::AUTHORIZATION);
        let credentials = credentials.and_then(|text| text.to_str().ok()).map(Credentials::new);
        let asked = Asked { path, from: address(request.extensions()), credentials };
        let answer = match self.reply(&asked) {
            Some(reply) => plain(reply),
            None => Status::unimplemented("no such call").into_http(),
        };
        Box::pin(std::future::ready(Ok(answer)))
    }

    fn reply(&self, asked: &Asked<'_>) -> Option<Reply> {
        match &self.page {
            Some(page) if asked.path == METRICS => Some(page.reply(asked)),
            _ => probe::reply(asked.path, self.is_ready()),
        }
    }

    fn drain(&self) -> BoxFuture<(), Infallible> {
        let operations = self.clone();
        Box::pin(async move {
            Self::drain(&operations).await;
            Ok(())
        })
    }
}
