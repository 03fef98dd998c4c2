//! Blocks, as peers send them and files hold them.

use bytes::Bytes;

use super::notebook::blocks;
use crate::block::{
    BLOCK_CHECKSUM_LEN, BLOCK_EVENTS_MAX, BLOCK_MAGIC, Block, CODEC_PLAIN, MEMORY_PER_BYTE_MAX,
    checksum,
};
use crate::branch::Branches;
use crate::chain::CommitId;
use crate::filter::{Filter, FilterPart};
use crate::log::{
    Admission, Answers, Append, Cursor, Decision, LogBlock, Merges, Question, Source, View, bury,
    merged, repack,
};
use crate::ruling::Rulings;
use crate::testing::Author;

const HEADER_LEN: usize = BLOCK_MAGIC.len() + 1 + BLOCK_CHECKSUM_LEN;

/// Takes bytes for a block, and for what follows a block's checksum: a checksum keeps out accidents, and
/// a peer makes one for anything. A block takes memory within its bound, is packed again as the same
/// commits, and a log that admits it can be filtered and merged.
///
/// # Panics
/// When that is not so.
pub fn block(bytes: &[u8]) {
    let given = Bytes::copy_from_slice(bytes);
    if let Err(error) = Block::parse_first(&given) {
        super::show(&error);
    }
    match Block::parse(given) {
        Ok(block) => examine(&block),
        Err(error) => super::show(&error),
    }
    let sealed = sealed(bytes);
    match Block::parse(sealed.clone()) {
        Ok(block) => {
            let more = Bytes::from([&sealed[..], b"more"].concat());
            assert_eq!(Block::parse_first(&more), Ok(block.clone()), "what follows has a say");
            examine(&block);
        }
        Err(error) => super::show(&error),
    }
}

/// The same with the checksum that fits.
fn sealed(body: &[u8]) -> Bytes {
    [&BLOCK_MAGIC[..], &[CODEC_PLAIN], &checksum(body), body].concat().into()
}

fn examine(block: &Block) {
    let memory = block.bytes().len() * MEMORY_PER_BYTE_MAX;
    assert!(block.memory() <= memory, "{} bytes of memory, more than {memory}", block.memory());
    assert!((1..=BLOCK_EVENTS_MAX).contains(&block.len()), "{} events", block.len());
    assert_eq!(block.commits().last().map(|commit| commit.entries.end), Some(block.len()));
    let authored = block.check_authors();
    if authored.is_ok() {
        assert_eq!(block.check_authors_of_part(), Ok(()));
    }
    let all = vec![true; block.commits().len()];
    // What an author has packed tighter than any packer does may not fit.
    if let Ok(packed) = repack(block, &all) {
        let packed = packed.expect("a block of all commits");
        let again = Block::parse(packed.bytes().clone());
        assert_eq!(again.as_ref(), Ok(&packed), "what was packed is a block");
        assert_eq!(commits(&packed), commits(block), "commits have other names");
        let envelopes = |block: &Block| block.entries().map(|entry| entry.envelope()).collect();
        let [before, after]: [Vec<_>; 2] = [block, &packed].map(envelopes);
        assert_eq!(before, after, "envelopes are not verbatim");
        assert_eq!(packed.check_authors().is_ok(), authored.is_ok());
    }
    let buried = bury(block, &block.commits().iter().map(|commit| commit.id).collect());
    assert_eq!(commits(&buried), commits(block), "tombstones have other names");
    assert_eq!(buried.check_authors().is_ok(), authored.is_ok());
    if let Some((logs, branches)) = admitted(block) {
        examine_log(&logs, &branches);
    }
}

/// The block in an empty log, if that takes it.
fn admitted(block: &Block) -> Option<(Vec<LogBlock>, Branches)> {
    let (mut branches, append) =
        (Branches::new(), [Append { block: block.clone(), source: Source::Peer }]);
    let admission = Admission {
        space: block.space(),
        branches: &Branches::new(),
        end: Cursor::START,
        own: Author::new(9).id(),
        append: &append,
        cap: None,
        hidden: None,
        awaits: None,
    };
    let mut answers = Answers::default();
    let admitted = loop {
        match admission.decide(&answers) {
            Ok(Decision::Admit(admitted)) => break admitted,
            Ok(Decision::Ask(questions)) => {
                for question in questions {
                    match question {
                        Question::Holds(commit) => answers.holds(commit, None),
                        Question::Refuses(commit) => answers.refuses(commit, true),
                        Question::Next(..) | Question::Names(..) => {
                            panic!("asks for a place in an empty log")
                        }
                    }
                }
            }
            Err(refusal) => {
                super::show(&refusal);
                return None;
            }
        }
    };
    for log in &admitted.blocks {
        log.extend(&mut branches).expect("few branches");
    }
    for (no, branch) in &admitted.branches {
        assert_eq!(branches.get(*no), Some(branch), "a log tells its branches");
    }
    Some((admitted.blocks, branches))
}

fn examine_log(logs: &[LogBlock], branches: &Branches) {
    let count = |block: &Bytes| Block::parse(block.clone()).expect("a merged block").len();
    let merged: usize = merged(logs, false, &Merges::new()).iter().map(count).sum();
    let held: usize = logs.iter().map(|log| log.block.len()).sum();
    assert_eq!(merged, held, "merging keeps events");
    let mut rulings = Rulings::new();
    for log in logs {
        log.rule(&mut rulings, branches);
        let kind = log.block.aggregates()[0].kind.clone();
        let filter = Filter::new().part(FilterPart::new().kind(kind));
        let view = View { filter: Some(filter.clone()), ..View::default() };
        let parts = view.of(log);
        let sent: Vec<_> = parts.iter().flat_map(|part| commits(&part.block)).collect();
        let named = log.block.commits().iter().filter(|commit| {
            let entries = commit.entries.clone().filter_map(|index| log.block.entry(index));
            entries.into_iter().any(|entry| filter.shows(&entry))
        });
        let named: Vec<_> = named.map(|commit| commit.id).collect();
        // A block that is packed too tight to be cut is sent whole.
        assert!(sent == named || sent == commits(&log.block), "the filter shows something else");
    }
}

fn commits(block: &Block) -> Vec<CommitId> {
    block.commits().iter().map(|commit| commit.id).collect()
}

/// Bodies of blocks, and one whole block.
pub(super) fn samples() -> Vec<Vec<u8>> {
    let blocks = blocks();
    let bodies = blocks.iter().map(|block| block.bytes()[HEADER_LEN..].to_vec());
    bodies.chain([blocks[1].bytes().to_vec()]).collect()
}
