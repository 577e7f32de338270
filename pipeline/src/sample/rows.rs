//! Rows of the lake on their way to files: small fixed records, kept by month of recording in files without a name.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use crate::error::{Error, Kind, Result};

/// An order line as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineRow {
    /// Day of recording since the start.
    pub recorded: i32,
    /// UTC microseconds.
    pub ordered_at: i64,
    /// Person; u32::MAX for a line without a customer.
    pub person: u32,
    /// Number of the person's visit.
    pub visit: u32,
    /// Line of the visit.
    pub line: u32,
    /// Source.
    pub source: u32,
    /// Store.
    pub store: u32,
    /// Product.
    pub product: u32,
    /// Visit whose goods come back; u32::MAX for none.
    pub return_of: u32,
    /// Units.
    pub quantity: i64,
    /// Value in cents.
    pub amount_minor: i64,
}

/// Days of a bucket.
const BUCKET_DAYS: i32 = 31;

/// A row of fixed size that reaches the lake on a day.
pub trait Record: Ord + Copy {
    /// Size in bytes.
    const BYTES: usize;
    /// Day of recording since the start.
    fn recorded(&self) -> i32;
    /// Appends its bytes.
    fn write(&self, buffer: &mut Vec<u8>);
    /// Reads what `write` wrote.
    fn read(bytes: &[u8]) -> Self;
}

/// Something about a person that is not an order line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// Day of recording since the start.
    pub recorded: i32,
    /// The table that it belongs to.
    pub table: EventTable,
    /// Person.
    pub person: u32,
    /// Position of the source, number of the decision, or of the campaign.
    pub number: u32,
    /// Day on which it happened since the start, or 1 for a contact that was sent.
    pub value: i32,
}

/// Small tables of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventTable {
    /// `customers`.
    Customers,
    /// `consents`.
    Consents,
    /// `contacts`.
    Contacts,
    /// `responses`.
    Responses,
}

impl EventTable {
    const ALL: [EventTable; 4] = [EventTable::Customers, EventTable::Consents, EventTable::Contacts, EventTable::Responses];
}

impl Record for Event {
    const BYTES: usize = 4 * 5;

    fn recorded(&self) -> i32 {
        self.recorded
    }

    fn write(&self, buffer: &mut Vec<u8>) {
        for number in [self.recorded as u32, self.table as u32, self.person, self.number, self.value as u32] {
            buffer.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn read(bytes: &[u8]) -> Self {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        Self { recorded: word(0) as i32, table: EventTable::ALL[word(4) as usize], person: word(8), number: word(12), value: word(16) as i32 }
    }
}

impl Record for LineRow {
    const BYTES: usize = 4 + 8 + 7 * 4 + 8 + 8;

    fn recorded(&self) -> i32 {
        self.recorded
    }

    fn write(&self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.recorded.to_le_bytes());
        buffer.extend_from_slice(&self.ordered_at.to_le_bytes());
        for number in [self.person, self.visit, self.line, self.source, self.store, self.product, self.return_of] {
            buffer.extend_from_slice(&number.to_le_bytes());
        }
        buffer.extend_from_slice(&self.quantity.to_le_bytes());
        buffer.extend_from_slice(&self.amount_minor.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let long = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        Self {
            recorded: word(0) as i32,
            ordered_at: long(4),
            person: word(12),
            visit: word(16),
            line: word(20),
            source: word(24),
            store: word(28),
            product: word(32),
            return_of: word(36),
            quantity: long(40),
            amount_minor: long(48),
        }
    }
}

/// Rows by month of recording.
pub struct Buckets<R> {
    files: Vec<File>,
    buffers: Vec<Vec<u8>>,
    records: std::marker::PhantomData<R>,
}

fn failed(error: std::io::Error) -> Error {
    Error::new(Kind::Limit, format!("scratch: {error}"))
}

impl<R: Record> Buckets<R> {
    /// Buckets for this many days.
    ///
    /// # Errors
    /// `Limit` if the system's folder for temporary files takes none.
    pub fn new(days: i32) -> Result<Self> {
        let count = (days / BUCKET_DAYS + 1) as usize;
        let files = (0..count).map(|_| tempfile::tempfile().map_err(failed)).collect::<Result<_>>()?;
        Ok(Self { files, buffers: vec![Vec::new(); count], records: std::marker::PhantomData })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// `Limit` on a full disk.
    pub fn add(&mut self, row: &R) -> Result<()> {
        let bucket = (row.recorded() / BUCKET_DAYS) as usize;
        let buffer = &mut self.buffers[bucket];
        row.write(buffer);
        if buffer.len() > 1 << 18 {
            self.files[bucket].write_all(buffer).map_err(failed)?;
            buffer.clear();
        }
        Ok(())
    }

    /// The rows of a bucket in their order, which begins with the day of recording.
    ///
    /// # Errors
    /// `Limit` if scratch cannot be read.
    pub fn take(&mut self, bucket: usize) -> Result<Vec<R>> {
        let file = &mut self.files[bucket];
        file.write_all(&self.buffers[bucket]).map_err(failed)?;
        self.buffers[bucket] = Vec::new();
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes)).map_err(failed)?;
        let mut rows: Vec<R> = bytes.chunks_exact(R::BYTES).map(R::read).collect();
        rows.sort_unstable();
        Ok(rows)
    }

    /// Number of buckets.
    pub fn count(&self) -> usize {
        self.files.len()
    }
}
