//! The straightforward pipeline: a redb row for each event, prost, tonic, one durable commit for
//! each batch.

mod grpc;
mod store;
mod wire;

pub(crate) mod side;
