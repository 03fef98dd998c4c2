//! Telling a file that is opened again from a copy of it.
//!
//! Each opening leaves word for the next one, inside the file and beside it: random bytes that stand
//! for the opening, and what the system tells of the file. A copy elsewhere is another file; a copy
//! put back in the file's place holds another opening than the one that stands beside it. What
//! cannot be shown to go on is taken for a copy, and writes under a key of its own.
//!
//! It keeps the number of forks small, and no more: what stores hold is right without it. It refuses
//! nothing, and where the system tells nothing it finds nothing.

use bytes::Bytes;

use crate::store::encoding::fixed;
use crate::store::seal::Damage;
use crate::wire::{Reader, WireError};

/// The key of the row in the table `meta`.
pub(super) const OPENING: &[u8] = b"opening";

/// Random bytes that stand for one opening of a file.
#[cfg_attr(not(feature = "testing"), allow(unreachable_pub, reason = "a seam for tests"))]
pub type OpeningId = [u8; 16];

/// Marks of a file that the system keeps: each is `None` where it keeps none.
#[cfg_attr(not(feature = "testing"), allow(unreachable_pub, reason = "a seam for tests"))]
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a medium states all of it")]
pub struct FileMarks {
    /// A hash of what tells the machine from others.
    pub machine: Option<[u8; 32]>,
    /// Time at which the file was made, in nanoseconds since 1970. A copy is made later.
    pub born: Option<u64>,
    /// The number of the device. May change with a restart of the machine.
    pub device: Option<u64>,
    /// The number of the file on the device.
    pub inode: Option<u64>,
    /// A hash of the path.
    pub path: Option<[u8; 32]>,
}

/// Word that an opening leaves inside the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Opening {
    pub(super) id: OpeningId,
    /// The opening that stood beside the file by then: what this one left there may be lost.
    pub(super) beside: Option<OpeningId>,
    pub(super) place: FileMarks,
}

impl Opening {
    /// The reason to take a file that holds this word for another than the one that was opened then;
    /// `None` when it goes on.
    pub(super) fn is_not(
        &self,
        place: &FileMarks,
        beside: Option<&OpeningId>,
    ) -> Option<&'static str> {
        let before = &self.place;
        if beside != Some(&self.id) && beside != self.beside.as_ref() {
            return Some("another opening left word beside it");
        }
        if differ(before.machine.as_ref(), place.machine.as_ref()) {
            return Some("it was opened on another machine");
        }
        if differ(before.born.as_ref(), place.born.as_ref()) {
            return Some("it was made at another time");
        }
        let alike = [
            agree(before.born.as_ref(), place.born.as_ref()),
            agree(before.device.as_ref(), place.device.as_ref()),
            agree(before.inode.as_ref(), place.inode.as_ref()),
            agree(before.path.as_ref(), place.path.as_ref()),
        ];
        // One alone may be chance: an inode is used again, a path stays.
        let alike = alike.iter().filter(|alike| **alike).count();
        (alike < 2).then_some("it stands in another place")
    }

    pub(super) fn read(content: &Bytes) -> Result<Self, Damage> {
        fixed(content, |input| {
            Ok(Self {
                id: input.array()?,
                beside: read(input)?,
                place: FileMarks {
                    machine: read(input)?,
                    born: read(input)?.map(u64::from_be_bytes),
                    device: read(input)?.map(u64::from_be_bytes),
                    inode: read(input)?.map(u64::from_be_bytes),
                    path: read(input)?,
                },
            })
        })
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let FileMarks { machine, born, device, inode, path } = &self.place;
        let mut content = self.id.to_vec();
        write(&mut content, self.beside.as_ref());
        write(&mut content, machine.as_ref());
        for number in [born, device, inode] {
            write(&mut content, number.map(u64::to_be_bytes).as_ref());
        }
        write(&mut content, path.as_ref());
        content
    }
}

fn differ<T: PartialEq>(before: Option<&T>, now: Option<&T>) -> bool {
    before.zip(now).is_some_and(|(before, now)| before != now)
}

