//! The token that opens `/metrics`.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::Credentials;

/// Shortest token.
const TOKEN_CHARS_MIN: usize = 16;
/// Longest token.
const TOKEN_CHARS_MAX: usize = 1_024;

/// A token that opens `/metrics`. Holds its hash only. Clones share it.
#[derive(Clone)]
pub struct MetricsToken(Arc<RwLock<blake3::Hash>>);

/// A text that cannot be a [`MetricsToken`]. Does not repeat it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "a token for metrics is one line of {TOKEN_CHARS_MIN} to {TOKEN_CHARS_MAX} visible characters of ASCII"
)]
#[non_exhaustive]
pub struct MetricsTokenError;

impl MetricsToken {
    /// The token of a text; white space around it does not count.
    ///
    /// # Errors
    /// When it is too short, too long, or holds what no header may.
    pub fn new(text: &str) -> Result<Self, MetricsTokenError> {
        let text = text.trim();
        let fits = (TOKEN_CHARS_MIN..=TOKEN_CHARS_MAX).contains(&text.len());
        if !fits || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(MetricsTokenError);
        }
        Ok(Self(Arc::new(RwLock::new(blake3::hash(text.as_bytes())))))
    }

    /// Takes another token in the place of this one, for all clones.
    pub fn replace(&self, other: &Self) {
        let other = other.hash();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = other;
    }

    /// True if credentials show this token. Hashes are compared, in a time that tells nothing.
    pub fn is_shown_by(&self, credentials: &Credentials) -> bool {
        let shown = credentials.token().map(|token| blake3::hash(token.as_bytes()));
        shown.is_some_and(|shown| shown == self.hash())
    }

    fn hash(&self) -> blake3::Hash {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MetricsToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_enough_to_be_one_and_is_not_printed() {
        for odd in
            ["", "short", "fifteen letters", "sixteen letters and spaces", &"a".repeat(1_025)]
        {
            assert!(MetricsToken::new(odd).is_err(), "{odd:?}");
        }
        let token = MetricsToken::new(" 0123456789abcdef\n").unwrap();
        assert!(token.is_shown_by(&Credentials::bearer("0123456789abcdef")));
        assert!(!token.is_shown_by(&Credentials::new("0123456789abcdef")));
        assert_eq!(format!("{token:?}"), "MetricsToken(…)");
        let clone = token.clone();
        token.replace(&MetricsToken::new("another-token-of-it").unwrap());
        assert!(clone.is_shown_by(&Credentials::bearer("another-token-of-it")));
        assert!(!clone.is_shown_by(&Credentials::bearer("0123456789abcdef")));
    }
}
