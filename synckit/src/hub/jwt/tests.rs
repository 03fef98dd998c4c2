use ed25519_dalek::{Signer as _, SigningKey};

use super::*;
use crate::id::{ReplicaId, SpaceId};
use crate::transport::PeerInfo;

const NOW: u64 = 1_000_000;
/// The seed of a key for EdDSA.
const SEED: [u8; 32] = [7; 32];
const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

fn encoded(bytes: &[u8]) -> String {
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

fn public() -> Vec<u8> {
    SigningKey::from_bytes(&SEED).verifying_key().to_bytes().to_vec()
}

/// One key of each kind, and one that is passed over.
fn keys() -> JwtKeys {
    let text = format!(
        r#"{{"keys": [{{"kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB"}},
        {{"kty": "oct", "kid": "h", "alg": "HS256", "k": "{}"}},
        {{"kty": "OKP", "kid": "e", "crv": "Ed25519", "use": "sig", "x": "{}"}}]}}"#,
        encoded(SECRET),
        encoded(&public())
    );
    JwtKeys::from_jwks(&text).unwrap()
}

fn hs256(secret: &[u8], head: &str, claims: &str) -> String {
    let signed = format!("{}.{}", encoded(head.as_bytes()), encoded(claims.as_bytes()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", encoded(tag.as_ref()))
}

fn eddsa(head: &str, claims: &str) -> String {
    let signed = format!("{}.{}", encoded(head.as_bytes()), encoded(claims.as_bytes()));
    let signature = SigningKey::from_bytes(&SEED).sign(signed.as_bytes());
    format!("{signed}.{}", encoded(&signature.to_bytes()))
}

/// Claims that count, with others behind them.
fn claims(more: &str) -> String {
    let grant = r#""synckit": {"rights": "read", "spaces": ["team-*"]}"#;
    format!(r#"{{"sub": "tablet 7", "aud": "hub", "exp": {}, {grant}{more}}}"#, NOW + 60)
}

async fn ask(tokens: &JwtTokens, token: &str, space: &str) -> Result<Access, Denial> {
    let peer = PeerInfo::unknown().with_credentials(Credentials::bearer(token));
    let (replica, space) = (ReplicaId::from_bytes([1; 32]), SpaceId::new(space).unwrap());
    tokens.authorize(&AccessRequest { peer, replica, space, filter: None }).await
}

fn tokens() -> JwtTokens {
    let clock = WallClock::new(|| UnixMillis::new(NOW * 1_000));
    JwtTokens::new(keys(), "hub").wall_clock(clock)
}

#[tokio::test]
async fn a_token_of_each_algorithm_gives_what_it_says_until_it_ends() {
    let audiences = claims("").replace("\"hub\"", "[\"other\", \"hub\"]");
    for token in [
        hs256(SECRET, r#"{"alg": "HS256", "kid": "h"}"#, &claims("")),
        hs256(SECRET, r#"{"alg": "HS256", "typ": "JWT"}"#, &claims(&format!(r#", "nbf": {NOW}"#))),
        eddsa(r#"{"alg": "EdDSA", "kid": "e"}"#, &audiences),
    ] {
        let access = ask(&tokens(), &token, "team-7").await.unwrap();
        assert_eq!(access, Access::new("tablet 7", Rights::Read).until(at(NOW + 60)));
        assert_eq!(ask(&tokens(), &token, "office").await, Err(Denial::Forbidden));
    }
}

#[tokio::test]
async fn a_token_that_does_not_count_lets_nobody_in() {
    let head = r#"{"alg": "HS256"}"#;
    let whole = hs256(SECRET, head, &claims(""));
    let unsigned = whole.rsplit_once('.').unwrap().0;
    let public_as_secret = hs256(&public(), r#"{"alg": "HS256", "kid": "e"}"#, &claims(""));
    let ended = claims("").replace(&(NOW + 60).to_string(), &NOW.to_string());
    let signed = |claims: &str| hs256(SECRET, head, claims);
    for (case, token) in [
        ("nothing", String::new()),
        ("too few parts", "a.b".to_owned()),
        ("no signature", format!("{unsigned}.")),
        ("none", format!("{}.{}.", encoded(br#"{"alg": "none"}"#), encoded(claims("").as_bytes()))),
        ("a public key as a secret", public_as_secret),
        ("the key of another algorithm", hs256(SECRET, r#"{"alg": "EdDSA"}"#, &claims(""))),
        ("an unknown key", hs256(SECRET, r#"{"alg": "HS256", "kid": "x"}"#, &claims(""))),
        ("another secret", hs256(b"another secret of thirty-two bytes", head, &claims(""))),
        ("an extension", hs256(SECRET, r#"{"alg": "HS256", "crit": ["b64"]}"#, &claims(""))),
        ("padding", format!("{whole}=")),
        ("too long", signed(&claims(&format!(r#", "x": "{}""#, "a".repeat(9_000))))),
        ("ended", signed(&ended)),
        ("not yet", signed(&claims(&format!(r#", "nbf": {}"#, NOW + 1)))),
        ("no end", signed(&claims("").replace("\"exp\"", "\"ex\""))),
        ("two ends", signed(&claims(r#", "exp": 9000000"#))),
        ("another audience", signed(&claims("").replace("\"hub\"", "\"other\""))),
        ("no grant", signed(&claims("").replace("\"synckit\"", "\"sync\""))),
    ] {
        assert_eq!(ask(&tokens(), &token, "team-7").await, Err(Denial::Unauthenticated), "{case}");
    }
    let odd = signed(&claims("").replace("\"read\"", "\"all\""));
    assert_eq!(ask(&tokens(), &odd, "team-7").await, Err(Denial::Forbidden));
}

#[tokio::test]
async fn an_issuer_is_asked_for_and_keys_are_replaced() {
    let ours = eddsa(r#"{"alg": "EdDSA"}"#, &claims(r#", "iss": "us""#));
    let tokens = tokens().issuer("us");
    assert!(ask(&tokens, &ours, "team-7").await.is_ok());
    let nobodys = eddsa(r#"{"alg": "EdDSA"}"#, &claims(""));
    assert_eq!(ask(&tokens, &nobodys, "team-7").await, Err(Denial::Unauthenticated));
    let text = format!(r#"{{"keys": [{{"kty": "oct", "k": "{}"}}]}}"#, encoded(SECRET));
    tokens.clone().replace(JwtKeys::from_jwks(&text).unwrap());
    assert_eq!(ask(&tokens, &ours, "team-7").await, Err(Denial::Unauthenticated));
    let shown = format!("{tokens:?}");
    assert!(!shown.contains(&encoded(SECRET)) && shown.contains("JwtKeys"), "{shown}");
}

#[test]
fn a_set_of_keys_is_refused_with_what_is_wrong() {
    let key = |more: &str| format!(r#"{{"keys": [{more}]}}"#);
    let oct = |id: &str| format!(r#"{{"kty": "oct", "kid": "{id}", "k": "{}"}}"#, encoded(SECRET));
    for (text, expected) in [
        ("nonsense".to_owned(), JwtKeysError::None),
        (key(""), JwtKeysError::None),
        (key(r#"{"kty": "RSA", "n": "AQAB", "e": "AQAB"}"#), JwtKeysError::None),
        (key(r#"{"kty": "oct", "k": "c2hvcnQ"}"#), JwtKeysError::Malformed),
        (key(r#"{"kty": "OKP", "crv": "Ed25519", "x": "c2hvcnQ"}"#), JwtKeysError::Malformed),
        (key(&format!("{}, {}", oct("a"), oct("a"))), JwtKeysError::Twice),
        (key(&vec![oct("a"); 65].join(",")), JwtKeysError::TooMany),
    ] {
        assert_eq!(JwtKeys::from_jwks(&text).unwrap_err(), expected, "{text}");
    }
}

/// RFC 7515, appendix A.1, and RFC 8037, appendix A.4.
#[test]
fn the_examples_of_the_standards_are_verified() {
    let joe =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let keys = format!(
        r#"{{"keys": [{{"kty": "oct", "k": "{joe}"}},
        {{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}]}}"#
    );
    let keys = JwtKeys::from_jwks(&keys).unwrap();
    let hs256 = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0d\
                 HA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    assert!(verified(&keys, hs256).unwrap().starts_with(b"{\"iss\":\"joe\""));
    let eddsa = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3A\
                 IbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(verified(&keys, eddsa).unwrap(), b"Example of Ed25519 signing");
    let mut flipped = hs256.replace("joe", "jim");
    flipped.insert(60, 'A');
    assert!(verified(&keys, &flipped).is_none());
}

#[test]
fn base64url_has_one_form() {
    for bytes in [&b""[..], b"f", b"fo", b"foo", b"foob", b"\xff\xfe\xfd\xfc"] {
        assert_eq!(decoded(&encoded(bytes)).as_deref(), Some(bytes));
    }
    for odd in ["A", "AB", "Zm9vY", "Zg==", "Z/8", "Z+8", "Zm 9", "ü"] {
        assert_eq!(decoded(odd), None, "{odd}");
    }
}

#[tokio::test]
async fn a_token_may_be_for_a_part_of_its_spaces() {
    let of = |only: &str| {
        let claims = claims("").replace("[\"team-*\"]", &format!("[\"team-*\"], \"only\": {only}"));
        hs256(SECRET, r#"{"alg": "HS256"}"#, &claims)
    };
    let access = ask(&tokens(), &of("[\"note/7/*\"]"), "team-1").await.unwrap();
    assert_eq!(access.only.unwrap().to_string(), "note/7/*");
    assert_eq!(ask(&tokens(), &of("[]"), "team-1").await.unwrap().only, None);
    assert_eq!(ask(&tokens(), &of("[\"note\"]"), "team-1").await.unwrap_err(), Denial::Forbidden);
}
