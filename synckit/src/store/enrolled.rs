//! Replicas that a hub has met, and those that it has retired: what stands in their rows.
//!
//! A replica has two rows of a space, so that a session that writes down when it was last seen never
//! takes back that it was retired meanwhile.

use bytes::Bytes;

use super::encoding::{content, fixed};
use super::rows::{Change, KeyRange, Row, Table};
use super::seal::{Damage, sealed};
use crate::clock::UnixMillis;
use crate::id::{ReplicaId, SpaceId};
use crate::wire::Reader;

/// Longest name of a holder of credentials that is kept with a replica, in bytes; longer ones are cut.
pub const WHO_BYTES_MAX: usize = 256;

/// A replica that has proved its key to a hub, one that the hub has retired, or both.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct EnrolledReplica {
    /// The space; `None` where it is retired from all spaces.
    pub space: Option<SpaceId>,
    /// The replica: the key of its store.
    pub replica: ReplicaId,
    /// When it came, and as whom; `None` when it never has, or was forgotten since.
    pub enrolment: Option<Enrolment>,
    /// The time at which it was retired, from this space or from all.
    pub retired: Option<UnixMillis>,
}

/// The arrivals of a replica at a hub.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Enrolment {
    /// The holder of the credentials under which it came first, cut to [`WHO_BYTES_MAX`].
    pub who: String,
    /// The time at which it came first.
    pub first_seen: UnixMillis,
    /// A time at which it was there, at most an hour before the last one.
    pub last_seen: UnixMillis,
}

impl Enrolment {
    /// The enrolment of a replica that comes first.
    pub(crate) fn new(who: &str, now: UnixMillis) -> Self {
        Self { who: cut(who).to_owned(), first_seen: now, last_seen: now }
    }

    fn read(content: &Bytes) -> Result<Self, Damage> {
        let (times, who) = content.split_at_checked(16).ok_or(Damage::new("a row is too short"))?;
        let mut input = Reader::new(times, crate::wire::Unknown::Refuse);
        let first_seen = UnixMillis::new(u64::from_be_bytes(input.array()?));
        let last_seen = UnixMillis::new(u64::from_be_bytes(input.array()?));
        let who = std::str::from_utf8(who).map_err(|_| Damage::new("a name is not text"))?;
        Ok(Self { who: who.to_owned(), first_seen, last_seen })
    }
}

/// The part of a holder's name that is kept.
pub(crate) fn cut(who: &str) -> &str {
    let fits = |end: &usize| who.is_char_boundary(*end);
    let end = (0..=who.len().min(WHO_BYTES_MAX)).rev().find(fits);
    &who[..end.unwrap_or_default()]
}

/// The rows of a replica.
#[derive(Debug)]
enum ReplicaRow {
    Enrolment = 0,
    Retirement = 1,
}

/// The keys of a space's rows; without a space, of those that are about all spaces.
pub(super) fn range(space: Option<&SpaceId>) -> KeyRange {
    KeyRange::prefix(&prefix(space))
}

/// Names of spaces have no control characters.
fn prefix(space: Option<&SpaceId>) -> Vec<u8> {
    let mut prefix = space.map_or_else(Vec::new, |space| space.as_str().as_bytes().to_vec());
    prefix.push(0);
    prefix
}

fn key(space: Option<&SpaceId>, replica: &ReplicaId, part: ReplicaRow) -> Vec<u8> {
    let mut key = prefix(space);
    key.extend_from_slice(replica.as_bytes());
    key.push(part as u8);
    key
}

/// The key of the row that says when a replica came.
pub(super) fn enrolment_key(space: &SpaceId, replica: &ReplicaId) -> Vec<u8> {
    key(Some(space), replica, ReplicaRow::Enrolment)
}

/// The key of the row that says that a replica is retired.
pub(super) fn retirement_key(space: Option<&SpaceId>, replica: &ReplicaId) -> Vec<u8> {
    key(space, replica, ReplicaRow::Retirement)
}

/// The first key behind all rows of a replica.
pub(super) fn behind(space: Option<&SpaceId>, replica: &ReplicaId) -> Vec<u8> {
    let mut key = prefix(space);
    key.extend_from_slice(replica.as_bytes());
    key.push(u8::MAX);
    key
}

/// The change that writes down when a replica came.
pub(super) fn put_enrolment(space: &SpaceId, replica: &ReplicaId, enrolment: &Enrolment) -> Change {
    let (table, key) = (Table::Replicas, enrolment_key(space, replica));
    let times = [enrolment.first_seen, enrolment.last_seen].map(|time| time.get().to_be_bytes());
    let value = sealed(table, &key, &[&times[0], &times[1], cut(&enrolment.who).as_bytes()]);
    Change::Put { table, key, value }
}

/// The change that writes down that a replica is retired.
pub(super) fn put_retirement(
    space: Option<&SpaceId>,
    replica: &ReplicaId,
    at: UnixMillis,
) -> Change {
    let (table, key) = (Table::Replicas, retirement_key(space, replica));
    let value = sealed(table, &key, &[&at.get().to_be_bytes()]);
    Change::Put { table, key, value }
}

