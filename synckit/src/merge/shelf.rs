//! Sorted items on boards: found, inserted and copied in time below the number of items.

use std::fmt::Debug;
use std::sync::Arc;

/// Most items of a board. Few in tests, so that short histories fill some.
const BOARD_MAX: usize = if cfg!(test) { 4 } else { 128 };

/// Items in an order that its user keeps. Copies share their boards until one of them changes one.
#[derive(Clone, Debug)]
pub(super) struct Shelf<T> {
    /// None is empty.
    boards: Vec<Arc<Vec<T>>>,
}

/// The place of an item, until another one is inserted or removed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct ShelfPlace {
    board: usize,
    at: usize,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { boards: Vec::new() }
    }
}

impl<T: PartialEq> PartialEq for Shelf<T> {
    fn eq(&self, other: &Self) -> bool {
        let (items, others) = (self.boards.iter().flat_map(|it| it.iter()), other.boards.iter());
        items.eq(others.flat_map(|it| it.iter()))
    }
}

impl<T: Clone> Shelf<T> {
    /// Items that are in order.
    pub(super) fn of(items: &[T]) -> Self {
        let boards = items.chunks(BOARD_MAX / 2).map(|board| Arc::new(board.to_vec()));
        Self { boards: boards.collect() }
    }

    /// The place of the first item that is not `before`. Those that are come first.
    pub(super) fn find(&self, before: impl Fn(&T) -> bool) -> ShelfPlace {
        let board = self.boards.partition_point(|board| board.last().is_some_and(&before));
        let at = self.boards.get(board).map_or(0, |board| board.partition_point(&before));
        ShelfPlace { board, at }
    }

    pub(super) fn get(&self, place: ShelfPlace) -> Option<&T> {
        self.boards.get(place.board)?.get(place.at)
    }

    pub(super) fn get_mut(&mut self, place: ShelfPlace) -> Option<&mut T> {
        Arc::make_mut(self.boards.get_mut(place.board)?).get_mut(place.at)
    }

    pub(super) fn before(&self, place: ShelfPlace) -> Option<ShelfPlace> {
        match place.at.checked_sub(1) {
            Some(at) => Some(ShelfPlace { at, ..place }),
            None => {
                let board = place.board.checked_sub(1)?;
                Some(ShelfPlace { board, at: self.boards.get(board)?.len().checked_sub(1)? })
            }
        }
    }

    pub(super) fn last(&self) -> Option<&T> {
        self.boards.last()?.last()
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut T> {
        Arc::make_mut(self.boards.last_mut()?).last_mut()
    }

    pub(super) fn push(&mut self, item: T) {
        self.insert(ShelfPlace { board: self.boards.len(), at: 0 }, item);
    }

    /// Inserts an item before the one at a place.
    pub(super) fn insert(&mut self, place: ShelfPlace, item: T) {
        let ShelfPlace { mut board, mut at } = place;
        if at == 0 && board > 0 {
            board -= 1;
            at = self.boards[board].len();
        }
        let Some(shared) = self.boards.get_mut(board) else {
            return self.boards.push(Arc::new(vec![item]));
        };
        if shared.len() == BOARD_MAX {
            if at == BOARD_MAX {
                return self.boards.insert(board + 1, Arc::new(vec![item]));
            }
            let rest = Arc::make_mut(shared).split_off(BOARD_MAX / 2);
            self.boards.insert(board + 1, Arc::new(rest));
            if at > BOARD_MAX / 2 {
                (board, at) = (board + 1, at - BOARD_MAX / 2);
            }
        }
        Arc::make_mut(&mut self.boards[board]).insert(at, item);
    }

    /// Removes the item at a place. The next one stands there then, unless its board ended.
    pub(super) fn remove(&mut self, place: ShelfPlace) {
        let Some(shared) = self.boards.get_mut(place.board) else { return };
        if place.at < shared.len() {
            Arc::make_mut(shared).remove(place.at);
        }
        if self.boards[place.board].is_empty() {
            self.boards.remove(place.board);
        }
    }

    /// Keeps what `keep` wants.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        self.boards.retain_mut(|board| {
            let items = Arc::make_mut(board);
            items.retain_mut(&mut keep);
            !items.is_empty()
        });
    }

    /// The items from a place on.
    pub(super) fn from(&self, place: ShelfPlace) -> impl Iterator<Item = &T> {
        let boards = self.boards.get(place.board..).unwrap_or_default().iter();
        boards.flat_map(|board| board.iter()).skip(place.at)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.boards.iter().flat_map(|board| board.iter())
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    use super::*;

    #[test]
    fn a_change_takes_one_board_from_what_copies_share() {
        let mut shelf = Shelf::of(&(0..400).map(|n| 2 * n).collect::<Vec<_>>());
        let copy = shelf.clone();
        shelf.insert(shelf.find(|item| *item < 301), 301);
        shelf.remove(shelf.find(|item| *item < 700));
        let shared = |board: &&Arc<Vec<_>>| copy.boards.iter().any(|of| Arc::ptr_eq(of, board));
        let own = shelf.boards.len() - shelf.boards.iter().filter(shared).count();
        assert!(own <= 3, "{own} of {}", shelf.boards.len());
        assert_eq!((shelf.iter().count(), copy.iter().count()), (400, 400));
    }

    proptest! {
        #![proptest_config(Config { cases: 64, failure_persistence: None, ..Config::default() })]

        #[test]
        fn it_holds_what_a_sorted_vector_would(steps in vec((0..900_u32, 0..4_u8), 0..1200)) {
            let (mut shelf, mut model) = (Shelf::default(), Vec::new());
            for (item, kind) in steps {
                let place = shelf.find(|other| *other < item);
                let at = model.partition_point(|other| *other < item);
                prop_assert_eq!(shelf.get(place), model.get(at));
                let before = shelf.before(place).and_then(|place| shelf.get(place));
                prop_assert_eq!(before, at.checked_sub(1).and_then(|at| model.get(at)));
                let rest: Vec<_> = shelf.from(place).take(5).collect();
                prop_assert_eq!(rest, model[at..].iter().take(5).collect::<Vec<_>>());
                if kind == 0 && model.get(at).is_some() {
                    shelf.remove(place);
                    model.remove(at);
                } else if model.get(at) != Some(&item) {
                    shelf.insert(place, item);
                    model.insert(at, item);
                }
            }
            prop_assert_eq!(shelf.iter().collect::<Vec<_>>(), model.iter().collect::<Vec<_>>());
            let (mut kept, copy) = (shelf.clone(), shelf.clone());
            prop_assert!(kept == copy);
            kept.retain(|item| *item % 3 > 0);
            let expected: Vec<_> = model.iter().filter(|item| **item % 3 > 0).collect();
            prop_assert_eq!(kept.iter().collect::<Vec<_>>(), expected);
            prop_assert!(shelf == copy, "copies share nothing that changes");
            let again = Shelf::of(&model);
            prop_assert_eq!(again.iter().collect::<Vec<_>>(), model.iter().collect::<Vec<_>>());
        }
    }
}
