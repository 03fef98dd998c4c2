//! Traces: one that begins with an edit on a device goes on at its hub and on other devices.
//!
//! An edit that is made within a trace carries that as metadata
//! ([`TraceParent`]). Whoever receives such events commits them within spans that name it. synckit
//! knows no exporter: a [`TraceContext`] connects it to the one that a program has. See
//! [the page](crate::docs::metrics) for the few lines that do so for OpenTelemetry.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::{Level, Span};

use crate::block::Block;
use crate::envelope::TraceParent;
use crate::id::SpaceId;

/// Most traces of one commit that get a span each; of more, the first ones in their order.
pub const COMMIT_TRACES_MAX: usize = 16;

/// The traces of a program, as its exporter has them. Both methods are called where edits are made and
/// events are committed: they must not block.
pub trait TraceContext: fmt::Debug + Send + Sync + 'static {
    /// The span that the caller is in, if that is of a trace: asked on the task that makes an edit, when
    /// it begins. Edits whose metadata names a trace keep that.
    fn current(&self) -> Option<TraceParent> {
        None
    }

    /// Has a span go on with a trace: called with each span `synckit.commit` before anybody enters it,
    /// since exporters take a span's parent no later.
    fn continues(&self, span: &Span, parent: &TraceParent) {
        let _ = (span, parent);
    }
}

/// The trace context of a program, if it gives one. What panics in there tells nothing.
#[derive(Clone, Default, Debug)]
pub(crate) struct Traces(Option<Arc<dyn TraceContext>>);

impl Traces {
    pub(crate) fn of(context: impl TraceContext) -> Self {
        Self(Some(Arc::new(context)))
    }

    /// The trace that the caller is in.
    pub(crate) fn current(&self) -> Option<TraceParent> {
        let context = self.0.as_ref()?;
        let current = catch_unwind(AssertUnwindSafe(|| context.current()));
        current.unwrap_or_else(|_| {
            tracing::error!("a trace context panicked");
            None
        })
    }

    /// A span for each trace that events belong to which a peer has sent, to be kept until they are
    /// committed.
    pub(crate) fn commit(&self, space: &SpaceId, peer: &str, blocks: &[Block]) -> Vec<Span> {
        if blocks.is_empty() || !tracing::span_enabled!(Level::INFO) {
            return Vec::new();
        }
        let traced: BTreeSet<_> = blocks.iter().flat_map(Block::trace_parents).collect();
        traced.iter().take(COMMIT_TRACES_MAX).map(|parent| self.span(space, peer, parent)).collect()
    }

    fn span(&self, space: &SpaceId, peer: &str, parent: &TraceParent) -> Span {
        // A trace of its own: not below the one that the session may be in.
        let span = tracing::info_span!(
            parent: None,
            "synckit.commit",
            traceparent = %parent,
            %space,
            peer,
        );
        if let Some(context) = &self.0 {
            let continuing = || context.continues(&span, parent);
            if catch_unwind(AssertUnwindSafe(continuing)).is_err() {
                tracing::error!("a trace context panicked");
            }
        }
        span
    }
}
