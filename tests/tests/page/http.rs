//! Requests as a browser makes them.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An answer is there within this time, or the test fails.
const WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

/// Gets a path, with a token where one is given.
pub(crate) async fn get(to: SocketAddr, path: &str, token: Option<&str>) -> Answered {
    let shown = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let head = format!("GET {path} HTTP/1.1\r\nHost: {to}\r\n{}", shown.unwrap_or_default());
    send(to, &format!("{head}Connection: close\r\n\r\n")).await
}

/// Sends bytes, and reads the answer to its end.
pub(crate) async fn send(to: SocketAddr, request: &str) -> Answered {
    let mut stream = TcpStream::connect(to).await.unwrap();
    // A server that has seen enough may not read all of it.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut text = Vec::new();
    let _ = timeout(WITHIN, stream.read_to_end(&mut text)).await.unwrap();
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).map_or(0, |status| status.parse().unwrap());
    Answered { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// A stream of events, as `EventSource` reads it.
pub(crate) struct Feed(BufReader<TcpStream>);

/// One of its events.
#[derive(PartialEq, Debug)]
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

impl Feed {
    pub(crate) async fn open(to: SocketAddr, path: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(to).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {to}\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut feed = Self(BufReader::new(stream));
        let status = feed.line().await.unwrap();
        assert!(status.contains(" 200 "), "{status}");
        while !feed.line().await.unwrap().is_empty() {}
        feed
    }

    /// The next event; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        let mut told = Told { name: String::new(), id: String::new(), data: Value::Null };
        loop {
            let line = self.line().await?;
            // The last chunk has no bytes.
            if line == "0" {
                return None;
            }
            if let Some((field, value)) = line.split_once(": ") {
                match field {
                    "event" => told.name = value.to_owned(),
                    "id" => told.id = value.to_owned(),
                    "data" => {
                        told.data = serde_json::from_str(value).unwrap();
                        return Some(told);
                    }
                    _ => {}
                }
            }
        }
    }

    /// The next event of the log.
    pub(crate) async fn event(&mut self) -> Told {
        loop {
            let told = self.next().await.unwrap();
            if told.name.is_empty() {
                return told;
            }
        }
    }

    /// The next line, the lengths of chunks among them.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = timeout(WITHIN, self.0.read_line(&mut line)).await.unwrap();
        match read {
            Ok(read) if read > 0 => Some(line.trim_end().to_owned()),
            _ => None,
        }
    }
}
