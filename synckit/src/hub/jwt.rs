//! JSON Web Tokens: credentials that an identity provider signs (RFC 7519), checked with its keys.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use ring::{hmac, signature};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::authorizer::{Access, AccessRequest, Authorizer, Rights};
use super::tokens::{opens, part_of};
use crate::clock::UnixMillis;
use crate::platform::WallClock;
use crate::sync::Denial;
use crate::transport::Credentials;

/// Most keys of a set.
pub const JWT_KEYS_MAX: usize = 64;
/// Longest token.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Shortest secret of HS256, in bytes (RFC 7518, section 3.2).
const SECRET_BYTES_MIN: usize = 32;

/// The keys of whoever signs tokens: a JSON Web Key Set (RFC 7517) with keys for HS256 (`oct`) and for
/// EdDSA with Ed25519 (`OKP`, RFC 8037). Keys of other kinds, and those that are not for signatures, are
/// passed over: providers add some.
#[derive(Clone)]
pub struct JwtKeys(Vec<JwtKey>);

#[derive(Clone)]
struct JwtKey {
    id: Option<String>,
    verifier: Verifier,
}

/// A key knows its only algorithm: a token cannot choose another one for it.
#[derive(Clone)]
enum Verifier {
    Hs256(hmac::Key),
    EdDsa(Vec<u8>),
}

/// Something wrong with a [`JwtKeys`]. Does not repeat it: it may hold a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwtKeysError {
    /// Two keys have one id.
    #[error("two keys have the same `kid`")]
    Twice,
    /// A key is not what it says.
    #[error(
        "a key is malformed: an `oct` key is for HS256 and has at least {SECRET_BYTES_MIN} bytes in `k`, an \
         `OKP` key with `crv` Ed25519 has 32 in `x`, both in base64url without padding"
    )]
    Malformed,
    /// There is no key that can be used.
    #[error("there is no key for HS256 or EdDSA in the set; write: {{\"keys\": [ … ]}}")]
    None,
    /// There are too many.
    #[error("a set holds at most {JWT_KEYS_MAX} keys")]
    TooMany,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<WebKey>,
}

#[derive(Deserialize)]
struct WebKey {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    #[serde(rename = "use")]
    used_for: Option<String>,
    k: Option<String>,
    x: Option<String>,
}

impl JwtKeys {
    /// Reads a set.
    ///
    /// # Errors
    /// When a key is malformed, and when there is none to use.
    pub fn from_jwks(text: &str) -> Result<Self, JwtKeysError> {
        let set: KeySet = serde_json::from_str(text).map_err(|_| JwtKeysError::None)?;
        if set.keys.len() > JWT_KEYS_MAX {
            return Err(JwtKeysError::TooMany);
        }
        let keys: Result<Vec<_>, _> = set.keys.iter().filter_map(JwtKey::read).collect();
        let keys = keys?;
        let mut ids = BTreeSet::new();
        if !keys.iter().filter_map(|key| key.id.as_ref()).all(|id| ids.insert(id)) {
            return Err(JwtKeysError::Twice);
        }
        if keys.is_empty() { Err(JwtKeysError::None) } else { Ok(Self(keys)) }
    }

    /// The only key that a token can mean: the one with its id, or, where it names none, the only one of
    /// its algorithm.
    fn find(&self, head: &JoseHeader) -> Option<&JwtKey> {
        let of_algorithm = self.0.iter().filter(|key| key.verifier.algorithm() == head.alg);
        let mut meant = of_algorithm.filter(|key| head.kid.is_none() || key.id == head.kid);
        let first = meant.next()?;
        meant.next().is_none().then_some(first)
    }
}

impl JwtKey {
    /// `None` for a key that is passed over.
    fn read(key: &WebKey) -> Option<Result<Self, JwtKeysError>> {
        let is = |field: &Option<String>, word| field.as_deref().is_none_or(|found| found == word);
        if !is(&key.used_for, "sig") {
            return None;
        }
        let verifier = match key.kty.as_str() {
            "oct" if is(&key.alg, "HS256") => {
                let secret = key.k.as_deref().and_then(decoded);
                let secret = secret.filter(|secret| secret.len() >= SECRET_BYTES_MIN);
                secret.map(|secret| Verifier::Hs256(hmac::Key::new(hmac::HMAC_SHA256, &secret)))
            }
            "OKP" if is(&key.alg, "EdDSA") && key.crv.as_deref() == Some("Ed25519") => {
                let public = key.x.as_deref().and_then(decoded);
                public.filter(|public| public.len() == 32).map(Verifier::EdDsa)
            }
            _ => return None,
        };
        let made = verifier.map(|verifier| Self { id: key.kid.clone(), verifier });
        Some(made.ok_or(JwtKeysError::Malformed))
    }
}

impl Verifier {
    const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Hs256(_) => Algorithm::Hs256,
            Self::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hs256(key) => hmac::verify(key, signed, signature).is_ok(),
            Self::EdDsa(public) => {
                let public = signature::UnparsedPublicKey::new(&signature::ED25519, public);
                public.verify(signed, signature).is_ok()
            }
        }
    }
}

