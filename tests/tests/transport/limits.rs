//! The limits of HTTP/2, seen from outside.

use std::time::Duration;

use bytes::Bytes;
use synckit::transport::grpc::ServerLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::{Server, ack, events, soon};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame of HTTP/2, as it comes.
#[derive(Debug)]
struct RawFrame {
    kind: u8,
    flags: u8,
    payload: Vec<u8>,
}

const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

/// Fails when an upgrade of tonic, hyper or h2 changes what the server allows.
#[tokio::test]
async fn the_server_says_what_it_allows() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]).await.unwrap();
    let first = soon("settings", read(&mut stream)).await;
    assert_eq!((first.kind, first.flags), (SETTINGS, 0));
    let mut settings: Vec<_> = first
        .payload
        .chunks_exact(6)
        .map(|entry| {
            let value = u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]);
            (name(u16::from_be_bytes([entry[0], entry[1]])), value)
        })
        .collect();
    settings.sort_unstable();
    assert_eq!(
        settings,
        [
            ("initial_window_size", 128 * 1024),
            ("max_concurrent_streams", 32),
            ("max_frame_size", 16 * 1024),
            ("max_header_list_size", 8 * 1024),
        ]
    );

    // The connection's window is 64 KiB to begin with, and is raised.
    let update = soon("a window update", async {
        loop {
            let frame = read(&mut stream).await;
            if frame.kind == WINDOW_UPDATE {
                return frame;
            }
        }
    });
    let raised = u32::from_be_bytes(update.await.payload.try_into().unwrap());
    assert_eq!(raised + 65_535, 8 * 1024 * 1024);
}

#[tokio::test]
async fn headers_have_a_limit() {
    let mut server = Server::start().await;
    let (mut client, _connection) = raw_client(&server).await;
    let request = post().header("x-large", "a".repeat(20_000)).body(()).unwrap();
    let answer = async {
        let (response, _body) = client.send_request(request, true)?;
        response.await
    };
    match soon("an answer", answer).await {
        Ok(response) => assert_eq!(response.status(), 431),
        Err(error) => assert!(error.is_reset() || error.is_go_away(), "{error:?}"),
    }
    server.assert_serves().await;
}

#[tokio::test]
async fn a_connection_has_no_more_sessions_than_it_may() {
    let limits = ServerLimits::with(|limits| limits.streams_per_connection_max = 3);
    let mut server = Server::with(limits).await;
    let (mut client, _connection) = raw_client(&server).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let (response, body) = client.send_request(post().body(()).unwrap(), false).unwrap();
        let response = soon("headers", response).await.unwrap();
        assert_eq!(response.status(), 200);
        open.push((response, body, server.accepted.next().await));
    }
    // One more waits, by the client's own courtesy, until one of the others ends.
    let (response, _body) = client.send_request(post().body(()).unwrap(), false).unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(200), response).await;
    assert!(waits.is_err(), "{waits:?}");
    server.assert_serves().await;
}

#[tokio::test]
async fn a_flood_of_resets_is_cut_off() {
    let mut server = Server::start().await;
    let (mut client, connection) = raw_client(&server).await;
    let mut sent = 0;
    let flood = async {
        while let Ok((_response, mut body)) = client.send_request(post().body(()).unwrap(), false) {
            body.send_reset(h2::Reason::CANCEL);
            sent += 1;
            assert!(sent < 100_000, "the server takes any number of resets");
            tokio::task::yield_now().await;
            if std::future::poll_fn(|cx| client.poll_ready(cx)).await.is_err() {
                break;
            }
        }
    };
    let taken = async {
        // Else the queue is soon full.
        loop {
            drop(server.accepted.next().await);
        }
    };
    soon("the end of the flood", async {
        tokio::select! { () = flood => {}, () = taken => {} }
    })
    .await;
    // The server says GOAWAY with ENHANCE_YOUR_CALM; what was sent after that may have reset the
    // connection first.
    let error = soon("the end of the connection", connection).await.unwrap().unwrap_err();
    assert!(error.is_io() || error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM), "{error:?}");
    server.assert_serves().await;
}

