//! A hub that replicas sync with.

use std::io::{Read, Write};
use std::net::TcpStream;

use synckit::hub::Tokens;
use synckit::transport::GrpcTransport;

use super::support::{Place, replica, sell};

#[tokio::test]
async fn one_command_serves_a_store_and_the_next_one_serves_it_again() {
    let place = Place::new();
    let (ann, bob) = (replica().await, replica().await);
    sell(&ann, "bread").await;
    let hub = place.serve(&[]);
    ann.sync_once(&hub.url).await.unwrap();
    assert_eq!(hub.end().await, Some(0));
    let hub = place.serve(&[]);
    assert!(bob.sync_once(&hub.url).await.unwrap().pulled > 0);
    assert_eq!(hub.end().await, Some(0));
}

#[tokio::test]
async fn it_tells_probes_that_it_is_there() {
    let place = Place::new();
    let hub = place.serve(&[]);
    for path in ["/healthz", "/readyz"] {
        let mut stream = TcpStream::connect(hub.url.strip_prefix("http://").unwrap()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: hub\r\n\r\n").unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).unwrap();
        assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
    }
    assert_eq!(hub.end().await, Some(0));
}

#[tokio::test]
async fn a_replica_syncs_over_tls_with_a_token_and_nothing_secret_is_logged() {
    let place = Place::new();
    let roots = place.certify();
    let token = Tokens::generate().unwrap();
    place.write("tokens", &format!("{} read-write default - ann\n", token.hash));
    let tls = ["--tls-certificate", "hub.pem", "--tls-key", "hub.key", "--tokens", "tokens"];
    let hub = place.serve(&[&tls[..], &["--log-level", "trace", "--log-format", "json"]].concat());
    assert!(hub.url.starts_with("https://"), "{}", hub.url);
    let way = || GrpcTransport::new(&hub.url).unwrap().roots(roots.clone());
    let ann = replica().await;
    sell(&ann, "a secret payload").await;
    let error = ann.sync_once(way()).await.unwrap_err();
    assert_eq!(error.code(), "session.unauthenticated");
    ann.sync_once(way().credentials(&token.secret).unwrap()).await.unwrap();

    let log = hub.log();
    let key = std::fs::read_to_string(place.path().join("hub.key")).unwrap();
    let secret = token.secret.token().unwrap();
    for word in [secret, "a secret payload", key.lines().nth(1).unwrap()] {
        assert!(!log.contains(word), "{word:?} is in {log}");
    }
    for line in log.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
    assert!(log.contains("\"level\":\"DEBUG\""), "{log}");
    assert_eq!(hub.end().await, Some(0));
}
