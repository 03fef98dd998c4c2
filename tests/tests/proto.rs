//! Events and frames in other languages: the protobuf text of a registry, the reference of the
//! protocol, and what others read with them.

#[path = "proto/domain.rs"]
mod domain;
#[path = "proto/frames.rs"]
mod frames;
#[path = "proto/python.rs"]
mod python;
#[path = "proto/text.rs"]
mod text;
#[path = "proto/vectors.rs"]
mod vectors;

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The text of `proto()`, compiled.
fn compiled(text: &str) -> (prost_reflect::DescriptorPool, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("events.proto"), text).unwrap();
    let mut compiler = protox::Compiler::new([folder.path()]).unwrap();
    compiler.open_file("events.proto").unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    (compiler.descriptor_pool(), compiler.encode_file_descriptor_set())
}

/// Compares with a checked-in file, or writes it.
fn assert_golden(name: &str, found: &str) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    if env::var_os("SYNCKIT_BLESS").is_some() {
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == found,
        "{} differs; if the change is meant, run with SYNCKIT_BLESS=1:\n{found}",
        path.display()
    );
}
