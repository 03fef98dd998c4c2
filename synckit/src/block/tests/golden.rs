//! The format is frozen: these bytes are read, and written, in every version.
//!
//! `SYNCKIT_BLESS=1` writes the golden files where there are none.

use std::path::PathBuf;
use std::sync::Once;

use super::*;
use crate::id::hex;

#[test]
fn version_2_is_written_as_it_was_frozen() {
    let block = fixed_block();
    assert_eq!(block.bytes(), &golden("block-v2.bin"), "the packed bytes changed");
}

#[test]
fn version_2_is_read_as_it_was_frozen() {
    let block = Block::parse(golden("block-v2.bin").into()).unwrap();
    assert_eq!(dump(&block), String::from_utf8(golden("block-v2.txt")).unwrap());
    assert_eq!(envelopes(&block), envelopes(&fixed_block()));
}

/// Two authors, a commit of two events, a repeated and a fresh context, metadata, extensions, an
/// empty payload.
fn fixed_block() -> Block {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    ann.head = commit(ann.head.author, 40);
    let cleo = replica(0xc3);
    let seen = context([(bob.head.author, 3), (cleo, 300)]);
    let mut metadata = Metadata::new();
    metadata.insert("actor", "ann@example.org").unwrap();
    metadata.insert("trace", "4bf92f35").unwrap();
    let renamed = Envelope {
        context: seen.clone(),
        metadata: metadata.clone(),
        ..note(ann.head.author, 41, b"\x0a\x04milk")
    };
    let tagged = Envelope {
        event: EventRef { version: 1, ..event("note.tags_inserted") },
        context: seen,
        metadata,
        extensions: Bytes::from_static(b"\x08\x01"),
        ..note(ann.head.author, 42, b"\x0a\x06urgent")
    };
    let of_ann = ann.commit(vec![renamed, tagged]);
    let mut created = note(bob.head.author, 1, b"");
    created.aggregate.key = Key::new(&[0xfe; 16]).unwrap();
    created.context = Context::of([Seen { on: of_ann.id, seq: 41 }]);
    seal(&[&of_ann, &bob.commit(vec![created])])
}

/// A block as text: what a reader in another language must find in the bytes.
fn dump(block: &Block) -> String {
    let mut lines = vec![format!("space {}", block.space())];
    for run in block.runs() {
        let (replica, first, count) = (run.replica, run.first_seq, run.count);
        lines.push(format!("run {replica} from {first}, {count} events"));
        lines.push(format!("  chain before {}", hex(run.chain_before.as_bytes())));
        lines.push(format!("  nonce {:x}, signature {}", run.nonce, hex(&run.signature)));
    }
    for entry in block.entries() {
        let Envelope { event, extensions, payload, .. } = entry.envelope();
        lines.push(format!("event {}", entry.dot()));
        lines.push(format!("  aggregate {}", entry.aggregate()));
        lines.push(format!(
            "  name {} version {} min_reader {}",
            event.name, event.version, event.min_reader
        ));
        lines.push(format!("  hlc {} last {}", entry.hlc(), entry.last()));
        lines.extend(entry.context_rows().iter().map(|(anchor, seq)| {
            let on = block.anchors()[*anchor];
            format!("  saw {seq} on {} with chain {}", on.dot(), hex(on.chain.as_bytes()))
        }));
        lines.extend(entry.metadata().iter().map(|(key, value)| format!("  {key} = {value}")));
        lines.push(format!("  extensions [{}] payload [{}]", hex(&extensions), hex(&payload)));
    }
    for CommitId { author, seq, chain } in block.ends() {
        lines.push(format!("chain of {author:.8} after {seq}: {}", hex(chain.as_bytes())));
    }
    lines.join("\n") + "\n"
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

fn golden(name: &str) -> Vec<u8> {
    static BLESSED: Once = Once::new();
    BLESSED.call_once(bless);
    std::fs::read(path(name)).expect("run the tests once with SYNCKIT_BLESS=1")
}

fn bless() {
    if std::env::var_os("SYNCKIT_BLESS").is_some() && !path("block-v2.bin").exists() {
        let block = fixed_block();
        std::fs::create_dir_all(path("")).unwrap();
        std::fs::write(path("block-v2.bin"), block.bytes()).unwrap();
        std::fs::write(path("block-v2.txt"), dump(&block)).unwrap();
    }
}
