//! TLS between replicas and hubs, on real sockets.

#[path = "tls/authority.rs"]
mod authority;
#[path = "tls/clients.rs"]
mod clients;
#[path = "tls/files.rs"]
mod files;
#[path = "tls/hubs.rs"]
mod hubs;
#[path = "tls/server.rs"]
mod server;
#[path = "tls/strangers.rs"]
mod strangers;
#[path = "tls/troubles.rs"]
mod troubles;
