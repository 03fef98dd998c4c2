//! Tokens: a list of credentials that hubs know, tokens and names on certificates.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use super::authorizer::{Access, AccessRequest, Authorizer, Rights};
use crate::clock::UnixMillis;
use crate::filter::{FILTER_PARTS_MAX, Filter, FilterPart};
use crate::id::{Name, SpaceId};
use crate::platform::{self, WallClock};
use crate::sync::Denial;
use crate::transport::{Credentials, PeerInfo, TlsIdentity};

/// Most tokens of a list.
pub const TOKENS_MAX: usize = 100_000;
/// The beginning of a token's text: people and scanners of secrets know it by that.
const TOKEN_PREFIX: &str = "synckit_";
/// The beginning of the parts of spaces in a line.
const ONLY: &str = "only=";
/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;

/// A list of tokens, and what each allows. Holds no token itself, only its hash. A text with a line
/// for each:
///
/// ```text
/// # hash of the token    rights       spaces             until       who
/// f7b3…(64 digits)       read-write   team-7,public-*    -           tablet 7
/// 09c1…(64 digits)       read         team-7             1798761600  the auditor
/// dns:till-3.example     write        tills              -           till 3
/// 5b0e…(64 digits)       read-write   team-7             -           only=note/7/*,photo/* site 7
/// ```
///
/// A name on a certificate stands in the place of a hash: it lets in whoever proves by TLS to be
/// that, and shows no token ([`TlsIdentity::names`]; one with white space in it cannot be written).
/// It ends with the certificate, if not before.
///
/// Rights are `read`, `write` or `read-write`. A space that ends in `*` stands for all whose names
/// begin so. The end is in seconds since 1970, or `-` where there is none. With `only=` before the name the line
/// opens parts of the spaces: a type, or `*` for every type, and a key prefix each; replicas then have a
/// [filter](crate::replica::ReplicaBuilder::filter) within that ([`Access::only`]). Empty lines, and those
/// that begin with `#`, say nothing.
///
/// ```
/// use synckit::hub::{TokenList, Tokens};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let new = Tokens::generate()?; // `new.secret` is for the tablet
/// let list: TokenList = format!("{} read-write team-* - tablet 7", new.hash).parse()?;
/// let hub = synckit::Hub::builder().authorizer(Tokens::new(list)?).in_memory()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[allow(clippy::exhaustive_structs, reason = "a list is its entries")]
pub struct TokenList(pub Vec<TokenEntry>);

/// A token, or a name on a certificate, in a [`TokenList`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "a line has these parts")]
pub struct TokenEntry {
    /// The thing that the peer shows: the hash of a token, in hexadecimal digits, or a name on its
    /// certificate, such as `dns:till-3.example`.
    pub shown: String,
    /// The rights that it gives.
    pub rights: Rights,
    /// The spaces that it opens. A name that ends in `*` stands for all that begin so.
    pub spaces: Vec<String>,
    /// The only parts of these spaces that it opens, `TYPE/PREFIX*` each; all of them if there are none.
    pub only: Vec<String>,
    /// The end of it.
    pub until: Option<UnixMillis>,
    /// The name of whoever has it, for logs.
    pub who: String,
}

/// Something wrong in a [`TokenList`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenListError {
    /// An entry begins with no hash and no name.
    #[error(
        "the entry of {who:?} begins with neither a token's hash, 64 hexadecimal digits, nor a name \
         on a certificate: `cn:`, `dns:`, `email:` or `uri:`, and the name"
    )]
    Shown {
        /// The name beside it.
        who: String,
    },
    /// A line has not all parts, or one that is not understood. The line is not repeated: it may hold
    /// a secret.
    #[error(
        "line {line} is not understood; write: hash or name, `read`, `write` or `read-write`, spaces with \
         commas between them, seconds since 1970 or `-`, and whose the token is"
    )]
    Line {
        /// Its number, from 1.
        line: usize,
    },
    /// An entry opens a part that is none.
    #[error(
        "the entry of {who:?} opens parts of spaces as {part:?}; write a type or `*`, `/`, a key prefix and `*`, as \
         in `note/7/*`, and at most {FILTER_PARTS_MAX} of them"
    )]
    Part {
        /// The name beside it.
        who: String,
        /// The part, or the first that is too many.
        part: String,
    },
    /// Two entries have the same hash or name.
    #[error("the tokens or names of {one:?} and {other:?} are the same")]
    Twice {
        /// The name beside one.
        one: String,
        /// The name beside the other.
        other: String,
    },
    /// There are too many.
    #[error("a list holds at most {TOKENS_MAX} tokens")]
    TooMany,
}