fn agree<T: PartialEq>(before: Option<&T>, now: Option<&T>) -> bool {
    before.zip(now).is_some_and(|(before, now)| before == now)
}

/// Bytes that may be missing: 1 and the bytes, or 0.
fn read<const N: usize>(input: &mut Reader<'_>) -> Result<Option<[u8; N]>, WireError> {
    let is_there = input.array()? == [1];
    is_there.then(|| input.array()).transpose()
}

fn write<const N: usize>(content: &mut Vec<u8>, bytes: Option<&[u8; N]>) {
    content.push(u8::from(bytes.is_some()));
    content.extend_from_slice(bytes.map_or(&[][..], |bytes| bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: OpeningId = [1; 16];
    const BEFORE: OpeningId = [2; 16];

    fn place() -> FileMarks {
        FileMarks {
            machine: Some([1; 32]),
            born: Some(1_700_000_000_000_000_001),
            device: Some(66_306),
            inode: Some(17),
            path: Some([2; 32]),
        }
    }

    fn opening(place: FileMarks) -> Opening {
        Opening { id: LAST, beside: Some(BEFORE), place }
    }

    fn goes_on(before: &FileMarks, now: &FileMarks) -> bool {
        opening(before.clone()).is_not(now, Some(&LAST)).is_none()
    }

    #[test]
    fn the_same_file_goes_on_whatever_a_restart_a_move_or_an_update_changes() {
        let same = place();
        assert!(goes_on(&same, &same));
        let restarted = FileMarks { device: Some(66_307), ..place() };
        assert!(goes_on(&same, &restarted), "devices are numbered as they are found");
        let moved = FileMarks { path: Some([3; 32]), ..place() };
        assert!(goes_on(&same, &moved), "an app's folder may have another name after an update");
        let mounted = FileMarks { inode: Some(18), ..place() };
        assert!(goes_on(&same, &mounted), "some file systems number files as they are met");
    }

    #[test]
    fn a_copy_is_made_later_or_stands_elsewhere_or_on_another_machine() {
        let copied =
            FileMarks { born: Some(1_700_000_000_000_000_002), inode: Some(18), ..place() };
        assert!(!goes_on(&place(), &copied));
        let shipped = FileMarks { machine: Some([9; 32]), ..place() };
        assert!(!goes_on(&place(), &shipped), "an image of the whole disk");
    }

    #[test]
    fn where_nobody_knows_when_files_were_made_two_of_three_must_agree() {
        let unknown = FileMarks { born: None, ..place() };
        assert!(goes_on(&unknown, &unknown));
        assert!(goes_on(&unknown, &FileMarks { device: Some(1), ..unknown.clone() }));
        assert!(goes_on(&unknown, &FileMarks { path: Some([3; 32]), ..unknown.clone() }));
        let copied = FileMarks { inode: Some(18), path: Some([3; 32]), ..unknown.clone() };
        assert!(!goes_on(&unknown, &copied));
        let system = FileMarks { device: None, inode: None, ..place() };
        assert!(goes_on(&system, &system), "time and path");
        assert!(!goes_on(&system, &FileMarks { path: Some([3; 32]), ..system.clone() }));
    }

    #[test]
    fn what_stands_beside_is_of_the_last_opening_or_of_the_one_before_if_that_was_cut_short() {
        let last = opening(place());
        for (beside, goes_on) in
            [(Some(&LAST), true), (Some(&BEFORE), true), (Some(&[3; 16]), false), (None, false)]
        {
            assert_eq!(last.is_not(&place(), beside).is_none(), goes_on, "{beside:?}");
        }
        let first = Opening { beside: None, ..last };
        assert_eq!(first.is_not(&place(), None), None, "nothing can be written beside it");
    }

    #[test]
    fn the_row_is_read_as_it_was_written() {
        let nothing = Opening { beside: None, ..opening(FileMarks::default()) };
        for opening in [opening(place()), nothing] {
            assert_eq!(Opening::read(&opening.write().into()).unwrap(), opening);
        }
        let mut long = opening(place()).write();
        long.push(0);
        assert!(Opening::read(&long.into()).is_err());
    }
}
