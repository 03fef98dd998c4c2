//! The client tells who answers at a hub's address.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use synckit::transport::{Answer, GrpcTransport, IntoTransport, Transport, TransportErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::{listen, nobody, soon, transport};

async fn kind_of_failure(address: SocketAddr) -> TransportErrorKind {
    let error = soon("an error", transport(address).connect()).await.unwrap_err();
    let said = format!("{error}");
    assert!(said.starts_with(&format!("connect to http://{address}: ")), "{said}");
    error.kind().clone()
}

/// Somebody who does `answer` with every connection.
async fn somebody<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    address
}

#[tokio::test]
async fn nobody_is_unreachable() {
    assert_eq!(kind_of_failure(nobody().await).await, TransportErrorKind::Unreachable);
    let unknown = GrpcTransport::plain_text("http://no-such-host.invalid:7700").unwrap();
    let error = soon("an error", unknown.connect()).await.unwrap_err();
    assert_eq!(error.kind(), &TransportErrorKind::Unreachable);
}

#[tokio::test]
async fn one_who_never_answers_is_unreachable() {
    // The system takes connections for a listener that nobody asks for them.
    let (_listener, address) = listen().await;
    let transport = transport(address).connect_within(Duration::from_millis(200));
    let error = soon("an error", transport.connect()).await.unwrap_err();
    assert_eq!(error.kind(), &TransportErrorKind::Unreachable);
}

#[tokio::test]
async fn one_who_hangs_up_is_lost() {
    let address = somebody(|stream| async move { drop(stream) }).await;
    for _ in 0..20 {
        assert_eq!(kind_of_failure(address).await, TransportErrorKind::Lost);
    }
}

#[tokio::test]
async fn servers_of_other_protocols_are_not_hubs() {
    let portal = b"HTTP/1.1 302 Found\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n";
    for (banner, answer) in [
        (&portal[..], Answer::http(302, Some(b"text/html"))),
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", Answer::http(400, None)),
        (b"SSH-2.0-OpenSSH_9.9\r\n", Answer::other(b"SSH-2.0-OpenSSH_9.9\r\n")),
        (b"220 mail.example ESMTP\r\n", Answer::other(b"220 mail.example ESMTP\r\n")),
        (b"\x16\x03\x01\x00\x02\x02\x46", Answer::other(b"\x16\x03\x01\x00\x02\x02\x46")),
        (b"no", Answer::other(b"no")),
        (b"\0", Answer::other(b"\0")),
    ] {
        let said = move |mut stream: TcpStream| async move {
            stream.write_all(banner).await.unwrap();
            stream.shutdown().await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        };
        let address = somebody(said).await;
        for _ in 0..10 {
            let answer = answer.clone();
            assert_eq!(kind_of_failure(address).await, TransportErrorKind::NotAHub { answer });
        }
    }
}

