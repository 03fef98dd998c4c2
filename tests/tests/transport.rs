//! Transports: the contract that each keeps, and what the gRPC server and client make of strangers.

#[path = "transport/contract.rs"]
mod contract;
#[path = "transport/drain.rs"]
mod drain;
#[path = "transport/kept.rs"]
mod kept;
#[path = "transport/known_peers.rs"]
mod known_peers;
#[path = "transport/limits.rs"]
mod limits;
#[path = "transport/operations.rs"]
mod operations;
#[path = "transport/over_a_toy.rs"]
mod over_a_toy;
#[path = "transport/server.rs"]
mod server;
#[path = "transport/slow.rs"]
mod slow;
#[path = "transport/strange_clients.rs"]
mod strange_clients;
#[path = "transport/strange_servers.rs"]
mod strange_servers;
#[path = "transport/toy.rs"]
mod toy;
#[path = "transport/weather.rs"]
mod weather;