impl FromStr for TokenList {
    type Err = TokenListError;

    fn from_str(text: &str) -> Result<Self, TokenListError> {
        let lines = text.lines().map(str::trim).enumerate();
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let entry =
            |(index, line)| TokenEntry::read(line).ok_or(TokenListError::Line { line: index + 1 });
        lines.map(entry).collect::<Result<_, _>>().map(Self)
    }
}

/// The text that is read again as the same list.
impl fmt::Display for TokenList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for TokenEntry { shown, rights, spaces, only, until, who } in &self.0 {
            let (rights, spaces) = (rights.name(), spaces.join(","));
            let until = until.map_or_else(|| "-".into(), |end| (end.get() / 1_000).to_string());
            let only = match &only[..] {
                [] => String::new(),
                parts => format!("{ONLY}{} ", parts.join(",")),
            };
            writeln!(f, "{shown} {rights} {spaces} {until} {only}{who}")?;
        }
        Ok(())
    }
}

impl TokenEntry {
    fn read(line: &str) -> Option<Self> {
        let mut rest = line;
        let mut part = || {
            let (part, behind) = rest.split_once(char::is_whitespace)?;
            rest = behind.trim_start();
            Some(part)
        };
        let (shown, rights) = (part()?.to_owned(), Rights::named(part()?)?);
        let spaces = part()?.split(',').map(str::to_owned).collect();
        let until = match part()? {
            "-" => None,
            seconds => Some(UnixMillis::new(seconds.parse::<u64>().ok()?.saturating_mul(1_000))),
        };
        let parts = rest.strip_prefix(ONLY).map(|rest| {
            let (parts, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            (parts, behind.trim_start())
        });
        let (only, who) = match parts {
            Some((parts, who)) => (parts.split(',').map(str::to_owned).collect(), who),
            None => (Vec::new(), rest),
        };
        Some(Self { shown, rights, spaces, only, until, who: who.to_owned() })
    }
}

/// Lets in whoever shows a token of a list. The list can be replaced while the hub runs.
#[derive(Clone)]
pub struct Tokens {
    known: Arc<RwLock<BTreeMap<Shown, KnownToken>>>,
    clock: WallClock,
}

/// An entry, and the part that it opens.
type KnownToken = (TokenEntry, Option<Filter>);

/// A thing that a peer shows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Shown {
    /// A token with this hash.
    Token([u8; 32]),
    /// A certificate with this name.
    Name(String),
}

impl Shown {
    /// The kinds of names.
    const KINDS: [&str; 4] = ["cn", "dns", "email", "uri"];

    fn read(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some((kind, name)) if Self::KINDS.contains(&kind) && !name.is_empty() => {
                Some(Self::Name(text.to_owned()))
            }
            Some(_) => None,
            None => Some(Self::Token(*blake3::Hash::from_hex(text).ok()?.as_bytes())),
        }
    }

    /// Everything that a peer shows. A token is shown on purpose: then its certificate does not
    /// count.
    fn by(peer: &PeerInfo) -> Vec<Self> {
        match peer.credentials.as_ref().and_then(Credentials::token) {
            Some(token) => vec![Self::Token(*hash(token).as_bytes())],
            None => {
                let names = peer.tls.as_ref().map(TlsIdentity::names).unwrap_or_default();
                names.into_iter().map(Self::Name).collect()
            }
        }
    }
}

/// A new token: the secret for the replica, and the hash for the hub's list.
#[non_exhaustive]
pub struct NewToken {
    /// To be shown: hand it to the replica, and keep it nowhere else.
    pub secret: Credentials,
    /// For [`TokenEntry::shown`].
    pub hash: String,
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken").field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl Tokens {
    /// The tokens of a list.
    ///
    /// # Errors
    /// When something is wrong with the list.
    pub fn new(list: TokenList) -> Result<Self, TokenListError> {
        let known = Arc::new(RwLock::new(by_what_is_shown(list)?));
        Ok(Self { known, clock: WallClock::default() })
    }

