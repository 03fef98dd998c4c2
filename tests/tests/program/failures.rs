//! Each way not to start is one line and an exit code.

use super::support::Place;

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
