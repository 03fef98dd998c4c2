//! Traces to a collector, by OTLP over gRPC, in a program that is built with the feature `otel`.

use synckit::traces::TraceContext;

#[cfg(feature = "otel")]
use exporting::Provider;
#[cfg(not(feature = "otel"))]
use std::convert::Infallible as Provider;

/// Exports spans in the background: nothing waits for the collector. Where that is away, spans are
/// dropped, and the log says so.
pub(crate) struct Exporter(Provider);

/// Has spans go on with the traces of events.
#[derive(Debug)]
pub(crate) struct Continuing;

#[cfg(feature = "otel")]
mod exporting {
    use std::time::Duration;

    use opentelemetry::trace::{
        SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
    };
    use opentelemetry::{Context, KeyValue};
    use opentelemetry_otlp::{SpanExporter, WithExportConfig};
    use opentelemetry_sdk::Resource;
    pub(super) use opentelemetry_sdk::trace::SdkTracerProvider as Provider;
    use synckit::envelope::TraceParent;
    use tracing::Span;
    use tracing::level_filters::LevelFilter;
    use tracing_opentelemetry::OpenTelemetrySpanExt;
    use tracing_subscriber::Layer;
    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::registry::LookupSpan;

    use super::{Continuing, Exporter, TraceContext};
    use crate::exit::Exit;

    /// Longest time that one export takes, and that the last one may take at the end.
    const EXPORT_WITHIN: Duration = Duration::from_secs(5);

    impl Exporter {
        /// Says whether this program exports traces.
        #[allow(clippy::unnecessary_wraps, reason = "the other one cannot")]
        pub(crate) const fn check() -> Result<(), Exit> {
            Ok(())
        }

        /// An exporter to the collector at an address. Called within a runtime.
        pub(crate) fn to(collector: &str) -> Result<Self, Exit> {
            let exporter = SpanExporter::builder()
                .with_tonic()
                .with_endpoint(collector)
                .with_timeout(EXPORT_WITHIN)
                .build();
            let exporter = exporter
                .map_err(|error| Exit::settings(format!("otlp is {collector:?}: {error}")))?;
            let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
            let hub = Resource::builder().with_service_name("synckit-hub").with_attribute(version);
            let provider = Provider::builder().with_batch_exporter(exporter);
            Ok(Self(provider.with_resource(hub.build()).build()))
        }

        /// Takes the spans of synckit.
        pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
        where
            S: tracing::Subscriber + for<'span> LookupSpan<'span>,
        {
            let spans = Targets::new().with_target("synckit", LevelFilter::INFO);
            let tracer = self.0.tracer("synckit");
            tracing_opentelemetry::layer().with_tracer(tracer).with_filter(spans)
        }

        /// Exports what is left.
        pub(crate) async fn end(self) {
            let ending = move || self.0.shutdown_with_timeout(EXPORT_WITHIN);
            if let Ok(Err(error)) = tokio::task::spawn_blocking(ending).await {
                tracing::warn!(%error, "the last spans may not have been exported");
            }
        }
    }

    impl TraceContext for Continuing {
        fn continues(&self, span: &Span, parent: &TraceParent) {
            let sampled = parent.is_sampled();
            let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
            let trace = TraceId::from_bytes(parent.trace_id());
            let id = SpanId::from_bytes(parent.span_id());
            let remote = SpanContext::new(trace, id, flags, true, TraceState::default());
            if span.set_parent(Context::new().with_remote_span_context(remote)).is_err() {
                tracing::debug!("a span is not exported, and goes on with no trace");
            }
        }
    }
}

#[cfg(not(feature = "otel"))]
mod without {
    use tracing_subscriber::layer::Identity;

    use super::{Continuing, Exporter, TraceContext};
    use crate::exit::Exit;

    fn missing() -> Exit {
        Exit::settings(
            "otlp is set, and this program exports no traces; build it with --features otel",
        )
    }

    impl Exporter {
        pub(crate) fn check() -> Result<(), Exit> {
            Err(missing())
        }

        pub(crate) fn to(_: &str) -> Result<Self, Exit> {
            Err(missing())
        }

        pub(crate) const fn layer(&self) -> Identity {
            match self.0 {}
        }

        #[allow(clippy::unused_async, reason = "the other one waits")]
        pub(crate) async fn end(self) {
            match self.0 {}
        }
    }

    impl TraceContext for Continuing {}

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_program_that_cannot_export_says_so() {
            let refused = Exporter::check().unwrap_err();
            assert!(refused.to_string().contains("--features otel"), "{refused}");
        }
    }
}
