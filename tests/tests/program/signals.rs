//! Signals, and word to the service manager.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use synckit::hub::Tokens;
use synckit::replica::{Link, LinkOptions, LinkState, Reach};
use synckit::transport::GrpcTransport;

use super::support::{Place, Running, replica, sell};

fn quickly() -> LinkOptions {
    LinkOptions::new().backoff(Duration::from_millis(20), Duration::from_millis(100))
}

async fn live(link: &mut Link) {
    link.wait_for(|status| status.state == LinkState::Live).await;
}

#[tokio::test]
async fn told_to_end_while_a_replica_syncs_it_keeps_what_it_acknowledged() {
    for signal in ["TERM", "INT"] {
        let place = Place::new();
        let hub = place.serve(&[]);
        let ann = replica().await;
        let mut link = ann.connect_with(hub.url.as_str(), quickly()).unwrap();
        live(&mut link).await;
        let writing = tokio::spawn({
            let ann = ann.clone();
            async move {
                for number in 0..200 {
                    sell(&ann, &format!("loaf {number}")).await;
                }
            }
        });
        sell(&ann, "bread").await;
        ann.flush(Reach::Hub).await.unwrap();
        hub.signal(signal);
        assert_eq!(hub.ended().await, Some(0), "{signal}");
        writing.await.unwrap();
        let waiting = ann.pending().await.unwrap();
        drop(link);

        // The same store again: what was acknowledged is there, and the rest follows.
        let hub = place.serve(&[]);
        let report = ann.sync_once(&hub.url).await.unwrap();
        assert!(report.pushed <= waiting, "{report:?} {waiting}");
        let bob = replica().await;
        bob.sync_once(&hub.url).await.unwrap();
        assert_eq!(bob.pending().await.unwrap(), 0);
        let of = |replica: &synckit::Replica| {
            let replica = replica.clone();
            async move { replica.status().await.unwrap() }
        };
        let (ann, bob) = (of(&ann).await, of(&bob).await);
        assert_eq!(ann.events, bob.events);
    }
}

#[tokio::test]
async fn told_to_reload_it_takes_tokens_and_certificates_and_ends_no_session_that_may_go_on() {
    let place = Place::new();
    let old = place.certify();
    let [anns, bobs] = [(); 2].map(|()| Tokens::generate().unwrap());
    let line =
        |token: &synckit::hub::NewToken, who| format!("{} read-write * - {who}\n", token.hash);
    place.write("tokens", &line(&anns, "ann"));
    let tls = ["--tls-certificate", "hub.pem", "--tls-key", "hub.key", "--tokens", "tokens"];
    let hub = place.serve(&tls);
    let way = |roots: &synckit::transport::tls::TrustRoots, token: &synckit::hub::NewToken| {
        let way = GrpcTransport::new(&hub.url).unwrap().roots(roots.clone());
        way.credentials(&token.secret).unwrap()
    };
    let (ann, bob) = (replica().await, replica().await);
    let mut link = ann.connect_with(way(&old, &anns), quickly()).unwrap();
    live(&mut link).await;
    assert_eq!(
        bob.sync_once(way(&old, &bobs)).await.unwrap_err().code(),
        "session.unauthenticated"
    );

    // Where one of the files is not good, all stay as they were.
    place.write("tokens", "nonsense\n");
    hub.signal("HUP");
    hub.logs("line 1 is not understood").await;
    place.write("tokens", &(line(&anns, "ann") + &line(&bobs, "bob")));
    let new = place.certify();
    hub.signal("HUP");
    hub.logs("were read again").await;
    let carol = replica().await;
    assert_eq!(carol.sync_once(way(&old, &bobs)).await.unwrap_err().code(), "tls.unknown_issuer");
    bob.sync_once(way(&new, &bobs)).await.unwrap();
    sell(&ann, "bread").await;
    ann.flush(Reach::Hub).await.unwrap();
    assert_eq!((link.status().sessions, link.status().trouble), (1, None));

    // A token that is withdrawn ends its session.
    place.write("tokens", &line(&bobs, "bob"));
    hub.signal("HUP");
    let trouble = link.wait_for(|status| status.trouble.is_some()).await.trouble.unwrap();
    assert_eq!(trouble.code, "session.unauthenticated");
    assert_eq!(hub.end().await, Some(0));
}

#[tokio::test]
async fn the_service_manager_is_told_when_it_serves_and_when_it_ends() {
    let place = Place::new();
    let path = place.path().join("notify");
    let name = format!("synckit-test-{}", std::process::id());
    let unnamed = SocketAddr::from_abstract_name(&name).unwrap();
    for (socket, listens) in [
        (path.to_str().unwrap().to_owned(), UnixDatagram::bind(&path).unwrap()),
        (format!("@{name}"), UnixDatagram::bind_addr(&unnamed).unwrap()),
    ] {
        listens.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let told = || {
            let mut word = [0; 256];
            let length = listens.recv(&mut word).unwrap();
            String::from_utf8(word[..length].to_vec()).unwrap()
        };
        let mut command = place.hub(&["hub.redb", "--listen", "127.0.0.1:0"]);
        command.env("NOTIFY_SOCKET", &socket);
        let hub = Running::start(command, place.path().join("log"));
        assert!(told().contains("READY=1"), "{socket}");
        assert_eq!(hub.end().await, Some(0));
        assert!(told().contains("STOPPING=1"), "{socket}");
    }
}