/// The enrolment in the only row that was read, if there is one.
pub(super) fn enrolment(rows: &[Row]) -> Result<Option<Enrolment>, Damage> {
    let row = rows.first().map(|row| content(Table::Replicas, row)).transpose()?;
    row.map(|content| Enrolment::read(&content)).transpose()
}

/// The time of a retirement in the only row that was read, if there is one.
pub(super) fn retirement(rows: &[Row]) -> Result<Option<UnixMillis>, Damage> {
    let row = rows.first().map(|row| content(Table::Replicas, row)).transpose()?;
    row.map(|content| read_retirement(&content)).transpose()
}

fn read_retirement(content: &Bytes) -> Result<UnixMillis, Damage> {
    fixed(content, |input| input.array().map(u64::from_be_bytes)).map(UnixMillis::new)
}

/// The replicas that rows are about, in the order of the rows.
pub(super) fn replicas(rows: &[Row]) -> Result<Vec<EnrolledReplica>, Damage> {
    let mut replicas: Vec<EnrolledReplica> = Vec::new();
    for row in rows {
        let (space, replica, is_retirement) = named(&row.key)?;
        let content = content(Table::Replicas, row)?;
        let is_same = |last: &&mut EnrolledReplica| last.space == space && last.replica == replica;
        if replicas.last_mut().as_ref().filter(|last| is_same(last)).is_none() {
            replicas.push(EnrolledReplica { space, replica, enrolment: None, retired: None });
        }
        let Some(last) = replicas.last_mut() else { continue };
        if is_retirement {
            last.retired = Some(read_retirement(&content)?);
        } else {
            last.enrolment = Some(Enrolment::read(&content)?);
        }
    }
    Ok(replicas)
}

/// The space, the replica and the part that a key names.
fn named(key: &[u8]) -> Result<(Option<SpaceId>, ReplicaId, bool), Damage> {
    let malformed = || Damage::new("a key names no replica");
    let end = key.iter().position(|byte| *byte == 0).ok_or_else(malformed)?;
    let (space, rest) = (&key[..end], &key[end + 1..]);
    let (replica, part) = rest.split_first_chunk().ok_or_else(malformed)?;
    let is_retirement = match part {
        [0] => false,
        [1] => true,
        _ => return Err(malformed()),
    };
    let space = std::str::from_utf8(space).map_err(|_| malformed())?;
    let space = if space.is_empty() { None } else { Some(SpaceId::new(space)?) };
    Ok((space, ReplicaId::from_bytes(*replica), is_retirement))
}

/// True if a row out of a damaged file says that a replica is retired, or when it came.
#[cfg_attr(not(feature = "redb"), allow(dead_code, reason = "a seam for salvage"))]
pub(super) fn is_sound(row: &Row) -> bool {
    replicas(std::slice::from_ref(row)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAD: ReplicaId = ReplicaId::from_bytes([0; ReplicaId::LEN]);

    fn row(change: Change) -> Row {
        let Change::Put { key, value, .. } = change else { panic!() };
        Row { key, value }
    }

    #[test]
    fn rows_keep_their_form() {
        let space = SpaceId::new("team").unwrap();
        let at = UnixMillis::new(258);
        let enrolment = Enrolment { last_seen: UnixMillis::new(259), ..Enrolment::new("ann", at) };
        let came = row(put_enrolment(&space, &PAD, &enrolment));
        assert_eq!(came.key, [&b"team\0"[..], &[0; 32], &[0]].concat());
        let expected = [&[0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 1, 3][..], b"ann"].concat();
        assert_eq!(content(Table::Replicas, &came).unwrap(), expected);
        let retired = row(put_retirement(Some(&space), &PAD, at));
        assert_eq!(retired.key, [&b"team\0"[..], &[0; 32], &[1]].concat());
        assert_eq!(content(Table::Replicas, &retired).unwrap(), [0, 0, 0, 0, 0, 0, 1, 2][..]);
        let everywhere = row(put_retirement(None, &PAD, at));
        let read = replicas(&[everywhere, came, retired]).unwrap();
        let all = EnrolledReplica { space: None, replica: PAD, enrolment: None, retired: Some(at) };
        let one = EnrolledReplica { space: Some(space), enrolment: Some(enrolment), ..all.clone() };
        assert_eq!(read, [all, one]);
    }

    #[test]
    fn a_long_name_is_cut_between_letters() {
        let long = "ä".repeat(WHO_BYTES_MAX);
        let enrolment = Enrolment::new(&format!("x{long}"), UnixMillis::new(0));
        assert_eq!(enrolment.who.len(), WHO_BYTES_MAX - 1);
        assert_eq!(cut("ann"), "ann");
    }

    #[test]
    fn what_is_no_row_of_a_replica_is_damage() {
        for key in [&b""[..], b"team", b"\0short", &[&[0][..], &[7; 32], &[2]].concat()] {
            assert!(named(key).is_err(), "{key:?}");
        }
        let name = [&[9, 0][..], &[7; 32], &[1]].concat();
        assert!(named(&name).is_err(), "no space has such a name");
    }
}
