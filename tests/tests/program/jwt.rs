//! Tokens that an identity provider signs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::hmac;
use synckit::replica::{LinkOptions, LinkState};
use synckit::transport::{Credentials, GrpcTransport};

use super::support::{Place, replica, sell};

fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for part in bytes.chunks(3) {
        let whole = part.iter().fold(0u32, |all, byte| all << 8 | u32::from(*byte));
        let whole = whole << (8 * (3 - part.len()));
        for place in 0..=part.len() {
            out.push(char::from(LETTERS[(whole >> (18 - 6 * place)) as usize & 63]));
        }
    }
    out
}

/// A token for everything until a time, and its signature.
fn token(secret: &[u8], end: u64) -> String {
    let head = base64url(br#"{"alg": "HS256", "typ": "JWT"}"#);
    let grant = r#"{"rights": "read-write", "spaces": ["*"]}"#;
    let claims = format!(
        r#"{{"sub": "ann", "iss": "office", "aud": "tills", "exp": {end}, "synckit": {grant}}}"#
    );
    let signed = format!("{head}.{}", base64url(claims.as_bytes()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", base64url(tag.as_ref()))
}

fn keys(secret: &[u8]) -> String {
    format!(r#"{{"keys": [{{"kty": "oct", "alg": "HS256", "k": "{}"}}]}}"#, base64url(secret))
}

#[tokio::test]
async fn a_signed_token_opens_the_hub_until_it_ends_or_its_key_is_withdrawn() {
    let place = Place::new();
    let [old, new] =
        [b"the old secret of the identity provider", b"the new secret of the identity provider"];
    place.write("keys.json", &keys(old));
    let issuer = ["--jwt-issuer", "office", "--log-level", "trace"];
    let args = [&["--jwt-keys", "keys.json", "--jwt-audience", "tills"][..], &issuer].concat();
    let hub = place.serve(&args);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let way = |token: &str| {
        let way = GrpcTransport::new(&hub.url).unwrap();
        way.credentials(&Credentials::bearer(token)).unwrap()
    };
    let (ann, bob, carol) = (replica().await, replica().await, replica().await);
    sell(&ann, "bread").await;
    for odd in [token(new, now + 600), token(old, now - 1)] {
        let error = ann.sync_once(way(&odd)).await.unwrap_err();
        assert_eq!(error.code(), "session.unauthenticated");
    }
    let hour = token(old, now + 3_600);
    ann.sync_once(way(&hour)).await.unwrap();
    let quickly = LinkOptions::new().backoff(Duration::from_millis(20), Duration::from_millis(100));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut link = bob.connect_with(way(&token(old, now + 5)), quickly.clone()).unwrap();
    let trouble = link.wait_for(|status| status.trouble.is_some()).await.trouble.unwrap();
    assert_eq!(trouble.code, "session.unauthenticated", "it has ended");
    assert_eq!(bob.pending().await.unwrap(), 0);

    let mut link = ann.connect_with(way(&hour), quickly).unwrap();
    link.wait_for(|status| status.state == LinkState::Live).await;
    place.write("keys.json", &keys(new));
    hub.signal("HUP");
    let trouble = link.wait_for(|status| status.trouble.is_some()).await.trouble.unwrap();
    assert_eq!(trouble.code, "session.unauthenticated", "its key is withdrawn");
    carol.sync_once(way(&token(new, now + 3_600))).await.unwrap();
    let log = hub.log();
    for secret in [hour.rsplit_once('.').unwrap().1, &base64url(old), &base64url(new)] {
        assert!(!log.contains(secret), "{log}");
    }
    assert_eq!(hub.end().await, Some(0));

    place.write("keys.json", "{}");
    let said = place.run(&["hub.redb", "--jwt-keys", "keys.json", "--check"]);
    assert!(said.failed(2).starts_with("read keys from keys.json: there is no key"), "{said:?}");
}
