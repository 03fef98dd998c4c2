//! The committed code is what the protocol's reference generates.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn the_generated_code_is_current() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../synckit");
    let committed = crate_dir.join("src/transport/grpc/generated.rs");
    let expected = generate(&crate_dir.join("proto"));
    if std::env::var_os("SYNCKIT_BLESS").is_some() {
        fs::write(&committed, expected).unwrap();
        return;
    }
    assert!(
        fs::read_to_string(&committed).unwrap_or_default() == expected,
        "{} is not what synckit/proto generates; run this test with SYNCKIT_BLESS=1",
        committed.display()
    );
}

fn generate(proto: &Path) -> String {
    let out = tempfile::tempdir().unwrap();
    let files = protox::compile([proto.join("synckit/v1/sync.proto")], [proto]).unwrap();
    tonic_prost_build::configure()
        .build_transport(false)
        .bytes(".")
        .codec_path("crate::transport::grpc::codec::FrameCodec")
        .out_dir(out.path())
        .compile_fds(files)
        .unwrap();
    let generated: PathBuf = out.path().join("synckit.v1.rs");
    fs::read_to_string(generated).unwrap()
}