impl fmt::Debug for JwtKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKeys").field("known", &self.0.len()).finish_non_exhaustive()
    }
}

/// The algorithms. A token with another one, `none` among them, is not understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
enum Algorithm {
    #[serde(rename = "EdDSA")]
    EdDsa,
    #[serde(rename = "HS256")]
    Hs256,
}

#[derive(Deserialize)]
struct JoseHeader {
    alg: Algorithm,
    kid: Option<String>,
    /// Names extensions that have to be understood: none is.
    crit: Option<Json>,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Audience,
    exp: u64,
    nbf: Option<u64>,
    synckit: Grant,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// The claim `synckit`.
#[derive(Deserialize)]
struct Grant {
    rights: String,
    spaces: Vec<String>,
    #[serde(default)]
    only: Vec<String>,
}

/// Lets in whoever shows a JSON Web Token that one of some keys has signed, for an audience:
///
/// ```json
/// { "sub": "tablet 7", "aud": "synckit", "exp": 1798761600,
///   "synckit": { "rights": "read-write", "spaces": ["team-7", "public-*"] } }
/// ```
///
/// `sub` names whoever has it, for logs and [quotas](super::Quotas); it may be absent. Rights and spaces are
/// those of a [`TokenList`](super::TokenList), and so are the parts of spaces in `"only": ["note/7/*"]`. The end,
/// `exp` in whole seconds, must be there: the session ends with it. `nbf` is checked where it is there, and `iss` where an issuer is set. HS256 and EdDSA
/// (Ed25519) are understood. The keys can be replaced while the hub runs.
#[derive(Clone)]
pub struct JwtTokens {
    keys: Arc<RwLock<JwtKeys>>,
    audience: String,
    issuer: Option<String>,
    clock: WallClock,
}

impl JwtTokens {
    /// Tokens that name an audience, signed with one of these keys.
    pub fn new(keys: JwtKeys, audience: impl Into<String>) -> Self {
        let (keys, audience) = (Arc::new(RwLock::new(keys)), audience.into());
        Self { keys, audience, issuer: None, clock: WallClock::default() }
    }

    /// Takes only tokens of an issuer, its `iss`.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets the clock by which tokens begin and end; the system's by default.
    #[must_use]
    pub fn wall_clock(mut self, clock: WallClock) -> Self {
        self.clock = clock;
        self
    }

    /// Replaces the keys. Sessions whose token none of them has signed end when the hub asks the next
    /// time; [`Hub::recheck`](super::Hub::recheck) has it ask now.
    pub fn replace(&self, keys: JwtKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The claims of a token, if it counts now.
    fn claims(&self, token: &str) -> Option<Claims> {
        let now = self.clock.now();
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let claims: Claims = json(verified(&keys, token)?)?;
        let in_time = at(claims.exp) > now && claims.nbf.is_none_or(|nbf| at(nbf) <= now);
        let is_for_this = match &claims.aud {
            Audience::One(audience) => *audience == self.audience,
            Audience::Several(audiences) => audiences.contains(&self.audience),
        };
        let is_of_issuer = self.issuer.is_none() || claims.iss == self.issuer;
        (in_time && is_for_this && is_of_issuer).then_some(claims)
    }
}

impl fmt::Debug for JwtTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("JwtTokens")
            .field("keys", &*keys)
            .field("audience", &self.audience)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Authorizer for JwtTokens {
    async fn authorize(&self, request: &AccessRequest) -> Result<Access, Denial> {
        let token = request.peer.credentials.as_ref().and_then(Credentials::token);
        let claims = token.and_then(|token| self.claims(token)).ok_or(Denial::Unauthenticated)?;
        let Grant { rights, spaces, only } = &claims.synckit;
        let rights = Rights::named(rights).ok_or(Denial::Forbidden)?;
        if !spaces.iter().any(|pattern| opens(pattern, &request.space)) {
            return Err(Denial::Forbidden);
        }
        let only = part_of(only).map_err(|_| Denial::Forbidden)?;
        let who = claims.sub.unwrap_or_default();
        Ok(Access { only, ..Access::new(who, rights).until(at(claims.exp)) })
    }
}

/// The payload of a token that one of the keys has signed.
fn verified(keys: &JwtKeys, token: &str) -> Option<Vec<u8>> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let (head, payload) = signed.split_once('.')?;
    let head: JoseHeader = json(decoded(head)?)?;
    let key = keys.find(&head).filter(|_| head.crit.is_none())?;
    key.verifier.verifies(signed.as_bytes(), &decoded(signature)?).then(|| decoded(payload))?
}

fn json<T: DeserializeOwned>(bytes: Vec<u8>) -> Option<T> {
    serde_json::from_slice(&bytes).ok()
}

fn at(seconds: u64) -> UnixMillis {
    UnixMillis::new(seconds.saturating_mul(1_000))
}

/// Bytes out of base64url without padding (RFC 4648, section 5), of which there is one form.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut held) = (0u32, 0u32);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        (bits, held) = ((bits << 6) | u32::from(value), held + 6);
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    (held < 6 && bits == 0).then_some(out)
}

#[cfg(test)]
mod tests;
