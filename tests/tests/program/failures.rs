//! Each way not to start is one line and an exit code, and a full disk ends nothing.

use super::support::Place;
#[cfg(target_os = "linux")]
use super::support::{Running, replica, said, sell};

#[test]
fn an_address_that_is_taken() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = place.run(&["hub.redb", "--listen", &address]);
    assert!(said.failed(3).contains(&format!("listen on {address}: ")), "{said:?}");
    assert!(said.err.contains("choose another, or end what uses it"), "{said:?}");
}

#[test]
fn a_store_that_another_hub_has_open() {
    let place = Place::new();
    let _running = place.serve(&[]);
    let said = place.run(&["hub.redb", "--listen", "127.0.0.1:0"]);
    assert!(said.failed(4).contains("another process has it open"), "{said:?}");
}

#[test]
fn a_folder_that_is_none_and_a_file_that_is_no_store() {
    let place = Place::new();
    place.write("file", "text");
    for store in ["missing/hub.redb", "file/hub.redb", "file"] {
        let said = place.run(&[store, "--listen", "127.0.0.1:0"]);
        assert!(said.failed(4).contains(store), "{said:?}");
    }
}

#[test]
fn tokens_that_are_not_understood_and_a_file_that_is_not_there() {
    let place = Place::new();
    place.write("tokens", "# tokens\nsynckit_secret read-write\n");
    let said = place.run(&["hub.redb", "--tokens", "tokens"]);
    assert!(said.failed(2).starts_with("read tokens from tokens: line 2 is not"), "{said:?}");
    assert!(!said.err.contains("synckit_secret"), "a line may hold a secret");
    let said = place.run(&["hub.redb", "--tokens", "missing"]);
    assert!(said.failed(2).starts_with("read tokens from missing: "), "{said:?}");
}

#[test]
fn certificates_that_are_no_good() {
    let place = Place::new();
    let other = Place::new();
    place.certify();
    other.certify();
    let elsewhere = other.path().join("hub.key");
    let key = elsewhere.to_str().unwrap();
    let said = place.run(&["hub.redb", "--tls-certificate", "hub.pem", "--tls-key", key]);
    assert!(said.failed(2).contains("the key does not belong to the certificate"), "{said:?}");
    let said = place.run(&["hub.redb", "--tls-certificate", "missing", "--tls-key", key]);
    assert!(said.failed(2).starts_with("read missing: the file cannot be read"), "{said:?}");
}

#[test]
fn without_tokens_or_a_certificate_it_is_for_this_machine_only() {
    let place = Place::new();
    let said = place.run(&["hub.redb", "--listen", "0.0.0.0:0"]);
    assert!(said.failed(2).contains("--tokens FILE, --allow-all"), "{said:?}");
    let said = place.run(&["hub.redb", "--listen", "0.0.0.0:0", "--allow-all"]);
    assert!(said.failed(2).contains("--tls-certificate FILE"), "{said:?}");
    let running = place.serve(&[]);
    let log = running.log();
    assert!(log.contains("everybody on this machine may sync, and nobody else"), "{log}");
}

/// The program on a disk that takes no file of more than so many KiB: what is written beyond that fails.
#[cfg(target_os = "linux")]
fn on_a_disk_of(kib: u32, program: &std::process::Command) -> std::process::Command {
    let mut command = std::process::Command::new("sh");
    let limited = format!("trap '' XFSZ; ulimit -S -f {}; exec \"$@\"", 2 * kib);
    command.args(["-c", &limited, "sh"]).arg(program.get_program()).args(program.get_args());
    command.current_dir(program.get_current_dir().unwrap());
    for (name, _) in program.get_envs().filter(|(_, value)| value.is_none()) {
        command.env_remove(name);
    }
    command
}

#[test]
#[cfg(target_os = "linux")]
fn no_room_for_the_store() {
    let place = Place::new();
    let hub = place.hub(&["hub.redb", "--listen", "127.0.0.1:0"]);
    let said = said(on_a_disk_of(8, &hub).output().unwrap());
    assert!(said.failed(4).contains("the disk is full; free some space"), "{said:?}");
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_disk_that_fills_up_refuses_what_comes_until_there_is_room_again() {
    let place = Place::new();
    let hub = place.hub(&["hub.redb", "--listen", "127.0.0.1:0"]);
    let hub = Running::start(on_a_disk_of(4_096, &hub), place.path().join("log"));
    let (ann, bob) = (replica().await, replica().await);
    sell(&ann, "bread").await;
    ann.sync_once(&hub.url).await.unwrap();
    for _ in 0..100 {
        sell(&ann, &"butter".repeat(10_000)).await;
    }
    let error = ann.sync_once(&hub.url).await.unwrap_err();
    assert!(error.to_string().ends_with("its store failed; try again later"), "{error}");
    hub.logs("the disk is full; free some space, nothing acknowledged is lost").await;
    // Whatever needs no room goes on.
    assert!(bob.sync_once(&hub.url).await.unwrap().pulled > 0);

    let mut more = std::process::Command::new("prlimit");
    more.arg("--pid").arg(hub.process().to_string()).arg("--fsize=unlimited:");
    assert!(more.status().unwrap().success());
    ann.sync_once(&hub.url).await.unwrap();
    bob.sync_once(&hub.url).await.unwrap();
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
    assert!(!hub.log().contains("butter"));
    assert_eq!(hub.end().await, Some(0));
}