    /// Sets the clock by which tokens end; the system's by default.
    #[must_use]
    pub fn wall_clock(mut self, clock: WallClock) -> Self {
        self.clock = clock;
        self
    }

    /// Replaces the list. Sessions whose token is gone, or allows something else, end when the hub
    /// asks the next time; [`Hub::recheck`](super::Hub::recheck) has it ask now.
    ///
    /// # Errors
    /// When something is wrong with the list: the one before stays.
    pub fn replace(&self, list: TokenList) -> Result<(), TokenListError> {
        let known = by_what_is_shown(list)?;
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    /// Makes a token of 32 random bytes.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<NewToken, crate::Error> {
        let random = platform::random::<TOKEN_BYTES>();
        let random = random.map_err(|error| crate::Error::randomness("make a token", error))?;
        let secret = format!("{TOKEN_PREFIX}{}", blake3::Hash::from_bytes(random).to_hex());
        let hash = hash(&secret).to_hex().to_string();
        Ok(NewToken { secret: Credentials::bearer(&secret), hash })
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_struct("Tokens").field("known", &known).finish_non_exhaustive()
    }
}

#[async_trait]
impl Authorizer for Tokens {
    async fn authorize(&self, request: &AccessRequest) -> Result<Access, Denial> {
        let now = self.clock.now();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let shown = Shown::by(&request.peer);
        let entries = shown.iter().filter_map(|shown| known.get(shown));
        let entries = entries.filter(|(entry, _)| entry.until.is_none_or(|until| until > now));
        let mut entries = entries.peekable();
        entries.peek().ok_or(Denial::Unauthenticated)?;
        let opens_it =
            |(of, _): &&KnownToken| of.spaces.iter().any(|pattern| opens(pattern, &request.space));
        let (entry, only) = entries.find(opens_it).ok_or(Denial::Forbidden)?;
        let until = match shown.first() {
            // No longer than the certificate that proves the name.
            Some(Shown::Name(_)) => {
                let of_certificate = request.peer.tls.as_ref().and_then(TlsIdentity::until);
                entry.until.into_iter().chain(of_certificate).min()
            }
            _ => entry.until,
        };
        let only = only.clone();
        Ok(Access { until, only, ..Access::new(entry.who.clone(), entry.rights) })
    }
}

/// A token holds 32 random bytes, so a fast hash is as good as a slow one.
fn hash(token: &str) -> blake3::Hash {
    blake3::hash(token.as_bytes())
}

fn by_what_is_shown(list: TokenList) -> Result<BTreeMap<Shown, KnownToken>, TokenListError> {
    if list.0.len() > TOKENS_MAX {
        return Err(TokenListError::TooMany);
    }
    let mut known = BTreeMap::new();
    for entry in list.0 {
        let who = entry.who.clone();
        let shown = Shown::read(&entry.shown);
        let shown = shown.ok_or_else(|| TokenListError::Shown { who: who.clone() })?;
        let part = part_of(&entry.only);
        let part = part.map_err(|part| TokenListError::Part { who: who.clone(), part })?;
        if let Some((other, _)) = known.insert(shown, (entry, part)) {
            return Err(TokenListError::Twice { one: other.who, other: who });
        }
    }
    Ok(known)
}

/// The part of a space that `TYPE/PREFIX*` and others name; all of it when there are none. The first that is not
/// understood, or one too many.
pub(super) fn part_of(texts: &[String]) -> Result<Option<Filter>, String> {
    let mut filter = Filter::new();
    for (index, text) in texts.iter().enumerate() {
        let part = text.split_once('/').and_then(|(kind, keys)| {
            let part = FilterPart::new().keyed(keys.strip_suffix('*')?);
            let part = if kind == "*" { part } else { part.kind(Name::new(kind).ok()?) };
            part.can_be_sent().then_some(part)
        });
        let part = part.filter(|_| index < FILTER_PARTS_MAX).ok_or_else(|| text.clone())?;
        filter = filter.part(part);
    }
    Ok((!filter.is_empty()).then_some(filter))
}

/// True when a pattern stands for a space.
pub(super) fn opens(pattern: &str, space: &SpaceId) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => space.as_str().starts_with(beginning),
        None => space.as_str() == pattern,
    }
}
