//! Blocks that no packer writes, put together by hand: each contradicts itself in one way.

use super::*;
use crate::block::pack::flag;
use crate::wire::Writer;

#[test]
fn the_parts_put_together_by_hand_are_a_block() {
    let block = Raw::default().parse().unwrap();
    let [first, second] = [0, 1].map(|index| block.entry(index).unwrap());
    assert_eq!(first.dot(), Dot { replica: replica(1), seq: 5 });
    let seen = Seen { on: commit(replica(9), 7), seq: 4 };
    assert_eq!(first.envelope().context, Context::of([seen]));
    assert_eq!(second.context_rows(), first.context_rows());
    assert_eq!(second.metadata().get("actor"), Some("ann"));
    assert_eq!(second.payload(), Bytes::from_static(b"p"));
}

#[test]
fn a_block_without_events() {
    let raw = Raw {
        runs: vec![],
        anchors: vec![],
        entries: vec![],
        aggregates: vec![],
        ..Raw::default()
    };
    assert_eq!(raw.parse(), contradiction("it ends inside a commit"));
}

#[test]
fn a_run_without_events() {
    let raw = Raw { runs: vec![(1, 5), (2, 1)], ..Raw::default() };
    assert_eq!(raw.parse(), contradiction("a run without events"));
}

#[test]
fn runs_in_another_order_than_their_events() {
    let mut raw = Raw { runs: vec![(1, 5), (2, 1)], ..Raw::default() };
    raw.entries[0].run = 1;
    let what = "runs are not in the order of their first event";
    assert_eq!(raw.parse(), contradiction(what));
}

#[test]
fn an_author_may_have_two_runs() {
    let mut raw = Raw { runs: vec![(1, 5), (1, 5)], ..Raw::default() };
    raw.entries[1].run = 1;
    assert_eq!(raw.parse().unwrap().runs().len(), 2);
}

#[test]
fn a_number_at_0_or_where_numbers_end() {
    for first_seq in [0, u64::MAX, u64::MAX - 4_095] {
        let raw = Raw { runs: vec![(1, first_seq)], ..Raw::default() };
        let what = "a number lies outside the range of sequence numbers";
        assert_eq!(raw.parse(), contradiction(what), "from {first_seq}");
        let raw = Raw { anchors: vec![(9, first_seq)], ..Raw::default() };
        assert_eq!(raw.parse(), contradiction(what), "an anchor at {first_seq}");
    }
    let highest = Raw { runs: vec![(1, u64::MAX - 4_096)], ..Raw::default() };
    assert!(highest.parse().is_ok());
}

#[test]
fn commits_that_interleave() {
    let mut raw = Raw { runs: vec![(1, 5), (2, 1)], ..Raw::default() };
    raw.entries[0] = RawEntry { flags: 0, ..RawEntry::default() };
    raw.entries[1] = RawEntry { run: 1, ..RawEntry::default() };
    assert_eq!(raw.parse(), contradiction("two commits are interleaved"));
}

#[test]
fn a_commit_without_its_end() {
    let mut raw = Raw::default();
    raw.entries[1].flags &= !flag::LAST;
    assert_eq!(raw.parse(), contradiction("it ends inside a commit"));
}

#[test]
fn a_flag_that_is_not_known() {
    let mut raw = Raw::default();
    raw.entries[0].flags |= flag::ALL + 1;
    assert_eq!(raw.parse(), contradiction("an event has a flag that is not known"));
}

#[test]
fn a_tombstone_in_part_or_with_more_than_its_leaf() {
    let mut raw = Raw::default();
    raw.entries[0] = RawEntry { flags: 0, ..RawEntry::default() };
    raw.entries[1] = RawEntry { flags: flag::LAST | flag::TOMBSTONE, ..RawEntry::default() };
    assert_eq!(raw.parse(), contradiction("a part of a commit is a tombstone"));
    let mut raw = Raw::default();
    raw.entries[1].flags |= flag::TOMBSTONE;
    assert_eq!(raw.parse(), contradiction("a tombstone keeps something else than its leaf"));
}

#[test]
fn an_index_beyond_its_table() {
    let outside = contradiction("an index points outside its table");
    let break_one = |change: fn(&mut RawEntry)| {
        let mut raw = Raw::default();
        change(&mut raw.entries[1]);
        raw.parse()
    };
    assert_eq!(break_one(|entry| entry.run = 1), outside);
    assert_eq!(break_one(|entry| entry.aggregate = 1), outside);
    assert_eq!(break_one(|entry| entry.event = 1), outside);
    assert_eq!(break_one(|entry| entry.metadata = 1), outside);
    let mut raw = Raw::default();
    raw.entries[0].context = vec![(1, 4)];
    assert_eq!(raw.parse(), outside);
    assert_eq!(Raw { aggregates: vec![(2, b"k")], ..Raw::default() }.parse(), outside);
    assert_eq!(Raw { events: vec![(2, 1, 1)], ..Raw::default() }.parse(), outside);
}

