//! Strangers on a port with TLS neither kill nor block it.

use std::time::Duration;

use synckit::transport::grpc::ServerLimits;
use synckit::transport::tls::TrustRoots;
use synckit::transport::{Transport, TransportErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::authority::Authority;
use super::server::{Server, soon};

/// The first bytes of a ClientHello.
const HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

async fn server(limits: ServerLimits) -> (Server, TrustRoots) {
    let ours = Authority::new("ours");
    (Server::with(Some(ours.hub().server()), limits).await, ours.roots())
}

#[tokio::test]
async fn garbage_neither_kills_nor_blocks_the_server() {
    let (mut server, roots) = server(ServerLimits::default()).await;
    let noise: Vec<u8> = (0..=255_u8).cycle().take(100_000).collect();
    let in_a_record = [b"\x16\x03\x01\x40\x00".as_slice(), &noise].concat();
    let endless = [b"\x16\x03\x01\x40\x00\x01\xff\xff\xff".as_slice(), &noise].concat();
    for bytes in [&noise[..], PREFACE, b"GET / HTTP/1.1\r\n\r\n", &in_a_record, &endless] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        // The server may end it before all has been said.
        let _ = stream.write_all(bytes).await;
        soon("end of a connection with garbage", until_closed(&mut stream)).await;
        server.assert_serves(roots.clone()).await;
    }
}

#[tokio::test]
async fn those_who_do_not_finish_a_handshake_are_closed() {
    let limits = ServerLimits::with(|limits| limits.greeting_within = Duration::from_millis(500));
    let (mut server, roots) = server(limits).await;
    let mut silent = Vec::new();
    for said in [&b""[..], HELLO, &HELLO[..3]].repeat(10) {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(said).await.unwrap();
        silent.push(stream);
    }
    // Others come in meanwhile.
    server.assert_serves(roots.clone()).await;
    for mut stream in silent {
        soon("end of a silent connection", until_closed(&mut stream)).await;
    }
    server.assert_serves(roots).await;
}

#[tokio::test]
async fn one_who_dribbles_has_no_more_time_than_the_silent() {
    let limits = ServerLimits::with(|limits| limits.greeting_within = Duration::from_millis(300));
    let (mut server, roots) = server(limits).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let (mut reads, mut writes) = stream.split();
    let dribble = async {
        for byte in HELLO.iter().cycle() {
            if writes.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let closed = async { while reads.read(&mut [0; 64]).await.is_ok_and(|bytes| bytes > 0) {} };
    soon("the end", async {
        tokio::select! { () = dribble => {}, () = closed => {} }
    })
    .await;
    server.assert_serves(roots).await;
}

#[tokio::test]
async fn handshakes_count_among_the_connections_and_who_finds_no_room_is_told() {
    for limits in [
        ServerLimits::with(|limits| limits.connections_max = 3),
        ServerLimits::with(|limits| limits.connections_per_peer_max = 3),
    ] {
        let (server, roots) = server(limits).await;
        let mut silent = Vec::new();
        for _ in 0..3 {
            silent.push(TcpStream::connect(server.address).await.unwrap());
        }
        let way = server.way(roots);
        for _ in 0..20 {
            let error = soon("an answer", way.connect()).await.unwrap_err();
            assert_eq!(error.kind(), &TransportErrorKind::Busy, "{error:?}");
        }
        silent.pop();
        soon("a free place", async {
            while way.connect().await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// Reads until the server closes the connection or resets it.
async fn until_closed(stream: &mut TcpStream) {
    let mut ignored = [0; 1_024];
    while stream.read(&mut ignored).await.is_ok_and(|bytes| bytes > 0) {}
}
