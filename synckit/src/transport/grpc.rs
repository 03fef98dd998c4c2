//! The gRPC transport: frames over one bidirectional HTTP/2 stream.
//!
//! The messages of the stream are the bytes of frames ([`Frame::encode`](crate::sync::Frame)), so
//! there is no code generated from `proto/synckit/v1/sync.proto`, and nothing to convert: the
//! service is one call, and its codec hands bytes over. [`GrpcTransport`] connects; [`serve`]
//! listens, behind limits on everything that a stranger could exhaust; [`service`] is for mounting
//! in a server of one's own, which [`hardened`] gives the same HTTP/2 limits.
//!
//! Below that, connections are TLS ([`tls`](crate::transport::tls)) or plain text, which goes to this
//! machine only unless it is asked for by name.
//!
//! Deliberately not here: compression (the limits on frames would have to hold twice), and who may
//! do what (the session and the hub decide that).

use crate::sync::limits::MESSAGE_BYTES_MAX;

mod accept;
mod address;
mod answer;
mod client;
mod codec;
mod connector;
mod guard;
mod handshake;
mod kept;
#[cfg(feature = "service")]
mod operations;
mod probe;
mod security;
mod server;
mod service;
mod status;
mod streams;
mod wire;

pub(super) use address::open;
pub use client::GrpcTransport;
#[cfg(feature = "service")]
pub use operations::{DESCRIPTORS, Operations};
pub use server::{ServerLimits, hardened, serve, service};
pub(crate) use service::SideCalls;
pub use service::SyncService;

/// Frames that one direction holds before the sender waits. Full ones are 1 MiB each, and a hub has
/// one queue for each peer that does not read.
const FRAMES_QUEUED_MAX: usize = 1;
/// Largest list of HTTP/2 headers taken; ours take a few hundred bytes.
const HEADER_LIST_BYTES_MAX: u32 = 8 * 1024;
