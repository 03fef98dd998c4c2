//! Answers to a call: gRPC, or something else that speaks HTTP/2, such as a proxy whose hub is
//! down.

use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response, StatusCode};
use tonic::codegen::{BoxFuture, Service, StdError};
use tonic::transport::Channel;

use crate::transport::Answer;

/// A channel whose answers are gRPC, or errors.
#[derive(Clone, Debug)]
pub(super) struct GrpcOnly(pub(super) Channel);

impl Service<Request<Body>> for GrpcOnly {
    type Response = Response<Body>;
    type Error = StdError;
    type Future = BoxFuture<Response<Body>, StdError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answering = self.0.call(request);
        Box::pin(async move {
            let answer = answering.await?;
            match refusal(answer.status(), answer.headers()) {
                Some(status) => Err(status.into()),
                None => Ok(answer),
            }
        })
    }
}

/// An answer by HTTP that is not gRPC: the source of the status that is made of it.
#[derive(Debug, thiserror::Error)]
#[error("the answer was {0}, not gRPC")]
pub(super) struct NotGrpc(pub(super) Answer);

/// Reads an answer that is not gRPC.
fn refusal(code: StatusCode, headers: &HeaderMap) -> Option<Status> {
    let kind = headers.get("content-type").map_or(&b""[..], |kind| kind.as_bytes());
    if code == StatusCode::OK && kind.starts_with(b"application/grpc") {
        return None;
    }
    let status = code.as_u16();
    let said = NotGrpc(Answer::http(status, (!kind.is_empty()).then_some(kind)));
    Some(match status {
        // Of the proxy before the hub: too many, or the hub does not answer it.
        429 | 502 | 503 | 504 => Status::unavailable(said.to_string()),
        _ => {
            let mut status = Status::unimplemented(said.to_string());
            status.set_source(Arc::new(said));
            status
        }
    })
}
