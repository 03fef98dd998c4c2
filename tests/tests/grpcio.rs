//! A client in another language: Python's grpcio, with code generated from `sync.proto` alone.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

use synckit::hub::{RunningHub, TokenList, Tokens};
use synckit::transport::GrpcTransport;
use synckit::transport::tls::{CertifiedKey, ClientCertificates, ServerTls, TrustRoots};
use synckit::{Hub, Id, Replica, registry, sync_aggregate};

#[sync_aggregate(name = "till")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Till {
    #[merge(lww)]
    title: String,
}

/// The packages that the client needs.
const PACKAGES: &str =
    "import blake3, cryptography, grpc, grpc_reflection.v1alpha, grpc_tools.protoc";

/// A Python that has them; `None`, and a word about it, if there is none and the environment does not
/// insist on it.
fn python() -> Option<Command> {
    let python = env::var_os("SYNCKIT_PYTHON").unwrap_or_else(|| "python3".into());
    let asked = Command::new(&python).args(["-c", PACKAGES]).output();
    let lacking = match asked {
        Ok(output) if output.status.success() => return Some(Command::new(python)),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    let why = format!(
        "{} cannot `{PACKAGES}`: {lacking}\ninstall the packages grpcio, grpcio-tools, grpcio-reflection, \
         cryptography and blake3, or say in SYNCKIT_PYTHON which Python has them",
        python.display()
    );
    let required = env::var_os("SYNCKIT_REQUIRE_SERVICES").is_some_and(|required| required == "1");
    assert!(!required, "SYNCKIT_REQUIRE_SERVICES=1, but {why}");
    // Past the test harness, which keeps what tests print to itself.
    let told = format!("\nSKIPPED: no client in another language has synced; {why}\n\n");
    io::stderr().write_all(told.as_bytes()).unwrap();
    None
}

async fn hub(tls: &ServerTls, list: &TokenList) -> RunningHub {
    let tokens = Tokens::new(list.clone()).unwrap();
    let hub = Hub::builder().tls(tls.clone()).authorizer(tokens).operations().in_memory().unwrap();
    hub.serve("127.0.0.1:0").await.unwrap()
}

async fn replica() -> Replica {
    Replica::builder().registry(registry![Till]).in_memory().await.unwrap()
}

/// The next line, read where nobody else waits for it.
async fn line(mut said: BufReader<ChildStdout>) -> (BufReader<ChildStdout>, String) {
    let reading = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        (said, line.trim_end().to_owned())
    });
    reading.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_in_python_syncs_over_tls_with_a_token_and_stays_live() {
    let Some(mut python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, made.cert.pem()).unwrap();
    let key = made.signing_key.serialize_pem();
    let key = CertifiedKey::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let tls = ServerTls::new(&key, ClientCertificates::Ignored).unwrap();
    let token = Tokens::generate().unwrap();
    let list: TokenList = format!("{} read-write * - python\n", token.hash).parse().unwrap();
    let (first, second) = (hub(&tls, &list).await, hub(&tls, &list).await);
    let trusted = TrustRoots::from_pem(made.cert.pem().as_bytes()).unwrap();
    let way = |hub: &RunningHub| {
        let way = GrpcTransport::new(hub.url()).unwrap().roots(trusted.clone());
        way.credentials(&token.secret).unwrap()
    };
    let (ann, bob) = (replica().await, replica().await);
    let till: Id<Till> = ann.create(&Till { title: "bread".to_owned() }).await.unwrap();
    ann.sync_once(way(&first)).await.unwrap();

    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let address = |hub: &RunningHub| format!("localhost:{}", hub.address().port());
    python
        .arg(tests.join("tests/grpcio/client.py"))
        .arg(tests.join("../synckit/proto"))
        .args([folder.path(), &roots])
        .args([token.secret.token().unwrap(), &address(&first), &address(&second)]);
    let mut client = python.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(client.stdout.take().unwrap());
    for step in ["described", "turned away", "pulled", "pushed"] {
        let (rest, line) = line(said).await;
        assert_eq!(line, step);
        said = rest;
    }
    bob.sync_once(way(&second)).await.unwrap();
    assert_eq!(bob.get(&till).await.unwrap().unwrap().title, "bread");

    // Live: what Ann writes now reaches Bob through the client.
    ann.edit(&till, |till| till.title.set("rolls")).await.unwrap();
    ann.sync_once(way(&first)).await.unwrap();
    for step in ["received live", "done"] {
        let (rest, line) = line(said).await;
        assert_eq!(line, step);
        said = rest;
    }
    assert!(client.wait().unwrap().success());
    bob.sync_once(way(&second)).await.unwrap();
    assert_eq!(bob.get(&till).await.unwrap().unwrap().title, "rolls");
    first.shut_down().await.unwrap();
    second.shut_down().await.unwrap();
}