#[test]
fn an_aggregate_listed_twice_or_without_events() {
    let mut raw = Raw { aggregates: vec![(0, b"k"), (0, b"k")], ..Raw::default() };
    raw.entries[1].aggregate = 1;
    assert_eq!(raw.parse(), contradiction("an aggregate is listed twice"));
    let raw = Raw { aggregates: vec![(0, b"k"), (0, b"l")], ..Raw::default() };
    assert_eq!(raw.parse(), contradiction("an aggregate without events"));
}

#[test]
fn aggregates_in_another_order_than_their_events() {
    let mut raw = Raw { aggregates: vec![(0, b"k"), (0, b"l")], ..Raw::default() };
    raw.entries[0].aggregate = 1;
    let what = "aggregates are not in the order of their first event";
    assert_eq!(raw.parse(), contradiction(what));
}

#[test]
fn a_context_at_0_beyond_its_anchor_or_out_of_order() {
    let with = |context: &[(u64, u64)]| {
        let mut raw = Raw { anchors: vec![(9, 7), (8, 7)], ..Raw::default() };
        raw.entries[0].context = context.to_vec();
        raw.parse()
    };
    let what = contradiction("a context is out of order or beyond its anchor");
    assert_eq!(with(&[(0, 0)]), what);
    assert_eq!(with(&[(0, 8)]), what);
    assert_eq!(with(&[(0, 4), (0, 5)]), what, "twice");
    assert_eq!(with(&[(0, 4), (1, 4)]), what, "9 stands before 8");
}

#[test]
fn anchors_in_another_order_than_their_first_use() {
    let mut raw = Raw { anchors: vec![(9, 7), (8, 7)], ..Raw::default() };
    raw.entries[0].context = vec![(1, 4), (0, 4)];
    assert_eq!(raw.parse(), contradiction("anchors are not in the order of their first use"));
}

#[test]
fn an_anchor_that_is_not_used() {
    let raw = Raw { anchors: vec![(9, 7), (8, 7)], ..Raw::default() };
    assert_eq!(raw.parse(), contradiction("an anchor that no context refers to"));
}

#[test]
fn an_empty_context_that_is_written() {
    let mut raw = Raw::default();
    raw.entries[0].context = vec![];
    assert_eq!(raw.parse(), contradiction("an empty context is written"));
}

#[test]
fn a_context_repeated_before_there_is_one() {
    let mut raw = Raw::default();
    raw.entries[0].flags = flag::LAST | flag::SAME_CONTEXT;
    let what = "an event refers to a context that is not there";
    assert_eq!(raw.parse(), contradiction(what));
}

#[test]
fn a_context_that_is_both_written_and_repeated() {
    let mut raw = Raw::default();
    raw.entries[1].flags |= flag::CONTEXT;
    let what = "an event refers to a context that is not there";
    assert_eq!(raw.parse(), contradiction(what));
}

#[test]
fn an_event_that_its_own_version_may_not_read() {
    for (version, min_reader) in [(1, 2), (1, 0), (0, 0)] {
        let raw = Raw { events: vec![(0, version, min_reader)], ..Raw::default() };
        let what = "an event's min_reader is not between 1 and its version";
        assert_eq!(raw.parse(), contradiction(what));
    }
    let raw = Raw { events: vec![(0, 1 << 32, 1)], ..Raw::default() };
    assert!(matches!(raw.parse(), Err(BlockError::Wire(WireError::OutOfRange { .. }))));
}

#[test]
fn metadata_that_is_empty_unsorted_or_without_a_key() {
    let with = |rows: &[(&'static str, &'static str)]| {
        Raw { metadata: vec![rows.to_vec()], ..Raw::default() }.parse()
    };
    assert_eq!(with(&[]), contradiction("an empty metadata row"));
    assert_eq!(with(&[("b", ""), ("a", "")]), contradiction("metadata is out of order"));
    assert_eq!(with(&[("a", ""), ("a", "")]), contradiction("metadata is out of order"));
    assert_eq!(with(&[("", "a")]), Err(BlockError::TooLarge));
}

#[test]
fn names_that_are_not_names() {
    let space = Raw { space: "a\nb", ..Raw::default() };
    assert!(matches!(space.parse(), Err(BlockError::Id(_))));
    let name = Raw { names: vec!["Note"], ..Raw::default() };
    assert!(matches!(name.parse(), Err(BlockError::Id(_))));
    let key = Raw { aggregates: vec![(0, b"")], ..Raw::default() };
    assert!(matches!(key.parse(), Err(BlockError::Id(_))));
}

