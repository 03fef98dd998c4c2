//! Small blocks that travel as one.

use super::*;

#[test]
fn blocks_that_continue_each_other_travel_as_one_and_arrive_whole() {
    let (mut ann, mut bob) = (Author::named("ann"), Author::named("bob"));
    let mut written = vec![ann.write(&["milk"], &[])];
    for n in 0..20 {
        let seen = written.last().unwrap().id;
        let author = if n % 3 == 0 { &mut bob } else { &mut ann };
        written.push(author.write(&["bread", "eggs"][..1 + n % 2], &[seen]));
    }
    let shelf = Shelf::holding(&written.iter().collect::<Vec<_>>());
    let sent = sent(&shelf);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].runs().len(), 2);
    arrives(&shelf, &sent);
}

#[test]
fn both_branches_of_a_fork_arrive() {
    let mut ann = Author::named("ann");
    let first = ann.write(&["milk"], &[]);
    let mut copy = ann.copied(2);
    let [left, right] = [ann.write(&["bread"], &[]), copy.write(&["eggs"], &[])];
    let [more, other] = [ann.write(&["tea"], &[]), copy.write(&["jam"], &[])];
    let shelf = Shelf::holding(&[&first, &left, &right, &more, &other]);
    let sent = sent(&shelf);
    assert_eq!(sent.iter().map(|block| block.runs().len()).collect::<Vec<_>>(), [1; 4]);
    arrives(&shelf, &sent);
}

#[test]
fn large_blocks_travel_as_they_are() {
    let mut ann = Author::named("ann");
    let large = "milk".repeat(8_000);
    let written: Vec<_> = (0..4).map(|_| ann.write(&[&large], &[])).collect();
    let shelf = Shelf::holding(&written.iter().collect::<Vec<_>>());
    let kept: Vec<_> = shelf.blocks.iter().map(|log| log.block.clone()).collect();
    assert_eq!(sent(&shelf), kept);
}

/// A block arrives as a whole or not at all, so on a slow way none may be large.
#[test]
fn as_many_travel_as_one_as_arrive_between_two_cuts() {
    let mut ann = Author::named("ann");
    let written: Vec<_> = (0..5_000).map(|_| ann.write(&["milk"], &[])).collect();
    let mut shelf = Shelf::empty();
    let blocks: Vec<_> = written.iter().map(|commit| seal(&[commit])).collect();
    shelf.receive(&blocks).unwrap();
    let sent = sent(&shelf);
    let sizes: Vec<_> = sent.iter().map(|block| block.bytes().len()).collect();
    let (_, full) = sizes.split_last().unwrap();
    assert!(full.iter().all(|bytes| (4 * 1024..24 * 1024).contains(bytes)), "{sizes:?}");
    assert_eq!(sent.iter().map(Block::len).sum::<usize>(), 5_000);
    arrives(&shelf, &sent);
}

#[test]
fn the_size_of_what_is_sent_is_known_roughly_before_it_is_merged() {
    let mut ann = Author::named("ann");
    for text in ["milk", &"milk".repeat(100), &"milk".repeat(8_000)] {
        let written: Vec<_> = (0..50).map(|_| ann.write(&[text], &[])).collect();
        let mut shelf = Shelf::empty();
        let blocks: Vec<_> = written.iter().map(|commit| seal(&[commit])).collect();
        shelf.receive(&blocks).unwrap();
        let before = shelf.blocks.iter().map(Some);
        let before = [None].into_iter().chain(before);
        let told: usize =
            before.zip(&shelf.blocks).map(|(before, log)| added_bytes(before, log)).sum();
        let sent: usize =
            merged(&shelf.blocks, false, &Merges::new()).iter().map(bytes::Bytes::len).sum();
        let (least, most) = (sent * 3 / 4, sent * 5 / 4 + 20 * shelf.blocks.len());
        assert!((least..=most).contains(&told), "{told}, and {sent} were sent");
        ann = Author::named("another");
    }
}

#[test]
fn sessions_that_send_the_same_blocks_merge_them_once() {
    let mut ann = Author::named("ann");
    let written: Vec<_> = (0..8).map(|_| ann.write(&["milk"], &[])).collect();
    let shelf = Shelf::holding(&written.iter().collect::<Vec<_>>());
    let merges = Merges::new();
    let send = |blocks| merged(blocks, false, &merges);
    let (first, clone) = (send(&shelf.blocks), merges.clone());
    let again = merged(&shelf.blocks, false, &clone);
    assert_eq!(first[0].as_ptr(), again[0].as_ptr(), "it was merged once");
    for through in 2..8 {
        let fewer = merged(&shelf.blocks[..through], false, &Merges::new());
        assert_eq!(
            send(&shelf.blocks[..through]),
            fewer,
            "what is kept stands for no other blocks"
        );
    }
}

fn sent(shelf: &Shelf) -> Vec<Block> {
    let bytes = merged(&shelf.blocks, false, &Merges::new());
    bytes.into_iter().map(|bytes| Block::parse(bytes).unwrap()).collect()
}

fn arrives(from: &Shelf, sent: &[Block]) {
    assert!(sent.iter().all(|block| block.check_authors().is_ok()));
    let mut to = Shelf::empty();
    to.receive(sent).unwrap();
    assert_eq!((to.ids(), to.events(), to.heads()), (from.ids(), from.events(), from.heads()));
}
