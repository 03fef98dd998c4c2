//! The one form of this crate's errors: what was attempted, what went wrong, and the cause below.
//!
//! [`Error`](crate::Error), [`StoreError`](crate::store::StoreError) and
//! [`TransportError`](crate::transport::TransportError) are this with different kinds. A kind says
//! whose move it is, whether the same call may succeed later, and has a code that does not change
//! with its text.

use std::error::Error as StdError;
use std::fmt;

/// A cause of any type.
pub(crate) type Cause = Box<dyn StdError + Send + Sync>;

/// The content of an error.
pub(crate) struct Failure<K> {
    pub(crate) attempted: String,
    pub(crate) kind: K,
    pub(crate) source: Option<Cause>,
}

impl<K> Failure<K> {
    pub(crate) fn new(attempted: impl Into<String>, kind: K) -> Box<Self> {
        Box::new(Self { attempted: attempted.into(), kind, source: None })
    }

    /// The same failure, told with another kind.
    pub(crate) fn map<L>(self, kind: impl FnOnce(K) -> L) -> Box<Failure<L>> {
        let Self { attempted, kind: was, source } = self;
        Box::new(Failure { attempted, kind: kind(was), source })
    }

    pub(crate) fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.source.as_deref();
        source.map(|source| -> &(dyn StdError + 'static) { source })
    }
}

impl<K: fmt::Display> Failure<K> {
    /// One line; with `{:#}` the causes follow on it.
    pub(crate) fn display(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line();
        f.write_str(&line)?;
        if f.alternate() {
            for cause in self.causes(line) {
                write!(f, ": {cause}")?;
            }
        }
        Ok(())
    }

    /// The same as people read it when `main` returns the error: each cause on a line of its own.
    pub(crate) fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line();
        f.write_str(&line)?;
        for cause in self.causes(line) {
            write!(f, "\n  caused by: {cause}")?;
        }
        Ok(())
    }

    fn line(&self) -> String {
        format!("{}: {}", self.attempted, self.kind)
    }

    /// The texts of the causes, outermost first. One that the text before it contains says nothing
    /// more and is left out.
    fn causes(&self, line: String) -> Vec<String> {
        let mut texts = vec![line];
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if texts.last().is_some_and(|last| !last.contains(&text)) {
                texts.push(text);
            }
            cause = error.source();
        }
        texts.split_off(1)
    }
}

/// Gives an error type around a boxed [`Failure`] its constructors and traits. The kind has
/// `code()` and `is_retryable()`.
macro_rules! failure {
    ($error:ident, $kind:ty, $vis:vis) => {
        impl $error {
            /// An error of a kind, with what was attempted: "append 14 events to space `team-7`".
            $vis fn new(attempted: impl Into<String>, kind: $kind) -> Self {
                Self($crate::failure::Failure::new(attempted, kind))
            }

            /// The same error with what caused it.
            #[must_use]
            $vis fn caused_by(
                mut self,
                source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
            ) -> Self {
                self.0.source = Some(source.into());
                self
            }

            /// The call that failed, as people say it.
            pub fn attempted(&self) -> &str {
                &self.0.attempted
            }

            /// The kind of failure.
            pub const fn kind(&self) -> &$kind {
                &self.0.kind
            }

            /// The kind's code, such as `store.disk_full`, for logs and metrics. Texts may become
            /// clearer in later versions; [codes](crate::docs::errors) stay.
            pub const fn code(&self) -> &'static str {
                self.0.kind.code()
            }

            /// Tells that the same call may succeed later without a change to this program, to what
            /// it was given, or to its files. False for programming errors.
            pub const fn is_retryable(&self) -> bool {
                self.0.kind.is_retryable()
            }
        }

        /// One line that says what to do; `{:#}` adds the causes.
        impl std::fmt::Display for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.display(f)
            }
        }

        /// The line and its causes, each on a line of its own, as `main` shows the error that it
        /// returns.
        impl std::fmt::Debug for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.debug(f)
            }
        }

        impl std::error::Error for $error {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                self.0.source()
            }
        }
    };
}
pub(crate) use failure;