#[test]
fn more_rows_than_fit_declared_in_a_few_bytes() {
    let mut body = Writer::new();
    body.bytes(b"team-7");
    body.varint(1 << 40);
    assert_eq!(Block::parse(sealed(&body.finish().unwrap())), Err(BlockError::TooLarge));
    let mut body = Writer::new();
    body.bytes(b"team-7");
    body.varint(4_096);
    let few = Block::parse(sealed(&body.finish().unwrap()));
    assert_eq!(few, Err(BlockError::Wire(WireError::Truncated)));
}

#[test]
fn bytes_after_the_last_event() {
    let mut body = Raw::default().body();
    body.push(0);
    assert_eq!(Block::parse(sealed(&body)), contradiction("bytes follow the last event"));
}

fn contradiction(what: &'static str) -> Result<Block, BlockError> {
    Err(BlockError::Inconsistent { what })
}

/// A block's parts; by default two events that make a sound block.
struct Raw {
    space: &'static str,
    /// Author and first number.
    runs: Vec<(u8, u64)>,
    /// Author and number.
    anchors: Vec<(u8, u64)>,
    names: Vec<&'static str>,
    /// Index of the kind, key.
    aggregates: Vec<(u64, &'static [u8])>,
    /// Index of the name, version, min_reader.
    events: Vec<(u64, u64, u64)>,
    metadata: Vec<Vec<(&'static str, &'static str)>>,
    entries: Vec<RawEntry>,
}

#[derive(Clone)]
struct RawEntry {
    flags: u64,
    run: u64,
    aggregate: u64,
    event: u64,
    context: Vec<(u64, u64)>,
    metadata: u64,
}

impl Default for Raw {
    fn default() -> Self {
        let first = RawEntry { flags: flag::LAST | flag::CONTEXT, ..RawEntry::default() };
        let flags = flag::LAST | flag::SAME_CONTEXT | flag::METADATA;
        Self {
            space: "team-7",
            runs: vec![(1, 5)],
            anchors: vec![(9, 7)],
            names: vec!["note"],
            aggregates: vec![(0, b"k")],
            events: vec![(0, 1, 1)],
            metadata: vec![vec![("actor", "ann")]],
            entries: vec![first, RawEntry { flags, ..RawEntry::default() }],
        }
    }
}

impl Default for RawEntry {
    fn default() -> Self {
        let context = vec![(0, 4)];
        Self { flags: flag::LAST, run: 0, aggregate: 0, event: 0, context, metadata: 0 }
    }
}

impl Raw {
    fn parse(&self) -> Result<Block, BlockError> {
        Block::parse(sealed(&self.body()))
    }

    fn body(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.bytes(self.space.as_bytes());
        rows(&mut out, &self.runs, |out, (author, first_seq)| {
            out.raw(replica(*author).as_bytes());
            out.varint(*first_seq);
            out.raw(&[0; Chain::LEN + size_of::<u64>()]);
            out.bytes(&[7; SIGNATURE_LEN]);
        });
        rows(&mut out, &self.anchors, |out, (author, seq)| {
            out.raw(replica(*author).as_bytes());
            out.varint(*seq);
            out.raw(commit(replica(*author), *seq).chain.as_bytes());
        });
        rows(&mut out, &self.names, |out, name| out.bytes(name.as_bytes()));
        rows(&mut out, &self.aggregates, |out, (kind, key)| {
            out.varint(*kind);
            out.bytes(key);
        });
        rows(&mut out, &self.events, |out, (name, version, min_reader)| {
            [name, version, min_reader].into_iter().for_each(|number| out.varint(*number));
        });
        rows(&mut out, &self.metadata, |out, row| {
            rows(out, row, |out, (key, value)| {
                out.bytes(key.as_bytes());
                out.bytes(value.as_bytes());
            });
        });
        rows(&mut out, &self.entries, RawEntry::write);
        out.finish().unwrap()
    }
}

impl RawEntry {
    fn write(out: &mut Writer, entry: &Self) {
        out.varint(entry.flags);
        out.varint(entry.run);
        out.zigzag(1);
        out.varint(entry.aggregate);
        out.varint(entry.event);
        if entry.flags & flag::CONTEXT != 0 {
            rows(out, &entry.context, |out, (anchor, seq)| {
                out.varint(*anchor);
                out.varint(*seq);
            });
        }
        if entry.flags & flag::METADATA != 0 {
            out.varint(entry.metadata);
        }
        out.bytes(b"p");
    }
}

fn rows<T>(out: &mut Writer, rows: &[T], write: impl Fn(&mut Writer, &T)) {
    out.varint(rows.len() as u64);
    rows.iter().for_each(|row| write(out, row));
}
