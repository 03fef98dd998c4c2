//! A transport inside TLS keeps the contract of every transport.

use synckit::testing::transport::Rig;
use synckit::testing::transport_contract;

use super::authority::Authority;
use super::server::{Server, listen, way};

async fn make() -> Rig {
    let ours = Authority::new("ours");
    let Server { address, accepted } = Server::start(Some(ours.hub().server())).await;
    let nobody = listen().await.1;
    Rig::new(way(address, ours.roots()), accepted, way(nobody, ours.roots()))
}
transport_contract!(make);