#[tokio::test]
async fn tiny_frames_do_not_kill_a_connection() {
    const FRAMES: u64 = 20_000;
    let mut server = Server::start().await;
    for up in [true, false] {
        let (ours, theirs) = server.connect().await.unwrap();
        let (mut from, mut to) = if up { (ours, theirs) } else { (theirs, ours) };
        let sending = tokio::spawn(async move {
            for number in 0..FRAMES {
                from.sender.send(events(number, b"x")).await.unwrap();
                if number % 64 == 0 {
                    // So that frames travel alone, too.
                    tokio::task::yield_now().await;
                }
            }
            from.sender.finish().await.unwrap();
            from
        });
        // Nobody reads until no more fit.
        soon("a full connection", async {
            let mut still = 0;
            while still < 20 && !sending.is_finished() {
                tokio::time::sleep(Duration::from_millis(5)).await;
                still += 1;
            }
        })
        .await;
        for number in 0..FRAMES {
            let frame = soon("a frame", to.receiver.receive()).await.unwrap();
            assert_eq!(frame, Some(events(number, b"x")));
        }
        assert_eq!(to.receiver.receive().await.unwrap(), None);
        drop(sending.await.unwrap());
    }
}

#[tokio::test]
async fn unread_frames_of_nine_bytes_do_not_kill_a_connection() {
    const FRAMES: u64 = 20_000;
    let mut server = Server::start().await;
    let (mut client, connection) = raw_client(&server).await;
    let (response, mut body) = client.send_request(post().body(()).unwrap(), false).unwrap();
    let mut theirs = server.accepted.next().await;
    let _headers = soon("headers", response).await.unwrap();
    // Acknowledgements through 1, each in a DATA frame of its own.
    let message = b"\0\0\0\0\x04\x22\x02\x08\x01";
    let mut sent = 0;
    let moment = Duration::from_millis(300);
    while sent < FRAMES && has_room(&mut body, message.len(), moment).await {
        body.send_data(Bytes::from_static(message), false).unwrap();
        sent += 1;
    }
    assert!(sent > 9_000, "the window was full after {sent} frames already");
    for number in 0..FRAMES {
        let frame = soon("a frame", theirs.receiver.receive()).await.unwrap();
        assert_eq!(frame, Some(ack(1)), "{number}");
        // The window opens again once enough has been read.
        let is_all_read = sent == number + 1;
        let room = if sent == FRAMES {
            false
        } else if is_all_read {
            soon("room", has_room_at_last(&mut body, message.len())).await
        } else {
            has_room(&mut body, message.len(), Duration::ZERO).await
        };
        if room {
            body.send_data(Bytes::from_static(message), false).unwrap();
            sent += 1;
        }
    }
    assert!(!connection.is_finished());
}

/// Waits so long for the window to have room for so many bytes.
async fn has_room(body: &mut h2::SendStream<Bytes>, bytes: usize, wait: Duration) -> bool {
    tokio::time::timeout(wait, has_room_at_last(body, bytes)).await.unwrap_or(false)
}

async fn has_room_at_last(body: &mut h2::SendStream<Bytes>, bytes: usize) -> bool {
    body.reserve_capacity(bytes);
    while body.capacity() < bytes {
        if std::future::poll_fn(|cx| body.poll_capacity(cx)).await.is_none_or(|more| more.is_err())
        {
            return false;
        }
    }
    true
}

/// A client that sends what it is told to.
pub(crate) async fn raw_client(
    server: &Server,
) -> (h2::client::SendRequest<Bytes>, tokio::task::JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    (client.ready().await.unwrap(), connection)
}

pub(crate) fn post() -> http::request::Builder {
    http::Request::builder()
        .method("POST")
        .uri("http://hub/synckit.v1.SyncService/Sync")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

async fn read(stream: &mut TcpStream) -> RawFrame {
    let mut header = [0; 9];
    stream.read_exact(&mut header).await.unwrap();
    let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).await.unwrap();
    let frame = RawFrame { kind: header[3], flags: header[4], payload };
    assert_ne!(frame.kind, GOAWAY, "{frame:?}");
    frame
}

fn name(setting: u16) -> &'static str {
    match setting {
        1 => "header_table_size",
        2 => "enable_push",
        3 => "max_concurrent_streams",
        4 => "initial_window_size",
        5 => "max_frame_size",
        6 => "max_header_list_size",
        8 => "enable_connect_protocol",
        _ => "unknown",
    }
}
