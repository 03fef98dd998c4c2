//! Tables of a redb file: reading and writing rows in a transaction.
//!
//! redb does not verify its own checksums when it reads, and a damaged key can make a row
//! *unfindable*. A read therefore checks the order of what it meets, and where it finds nothing, or
//! ends, it checks the seals of the rows on both sides.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bytes::Bytes;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError,
    TableHandle as _, WriteTransaction,
};

use super::fault::Fault;
use crate::store::rows::{Change, Guard, Read, Row, Table, WriteSet};
use crate::store::seal;

type Raw = &'static [u8];

/// Makes every table.
pub(super) fn create_all(txn: &WriteTransaction) -> Result<(), Fault> {
    for table in Table::ALL {
        txn.open_table(definition(table))?;
    }
    Ok(())
}

/// Makes the tables that a file lacks because it is older than they are. One that is there under
/// another name, as a damaged one is, is not made again without its rows.
pub(super) fn add_younger(database: &Database) -> Result<(), Fault> {
    let found = database.begin_read()?;
    let mut missing = Vec::new();
    for table in Table::ALL.map(definition) {
        match found.open_table(table) {
            Err(TableError::TableDoesNotExist(_)) => missing.push(table),
            opened => drop(opened?),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    check_lacking(&found, &missing)?;
    let txn = database.begin_write()?;
    for table in missing {
        txn.open_table(table)?;
    }
    Ok(txn.commit()?)
}

/// Checks that tables which are not found are not there under another name, and are not there.
fn check_lacking(
    txn: &ReadTransaction,
    missing: &[TableDefinition<'_, Raw, Raw>],
) -> Result<(), Fault> {
    let is_found = |name: &str| missing.iter().all(|table| table.name() != name);
    let is_ours = |name: &str| Table::ALL.iter().any(|table| table.name() == name);
    if txn.list_tables()?.any(|table| !is_ours(table.name()) || !is_found(table.name())) {
        return Err(seal::Damage::new("a table is not found under its name").into());
    }
    Ok(())
}

/// Answers reads from a transaction's state. A table that the file is older than is empty: nobody has
/// opened it for writing since.
pub(super) fn read(txn: &ReadTransaction, reads: &[Read]) -> Result<Vec<Vec<Row>>, Fault> {
    let answer = |read: &Read| match txn.open_table(definition(read.table)) {
        Err(TableError::TableDoesNotExist(_)) => {
            check_lacking(txn, &[definition(read.table)]).map(|()| Vec::new())
        }
        table => select(&table?, read),
    };
    reads.iter().map(answer).collect()
}

/// Checks guards and makes changes. Opens each table once.
pub(super) fn write(txn: &WriteTransaction, write: &WriteSet) -> Result<(), Fault> {
    let mut tables: BTreeMap<Table, redb::Table<'_, Raw, Raw>> = BTreeMap::new();
    for Guard { table, key, expected } in &write.guards {
        let held = select(opened(&mut tables, txn, *table)?, &Read::get(*table, key))?.pop();
        if held.map(|row| row.value) != *expected {
            return Err(Fault::Contended);
        }
    }
    for change in &write.changes {
        match change {
            Change::Put { table, key, value } => {
                opened(&mut tables, txn, *table)?.insert(key.as_slice(), value.as_ref())?;
            }
            Change::Remove { table, range } => {
                let from = range.from.as_slice();
                let rows = opened(&mut tables, txn, *table)?;
                if range.to.is_empty() {
                    rows.retain_in::<&[u8], _>(from.., |_, _| false)?;
                } else {
                    rows.retain_in::<&[u8], _>(from..range.to.as_slice(), |_, _| false)?;
                }
            }
        }
    }
    Ok(())
}

fn opened<'o, 't>(
    tables: &'o mut BTreeMap<Table, redb::Table<'t, Raw, Raw>>,
    txn: &'t WriteTransaction,
    table: Table,
) -> Result<&'o mut redb::Table<'t, Raw, Raw>, Fault> {
    Ok(match tables.entry(table) {
        Entry::Occupied(rows) => rows.into_mut(),
        Entry::Vacant(place) => place.insert(txn.open_table(definition(table))?),
    })
}

const fn definition(table: Table) -> TableDefinition<'static, Raw, Raw> {
    TableDefinition::new(table.name())
}

fn select(rows: &impl ReadableTable<Raw, Raw>, read: &Read) -> Result<Vec<Row>, Fault> {
    let from = read.range.from.as_slice();
    let before = match &read.floor {
        Some(floor) => at_or_before(rows, read.table, from)?.filter(|key| key >= floor),
        None => None,
    };
    let begin = before.unwrap_or_else(|| from.to_vec());
    let mut selected: Vec<Row> = Vec::new();
    let mut bytes = 0usize;
    for row in rows.range::<&[u8]>(begin.as_slice()..)? {
        let (key, value) = row?;
        let (key, value) = (key.value(), value.value());
        if key < begin.as_slice() || selected.last().is_some_and(|last| key <= last.key.as_slice())
        {
            return Err(out_of_order());
        }
        if read.range.is_behind(key) {
            // A damaged key must not end the range early.
            seal::check(read.table, key, value)?;
            break;
        }
        bytes = bytes.saturating_add(value.len());
        let is_full = bytes > read.bytes_max && !selected.is_empty();
        if is_full || selected.len() >= read.rows_max {
            break;
        }
        selected.push(Row { key: key.to_vec(), value: Bytes::copy_from_slice(value) });
        if selected.len() >= read.rows_max {
            break;
        }
    }
    if selected.first().is_none_or(|row| row.key != begin) {
        at_or_before(rows, read.table, &begin)?;
    }
    Ok(selected)
}

/// The last key that is at most `key`, its row checked.
fn at_or_before(
    rows: &impl ReadableTable<Raw, Raw>,
    table: Table,
    key: &[u8],
) -> Result<Option<Vec<u8>>, Fault> {
    let Some(found) = rows.range::<&[u8]>(..=key)?.next_back() else {
        return Ok(None);
    };
    let (found, value) = found?;
    if found.value() > key {
        return Err(out_of_order());
    }
    seal::check(table, found.value(), value.value())?;
    Ok(Some(found.value().to_vec()))
}

fn out_of_order() -> Fault {
    seal::Damage::new("a table's rows are out of order").into()
}
