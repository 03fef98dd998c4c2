//! A server that stops.

use std::time::Duration;

use synckit::testing::transport::queue;
use synckit::transport::grpc::{self, ServerLimits};
use synckit::transport::{Transport, TransportErrorKind};
use tokio::sync::oneshot;

use super::server::{ack, listen, soon, transport};

#[tokio::test]
async fn sessions_may_end_in_peace_and_nobody_is_let_in() {
    let (listener, address) = listen().await;
    let (acceptor, mut accepted) = queue();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    let server = tokio::spawn(grpc::serve(
        listener,
        grpc::service(acceptor),
        ServerLimits::default(),
        None,
        shutdown,
    ));
    let mut ours = transport(address).connect().await.unwrap();
    let mut theirs = accepted.next().await;

    stop.send(()).unwrap();
    let refused = soon("refusal", async {
        loop {
            match transport(address).connect().await {
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => return error,
            }
        }
    });
    assert_eq!(refused.await.kind(), &TransportErrorKind::Unreachable);
    ours.sender.send(ack(1)).await.unwrap();
    assert_eq!(theirs.receiver.receive().await.unwrap(), Some(ack(1)));
    theirs.sender.send(ack(2)).await.unwrap();
    theirs.sender.finish().await.unwrap();
    assert_eq!(ours.receiver.receive().await.unwrap(), Some(ack(2)));
    assert_eq!(ours.receiver.receive().await.unwrap(), None);
    drop((ours, theirs));
    soon("the server's end", server).await.unwrap().unwrap();
}

#[tokio::test]
async fn sessions_that_do_not_end_are_cut_off() {
    let (listener, address) = listen().await;
    let (acceptor, mut accepted) = queue();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    let limits = ServerLimits::with(|limits| limits.drain_within = Duration::from_millis(100));
    let server =
        tokio::spawn(grpc::serve(listener, grpc::service(acceptor), limits, None, shutdown));
    let mut ours = transport(address).connect().await.unwrap();
    let _theirs = accepted.next().await;

    stop.send(()).unwrap();
    soon("the server's end", server).await.unwrap().unwrap();
    let error = soon("the end of the session", ours.receiver.receive()).await.unwrap_err();
    assert_eq!(error.kind(), &TransportErrorKind::Lost);
}

#[tokio::test]
async fn a_connection_ends_at_its_age() {
    let limits =
        ServerLimits::with(|limits| limits.connection_age_max = Duration::from_millis(500));
    let mut server = super::server::Server::with(limits).await;
    let (mut ours, _theirs) = server.connect().await.unwrap();
    let error = soon("the end of the session", ours.receiver.receive()).await.unwrap_err();
    assert_eq!(error.kind(), &TransportErrorKind::Lost);
    server.assert_serves().await;
}
