//! The gRPC transport: frames over one bidirectional HTTP/2 stream.
//!
//! `proto/synckit/v1/sync.proto` is the protocol's reference; the code that it generates is
//! committed, so that building needs neither `protoc` nor a build script. [`GrpcTransport`]
//! connects; [`serve`] listens, behind limits on everything that a stranger could exhaust;
//! [`service`] is for mounting in a server of one's own, which [`hardened`] gives the same HTTP/2
//! limits.
//!
//! Deliberately not here: TLS (put a proxy in front, or mount the service behind your own),
//! compression (the limits on frames would have to hold twice), and who may do what (the session
//! and the hub decide that).

use crate::sync::limits::FRAME_BYTES_MAX;

mod accept;
mod address;
mod answer;
mod client;
mod codec;
mod connector;
mod convert;
#[rustfmt::skip]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "generated from sync.proto"
)]
mod generated;
mod guard;
mod server;
mod status;
mod streams;

pub use client::GrpcTransport;
pub use generated::sync_service_server::SyncServiceServer;
pub use server::{Handler, ServerLimits, hardened, serve, service};

/// Largest gRPC message taken: a full frame, and room for fields that later versions add to it.
const MESSAGE_BYTES_MAX: usize = FRAME_BYTES_MAX + 4 * 1024;
/// Frames that one direction holds before the sender waits. Full ones are 1 MiB each.
const FRAMES_QUEUED_MAX: usize = 4;
/// Largest list of HTTP/2 headers taken; ours take a few hundred bytes.
const HEADER_LIST_BYTES_MAX: u32 = 8 * 1024;
