//! Each end of a connection knows something of the other.

use synckit::transport::{Transport, channel};

use super::limits::{post, raw_client};
use super::server::{Server, soon};

#[tokio::test]
async fn both_ends_of_a_grpc_connection_know_the_address_of_the_other() {
    let mut server = Server::start().await;
    let (ours, theirs) = server.connect().await.unwrap();
    assert_eq!(ours.peer.address, Some(server.address));
    let client = theirs.peer.address.unwrap();
    assert!(client.ip().is_loopback() && client != server.address, "{client}");
    assert!(theirs.peer.tls.is_none() && theirs.peer.credentials.is_none());
}

#[tokio::test]
async fn credentials_reach_whoever_accepts_and_no_log() {
    let mut server = Server::start().await;
    let (mut client, _connection) = raw_client(&server).await;
    let request = post().header("authorization", "Bearer secret").body(()).unwrap();
    let _call = client.send_request(request, false).unwrap();
    let theirs = soon("a connection", server.accepted.next()).await;
    assert_eq!(theirs.peer.credentials.as_ref().unwrap().reveal(), "Bearer secret");
    assert!(!format!("{theirs:?} {}", theirs.peer).contains("secret"));
}

#[tokio::test]
async fn inside_one_process_nothing_is_known_of_the_peer() {
    let (transport, mut listener) = channel();
    let (ours, theirs) = tokio::join!(transport.connect(), listener.accept());
    for peer in [ours.unwrap().peer, theirs.unwrap().peer] {
        assert!(peer.address.is_none() && peer.credentials.is_none());
    }
}