#[tokio::test]
async fn a_web_server_that_waits_for_a_whole_request_is_not_a_hub() {
    let said = |mut stream: TcpStream| async move {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        let page = b"HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(page).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    };
    let answer = Answer::http(505, None);
    let kind = kind_of_failure(somebody(said).await).await;
    assert_eq!(kind, TransportErrorKind::NotAHub { answer });
}

/// Names and values.
type Headers = &'static [(&'static str, &'static str)];

#[tokio::test]
async fn what_an_http2_server_without_the_service_answers_is_told_and_may_change() {
    let cases: [(u16, Headers, &str); 6] = [
        (404, &[], "HTTP status 404"),
        (403, &[], "HTTP status 403"),
        (500, &[("content-type", "text/plain")], "HTTP status 500 and content of type text/plain"),
        (200, &[("content-type", "text/html")], "HTTP status 200 and content of type text/html"),
        (200, &[("content-type", "application/grpc"), ("grpc-status", "12")], "gRPC status 12"),
        (200, &[], "HTTP status 200"),
    ];
    for (code, headers, told) in cases {
        let address = http2_server(code, headers).await;
        let error = soon("an error", transport(address).connect()).await.unwrap_err();
        assert_eq!(error.code(), "transport.not_a_hub", "{code} {headers:?}");
        let expected = format!(
            "connect to http://{address}: not a synckit hub but something else answers there, with {told}; check the \
             address, or try again once whatever stands before the hub lets through"
        );
        assert_eq!(error.to_string(), expected);
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn a_hub_or_proxy_that_is_busy_is_busy() {
    let grpc = ("content-type", "application/grpc");
    let exhausted: &'static [_] = &[("content-type", "application/grpc"), ("grpc-status", "8")];
    let unavailable: &'static [_] = &[("content-type", "application/grpc"), ("grpc-status", "14")];
    assert_eq!(exhausted[0], grpc);
    for (code, headers) in [(200, exhausted), (200, unavailable), (503, &[][..])] {
        let address = http2_server(code, headers).await;
        assert_eq!(kind_of_failure(address).await, TransportErrorKind::Busy, "{code} {headers:?}");
    }
}

#[tokio::test]
async fn what_is_no_frame_is_malformed_and_ends_the_stream() {
    let framed = |payload: &[u8]| {
        let mut bytes = vec![0];
        bytes.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        bytes.extend(payload);
        bytes
    };
    let mut declared = vec![0];
    declared.extend(u32::MAX.to_be_bytes());
    for (bytes, expected) in [
        (framed(b""), TransportErrorKind::Malformed),
        (framed(b"\xff\xff\xff"), TransportErrorKind::Malformed),
        (framed(&[0x0a, 0x02, 0x08, 0x01]), TransportErrorKind::Malformed),
        (b"\x02\0\0\0\0".to_vec(), TransportErrorKind::Malformed),
        (declared, TransportErrorKind::Malformed),
        (framed(&vec![0x1a; 1_100_000]), TransportErrorKind::Malformed),
    ] {
        let address = http2_server_that_says(bytes.into()).await;
        let mut connection = transport(address).connect().await.unwrap();
        let error = soon("an error", connection.receiver.receive()).await.unwrap_err();
        assert_eq!(error.kind(), &expected);
        assert!(error.is_retryable(), "whoever is there may be repaired or replaced");
        assert_eq!(connection.receiver.receive().await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_lost() {
    let mut server = super::server::Server::start().await;
    let target = server.address;
    let (break_it, broken) = tokio::sync::watch::channel(false);
    let relay = somebody(move |mut near| {
        let mut broken = broken.clone();
        async move {
            let mut far = TcpStream::connect(target).await.unwrap();
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                _ = broken.wait_for(|broken| *broken) => {}
            }
        }
    })
    .await;
    let mut ours = transport(relay).connect().await.unwrap();
    let mut theirs = server.accepted.next().await;
    break_it.send_replace(true);
    for end in [&mut ours, &mut theirs] {
        let received = soon("the end", end.receiver.receive()).await;
        assert!(
            received.as_ref().is_err_and(|error| *error.kind() == TransportErrorKind::Lost),
            "{received:?}"
        );
        let send = async {
            while end.sender.send(super::server::ack(1)).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        soon("a failing sender", send).await;
    }
}

#[test]
fn an_address_is_a_peer() {
    let address = "https://hub.example:7700";
    assert_eq!(address.into_transport().unwrap().address(), address);
    assert_eq!(address.to_owned().into_transport().unwrap().address(), address);
    assert_eq!((&address.to_owned()).into_transport().unwrap().address(), address);
    let error = "hub.example:7700".into_transport().unwrap_err();
    assert_eq!(
        error.to_string(),
        "read the address \"hub.example:7700\": the address is not valid; expected \
         https://host:port, or http://127.0.0.1:port on this machine"
    );
    assert!(!error.is_retryable());
}

async fn http2_server(code: u16, headers: Headers) -> SocketAddr {
    somebody(move |stream| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_request, mut respond))) = connection.accept().await {
            let mut response = http::Response::builder().status(code);
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            respond.send_response(response.body(()).unwrap(), true).unwrap();
        }
    })
    .await
}

async fn http2_server_that_says(bytes: Bytes) -> SocketAddr {
    somebody(move |stream| {
        let bytes = bytes.clone();
        async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let mut open = Vec::new();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let response = http::Response::builder().header("content-type", "application/grpc");
                let mut body = respond.send_response(response.body(()).unwrap(), false).unwrap();
                body.send_data(bytes.clone(), false).unwrap();
                open.push((request, body));
            }
        }
    })
    .await
}
