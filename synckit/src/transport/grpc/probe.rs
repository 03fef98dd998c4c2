//! Answers to probes by HTTP: `/healthz`, `/readyz` and `/metrics`.
//!
//! Whoever probes by HTTP/1.1 gets one answer, and the connection is closed. Nothing but the first
//! line of the request and the credentials count, and no more is read than [`REQUEST_BYTES_MAX`].

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::accept::farewell;
use crate::transport::Credentials;

/// Largest head of a request that is read.
const REQUEST_BYTES_MAX: usize = 4 * 1024;

/// A connection with whoever probes.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// An answer: a status, and a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) text: Cow<'static, str>,
}

impl Reply {
    pub(super) const fn plain(status: u16, text: &'static str) -> Self {
        Self { status, content_type: "text/plain", text: Cow::Borrowed(text) }
    }
}

/// A request, as far as it counts.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "service"), allow(dead_code, reason = "only operations reply"))]
pub(crate) struct Asked<'a> {
    pub(super) path: &'a str,
    /// The address of whoever asks, if it is known.
    pub(super) from: Option<SocketAddr>,
    pub(super) credentials: Option<Credentials>,
}

/// The answer to a path, of what everybody may know; `None` where nothing is to be found.
#[cfg_attr(not(feature = "service"), allow(dead_code, reason = "only operations reply"))]
pub(super) fn reply(path: &str, is_ready: bool) -> Option<Reply> {
    match path {
        "/healthz" => Some(Reply::plain(200, "ok\n")),
        "/readyz" if is_ready => Some(Reply::plain(200, "ok\n")),
        "/readyz" => Some(Reply::plain(503, "ending\n")),
        _ => None,
    }
}

/// Tells that `GET` or `HEAD` may begin here. HTTP/2 begins with `PRI`.
pub(super) const fn begins(byte: u8) -> bool {
    matches!(byte, b'G' | b'H')
}

/// Answers a request, and closes the connection.
pub(super) async fn answer(
    mut stream: impl Stream,
    from: Option<SocketAddr>,
    replies: impl FnOnce(&Asked<'_>) -> Option<Reply>,
) -> io::Result<()> {
    let mut head = Vec::new();
    let mut part = [0; 512];
    while !is_whole(&head) {
        let read = stream.read(&mut part).await?;
        if read == 0 || head.len() + read > REQUEST_BYTES_MAX {
            return farewell(stream, words("GET", None).as_bytes()).await;
        }
        head.extend(&part[..read]);
    }
    let head = std::str::from_utf8(&head).unwrap_or_default();
    let (line, headers) = head.split_once("\r\n").unwrap_or_default();
    let mut parts = line.split(' ');
    let (method, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let asked = Asked { path, from, credentials: credentials(headers) };
    let found = if ["GET", "HEAD"].contains(&method) { replies(&asked) } else { None };
    farewell(stream, words(method, found).as_bytes()).await
}

/// The credentials among the lines of a head. Several are none.
fn credentials(headers: &str) -> Option<Credentials> {
    let named = |line: &'_ str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("authorization").then(|| Credentials::new(value.trim()))
    };
    let mut shown = headers.lines().filter_map(named);
    let first = shown.next()?;
    shown.next().is_none().then_some(first)
}

fn is_whole(head: &[u8]) -> bool {
    head.windows(4).any(|end| end == b"\r\n\r\n")
}

fn words(method: &str, found: Option<Reply>) -> String {
    let nothing = Reply::plain(404, "a synckit hub: it speaks gRPC\n");
    let Reply { status, content_type, text } = found.unwrap_or(nothing);
    let reason = match status {
        200 => "OK",
        403 => "Forbidden",
        404 => "Not Found",
        _ => "Service Unavailable",
    };
    let (length, body) = (text.len(), if method == "HEAD" { "" } else { &text });
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn said(request: &[u8], is_ready: bool) -> String {
        let (mut ours, theirs) = tokio::io::duplex(16 * 1024);
        ours.write_all(request).await.unwrap();
        ours.shutdown().await.unwrap();
        answer(theirs, None, |asked| reply(asked.path, is_ready)).await.unwrap();
        let mut text = String::new();
        ours.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn a_probe_gets_one_answer() {
        let health = said(b"GET /healthz HTTP/1.1\r\nHost: hub\r\n\r\n", false).await;
        assert!(health.starts_with("HTTP/1.1 200 OK\r\n"), "{health}");
        assert!(health.ends_with("Connection: close\r\n\r\nok\n"), "{health}");
        let ready = |is_ready| said(b"HEAD /readyz HTTP/1.0\r\n\r\n", is_ready);
        let told = ready(true).await;
        assert!(told.starts_with("HTTP/1.1 200") && told.ends_with("\r\n\r\n"), "{told}");
        assert!(ready(false).await.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    }

    #[tokio::test]
    async fn other_requests_are_told_what_is_here() {
        let long = [b"GET /healthz HTTP/1.1\r\n".as_slice(), &b"a".repeat(5_000)].concat();
        let half = b"GET /healthz HTTP/1.1\r\n";
        for request in [b"GET / HTTP/1.1\r\n\r\n", &long[..], half, b"GET\xff\r\n\r\n"] {
            let told = said(request, true).await;
            assert!(told.starts_with("HTTP/1.1 404") && told.contains("gRPC"), "{told}");
        }
    }

    #[test]
    fn credentials_are_found_among_headers_unless_there_are_two() {
        let found = |headers| credentials(headers).map(|found| found.reveal().to_owned());
        let one = "Host: hub\r\nAUTHORIZATION:  Bearer abc \r\nAccept: */*\r\n\r\n";
        assert_eq!(found(one).as_deref(), Some("Bearer abc"));
        assert_eq!(found("Authorization: a\r\nauthorization: b\r\n\r\n"), None);
        assert_eq!(found("Host: authorization\r\n\r\n"), None);
    }
}
