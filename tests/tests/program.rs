//! The program `synckit`, built and run as a process.

#[path = "program/configuration.rs"]
mod configuration;
#[path = "program/failures.rs"]
mod failures;
#[path = "program/helping.rs"]
mod helping;
#[path = "program/jwt.rs"]
mod jwt;
#[path = "program/keeping.rs"]
mod keeping;
#[path = "program/looking.rs"]
mod looking;
#[path = "program/metrics.rs"]
mod metrics;
#[path = "program/page.rs"]
mod page;
#[path = "program/policy.rs"]
mod policy;
#[path = "program/quotas.rs"]
mod quotas;
#[path = "program/retiring.rs"]
mod retiring;
#[path = "program/serving.rs"]
mod serving;
#[path = "program/signals.rs"]
mod signals;
#[path = "program/support.rs"]
mod support;
#[path = "program/tracing.rs"]
mod tracing;
