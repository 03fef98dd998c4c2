//! Strangers on the hub's port neither kill nor block it.

use std::time::Duration;

use synckit::transport::TransportErrorKind;
use synckit::transport::grpc::ServerLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::{Server, soon};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

#[tokio::test]
async fn garbage_neither_kills_nor_blocks_the_server() {
    let mut server = Server::start().await;
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let noise: Vec<u8> = (0..4_096).map(|_| xorshift(&mut seed).to_le_bytes()[0]).collect();
    let with_preface = [PREFACE, &noise].concat();
    let with_settings = [PREFACE, &EMPTY_SETTINGS, &noise].concat();
    let http1 = b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n";
    let said = [&noise[..], http1, b"SSH-2.0-OpenSSH_9.9\r\n", &with_preface, &with_settings];
    let mut open = Vec::new();
    for bytes in said {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        soon("end of a connection with garbage", until_closed(&mut stream)).await;
        open.push(stream);
        server.assert_serves().await;
    }
}

#[tokio::test]
async fn half_a_preface_and_then_silence_does_not_keep_others_out() {
    let mut server = Server::start().await;
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(&PREFACE[..12]).await.unwrap();
    server.assert_serves().await;
    half.write_all(&PREFACE[12..]).await.unwrap();
    half.write_all(&EMPTY_SETTINGS).await.unwrap();
    let mut answer = [0; 9];
    soon("the server's settings", half.read_exact(&mut answer)).await.unwrap();
    assert_eq!(answer[3], 4, "a slow client is a client all the same");
}

#[tokio::test]
async fn those_who_do_not_call_are_closed() {
    let limits = ServerLimits::with(|limits| limits.greeting_within = Duration::from_millis(500));
    let mut server = Server::with(limits).await;
    let settled = [PREFACE, &EMPTY_SETTINGS].concat();
    let mut silent = Vec::new();
    for said in [&b""[..], b"PRI * HT", &settled].repeat(10) {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(said).await.unwrap();
        silent.push(stream);
    }
    for mut stream in silent {
        soon("end of a silent connection", until_closed(&mut stream)).await;
    }
    server.assert_serves().await;
}

#[tokio::test]
async fn those_who_call_may_then_be_silent() {
    let greeting_within = Duration::from_millis(500);
    let limits = ServerLimits::with(|limits| limits.greeting_within = greeting_within);
    let mut server = Server::with(limits).await;
    let (mut ours, mut theirs) = server.connect().await.unwrap();
    let silence = tokio::time::timeout(greeting_within * 3, ours.receiver.receive()).await;
    assert!(silence.is_err(), "{silence:?}");
    theirs.sender.send(super::server::ack(1)).await.unwrap();
    assert!(ours.receiver.receive().await.unwrap().is_some());
}

#[tokio::test]
async fn when_all_places_are_taken_others_are_told_to_come_later() {
    let limits = ServerLimits::with(|limits| limits.connections_max = 3);
    assert_busy_at_three(limits).await;
}

#[tokio::test]
async fn one_peer_cannot_take_all_places() {
    let limits = ServerLimits::with(|limits| limits.connections_per_peer_max = 3);
    assert_busy_at_three(limits).await;
}

async fn assert_busy_at_three(limits: ServerLimits) {
    let mut server = Server::with(limits).await;
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push(server.connect().await.unwrap());
    }
    for _ in 0..20 {
        let error = server.connect().await.unwrap_err();
        assert_eq!(error.kind(), &TransportErrorKind::Busy, "{error:?}");
        assert!(error.is_retryable());
    }
    taken.pop();
    soon("a free place", async {
        while server.connect().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Reads until the server closes the connection or resets it.
async fn until_closed(stream: &mut TcpStream) {
    let mut ignored = [0; 1_024];
    while stream.read(&mut ignored).await.is_ok_and(|bytes| bytes > 0) {}
}

fn xorshift(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
